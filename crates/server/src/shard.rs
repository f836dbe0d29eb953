//! A shard: one thread that owns sockets. It reads lines and hands them to the hub in batches, one batch at a time; it
//! takes what the journal releases and writes it. Nothing here is shared with other threads.

use crate::config::Config;
use crate::connection::{Connection, Stage, Stopped, Taken};
use crate::fanout::Members;
use crate::hub::effects::Fact;
use crate::hub::{Batch, Did, Entry, Input, write_error};
use crate::journal::Released;
use crate::limits::{LINGER_MILLIS, READ_BYTES, READS_PER_SESSION, STOP_MILLIS, SWEEP_MILLIS};
use crate::password::Passwords;
use crate::reader::Readers;
use crate::render::Renderer;
use crate::session::SessionId;
use proto::Line;
use slab::Slab;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use store::{EventId, RoomId};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

/// What other threads send to a shard.
#[derive(Debug)]
pub enum Item {
    /// A connection to own.
    Connection(std::net::TcpStream, SocketAddr),
    /// Effects that are committed, or never will be.
    Released(Arc<Released>),
    /// History for a place kept among a session's lines.
    Page {
        /// For whom.
        session: SessionId,
        /// Which place.
        place: u64,
        /// The lines.
        lines: Vec<u8>,
        /// These were the messages kept for the user, up to this event.
        pending: Option<EventId>,
    },
}

/// What a shard is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its number.
    pub id: u8,
    /// What the config file says.
    pub config: Arc<Config>,
    /// What all lines have in common.
    pub renderer: Renderer,
    /// The port that the terminal is told of.
    pub port: u16,
    /// The way to the hub.
    pub hub: SyncSender<Input>,
    /// The way to those who derive keys.
    pub passwords: Passwords,
    /// The way to those who read history.
    pub readers: Readers,
}

/// The state of a shard.
#[derive(Debug)]
pub struct Shard {
    pub(crate) parts: Parts,
    pub(crate) connections: Slab<Connection>,
    pub(crate) rooms: HashMap<RoomId, Members>,
    /// Connections that have something to write in this round.
    pub(crate) dirty: Vec<usize>,
    /// The last release has come: the server stops.
    pub(crate) stopping: bool,
    generation: u32,
    batch: Batch,
    in_flight: bool,
    buffer: Box<[u8]>,
}

/// A shard and what wakes its tasks.
#[derive(Debug)]
pub(crate) struct Shared {
    shard: RefCell<Shard>,
    /// Something was gathered, or the hub is ready for the next batch.
    gathered: Notify,
    /// There is room again: in the batch, or among a session's open reads.
    room: Notify,
}

/// What a connection's task does next.
enum Next {
    /// Wait until the socket has something.
    Readable,
    /// Look again at once.
    Again,
    /// Wait until the flood is over.
    Pause(Duration),
    /// Wait until there is room.
    Room,
    /// The connection is gone.
    Gone,
}

/// Runs a shard until the server stops.
pub fn run(parts: Parts, inbox: mpsc::Receiver<Item>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(serve(parts, inbox));
    Ok(())
}

async fn serve(parts: Parts, mut inbox: mpsc::Receiver<Item>) {
    let batch = Batch { shard: parts.id, ..Batch::default() };
    let shard = Shard {
        parts,
        connections: Slab::new(),
        rooms: HashMap::new(),
        dirty: Vec::new(),
        stopping: false,
        generation: 0,
        batch,
        in_flight: false,
        buffer: vec![0; READ_BYTES].into(),
    };
    let shared = Rc::new(Shared {
        shard: RefCell::new(shard),
        gathered: Notify::new(),
        room: Notify::new(),
    });
    tokio::task::spawn_local(hand_over(shared.clone()));
    tokio::task::spawn_local(sweep(shared.clone()));
    while let Some(item) = inbox.recv().await {
        take(&shared, item);
        while let Ok(item) = inbox.try_recv() {
            take(&shared, item);
        }
        write_dirty(&shared);
        if shared.shard.borrow().stopping {
            break;
        }
    }
    finish(&shared).await;
}

fn take(shared: &Rc<Shared>, item: Item) {
    match item {
        Item::Connection(stream, address) => accept(shared, stream, address),
        Item::Released(released) => {
            let answered = shared.shard.borrow_mut().release(&released);
            if answered {
                shared.shard.borrow_mut().in_flight = false;
                shared.gathered.notify_one();
            }
        }
        Item::Page { session, place, lines, pending } => {
            let mut shard = shared.shard.borrow_mut();
            if let Some(connection) = shard.connection(session) {
                connection.outbox.fill_place(place, lines);
                shard.touch(session.slot as usize);
                if let Some(up_to) = pending {
                    shard.gather(session, Did::GotPending { up_to });
                    shared.gathered.notify_one();
                }
                shared.room.notify_waiters();
            }
        }
    }
}

fn accept(shared: &Rc<Shared>, stream: std::net::TcpStream, address: SocketAddr) {
    // A socket that cannot be set up is closed by dropping it; its peer sees that.
    let stream = match stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream)) {
        Ok(stream) => Rc::new(stream),
        Err(error) => return tracing::warn!("cannot take over a connection: {error}"),
    };
    let mut entropy = [0; 16];
    if let Err(error) = getrandom::fill(&mut entropy) {
        return tracing::error!("no randomness from the system, connection refused: {error}");
    }
    let mut shard = shared.shard.borrow_mut();
    shard.generation = shard.generation.wrapping_add(1);
    let generation = shard.generation;
    let address = address.ip().to_canonical();
    let limits = &shard.parts.config.limits;
    let connection = Connection::new(stream.clone(), generation, address, limits, Instant::now());
    let slot = shard.connections.insert(connection);
    let session = shard.session(slot);
    shard.gather(session, Did::Opened { address, entropy });
    shared.gathered.notify_one();
    tokio::task::spawn_local(read(shared.clone(), stream, slot, generation));
}

/// A connection's task: reads when there is something to read and somebody to take it.
async fn read(shared: Rc<Shared>, stream: Rc<TcpStream>, slot: usize, generation: u32) {
    loop {
        let next = shared.shard.borrow_mut().read(&stream, slot, generation);
        shared.gathered.notify_one();
        match next {
            Next::Readable => {
                // An error shows itself in the read that follows.
                let _ = stream.readable().await;
            }
            Next::Again => tokio::task::yield_now().await,
            // Boxed, because a connection at rest should not carry a timer's memory.
            Next::Pause(pause) => Box::pin(tokio::time::sleep(pause)).await,
            Next::Room => Box::pin(shared.room.notified()).await,
            Next::Gone => return,
        }
    }
}

/// Hands what was gathered to the hub, one batch at a time.
async fn hand_over(shared: Rc<Shared>) {
    loop {
        shared.gathered.notified().await;
        let mut shard = shared.shard.borrow_mut();
        if shard.in_flight || shard.batch.entries.is_empty() {
            continue;
        }
        let id = shard.parts.id;
        let batch = std::mem::replace(&mut shard.batch, Batch { shard: id, ..Batch::default() });
        // The queue is larger than all that can be in flight, so this never blocks. If the hub is gone, so are we soon.
        shard.in_flight = shard.parts.hub.send(Input::Batch(batch)).is_ok();
        drop(shard);
        shared.room.notify_waiters();
    }
}

/// Writes what this round has appended, each connection once.
fn write_dirty(shared: &Rc<Shared>) {
    let mut dirty = std::mem::take(&mut shared.shard.borrow_mut().dirty);
    for slot in dirty.drain(..) {
        let mut shard = shared.shard.borrow_mut();
        let Some(connection) = shard.connections.get_mut(slot) else { continue };
        connection.dirty = false;
        if let Some((stream, generation)) = shard.write(slot) {
            drop(shard);
            tokio::task::spawn_local(write_later(shared.clone(), stream, slot, generation));
        }
    }
    let mut shard = shared.shard.borrow_mut();
    if shard.dirty.is_empty() {
        shard.dirty = dirty;
    }
}

/// Writes the rest once the socket takes more: a task only while a write is blocked.
async fn write_later(shared: Rc<Shared>, stream: Rc<TcpStream>, slot: usize, generation: u32) {
    loop {
        // An error shows itself in the write that follows.
        let _ = stream.writable().await;
        let mut shard = shared.shard.borrow_mut();
        let Some(connection) =
            shard.connections.get_mut(slot).filter(|one| one.generation == generation)
        else {
            return;
        };
        connection.writing = false;
        if shard.write(slot).is_none() {
            return;
        }
    }
}

/// Looks at all connections now and then: deadlines, signs of life.
async fn sweep(shared: Rc<Shared>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(SWEEP_MILLIS));
    loop {
        ticks.tick().await;
        shared.shard.borrow_mut().sweep(Instant::now());
        shared.gathered.notify_one();
        write_dirty(&shared);
    }
}

/// Everything is released: waits until the last lines are written, as long as there is time.
async fn finish(shared: &Rc<Shared>) {
    let deadline = Instant::now() + Duration::from_millis(STOP_MILLIS);
    while Instant::now() < deadline {
        if shared.shard.borrow().connections.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Shard {
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

    /// Adds to the next batch for the hub.
    pub(crate) fn gather(&mut self, session: SessionId, what: Did) {
        self.batch.entries.push(Entry { session, what });
    }

    /// Reads from a socket, and gathers the lines.
    fn read(&mut self, stream: &TcpStream, slot: usize, generation: u32) -> Next {
        let Some(connection) =
            self.connections.get_mut(slot).filter(|one| one.generation == generation)
        else {
            return Next::Gone;
        };
        if connection.stage == Stage::Closing {
            return self.drain(stream, slot);
        }
        if self.batch.is_full() || connection.outbox.places() > READS_PER_SESSION {
            return Next::Room;
        }
        if connection.lines_wait {
            return self.gather_lines(slot, 0);
        }
        match stream.try_read(&mut self.buffer) {
            Ok(0) => self.ended(slot),
            Ok(bytes) => self.gather_lines(slot, bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Next::Readable,
            Err(error) => self.gone(slot, &format!("Connection lost: {}", error.kind())),
        }
    }

    /// The peer sends nothing more; what it sent before is dealt with and answered first.
    fn ended(&mut self, slot: usize) -> Next {
        let session = self.session(slot);
        self.gather(session, Did::Ended);
        self.connections[slot].ended = true;
        Next::Gone
    }

    fn gather_lines(&mut self, slot: usize, bytes: usize) -> Next {
        let session = self.session(slot);
        let limits = &self.parts.config.limits;
        let connection = &mut self.connections[slot];
        let now = Instant::now();
        if bytes > 0 {
            connection.heard = now;
            connection.pinged = false;
        }
        let batch = &mut self.batch;
        let stopped = connection.take_lines(&self.buffer[..bytes], limits, now, |taken| {
            let what = match taken {
                Taken::Line(line) => {
                    let start = batch.text.len() as u32;
                    batch.text.extend_from_slice(line.as_bytes());
                    Did::Line(start..batch.text.len() as u32)
                }
                Taken::Bad(error) => Did::BadLine(error),
            };
            batch.entries.push(Entry { session, what });
            !batch.is_full()
        });
        match stopped {
            Stopped::NoLine if bytes == READ_BYTES => Next::Again,
            Stopped::NoLine => Next::Readable,
            Stopped::Flood => Next::Pause(connection.flood_pause(limits)),
            Stopped::Full => Next::Room,
        }
    }

    /// A closing connection: throws away what still comes, so that the peer can read our last lines in peace.
    fn drain(&mut self, stream: &TcpStream, slot: usize) -> Next {
        match stream.try_read(&mut self.buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Next::Readable,
            Ok(bytes) if bytes > 0 => Next::Again,
            _ => {
                self.remove(slot);
                Next::Gone
            }
        }
    }

    /// The peer is gone.
    fn gone(&mut self, slot: usize, reason: &str) -> Next {
        let session = self.session(slot);
        self.gather(session, Did::Closed { reason: reason.to_owned() });
        self.remove(slot);
        Next::Gone
    }

    /// The shard itself ends a connection, saying why.
    pub(crate) fn end(&mut self, slot: usize, reason: &str) {
        let session = self.session(slot);
        self.gather(session, Did::Closed { reason: reason.to_owned() });
        let mut error = Vec::new();
        write_error(&mut error, reason);
        self.connections[slot].outbox.push(&error);
        self.close(slot);
    }

    /// The connection closes once its last lines are written.
    pub(crate) fn close(&mut self, slot: usize) {
        self.leave_rooms(slot);
        let connection = &mut self.connections[slot];
        connection.stage = Stage::Closing;
        connection.since = Instant::now();
        self.touch(slot);
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
        let connection = self.connections.remove(slot);
        // Its task holds the socket too; this wakes and so ends it. Already closed by the peer is as good.
        let _ = socket2::SockRef::from(&*connection.stream).shutdown(Shutdown::Both);
    }

    /// Writes what a connection's socket takes. Returns its socket if it did not take all: a task is to wait for it.
    fn write(&mut self, slot: usize) -> Option<(Rc<TcpStream>, u32)> {
        let most = self.parts.config.limits.outbox_bytes;
        let connection = &mut self.connections[slot];
        if connection.writing {
            self.check_outbox(slot, most);
            return None;
        }
        while !connection.outbox.ready().is_empty() {
            match connection.stream.try_write(connection.outbox.ready()) {
                Ok(bytes) => connection.outbox.advance(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.writing = true;
                    let waits = (connection.stream.clone(), connection.generation);
                    self.check_outbox(slot, most);
                    return self.connections.contains(slot).then_some(waits);
                }
                Err(error) if connection.stage == Stage::Closing => {
                    tracing::debug!("a closing connection did not take its last lines: {error}");
                    self.remove(slot);
                    return None;
                }
                Err(error) => {
                    self.gone(slot, &format!("Connection lost: {}", error.kind()));
                    return None;
                }
            }
        }
        if connection.stage == Stage::Closing && connection.outbox.is_empty() {
            if connection.ended {
                self.remove(slot);
                return None;
            }
            // The peer reads our last lines, then sees the end; its own end, or the deadline, removes the connection.
            let _ = socket2::SockRef::from(&*connection.stream).shutdown(Shutdown::Write);
        }
        None
    }

    /// Ends a connection that reads too slowly for what it is sent; it will find everything in the history.
    fn check_outbox(&mut self, slot: usize, most: usize) {
        let connection = &self.connections[slot];
        if most == 0 || connection.outbox.len() <= most || connection.stage == Stage::Closing {
            return;
        }
        let session = self.session(slot);
        let reason = "Too slow: more waits to be read than the server keeps for one connection";
        self.gather(session, Did::Closed { reason: reason.to_owned() });
        self.remove(slot);
    }

    /// Closes what is over its deadline, and asks the silent for a sign of life.
    fn sweep(&mut self, now: Instant) {
        let limits = self.parts.config.limits.clone();
        let seconds = |limit: u32| Duration::from_secs(u64::from(limit));
        let ping = seconds(limits.ping_seconds);
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            let connection = &mut self.connections[slot];
            let silent = now.saturating_duration_since(connection.heard);
            let since = now.saturating_duration_since(connection.since);
            match connection.stage {
                Stage::Closing if since >= Duration::from_millis(LINGER_MILLIS) => {
                    self.remove(slot);
                }
                Stage::Entering
                    if limits.login_seconds != 0 && since >= seconds(limits.login_seconds) =>
                {
                    self.end(slot, "No login in time");
                }
                Stage::Ready if !ping.is_zero() && silent >= ping * 2 && connection.pinged => {
                    self.end(slot, "No sign of life");
                }
                Stage::Ready if !ping.is_zero() && silent >= ping && !connection.pinged => {
                    connection.pinged = true;
                    let mut line = Vec::new();
                    Line::to(&mut line).verb("PING").text(&self.parts.renderer.server).end();
                    connection.outbox.push(&line);
                    self.touch(slot);
                }
                _ => {}
            }
        }
    }

    /// Tells the operator's terminal.
    pub(crate) fn log(&self, fact: &Fact) {
        crate::log::fact(fact, (!self.stopping).then_some(self.parts.port));
    }
}
