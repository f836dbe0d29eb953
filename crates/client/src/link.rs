//! One connection to the server: lines come in as events, bytes go out.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::SyncSender;
use std::thread;

use proto::limits::{LINE_BYTES, TAGS_BYTES};
use proto::line;

use crate::limits::{CONNECT_TIMEOUT, READ_BYTES, SILENCE, WRITE_TIMEOUT};

/// What the threads of the client tell its main thread.
#[derive(Debug)]
pub enum Event {
    /// Connection number `.0` received a line.
    Line(u64, String),
    /// Connection number `.0` was silent for a while.
    Silent(u64),
    /// Connection number `.0` is over, and why.
    Broken(u64, String),
    /// The person answered a question.
    Input(Input),
}

/// How the person answered a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// With a line, without its end.
    Line(String),
    /// By leaving: with the end of input or Ctrl-C.
    Left(Leaving),
    /// Not at all, since the input cannot be read.
    Failed(String),
}

/// How a person leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// With the operation EX.
    Exit,
    /// With the end of input (Ctrl-D).
    EndOfInput,
    /// With Ctrl-C.
    Interrupted,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("there is no host {host:?} ({source})")]
    UnknownHost {
        /// The name as given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address of the host answers.
    #[error("nothing answers at {address}: {source}")]
    Unreachable {
        /// The last address tried.
        address: SocketAddr,
        /// What the network said.
        source: io::Error,
    },
    /// Connected, but the connection could not be set up.
    #[error("the connection could not be set up: {0}")]
    SetUp(#[from] io::Error),
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    /// Which of the client's connections this is; its events carry the number.
    pub number: u64,
}

impl Link {
    /// Connects, and sends what arrives to `events`, which blocks the reading when it is full.
    ///
    /// # Errors
    /// If the host is unknown, nothing listens there, or the system refuses a thread or socket option.
    pub fn connect(
        host: &str,
        port: u16,
        number: u64,
        events: SyncSender<Event>,
    ) -> Result<Link, ConnectError> {
        let stream = open(host, port)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let reader = stream.try_clone()?;
        let link = Link { stream, number };
        thread::Builder::new().name("link".to_owned()).spawn(move || {
            let reason = read(reader, number, &events).unwrap_or_else(|error| error.to_string());
            // If nobody listens any more, the client is ending.
            let _ = events.send(Event::Broken(number, reason));
        })?;
        Ok(link)
    }

    /// Sends whole lines.
    ///
    /// # Errors
    /// If the connection is broken, or the server reads nothing for [`WRITE_TIMEOUT`].
    pub fn send(&mut self, lines: &[u8]) -> io::Result<()> {
        self.stream.write_all(lines)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Wakes the reading thread, which shares the socket; fails only if the socket is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn open(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let unknown = |source| ConnectError::UnknownHost { host: host.to_owned(), source };
    let addresses = (host, port).to_socket_addrs().map_err(unknown)?;
    let mut failed = unknown(io::Error::new(ErrorKind::NotFound, "it has no address"));
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(source) => failed = ConnectError::Unreachable { address, source },
        }
    }
    Err(failed)
}

/// Reads lines until the connection ends; gives the reason.
fn read(mut stream: TcpStream, number: u64, events: &SyncSender<Event>) -> io::Result<String> {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; READ_BYTES];
    let mut silences = 0;
    loop {
        let count = match stream.read(&mut chunk) {
            Ok(0) => return Ok("the server closed it".to_owned()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                silences += 1;
                if silences > 1 || events.send(Event::Silent(number)).is_err() {
                    return Ok("the server gives no sign of life".to_owned());
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        silences = 0;
        buffer.extend_from_slice(&chunk[..count]);
        let mut start = 0;
        while let Some((bytes, consumed)) = line::next_line(&buffer[start..]) {
            let Ok(line) = line::check_server_line(bytes) else {
                return Ok("it sent a line that is not of the protocol".to_owned());
            };
            if events.send(Event::Line(number, line.to_owned())).is_err() {
                return Ok("the client is ending".to_owned());
            }
            start += consumed;
        }
        buffer.drain(..start);
        if buffer.len() > TAGS_BYTES + LINE_BYTES {
            return Ok("it sent a line that is too long for the protocol".to_owned());
        }
    }
}
