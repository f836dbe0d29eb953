//! One connection: lines out, lines in, each wait with an end.

use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use rustls::{ClientConfig, ClientConnection, Stream};

use super::{Captures, PATIENCE, matches, tls, websocket};
use websocket::WebSocket;

/// A client that knows lines and nothing else. Each failed expectation panics and shows what came before.
pub(crate) struct Client {
    name: String,
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    websocket: Option<WebSocket>,
    unread: Vec<u8>,
    ended: bool,
    heard: Vec<String>,
}

impl Client {
    pub(crate) fn connect(name: &str, address: SocketAddr) -> Client {
        Client::try_connect(name, address).expect("the server accepts connections")
    }

    pub(crate) fn try_connect(name: &str, address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Client {
            name: name.to_owned(),
            stream,
            tls: None,
            websocket: None,
            unread: Vec::new(),
            ended: false,
            heard: Vec::new(),
        })
    }

    /// Connects and does the handshake; a server that does not is a failure.
    pub(crate) fn connect_tls(name: &str, address: SocketAddr, config: ClientConfig) -> Client {
        Client::connect(name, address).into_tls(config)
    }

    /// Does the handshake, after whatever was sent.
    pub(crate) fn into_tls(mut self, config: ClientConfig) -> Client {
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let mut tls = tls::begin(config);
        if let Err(error) = tls.complete_io(&mut self.stream) {
            self.fail("expected a handshake", error);
        }
        self.tls = Some(Box::new(tls));
        self
    }

    /// Opens a WebSocket, with these header lines in its request; from here on each line is a
    /// message.
    pub(crate) fn upgraded(mut self, headers: &str) -> Client {
        self.write(websocket::request(headers).as_bytes());
        let deadline = Instant::now() + PATIENCE;
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.ended {
                self.fail("expected an answer", String::from_utf8_lossy(&self.unread));
            }
            self.fill(deadline);
        };
        let behind = self.unread.split_off(end);
        let head = String::from_utf8(std::mem::take(&mut self.unread)).expect("ASCII");
        let mut websocket = WebSocket::opened(&head);
        websocket.take(&behind, &mut self.unread);
        self.websocket = Some(websocket);
        self
    }

    /// The client's end of its WebSocket.
    pub(crate) fn websocket(&self) -> &WebSocket {
        self.websocket.as_ref().expect("a WebSocket was opened")
    }

    /// The client's end of TLS.
    pub(crate) fn tls(&mut self) -> &mut ClientConnection {
        self.tls.as_mut().expect("connected by TLS")
    }

    /// The word this client is called by, which is also whom it logs in as.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The socket itself, for tests that fill it or break it.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.heard.push(format!("> {line}"));
        self.send_bytes(format!("{line}\r\n").as_bytes());
    }

    /// Sends exactly these bytes, or, by WebSocket, the lines that they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        match self.websocket {
            Some(_) => self.write(&websocket::frames(bytes)),
            None => self.write(bytes),
        }
    }

    /// Sends exactly these bytes, whatever is spoken. A connection that the server has closed is not an error: what it said is still to be read.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let sent = match &mut self.tls {
            Some(tls) => Stream::new(&mut **tls, &mut self.stream).write_all(bytes),
            None => self.stream.write_all(bytes),
        };
        if let Err(error) = sent {
            assert!(is_closed(error.kind()), "{}: cannot send: {error}", self.name);
        }
    }

    /// The next line without its end; `None` when the connection is closed, be it in the middle of a line.
    pub(crate) fn next(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let line = String::from_utf8(line).expect("the server sends UTF-8");
                let line = line.strip_suffix("\r\n").expect("the server ends lines with CR LF");
                self.heard.push(format!("< {line}"));
                return Some(line.to_owned());
            }
            if self.ended {
                return None;
            }
            self.fill(deadline);
        }
    }

    fn fill(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.fail("waited in vain for a line", "");
        }
        self.stream.set_read_timeout(Some(left)).expect("a read timeout");
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.tls {
            Some(tls) => Stream::new(&mut **tls, &mut self.stream).read(&mut buffer),
            None => self.stream.read(&mut buffer),
        };
        match read {
            Ok(0) => self.ended = true,
            Ok(length) => match &mut self.websocket {
                Some(websocket) => websocket.take(&buffer[..length], &mut self.unread),
                None => self.unread.extend_from_slice(&buffer[..length]),
            },
            Err(error) if is_closed(error.kind()) => self.ended = true,
            Err(error) if is_passing(error.kind()) => {}
            Err(error) => self.fail("cannot read", error),
        }
    }

    /// The very next line must match `pattern`.
    pub(crate) fn expect(&mut self, pattern: &str) -> String {
        self.expect_with(pattern, &mut Captures::new())
    }

    pub(crate) fn expect_with(&mut self, pattern: &str, captures: &mut Captures) -> String {
        match self.next() {
            Some(line) if matches(pattern, &line, captures) => line,
            Some(line) => self.fail(&format!("expected `{pattern}`"), line),
            None => self.fail(&format!("expected `{pattern}`"), "the connection was closed"),
        }
    }

    /// Skips lines until one matches `pattern`.
    pub(crate) fn until(&mut self, pattern: &str) -> String {
        self.until_with(pattern, &mut Captures::new())
    }

    pub(crate) fn until_with(&mut self, pattern: &str, captures: &mut Captures) -> String {
        loop {
            match self.next() {
                Some(line) if matches(pattern, &line, captures) => return line,
                Some(_) => {}
                None => self.fail(&format!("waited for `{pattern}`"), "the connection was closed"),
            }
        }
    }

    /// All lines up to the answer to a PING, which is not among them.
    pub(crate) fn until_answered(&mut self) -> Vec<String> {
        self.send("PING :are you there");
        let mut lines = Vec::new();
        loop {
            match self.next() {
                Some(line) if matches(":* PONG * :are you there", &line, &mut Captures::new()) => {
                    return lines;
                }
                Some(line) => lines.push(line),
                None => self.fail("waited for PONG", "the connection was closed"),
            }
        }
    }

    /// Nothing has been sent to this client that it has not read.
    pub(crate) fn expect_quiet(&mut self) {
        let lines = self.until_answered();
        if !lines.is_empty() {
            self.fail("expected nothing", lines);
        }
    }

    /// The server closes the connection now; returns the lines that it said before.
    pub(crate) fn until_closed(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// All bytes up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while !self.ended {
            self.fill(deadline);
        }
        std::mem::take(&mut self.unread)
    }

    /// All bytes up to the one that `end` finds, or to the end of the connection.
    pub(crate) fn read_to(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(end) = end(&self.unread) {
                return self.unread.drain(..end).collect();
            }
            if self.ended {
                return std::mem::take(&mut self.unread);
            }
            self.fill(deadline);
        }
    }

    /// The server closes the connection without another word.
    pub(crate) fn expect_closed(&mut self) {
        if let Some(line) = self.next() {
            self.fail("expected the end of the connection", line);
        }
        assert!(self.unread.is_empty(), "{}: the last line was cut", self.name);
    }

    /// Waits until so many pings were answered, and returns what was in them.
    pub(crate) fn pongs(&mut self, count: usize) -> &[Vec<u8>] {
        let deadline = Instant::now() + PATIENCE;
        while self.websocket().pongs.len() < count {
            assert!(!self.ended, "{}: closed before {count} answers", self.name);
            self.fill(deadline);
        }
        &self.websocket().pongs
    }

    /// Sends no more; reading goes on. A connection that the server has closed already is fine.
    pub(crate) fn end_input(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            tls.write_tls(&mut self.stream).expect("the server takes it");
        }
        if let Err(error) = self.stream.shutdown(Shutdown::Write) {
            assert_eq!(error.kind(), ErrorKind::NotConnected, "{}: {error}", self.name);
        }
    }

    /// Requests capabilities (separated by spaces), which must be granted, and ends the negotiation.
    pub(crate) fn request(&mut self, capabilities: &str) {
        self.request_only(capabilities);
        self.send("CAP END");
    }

    /// Requests capabilities, which must be granted, and leaves the negotiation open.
    pub(crate) fn request_only(&mut self, capabilities: &str) {
        self.send(&format!("CAP REQ :{capabilities}"));
        self.until(":* CAP * ACK :*");
    }

    /// Logs in with the password `secret` by one LOGIN line, and reads all that follows.
    pub(crate) fn log_in(&mut self, account: &str) {
        self.log_in_only(account);
        self.until_answered();
    }

    /// Logs in and leaves unread what follows the confirmation.
    pub(crate) fn log_in_only(&mut self, account: &str) {
        self.send(&format!("LOGIN {account} :secret"));
        loop {
            let line = self.until("*");
            if line.contains(" NOTE LOGIN LOGGED_IN ")
                || line.contains(" NOTE LOGIN ACCOUNT_CREATED ")
            {
                return;
            }
            if line.contains(" FAIL LOGIN ") {
                self.fail("expected to be logged in", line);
            }
        }
    }

    /// Becomes a guest by NICK and USER, and reads all that follows.
    pub(crate) fn be_guest(&mut self, nick: &str) {
        self.send(&format!("NICK {nick}"));
        self.send(&format!("USER {nick} 0 * :{nick}"));
        self.until(":* 005 *");
        self.until_answered();
    }

    /// Panics with this client's conversation so far.
    pub(crate) fn fail(&self, what: &str, got: impl Debug) -> ! {
        let from = self.heard.len().saturating_sub(20);
        panic!(
            "{}: {what}, got {got:?}; before:\n  {}",
            self.name,
            self.heard[from..].join("\n  ")
        );
    }
}

/// Whether to read on: nothing has come yet, or a signal came between.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}
