//! One connection as its shard owns it: the socket, what came half, what waits to go, and how much
//! it may still send.

use crate::limits::{
    ACCOUNT_SECONDS, BATCH_LINE_COST, DISCARDS, LOGIN_LINE_BYTES, Limits, TAGS_CLIENT_BYTES,
    WRAP_BYTES, WRITE_PIECES,
};
use crate::shard::fanout::Sources;
use crate::shard::memory::Behind;
use crate::shard::outbox::{Outbox, SharedLines};
use crate::shard::receipts::Receipts;
use crate::transport::sniff::{Speech, sniff};
use crate::transport::{Judge, Layers, Received, Scratch, Way, tls};
use memchr::memrchr;
use mio::net::TcpStream;
use proto::line::{LineError, check_line_within, head, next_line};
use proto::{Capabilities, Capability};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
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

    /// Writes lines that others are told, too, to the socket without copying them first; what it
    /// does not take is left in the outbox. False then, or if the socket fails: an ordinary write
    /// deals with it.
    pub(crate) fn write_shared(&mut self, lines: &mut SharedLines, scratch: &mut Scratch) -> bool {
        if self.blocked || !self.outbox.is_empty() {
            self.outbox.push_shared(lines.kept());
            self.check_outbox();
            return false;
        }
        if let Way::Layers(layers) = &mut self.way {
            scratch.out.clear();
            let at_once = layers.unsent.is_empty() && lines.bytes.len() <= WRAP_BYTES;
            if !(at_once && layers.wrap_shared(lines, scratch).unwrap_or(false)) {
                self.outbox.push_shared(lines.kept());
            }
            // Even if no line: TLS may have something of its own to say.
            if !scratch.out.is_empty() {
                let taken = self.stream.write(&scratch.out).unwrap_or(0);
                layers.unsent.extend_from_slice(&scratch.out[taken..]);
            }
            self.check_outbox();
            return self.is_written();
        }
        let taken = self.stream.write(&lines.bytes).unwrap_or(0);
        if taken < lines.bytes.len() {
            self.push(&lines.bytes[taken..]);
        }
        taken == lines.bytes.len()
    }

    /// Writes what the socket takes of the outbox.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(crate) fn write_ready(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        if let Way::Layers(layers) = &mut self.way {
            let closing = self.stage == Stage::Closing;
            let written =
                write_wrapped(&mut self.stream, layers, &mut self.outbox, closing, scratch)?;
            self.blocked |= !written;
            self.check_outbox();
            return Ok(());
        }
        while !self.blocked && self.outbox.is_ready() {
            let mut slices = [IoSlice::new(&[]); WRITE_PIECES];
            let count = self.outbox.ready(&mut slices);
            match self.stream.write_vectored(&slices[..count]) {
                Ok(bytes) => self.outbox.advance(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Throws away what the system has for us, up to a bound.
    pub(crate) fn discard(&mut self, buffer: &mut [u8]) {
        let _ = (0..DISCARDS).find(|_| !matches!(self.stream.read(buffer), Ok(bytes) if bytes > 0));
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

    /// Takes the lines out of what was left over and `data`, until there are none, it floods, or
    /// `take` says it is full.
    pub fn take_lines(
        &mut self,
        data: &[u8],
        limits: &Limits,
        now: Instant,
        mut take: impl FnMut(Taken<'_>) -> bool,
    ) -> Stopped {
        self.refill(limits, now);
        if let Way::Unknown { .. } = self.way {
            return Stopped::NoLine; // What is kept may be something else.
        }
        let mut unread = std::mem::take(&mut self.unread);
        let joined = if unread.is_empty() {
            data
        } else {
            unread.extend_from_slice(data);
            &unread
        };
        let most = if self.stage == Stage::Entering {
            LOGIN_LINE_BYTES
        } else {
            crate::limits::LINE_BYTES
        };
        let mut left = joined;
        let stopped = loop {
            let Some((line, used)) = next_line(left) else { break Stopped::NoLine };
            if self.allowance < 1.0 && limits.commands_per_second != 0 {
                break Stopped::Flood;
            }
            self.allowance -= self.cost(line);
            left = &left[used..];
            if std::mem::take(&mut self.skipping) {
                continue; // The end of a line that was refused before.
            }
            let taken = match check_line_within(line, most) {
                Ok(line) => Taken::Line(line),
                Err(error) => Taken::Bad(error, head(line)),
            };
            if !take(taken) {
                break Stopped::Full;
            }
        };
        // It has sent too much that is no line.
        let floods = self.allowance < 0.0 && limits.commands_per_second != 0;
        let stopped = if stopped == Stopped::NoLine && floods { Stopped::Flood } else { stopped };
        if stopped == Stopped::NoLine && left.len() > TAGS_CLIENT_BYTES + LOGIN_LINE_BYTES {
            if !std::mem::replace(&mut self.skipping, true) {
                take(Taken::Bad(LineError::TooLong, head(left)));
            }
            left = &[];
        }
        self.unread = left.to_vec();
        self.lines_wait = stopped != Stopped::NoLine;
        stopped
    }

    /// Counts what came and was of no line, such as pings of WebSocket, as the lines that it could
    /// have been. What came before and is of lines now is given back.
    pub(crate) fn charge(&mut self, bytes: usize, lines: usize) {
        self.allowance -= (bytes as f32 - lines as f32) / crate::limits::LINE_BYTES as f32;
    }

    /// How long until it may send another line.
    pub fn flood_pause(&self, limits: &Limits) -> std::time::Duration {
        if limits.commands_per_second == 0 {
            return std::time::Duration::ZERO;
        }
        let missing = (1.0 - self.allowance).max(0.0);
        std::time::Duration::from_secs_f32(missing / limits.commands_per_second.max(1) as f32)
    }

    /// What a line takes of the allowance: one of a batch weighs less, for those to whom the tag
    /// means something.
    fn cost(&self, line: &[u8]) -> f32 {
        let sends_batches =
            self.stage == Stage::Ready && self.capabilities.contains(Capability::Multiline);
        if sends_batches && is_of_batch(line) { BATCH_LINE_COST } else { 1.0 }
    }

    fn refill(&mut self, limits: &Limits, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs_f32();
        self.refilled = now;
        if limits.commands_per_second == 0 {
            // Nothing is counted; and it begins anew when a limit is set.
            self.allowance = burst(limits);
            return;
        }
        let earned = seconds * limits.commands_per_second as f32;
        self.allowance = (self.allowance + earned).min(burst(limits));
    }
}

/// Writes what a socket takes of an outbox, wrapped; at the end the layers' last words. True if the
/// socket has taken all that can be written now.
fn write_wrapped(
    stream: &mut TcpStream,
    layers: &mut Layers,
    outbox: &mut Outbox,
    closing: bool,
    scratch: &mut Scratch,
) -> io::Result<bool> {
    loop {
        while !layers.unsent.is_empty() {
            match stream.write(&layers.unsent) {
                Ok(bytes) if bytes == layers.unsent.len() => layers.unsent = Vec::new(),
                Ok(bytes) => drop(layers.unsent.drain(..bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        scratch.out.clear();
        let taken = wrap(layers, outbox, scratch)?;
        outbox.advance(taken);
        if scratch.out.is_empty() {
            if taken > 0 {
                continue; // Nobody is there any more to hear these.
            }
            if closing && outbox.is_empty() && layers.finish()? {
                continue;
            }
            return Ok(true);
        }
        let written = match stream.write(&scratch.out) {
            Err(error) if is_passing(&error) => 0,
            other => other?,
        };
        layers.unsent.extend_from_slice(&scratch.out[written..]);
    }
}

/// Wraps lines of an outbox, whole ones, and at most [`WRAP_BYTES`]; returns how many bytes of it.
fn wrap(layers: &mut Layers, outbox: &Outbox, scratch: &mut Scratch) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); WRITE_PIECES];
    let count = outbox.ready(&mut slices);
    let mut taken = 0;
    for slice in &slices[..count] {
        let room = WRAP_BYTES - taken;
        let whole = match slice.len() > room {
            true => memrchr(b'\n', &slice[..room]).map_or(0, |end| end + 1),
            false => slice.len(),
        };
        if whole > 0 && !layers.wrap(&slice[..whole], scratch)? {
            break;
        }
        taken += whole;
        if whole < slice.len() {
            break;
        }
    }
    Ok(taken)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Whether a line has the tag of a batch.
fn is_of_batch(line: &[u8]) -> bool {
    let Some(tagged) = line.strip_prefix(b"@") else { return false };
    let tags = tagged.split(|byte| *byte == b' ').next().unwrap_or_default();
    tags.split(|byte| *byte == b';').any(|tag| tag.starts_with(b"batch="))
}

/// Lines that may come at once; at least one, or nothing would ever come.
fn burst(limits: &Limits) -> f32 {
    limits.command_burst.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::transport::certificate::Certificate;

    #[test]
    fn a_line_of_a_batch_is_known_by_its_tag() {
        for of_batch in ["@batch=1 PRIVMSG #a :b", "@draft/multiline-concat;batch=1 PRIVMSG #a :b"]
        {
            assert!(is_of_batch(of_batch.as_bytes()), "{of_batch}");
        }
        for other in
            ["", "@", "PRIVMSG #a :batch=1", "@label=1 PRIVMSG #a :;batch=1", "@batch PING"]
        {
            assert!(!is_of_batch(other.as_bytes()), "{other}");
        }
    }

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
    fn what_is_no_line_counts_as_lines_that_it_could_have_been() {
        let (mut connection, _peer) = unread(0);
        let limits = Limits { command_burst: 4, commands_per_second: 1, ..Limits::default() };
        let now = Instant::now();
        let stopped = |connection: &mut Connection, after: u64| {
            let now = now + std::time::Duration::from_secs(after);
            connection.take_lines(b"", &limits, now, |_| unreachable!("there is no line"))
        };
        assert_eq!(stopped(&mut connection, 0), Stopped::NoLine);
        connection.charge(3 * 512, 0);
        assert_eq!(stopped(&mut connection, 0), Stopped::NoLine);
        connection.charge(3 * 512, 0);
        assert_eq!(stopped(&mut connection, 0), Stopped::Flood);
        assert!(connection.flood_pause(&limits) > std::time::Duration::ZERO);
        assert_eq!(stopped(&mut connection, 3), Stopped::NoLine);
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
    fn unread(outbox_bytes: usize) -> (Connection, std::net::TcpStream) {
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

    fn shared(bytes: &[u8]) -> SharedLines {
        let mut lines = SharedLines::default();
        lines.bytes.extend_from_slice(bytes);
        lines
    }

    #[test]
    fn lines_shared_with_others_fill_the_outbox_up_to_its_limit_and_no_further() {
        let most = 1_000_000;
        let (mut connection, _peer) = unread(most);
        let mut references = 0;
        let mut lines = shared(&[b'x'; 300_000]);
        while !connection.overflown {
            connection.write_shared(&mut lines, &mut Scratch::default());
            connection.write_ready(&mut Scratch::default()).unwrap();
            assert!(connection.outbox.len() <= most);
            references = references.max(std::sync::Arc::strong_count(lines.kept()) - 1);
        }
        assert!((2..=3).contains(&references), "{references} of 300 kB in 1 MB");
        assert_eq!(std::sync::Arc::strong_count(lines.kept()), 1, "all is let go");
        assert!(connection.outbox.is_empty());
        connection.push(b"more");
        assert!(connection.outbox.is_empty(), "nothing is kept for one who will be closed");
    }

    #[test]
    fn one_who_reads_late_gets_everything_in_order() {
        let (mut connection, mut peer) = unread(0);
        let mut sent = Vec::new();
        for number in 0..6000_u32 {
            let byte = number as u8;
            if number % 3 == 0 {
                connection.push(&[byte; 100]);
                sent.extend([byte; 100]);
            } else {
                connection.write_shared(&mut shared(&[byte; 4000]), &mut Scratch::default());
                sent.extend([byte; 4000]);
            }
            connection.write_ready(&mut Scratch::default()).unwrap();
        }
        assert!(connection.blocked, "more than the kernel takes");
        peer.set_nonblocking(true).unwrap();
        let mut got = Vec::new();
        let mut buffer = vec![0; 1 << 20];
        while got.len() < sent.len() {
            connection.blocked = false; // as the event says
            connection.write_ready(&mut Scratch::default()).unwrap();
            if let Ok(bytes) = peer.read(&mut buffer) {
                got.extend_from_slice(&buffer[..bytes]);
            }
        }
        assert!(got == sent);
        assert!(connection.outbox.is_empty());
    }
}
