//! The messages among some consecutive events, as on disk, for the index.

use std::ops::Range;

use rusqlite::{Connection, Row, params};

use crate::departure::NOBODY;
use crate::failure::is_damage;
use crate::row::Rows;
use crate::tail::End;
use crate::{AccountId, Conversation, Damage, Event, EventKind};

/// The messages among some events, and how far they go.
#[derive(Default)]
pub(super) struct Messages {
    /// One text after the other.
    texts: String,
    messages: Vec<Message>,
    /// The number of events examined.
    pub(super) looked: usize,
    /// The last event examined, or the end of the range if there are no more.
    pub(super) last: i64,
    /// The newest event, and its time.
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

impl Messages {
    /// Reads the first events of a range, within the limits for events and bytes.
    ///
    /// Does not verify checksums: hits are verified when they are read, and the words of a damaged
    /// message are unknown.
    pub(super) fn read(
        events: &Connection,
        damage: &Damage,
        range: &Range<i64>,
        (limit, bytes): (usize, usize),
    ) -> rusqlite::Result<Self> {
        match Self::read_together(events, range, limit, bytes) {
            // A damaged page hides only its own events.
            Err(error) if is_damage(&error) => {
                let rows = Rows { connection: events, damage, departed: &NOBODY };
                let stretch = rows.stretch(range, End::Oldest, limit.min(4096), &|_, _| true)?;
                let mut messages = Self { last: stretch.last, ..Self::default() };
                stretch.events.iter().for_each(|event| messages.add(event));
                Ok(messages)
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
        let mut messages = Self { last: range.end - 1, ..Self::default() };
        while let Some(row) = rows.next()? {
            messages.newest = row.get(0)?;
            messages.time = row.get(5).ok();
            messages.looked += 1;
            match message(row) {
                Ok(Some((conversation, author, text))) => {
                    messages.push(messages.newest, conversation, author, text);
                }
                // A damaged row, which is never shown.
                Err(error) if error.sqlite_error_code().is_none() => {}
                other => drop(other?),
            }
            if messages.looked == limit || messages.texts.len() >= bytes {
                messages.last = messages.newest;
                break;
            }
        }
        Ok(messages)
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

    /// The messages, oldest first: id, conversation, author and text.
    pub(super) fn messages(&self) -> impl Iterator<Item = (i64, Conversation, AccountId, &str)> {
        let mut begin = 0;
        self.messages.iter().map(move |message| {
            let text = &self.texts[begin..message.end];
            begin = message.end;
            (message.id, message.conversation, message.author, text)
        })
    }
}

/// The contents of a row, if it is a message.
fn message<'r>(row: &'r Row<'_>) -> rusqlite::Result<Option<(Conversation, AccountId, &'r str)>> {
    let kind = EventKind::from_code(row.get(2)?);
    if !kind.is_some_and(EventKind::is_message) {
        return Ok(None);
    }
    Ok(Some((Conversation::from_key(row.get(1)?), row.get(3)?, row.get_ref(4)?.as_str()?)))
}
