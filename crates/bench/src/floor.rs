//! The floor: the least a chat server can do, as a yardstick. It accepts the commands the scenarios send, keeps
//! nothing, copies each line to each member's buffer, and sends once per member and tick.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::failure::{Context, Result};
use crate::poller::{Poller, Ready};

/// The listener's number; connections count from 0.
const LISTENER: usize = usize::MAX;
const READ_BYTES: usize = 64 * 1024;
/// A member that is further behind than this is disconnected.
const OUTBOX_BYTES: usize = 4 * 1024 * 1024;
/// The size of the log, which is written over from its beginning again and again.
const LOG_BYTES: usize = 4 * 1024 * 1024;

struct Floor {
    poller: Poller,
    listener: TcpListener,
    /// A closed one leaves its place empty, to be used again.
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    rooms: HashMap<Vec<u8>, Vec<usize>>,
    /// Connections with something to send, each once.
    dirty: Vec<usize>,
    /// One rendered line, before it is copied to the members.
    rendered: Vec<u8>,
    log: Option<Log>,
}

/// The least that a server can do that stores what it relays before anybody sees it: one write and one `fdatasync`
/// for all lines of a tick, in a file that has its size already.
struct Log {
    file: File,
    at: u64,
    /// The lines of this tick.
    lines: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    partial: Vec<u8>,
    outbox: Vec<u8>,
    blocked: bool,
    nick: Vec<u8>,
    user: bool,
    welcomed: bool,
}

/// Serves on a free port of the loopback interface, says which, and never returns but with an error. With a file for a
/// log, each line is on disk before it is sent.
///
/// # Errors
/// [`crate::failure::Failure::Io`] if the port, the epoll or the log fails.
pub fn serve(log: Option<&Path>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    listener.set_nonblocking(true).context("listening")?;
    let poller = Poller::new().context("creating an epoll")?;
    poller.add(&listener, LISTENER).context("watching the listener")?;
    let port = listener.local_addr().context("listening")?.port();
    println!("[INFO] Waiting for connection on port {port}...");
    let mut floor = Floor {
        poller,
        listener,
        connections: Vec::new(),
        free: Vec::new(),
        rooms: HashMap::new(),
        dirty: Vec::new(),
        rendered: Vec::new(),
        log: log.map(Log::create).transpose().context("creating the log")?,
    };
    let mut buffer = vec![0; READ_BYTES];
    let mut ready = Vec::new();
    loop {
        floor.poller.wait(None, &mut ready).context("waiting for clients")?;
        for Ready { key, readable, writable } in ready.drain(..) {
            if key == LISTENER {
                floor.accept()?;
                continue;
            }
            if writable {
                floor.write(key);
            }
            if readable {
                floor.read(key, &mut buffer);
            }
        }
        if let Some(log) = &mut floor.log {
            log.store().context("writing the log")?;
        }
        let mut dirty = std::mem::take(&mut floor.dirty);
        dirty.drain(..).for_each(|member| floor.write(member));
        floor.dirty = dirty;
    }
}

impl Log {
    fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        file.write_all(&vec![0; LOG_BYTES])?;
        file.sync_all()?;
        Ok(Self { file, at: 0, lines: Vec::new() })
    }

    /// Puts the lines of this tick on the disk.
    fn store(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        if self.at + self.lines.len() as u64 > LOG_BYTES as u64 {
            self.at = 0;
        }
        self.file.write_all_at(&self.lines, self.at)?;
        self.at += self.lines.len() as u64;
        self.lines.clear();
        self.file.sync_data()
    }
}

impl Floor {
    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accepting"),
            };
            stream.set_nonblocking(true).context("accepting")?;
            stream.set_nodelay(true).context("accepting")?;
            let key = self.free.pop().unwrap_or(self.connections.len());
            self.poller.add(&stream, key).context("watching a client")?;
            if key == self.connections.len() {
                self.connections.push(None);
            }
            self.connections[key] = Some(Connection {
                stream,
                partial: Vec::new(),
                outbox: Vec::new(),
                blocked: false,
                nick: Vec::new(),
                user: false,
                welcomed: false,
            });
        }
    }

    /// Reads once and does what the lines say. A connection that ends or fails is closed.
    fn read(&mut self, key: usize, buffer: &mut [u8]) {
        let Some(connection) = &mut self.connections[key] else { return };
        let count = match connection.stream.read(buffer) {
            Ok(0) => return self.close(key),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => return self.close(key),
        };
        let mut bytes = &buffer[..count];
        let joined;
        if !connection.partial.is_empty() {
            connection.partial.extend_from_slice(bytes);
            joined = std::mem::take(&mut connection.partial);
            bytes = &joined;
        }
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let line = &bytes[..end];
            bytes = &bytes[end + 1..];
            self.obey(key, line.strip_suffix(b"\r").unwrap_or(line));
        }
        if let Some(connection) = &mut self.connections[key] {
            connection.partial.extend_from_slice(bytes);
        }
    }

    fn obey(&mut self, key: usize, line: &[u8]) {
        let Some(connection) = &mut self.connections[key] else { return };
        let (verb, rest) = word(line);
        match verb {
            b"PRIVMSG" => return self.relay(key, rest),
            b"JOIN" => return self.join(key, rest),
            b"QUIT" => return self.close(key),
            b"CAP" if rest.starts_with(b"REQ") => {
                return self.answer(key, &[b":floor CAP * NAK ", word(rest).1]);
            }
            b"PING" => return self.answer(key, &[b":floor PONG floor ", rest]),
            b"NICK" => connection.nick = rest.to_vec(),
            b"USER" => connection.user = true,
            _ => return,
        }
        if connection.user && !connection.nick.is_empty() && !connection.welcomed {
            connection.welcomed = true;
            let nick = connection.nick.clone();
            self.answer(key, &[b":floor 001 ", &nick, b" :Welcome"]);
        }
    }

    fn join(&mut self, key: usize, room: &[u8]) {
        let Some(connection) = &self.connections[key] else { return };
        let nick = connection.nick.clone();
        let members = self.rooms.entry(room.to_vec()).or_default();
        if !members.contains(&key) {
            members.push(key);
        }
        self.answer(key, &[b":", &nick, b"!~u@127.0.0.1 JOIN ", room]);
        self.answer(key, &[b":floor 366 ", &nick, b" ", room, b" :End of /NAMES list"]);
    }

    /// The measured path.
    fn relay(&mut self, author: usize, room_and_text: &[u8]) {
        let Some(connection) = &self.connections[author] else { return };
        let Some(members) = self.rooms.get(word(room_and_text).0) else { return };
        self.rendered.clear();
        for part in [b":", &connection.nick[..], b"!~u@127.0.0.1 PRIVMSG ", room_and_text, b"\r\n"]
        {
            self.rendered.extend_from_slice(part);
        }
        if let Some(log) = &mut self.log {
            log.lines.extend_from_slice(&self.rendered);
        }
        for &member in members {
            if member == author {
                continue;
            }
            if let Some(connection) = &mut self.connections[member] {
                if connection.outbox.is_empty() {
                    self.dirty.push(member);
                }
                connection.outbox.extend_from_slice(&self.rendered);
            }
        }
    }

    fn answer(&mut self, key: usize, parts: &[&[u8]]) {
        let Some(connection) = &mut self.connections[key] else { return };
        if connection.outbox.is_empty() {
            self.dirty.push(key);
        }
        for part in parts {
            connection.outbox.extend_from_slice(part);
        }
        connection.outbox.extend_from_slice(b"\r\n");
    }

    fn write(&mut self, key: usize) {
        let Some(connection) = &mut self.connections[key] else { return };
        match connection.stream.write(&connection.outbox) {
            Ok(sent) if sent == connection.outbox.len() => connection.outbox.clear(),
            Ok(sent) => drop(connection.outbox.drain(..sent)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return self.close(key),
        }
        if connection.outbox.len() > OUTBOX_BYTES {
            return self.close(key);
        }
        let blocked = !connection.outbox.is_empty();
        if blocked != connection.blocked {
            connection.blocked = blocked;
            if self.poller.watch_writes(&connection.stream, key, blocked).is_err() {
                self.close(key);
            }
        }
    }

    /// Dropping the socket ends it, and the epoll forgets it.
    fn close(&mut self, key: usize) {
        if self.connections[key].take().is_some() {
            self.free.push(key);
            for members in self.rooms.values_mut() {
                members.retain(|&member| member != key);
            }
        }
    }
}

/// The first word, and what follows the space behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}
