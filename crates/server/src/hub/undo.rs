//! Taking back what could not be stored.
//!
//! The hub does not wait for the disk: it applies a command at once and goes on. When the disk
//! refuses a batch, nothing that depended on it has left the process, but the live state is ahead
//! of the store. So each change of something that is stored leaves a note here of how it was
//! before, until the journal has committed it; on a failure the notes are applied backwards, from
//! the newest to the batch that failed. The journal refuses all that the hub did in between (it
//! knows by the epoch).

use super::room::{Member, Room, Settings};
use super::user::UserId;
use crate::session::SessionId;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{AccountId, Conversation, RoomId, Subject};

/// How something stored was before a change.
#[derive(Debug)]
pub enum Undo {
    /// The account did not exist.
    NoAccount(AccountId),
    /// The account did not exist; the user was a guest, with this session.
    Guest(AccountId, SessionId),
    /// The room did not exist.
    NoRoom(RoomId),
    /// The room existed, empty as it was when it ended.
    Room(Box<Room>),
    /// The room had these settings.
    Settings(RoomId, Box<Settings>),
    /// The user had read the conversation up to this time, or not at all.
    ReadMarker(AccountId, Conversation, Option<i64>),
    /// The room had this name.
    Name(RoomId, Arc<str>),
    /// The user had this standing in the room, or none.
    Member(RoomId, UserId, Option<Member>),
    /// The key of metadata had this value, or none.
    Metadata(Subject, Box<str>, Option<Box<str>>),
}

/// The notes, oldest first, each with the batch it belongs to.
#[derive(Debug, Default)]
pub struct Notes {
    notes: VecDeque<(u64, Undo)>,
}

impl Notes {
    /// Notes what `batch` changed.
    pub fn add(&mut self, batch: u64, undo: Undo) {
        self.notes.push_back((batch, undo));
    }

    /// Forgets what is committed: all up to and including `batch`.
    pub fn committed(&mut self, batch: u64) {
        while self.notes.front().is_some_and(|(noted, _)| *noted <= batch) {
            self.notes.pop_front();
        }
    }

    /// Takes the newest note of `batch` or later.
    pub fn take_from(&mut self, batch: u64) -> Option<Undo> {
        if self.notes.back().is_some_and(|(noted, _)| *noted >= batch) {
            return self.notes.pop_back().map(|(_, undo)| undo);
        }
        None
    }
}
