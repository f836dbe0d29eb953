//! Removing expired events: the oldest of each conversation, in small steps.
//!
//! Only events in `history` are removed, from there and from `events` in one transaction, so a
//! reader's snapshot has them in both or in neither. Events still in the tail are indexed first.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use crate::flags::{CLASSES, MESSAGES};
use crate::keep::{KEEP_DAYS, KEEP_MESSAGES, Keep, Rule};
use crate::row::Rows;
use crate::tail::{End, Tail};
use crate::{Conversation, RoomId, Subject, about, index};

/// Events removed per step: some milliseconds.
const AT_ONCE: usize = 256;
/// Conversations examined per step.
const LOOKS: usize = 32;
/// Pages of the file given back per step: half a megabyte.
const PAGES: u32 = 64;

/// Looks for expired events.
pub(crate) struct Forget<'s> {
    pub(crate) rows: Rows<'s>,
    pub(crate) tail: &'s Tail,
    pub(crate) keep: Keep,
    /// The newest event of all, which stays so that its number is not reused.
    pub(crate) newest: i64,
}

/// The result of a look.
pub(crate) enum Found {
    /// These expired; `more`: there may be more in this conversation.
    Old { of: Conversation, ids: BTreeSet<i64>, more: bool },
    /// Nothing has expired up to this conversation's key.
    NothingUpTo(i64),
    /// Nothing has expired, and all conversations were examined.
    End,
}

impl Forget<'_> {
    /// Whether an event that is not indexed yet has expired.
    pub(crate) fn tail_has_some(&self) -> rusqlite::Result<bool> {
        let Some(first) = self.tail.fresh.first() else { return Ok(false) };
        let first = self.time(first.id)?;
        if first.is_none_or(|time| self.keep.of_pair().is_young(time)) {
            return Ok(false);
        }
        let mut seen = BTreeSet::new();
        for entry in &self.tail.fresh {
            if seen.insert(entry.conversation)
                && entry.id != self.newest
                && let Some(time) = self.time(entry.id)?
            {
                let rule = self.rule(entry.conversation)?;
                let oldest = self.oldest(entry.conversation, rule)?;
                if rule.goes(entry.id as u64, time, oldest as u64) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Examines some conversations with keys above `after`, until one has expired events.
    pub(crate) fn look(&self, after: Option<i64>) -> rusqlite::Result<Found> {
        let next = "SELECT min(conversation) FROM history WHERE conversation > ?1 OR ?1 IS NULL";
        let mut next = self.rows.connection.prepare_cached(next)?;
        let mut after = after;
        for _ in 0..LOOKS {
            let Some(key) = next.query_row([after], |row| row.get(0))? else {
                return Ok(Found::End);
            };
            let of = Conversation::from_key(key);
            let (ids, more) = self.old(of)?;
            if !ids.is_empty() {
                return Ok(Found::Old { of, ids, more });
            }
            after = Some(key);
        }
        Ok(after.map_or(Found::End, Found::NothingUpTo))
    }

    /// The oldest, expired events of a conversation, and whether there may be more.
    fn old(&self, of: Conversation) -> rusqlite::Result<(BTreeSet<i64>, bool)> {
        let rule = self.rule(of)?;
        if !rule.lets_go() {
            return Ok((BTreeSet::new(), false));
        }
        let oldest = self.oldest(of, rule)?;
        let mut ids = Vec::new();
        for class in CLASSES {
            ids.extend(self.indexed(of, class, End::Oldest, AT_ONCE)?);
        }
        ids.sort_unstable();
        let more = ids.len() >= AT_ONCE;
        ids.truncate(AT_ONCE);
        // A damaged event is removed together with a later one, not before.
        let mut count = 0;
        for (at, &id) in ids.iter().enumerate() {
            match self.time(id)? {
                _ if id == self.newest => break,
                Some(time) if rule.goes(id as u64, time, oldest as u64) => count = at + 1,
                Some(_) => break,
                None => {}
            }
        }
        let more = more && count == ids.len();
        ids.truncate(count);
        Ok((ids.into_iter().collect(), more))
    }

    fn rule(&self, of: Conversation) -> rusqlite::Result<Rule> {
        let Some(room) = of.as_room() else { return Ok(self.keep.of_pair()) };
        let exists = "SELECT 1 FROM rooms WHERE id = ?1";
        if self.rows.connection.prepare_cached(exists)?.exists([room])? {
            let (days, messages) = (self.says(room, KEEP_DAYS)?, self.says(room, KEEP_MESSAGES)?);
            return Ok(self.keep.of_room(days.as_deref(), messages.as_deref()));
        }
        let mut last = self.tail.fresh.iter().rev().find(|entry| entry.conversation == of);
        let last = match last.take() {
            Some(entry) => Some(entry.id),
            None => {
                let mut last = None;
                for class in CLASSES {
                    last = last.max(self.indexed(of, class, End::Newest, 1)?.into_iter().max());
                }
                last
            }
        };
        // The age of a damaged event is unknown.
        let time = last.map(|id| self.time(id)).transpose()?.flatten();
        Ok(self.keep.of_ended(time.unwrap_or(i64::MAX)))
    }

    /// A room's metadata value.
    fn says(&self, room: RoomId, key: &str) -> rusqlite::Result<Option<String>> {
        let (kind, subject) = Subject::Room(room).key();
        let value = "SELECT value FROM metadata WHERE kind = ?1 AND subject = ?2 AND key = ?3";
        let mut value = self.rows.connection.prepare_cached(value)?;
        value.query_row(params![kind, subject, key], |row| row.get(0)).optional()
    }

    /// The oldest message within a rule's count; 0 if there are not that many.
    fn oldest(&self, of: Conversation, rule: Rule) -> rusqlite::Result<i64> {
        let Some(count) = rule.messages else { return Ok(0) };
        let fresh = self.tail.fresh.iter().rev();
        let fresh = fresh.filter(|entry| entry.conversation == of && entry.class == MESSAGES);
        let fresh: Vec<i64> = fresh.take(count).map(|entry| entry.id).collect();
        let rest = count - fresh.len();
        if rest == 0 {
            return Ok(fresh.last().copied().unwrap_or(0));
        }
        let mut ids = self.indexed(of, MESSAGES, End::Newest, rest)?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids.get(rest - 1).copied().unwrap_or(0))
    }

    fn indexed(
        &self,
        of: Conversation,
        class: u8,
        from: End,
        limit: usize,
    ) -> rusqlite::Result<Vec<i64>> {
        index::ids(self.rows, of, class, &(0..self.tail.indexed + 1), from, limit)
    }

    fn time(&self, id: i64) -> rusqlite::Result<Option<i64>> {
        Ok(self.rows.by_id(id)?.map(|event| event.time))
    }
}

/// Removes events of a conversation, the oldest in its `history`, with everything about them;
/// returns how many there were.
pub(crate) fn remove(
    connection: &Connection,
    of: Conversation,
    ids: &BTreeSet<i64>,
) -> rusqlite::Result<u64> {
    let placed = index::remove(connection, of, ids)?;
    let count = index::mark(connection, "indexed_count")?;
    about::set(connection, "indexed_count", count - placed)?;
    let list = format!("{:?}", Vec::from_iter(ids)); // as JSON has lists, too
    let within = "IN (SELECT value FROM json_each(?1))";
    let run = |sql: String| connection.prepare_cached(&sql)?.execute([&list]);
    let removed = run(format!("DELETE FROM events WHERE id {within}"))?;
    run(format!("DELETE FROM pending WHERE event {within}"))?;
    run(format!("DELETE FROM clock_steps WHERE event {within}"))?;
    run(format!("DELETE FROM mentions WHERE event {within}"))?;
    let notes = format!("DELETE FROM taken_back WHERE event {within} AND conversation = ?2");
    connection.prepare_cached(&notes)?.execute(params![list, of.key()])?;
    let mut next = connection.prepare_cached("SELECT min(id) FROM events WHERE id > ?1")?;
    let mut behind = BTreeSet::new();
    for id in ids {
        behind.extend(next.query_row([id], |row| row.get::<_, Option<i64>>(0))?);
    }
    for id in behind {
        mend_clock_step(connection, id)?;
    }
    Ok(removed as u64)
}

/// The event before this one was removed: checks again whether the clock was set back in between.
fn mend_clock_step(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let back = "SELECT (SELECT time FROM events WHERE id = ?1) <
        (SELECT time FROM events WHERE id < ?1 ORDER BY id DESC LIMIT 1) IS TRUE";
    let back: bool = connection.prepare_cached(back)?.query_row([id], |row| row.get(0))?;
    let sql = match back {
        true => {
            "INSERT OR REPLACE INTO clock_steps(event, sum)
                VALUES (?1, checksum('clock_steps', ?1))"
        }
        false => "DELETE FROM clock_steps WHERE event = ?1",
    };
    connection.prepare_cached(sql)?.execute([id]).map(drop)
}

/// Removes the record of a direct conversation without events; returns whether it did.
pub(crate) fn remove_talk(
    connection: &Connection,
    tail: &Tail,
    of: Conversation,
) -> rusqlite::Result<bool> {
    let Some((low, high)) = of.pair() else { return Ok(false) };
    let some = "SELECT 1 FROM history WHERE conversation = ?1";
    if tail.fresh.iter().any(|entry| entry.conversation == of)
        || connection.prepare_cached(some)?.exists([of.key()])?
    {
        return Ok(false);
    }
    let talk = "DELETE FROM talks WHERE account = ?1 AND peer = ?2 OR account = ?2 AND peer = ?1";
    connection.prepare_cached(talk)?.execute([low, high])?;
    Ok(true)
}

/// Gives free pages of the file back; returns whether there were any. A database created before
/// files could shrink keeps its free pages and reuses them.
pub(crate) fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let shrinks: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    let before = free()?;
    if shrinks != 2 || before == 0 {
        return Ok(false);
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    drop(steps);
    Ok(free()? < before)
}
