//! One connection to the server: lines come in as events, bytes go out.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;

use proto::limits::{LINE_BYTES, TAGS_BYTES};
use proto::line;

use crate::fullscreen::ScreenEvent;
use crate::limits::{ANSWER_IDLE_TIMEOUT, CLOSE_TIMEOUT, IDLE_TIMEOUT, READ_BYTES, WRITE_TIMEOUT};
use crate::route::{ConnectError, Opened};
use crate::tls::Encryption;

/// What the client's threads report to its main thread.
#[derive(Debug)]
pub enum Event {
    /// The attempt to open connection number `.0` has ended; the notices are for the person.
    Opened(u64, Vec<String>, Result<Opened, ConnectError>),
    /// Connection number `.0` received a line.
    Line(u64, String),
    /// Nothing arrived on connection number `.0` for a while.
    Silent(u64),
    /// Connection number `.0` has ended, and why.
    Broken(u64, String),
    /// The person answered a question.
    Input(Input),
    /// The person wants this to be completed, where the cursor is (in bytes).
    Complete(String, usize),
    /// Something happened at the full screen.
    Screen(ScreenEvent),
}

/// How the person answered a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// With a line, without its end.
    Line(String),
    /// By leaving: end of input or Ctrl-C.
    Left(Leaving),
    /// With an invalid line, and why; the next one may do.
    Unusable(String),
    /// Not at all: the input cannot be read.
    Failed(String),
}

/// How a person leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// With the command EX.
    Exit,
    /// With the end of input (Ctrl-D).
    EndOfInput,
    /// With Ctrl-C.
    Interrupted,
    /// With SIGTERM, sent by another program.
    Terminated,
}

impl Leaving {
    /// Whether to leave without finishing anything.
    pub fn is_at_once(self) -> bool {
        matches!(self, Leaving::Interrupted | Leaving::Terminated)
    }
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    encryption: Option<Encryption>,
    received: Arc<AtomicU64>,
    /// The number of the connection, which its events carry.
    pub number: u64,
}

impl Link {
    /// Takes over a connection, and sends what arrives to `events`; reading stops while that queue
    /// is full.
    ///
    /// # Errors
    /// If the system refuses a thread or socket option.
    pub fn start(
        opened: Opened,
        number: u64,
        events: SyncSender<Event>,
    ) -> Result<Link, ConnectError> {
        let Opened { stream, encryption } = opened;
        stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let received = Arc::new(AtomicU64::new(0));
        let mut reader = Reader {
            stream: stream.try_clone()?,
            encryption: encryption.clone(),
            received: Arc::clone(&received),
            number,
            events,
        };
        let link = Link { stream, encryption, received, number };
        thread::Builder::new().name("link".to_owned()).spawn(move || {
            let reason = reader.read().unwrap_or_else(|error| error.to_string());
            // If nobody listens any more, the client is exiting.
            let _ = reader.events.send(Event::Broken(number, reason));
        })?;
        Ok(link)
    }

    /// How many bytes have arrived: even part of a line is a sign of life.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Sends whole lines.
    ///
    /// # Errors
    /// If the connection is broken, or the server reads nothing for [`WRITE_TIMEOUT`].
    pub fn send(&mut self, lines: &[u8]) -> io::Result<()> {
        match &self.encryption {
            Some(encryption) => self.stream.write_all(&encryption.encrypt(lines)?),
            None => self.stream.write_all(lines),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(encryption) = &self.encryption {
            // A courtesy that is not worth waiting for.
            let _ = self.stream.set_write_timeout(Some(CLOSE_TIMEOUT));
            let _ = self.stream.write_all(&encryption.goodbye());
        }
        // Wakes the reading thread, which shares the socket; fails only if the socket is closed
        // already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The reading end of a connection, in a thread of its own. It never writes, so a server that does
/// not read cannot block it.
struct Reader {
    stream: TcpStream,
    encryption: Option<Encryption>,
    received: Arc<AtomicU64>,
    number: u64,
    events: SyncSender<Event>,
}

impl Reader {
    /// Reads lines until the connection ends; returns the reason.
    fn read(&mut self) -> io::Result<String> {
        let mut buffer = Vec::new();
        let mut chunk = vec![0; READ_BYTES];
        let mut asked = false;
        // Lines may have arrived with the end of the handshake.
        let mut closed = self.take_in(&[], &mut buffer)?;
        loop {
            if let Some(reason) = self.report_lines(&mut buffer) {
                return Ok(reason);
            }
            if closed {
                return Ok("the server closed it".to_owned());
            }
            let count = match self.stream.read(&mut chunk) {
                Ok(0) if self.encryption.is_some() => {
                    return Ok("it was cut off without a proper close".to_owned());
                }
                Ok(0) => return Ok("the server closed it".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if asked || self.events.send(Event::Silent(self.number)).is_err() {
                        return Ok("the server is not responding".to_owned());
                    }
                    asked = true;
                    self.stream.set_read_timeout(Some(ANSWER_IDLE_TIMEOUT))?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.received.fetch_add(count as u64, Ordering::Relaxed);
            if std::mem::take(&mut asked) {
                self.stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
            }
            closed = self.take_in(&chunk[..count], &mut buffer)?;
        }
    }

    /// Appends the decrypted bytes; true if nothing follows.
    fn take_in(&self, received: &[u8], buffer: &mut Vec<u8>) -> io::Result<bool> {
        match &self.encryption {
            Some(encryption) => encryption.decrypt(received, buffer),
            None => {
                buffer.extend_from_slice(received);
                Ok(false)
            }
        }
    }

    /// Reports each complete line; returns the reason if reading on is useless.
    fn report_lines(&self, buffer: &mut Vec<u8>) -> Option<String> {
        let mut start = 0;
        while let Some((bytes, consumed)) = line::next_line(&buffer[start..]) {
            let Ok(line) = line::check_server_line(bytes) else {
                return Some("it sent an invalid line".to_owned());
            };
            if self.events.send(Event::Line(self.number, line.to_owned())).is_err() {
                return Some("the client is exiting".to_owned());
            }
            start += consumed;
        }
        buffer.drain(..start);
        (buffer.len() > TAGS_BYTES + LINE_BYTES)
            .then(|| "it sent a line that is too long".to_owned())
    }
}
