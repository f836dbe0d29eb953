//! Accepting connections and assigning them to shards.

use crate::hub::ClientEvent;
use crate::inbox::{Item, Outlet};
use crate::limits::{
    ACCEPT_MICROS_PER_ROUND, ACCEPT_PAUSE_MILLIS, NEWCOMER_EVENTS, NEWCOMER_MICROS,
    NEWCOMER_WAIT_MILLIS,
};
use crate::shard::connection::{Connection, Stage};
use crate::shard::{Scheduled, Shard};
use crate::transport::Transport;
use mio::net::TcpStream;
use mio::{Interest, Token};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

impl Shard {
    /// Accepts waiting connections, for a limited time; the rest in the next round.
    pub(crate) fn accept(&mut self, outlet: &Outlet) {
        if !self.accepts || !self.newcomers_have_time() {
            return;
        }
        let (begun, most) = (Instant::now(), Duration::from_micros(ACCEPT_MICROS_PER_ROUND));
        while self.accepts && begun.elapsed() < most && self.newcomers_have_room() {
            self.accepts = self.accept_one(outlet).unwrap_or_else(|error| {
                tracing::warn!(%error, "Cannot accept a connection, will retry");
                self.schedule(Duration::from_millis(ACCEPT_PAUSE_MILLIS), Scheduled::Accept);
                false
            });
        }
        self.newcomers += begun.elapsed();
    }

    /// Whether those who have not logged in may take more time in this round.
    pub(crate) fn newcomers_have_time(&self) -> bool {
        self.newcomers < Duration::from_micros(NEWCOMER_MICROS)
            && self.newcomers_have_room()
            && self.newcomers_wait.is_none()
    }

    /// After a round without enough time for all of them, connections that have not logged in wait for
    /// as long as the round took, up to a limit. So they take at most half of a core, however many they
    /// are, and leave the rest to the hub, the journal and the derivation threads.
    pub(crate) fn pace_newcomers(&mut self, begun: Instant) {
        let worked = self.newcomers > Duration::ZERO;
        let left = || self.accepts || self.ready.iter().any(|slot| self.is_newcomer(*slot));
        if worked && left() {
            let now = Instant::now();
            let most = Duration::from_millis(NEWCOMER_WAIT_MILLIS);
            self.newcomers_wait = Some(now + (now - begun).min(most));
        }
    }

    /// Whether the next batch may contain more of their events: everybody else has to wait until the
    /// hub has handled them.
    pub(crate) fn newcomers_have_room(&self) -> bool {
        self.newcomer_events < NEWCOMER_EVENTS
    }

    /// Whether the connection in a slot has not logged in, or is closed.
    pub(crate) fn is_newcomer(&self, slot: usize) -> bool {
        self.connections.get(slot).is_some_and(|connection| connection.stage != Stage::Ready)
    }

    /// Accepts a connection; false if none waits. It goes to the next shard, an admin's stays here.
    fn accept_one(&mut self, outlet: &Outlet) -> io::Result<bool> {
        if let Some(admin_socket) = &mut self.parts.admin_socket
            && let Some(stream) = admin_socket.accept()?
        {
            self.own(stream, None, outlet);
            return Ok(true);
        }
        let Some(listeners) = &mut self.parts.listeners else { return Ok(false) };
        match listeners.accept()? {
            None => return Ok(false),
            Some((stream, address, None)) => self.own(stream, Some(address), outlet),
            Some((stream, address, Some(other))) => {
                other.send(Item::Connection(stream, address));
            }
        }
        Ok(true)
    }

    /// Takes over a new connection; one without an address came from the admin socket.
    pub(crate) fn own(
        &mut self,
        mut stream: TcpStream,
        address: Option<SocketAddr>,
        outlet: &Outlet,
    ) {
        let mut entropy = [0; 16];
        if let Err(error) = getrandom::fill(&mut entropy) {
            return tracing::error!(%error, "No randomness from the system, connection refused");
        }
        let entry = self.connections.vacant_entry();
        let slot = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = outlet.registry().register(&mut stream, Token(slot), interest);
        // A socket that cannot be set up is closed by dropping it, which its peer notices.
        let no_delay = || if address.is_some() { stream.set_nodelay(true) } else { Ok(()) };
        if let Err(error) = registered.and_then(|()| no_delay()) {
            return tracing::warn!(%error, "Cannot take over a connection");
        }
        self.parts.metrics.accepted();
        self.generation = self.generation.wrapping_add(1);
        let limits = &self.parts.config.limits;
        let peer =
            address.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip().to_canonical());
        let mut connection = Connection::new(stream, self.generation, peer, limits, Instant::now());
        let opened = if address.is_some() {
            ClientEvent::Opened { address: peer, entropy }
        } else {
            connection.transport = Transport::Plain;
            ClientEvent::OpenedByAdmin { entropy }
        };
        entry.insert(connection);
        let session = self.session(slot);
        self.gather(session, opened);
        self.newcomer_events += 1;
    }
}
