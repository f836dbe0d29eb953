//! Reading history from disk.
//!
//! A page is first selected by ids, in the tail and in `history`, conversation by conversation;
//! only the rows of the page are read, and redacted ones in between.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, Transaction, params};

use crate::batch::sql_id;
use crate::departure::{Departed, NOBODY};
use crate::query::counted_targets;
use crate::row::Rows;
use crate::search::WordReader;
use crate::sum::{self, Checksummer};
use crate::tail::{self, End, Entry, Shared, Tail};
use crate::time_search::TimeSearch;
use crate::{
    AccountId, Audit, Conversation, Damage, Event, EventId, EventKind, Exported, Failure, Found,
    Kinds, Point, Query, REDACTED_PASSED, Reader, RoomId, Scope, Search, Select, Unread, Unreads,
    audit, export, flags, index, schema, search, unread,
};

/// How many ids are looked up at once to fill a page.
const STEP: usize = 256;

/// SQLite's own steps between two calls of a progress handler.
const STEPS_PER_CALL: i32 = 200;

/// A read-only connection.
pub(crate) struct SqliteReader {
    connection: Connection,
    tail: Shared,
    damage: Arc<Damage>,
    words: WordReader,
}

/// A snapshot of the store, from which pages are selected.
struct Page<'c> {
    /// Its snapshot is taken after the tail, and so contains all its events.
    rows: Rows<'c>,
    tail: &'c Tail,
    conversations: BTreeSet<Conversation>,
    kinds: Kinds,
    /// The classes of `history` that contain the kinds.
    classes: Vec<u8>,
    /// Events below this id are ignored.
    begin: i64,
    /// One above the last id.
    end: i64,
}

impl SqliteReader {
    pub(crate) fn new(
        connection: Connection,
        tail: Shared,
        damage: Arc<Damage>,
        words: WordReader,
    ) -> Self {
        Self { connection, tail, damage, words }
    }

    /// The tail, and a snapshot that is no older, both taken again if the tail has advanced in
    /// between: only then can events of the tail be missing from the snapshot, since expired ones
    /// are indexed before they are deleted.
    fn look(&self) -> rusqlite::Result<(Arc<Tail>, Transaction<'_>)> {
        loop {
            let tail = tail::now(&self.tail);
            let snapshot = self.connection.unchecked_transaction()?;
            // The first query takes it.
            schema::version(&snapshot)?;
            if tail::now(&self.tail).indexed == tail.indexed {
                return Ok((tail, snapshot));
            }
        }
    }
}

impl Reader for SqliteReader {
    fn set_progress_handler(&mut self, mut on_progress: Box<dyn FnMut() + Send>) {
        let go_on = move || {
            on_progress();
            false
        };
        let done = self.connection.progress_handler(STEPS_PER_CALL, Some(go_on));
        done.expect("the connection is this one's own, and open");
    }

    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let (tail, snapshot) = self.look()?;
        let departed = Departed::read(&snapshot, &self.damage)?;
        let rows = Rows { connection: &snapshot, damage: &self.damage, departed: &departed };
        let page = Page {
            rows,
            tail: &tail,
            conversations: conversations(rows, query.of)?,
            kinds: query.kinds,
            classes: flags::classes(query.kinds),
            begin: sql_id(query.of.after()).saturating_add(1),
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
        let snapshot = self.connection.transaction()?;
        let departed = Departed::read(&snapshot, &self.damage)?;
        let rows = Rows { connection: &snapshot, damage: &self.damage, departed: &departed };
        let mut find = snapshot.prepare_cached(
            "SELECT account, event, sum FROM pending WHERE account = ?1 AND event <= ?2
                ORDER BY event",
        )?;
        let mut waiting = find.query(params![account, sql_id(up_to)])?;
        let (mut events, mut checksummer) = (Vec::new(), Checksummer::default());
        while events.len() < limit
            && let Some(row) = waiting.next()?
        {
            let id = row.get(1)?;
            if sum::is_right("pending", row, &mut checksummer)? {
                events.extend(rows.pending(account, id)?);
            } else {
                let sentence = format!("a pending delivery to account {account} is damaged");
                self.damage.note("pending", &id, sentence);
            }
        }
        Ok(events)
    }

    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        first: i64,
        second: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure> {
        let (tail, snapshot) = self.look()?;
        let departed = Departed::read(&snapshot, &self.damage)?;
        let rows = Rows { connection: &snapshot, damage: &self.damage, departed: &departed };
        let mut talks = conversations(rows, Scope::Everything { account, room: None })?;
        talks.extend(rooms.iter().map(|&room| Conversation::room(room)));
        let newest = tail.latest(&talks);
        let all = Page {
            rows,
            tail: &tail,
            conversations: talks.clone(),
            kinds: Kinds::ALL,
            classes: flags::classes(Kinds::ALL),
            begin: 0,
            end: i64::MAX,
        };
        let within = all.after(Point::Time(first.min(second)))?
            ..all.before(Point::Time(first.max(second)))?;
        let mut targets = Vec::new();
        for talk in talks {
            let id = match newest.get(&talk) {
                Some(&id) => Some(id),
                None => {
                    let range = 0..tail.indexed + 1;
                    index::ids(rows, talk, flags::MESSAGES, &range, End::Newest, 1)?
                        .into_iter()
                        .max()
                }
            };
            let Some(id) = id else { continue };
            let found = rows.one(Entry::place(talk, flags::MESSAGES, id))?;
            let latest = match found.filter(|event| event.kind != EventKind::Redacted) {
                Some(event) => Some(event),
                None => {
                    let page = Page::messages(rows, &tail, talk);
                    page.events(0..page.end, End::Newest, 1)?.pop()
                }
            };
            let latest = latest.filter(|event| within.contains(&sql_id(event.id)));
            targets.extend(latest.map(|event| (event.id, talk, event.time)));
        }
        Ok(counted_targets(targets, first <= second, limit))
    }

    fn unread(&mut self, of: &Unreads) -> Result<Vec<Unread>, Failure> {
        let (tail, snapshot) = self.look()?;
        let departed = Departed::read(&snapshot, &self.damage)?;
        let rows = Rows { connection: &snapshot, damage: &self.damage, departed: &departed };
        Ok(unread::unread(rows, &tail, of)?)
    }

    fn audit(&mut self, before: u64, limit: usize) -> Result<Vec<(u64, Audit)>, Failure> {
        Ok(audit::read(&self.connection, &self.damage, before, limit)?)
    }

    fn export(&mut self, account: AccountId, after: EventId) -> Result<Exported, Failure> {
        let snapshot = self.connection.transaction()?;
        let departed = Departed::read(&snapshot, &self.damage)?;
        let rows = Rows { connection: &snapshot, damage: &self.damage, departed: &departed };
        Ok(export::export(rows, account, after)?)
    }

    fn search(
        &mut self,
        search: &Search,
        may_read: &dyn Fn(&Event) -> bool,
    ) -> Result<Found, Failure> {
        let until = Instant::now() + search.patience;
        // Before the snapshot of the events, which then have all that it has.
        let index = self.words.snapshot();
        let snapshot = self.connection.transaction()?;
        let departed = Departed::read(&snapshot, &self.damage)?;
        let rows = Rows { connection: &snapshot, damage: &self.damage, departed: &departed };
        Ok(search::run_search(rows, index.as_ref(), search, may_read, until)?)
    }

    fn event_time(&mut self, id: EventId) -> Result<Option<(Conversation, i64)>, Failure> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        let departed = &NOBODY; // of the time it makes no difference
        let rows = Rows { connection: &self.connection, damage: &self.damage, departed };
        Ok(rows.by_id(id)?.map(|event| (event.conversation, event.time)))
    }
}

/// The conversations of a scope.
pub(crate) fn conversations(
    rows: Rows<'_>,
    scope: Scope,
) -> rusqlite::Result<BTreeSet<Conversation>> {
    let (account, room) = match scope {
        Scope::One(one) => return Ok(BTreeSet::from([one])),
        Scope::Since { room, .. } => return Ok(BTreeSet::from([Conversation::room(room)])),
        Scope::Everything { account, room } => (account, room),
    };
    let find = "SELECT account, peer, sum FROM talks WHERE account = ?1";
    let mut statement = rows.connection.prepare_cached(find)?;
    let mut talks = statement.query([account])?;
    let mut found: BTreeSet<Conversation> = room.map(Conversation::room).into_iter().collect();
    let mut checksummer = Checksummer::default();
    while let Some(talk) = talks.next()? {
        if sum::is_right("talks", talk, &mut checksummer)? {
            found.insert(Conversation::direct(account, talk.get(1)?));
        } else {
            let sentence = format!("the list of conversations of account {account} is damaged");
            rows.damage.note("talks", &account, sentence);
        }
    }
    Ok(found)
}

/// The positions found so far nearest to one end of a range, by id.
struct Nearest {
    /// Where a nearer one can still be.
    range: Range<i64>,
    from: End,
    limit: usize,
    found: Vec<Entry>,
}

impl Nearest {
    fn add(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let before = self.found.len();
        self.found.extend(entries);
        if self.found.len() == before {
            return;
        }
        self.found.sort_unstable_by_key(|entry| entry.id);
        // A full page only has room for nearer positions than its farthest: most conversations have
        // none.
        if let Some(more) = self.found.len().checked_sub(self.limit) {
            match self.from {
                End::Newest => {
                    self.found.drain(..more);
                    let nearest = self.found.first();
                    self.range.start = nearest.map_or(self.range.end, |entry| entry.id + 1);
                }
                End::Oldest => {
                    self.found.truncate(self.limit);
                    let farthest = self.found.last();
                    self.range.end = farthest.map_or(self.range.start, |entry| entry.id);
                }
            }
        }
    }
}

impl<'c> Page<'c> {
    /// All messages of one conversation.
    fn messages(rows: Rows<'c>, tail: &'c Tail, of: Conversation) -> Self {
        let conversations = BTreeSet::from([of]);
        let (kinds, classes) = (Kinds::MESSAGES, vec![flags::MESSAGES]);
        Page { rows, tail, conversations, kinds, classes, begin: 0, end: i64::MAX }
    }

    /// The events of the page, oldest first.
    fn select(&self, select: Select, limit: usize) -> rusqlite::Result<Vec<Event>> {
        let (begin, end) = (self.begin, self.end);
        let newest = |from: i64, to: i64| self.events(self.within(from, to), End::Newest, limit);
        let oldest = |from: i64, to: i64| self.events(self.within(from, to), End::Oldest, limit);
        match select {
            Select::Latest => newest(begin, end),
            Select::LatestAfter(point) => newest(self.after(point)?, end),
            Select::Before(point) => newest(begin, self.before(point)?),
            Select::After(point) => oldest(self.after(point)?, end),
            Select::Between(first, second) if self.is_forwards(first, second)? => {
                oldest(self.after(first)?, self.before(second)?)
            }
            Select::Between(first, second) => newest(self.after(second)?, self.before(first)?),
            Select::Around(point) => {
                let middle = self.before(point)?;
                let before = self.within(begin, middle);
                let mut events = self.events(before, End::Newest, limit / 2)?;
                let from = self.within(middle, end);
                events.extend(self.events(from, End::Oldest, limit - limit / 2)?);
                Ok(events)
            }
        }
    }

    /// Restricts a range of ids to this page.
    fn within(&self, from: i64, to: i64) -> Range<i64> {
        let from = from.max(self.begin);
        from..to.max(from)
    }

    /// The events within a range nearest to one end of it, oldest first. Redacted events are in the
    /// index, and the kinds of old events are only in their rows, so further events are read
    /// instead of those, until there are no more or [`REDACTED_PASSED`] is reached.
    fn events(&self, range: Range<i64>, from: End, limit: usize) -> rusqlite::Result<Vec<Event>> {
        let (mut range, mut ask) = (range, limit);
        let (mut events, mut passed) = (Vec::new(), 0);
        while events.len() < limit && passed < REDACTED_PASSED {
            let mut found = self.places(range.clone(), from, ask)?;
            let last = if from == End::Newest { found.first() } else { found.last() };
            let Some(&Entry { id: last, .. }) = last else { break };
            let all = found.len() < ask;
            match from {
                End::Newest => {
                    range.end = last;
                    found.reverse();
                }
                End::Oldest => range.start = last + 1,
            }
            for event in self.rows.read(&found)? {
                if events.len() == limit || passed == REDACTED_PASSED {
                    break;
                }
                match event.kind == EventKind::Damaged || self.kinds.contains(event.kind) {
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

    /// The positions within a range nearest to one end of it, by id.
    fn places(&self, range: Range<i64>, from: End, limit: usize) -> rusqlite::Result<Vec<Entry>> {
        let mut nearest = Nearest { range, from, limit, found: Vec::new() };
        // The nearer of the two first: if it fills the page, the other need not be searched.
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
        Ok(nearest.found)
    }

    fn add_tail(&self, nearest: &mut Nearest) {
        let (from, limit) = (nearest.from, nearest.limit);
        let range = &nearest.range;
        let found = self.tail.places(&self.conversations, &self.classes, range, from, limit);
        nearest.add(found);
    }

    fn add_indexed(&self, nearest: &mut Nearest) -> rusqlite::Result<()> {
        for &class in &self.classes {
            for &conversation in &self.conversations {
                let range = nearest.range.start..nearest.range.end.min(self.tail.indexed + 1);
                let (from, limit) = (nearest.from, nearest.limit);
                let ids = index::ids(self.rows, conversation, class, &range, from, limit)?;
                nearest.add(ids.into_iter().map(|id| Entry::place(conversation, class, id)));
            }
        }
        Ok(())
    }

    /// The first id after a point.
    fn after(&self, point: Point) -> rusqlite::Result<i64> {
        match point {
            Point::Id(id) => Ok(sql_id(id).saturating_add(1).min(self.end)),
            Point::Time(time) => {
                TimeSearch::read(self.rows, self.end)?.after(time, |ids| self.has(ids))
            }
        }
    }

    /// The first id at or after a point.
    fn before(&self, point: Point) -> rusqlite::Result<i64> {
        match point {
            Point::Id(id) => Ok(sql_id(id).min(self.end)),
            Point::Time(time) => {
                TimeSearch::read(self.rows, self.end)?.before(time, |ids| self.has(ids))
            }
        }
    }

    /// Whether the first of two points is earlier.
    fn is_forwards(&self, first: Point, second: Point) -> rusqlite::Result<bool> {
        match (first, second) {
            (Point::Time(first), Point::Time(second)) => Ok(first <= second),
            _ => Ok(self.after(first)? < self.before(second)?),
        }
    }

    /// Whether the conversations have any event, of whatever kind, in a range.
    fn has(&self, range: Range<i64>) -> rusqlite::Result<bool> {
        let (conversations, classes) = (self.conversations.clone(), flags::classes(Kinds::ALL));
        let all = Page { conversations, kinds: Kinds::ALL, classes, ..*self };
        Ok(!all.places(range, End::Newest, 1)?.is_empty())
    }
}
