//! Writing: each connection that has something to send, once a round.

use crate::metrics::{Count, Refused};
use crate::shard::Shard;
use crate::shard::connection::Stage;
use std::net::Shutdown;

impl Shard {
    /// Writes what this round has appended, each connection once.
    pub(crate) fn write_dirty(&mut self) {
        for slot in std::mem::take(&mut self.dirty) {
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.dirty = false;
                self.write(slot);
            }
        }
    }

    /// Writes what a connection's socket takes.
    fn write(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if connection.stage == Stage::Closing && connection.is_unheard() && !self.stopping {
            return; // Until it has said something, or for a moment.
        }
        let (lines, waiting) = (connection.outbox.len(), connection.waiting());
        let written = connection.write_ready(&mut self.scratch);
        self.tally.sent += lines.saturating_sub(connection.outbox.len()) as u64;
        self.count_waiting(slot, waiting);
        let connection = &mut self.connections[slot];
        if let Err(error) = written {
            return self.gone(slot, &format!("Connection lost: {}", error.kind()));
        }
        if connection.overflown {
            // It will find everything in the history.
            self.parts.metrics.count(Count::Refused(Refused::OutboxOverflow));
            let reason = "Too slow: the connection's send queue is full";
            return self.gone(slot, reason);
        }
        connection.note_written();
        let closing = connection.stage == Stage::Closing;
        if closing && connection.is_written() {
            if connection.ended {
                return self.remove(slot);
            }
            // The peer reads our last lines, then sees the end; its own end, or the deadline,
            // removes the connection. An error here means that it is gone already, which the read
            // shows.
            let _ = connection.stream.shutdown(Shutdown::Write);
            if self.stopping {
                // The system goes on delivering what it has, also when we are gone; but a socket that
                // is closed with something unread in it is reset, and its peer may lose that.
                connection.discard(&mut self.buffer);
                self.remove(slot);
            }
        }
    }
}
