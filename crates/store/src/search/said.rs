//! What was said in some events next to each other, as it is on disk, for the index.

use std::ops::Range;

use rusqlite::{Connection, Row, params};

use crate::departure::NOBODY;
use crate::failure::is_damage;
use crate::row::Rows;
use crate::tail::End;
use crate::{AccountId, Conversation, Damage, Event, EventKind};

/// The messages among some events, and how far they go.
#[derive(Default)]
pub(super) struct Said {
    /// One text after the other.
    texts: String,
    messages: Vec<Message>,
    /// How many events there were.
    pub(super) looked: usize,
    /// The last event that was looked at, or the end of the range if there are no further ones.
    pub(super) last: i64,
    /// The newest event that there was, and its time.
    pub(super) newest: i64,
    pub(super) time: Option<i64>,
}

struct Message {
    id: i64,
    conversation: Conversation,
    author: AccountId,
    /// Where its text ends.
    end: usize,
}

impl Said {
    /// Reads the first events of a range, as far as the limits of events and bytes of texts go.
    ///
    /// The rows are not compared with their checksums: a hit is, when it is read, and of a damaged
    /// message nobody knows the words.
    pub(super) fn read(
        events: &Connection,
        damage: &Damage,
        range: &Range<i64>,
        (limit, bytes): (usize, usize),
    ) -> rusqlite::Result<Self> {
        match Self::read_together(events, range, limit, bytes) {
            // A page of the file is damaged; the others are not.
            Err(error) if is_damage(&error) => {
                let rows = Rows { connection: events, damage, departed: &NOBODY };
                let stretch = rows.stretch(range, End::Oldest, limit.min(4096), &|_, _| true)?;
                let mut said = Self { last: stretch.last, ..Self::default() };
                stretch.events.iter().for_each(|event| said.add(event));
                Ok(said)
            }
            read => read,
        }
    }

    fn read_together(
        events: &Connection,
        range: &Range<i64>,
        limit: usize,
        bytes: usize,
    ) -> rusqlite::Result<Self> {
        let sql = "SELECT id, conversation, kind, account, text, time FROM events
            WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let mut statement = events.prepare_cached(sql)?;
        let mut rows = statement.query(params![range.start, range.end, limit as i64])?;
        let mut said = Self { last: range.end - 1, ..Self::default() };
        while let Some(row) = rows.next()? {
            said.newest = row.get(0)?;
            said.time = row.get(5).ok();
            said.looked += 1;
            match message(row) {
                Ok(Some((conversation, author, text))) => {
                    said.push(said.newest, conversation, author, text);
                }
                // It is no event, but damage, and nobody is shown it.
                Err(error) if error.sqlite_error_code().is_none() => {}
                other => drop(other?),
            }
            if said.looked == limit || said.texts.len() >= bytes {
                said.last = said.newest;
                break;
            }
        }
        Ok(said)
    }

    fn add(&mut self, event: &Event) {
        self.looked += 1;
        (self.newest, self.time) = (event.id.cast_signed(), Some(event.time));
        if event.kind.is_message() {
            self.push(self.newest, event.conversation, event.account, &event.text);
        }
    }

    fn push(&mut self, id: i64, conversation: Conversation, author: AccountId, text: &str) {
        self.texts.push_str(text);
        self.messages.push(Message { id, conversation, author, end: self.texts.len() });
    }

    /// Its messages, oldest first: id, conversation, author and text.
    pub(super) fn messages(&self) -> impl Iterator<Item = (i64, Conversation, AccountId, &str)> {
        let mut begin = 0;
        self.messages.iter().map(move |message| {
            let text = &self.texts[begin..message.end];
            begin = message.end;
            (message.id, message.conversation, message.author, text)
        })
    }
}

/// What is in a row, if it is a message.
fn message<'r>(row: &'r Row<'_>) -> rusqlite::Result<Option<(Conversation, AccountId, &'r str)>> {
    let kind = EventKind::from_code(row.get(2)?);
    if !kind.is_some_and(EventKind::is_message) {
        return Ok(None);
    }
    Ok(Some((Conversation::from_key(row.get(1)?), row.get(3)?, row.get_ref(4)?.as_str()?)))
}
