//! A connection: its socket, partial input, send queue, and flood limit.

mod lines;
mod writing;

use crate::limits::{ACCOUNT_SECONDS, Limits, NEW_PASSWORD_SECONDS};
use crate::shard::fanout::Sources;
use crate::shard::memory::Backlog;
use crate::shard::outbox::Outbox;
use crate::shard::receipts::Receipts;
use crate::transport::http::Incoming;
use crate::transport::sniff::{Protocol, sniff};
use crate::transport::{Received, Scratch, Setup, Transport, tls};
use lines::burst;
use mio::net::TcpStream;
use proto::Capabilities;
use proto::line::LineError;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use store::RoomId;

/// A connection. An idle one owns no buffer.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    /// Its transport.
    pub transport: Transport,
    /// Distinguishes it from earlier connections in the same slot.
    pub generation: u32,
    /// The client's address.
    pub address: IpAddr,
    /// The capabilities for which its lines are rendered.
    pub capabilities: Capabilities,
    /// Its stage.
    pub stage: Stage,
    /// When the deadline of its stage began to run.
    pub since: Instant,
    /// When an incomplete handshake or request began.
    pub half_since: Option<Instant>,
    /// Until when it must have logged in.
    deadline: Deadline,
    /// When it last sent something.
    pub heard: Instant,
    /// It has been sent a `PING` since then.
    pub pinged: bool,
    /// Its socket accepts no more for now; an event will tell when it does.
    pub blocked: bool,
    /// It is in the list of connections to read.
    pub ready: bool,
    /// It is flooding, and not read for a moment.
    pub paused: bool,
    /// It is not read, because lines of it are waiting in the hub.
    pub held: bool,
    /// The peer will send nothing more, although not everything may have been read.
    pub read_closed: bool,
    /// It has something to write in this round.
    pub dirty: bool,
    /// Where its lines of the current release come from.
    pub(crate) sources: Sources,
    /// The number of lines it may send at once, which grows with time.
    allowance: f32,
    refilled: Instant,
    /// The rest of a line that is too long is being discarded.
    skipping: bool,
    /// The peer will send nothing more; earlier lines may be waiting.
    pub over: bool,
    /// The peer will send nothing more, and everything has been processed.
    pub ended: bool,
    /// There are complete lines among the unread bytes, because there were too many at once.
    pub lines_wait: bool,
    /// Bytes read that are not lines yet.
    pub(super) unread: Vec<u8>,
    /// The send queue; `push` enforces its limit.
    pub outbox: Outbox,
    /// Its outbox exceeded the limit.
    pub overflown: bool,
    outbox_most: usize,
    /// How far its peer lags behind; none if it does not.
    pub(crate) backlog: Option<Box<Backlog>>,
    /// The rooms whose news it receives.
    pub rooms: Vec<RoomId>,
    /// What it has been sent and has not acknowledged.
    pub receipts: Receipts,
}

/// The stage of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not logged in yet.
    LoggingIn,
    /// Logged in.
    Ready,
    /// Its last lines are being written before it is closed.
    Closing,
}

/// What a connection that has not logged in has been told to do, each later than the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// Nothing: it has the time that everybody has.
    Login,
    /// To log in to an account.
    Account,
    /// To set a new password in place of a one-time code.
    NewPassword,
}

/// The result of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadLine<'a> {
    /// A line.
    Line(&'a str),
    /// An invalid line, and as much of it as is valid, up to its verb.
    Bad(LineError, &'a str),
}

/// Why no further line was read.
#[derive(Debug, PartialEq, Eq)]
pub enum StopReason {
    /// There is no complete line.
    NoLine,
    /// The flood limit.
    Flood,
    /// The batch is full, or its share of it.
    Full,
}

impl Connection {
    /// A connection that was just accepted.
    pub fn new(
        stream: TcpStream,
        generation: u32,
        address: IpAddr,
        limits: &Limits,
        now: Instant,
    ) -> Connection {
        Connection {
            stream,
            transport: Transport::Undetected { proxied: false },
            generation,
            address,
            capabilities: Capabilities::default(),
            stage: Stage::LoggingIn,
            since: now,
            half_since: None,
            deadline: Deadline::Login,
            heard: now,
            pinged: false,
            blocked: false,
            ready: false,
            paused: false,
            held: false,
            read_closed: false,
            dirty: false,
            sources: Sources::None,
            allowance: burst(limits),
            refilled: now,
            skipping: false,
            over: false,
            ended: false,
            lines_wait: false,
            unread: Vec::new(),
            outbox: Outbox::default(),
            overflown: false,
            outbox_most: if limits.outbox_bytes == 0 { usize::MAX } else { limits.outbox_bytes },
            backlog: None,
            rooms: Vec::new(),
            receipts: Receipts::default(),
        }
    }

    /// The next line acknowledges what has been written so far, unless it may have been sent
    /// before.
    pub(crate) fn note_written(&mut self) {
        if self.is_written() && !self.paused && !self.lines_wait && !self.ready {
            self.receipts.written();
        }
    }

    /// Applies new limits.
    pub(crate) fn keep_limits(&mut self, limits: &Limits) {
        self.outbox_most = if limits.outbox_bytes == 0 { usize::MAX } else { limits.outbox_bytes };
    }

    /// Its session has logged in.
    pub(crate) fn logged_in(&mut self) {
        if self.stage == Stage::LoggingIn {
            self.stage = Stage::Ready;
        }
    }

    /// It has been told to log in: it has [`ACCOUNT_SECONDS`] from the first time.
    pub(crate) fn must_log_in(&mut self, now: Instant) {
        self.enter_within(Deadline::Account, now);
    }

    /// It has logged in by a one-time code: it has [`NEW_PASSWORD_SECONDS`] to set a new password.
    pub(crate) fn must_set_password(&mut self, now: Instant) {
        self.enter_within(Deadline::NewPassword, now);
    }

    fn enter_within(&mut self, deadline: Deadline, now: Instant) {
        if self.stage == Stage::LoggingIn && self.deadline < deadline {
            (self.deadline, self.since) = (deadline, now);
        }
    }

    /// How long after [`Connection::since`] it may take to log in; none for no limit.
    pub(crate) fn login_patience(&self, limits: &Limits) -> Option<Duration> {
        let seconds = match (self.deadline, limits.login_seconds) {
            (Deadline::Login, 0) => return None,
            (Deadline::Account, 0) => ACCOUNT_SECONDS,
            (Deadline::Login, seconds) => seconds,
            (Deadline::Account, seconds) => seconds.min(ACCOUNT_SECONDS),
            (Deadline::NewPassword, _) => NEW_PASSWORD_SECONDS,
        };
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// Appends lines to the outbox. Beyond the limit nothing is kept: the connection will be
    /// closed.
    pub(crate) fn push(&mut self, lines: &[u8]) {
        self.outbox.push(lines);
        self.check_outbox();
    }

    /// Puts history in the place reserved for it.
    pub(crate) fn fill(&mut self, placeholder: u64, lines: Vec<u8>) {
        self.outbox.fill(placeholder, lines);
        self.check_outbox();
    }

    fn check_outbox(&mut self) {
        if self.waiting() > self.outbox_most {
            self.overflown = true;
        }
        if self.overflown {
            self.outbox = Outbox::default();
        }
    }

    /// Whether everything has been written.
    pub(crate) fn is_written(&self) -> bool {
        self.outbox.is_empty() && self.unsent() == 0
    }

    /// The number of bytes waiting to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len() + self.unsent()
    }

    /// The number of framed or encrypted bytes that the socket has not accepted yet.
    fn unsent(&self) -> usize {
        match &self.transport {
            Transport::Layered(layers) => layers.unsent.len(),
            Transport::Undetected { .. } | Transport::Plain => 0,
        }
    }

    /// Earlier input that is incomplete, or too short to detect the transport.
    pub(crate) fn kept(&self) -> &[u8] {
        self.transport.unread(&self.unread)
    }

    /// Whether its peer has sent nothing yet, so that its transport is unknown.
    pub(crate) fn has_sent_nothing(&self) -> bool {
        matches!(self.transport, Transport::Undetected { .. }) && self.unread.is_empty()
    }

    /// It is refused: sets the transport by its first bytes, if any, so that the peer can read why.
    pub(crate) fn refuse(&mut self, first: &[u8]) {
        match sniff(first) {
            Some(Protocol::Http) => self.transport = Transport::http(),
            Some(Protocol::Tls) => {
                self.outbox = Outbox::default();
                self.outbox.push(&tls::REFUSAL);
                self.transport = Transport::Plain;
            }
            Some(Protocol::Lines | Protocol::Proxy) | None => self.transport = Transport::Plain,
        }
    }

    /// Processes input other than plain lines: [`Connection::kept`], followed by new bytes.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        setup: &Setup<'_>,
        scratch: &mut Scratch,
    ) -> Received {
        let was_idle = self.transport.requests().is_some_and(Incoming::is_idle);
        let received = self.transport.receive(bytes, setup, scratch, &mut self.unread);
        self.note_received(was_idle);
        received
    }

    /// Processes what came after a request that has its response now.
    pub(crate) fn resume(&mut self, setup: &Setup<'_>, scratch: &mut Scratch) -> Received {
        let received = self.transport.resume(setup, scratch);
        self.note_received(true);
        received
    }

    /// Starts or ends the deadline of a handshake or request. `was_idle`: another request of HTTP
    /// may have begun, which has its own.
    fn note_received(&mut self, was_idle: bool) {
        let requests = self.transport.requests();
        if !self.transport.is_incomplete(&self.unread) {
            self.half_since = None;
        } else if self.half_since.is_none()
            || (was_idle && !requests.is_some_and(Incoming::is_idle))
        {
            self.half_since = Some(Instant::now());
        }
        self.check_outbox();
    }

    /// Sends a response of HTTP; `keep`: another request may follow, for which its deadline runs.
    ///
    /// # Errors
    /// When the connection is unusable.
    pub(crate) fn answer(&mut self, response: &[u8], keep: bool) -> io::Result<()> {
        self.half_since = Some(Instant::now());
        match &mut self.transport {
            Transport::Layered(layers) => layers.answer(response, keep),
            Transport::Undetected { .. } | Transport::Plain => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::transport::certificate::Certificate;

    #[test]
    fn what_a_shard_keeps_for_each_idle_connection_stays_small() {
        // In bytes, on a machine of 64 bits. What few connections need at one time belongs in a box.
        assert!(size_of::<Connection>() <= 232, "{}", size_of::<Connection>());
    }

    #[test]
    fn a_session_told_to_log_in_has_at_most_half_a_minute() {
        let (mut connection, _peer) = unread(0);
        let limits = |login_seconds| Limits { login_seconds, ..Limits::default() };
        let patience = |connection: &Connection, seconds| {
            connection.login_patience(&limits(seconds)).map(|patience| patience.as_secs())
        };
        assert_eq!([0, 5, 120].map(|most| patience(&connection, most)), [None, Some(5), Some(120)]);
        let told = connection.since + Duration::from_secs(7);
        connection.must_log_in(told);
        connection.must_log_in(told + Duration::from_secs(20)); // Saying NICK anew gains nothing.
        assert_eq!(connection.since, told);
        assert_eq!(
            [0, 5, 120].map(|most| patience(&connection, most)),
            [Some(30), Some(5), Some(30)]
        );
        let set = told + Duration::from_secs(20);
        connection.must_set_password(set);
        connection.must_log_in(set + Duration::from_secs(1));
        assert_eq!(connection.since, set);
        let most = NEW_PASSWORD_SECONDS.into();
        assert_eq!([0, 5, 120].map(|seconds| patience(&connection, seconds)), [Some(most); 3]);
    }

    #[test]
    fn a_proxy_header_is_never_a_line_however_it_is_split() {
        let config: Config = toml::from_str("server.proxies = [\"127.0.0.1\"]").unwrap();
        let certificate = Certificate::load(&config.tls, None).unwrap();
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x63\x7f\0\0\x01\x10\0\x27\x0f";
        let all = [&header[..], b"PING :x\r\n"].concat();
        for cut in 0..all.len() {
            let (mut connection, _peer) = unread(0);
            connection.transport = Transport::Undetected { proxied: false };
            let (tls, peer) = (&certificate.config, connection.address);
            let setup = Setup { config: &config, tls, peer };
            let (mut lines, mut forwarded) = (Vec::new(), None);
            for piece in [&all[..cut], &all[cut..]] {
                let mut bytes = [connection.kept(), piece].concat();
                let mut scratch = Scratch::default();
                let received = connection.receive(&mut bytes, &setup, &mut scratch);
                forwarded = forwarded.or(received.proxied);
                let limits = Limits::default();
                connection.take_lines(&scratch.lines, &limits, Instant::now(), |taken| {
                    lines.push(format!("{taken:?}"));
                    true
                });
            }
            assert_eq!(lines, [r#"Line("PING :x")"#], "cut at {cut}");
            assert_eq!(forwarded, Some(("192.0.2.99".parse().unwrap(), false)));
        }
    }

    /// A connection whose peer reads nothing, and the peer.
    pub(super) fn unread(outbox_bytes: usize) -> (Connection, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream);
        let limits = Limits { outbox_bytes, ..Limits::default() };
        let mut connection = Connection::new(stream, 0, address.ip(), &limits, Instant::now());
        connection.transport = Transport::Plain;
        (connection, peer)
    }
}
