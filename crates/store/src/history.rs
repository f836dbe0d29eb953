//! Reading history from disk.
//!
//! A page is found as ids first, in the tail and in `history`, conversation by conversation; only
//! the rows of the page are read, and those of what was taken back in between.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::batch::sql_id;
use crate::place::Places;
use crate::query::counted_targets;
use crate::tail::{self, End, Shared, Tail};
use crate::{
    AccountId, Conversation, Event, EventId, EventKind, Failure, Kinds, Point, Query,
    REDACTED_PASSED, Reader, RoomId, Scope, Select, flags, index,
};

/// How many ids are looked up at once when a page is to be filled up.
const STEP: usize = 256;

/// A connection that only reads.
pub(crate) struct SqliteReader {
    connection: Connection,
    tail: Shared,
}

/// One snapshot of the store, and what a page is chosen from.
struct Page<'c> {
    /// Taken after the tail, so that it has all events of it.
    connection: &'c Connection,
    tail: &'c Tail,
    conversations: BTreeSet<Conversation>,
    kinds: Kinds,
    /// The classes of `history` in which these are.
    classes: Vec<u8>,
    /// One above the last id that is looked at.
    end: i64,
}

impl SqliteReader {
    pub(crate) fn new(connection: Connection, tail: Shared) -> Self {
        Self { connection, tail }
    }
}

impl Reader for SqliteReader {
    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let tail = tail::now(&self.tail);
        let snapshot = self.connection.transaction()?;
        let page = Page {
            connection: &snapshot,
            tail: &tail,
            conversations: conversations(&snapshot, query.of)?,
            kinds: query.kinds,
            classes: flags::classes(query.kinds),
            end: sql_id(query.up_to).saturating_add(1),
        };
        Ok(page.select(query.select, query.limit)?)
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
                WHERE pending.account = ?1 AND pending.event <= ?2 AND events.kind <> ?4
                ORDER BY pending.event LIMIT ?3",
        )?;
        let redacted = EventKind::Redacted.code();
        let asked = params![account, sql_id(up_to), sql_limit(limit), redacted];
        let mut names = Names::default();
        let rows = statement.query_map(asked, |row| event(row, &mut names))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        first: i64,
        second: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure> {
        let tail = tail::now(&self.tail);
        let snapshot = self.connection.transaction()?;
        let mut talks = conversations(&snapshot, Scope::Everything { account, room: None })?;
        talks.extend(rooms.iter().map(|&room| Conversation::room(room)));
        let newest = tail.latest(&talks);
        let all = Page {
            connection: &snapshot,
            tail: &tail,
            conversations: talks.clone(),
            kinds: Kinds::ALL,
            classes: flags::classes(Kinds::ALL),
            end: i64::MAX,
        };
        let within = all.after(Point::Time(first.min(second)))?
            ..all.before(Point::Time(first.max(second)))?;
        let mut find = snapshot.prepare_cached("SELECT time, kind FROM events WHERE id = ?1")?;
        let mut targets = Vec::new();
        for talk in talks {
            let id = match newest.get(&talk) {
                Some(&id) => Some(id),
                None => {
                    let range = 0..tail.indexed + 1;
                    index::ids(&snapshot, talk, flags::MESSAGES, &range, End::Newest, 1)?
                        .into_iter()
                        .max()
                }
            };
            let found = id.map(|id| {
                find.query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u8>(1)?)))
            });
            let latest = match found.transpose()? {
                Some((_, kind)) if kind == EventKind::Redacted.code() => {
                    let page = Page::messages(&snapshot, &tail, talk);
                    let event = page.events(0..page.end, End::Newest, 1)?.pop();
                    event.map(|event| (sql_id(event.id), event.time))
                }
                found => id.zip(found.map(|(time, _)| time)),
            };
            let latest = latest.filter(|(id, _)| within.contains(id));
            targets.extend(latest.map(|(id, time)| (id as EventId, talk, time)));
        }
        Ok(counted_targets(targets, first <= second, limit))
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

/// The ids found so far that are nearest to one end of a range, rising.
struct Nearest {
    /// Where a nearer one can still be.
    range: Range<i64>,
    from: End,
    limit: usize,
    ids: Vec<i64>,
}

impl Nearest {
    fn add(&mut self, ids: Vec<i64>) {
        if ids.is_empty() {
            return;
        }
        self.ids.extend(ids);
        self.ids.sort_unstable();
        // A full page leaves room only for what is nearer than its farthest: most conversations
        // have none.
        if let Some(more) = self.ids.len().checked_sub(self.limit) {
            match self.from {
                End::Newest => {
                    self.ids.drain(..more);
                    self.range.start = self.ids.first().map_or(self.range.end, |id| id + 1);
                }
                End::Oldest => {
                    self.ids.truncate(self.limit);
                    self.range.end = self.ids.last().map_or(self.range.start, |id| *id);
                }
            }
        }
    }
}

impl<'c> Page<'c> {
    /// All messages of one conversation.
    fn messages(connection: &'c Connection, tail: &'c Tail, of: Conversation) -> Self {
        let conversations = BTreeSet::from([of]);
        let (kinds, classes) = (Kinds::MESSAGES, vec![flags::MESSAGES]);
        Page { connection, tail, conversations, kinds, classes, end: i64::MAX }
    }

    /// The events of the page, oldest first.
    fn select(&self, select: Select, limit: usize) -> rusqlite::Result<Vec<Event>> {
        let end = self.end;
        match select {
            Select::Latest => self.events(0..end, End::Newest, limit),
            Select::LatestAfter(point) => self.events(self.after(point)?..end, End::Newest, limit),
            Select::Before(point) => self.events(0..self.before(point)?, End::Newest, limit),
            Select::After(point) => self.events(self.after(point)?..end, End::Oldest, limit),
            Select::Between(first, second) if self.is_forwards(first, second)? => {
                self.events(self.after(first)?..self.before(second)?, End::Oldest, limit)
            }
            Select::Between(first, second) => {
                self.events(self.after(second)?..self.before(first)?, End::Newest, limit)
            }
            Select::Around(point) => {
                let middle = self.before(point)?;
                let mut events = self.events(0..middle, End::Newest, limit / 2)?;
                events.extend(self.events(middle..end, End::Oldest, limit - limit / 2)?);
                Ok(events)
            }
        }
    }

    /// The events within a range that are nearest to one end of it, oldest first. What was taken
    /// back has its place in the index, and of old events only the rows tell the kind; instead of it the next ones are
    /// read, until there are none or [`REDACTED_PASSED`].
    fn events(&self, range: Range<i64>, from: End, limit: usize) -> rusqlite::Result<Vec<Event>> {
        let (mut range, mut ask) = (range, limit);
        let (mut events, mut passed) = (Vec::new(), 0);
        while events.len() < limit && passed < REDACTED_PASSED {
            let mut ids = self.ids(range.clone(), from, ask)?;
            let Some(&last) = (if from == End::Newest { ids.first() } else { ids.last() }) else {
                break;
            };
            let all = ids.len() < ask;
            match from {
                End::Newest => {
                    range.end = last;
                    ids.reverse();
                }
                End::Oldest => range.start = last + 1,
            }
            for event in rows(self.connection, &ids)? {
                if events.len() == limit || passed == REDACTED_PASSED {
                    break;
                }
                match self.kinds.contains(event.kind) {
                    true => events.push(event),
                    false => passed += 1,
                }
            }
            if all {
                break;
            }
            ask = (limit - events.len()).max(STEP);
        }
        if from == End::Newest {
            events.reverse();
        }
        Ok(events)
    }

    /// The ids within a range that are nearest to one end of it, rising.
    fn ids(&self, range: Range<i64>, from: End, limit: usize) -> rusqlite::Result<Vec<i64>> {
        let mut nearest = Nearest { range, from, limit, ids: Vec::new() };
        // The nearer of the two first: a full page leaves nothing to look for in the other.
        match from {
            End::Newest => {
                self.add_tail(&mut nearest);
                self.add_indexed(&mut nearest)?;
            }
            End::Oldest => {
                self.add_indexed(&mut nearest)?;
                self.add_tail(&mut nearest);
            }
        }
        Ok(nearest.ids)
    }

    fn add_tail(&self, nearest: &mut Nearest) {
        let (from, limit) = (nearest.from, nearest.limit);
        let range = &nearest.range;
        let ids = self.tail.ids(&self.conversations, &self.classes, range, from, limit);
        nearest.add(ids);
    }

    fn add_indexed(&self, nearest: &mut Nearest) -> rusqlite::Result<()> {
        for &class in &self.classes {
            for &conversation in &self.conversations {
                let range = nearest.range.start..nearest.range.end.min(self.tail.indexed + 1);
                let (from, limit) = (nearest.from, nearest.limit);
                let ids = index::ids(self.connection, conversation, class, &range, from, limit)?;
                nearest.add(ids);
            }
        }
        Ok(())
    }

    /// The first id that is newer than a point.
    fn after(&self, point: Point) -> rusqlite::Result<i64> {
        match point {
            Point::Id(id) => Ok(sql_id(id).saturating_add(1).min(self.end)),
            Point::Time(time) => {
                Places::read(self.connection, self.end)?.after(time, |ids| self.has(ids))
            }
        }
    }

    /// The first id that is not older than a point.
    fn before(&self, point: Point) -> rusqlite::Result<i64> {
        match point {
            Point::Id(id) => Ok(sql_id(id).min(self.end)),
            Point::Time(time) => {
                Places::read(self.connection, self.end)?.before(time, |ids| self.has(ids))
            }
        }
    }

    /// Whether the first of two points is the earlier one.
    fn is_forwards(&self, first: Point, second: Point) -> rusqlite::Result<bool> {
        match (first, second) {
            (Point::Time(first), Point::Time(second)) => Ok(first <= second),
            _ => Ok(self.after(first)? < self.before(second)?),
        }
    }

    /// Whether any event of the conversations, of whatever kind, is in a range.
    fn has(&self, range: Range<i64>) -> rusqlite::Result<bool> {
        let (conversations, classes) = (self.conversations.clone(), flags::classes(Kinds::ALL));
        let all = Page { conversations, kinds: Kinds::ALL, classes, ..*self };
        Ok(!all.ids(range, End::Newest, 1)?.is_empty())
    }
}

/// The events of some ids, in their order. One statement for all: its cursor and its buffers stay
/// from row to row.
fn rows(connection: &Connection, ids: &[i64]) -> rusqlite::Result<Vec<Event>> {
    let mut statement = connection.prepare_cached(
        "SELECT events.* FROM json_each(?1) AS page CROSS JOIN events ON events.id = page.value",
    )?;
    let list = format!("{ids:?}"); // as JSON has lists, too
    let mut events = Vec::with_capacity(ids.len());
    let mut names = Names::default();
    let mut rows = statement.query([list])?;
    while let Some(row) = rows.next()? {
        events.push(event(row, &mut names)?);
    }
    let expected = ids.iter().copied().eq(events.iter().map(|event| event.id as i64));
    if expected { Ok(events) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

/// Names of the page at hand: a few people talk, so most rows repeat one of the last.
#[derive(Default)]
struct Names {
    last: [Option<Arc<str>>; 8],
    next: usize,
}

impl Names {
    fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.last.iter().flatten().find(|known| ***known == *name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.last[self.next] = Some(name.clone());
        self.next = (self.next + 1) % self.last.len();
        name
    }
}

fn event(row: &Row<'_>, names: &mut Names) -> rusqlite::Result<Event> {
    let (code, flags): (u8, u8) = (row.get(2)?, row.get(4)?);
    Ok(Event {
        id: row.get::<_, i64>(0)? as EventId,
        conversation: Conversation::from_key(row.get(1)?),
        kind: EventKind::from_code(code)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, code.into()))?,
        account: row.get(3)?,
        guest: flags::guest(flags),
        bot: flags::bot(flags),
        nick: names.share(row.get_ref(5)?.as_str()?),
        userhost: row.get_ref(11)?.as_str_or_null()?.map(|userhost| names.share(userhost)),
        target: names.share(row.get_ref(6)?.as_str()?),
        time: row.get(7)?,
        text: row.get(8)?,
        tags: row.get(9)?,
        about: row.get::<_, Option<i64>>(10)?.map(|id| id as EventId),
    })
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shared_and_never_mixed_up() {
        let mut names = Names::default();
        for number in 0..100 {
            let name = format!("n{}", number % 11);
            assert_eq!(&*names.share(&name), name);
        }
        let name = names.share("ann");
        assert!(Arc::ptr_eq(&name, &names.share("ann")));
    }

    #[test]
    fn an_event_that_is_missing_is_a_failure_and_not_left_out() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, "k3f9").unwrap();
        for id in [1, 3] {
            let columns = "id, conversation, kind, account, flags, nick, target, time, text, tags";
            let add = format!(
                "INSERT INTO events({columns}) VALUES (?1, 1, 0, 1, 0, 'ann', '', 7, 'hi', '')"
            );
            connection.execute(&add, [id]).unwrap();
        }
        let ids = |events: Vec<Event>| events.iter().map(|event| event.id).collect::<Vec<_>>();
        assert_eq!(ids(rows(&connection, &[3, 1]).unwrap()), [3, 1]);
        assert_eq!(ids(rows(&connection, &[]).unwrap()), []);
        assert!(rows(&connection, &[1, 2, 3]).is_err());
    }
}
