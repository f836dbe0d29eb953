//! Reading events. Every row of `events` that leaves the store passes through here and is verified:
//! its contents against its checksum, and its id and conversation against what was asked for.

use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::departure::Departed;
use crate::export::is_of;
use crate::failure::is_damage;
use crate::sum::{self, Checksummer};
use crate::tail::{End, Entry};
use crate::{AccountId, Conversation, Damage, Event, EventId, EventKind, RecentMessage, flags};

const BY_LIST: &str = "SELECT events.* FROM json_each(?1) AS page
    CROSS JOIN events ON events.id = page.value";
const BY_ID: &str = "SELECT * FROM events WHERE id = ?1";
const NEXT: &str = "SELECT * FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1";
const OF_ACCOUNT: &str = "SELECT * FROM events WHERE id > ?1 AND id <= ?2 AND (account = ?3
    OR conversation >> 32 & 0xffffffff = ?3 OR conversation & 0xffffffff = ?3) ORDER BY id";
const NEWEST: &str = "SELECT * FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const OLDEST: &str = "SELECT * FROM events WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
const BEFORE: &str = "SELECT * FROM events WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
const AFTER: &str = "SELECT * FROM events WHERE id > ?1 ORDER BY id LIMIT ?2";
/// Neighbours of a damaged event that are asked for its time.
const NEIGHBOURS: u8 = 8;

/// Reads events and reports damage.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) damage: &'c Damage,
    /// Accounts that no event may show any more.
    pub(crate) departed: &'c Departed,
}

/// Some consecutive events.
pub(crate) struct EventSpan {
    pub(crate) events: Vec<Event>,
    /// The last one examined.
    pub(crate) last: i64,
}

impl Rows<'_> {
    /// The events at some positions, in their order; damaged ones are represented by
    /// [`EventKind::Damaged`], and misplaced ones are left out. One statement for all, which keeps
    /// its cursor and buffers.
    pub(crate) fn read(&self, entries: &[Entry]) -> rusqlite::Result<Vec<Event>> {
        let mut events = Vec::with_capacity(entries.len());
        let mut left = entries;
        match self.read_together(&mut left, &mut events) {
            // A damaged page hides only its own events.
            Err(error) if is_damage(&error) => {
                for entry in left {
                    events.extend(self.one(*entry)?);
                }
            }
            read => read?,
        }
        Ok(events)
    }

    fn read_together(&self, left: &mut &[Entry], events: &mut Vec<Event>) -> rusqlite::Result<()> {
        let list: Vec<i64> = left.iter().map(|entry| entry.id).collect();
        let list = format!("{list:?}"); // as JSON has lists, too
        let mut statement = self.connection.prepare_cached(BY_LIST)?;
        let mut rows = statement.query([list])?;
        let (mut names, mut checksummer) = (Names::default(), Checksummer::default());
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            while let Some((entry, rest)) = left.split_first() {
                *left = rest;
                if entry.id == id {
                    events.extend(self.judge(*entry, event(row, &mut names, &mut checksummer)?));
                    break;
                }
                events.push(self.lost(*entry));
            }
        }
        events.extend(left.iter().map(|entry| self.lost(*entry)));
        *left = &[];
        Ok(())
    }

    /// The event at one position; none if it does not belong there.
    pub(crate) fn one(&self, entry: Entry) -> rusqlite::Result<Option<Event>> {
        match self.find(entry.id) {
            Ok(Some(found)) => Ok(self.judge(entry, found)),
            Ok(None) => Ok(Some(self.lost(entry))),
            Err(error) if is_damage(&error) => {
                self.note(entry.id, &error.to_string());
                Ok(Some(self.placeholder(entry)))
            }
            Err(error) => Err(error),
        }
    }

    /// The intact events of an account within a range of ids.
    pub(crate) fn of_account(
        &self,
        account: AccountId,
        above: i64,
        up_to: i64,
    ) -> rusqlite::Result<Vec<Event>> {
        let mut statement = self.connection.prepare_cached(OF_ACCOUNT)?;
        let mut rows = statement.query([above, up_to, account.into()])?;
        let (mut names, mut checksummer, mut events) =
            (Names::default(), Checksummer::default(), Vec::new());
        while let Some(row) = rows.next()? {
            match event(row, &mut names, &mut checksummer)? {
                Some(mut event) if is_of(&event, account) => {
                    self.departed.mask(&mut event);
                    events.push(event);
                }
                Some(_) => {}
                None => self.note(row.get(0)?, DIFFERS),
            }
        }
        Ok(events)
    }

    /// Intact and `wanted` events from one end of a range of ids, in order from there; `limit`
    /// events are examined.
    pub(crate) fn stretch(
        &self,
        range: &Range<i64>,
        from: End,
        limit: usize,
        wanted: &dyn Fn(Conversation, EventId) -> bool,
    ) -> rusqlite::Result<EventSpan> {
        match self.stretch_together(range, from, limit, wanted) {
            // A damaged page hides only its own events.
            Err(error) if is_damage(&error) => {
                let (mut events, mut ids) = (Vec::new(), range.clone());
                let mut last = range.start;
                for _ in 0..limit {
                    let next = match from {
                        End::Newest => ids.next_back(),
                        End::Oldest => ids.next(),
                    };
                    let Some(id) = next else { break };
                    last = id;
                    let event = self.by_id(id)?;
                    events.extend(event.filter(|event| wanted(event.conversation, event.id)));
                }
                Ok(EventSpan { events, last })
            }
            read => read,
        }
    }

    fn stretch_together(
        &self,
        range: &Range<i64>,
        from: End,
        limit: usize,
        wanted: &dyn Fn(Conversation, EventId) -> bool,
    ) -> rusqlite::Result<EventSpan> {
        let (sql, end) = match from {
            End::Newest => (NEWEST, range.start),
            End::Oldest => (OLDEST, range.end - 1),
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([range.start, range.end, limit as i64])?;
        let (mut names, mut checksummer) = (Names::default(), Checksummer::default());
        let (mut events, mut last, mut count) = (Vec::new(), end, 0);
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            (last, count) = (id, count + 1);
            if !wanted(Conversation::from_key(row.get(1)?), id as EventId) {
                continue;
            }
            match event(row, &mut names, &mut checksummer)? {
                Some(mut event) => {
                    self.departed.mask(&mut event);
                    events.push(event);
                }
                None => self.note(id, DIFFERS),
            }
        }
        Ok(EventSpan { events, last: if count < limit { end } else { last } })
    }

    /// An event by its id alone, if it is intact.
    pub(crate) fn by_id(&self, id: i64) -> rusqlite::Result<Option<Event>> {
        match self.find(id) {
            Ok(Some(None)) => self.note(id, DIFFERS),
            Err(error) if is_damage(&error) => self.note(id, &error.to_string()),
            found => return Ok(found?.flatten()),
        }
        Ok(None)
    }

    /// The intact messages in rooms among the newest events, oldest first.
    pub(crate) fn recent_messages(&self, newest: usize) -> rusqlite::Result<Vec<RecentMessage>> {
        let mut statement = self.connection.prepare(BEFORE)?;
        let mut rows = statement.query([i64::MAX, newest as i64])?;
        let (mut names, mut checksummer, mut all) =
            (Names::default(), Checksummer::default(), Vec::new());
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) if is_damage(&error) => {
                    let sentence = format!("the newest events are damaged: {error}");
                    self.damage.note("events", &"newest", sentence);
                    break;
                }
                Err(error) => return Err(error),
            };
            match event(row, &mut names, &mut checksummer)? {
                Some(mut event) => {
                    self.departed.mask(&mut event);
                    all.extend(event.as_recent_message());
                }
                None => self.note(row.get(0)?, DIFFERS),
            }
        }
        all.reverse();
        Ok(all)
    }

    /// An event that is pending for an account.
    pub(crate) fn pending(&self, account: AccountId, id: i64) -> rusqlite::Result<Option<Event>> {
        let found = match self.find(id) {
            Err(error) if is_damage(&error) => None,
            found => found?.flatten(),
        };
        let conversation = Conversation::direct(account, account);
        match found {
            None => {
                self.note(id, DIFFERS);
                Ok(Some(self.placeholder(Entry::place(conversation, flags::MESSAGES, id))))
            }
            Some(event) if event.conversation.other(account).is_none() => {
                let sentence = format!("event {id} waits for somebody whom it does not concern");
                self.damage.note("pending", &id, sentence);
                Ok(None)
            }
            Some(event) => Ok((event.kind != EventKind::Redacted).then_some(event)),
        }
    }

    /// The id of the first event; 0 if there is none.
    pub(crate) fn first(&self) -> rusqlite::Result<i64> {
        let first = "SELECT min(id) FROM events";
        let mut find = self.connection.prepare_cached(first)?;
        find.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0)))
    }

    /// The first event that can be found in a range of ids, and the time it is shown with.
    pub(crate) fn next(&self, from: i64, below: i64) -> rusqlite::Result<Option<(i64, i64)>> {
        let (mut from, mut step, mut unreadable) = (from, 1, None);
        let mut statement = self.connection.prepare_cached(NEXT)?;
        while from < below {
            let found = statement.query_row([from, below], |row| {
                let found = event(row, &mut Names::default(), &mut Checksummer::default())?;
                Ok((row.get::<_, i64>(0)?, found.map(|event| event.time)))
            });
            match (found.optional(), unreadable) {
                // Past a damaged page, and perhaps too far.
                (Ok(_), Some(last)) if last + 1 < from => (from, step) = (last + 1, 1),
                (Ok(Some((id, Some(time)))), _) => return Ok(Some((id, time))),
                (Ok(Some((id, None))), _) => {
                    self.note(id, DIFFERS);
                    return Ok(Some((id, self.time_about(id))));
                }
                (Ok(None), _) => break,
                (Err(error), _) if is_damage(&error) => {
                    self.note(from, &error.to_string());
                    unreadable = Some(from);
                    from = from.saturating_add(step);
                    step = step.saturating_mul(2);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The time of the last event of a range, or of an intact one shortly before it.
    pub(crate) fn last_time(&self, from: i64, below: i64) -> rusqlite::Result<Option<i64>> {
        let last = "SELECT max(id) FROM events WHERE id >= ?1 AND id < ?2";
        let mut find = self.connection.prepare_cached(last)?;
        let last: Option<i64> = find.query_row([from, below], |row| row.get(0))?;
        let Some(last) = last else { return Ok(None) };
        match self.by_id(last)? {
            Some(event) => Ok(Some(event.time)),
            None => Ok(Some(self.time_about(last))),
        }
    }

    /// An event as on disk; `Some(None)` if it is damaged.
    fn find(&self, id: i64) -> rusqlite::Result<Option<Option<Event>>> {
        let mut statement = self.connection.prepare_cached(BY_ID)?;
        let found = statement
            .query_row([id], |row| event(row, &mut Names::default(), &mut Checksummer::default()));
        let mut found = found.optional()?;
        if let Some(Some(event)) = &mut found {
            self.departed.mask(event);
        }
        Ok(found)
    }

    fn judge(&self, entry: Entry, found: Option<Event>) -> Option<Event> {
        let Some(mut event) = found else {
            self.note(entry.id, DIFFERS);
            return Some(self.placeholder(entry));
        };
        let asked = event.id as i64 == entry.id
            && event.conversation == entry.conversation
            && match event.kind {
                EventKind::Redacted => true,
                // Before there were other classes, everything except messages was in one.
                kind if entry.class == flags::REST => !kind.is_message(),
                kind => flags::class_of(kind) == entry.class,
            };
        if asked {
            self.departed.mask(&mut event);
            return Some(event);
        }
        let sentence = format!("event {} stands in a history that it is not of", entry.id);
        self.damage.note("history", &entry.id, sentence);
        None
    }

    /// The history has it, so it was stored.
    fn lost(&self, entry: Entry) -> Event {
        self.note(entry.id, "it is not there");
        self.placeholder(entry)
    }

    fn note(&self, id: i64, problem: &str) {
        self.damage.note("events", &id, format!("event {id} is damaged: {problem}"));
    }

    /// The placeholder for an event that cannot be shown.
    fn placeholder(&self, entry: Entry) -> Event {
        let empty: Arc<str> = "".into();
        Event {
            id: entry.id as EventId,
            conversation: entry.conversation,
            kind: EventKind::Damaged,
            account: 0,
            guest: false,
            bot: false,
            nick: empty.clone(),
            userhost: None,
            target: empty,
            time: self.time_about(entry.id),
            text: "".into(),
            tags: "".into(),
            about: None,
        }
    }

    /// The time of a damaged event: its own, if that fits between its neighbours'; else that of the
    /// event before it.
    fn time_about(&self, id: i64) -> i64 {
        let neighbour = |sql| {
            let mut statement = self.connection.prepare_cached(sql).ok()?;
            let mut rows = statement.query([id, NEIGHBOURS.into()]).ok()?;
            while let Ok(Some(row)) = rows.next() {
                let found = event(row, &mut Names::default(), &mut Checksummer::default()).ok()?;
                if let Some(event) = found {
                    return Some(event.time);
                }
            }
            None
        };
        let (before, after) = (neighbour(BEFORE), neighbour(AFTER));
        let own = "SELECT time FROM events WHERE id = ?1";
        let own: Option<i64> = self.connection.query_row(own, [id], |row| row.get(0)).ok();
        let possible = |time: &i64| {
            before.is_none_or(|before| before <= *time) && after.is_none_or(|after| *time <= after)
        };
        let neighbours = before.is_some() && after.is_some();
        own.filter(|time| neighbours && possible(time)).or(before).or(after).unwrap_or(0)
    }
}

const DIFFERS: &str = "it is not as it was written";

/// A row of `events` as an event; none if it is damaged.
pub(crate) fn event(
    row: &Row<'_>,
    names: &mut Names,
    checksummer: &mut Checksummer,
) -> rusqlite::Result<Option<Event>> {
    if !sum::is_right("events", row, checksummer)? {
        return Ok(None);
    }
    // Only a row written by other means has a right checksum and is invalid.
    Ok(parts(row, names).ok())
}

fn parts(row: &Row<'_>, names: &mut Names) -> rusqlite::Result<Event> {
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

/// Names on the current page: few people talk, so most rows repeat a recent one.
#[derive(Default)]
pub(crate) struct Names {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::departure::NOBODY;

    #[test]
    fn names_are_shared_and_never_confused() {
        let mut names = Names::default();
        for number in 0..100 {
            let name = format!("n{}", number % 11);
            assert_eq!(&*names.share(&name), name);
        }
        let name = names.share("ann");
        assert!(Arc::ptr_eq(&name, &names.share("ann")));
    }

    /// An index that is intact and wrong, as a bug could leave it.
    #[test]
    fn misplaced_events_are_left_out() {
        let mut connection = Connection::open_in_memory().unwrap();
        sum::register(&connection).unwrap();
        crate::schema::migrate(&mut connection, "k3f9", &crate::Progress::default()).unwrap();
        let values = "?1, ?2, 0, 1, 0, 'ann', '', 7, 'hi', '', NULL, NULL";
        let add = format!("INSERT INTO events VALUES ({values}, checksum('events', {values}))");
        for (id, conversation) in [(1, 5), (2, 6), (3, 5)] {
            connection.execute(&add, [id, conversation]).unwrap();
        }
        let damage = Damage::default();
        let rows = Rows { connection: &connection, damage: &damage, departed: &NOBODY };
        let place = |id, class| Entry::place(Conversation::room(5), class, id);
        let read = |entries: &[Entry]| {
            let read = rows.read(entries).unwrap();
            read.iter().map(|event| (event.id, event.kind)).collect::<Vec<_>>()
        };
        let message = EventKind::Message;
        let sound = [place(3, flags::MESSAGES), place(1, flags::MESSAGES)];
        assert_eq!((read(&sound), read(&[])), (vec![(3, message), (1, message)], vec![]));
        assert_eq!(damage.total(), 0);
        // Of another conversation; of another class; one that never existed.
        assert_eq!(read(&[place(2, flags::MESSAGES), place(3, flags::MESSAGES)]), [(3, message)]);
        assert_eq!(read(&[place(1, flags::REST), place(3, flags::MESSAGES)]), [(3, message)]);
        assert_eq!(damage.total(), 2);
        let lost = read(&[
            place(9, flags::MESSAGES),
            place(3, flags::MESSAGES),
            place(8, flags::MESSAGES),
        ]);
        assert_eq!(lost, [(9, EventKind::Damaged), (3, message), (8, EventKind::Damaged)]);
        assert_eq!(damage.total(), 4);
    }
}
