//! Writing to a socket: directly from a shared buffer, or from the outbox; through the layers of
//! its transport, if any.

use super::{Connection, Stage};
use crate::limits::{DISCARDS, WRAP_BYTES, WRITE_PIECES};
use crate::shard::outbox::Outbox;
use crate::transport::{Layers, Scratch, SharedLines, Transport};
use memchr::memrchr;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

impl Connection {
    /// Writes lines that are sent to many connections, without copying them first. What the socket
    /// does not accept is left in the outbox. Returns false then, or if the socket fails, so that a
    /// normal write follows.
    pub(crate) fn write_shared(&mut self, lines: &mut SharedLines, scratch: &mut Scratch) -> bool {
        if self.blocked || !self.outbox.is_empty() {
            self.outbox.push_shared(lines.kept());
            self.check_outbox();
            return false;
        }
        if let Transport::Layered(layers) = &mut self.transport {
            scratch.out.clear();
            let at_once = layers.unsent.is_empty() && lines.bytes.len() <= WRAP_BYTES;
            if !(at_once && layers.wrap_shared(lines, scratch).unwrap_or(false)) {
                self.outbox.push_shared(lines.kept());
            }
            // Even without a line: TLS may have something of its own to send.
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

    /// Writes as much of the outbox as the socket accepts.
    ///
    /// # Errors
    /// When the connection is lost.
    pub(crate) fn write_ready(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        if let Transport::Layered(layers) = &mut self.transport {
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

    /// Discards received bytes, up to a limit.
    pub(crate) fn discard(&mut self, buffer: &mut [u8]) {
        let _ = (0..DISCARDS).find(|_| !matches!(self.stream.read(buffer), Ok(bytes) if bytes > 0));
    }
}

/// Writes as much of an outbox as a socket accepts, through the layers, and their closing messages
/// at the end. True if the socket has accepted everything that can be written now.
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
                continue; // The transport is closed, so these lines are dropped.
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

/// Wraps complete lines of an outbox, at most [`WRAP_BYTES`]; returns how many bytes of it.
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

#[cfg(test)]
mod tests {
    use super::super::tests::unread;
    use super::*;

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
    fn a_slow_reader_gets_everything_in_order() {
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
