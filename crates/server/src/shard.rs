//! A shard: a thread that owns sockets. It reads lines and passes them to the hub in batches, one
//! at a time, and writes what the journal releases. Nothing here is shared with other threads.
//!
//! The event loop is mio's: readiness is edge-triggered, so sockets that may have more input are
//! remembered in `ready`. An async runtime would cost the same CPU time, but a task and its
//! bookkeeping took 650 bytes of the 1.9 KiB per connection.

pub mod listeners;
pub mod admin_socket;
mod accept;
pub mod connection;
pub mod reading;
pub mod serve;
pub mod health;
pub mod fanout;
pub mod outbox;
mod writing;
pub mod receipts;
pub mod memory;
mod sweep;
mod closing;

#[cfg(test)]
mod newcomers;

use crate::config::Config;
use crate::effects::released::Released;
use crate::effects::{LogRecord, Task};
use crate::hub::{Batch, ClientEvent, Input, SessionEvent};
use crate::inbox::{Item, Outlet};
use crate::limits::{EVENTS, READ_BYTES, STOP_MILLIS, SWEEP_MILLIS, UNREAD_BYTES};
use crate::metrics::{ConnectionTotals, Metrics, RoundCounts};
use crate::password::{Job, Passwords};
use crate::queue::Sender;
use crate::reader::Readers;
use crate::render::Renderer;
use crate::session::delivery::Watermarks;
use crate::session_id::SessionId;
use crate::shard::admin_socket::AdminSocket;
use crate::shard::connection::Connection;
use crate::shard::fanout::Rooms;
use crate::shard::health::Health;
use crate::shard::listeners::Listeners;
use crate::shard::memory::Memory;
use crate::transport::Scratch;
use crate::transport::certificate::Certificate;
use crate::wake::Wake;
use mio::{Events, Token};
use slab::Slab;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// What a shard works with.
#[derive(Debug)]
pub struct ShardParts {
    /// Its number.
    pub id: u8,
    /// The number of this node; 0 without a cluster. None until it has joined one: no connection is
    /// accepted before that.
    pub node: Option<u16>,
    /// The config file.
    pub config: Arc<Config>,
    /// The certificate for TLS.
    pub certificate: Certificate,
    /// What all lines have in common.
    pub renderer: Renderer,
    /// The port shown on the operator's terminal.
    pub port: u16,
    /// The listening sockets; only on the first shard.
    pub listeners: Option<Listeners>,
    /// The admin socket; only on the first shard, and none if nothing is stored on disk.
    pub admin_socket: Option<AdminSocket>,
    /// The queue to the hub.
    pub hub: Sender<Input>,
    /// The queue to the threads that derive keys.
    pub passwords: Passwords,
    /// The queues to the readers.
    pub readers: Readers,
    /// The queue to the thread that waits for signals and reloads the config file.
    pub wake: SyncSender<Wake>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The bytes queued in all shards.
    pub memory: Arc<Memory>,
}

/// The state of a shard.
#[derive(Debug)]
pub struct Shard {
    pub(crate) parts: ShardParts,
    pub(crate) connections: Slab<Connection>,
    pub(crate) rooms: Rooms,
    /// Connections that have something to write in this round.
    pub(crate) dirty: Vec<usize>,
    /// The last effects have been released: the server is stopping.
    pub(crate) stopping: bool,
    /// The bytes queued for its connections.
    pub(crate) waiting: usize,
    /// What it has done in this round.
    pub(crate) tally: RoundCounts,
    /// The server's health, and the requests waiting for a result.
    pub(crate) health: Health,
    /// The counts of the last sweep.
    census: ConnectionTotals,
    /// Connections that may have input.
    pub(crate) ready: Vec<usize>,
    /// What is scheduled.
    scheduled: Vec<(Instant, Scheduled)>,
    generation: u32,
    pub(crate) batch: Batch,
    in_flight: bool,
    /// Bytes that each connection may add to the batch in this round.
    line_share: usize,
    /// The buffer for input, with room in front for what a connection has kept.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) scratch: Scratch,
    /// The time spent in this round on connections that have not logged in.
    pub(crate) newcomers: Duration,
    /// The number of their events in the next batch.
    pub(crate) newcomer_events: usize,
    /// Until when they have to wait, because a round had no time for all of them.
    newcomers_wait: Option<Instant>,
    /// Connections may be waiting to be accepted.
    accepts: bool,
    /// The effects carried out in this round, which are dropped once they are written.
    carried_out: Vec<Arc<Released>>,
    swept: Instant,
    /// When the shard ends, even if connections are not done; none while the server runs.
    deadline: Option<Instant>,
}

/// Something scheduled.
#[derive(Debug)]
pub(crate) enum Scheduled {
    /// Read a flooding connection again.
    Read(SessionId),
    /// Derive a key, or answer a login that was slowed down.
    Derive(Job),
    /// Accept connections again.
    Accept,
}

/// Runs a shard until the server stops.
///
/// # Errors
/// When polling fails.
pub fn run(parts: ShardParts, mut outlet: Outlet) -> io::Result<()> {
    let mut shard = Shard::new(parts);
    if shard.parts.node.is_some() {
        shard.listen(&outlet)?;
    }
    let mut events = Events::with_capacity(EVENTS);
    while !shard.stopping {
        shard.round(&mut outlet, &mut events)?;
    }
    // Everything has been released: connections close once the kernel has their last lines, within
    // a time limit.
    let deadline = Instant::now() + Duration::from_millis(STOP_MILLIS);
    shard.deadline = Some(deadline);
    shard.close_all();
    while !shard.connections.is_empty() && Instant::now() < deadline {
        shard.round(&mut outlet, &mut events)?;
    }
    Ok(())
}

impl Shard {
    pub(crate) fn new(parts: ShardParts) -> Shard {
        Shard {
            batch: Batch { shard: parts.id, ..Batch::default() },
            parts,
            connections: Slab::new(),
            rooms: Rooms::default(),
            dirty: Vec::new(),
            stopping: false,
            waiting: 0,
            tally: RoundCounts::default(),
            health: Health::default(),
            census: ConnectionTotals::default(),
            ready: Vec::new(),
            scheduled: Vec::new(),
            generation: 0,
            in_flight: false,
            line_share: 0,
            buffer: vec![0; UNREAD_BYTES + READ_BYTES].into(),
            scratch: Scratch::default(),
            newcomers: Duration::ZERO,
            newcomer_events: 0,
            newcomers_wait: None,
            accepts: false,
            carried_out: Vec::new(),
            swept: Instant::now(),
            deadline: None,
        }
    }

    /// Waits for events and handles them.
    fn round(&mut self, outlet: &mut Outlet, events: &mut Events) -> io::Result<()> {
        match outlet.wait(events, Some(self.patience())) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => other?,
        }
        let begun = Instant::now();
        self.newcomers_wait = self.newcomers_wait.filter(|until| begun < *until);
        for event in &*events {
            match event.token() {
                Outlet::WAKE => {}
                token if Listeners::is_token(token) || AdminSocket::is_token(token) => {
                    self.accepts = true;
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
            self.take(item, outlet)?;
        }
        self.do_what_is_due();
        self.newcomers = Duration::ZERO;
        self.accept(outlet);
        self.read_ready();
        self.hand_over();
        if self.swept.elapsed() >= Duration::from_millis(SWEEP_MILLIS) {
            self.swept = Instant::now();
            self.sweep(self.swept);
        }
        self.write_dirty();
        self.pace_newcomers(begun);
        self.carried_out.clear();
        self.keep_memory();
        self.parts.metrics.add(self.parts.id, &mut self.tally);
        Ok(())
    }

    /// How long the next round may wait for events.
    fn patience(&self) -> Duration {
        let has_room = self.newcomers_have_room() && self.newcomers_wait.is_none();
        let reads = || has_room || self.ready.iter().any(|slot| !self.is_newcomer(*slot));
        let reads = !self.batch.is_full() && !self.ready.is_empty() && reads();
        if reads || (self.accepts && has_room) || !self.dirty.is_empty() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let sweep = Duration::from_millis(SWEEP_MILLIS).saturating_sub(now - self.swept);
        let due = self.scheduled.iter().map(|(due, _)| due.saturating_duration_since(now)).min();
        let until = |time: Option<Instant>| time.map(|time| time.saturating_duration_since(now));
        let others = until(self.deadline).into_iter().chain(until(self.newcomers_wait));
        due.into_iter().chain(others).fold(sweep, Duration::min)
    }

    fn take(&mut self, item: Item, outlet: &Outlet) -> io::Result<()> {
        match item {
            Item::Connection(stream, address) => self.own(stream, Some(address), outlet),
            Item::Released(released) => {
                if self.release(&released) {
                    self.in_flight = false;
                }
                let joined = released.settled.iter().filter_map(|it| it.effects.joined).next_back();
                if joined.is_some() && std::mem::replace(&mut self.parts.node, joined).is_none() {
                    self.listen(outlet)?;
                }
                self.carried_out.push(released);
            }
            Item::Page { session, placeholder, lines, pending } => {
                let Some(connection) = self.connection(session) else { return Ok(()) };
                connection.fill(placeholder, lines);
                if let Some(pending) = pending {
                    connection.receipts.send(Watermarks { pending, live: 0 });
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
        Ok(())
    }

    /// Begins to accept connections, if it is the shard that does.
    fn listen(&mut self, outlet: &Outlet) -> io::Result<()> {
        let Some(listeners) = &mut self.parts.listeners else { return Ok(()) };
        listeners.register(outlet.registry())?;
        if let Some(admin_socket) = &mut self.parts.admin_socket {
            admin_socket.register(outlet.registry())?;
        }
        // If nobody receives it, the server is already stopping.
        let _ = self.parts.wake.send(Wake::Serving);
        Ok(())
    }

    /// Schedules something.
    pub(crate) fn schedule(&mut self, pause: Duration, task: Scheduled) {
        self.scheduled.push((Instant::now() + pause, task));
    }

    /// Does what is due.
    fn do_what_is_due(&mut self) {
        let now = Instant::now();
        let mut at = 0;
        while at < self.scheduled.len() {
            if self.scheduled[at].0 > now {
                at += 1;
                continue;
            }
            match self.scheduled.swap_remove(at).1 {
                Scheduled::Accept => self.accepts = true,
                Scheduled::Derive(job) => self.derive(job),
                Scheduled::Read(session) => {
                    if let Some(connection) = self.connection(session) {
                        connection.paused = false;
                        self.make_ready(session.slot as usize);
                    }
                }
            }
        }
    }

    /// Passes a job to the threads that derive keys.
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

    /// The session's connection, if it still exists on this shard.
    pub(crate) fn connection(&mut self, session: SessionId) -> Option<&mut Connection> {
        if (Some(session.node), session.shard) != (self.parts.node, self.parts.id) {
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
        let node = self.parts.node.expect("no connection comes before");
        SessionId { node, shard: self.parts.id, slot, generation }
    }

    /// The connection in this slot has something to write in this round.
    pub(crate) fn touch(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// The connection in this slot may have input.
    pub(crate) fn make_ready(&mut self, slot: usize) {
        if let Some(connection) = self.connections.get_mut(slot)
            && !std::mem::replace(&mut connection.ready, true)
        {
            self.ready.push(slot);
        }
    }

    /// Adds an event to the next batch.
    pub(crate) fn gather(&mut self, session: SessionId, event: ClientEvent) {
        self.batch.events.push(SessionEvent { session, event });
    }

    /// Passes the batch to the hub, one at a time.
    fn hand_over(&mut self) {
        if self.in_flight || self.batch.events.is_empty() {
            return;
        }
        let next = Batch { shard: self.parts.id, ..Batch::default() };
        let batch = std::mem::replace(&mut self.batch, next);
        self.newcomer_events = 0;
        // The queue has room for everything in flight, so this never blocks. If the hub is gone, so
        // are we soon.
        self.in_flight = self.parts.hub.send(Input::Batch(batch)).is_ok();
    }

    /// Logs a record.
    pub(crate) fn log(&self, fact: &LogRecord) {
        crate::log::fact(fact, (!self.stopping).then_some(self.parts.port));
    }
}
