//! How connections end: the peer disconnects, the hub or the shard closes them, or the server
//! stops.

use crate::effects::write_error;
use crate::hub::{ClientEvent, STOPPING};
use crate::shard::Shard;
use crate::shard::connection::Stage;
use crate::transport::http::Incoming;
use std::time::Instant;
use store::RoomId;

impl Shard {
    /// The peer has disconnected.
    pub(crate) fn gone(&mut self, slot: usize, reason: &str) {
        if self.connections[slot].stage != Stage::Closing {
            let session = self.session(slot);
            let requests = self.connections[slot].transport.requests();
            self.gather(
                session,
                match requests.is_some_and(Incoming::is_idle) {
                    true => ClientEvent::Served,
                    false => ClientEvent::Closed { reason: reason.to_owned() },
                },
            );
        }
        self.remove(slot);
    }

    /// Closes a connection on the shard's own initiative, with a reason.
    pub(crate) fn end(&mut self, slot: usize, reason: &str) {
        let session = self.session(slot);
        self.gather(session, ClientEvent::Closed { reason: reason.to_owned() });
        let mut error = Vec::new();
        write_error(&mut error, reason);
        self.connections[slot].push(&error);
        self.close(slot);
    }

    /// Closes a connection once its last lines are written.
    pub(crate) fn close(&mut self, slot: usize) {
        self.leave_rooms(slot);
        let connection = &mut self.connections[slot];
        connection.stage = Stage::Closing;
        connection.since = Instant::now();
        self.touch(slot);
        self.make_ready(slot);
    }

    /// Closes all connections when the server stops: those that the hub does not know yet are told
    /// so, too.
    pub(crate) fn close_all(&mut self) {
        for slot in 0..self.connections.capacity() {
            match self.connections.get(slot).map(|connection| connection.stage) {
                None => {}
                Some(Stage::Closing) => self.touch(slot),
                Some(Stage::LoggingIn | Stage::Ready) => self.end(slot, STOPPING),
            }
        }
        self.write_dirty();
    }

    fn leave_rooms(&mut self, slot: usize) {
        for room in std::mem::take(&mut self.connections[slot].rooms) {
            self.leave_room(slot, room);
        }
    }

    /// The connection no longer receives a room's news.
    pub(crate) fn leave_room(&mut self, slot: usize, room: RoomId) {
        if self.rooms.get_mut(&room).is_some_and(|members| members.remove(slot)) {
            self.rooms.remove(&room);
        }
    }

    /// Removes a connection and closes its socket.
    pub(crate) fn remove(&mut self, slot: usize) {
        self.leave_rooms(slot);
        self.waiting -= self.connections.remove(slot).counted();
    }
}
