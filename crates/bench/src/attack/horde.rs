//! Connections from addresses of their own, by the header of a proxy that the server trusts.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::driver::TIMEOUT;
use crate::failure::{Context, Failure, Result};

/// Bytes of an unfinished line that are kept; attackers may be sent anything.
const LINE_BYTES: usize = 64 * 1024;

/// Many connections, driven by one thread.
pub struct Horde {
    server: SocketAddr,
    peers: Vec<Peer>,
    buffer: Box<[u8]>,
    reconnected: Instant,
}

/// One connection.
pub struct Peer {
    address: Ipv4Addr,
    hello: String,
    stream: TcpStream,
    out: Vec<u8>,
    line: Vec<u8>,
    /// It takes part in the attack; else it was only needed to prepare it.
    pub attacks: bool,
    /// It reads what it is sent.
    pub reads: bool,
    /// The server has closed it.
    pub closed: bool,
    /// Lines sent.
    pub sent: u64,
    /// Refusals received.
    pub refused: u64,
}

impl Horde {
    /// Nobody yet.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        let buffer = vec![0; 64 * 1024].into_boxed_slice();
        Self { server, peers: Vec::new(), buffer, reconnected: Instant::now() }
    }

    /// Connects somebody who says `hello`; its number.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn connect(&mut self, address: Ipv4Addr, hello: &str) -> Result<usize> {
        let stream = connect(self.server)?;
        self.peers.push(Peer {
            address,
            hello: hello.to_owned(),
            stream,
            out: begin(address, hello),
            line: Vec::new(),
            attacks: true,
            reads: true,
            closed: false,
            sent: 0,
            refused: 0,
        });
        Ok(self.peers.len() - 1)
    }

    /// Somebody whom the server has closed comes again, as somebody else. The old socket is gone with that.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn replace(&mut self, peer: usize, address: Ipv4Addr, hello: &str) -> Result<()> {
        let stream = connect(self.server)?;
        let peer = &mut self.peers[peer];
        (peer.address, peer.hello, peer.stream) = (address, hello.to_owned(), stream);
        (peer.out, peer.closed) = (begin(address, hello), false);
        peer.line.clear();
        Ok(())
    }

    /// Connects a guest, and waits for the welcome.
    ///
    /// # Errors
    /// What the system refuses, and [`Failure::Silent`] if no welcome comes.
    pub fn guest(&mut self, address: Ipv4Addr, nick: &str) -> Result<usize> {
        let peer = self.connect(address, &format!("NICK {nick}\r\nUSER u 0 * :U\r\n"))?;
        self.until(peer, " 001 ")?;
        Ok(peer)
    }

    /// Connects a device of an account, which is made if it is the first, and waits until it is in.
    ///
    /// # Errors
    /// As for [`Horde::guest`].
    pub fn device(&mut self, address: Ipv4Addr, account: &str) -> Result<usize> {
        let caps = "CAP REQ :message-tags znc.in/playback\r\nCAP END";
        let hello = format!("{caps}\r\nLOGIN {account} :secret\r\n");
        let peer = self.connect(address, &hello)?;
        self.until(peer, " NOTE LOGIN ")?;
        Ok(peer)
    }

    /// Somebody.
    pub fn peer(&mut self, peer: usize) -> &mut Peer {
        &mut self.peers[peer]
    }

    /// Everybody.
    pub fn peers(&mut self) -> &mut [Peer] {
        &mut self.peers
    }

    /// Has somebody send a line, when its socket takes it.
    pub fn send(&mut self, peer: usize, line: &str) {
        self.peers[peer].say(line);
    }

    /// Waits for a line with these words, and returns it.
    ///
    /// # Errors
    /// [`Failure::Silent`] if it does not come.
    pub fn until(&mut self, peer: usize, words: &str) -> Result<String> {
        let start = Instant::now();
        loop {
            let mut found = None;
            self.turn(|received, line| {
                if received == peer && found.is_none() && line.contains(words) {
                    found = Some(line.to_owned());
                }
                None
            });
            if let Some(line) = found {
                return Ok(line);
            }
            if self.peers[peer].closed || start.elapsed() > TIMEOUT {
                let what = format!("{words:?}");
                return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
            }
        }
    }

    /// Waits until the server has dealt with all that somebody has sent.
    ///
    /// # Errors
    /// As for [`Horde::until`].
    pub fn settle(&mut self, peer: usize) -> Result<()> {
        self.send(peer, "PING :settled");
        self.until(peer, ":settled").map(drop)
    }

    /// Lets everybody write and read what can be; `answers` may answer a line. Sleeps a moment if
    /// there was nothing.
    pub fn turn(&mut self, mut answers: impl FnMut(usize, &str) -> Option<String>) {
        let mut busy = false;
        for (number, peer) in self.peers.iter_mut().enumerate().filter(|(_, peer)| !peer.closed) {
            busy |= peer.write();
            busy |= peer.reads && peer.read(&mut self.buffer, |line| answers(number, line));
        }
        if !busy {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// One of the attackers whom the server has closed comes back.
    pub fn reconnect(&mut self) {
        if self.reconnected.elapsed() < Duration::from_millis(250) {
            return;
        }
        self.reconnected = Instant::now();
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.closed && peer.attacks)
            && let Ok(stream) = connect(self.server)
        {
            (peer.stream, peer.closed) = (stream, false);
            peer.line.clear();
            peer.out = begin(peer.address, &peer.hello);
        }
    }
}

fn connect(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(server).context("connecting")?;
    stream.set_nonblocking(true).context("setting up a socket")?;
    stream.set_nodelay(true).context("setting up a socket")?;
    Ok(stream)
}

fn begin(address: Ipv4Addr, hello: &str) -> Vec<u8> {
    format!("PROXY TCP4 {address} 192.0.2.254 50000 6667\r\n{hello}").into_bytes()
}

impl Peer {
    /// Whether everything it had to send has been written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.out.is_empty()
    }

    /// Sends a line, when the socket takes it.
    pub fn say(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn write(&mut self) -> bool {
        if self.out.is_empty() {
            return false;
        }
        match self.stream.write(&self.out) {
            Ok(count) => drop(self.out.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => self.closed = true,
        }
        true
    }

    fn read(&mut self, buffer: &mut [u8], mut answers: impl FnMut(&str) -> Option<String>) -> bool {
        let count = match self.stream.read(buffer) {
            Ok(count) if count > 0 => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // Its end, orderly or not.
            _ => {
                self.closed = true;
                return true;
            }
        };
        self.line.extend_from_slice(&buffer[..count]);
        let Some(end) = memchr::memrchr(b'\n', &self.line) else {
            self.line.truncate(LINE_BYTES);
            return true;
        };
        let rest = self.line.split_off(end + 1);
        let lines = std::mem::replace(&mut self.line, rest);
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if line.starts_with(b"PING ") {
                self.say(&format!("PONG {}", String::from_utf8_lossy(&line[5..]).trim_end()));
                continue;
            }
            let says = |words: &str| memmem::find(line, words.as_bytes()).is_some();
            self.refused += u64::from(says(" 263 ") || says("FAIL "));
            if let Some(answer) = answers(String::from_utf8_lossy(line).trim_end()) {
                self.say(&answer);
            }
        }
        true
    }
}
