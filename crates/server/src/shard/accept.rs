//! Accepting connections and assigning them to shards.

use crate::hub::ClientEvent;
use crate::inbox::{Item, Outlet};
use crate::limits::ACCEPT_PAUSE_MILLIS;
use crate::shard::connection::Connection;
use crate::shard::{Later, Shard};
use crate::transport::Way;
use mio::net::TcpStream;
use mio::{Interest, Token};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

impl Shard {
    /// Accepts what waits; each connection goes to the next shard, those of admins stay here.
    pub(crate) fn accept(&mut self, outlet: &Outlet) {
        while let Some(admin_socket) = &mut self.parts.admin_socket {
            match admin_socket.accept() {
                Ok(None) => break,
                Ok(Some(stream)) => self.own(stream, None, outlet),
                Err(error) => {
                    self.cannot_accept(&error);
                    break;
                }
            }
        }
        while let Some(listeners) = &mut self.parts.listeners {
            match listeners.accept() {
                Ok(None) => return,
                Ok(Some((stream, address, None))) => self.own(stream, Some(address), outlet),
                Ok(Some((stream, address, Some(other)))) => {
                    other.send(Item::Connection(stream, address));
                }
                Err(error) => {
                    return self.cannot_accept(&error);
                }
            }
        }
    }

    fn cannot_accept(&mut self, error: &io::Error) {
        tracing::warn!(%error, "Cannot accept a connection, will retry");
        self.do_later(Duration::from_millis(ACCEPT_PAUSE_MILLIS), Later::Accept);
    }

    /// Takes a new connection over; one without an address came by the admin socket.
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
        // A socket that cannot be set up is closed by dropping it; its peer sees that.
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
            connection.way = Way::Lines;
            ClientEvent::OpenedByAdmin { entropy }
        };
        entry.insert(connection);
        let session = self.session(slot);
        self.gather(session, opened);
    }
}
