//! A shard: one thread that owns sockets. It reads lines and hands them to the hub in batches, one
//! batch at a time; it takes what the journal releases and writes it. Nothing here is shared with
//! other threads.
//!
//! The loop is mio's: readiness is edge-triggered, so what is left in a socket is remembered in
//! `ready`. An async runtime costs the same CPU time, but a task and its bookkeeping for each
//! connection: 650 bytes of the 1.9 KiB it then took.

pub mod admin_socket;
pub mod connection;
pub mod fanout;
pub mod health;
pub mod listen;
pub mod memory;
pub mod outbox;
pub mod reading;
pub mod receipts;
pub mod serve;

use crate::config::Config;
use crate::effects::write_error;
use crate::effects::{LogRecord, Task};
use crate::hub::STOPPING;
use crate::hub::{Batch, ClientEvent, Input, SessionEvent};
use crate::inbox::{Item, Outlet};
use crate::limits::{
    ACCEPT_PAUSE_MILLIS, EVENTS, HANDSHAKE_SECONDS, LINGER_MILLIS, READ_BYTES, STOP_MILLIS,
    SWEEP_MILLIS, UNREAD_BYTES,
};
use crate::metrics::{Census, Count, Handshake, Kind, Metrics, Refused, Tally};
use crate::password::{Job, Passwords};
use crate::queue::Sender;
use crate::reader::Readers;
use crate::render::Renderer;
use crate::session::delivered::Delivered;
use crate::session_id::SessionId;
use crate::shard::admin_socket::AdminSocket;
use crate::shard::connection::{Connection, Stage};
use crate::shard::fanout::Rooms;
use crate::shard::health::Health;
use crate::shard::listen::Listeners;
use crate::shard::memory::Memory;
use crate::transport::certificate::Certificate;
use crate::transport::{Scratch, Way};
use crate::wake::Wake;
use mio::net::TcpStream;
use mio::{Events, Interest, Token};
use proto::Line;
use slab::Slab;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use store::RoomId;

/// What a shard is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its number.
    pub id: u8,
    /// What the config file says.
    pub config: Arc<Config>,
    /// What it shows to clients that connect with TLS.
    pub certificate: Certificate,
    /// What all lines have in common.
    pub renderer: Renderer,
    /// The port that the terminal is told of.
    pub port: u16,
    /// What it listens on; only the first shard does.
    pub listeners: Option<Listeners>,
    /// The admin socket; only the first shard has it, and none if nothing is kept.
    pub admin_socket: Option<AdminSocket>,
    /// The way to the hub.
    pub hub: Sender<Input>,
    /// The way to those who derive keys.
    pub passwords: Passwords,
    /// The way to those who read history.
    pub readers: Readers,
    /// The way to the thread that deals with signals, and reads the config file.
    pub wake: SyncSender<Wake>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// What waits for readers, in all shards.
    pub memory: Arc<Memory>,
}

/// The state of a shard.
#[derive(Debug)]
pub struct Shard {
    pub(crate) parts: Parts,
    pub(crate) connections: Slab<Connection>,
    pub(crate) rooms: Rooms,
    /// Connections that have something to write in this round.
    pub(crate) dirty: Vec<usize>,
    /// The last release has come: the server stops.
    pub(crate) stopping: bool,
    /// Bytes that wait for its connections.
    pub(crate) waiting: usize,
    /// What it has done in this round.
    pub(crate) tally: Tally,
    /// Whether the server is well, and who waits to hear of it.
    pub(crate) health: Health,
    /// What the last look at all connections has found.
    census: Census,
    /// Connections that may have something to read.
    pub(crate) ready: Vec<usize>,
    /// What is to be done later.
    later: Vec<(Instant, Later)>,
    generation: u32,
    pub(crate) batch: Batch,
    in_flight: bool,
    /// What a socket is read into, behind room for what its connection has kept.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) scratch: Scratch,
    /// How long handshakes took in this round.
    pub(crate) shaken: Duration,
    swept: Instant,
    /// When the shard ends, whoever still has something to read; none as long as the server serves.
    deadline: Option<Instant>,
}

/// What is to be done later.
#[derive(Debug)]
pub(crate) enum Later {
    /// Take a flooding connection's further lines.
    Read(SessionId),
    /// Derive a key, or give an answer, held back because others failed.
    Derive(Job),
    /// Accept again.
    Accept,
}

/// Runs a shard until the server stops.
///
/// # Errors
/// When the system does not let it wait for its sockets.
pub fn run(parts: Parts, mut outlet: Outlet) -> io::Result<()> {
    let mut shard = Shard::new(parts);
    if let Some(listeners) = &mut shard.parts.listeners {
        listeners.register(outlet.registry())?;
    }
    if let Some(admin_socket) = &mut shard.parts.admin_socket {
        admin_socket.register(outlet.registry())?;
    }
    let mut events = Events::with_capacity(EVENTS);
    while !shard.stopping {
        shard.round(&mut outlet, &mut events)?;
    }
    // Everything is released: each goes once the system has its last lines, as long as there is time.
    let deadline = Instant::now() + Duration::from_millis(STOP_MILLIS);
    shard.deadline = Some(deadline);
    shard.close_all();
    while !shard.connections.is_empty() && Instant::now() < deadline {
        shard.round(&mut outlet, &mut events)?;
    }
    Ok(())
}

impl Shard {
    pub(crate) fn new(parts: Parts) -> Shard {
        Shard {
            batch: Batch { shard: parts.id, ..Batch::default() },
            parts,
            connections: Slab::new(),
            rooms: Rooms::default(),
            dirty: Vec::new(),
            stopping: false,
            waiting: 0,
            tally: Tally::default(),
            health: Health::default(),
            census: Census::default(),
            ready: Vec::new(),
            later: Vec::new(),
            generation: 0,
            in_flight: false,
            buffer: vec![0; UNREAD_BYTES + READ_BYTES].into(),
            scratch: Scratch::default(),
            shaken: Duration::ZERO,
            swept: Instant::now(),
            deadline: None,
        }
    }

    /// Waits for something to happen and deals with it.
    fn round(&mut self, outlet: &mut Outlet, events: &mut Events) -> io::Result<()> {
        match outlet.wait(events, Some(self.patience())) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => other?,
        }
        let mut accept = false;
        for event in &*events {
            match event.token() {
                Outlet::WAKE => {}
                token if Listeners::is_token(token) || AdminSocket::is_token(token) => {
                    accept = true;
                }
                Token(slot) => {
                    if event.is_writable()
                        && let Some(connection) = self.connections.get_mut(slot)
                        && std::mem::take(&mut connection.blocked)
                    {
                        self.touch(slot);
                    }
                    if event.is_read_closed()
                        && let Some(connection) = self.connections.get_mut(slot)
                    {
                        connection.read_closed = true;
                    }
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        self.make_ready(slot);
                    }
                }
            }
        }
        while let Some(item) = outlet.take() {
            self.take(item, outlet);
        }
        accept |= self.do_what_is_due();
        if accept {
            self.accept(outlet);
        }
        self.read_ready();
        self.hand_over();
        if self.swept.elapsed() >= Duration::from_millis(SWEEP_MILLIS) {
            self.swept = Instant::now();
            self.sweep(self.swept);
        }
        self.write_dirty();
        self.keep_memory();
        self.parts.metrics.add(self.parts.id, &mut self.tally);
        Ok(())
    }

    /// How long the next round may wait.
    fn patience(&self) -> Duration {
        if !self.dirty.is_empty() || (!self.ready.is_empty() && !self.batch.is_full()) {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let sweep = Duration::from_millis(SWEEP_MILLIS).saturating_sub(now - self.swept);
        let due = self.later.iter().map(|(due, _)| due.saturating_duration_since(now)).min();
        let end = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        due.into_iter().chain(end).fold(sweep, Duration::min)
    }

    fn take(&mut self, item: Item, outlet: &Outlet) {
        match item {
            Item::Connection(stream, address) => self.own(stream, Some(address), outlet),
            Item::Released(released) => {
                if self.release(&released) {
                    self.in_flight = false;
                }
            }
            Item::Page { session, place, lines, pending } => {
                let Some(connection) = self.connection(session) else { return };
                connection.fill_place(place, lines);
                if let Some(kept) = pending {
                    connection.receipts.tell(Delivered { kept, live: 0 });
                }
                let slot = session.slot as usize;
                self.touch(slot);
                self.make_ready(slot);
            }
            Item::Config(config) => {
                for (_, connection) in &mut self.connections {
                    connection.keep_limits(&config.limits);
                }
                self.parts.config = config;
            }
            Item::Certificate(certificate) => self.parts.certificate = certificate,
            Item::StopListening => {
                (self.parts.listeners, self.parts.admin_socket) = (None, None);
            }
        }
    }

    /// Accepts what waits; each connection goes to the next shard, those of admins stay here.
    fn accept(&mut self, outlet: &Outlet) {
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
    fn own(&mut self, mut stream: TcpStream, address: Option<SocketAddr>, outlet: &Outlet) {
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

    /// Does something later.
    pub(crate) fn do_later(&mut self, pause: Duration, later: Later) {
        self.later.push((Instant::now() + pause, later));
    }

    /// Does what is due; true if connections are to be accepted.
    fn do_what_is_due(&mut self) -> bool {
        let now = Instant::now();
        let mut accept = false;
        let mut at = 0;
        while at < self.later.len() {
            if self.later[at].0 > now {
                at += 1;
                continue;
            }
            match self.later.swap_remove(at).1 {
                Later::Accept => accept = true,
                Later::Derive(job) => self.derive(job),
                Later::Read(session) => {
                    if let Some(connection) = self.connection(session) {
                        connection.paused = false;
                        self.make_ready(session.slot as usize);
                    }
                }
            }
        }
        accept
    }

    /// Hands a password to those who derive keys, if there is one.
    pub(crate) fn derive(&mut self, job: Job) {
        let session = job.session;
        if self.connection(session).is_none() {
            return;
        }
        if matches!(job.derive.task, Task::Wait) {
            self.gather(session, ClientEvent::Waited);
        } else if !self.parts.passwords.derive(job) {
            self.gather(session, ClientEvent::PasswordBusy);
        }
    }

    /// The connection of a session, if it is still there.
    pub(crate) fn connection(&mut self, session: SessionId) -> Option<&mut Connection> {
        if session.shard != self.parts.id {
            return None;
        }
        self.connections
            .get_mut(session.slot as usize)
            .filter(|connection| connection.generation == session.generation)
    }

    /// The session in a slot.
    pub(crate) fn session(&self, slot: usize) -> SessionId {
        let generation = self.connections[slot].generation;
        let slot = u32::try_from(slot).expect("a process has fewer sockets");
        SessionId { shard: self.parts.id, slot, generation }
    }

    /// The connection in a slot has something to write in this round.
    pub(crate) fn touch(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// The connection in a slot may have something to read.
    pub(crate) fn make_ready(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot)
            && !std::mem::replace(&mut connection.ready, true)
        {
            self.ready.push(slot);
        }
    }

    /// Adds to the next batch for the hub.
    pub(crate) fn gather(&mut self, session: SessionId, event: ClientEvent) {
        self.batch.events.push(SessionEvent { session, event });
    }

    /// Hands what was gathered to the hub, one batch at a time.
    fn hand_over(&mut self) {
        if self.in_flight || self.batch.events.is_empty() {
            return;
        }
        let next = Batch { shard: self.parts.id, ..Batch::default() };
        let batch = std::mem::replace(&mut self.batch, next);
        // The queue is larger than all that can be in flight, so this never blocks. If the hub is
        // gone, so are we soon.
        self.in_flight = self.parts.hub.send(Input::Batch(batch)).is_ok();
    }

    /// The peer is gone.
    pub(crate) fn gone(&mut self, slot: usize, reason: &str) {
        if self.connections[slot].stage != Stage::Closing {
            let session = self.session(slot);
            self.gather(session, ClientEvent::Closed { reason: reason.to_owned() });
        }
        self.remove(slot);
    }

    /// The shard itself ends a connection, saying why.
    pub(crate) fn end(&mut self, slot: usize, reason: &str) {
        let session = self.session(slot);
        self.gather(session, ClientEvent::Closed { reason: reason.to_owned() });
        let mut error = Vec::new();
        write_error(&mut error, reason);
        self.connections[slot].push(&error);
        self.close(slot);
    }

    /// The connection closes once its last lines are written.
    pub(crate) fn close(&mut self, slot: usize) {
        self.leave_rooms(slot);
        let connection = &mut self.connections[slot];
        connection.stage = Stage::Closing;
        connection.since = Instant::now();
        self.touch(slot);
        self.make_ready(slot);
    }

    /// The server stops: who came too late for the hub to hear of it is told, too, and nobody is
    /// waited for who has been told.
    fn close_all(&mut self) {
        for slot in 0..self.connections.capacity() {
            match self.connections.get(slot).map(|connection| connection.stage) {
                None => {}
                Some(Stage::Closing) => self.touch(slot),
                Some(Stage::Entering | Stage::Ready) => self.end(slot, STOPPING),
            }
        }
        self.write_dirty();
    }

    fn leave_rooms(&mut self, slot: usize) {
        for room in std::mem::take(&mut self.connections[slot].rooms) {
            self.leave_room(slot, room);
        }
    }

    /// The connection is no longer told of a room.
    pub(crate) fn leave_room(&mut self, slot: usize, room: RoomId) {
        if self.rooms.get_mut(&room).is_some_and(|members| members.remove(slot)) {
            self.rooms.remove(&room);
        }
    }

    /// Forgets a connection and closes its socket.
    fn remove(&mut self, slot: usize) {
        self.leave_rooms(slot);
        self.waiting -= self.connections.remove(slot).counted();
    }

    /// Writes what this round has appended, each connection once.
    pub(crate) fn write_dirty(&mut self) {
        for slot in std::mem::take(&mut self.dirty) {
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.dirty = false;
                self.write(slot);
            }
        }
    }

    /// Writes what a connection's socket takes.
    fn write(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if connection.stage == Stage::Closing && connection.is_unheard() && !self.stopping {
            return; // Until it has said something, or for a moment.
        }
        let (lines, waiting) = (connection.outbox.len(), connection.waiting());
        let written = connection.write_ready(&mut self.scratch);
        self.tally.sent += lines.saturating_sub(connection.outbox.len()) as u64;
        self.count_waiting(slot, waiting);
        let connection = &mut self.connections[slot];
        if let Err(error) = written {
            return self.gone(slot, &format!("Connection lost: {}", error.kind()));
        }
        if connection.overflown {
            // It will find everything in the history.
            self.parts.metrics.count(Count::Refused(Refused::OutboxOverflow));
            let reason = "Too slow: the connection's send queue is full";
            return self.gone(slot, reason);
        }
        connection.note_written();
        let closing = connection.stage == Stage::Closing;
        if closing && connection.is_written() {
            if connection.ended {
                return self.remove(slot);
            }
            // The peer reads our last lines, then sees the end; its own end, or the deadline,
            // removes the connection. An error here means that it is gone already, which the read
            // shows.
            let _ = connection.stream.shutdown(Shutdown::Write);
            if self.stopping {
                // The system goes on delivering what it has, also when we are gone; but a socket that
                // is closed with something unread in it is reset, and its peer may lose that.
                connection.discard(&mut self.buffer);
                self.remove(slot);
            }
        }
    }

    /// Closes what is over its deadline, and asks the silent for a sign of life.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let limits = self.parts.config.limits.clone();
        let ping = Duration::from_secs(u64::from(limits.ping_seconds));
        let mut census = Census::default();
        for slot in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            let kind = connection.way.kind();
            census.add(kind, connection.waiting());
            let silent = now.saturating_duration_since(connection.heard);
            let since = now.saturating_duration_since(connection.since);
            match connection.stage {
                Stage::Closing
                    if connection.is_unheard()
                        && since >= Duration::from_millis(SWEEP_MILLIS / 2) =>
                {
                    connection.refuse(&[]);
                    connection.since = now;
                    self.touch(slot);
                }
                Stage::Closing if since >= Duration::from_millis(LINGER_MILLIS) => {
                    self.remove(slot);
                }
                Stage::Entering
                    if connection.half_since.is_some_and(|half| {
                        now.saturating_duration_since(half)
                            >= Duration::from_secs(HANDSHAKE_SECONDS)
                    }) =>
                {
                    self.parts.metrics.count(Count::Refused(Refused::HandshakeDeadline));
                    if kind == Kind::Tls && connection.way.may_shake_hands() {
                        self.parts.metrics.handshake(Handshake::Late);
                    }
                    self.end(slot, "Too slow: the handshake was not completed in time");
                }
                Stage::Entering
                    if connection.login_patience(&limits).is_some_and(|most| since >= most) =>
                {
                    self.parts.metrics.count(Count::Refused(Refused::LoginDeadline));
                    self.end(slot, "No login in time");
                }
                Stage::Entering | Stage::Ready if connection.does_not_read(now) => {
                    self.end_unread(slot);
                }
                Stage::Ready if !ping.is_zero() && silent >= ping * 2 && connection.pinged => {
                    self.parts.metrics.count(Count::Refused(Refused::Silent));
                    self.end(slot, "Ping timeout");
                }
                Stage::Ready if !ping.is_zero() && silent >= ping && !connection.pinged => {
                    connection.pinged = true;
                    let mut line = Vec::new();
                    Line::to(&mut line).verb("PING").text(&self.parts.renderer.server).end();
                    connection.push(&line);
                    self.touch(slot);
                }
                _ => {}
            }
        }
        self.parts.metrics.found(self.parts.id, &mut self.census, census);
        self.health_overdue(now);
    }

    /// Tells the operator's terminal.
    pub(crate) fn log(&self, fact: &LogRecord) {
        crate::log::fact(fact, (!self.stopping).then_some(self.parts.port));
    }
}
