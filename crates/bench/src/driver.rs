//! All clients, driven by one thread.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dialect::{Dialect, ServerLine};
use crate::failure::{Context, Failure, Result};
use crate::layers::{self, Layers, Scratch};
use crate::poller::{Poller, Ready};
use crate::transport::Transport;

/// Bytes read at once: large, so that the clients cost less than the server that is measured.
const READ_BYTES: usize = 256 * 1024;

/// How long a server may be silent while something is awaited.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The clients and their connections, numbered from 0 in the order in which they connect.
pub struct Driver {
    dialect: Dialect,
    addresses: Vec<SocketAddr>,
    transport: Transport,
    /// Shared by the clients of an encrypted transport.
    tls: Option<Arc<rustls::ClientConfig>>,
    poller: Poller,
    ready: Vec<Ready>,
    connections: Vec<Connection>,
    /// Connections with something to send, each once.
    dirty: Vec<usize>,
    buffer: Box<[u8]>,
    scratch: Scratch,
    received_bytes: u64,
    wire_bytes: u64,
}

struct Connection {
    stream: TcpStream,
    /// `None` for plain, where lines are read and written as they are.
    layers: Option<Box<Layers>>,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    outgoing: Vec<u8>,
    /// It is among those with something to send.
    dirty: bool,
    /// The socket was full; the rest goes when it has room.
    blocked: bool,
}

impl Driver {
    /// Clients for the server at these addresses, none connected yet; they connect to one after another.
    ///
    /// # Errors
    /// [`Failure::Io`] if the system has no epoll to give.
    pub fn new(dialect: Dialect, addresses: Vec<SocketAddr>, transport: Transport) -> Result<Self> {
        Ok(Self {
            dialect,
            addresses,
            transport,
            tls: layers::client_config(transport)?,
            poller: Poller::new().context("creating an epoll")?,
            ready: Vec::new(),
            connections: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            scratch: Scratch::default(),
            received_bytes: 0,
            wire_bytes: 0,
        })
    }

    /// The language of the server.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Bytes of lines received by all clients since the beginning.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The same including the transport's overhead.
    #[must_use]
    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    /// The cipher of the first client, if the transport is encrypted.
    #[must_use]
    pub fn cipher(&self) -> Option<rustls::SupportedCipherSuite> {
        self.connections.first()?.layers.as_ref()?.cipher()
    }

    /// Connects one more client and gives its number.
    ///
    /// # Errors
    /// [`Failure::Io`] if the server does not accept; [`Failure::Tls`] if rustls has no first words.
    pub fn connect(&mut self) -> Result<usize> {
        let number = self.connections.len();
        let doing = || format!("connecting client {number}");
        let stream =
            TcpStream::connect(self.addresses[number % self.addresses.len()]).context(doing())?;
        stream.set_nodelay(true).context(doing())?;
        stream.set_nonblocking(true).context(doing())?;
        self.poller.add(&stream, number).context(doing())?;
        let layers = Layers::new(self.transport, self.tls.as_ref())?.map(Box::new);
        let has_first_words = layers.is_some();
        self.connections.push(Connection {
            stream,
            layers,
            partial: Vec::new(),
            outgoing: Vec::new(),
            dirty: has_first_words,
            blocked: false,
        });
        self.dirty.extend(has_first_words.then_some(number));
        Ok(number)
    }

    /// Sends bytes from a client; they leave with the next [`Driver::poll`], in one write.
    pub fn send(&mut self, client: usize, bytes: &[u8]) {
        self.outgoing(client).extend_from_slice(bytes);
    }

    /// Sends a message to a room; it leaves with the next [`Driver::poll`].
    pub fn say(&mut self, client: usize, room: &str, text: &[u8]) {
        let dialect = self.dialect;
        dialect.say(room, text, self.outgoing(client));
    }

    /// A client stops reading, but stays connected.
    ///
    /// # Errors
    /// [`Failure::Io`] if the system refuses.
    pub fn stop_reading(&mut self, client: usize) -> Result<()> {
        self.poller.remove(&self.connections[client].stream).context("no longer watching a client")
    }

    /// Sends what there is to send, waits for the server at most `wait`, and calls `on_line` for every line that came:
    /// from which client, what, and when it was read. The server's pings are answered here.
    ///
    /// # Errors
    /// [`Failure::Closed`], [`Failure::Refused`] and [`Failure::Unsupported`] as soon as a line says so; and those of
    /// `on_line`.
    pub fn poll(
        &mut self,
        wait: Duration,
        mut on_line: impl FnMut(usize, ServerLine<'_>, Instant) -> Result<()>,
    ) -> Result<()> {
        let mut dirty = std::mem::take(&mut self.dirty);
        for client in dirty.drain(..) {
            self.write(client)?;
        }
        self.dirty = dirty;
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.wait(Some(wait), &mut ready).context("waiting for the server")?;
        for Ready { key, readable, writable } in ready.drain(..) {
            if writable {
                self.write(key)?;
            }
            if readable {
                self.read(key, &mut on_line)?;
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn outgoing(&mut self, client: usize) -> &mut Vec<u8> {
        let connection = &mut self.connections[client];
        connection.mark(client, &mut self.dirty);
        &mut connection.outgoing
    }

    fn write(&mut self, client: usize) -> Result<()> {
        let connection = &mut self.connections[client];
        connection.dirty = false;
        let outgoing = match &mut connection.layers {
            None => &mut connection.outgoing,
            Some(layers) => {
                layers.send(&mut connection.outgoing, &mut self.scratch)?;
                if layers.wire.is_empty() {
                    return Ok(());
                }
                &mut layers.wire
            }
        };
        let sent = match connection.stream.write(outgoing) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).context(format!("sending from client {client}")),
        };
        outgoing.drain(..sent);
        let blocked = !outgoing.is_empty();
        if blocked != connection.blocked {
            connection.blocked = blocked;
            let watched = self.poller.watch_writes(&connection.stream, client, blocked);
            watched.context("watching a blocked client")?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        client: usize,
        on_line: &mut impl FnMut(usize, ServerLine<'_>, Instant) -> Result<()>,
    ) -> Result<()> {
        let connection = &mut self.connections[client];
        let held = connection.layers.as_ref().map_or(&connection.partial[..], |l| l.held());
        let kept = held.len();
        if kept == READ_BYTES || connection.partial.len() >= READ_BYTES {
            return Err(Failure::Unexpected("a line without end".to_owned()));
        }
        self.buffer[..kept].copy_from_slice(held);
        let count = match connection.stream.read(&mut self.buffer[kept..]) {
            Ok(0) => return Err(closed(client, &connection.partial)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context(format!("reading as client {client}")),
        };
        let now = Instant::now();
        self.wire_bytes += count as u64;
        let incoming = &mut self.buffer[..kept + count];
        let bytes = match &mut connection.layers {
            None => &*incoming,
            Some(layers) => {
                layers.receive(incoming, &connection.partial, &mut self.scratch)?;
                if !layers.wire.is_empty() || (layers.is_open() && !connection.outgoing.is_empty())
                {
                    connection.mark(client, &mut self.dirty);
                }
                &self.scratch.lines[..]
            }
        };
        self.received_bytes += (bytes.len() - connection.partial.len()) as u64;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[start..end];
            start = end + 1;
            match self.dialect.parse(line.strip_suffix(b"\r").unwrap_or(line)) {
                ServerLine::Ping(token) => {
                    connection.mark(client, &mut self.dirty);
                    connection.outgoing.extend_from_slice(&self.dialect.pong(token));
                }
                ServerLine::Refused(line) => return Err(Failure::Refused(readable(line))),
                ServerLine::Unsupported(line) => return Err(Failure::Unsupported(readable(line))),
                other => on_line(client, other, now)?,
            }
        }
        connection.partial.clear();
        connection.partial.extend_from_slice(&bytes[start..]);
        Ok(())
    }
}

impl Connection {
    /// It has something to send. One that is blocked sends when its socket has room.
    fn mark(&mut self, client: usize, dirty: &mut Vec<usize>) {
        if !self.dirty && !self.blocked {
            self.dirty = true;
            dirty.push(client);
        }
    }
}

fn closed(connection: usize, last: &[u8]) -> Failure {
    Failure::Closed { connection, last: readable(last) }
}

fn readable(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
