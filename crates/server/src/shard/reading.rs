//! Reading: turns input from a shard's sockets into lines in the batch for the hub.

use crate::hub::{ClientEvent, SessionEvent};
use crate::limits::{BATCH_BYTES, READ_BYTES, READS_PER_SESSION, UNREAD_BYTES};
use crate::metrics::{Count, Handshake, Refused};
use crate::shard::connection::{ReadLine, Stage, StopReason};
use crate::shard::{Scheduled, Shard};
use crate::transport::{Received, Setup, Transport};
use std::io::{ErrorKind, Read};
use std::time::Instant;

/// What became of reading a connection.
enum ReadOutcome {
    /// Its socket is empty; an event will report more.
    Empty,
    /// There is, or may be, more.
    More,
    /// It waits for something that will make it ready again.
    Waits,
}

impl Shard {
    /// Reads each ready connection once, as long as the batch takes more; those that have not logged
    /// in, as long as they have time left. So that all find room in one batch, none fills more than its
    /// share, beyond one line.
    pub(crate) fn read_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.line_share = BATCH_BYTES / 2 / ready.len().max(1);
        ready.retain(|slot| {
            if self.batch.is_full() {
                return true;
            }
            let is_newcomer = self.is_newcomer(*slot);
            let in_time = !is_newcomer || self.newcomers_have_time();
            let Some(connection) = self.connections.get_mut(*slot) else { return false };
            if !in_time {
                return true;
            }
            connection.ready = false;
            let begun = is_newcomer.then(Instant::now);
            let events = self.batch.events.len();
            let outcome = self.read(*slot);
            if let Some(begun) = begun {
                self.newcomers += begun.elapsed();
                self.newcomer_events += self.batch.events.len() - events;
            }
            match outcome {
                ReadOutcome::More => match self.connections.get_mut(*slot) {
                    Some(connection) => {
                        connection.ready = true;
                        true
                    }
                    None => false,
                },
                ReadOutcome::Empty => {
                    self.connections[*slot].note_written();
                    false
                }
                ReadOutcome::Waits => false,
            }
        });
        // Connections that became ready meanwhile come after those that wait longer.
        ready.append(&mut self.ready);
        self.ready = ready;
    }

    /// Reads from a socket once, and gathers the lines.
    fn read(&mut self, slot: usize) -> ReadOutcome {
        let most = self.read_most();
        let connection = &mut self.connections[slot];
        if connection.stage == Stage::Closing {
            return match connection.has_sent_nothing() {
                true => self.read_first_bytes(slot),
                false => self.drain(slot),
            };
        }
        if let Some(requests) = connection.transport.requests() {
            // One request at a time, and no other until its response has been taken.
            if requests.awaits_response() || !connection.is_written() {
                return ReadOutcome::Waits;
            }
            if requests.has_more() {
                return self.resume(slot);
            }
        }
        if connection.ended
            || connection.paused
            || connection.held
            || connection.outbox.placeholders() > READS_PER_SESSION
        {
            return ReadOutcome::Waits;
        }
        if connection.lines_wait {
            return self.gather_lines(slot, 0, false);
        }
        match connection.stream.read(&mut self.buffer[UNREAD_BYTES..UNREAD_BYTES + most]) {
            Ok(0) => {
                // What it sent before is handled and answered first.
                self.end_of_input(slot);
                ReadOutcome::Waits
            }
            Ok(bytes) => {
                self.tally.received += bytes as u64;
                match connection.transport {
                    Transport::Plain => self.gather_lines(slot, bytes, false),
                    Transport::Undetected { .. } | Transport::Layered(_) => {
                        self.receive(slot, bytes)
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => ReadOutcome::Empty,
            Err(error) if error.kind() == ErrorKind::Interrupted => ReadOutcome::More,
            Err(error) => {
                self.gone(slot, &format!("Connection lost: {}", error.kind()));
                ReadOutcome::Waits
            }
        }
    }

    /// Bytes to read from a socket at once. Much more than a connection's share would be copied again
    /// and again.
    fn read_most(&self) -> usize {
        self.line_share.clamp(UNREAD_BYTES, READ_BYTES)
    }

    /// The client sends nothing more; an open request is answered first.
    fn end_of_input(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        connection.ended = true;
        match connection.transport.requests() {
            Some(requests) if requests.awaits_response() => {}
            Some(requests) if requests.is_idle() => self.served(slot),
            _ => {
                let session = self.session(slot);
                self.gather(session, ClientEvent::Ended);
            }
        }
    }

    /// Takes bytes that are not just lines, and gathers the lines that they are found to hold.
    fn receive(&mut self, slot: usize, bytes: usize) -> ReadOutcome {
        let connection = &mut self.connections[slot];
        let kept = connection.kept().len();
        let start = UNREAD_BYTES - kept;
        self.buffer[start..UNREAD_BYTES].copy_from_slice(connection.kept());
        self.scratch.lines.clear();
        let setup = Setup {
            config: &self.parts.config,
            tls: &self.parts.certificate.config,
            peer: connection.address,
        };
        let incoming = &mut self.buffer[start..UNREAD_BYTES + bytes];
        let received = connection.receive(incoming, &setup, &mut self.scratch);
        if !received.handshaking {
            let used = (kept + bytes).saturating_sub(connection.kept().len());
            connection.charge(used, self.scratch.lines.len());
        }
        self.received(slot, bytes, received)
    }

    /// Handles input that followed an HTTP request, now that its response is written.
    fn resume(&mut self, slot: usize) -> ReadOutcome {
        self.scratch.lines.clear();
        let connection = &mut self.connections[slot];
        let setup = Setup {
            config: &self.parts.config,
            tls: &self.parts.certificate.config,
            peer: connection.address,
        };
        let received = connection.resume(&setup, &mut self.scratch);
        let done = connection.ended && received.request.is_none();
        let outcome = self.received(slot, 0, received);
        if done {
            self.end_of_input(slot);
        }
        outcome
    }

    /// Handles what was received.
    fn received(&mut self, slot: usize, bytes: usize, received: Received) -> ReadOutcome {
        let session = self.session(slot);
        self.touch(slot);
        if let Some((address, encrypted)) = received.proxied {
            self.connections[slot].address = address;
            self.gather(session, ClientEvent::Forwarded { address, encrypted });
        }
        if let Some(certificate) = received.encrypted {
            self.parts.metrics.handshake(Handshake::Done);
            self.gather(session, ClientEvent::Encrypted { certificate });
        }
        if let Some((address, encrypted)) = received.forwarded {
            self.connections[slot].address = address;
            self.gather(session, ClientEvent::Forwarded { address, encrypted });
        }
        if let Some(browser) = received.websocket {
            self.gather(session, ClientEvent::WebSocket { browser });
        }
        self.connections[slot].over = received.closed && received.failure.is_none();
        let outcome = self.gather_lines(slot, bytes, true);
        if let Some(reason) = received.failure {
            if received.handshaking && received.encrypted.is_none() {
                self.parts.metrics.handshake(Handshake::Failed);
            }
            self.parts.metrics.count(Count::Refused(Refused::BadBytes));
            self.end(slot, &reason);
        } else if let Some(request) = received.request {
            self.serve(slot, &request);
            return ReadOutcome::Waits; // Until the response is written.
        }
        outcome
    }

    /// Gathers lines: of the bytes just read, or of those that they were found to hold.
    fn gather_lines(&mut self, slot: usize, bytes: usize, wrapped: bool) -> ReadOutcome {
        let (session, asked) = (self.session(slot), self.read_most());
        let limits = &self.parts.config.limits;
        let connection = &mut self.connections[slot];
        let now = Instant::now();
        if bytes > 0 {
            connection.heard = now;
            connection.pinged = false;
        }
        let batch = &mut self.batch;
        let most = batch.bytes() + self.line_share;
        let lines = match wrapped {
            true => &self.scratch.lines[..],
            false => &self.buffer[UNREAD_BYTES..UNREAD_BYTES + bytes],
        };
        // Those that were left over have come before.
        let (left_over, first) = (connection.lines_wait, batch.events.len());
        let stopped = connection.take_lines(lines, limits, now, |taken| {
            let (ReadLine::Line(text) | ReadLine::Bad(_, text)) = taken;
            let start = batch.text.len() as u32;
            batch.text.extend_from_slice(text.as_bytes());
            let range = start..batch.text.len() as u32;
            let event = match taken {
                ReadLine::Line(_) => ClientEvent::Line(range),
                ReadLine::Bad(error, _) => ClientEvent::BadLine(error, range),
            };
            batch.events.push(SessionEvent { session, event });
            !batch.is_full() && batch.bytes() < most
        });
        if !left_over
            && batch.events.len() > first
            && let Some(watermarks) = connection.receipts.acknowledge()
        {
            batch.events.insert(
                first,
                SessionEvent { session, event: ClientEvent::Acknowledged(watermarks) },
            );
        }
        if connection.over && stopped == StopReason::NoLine {
            self.end_of_input(slot);
            return ReadOutcome::Waits;
        }
        match stopped {
            // Less than requested: the socket is empty, and an event will report more. Its end was
            // reported already.
            StopReason::NoLine if (1..asked).contains(&bytes) && !connection.read_closed => {
                ReadOutcome::Empty
            }
            StopReason::NoLine | StopReason::Full => ReadOutcome::More,
            StopReason::Flood => {
                connection.paused = true;
                self.parts.metrics.count(Count::Refused(Refused::Flood));
                let pause = connection.flood_pause(limits);
                self.schedule(pause, Scheduled::Read(session));
                ReadOutcome::Waits
            }
        }
    }

    /// A connection that is closed before it has sent anything: its first bytes show by which transport
    /// it can be told why.
    fn read_first_bytes(&mut self, slot: usize) -> ReadOutcome {
        let connection = &mut self.connections[slot];
        match connection.stream.read(&mut self.buffer[..]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadOutcome::Empty,
            Err(error) if error.kind() == ErrorKind::Interrupted => return ReadOutcome::More,
            Ok(bytes) if bytes > 0 => connection.refuse(&self.buffer[..bytes]),
            _ => {
                connection.ended = true;
                connection.refuse(&[]);
            }
        }
        self.touch(slot);
        ReadOutcome::More
    }

    /// A closing connection: discards further input, so that no reset keeps the peer from reading our
    /// last lines.
    fn drain(&mut self, slot: usize) -> ReadOutcome {
        match self.connections[slot].stream.read(&mut self.buffer[..]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => ReadOutcome::Empty,
            Ok(bytes) if bytes > 0 => ReadOutcome::More,
            _ => {
                self.connections[slot].ended = true;
                self.touch(slot); // Removed once it has been sent its last lines.
                ReadOutcome::Waits
            }
        }
    }
}
