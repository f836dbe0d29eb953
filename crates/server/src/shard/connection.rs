//! One connection as its shard owns it: the socket, what came half, what waits to go, and how much
//! it may still send.

mod lines;
mod writing;

use crate::limits::{ACCOUNT_SECONDS, Limits};
use crate::shard::fanout::Sources;
use crate::shard::memory::Behind;
use crate::shard::outbox::Outbox;
use crate::shard::receipts::Receipts;
use crate::transport::sniff::{Speech, sniff};
use crate::transport::{Judge, Received, Scratch, Way, tls};
use lines::burst;
use mio::net::TcpStream;
use proto::Capabilities;
use proto::line::LineError;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use store::RoomId;

/// A connection. At rest it owns no buffer.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    /// By which way its lines come and go.
    pub way: Way,
    /// Tells it from earlier connections in the same slot.
    pub generation: u32,
    /// From where.
    pub address: IpAddr,
    /// What its lines are rendered for.
    pub capabilities: Capabilities,
    /// Where it stands.
    pub stage: Stage,
    /// When the stage's deadline, if it has one, began.
    pub since: Instant,
    /// When its peer began what it should end soon: a handshake, a request.
    pub half_since: Option<Instant>,
    /// It cannot come in without an account, and was told so.
    must_log_in: bool,
    /// When it last sent anything.
    pub heard: Instant,
    /// It was asked for a sign of life since then.
    pub pinged: bool,
    /// Its socket takes no more at the moment; an event will tell when it does.
    pub blocked: bool,
    /// It is among those that may have something to read.
    pub ready: bool,
    /// It floods, and is read again only after a pause.
    pub paused: bool,
    /// The hub has lines of it that wait for their turn: it is not read meanwhile.
    pub held: bool,
    /// Its peer will send nothing more, though not all may have been read.
    pub read_closed: bool,
    /// It has something to write in this round.
    pub dirty: bool,
    /// Where its lines of the release at hand come from.
    pub(crate) sources: Sources,
    /// Lines it may send at once; refilled with time.
    allowance: f32,
    refilled: Instant,
    /// The rest of a line that is too long is being thrown away.
    skipping: bool,
    /// Its peer has said that nothing more comes; lines that came before may wait.
    pub over: bool,
    /// Nothing more comes, and all that came is dealt with.
    pub ended: bool,
    /// Whole lines are among the unread bytes: they were too many at once.
    pub lines_wait: bool,
    /// Bytes read and not yet taken as lines.
    unread: Vec<u8>,
    /// Lines to write; `push` keeps them within the limit.
    pub outbox: Outbox,
    /// More lines came than its outbox may hold.
    pub overflown: bool,
    outbox_most: usize,
    /// How far its peer is behind with reading; none: not at all.
    pub(crate) behind: Option<Box<Behind>>,
    /// The rooms it is told of.
    pub rooms: Vec<RoomId>,
    /// What it was told and has not answered.
    pub receipts: Receipts,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has not logged in.
    Entering,
    /// It has.
    Ready,
    /// Its last lines are being written, then the socket closes.
    Closing,
}

/// What came of a line's bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// A line.
    Line(&'a str),
    /// Something else, and as much of it as can be read, up to its verb.
    Bad(LineError, &'a str),
}

/// Why no further line was taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped {
    /// There is none.
    NoLine,
    /// It has sent too many lines lately.
    Flood,
    /// The taker has no room.
    Full,
}

impl Connection {
    /// A connection just accepted.
    pub fn new(
        stream: TcpStream,
        generation: u32,
        address: IpAddr,
        limits: &Limits,
        now: Instant,
    ) -> Connection {
        Connection {
            stream,
            way: Way::Unknown { proxied: false },
            generation,
            address,
            capabilities: Capabilities::default(),
            stage: Stage::Entering,
            since: now,
            half_since: None,
            must_log_in: false,
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
            behind: None,
            rooms: Vec::new(),
            receipts: Receipts::default(),
        }
    }

    /// The next line answers what is written by now, unless it may have come before.
    pub(crate) fn note_written(&mut self) {
        if self.is_written() && !self.paused && !self.lines_wait && !self.ready {
            self.receipts.written();
        }
    }

    /// Keeps to these limits from here on.
    pub(crate) fn keep_limits(&mut self, limits: &Limits) {
        self.outbox_most = if limits.outbox_bytes == 0 { usize::MAX } else { limits.outbox_bytes };
    }

    /// Its session has logged in.
    pub(crate) fn logged_in(&mut self) {
        if self.stage == Stage::Entering {
            self.stage = Stage::Ready;
        }
    }

    /// It was told that it must log in: it has [`ACCOUNT_SECONDS`] from the first time on.
    pub(crate) fn must_log_in(&mut self, now: Instant) {
        if self.stage == Stage::Entering && !std::mem::replace(&mut self.must_log_in, true) {
            self.since = now;
        }
    }

    /// How long since [`Connection::since`] it may take to log in; none: for ever.
    pub(crate) fn login_patience(&self, limits: &Limits) -> Option<Duration> {
        let seconds = match (limits.login_seconds, self.must_log_in) {
            (0, false) => return None,
            (0, true) => ACCOUNT_SECONDS,
            (seconds, true) => seconds.min(ACCOUNT_SECONDS),
            (seconds, false) => seconds,
        };
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// Appends lines to the outbox. Beyond its limit nothing is kept: the connection will be
    /// closed.
    pub(crate) fn push(&mut self, lines: &[u8]) {
        self.outbox.push(lines);
        self.check_outbox();
    }

    /// Puts history in the place kept for it.
    pub(crate) fn fill_place(&mut self, place: u64, lines: Vec<u8>) {
        self.outbox.fill_place(place, lines);
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

    /// Whether all that was to be written is.
    pub(crate) fn is_written(&self) -> bool {
        self.outbox.is_empty() && self.unsent() == 0
    }

    /// Bytes that wait to be written, in all.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len() + self.unsent()
    }

    /// Bytes that are wrapped for the socket, which has not taken them yet.
    fn unsent(&self) -> usize {
        match &self.way {
            Way::Layers(layers) => layers.unsent.len(),
            Way::Unknown { .. } | Way::Lines => 0,
        }
    }

    /// What came before and told nothing yet, or was no whole record.
    pub(crate) fn kept(&self) -> &[u8] {
        self.way.unread(&self.unread)
    }

    /// Whether its peer has said nothing yet, and so may not be ready to hear lines.
    pub(crate) fn is_unheard(&self) -> bool {
        matches!(self.way, Way::Unknown { .. }) && self.unread.is_empty()
    }

    /// It is refused, and these are its first bytes, if there were any: it is told so in what it
    /// speaks.
    pub(crate) fn refuse(&mut self, first: &[u8]) {
        match sniff(first) {
            Some(Speech::Http) => self.way = Way::http(),
            Some(Speech::Tls) => {
                self.outbox = Outbox::default();
                self.outbox.push(&tls::REFUSAL);
                self.way = Way::Lines;
            }
            Some(Speech::Lines | Speech::Proxy) | None => self.way = Way::Lines,
        }
    }

    /// Takes bytes that are not just lines: those [`Connection::kept`] and what came after them.
    pub(crate) fn receive(
        &mut self,
        bytes: &mut [u8],
        judge: &Judge<'_>,
        scratch: &mut Scratch,
    ) -> Received {
        let received = self.way.receive(bytes, judge, scratch, &mut self.unread);
        if !self.way.is_half_open(&self.unread) {
            self.half_since = None;
        } else if self.half_since.is_none() {
            self.half_since = Some(Instant::now());
        }
        self.check_outbox();
        received
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::transport::certificate::Certificate;

    #[test]
    fn who_was_told_to_log_in_has_half_a_minute_from_then_on_or_less() {
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
    }

    #[test]
    fn the_header_of_a_proxy_is_no_line_however_it_is_cut() {
        let config: Config = toml::from_str("server.proxies = [\"127.0.0.1\"]").unwrap();
        let certificate = Certificate::load(&config.tls, None).unwrap();
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x63\x7f\0\0\x01\x10\0\x27\x0f";
        let all = [&header[..], b"PING :x\r\n"].concat();
        for cut in 0..all.len() {
            let (mut connection, _peer) = unread(0);
            connection.way = Way::Unknown { proxied: false };
            let (tls, peer) = (&certificate.config, connection.address);
            let judge = Judge { config: &config, tls, peer };
            let (mut lines, mut forwarded) = (Vec::new(), None);
            for piece in [&all[..cut], &all[cut..]] {
                let mut bytes = [connection.kept(), piece].concat();
                let mut scratch = Scratch::default();
                let received = connection.receive(&mut bytes, &judge, &mut scratch);
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
        connection.way = Way::Lines;
        (connection, peer)
    }
}
