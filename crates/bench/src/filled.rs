//! Stores of many messages, filled once for a scenario and kept.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use store::{
    AccountId, Conversation, Event, EventId, EventKind, RoomId, SqliteStore, Store, Write,
};

use crate::failure::{Context, Failure, Result};

/// Beside the store's own files: what it has, or is to have.
const NOTES: &str = "bench-notes";
/// Messages in one commit while filling.
const COMMIT: u64 = 10_000;

/// A store, and what is to be in it.
pub struct Filled<'a> {
    /// Where it is.
    pub folder: &'a Path,
    /// A few words that tell one such store from others.
    pub contents: &'a str,
    /// How many messages it has.
    pub events: u64,
}

impl Filled<'_> {
    /// Opens the store, with all its messages; also returns what storing each of those took that were missing, in
    /// microseconds of CPU time.
    ///
    /// # Errors
    /// Any failure of the store, one that has something else, and the end of the time: then another call goes on.
    pub fn open(
        &self,
        until: Instant,
        message: &dyn Fn(EventId) -> Write,
    ) -> Result<(SqliteStore, Option<f64>)> {
        let notes = self.folder.join(NOTES);
        let folder = self.folder.display();
        let begun = fs::read_to_string(&notes).unwrap_or_else(|_| self.contents.to_owned());
        if begun != self.contents {
            let why = format!("{folder} does not have {}: remove it", self.contents);
            return Err(Failure::Options(why));
        }
        fs::create_dir_all(self.folder).context("making the store's folder")?;
        fs::write(&notes, self.contents).context("writing the store's notes")?;
        let mut store = SqliteStore::open(self.folder, "bench").map_err(store_failure)?;
        let first = 1 + store.load().map_err(store_failure)?.last_event;
        let mut cost = Duration::ZERO;
        for begin in (first..=self.events).step_by(COMMIT as usize) {
            if Instant::now() > until {
                let percent = begin * 100 / self.events;
                let why = format!("{folder} is filled to {percent} %: run this again");
                return Err(Failure::Options(why));
            }
            let last = self.events.min(begin + COMMIT - 1);
            let writes: Vec<Write> = (begin..=last).map(message).collect();
            let begun = cpu_time();
            store.commit(&mut writes.iter()).map_err(store_failure)?;
            cost += cpu_time().saturating_sub(begun);
        }
        let stored = (self.events + 1).saturating_sub(first);
        Ok((store, (stored > 0).then(|| cost.as_secs_f64() * 1e6 / stored as f64)))
    }
}

/// Stores what somebody says in a room.
pub fn message(
    id: EventId,
    room: RoomId,
    account: AccountId,
    text: &str,
    mentions: Box<[AccountId]>,
) -> Write {
    let event = Event {
        id,
        conversation: Conversation::room(room),
        kind: EventKind::Message,
        account,
        guest: false,
        bot: false,
        nick: "somebody".into(),
        userhost: None,
        target: "".into(),
        time: time(id),
        text: text.into(),
        tags: "".into(),
        about: None,
    };
    Write::Event { event: Arc::new(event), resend: None, pending_for: None, mentions }
}

/// When a message was said.
pub fn time(id: EventId) -> i64 {
    1_700_000_000_000 + id.cast_signed() * 10
}

/// CPU time of this thread.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A failure of the store as one of a scenario.
pub fn store_failure(failure: store::Failure) -> Failure {
    Failure::Io { what: "the store".to_owned(), source: io::Error::other(failure) }
}
