//! Reading history from disk.
//!
//! A page is found as ids first, by index alone, conversation by conversation; only the rows of the page are read.

use std::collections::BTreeSet;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::batch::sql_id;
use crate::{
    AccountId, Conversation, Event, EventId, EventKind, Failure, Point, Query, Reader, RoomId,
    Scope, Select,
};

/// A connection that only reads.
pub(crate) struct SqliteReader {
    connection: Connection,
}

/// Which end of a range the limit counts from.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Newest,
    Oldest,
}

/// One snapshot of the store, and what a page is chosen from.
struct Page<'c> {
    connection: &'c Connection,
    conversations: BTreeSet<Conversation>,
    messages_only: bool,
    /// One above the last id that is looked at.
    end: i64,
}

impl SqliteReader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }
}

impl Reader for SqliteReader {
    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let snapshot = self.connection.transaction()?;
        let page = Page {
            connection: &snapshot,
            conversations: conversations(&snapshot, query.of)?,
            messages_only: query.messages_only,
            end: sql_id(query.up_to).saturating_add(1),
        };
        let ids = page.select(query.select, query.limit)?;
        Ok(ids.into_iter().map(|id| event_by_id(&snapshot, id)).collect::<Result<_, _>>()?)
    }

    fn pending(
        &mut self,
        account: AccountId,
        up_to: EventId,
        limit: usize,
    ) -> Result<Vec<Event>, Failure> {
        // CROSS JOIN keeps the order of the tables: from the few pending ones to the events.
        let mut statement = self.connection.prepare_cached(
            "SELECT events.* FROM pending CROSS JOIN events ON events.id = pending.event
                WHERE pending.account = ?1 AND pending.event <= ?2 ORDER BY pending.event LIMIT ?3",
        )?;
        let rows = statement.query_map(params![account, sql_id(up_to), sql_limit(limit)], event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        after: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure> {
        let snapshot = self.connection.transaction()?;
        let mut talks = conversations(&snapshot, Scope::Everything { account, room: None })?;
        talks.extend(rooms.iter().map(|&room| Conversation::room(room)));
        let mut latest = snapshot.prepare_cached(
            "SELECT time FROM events INDEXED BY events_messages
                WHERE conversation = ?1 AND kind < 2 ORDER BY id DESC LIMIT 1",
        )?;
        let mut targets = Vec::new();
        for talk in talks {
            let time = latest.query_row([talk.key()], |row| row.get::<_, i64>(0)).optional()?;
            targets.extend(time.filter(|&time| after < time && time < before).map(|t| (talk, t)));
        }
        targets.sort_by_key(|&(talk, time)| (time, talk));
        targets.truncate(limit);
        Ok(targets)
    }

    fn event_time(&mut self, id: EventId) -> Result<Option<(Conversation, i64)>, Failure> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        let found = self
            .connection
            .prepare_cached("SELECT conversation, time FROM events WHERE id = ?1")?
            .query_row([id], |row| Ok((Conversation::from_key(row.get(0)?), row.get(1)?)))
            .optional()?;
        Ok(found)
    }
}

fn conversations(
    connection: &Connection,
    scope: Scope,
) -> rusqlite::Result<BTreeSet<Conversation>> {
    let (account, room) = match scope {
        Scope::One(one) => return Ok(BTreeSet::from([one])),
        Scope::Everything { account, room } => (account, room),
    };
    let mut statement = connection.prepare_cached("SELECT peer FROM talks WHERE account = ?1")?;
    let talks =
        statement.query_map([account], |row| Ok(Conversation::direct(account, row.get(0)?)))?;
    talks.chain(room.map(|room| Ok(Conversation::room(room)))).collect()
}

impl Page<'_> {
    /// The ids of the page, rising.
    fn select(&self, select: Select, limit: usize) -> rusqlite::Result<Vec<i64>> {
        let end = self.end;
        match select {
            Select::Latest => self.ids(0..end, End::Newest, limit),
            Select::LatestAfter(point) => self.ids(self.after(point)?..end, End::Newest, limit),
            Select::Before(point) => self.ids(0..self.before(point)?, End::Newest, limit),
            Select::After(point) => self.ids(self.after(point)?..end, End::Oldest, limit),
            Select::Between(first, second) => {
                let forwards = self.after(first)?..self.before(second)?;
                if !forwards.is_empty() {
                    return self.ids(forwards, End::Oldest, limit);
                }
                self.ids(self.after(second)?..self.before(first)?, End::Newest, limit)
            }
            Select::Around(point) => {
                let middle = self.before(point)?;
                let mut ids = self.ids(0..middle, End::Newest, limit / 2)?;
                ids.extend(self.ids(middle..end, End::Oldest, limit - limit / 2)?);
                Ok(ids)
            }
        }
    }

    /// The ids within a range that are nearest to one end of it, rising.
    fn ids(&self, range: Range<i64>, from: End, limit: usize) -> rusqlite::Result<Vec<i64>> {
        let mut found: Vec<i64> = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let indexes: &[_] = &[("events_messages", "kind < 2"), ("events_others", "kind >= 2")];
        let indexes = if self.messages_only { &indexes[..1] } else { indexes };
        let order = if from == End::Newest { "DESC" } else { "ASC" };
        for (index, kinds) in indexes {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT id FROM events INDEXED BY {index}
                    WHERE conversation = ?1 AND {kinds} AND id >= ?2 AND id < ?3
                    ORDER BY id {order} LIMIT ?4"
            ))?;
            let mut range = range.clone();
            for conversation in &self.conversations {
                let asked = params![conversation.key(), range.start, range.end, sql_limit(limit)];
                let before = found.len();
                for id in statement.query_map(asked, |row| row.get(0))? {
                    found.push(id?);
                }
                if found.len() == before {
                    continue;
                }
                found.sort_unstable();
                // A full page leaves room only for what is nearer than its farthest: most conversations have none.
                if found.len() >= limit {
                    match from {
                        End::Newest => {
                            found.drain(..found.len() - limit);
                            range.start = found[0] + 1;
                        }
                        End::Oldest => {
                            found.truncate(limit);
                            range.end = found[limit - 1];
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// The first id that is newer than a point.
    fn after(&self, point: Point) -> rusqlite::Result<i64> {
        match point {
            Point::Id(id) => Ok(sql_id(id).saturating_add(1).min(self.end)),
            Point::Time(time) => self.first(|other| other > time),
        }
    }

    /// The first id that is not older than a point.
    fn before(&self, point: Point) -> rusqlite::Result<i64> {
        match point {
            Point::Id(id) => Ok(sql_id(id).min(self.end)),
            Point::Time(time) => self.first(|other| other >= time),
        }
    }

    /// Where the events begin whose time is `late`; it relies on times not falling with the id.
    fn first(&self, late: impl Fn(i64) -> bool) -> rusqlite::Result<i64> {
        let newest: Option<i64> =
            self.connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?;
        let mut next = self.connection.prepare_cached(
            "SELECT id, time FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1",
        )?;
        let mut low = 0;
        let mut high = newest.map_or(0, |id| id + 1).min(self.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = next
                .query_row([middle, high], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
                .optional()?;
            match found {
                Some((id, time)) if !late(time) => low = id + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

fn event_by_id(connection: &Connection, id: i64) -> rusqlite::Result<Event> {
    connection.prepare_cached("SELECT * FROM events WHERE id = ?1")?.query_row([id], event)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let code: u8 = row.get(2)?;
    Ok(Event {
        id: row.get::<_, i64>(0)? as EventId,
        conversation: Conversation::from_key(row.get(1)?),
        kind: EventKind::from_code(code)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, code.into()))?,
        account: row.get(3)?,
        guest: row.get(4)?,
        nick: row.get(5)?,
        target: row.get(6)?,
        time: row.get(7)?,
        text: row.get(8)?,
        tags: row.get(9)?,
    })
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
