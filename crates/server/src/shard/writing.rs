//! Writing to connections, once per round.

use crate::metrics::{Count, Refused};
use crate::shard::Shard;
use crate::shard::connection::Stage;
use std::net::Shutdown;

impl Shard {
    /// Writes to each connection that has something to write.
    pub(crate) fn write_dirty(&mut self) {
        for slot in std::mem::take(&mut self.dirty) {
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.dirty = false;
                self.write(slot);
            }
        }
    }

    /// Writes as much as a connection's socket accepts.
    fn write(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if connection.stage == Stage::Closing && connection.has_sent_nothing() && !self.stopping {
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
            // The history will have everything.
            self.parts.metrics.count(Count::Refused(Refused::OutboxOverflow));
            let reason = "Too slow: the connection's send queue is full";
            return self.gone(slot, reason);
        }
        connection.note_written();
        let closing = connection.stage == Stage::Closing;
        let is_served = connection.transport.requests().is_some() && connection.is_written();
        if is_served && !closing {
            return self.make_ready(slot); // For the next request.
        }
        if closing && connection.is_written() {
            if connection.ended {
                return self.remove(slot);
            }
            // The peer reads our last lines, then the end; its own end, or the deadline, removes
            // the connection. If this fails, the peer is gone, which a read will show.
            let _ = connection.stream.shutdown(Shutdown::Write);
            if self.stopping {
                // The kernel delivers what it has even after we exit; but closing a socket with
                // unread input resets it, and the peer may lose the rest.
                connection.discard(&mut self.buffer);
                self.remove(slot);
            }
        }
    }
}
