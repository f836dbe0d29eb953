//! Builds a transaction: turns writes into rows.

use std::collections::HashSet;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::departure::{Departed, NOBODY};
use crate::forgetting::Forgetting;
use crate::row::Rows;
use crate::search::{self, RemovedMessage};
use crate::sum::{self, Checksummer};
use crate::tail::Entry;
use crate::time_search::TimeSearch;
use crate::{
    Account, AccountId, Audit, Conversation, Damage, Event, EventId, EventKind, Fingerprint,
    Member, Outcome, RESEND_MS, Refused, Resend, Room, RoomId, Subject, Write, about, audit,
    departure, flags, forgetting, records, schema, write,
};

/// The number of known pairs kept in memory: about a megabyte.
const PAIRS: usize = 65_536;

/// The number of clock steps remembered. Before the oldest, timestamps are searched as if there had
/// been none.
const CLOCK_STEPS: u32 = 1000;

/// The highest ids so far, and the newest event's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) event: EventId,
    pub(crate) time: i64,
    pub(crate) account: AccountId,
    pub(crate) room: RoomId,
}

impl Marks {
    /// The marks of what is stored.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let newest = "SELECT max(id) FROM events";
        let newest: Option<i64> = connection.query_row(newest, [], |row| row.get(0))?;
        // The time of a damaged event is unknown.
        let sums = schema::has_sums(connection)?;
        let mut statement = connection.prepare("SELECT * FROM events ORDER BY id DESC")?;
        let mut rows = statement.query([])?;
        let (mut time, mut checksummer) = (0, Checksummer::default());
        while let Some(row) = rows.next()? {
            if !sums || sum::is_right("events", row, &mut checksummer)? {
                time = row.get(7)?;
                break;
            }
        }
        Ok(Self {
            event: newest.unwrap_or(0) as EventId,
            time,
            account: about::get(connection, "last_account")?.unwrap_or(0),
            room: about::get(connection, "last_room")?.unwrap_or(0),
        })
    }
}

/// A transaction being built.
///
/// `pairs` are direct conversations that are already in `talks`, which saves a search per message.
/// After a failure it may contain pairs that were rolled back, and must be cleared.
pub(crate) struct Batch<'t> {
    connection: &'t Connection,
    add_event: CachedStatement<'t>,
    stored: Marks,
    marks: Marks,
    pairs: &'t mut HashSet<Conversation>,
    added: Vec<Entry>,
    resends: usize,
    taken_back: bool,
    live: bool,
    forgetting: Option<Forgetting>,
    removed: Vec<RemovedMessage>,
    damage: &'t Damage,
    checksummer: Checksummer,
}

/// What a transaction changes outside the database, once it is committed.
pub(crate) struct Filled {
    pub(crate) marks: Marks,
    /// The events stored, in order.
    pub(crate) added: Vec<Entry>,
    /// The number of resend ids stored.
    pub(crate) resends: usize,
    /// Whether a text was redacted.
    pub(crate) taken_back: bool,
    /// Whether the live state is part of it.
    pub(crate) live: bool,
    /// What is to be forgotten now.
    pub(crate) forgetting: Option<Forgetting>,
    /// The messages whose texts were.
    pub(crate) removed: Vec<RemovedMessage>,
}

impl<'t> Batch<'t> {
    pub(crate) fn new(
        connection: &'t Connection,
        marks: Marks,
        pairs: &'t mut HashSet<Conversation>,
        damage: &'t Damage,
    ) -> rusqlite::Result<Self> {
        let add_event = connection.prepare_cached(
            "INSERT INTO events(id, conversation, kind, account, flags, nick, target, time, text, tags,
                about, userhost, sum)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        let added = Vec::new();
        let checksummer = Checksummer::default();
        let stored = marks;
        let (resends, taken_back, removed) = (0, false, Vec::new());
        Ok(Self {
            connection,
            add_event,
            stored,
            marks,
            pairs,
            added,
            resends,
            taken_back,
            live: false,
            forgetting: None,
            removed,
            damage,
            checksummer,
        })
    }

    /// Writes the marks that rose.
    pub(crate) fn finish(self) -> rusqlite::Result<Filled> {
        if self.marks.account > self.stored.account {
            about::set(self.connection, "last_account", self.marks.account)?;
        }
        if self.marks.room > self.stored.room {
            about::set(self.connection, "last_room", self.marks.room)?;
        }
        let Batch { marks, added, resends, taken_back, live, forgetting, mut removed, .. } = self;
        search::count(self.connection, &mut removed)?;
        Ok(Filled { marks, added, resends, taken_back, live, forgetting, removed })
    }

    pub(crate) fn apply(&mut self, write: &Write) -> rusqlite::Result<Outcome> {
        match write {
            Write::Event { event, resend, pending_for, mentions } => {
                return self.event_with_mentions(event, resend.as_ref(), *pending_for, mentions);
            }
            Write::Account(account) => self.account(account)?,
            Write::Room(room) => self.room(room)?,
            Write::RoomEnded(room) => self.room_ended(*room)?,
            Write::Member(member) => self.member(*member)?,
            Write::MemberGone { room, account } => {
                self.run("DELETE FROM members WHERE room = ?1 AND account = ?2", [room, account])?;
                let reads = "DELETE FROM reads_from WHERE room = ?1 AND account = ?2";
                self.run(reads, [room, account])?;
            }
            Write::ReadsFrom { room, account, since } => self.run(
                "INSERT OR REPLACE INTO reads_from(room, account, since, sum)
                    VALUES (?1, ?2, ?3, checksum('reads_from', ?1, ?2, ?3))",
                params![room, account, sql_id(*since)],
            )?,
            Write::PendingDelivered { account, after, up_to } => {
                let delivered =
                    "DELETE FROM pending WHERE account = ?1 AND event > ?2 AND event <= ?3";
                self.run(delivered, params![account, sql_id(*after), sql_id(*up_to)])?;
            }
            Write::Redact { event, anybodys, audit } => {
                return self.redact(event, *anybodys, audit.as_ref());
            }
            Write::ReadMarker { account, conversation, time } => {
                self.read_marker(*account, *conversation, *time)?;
            }
            Write::Metadata { of, key, value } => self.metadata(*of, key, value.as_deref())?,
            Write::Certificate { fingerprint, account, proved } => {
                self.certificate(*fingerprint, *account, *proved)?;
            }
            Write::Unheard { account, day } => self.unheard(*account, *day)?,
            Write::AccountGone(account) => self.account_gone(*account)?,
            Write::DeleteAccount { id, messages } => {
                self.account_gone(*id)?;
                self.run("DELETE FROM resends WHERE account = ?1", [id])?;
                departure::begin(self.connection, *id, *messages, self.marks.event)?;
            }
            Write::Record { kind, owner, key, value } => {
                records::put(self.connection, *kind, *owner, key, value.as_deref())?;
            }
            Write::Audit(entry) => audit::add(self.connection, entry)?,
            Write::CloakKey(key) => about::set(self.connection, "cloak_key", key)?,
            Write::Applied(sequence) => about::set(self.connection, "applied", sql_id(*sequence))?,
            Write::Live { sequence, bytes } => {
                let value = [&sequence.to_le_bytes()[..], bytes].concat();
                about::set(self.connection, "live", value)?;
                self.live = true;
            }
            Write::LogLeft => {
                for key in about::OF_A_LOG {
                    self.run("DELETE FROM about WHERE key = ?1", [key])?;
                }
            }
            Write::Forget(keep) => {
                self.forgetting = Some(forgetting::begin(self.connection, *keep)?);
                return Ok(Outcome::More);
            }
            // A different value each time: SQLite does not write unchanged pages.
            Write::Probe => self.run(
                "INSERT INTO about(key, value, sum) VALUES ('probes', 1, checksum('about', 'probes', 1))
                    ON CONFLICT DO UPDATE
                    SET value = value + 1, sum = checksum('about', 'probes', value + 1)",
                [],
            )?,
        }
        Ok(Outcome::Stored)
    }

    /// Stores an event and whom it mentions.
    fn event_with_mentions(
        &mut self,
        event: &Event,
        resend: Option<&Resend>,
        pending_for: Option<AccountId>,
        mentions: &[AccountId],
    ) -> rusqlite::Result<Outcome> {
        let outcome = self.event(event, resend, pending_for)?;
        if !mentions.is_empty() && outcome == Outcome::Stored {
            write::assert_mentions(event, mentions);
            let mention =
                "INSERT OR IGNORE INTO mentions(account, conversation, event, author, sum)
                VALUES (?1, ?2, ?3, ?4, checksum('mentions', ?1, ?2, ?3, ?4))";
            for account in mentions {
                let (key, id) = (event.conversation.key(), sql_id(event.id));
                self.run(mention, params![account, key, id, event.account])?;
            }
        }
        Ok(outcome)
    }

    /// Stored with the event up to which it reads, so that counting unread messages need not search
    /// for it.
    fn read_marker(
        &self,
        account: AccountId,
        conversation: Conversation,
        time: i64,
    ) -> rusqlite::Result<()> {
        let event = TimeSearch::read(self.rows(&NOBODY), i64::MAX)?.up_to(time)?;
        let marker = "INSERT INTO read_markers(account, conversation, time, event, sum)
            VALUES (?1, ?2, ?3, ?4, checksum('read_markers', ?1, ?2, ?3, ?4)) ON CONFLICT DO
            UPDATE SET time = excluded.time, event = excluded.event, sum = excluded.sum";
        self.run(marker, params![account, conversation.key(), time, event])
    }

    fn rows<'a>(&'a self, departed: &'a Departed) -> Rows<'a> {
        Rows { connection: self.connection, damage: self.damage, departed }
    }

    fn event(
        &mut self,
        event: &Event,
        resend: Option<&Resend>,
        pending_for: Option<AccountId>,
    ) -> rusqlite::Result<Outcome> {
        assert!(event.id > self.marks.event, "event ids rise");
        assert!(event.kind != EventKind::Redacted, "only the store takes a text away");
        assert!(event.kind != EventKind::Damaged, "only a reader shows damage");
        if let Some(resend) = resend
            && let Some(first) = self.resend(event, resend)?
        {
            return Ok(first);
        }
        if event.time < self.marks.time {
            self.clock_step(event.id)?;
        }
        let columns = columns(event);
        let sum = i64::from(self.checksummer.sum("events", columns));
        for (value, number) in columns.into_iter().chain([ValueRef::Integer(sum)]).zip(1..) {
            self.add_event.raw_bind_parameter(number, ToSqlOutput::Borrowed(value))?;
        }
        self.add_event.raw_execute()?;
        if let Some(receiver) = pending_for {
            let pending = "INSERT INTO pending(account, event, sum)
                VALUES (?1, ?2, checksum('pending', ?1, ?2))";
            self.run(pending, params![receiver, sql_id(event.id)])?;
        }
        if let Some((low, high)) = event.conversation.pair() {
            self.talk(event.conversation, low, high)?;
        }
        self.added.push(Entry {
            conversation: event.conversation,
            class: flags::class_of(event.kind),
            id: sql_id(event.id),
            author: event.account,
        });
        self.marks.event = event.id;
        self.marks.time = event.time;
        self.marks.account = self.marks.account.max(event.account);
        Ok(Outcome::Stored)
    }

    /// Redacts the event that `event` is about, if allowed, and stores `event`.
    fn redact(
        &mut self,
        event: &Event,
        anybodys: bool,
        audit: Option<&Audit>,
    ) -> rusqlite::Result<Outcome> {
        assert!(event.kind == EventKind::Redact, "a redaction is stored as one");
        let about = sql_id(event.about.expect("a redaction is about an event"));
        // The author of a damaged event is unknown.
        let departed = Departed::read(self.connection, self.damage)?;
        let found = self
            .rows(&departed)
            .by_id(about)?
            .filter(|found| found.conversation == event.conversation && found.kind.is_said());
        let Some(found) = found else { return Ok(Outcome::Refused(Refused::NoSuchEvent)) };
        if !anybodys && found.account != event.account {
            return Ok(Outcome::Refused(Refused::NotTheirs));
        }
        let take =
            "UPDATE events SET kind = ?2, text = '', tags = '', flags = flags | ?3, sum = checksum(
                'events', id, conversation, ?2, account, flags | ?3, nick, target, time, '', '', about,
                userhost) WHERE id = ?1";
        let taken = params![about, EventKind::Redacted.code(), flags::taken_back(found.kind)];
        self.run(take, taken)?;
        self.taken_back = true;
        self.removed.push(RemovedMessage::new(about));
        departure::forget_counted(self.connection, &found)?;
        // It can be pending only for one of the two; for anybody else, a reader would leave it out.
        if let Some((low, high)) = event.conversation.pair() {
            let waits = "DELETE FROM pending WHERE account IN (?1, ?2) AND event = ?3";
            self.run(waits, params![low, high, about])?;
        }
        if let Some(entry) = audit.filter(|_| found.account != event.account) {
            audit::add(self.connection, entry)?;
        }
        self.event(event, None, None)
    }

    /// The first event with this resend id, if it is still remembered; else this event becomes it.
    fn resend(&mut self, event: &Event, resend: &Resend) -> rusqlite::Result<Option<Outcome>> {
        let first =
            "SELECT account, id, event, time, sum FROM resends WHERE account = ?1 AND id = ?2";
        let first = self
            .connection
            .prepare_cached(first)?
            .query_row(params![event.account, resend.id], |row| {
                let right = sum::is_right("resends", row, &mut self.checksummer)?;
                Ok((right, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
            })
            .optional()?;
        match first {
            Some((true, id, at)) if resend.at.saturating_sub(at) < RESEND_MS => {
                let rows = self.rows(&NOBODY);
                // A damaged event is not repeated by storing it again.
                if let Some(Event { id, time, .. }) = rows.by_id(id)? {
                    return Ok(Some(Outcome::Duplicate { id, time }));
                }
            }
            Some((false, ..)) => {
                let sentence = format!("a resend id of account {} is damaged", event.account);
                self.damage.note("resends", &event.account, sentence);
            }
            _ => {}
        }
        let remember = "INSERT OR REPLACE INTO resends(account, id, event, time, sum)
            VALUES (?1, ?2, ?3, ?4, checksum('resends', ?1, ?2, ?3, ?4))";
        self.run(remember, params![event.account, resend.id, sql_id(event.id), resend.at])?;
        self.resends += 1;
        Ok(None)
    }

    /// The clock was set back before this event. Only the newest steps are kept.
    fn clock_step(&self, event: EventId) -> rusqlite::Result<()> {
        let step = "INSERT INTO clock_steps(event, sum) VALUES (?1, checksum('clock_steps', ?1))";
        self.run(step, [sql_id(event)])?;
        let oldest = "SELECT event FROM clock_steps ORDER BY event DESC LIMIT 1 OFFSET ?1";
        let forget = format!("DELETE FROM clock_steps WHERE event <= ({oldest})");
        self.run(&forget, [CLOCK_STEPS])
    }

    fn talk(
        &mut self,
        pair: Conversation,
        low: AccountId,
        high: AccountId,
    ) -> rusqlite::Result<()> {
        if self.pairs.contains(&pair) {
            return Ok(());
        }
        let talk = "INSERT OR IGNORE INTO talks(account, peer, sum)
            VALUES (?1, ?2, checksum('talks', ?1, ?2)), (?2, ?1, checksum('talks', ?2, ?1))";
        self.run(talk, [low, high])?;
        if self.pairs.len() >= PAIRS {
            self.pairs.clear();
        }
        self.pairs.insert(pair);
        self.marks.account = self.marks.account.max(high);
        Ok(())
    }

    fn account(&mut self, account: &Account) -> rusqlite::Result<()> {
        self.marks.account = self.marks.account.max(account.id);
        self.run(
            "INSERT OR REPLACE INTO accounts(id, name, salt, iterations, stored_key, server_key, created,
                sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,
                checksum('accounts', ?1, ?2, ?3, ?4, ?5, ?6, ?7))",
            params![
                account.id,
                account.name,
                account.keys.salt,
                account.keys.iterations,
                account.keys.stored_key,
                account.keys.server_key,
                account.created,
            ],
        )
    }

    fn room(&mut self, room: &Room) -> rusqlite::Result<()> {
        self.marks.room = self.marks.room.max(room.id);
        let topic = room.topic.as_ref();
        self.run(
            "INSERT OR REPLACE INTO rooms(id, name, created, topic, topic_by, topic_time, modes, key,
                member_limit, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                checksum('rooms', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))",
            params![
                room.id,
                room.name,
                room.created,
                topic.map(|topic| &topic.text),
                topic.map(|topic| &topic.by),
                topic.map(|topic| topic.time),
                room.modes,
                room.key,
                room.limit,
            ],
        )?;
        self.run("DELETE FROM lists WHERE room = ?1", [room.id])?;
        for (position, entry) in room.lists.iter().enumerate() {
            let mode = entry.mode.to_string();
            self.run(
                "INSERT INTO lists(room, position, mode, mask, set_by, time, sum)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, checksum('lists', ?1, ?2, ?3, ?4, ?5, ?6))",
                params![room.id, position as i64, mode, entry.mask, entry.by, entry.time],
            )?;
        }
        Ok(())
    }

    fn room_ended(&self, room: RoomId) -> rusqlite::Result<()> {
        self.run("DELETE FROM rooms WHERE id = ?1", [room])?;
        self.run("DELETE FROM lists WHERE room = ?1", [room])?;
        self.run("DELETE FROM members WHERE room = ?1", [room])?;
        self.run("DELETE FROM reads_from WHERE room = ?1", [room])?;
        records::remove_of_room(self.connection, room)?;
        let markers = "DELETE FROM read_markers WHERE conversation = ?1";
        self.run(markers, [Conversation::room(room).key()])?;
        let metadata = "DELETE FROM metadata WHERE kind = ?1 AND subject = ?2";
        self.run(metadata, Subject::Room(room).key())
    }

    fn member(&self, member: Member) -> rusqlite::Result<()> {
        let Member { room, account, op, halfop, voice, joined } = member;
        self.run(
            "INSERT OR REPLACE INTO members(room, account, op, halfop, voice, joined, sum)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, checksum('members', ?1, ?2, ?3, ?4, ?5, ?6))",
            params![room, account, op, halfop, voice, sql_id(joined)],
        )
    }

    fn metadata(&self, of: Subject, key: &str, value: Option<&str>) -> rusqlite::Result<()> {
        let (kind, subject) = of.key();
        match value {
            Some(value) => self.run(
                "INSERT OR REPLACE INTO metadata(kind, subject, key, value, sum)
                    VALUES (?1, ?2, ?3, ?4, checksum('metadata', ?1, ?2, ?3, ?4))",
                params![kind, subject, key, value],
            ),
            None => self.run(
                "DELETE FROM metadata WHERE kind = ?1 AND subject = ?2 AND key = ?3",
                params![kind, subject, key],
            ),
        }
    }

    fn certificate(
        &self,
        fingerprint: Fingerprint,
        account: Option<AccountId>,
        proved: bool,
    ) -> rusqlite::Result<()> {
        match account {
            Some(account) => self.run(
                "INSERT OR REPLACE INTO certificates(fingerprint, account, proved, sum)
                    VALUES (?1, ?2, ?3, checksum('certificates', ?1, ?2, ?3))",
                params![fingerprint, account, proved],
            ),
            None => self.run("DELETE FROM certificates WHERE fingerprint = ?1", [fingerprint]),
        }
    }

    fn unheard(&self, account: AccountId, day: Option<u32>) -> rusqlite::Result<()> {
        match day {
            Some(day) => self.run(
                "INSERT OR REPLACE INTO unheard(account, day, sum)
                    VALUES (?1, ?2, checksum('unheard', ?1, ?2))",
                [account, day],
            ),
            None => self.run("DELETE FROM unheard WHERE account = ?1", [account]),
        }
    }

    fn account_gone(&self, account: AccountId) -> rusqlite::Result<()> {
        self.run("DELETE FROM accounts WHERE id = ?1", [account])?;
        records::remove_of_account(self.connection, account)?;
        for table in ["unheard", "certificates", "read_markers", "pending", "mentions"] {
            self.run(&format!("DELETE FROM {table} WHERE account = ?1"), [account])?;
        }
        // By room, like their keys.
        for table in ["members", "reads_from"] {
            let places = "room IN (SELECT id FROM rooms) AND account = ?1";
            self.run(&format!("DELETE FROM {table} WHERE {places}"), [account])?;
        }
        let metadata = "DELETE FROM metadata WHERE kind = ?1 AND subject = ?2";
        self.run(metadata, Subject::Account(account).key())
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}

/// An id as an SQLite integer. Ids above `i64::MAX` are never assigned; in queries, they are above
/// all others.
pub(crate) fn sql_id(id: EventId) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// The columns of an event's row, for its checksum.
fn columns(event: &Event) -> [ValueRef<'_>; 12] {
    [
        ValueRef::Integer(sql_id(event.id)),
        ValueRef::Integer(event.conversation.key()),
        ValueRef::Integer(event.kind.code().into()),
        ValueRef::Integer(event.account.into()),
        ValueRef::Integer(flags::of(event).into()),
        ValueRef::Text(event.nick.as_bytes()),
        ValueRef::Text(event.target.as_bytes()),
        ValueRef::Integer(event.time),
        ValueRef::Text(event.text.as_bytes()),
        ValueRef::Text(event.tags.as_bytes()),
        event.about.map_or(ValueRef::Null, |about| ValueRef::Integer(sql_id(about))),
        event.userhost.as_ref().map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())),
    ]
}
