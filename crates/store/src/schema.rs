//! The tables, their version and how one version becomes the next.
//!
//! The version is SQLite's `user_version`. A step, once released, is never edited: a change is a
//! new step.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::backup::EXTRAS;
use crate::sum::{EVENTS, Summer, TABLES, Table};
use crate::{Damage, Failure, Progress, Stage, about, index};

/// One step per version: step `n` makes version `n + 1` of version `n`, and an empty file is
/// version 0.
const STEPS: [&str; 12] =
    [FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, ELEVENTH, TWELFTH];

/// The version this program reads and writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

// `history` says which events a conversation has, what is not a message (`other`) apart, so that with or without it a
// question seeks straight to its rows. A row is a block of ids, the first and the `rest`; see `index`.
const FIRST: &str = "
CREATE TABLE about(
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    account INTEGER NOT NULL,
    guest INTEGER NOT NULL,
    nick TEXT NOT NULL,
    target TEXT NOT NULL,
    time INTEGER NOT NULL,
    text TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT;

CREATE TABLE history(
    conversation INTEGER NOT NULL,
    other INTEGER NOT NULL,
    first INTEGER NOT NULL,
    rest BLOB NOT NULL,
    PRIMARY KEY(conversation, other, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE talks(
    account INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    PRIMARY KEY(account, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending(
    account INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY(account, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE resends(
    account INTEGER NOT NULL,
    id TEXT NOT NULL,
    event INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX resends_by_time ON resends(time);

CREATE TABLE accounts(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE rooms(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    topic TEXT,
    topic_by TEXT,
    topic_time INTEGER,
    modes TEXT NOT NULL,
    key TEXT,
    member_limit INTEGER
) STRICT;

CREATE TABLE lists(
    room INTEGER NOT NULL,
    position INTEGER NOT NULL,
    mode TEXT NOT NULL,
    mask TEXT NOT NULL,
    set_by TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(room, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE members(
    room INTEGER NOT NULL,
    account INTEGER NOT NULL,
    op INTEGER NOT NULL,
    voice INTEGER NOT NULL,
    PRIMARY KEY(room, account)
) STRICT, WITHOUT ROWID;
";

// The changes of `events` and `members` touch no row, so a large database takes no longer than a
// small one; `flags` has `guest` as its first bit. A room's markers are found by the index when it
// ends; a marker that only moves on does not touch it.
const SECOND: &str = "
ALTER TABLE events RENAME COLUMN guest TO flags;
ALTER TABLE events ADD COLUMN about INTEGER;

ALTER TABLE members ADD COLUMN halfop INTEGER NOT NULL DEFAULT 0;

CREATE TABLE read_markers(
    account INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(account, conversation)
) STRICT, WITHOUT ROWID;
CREATE INDEX read_markers_by_conversation ON read_markers(conversation);

CREATE TABLE metadata(
    kind INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(kind, subject, key)
) STRICT, WITHOUT ROWID;
";

// Whose certificate it is, is asked by the certificate; the hub has them all in memory.
const THIRD: &str = "
CREATE TABLE certificates(
    fingerprint BLOB PRIMARY KEY,
    account INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

// What is there stays as it was, and is shown as it was.
const FOURTH: &str = "
ALTER TABLE events ADD COLUMN userhost TEXT;
";

// The events whose time is below that of the event before them; usually none.
const FIFTH: &str = "
CREATE TABLE clock_steps(
    event INTEGER PRIMARY KEY
) STRICT;
";

// `history.other` has more classes from here on; see `flags::class`. A run that is being indexed keeps to
// the two that it began with.
const SIXTH: &str = "
INSERT INTO about(key, value) SELECT 'coarse', max(value) FROM about
    WHERE key IN ('indexed', 'indexing') HAVING count(*) > 0;
";

// The sums of what is there are made by `add_sums`.
const SEVENTH: &str = "
ALTER TABLE events ADD COLUMN sum INTEGER;
ALTER TABLE about ADD COLUMN sum INTEGER;
ALTER TABLE accounts ADD COLUMN sum INTEGER;
ALTER TABLE rooms ADD COLUMN sum INTEGER;
ALTER TABLE lists ADD COLUMN sum INTEGER;
ALTER TABLE members ADD COLUMN sum INTEGER;
ALTER TABLE metadata ADD COLUMN sum INTEGER;
ALTER TABLE read_markers ADD COLUMN sum INTEGER;
ALTER TABLE certificates ADD COLUMN sum INTEGER;
ALTER TABLE talks ADD COLUMN sum INTEGER;
ALTER TABLE pending ADD COLUMN sum INTEGER;
ALTER TABLE resends ADD COLUMN sum INTEGER;
ALTER TABLE history ADD COLUMN sum INTEGER;
ALTER TABLE clock_steps ADD COLUMN sum INTEGER;
";
// Nobody knows of those of before whether their accounts had shown them. `add_sums_again` makes their sums
// anew.
const EIGHTH: &str = "
ALTER TABLE certificates ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
";

// From which event on members may read a room that keeps to itself what was said before they came; account 0 is whoever
// comes. Who is not in it may read from the beginning, and so may all members of older databases.
const NINTH: &str = "
CREATE TABLE reads_from(
    room INTEGER NOT NULL,
    account INTEGER NOT NULL,
    since INTEGER NOT NULL,
    sum INTEGER,
    PRIMARY KEY(room, account)
) STRICT, WITHOUT ROWID;
";

// The accounts that have never said anything, and on which day each was here last; see `add_unheard`.
const TENTH: &str = "
CREATE TABLE unheard(
    account INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    sum INTEGER
) STRICT;
";
// A block of `history` has the authors of its events, so that what somebody said does not count as unread by them;
// `taken_back` has the messages that do not count any more, and `mentions` those that count twice. A read marker knows
// the newest event that is not newer than it. `departed` has the accounts that are being removed from the events, up to
// which one that is done, and from which on nothing is theirs. The history is made anew by `migrate`.
const ELEVENTH: &str = "
DROP TABLE history;
CREATE TABLE history(
    conversation INTEGER NOT NULL,
    other INTEGER NOT NULL,
    first INTEGER NOT NULL,
    rest BLOB NOT NULL,
    authors BLOB NOT NULL,
    sum INTEGER,
    PRIMARY KEY(conversation, other, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE records(
    kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    sum INTEGER,
    PRIMARY KEY(kind, owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit(
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    done_by TEXT NOT NULL,
    verb TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    sum INTEGER
) STRICT;

CREATE TABLE mentions(
    account INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    event INTEGER NOT NULL,
    author INTEGER NOT NULL,
    sum INTEGER,
    PRIMARY KEY(account, conversation, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_by_event ON mentions(event);

CREATE TABLE taken_back(
    conversation INTEGER NOT NULL,
    event INTEGER NOT NULL,
    author INTEGER NOT NULL,
    sum INTEGER,
    PRIMARY KEY(conversation, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE departed(
    account INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL,
    done INTEGER NOT NULL,
    last INTEGER NOT NULL,
    sum INTEGER
) STRICT;

ALTER TABLE read_markers ADD COLUMN event INTEGER;
";
// The newest event when a member came; of those of before nobody knows.
const TWELFTH: &str = "
ALTER TABLE members ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
";
/// The first version whose rows have sums.
const WITH_SUMS: u32 = 7;
/// The first version that knows which certificates were shown.
const WITH_PROVED: u32 = 8;
/// The first version that knows who has never said anything.
const WITH_UNHEARD: u32 = 10;
/// The first version that counts what is unread.
const WITH_UNREAD: u32 = 11;
/// The first version that knows who has been in a room longest.
const WITH_JOINED: u32 = 12;
/// How many events get their sums at once, between which it is told how far this is.
const SUMS_AT_ONCE: i64 = 20_000;

/// The version of the database, as the write-ahead log has it.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether its rows have sums.
pub(crate) fn has_sums(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? >= WITH_SUMS)
}

/// Takes the database forward to [`VERSION`], all of it or nothing. A new one gets
/// `fresh_instance`.
pub(crate) fn migrate(
    connection: &mut Connection,
    fresh_instance: &str,
    progress: &Progress,
) -> Result<(), Failure> {
    let found = version(connection)?;
    if found >= VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    if found < WITH_UNHEARD {
        add_unheard(&transaction)?;
    }
    if found < WITH_SUMS {
        add_sums(&transaction, progress)?;
    } else {
        if found < WITH_PROVED {
            add_sums_again(&transaction, "certificates", "fingerprint, account")?;
        }
        if found < WITH_UNREAD {
            add_sums_again(&transaction, "read_markers", "account, conversation, time")?;
        }
        if found < WITH_JOINED {
            add_sums_again(&transaction, "members", "room, account, op, halfop, voice")?;
        }
    }
    if found < WITH_UNREAD {
        // What is damaged is told of when it is read.
        index::rebuild(&transaction, &Damage::default())?;
    }
    if found == 0 {
        about::set(&transaction, "instance", fresh_instance)?;
    }
    // What an older program tells its user to get.
    about::set(&transaction, "program", env!("CARGO_PKG_VERSION"))?;
    about::set(&transaction, "schema", tables(&transaction)?)?;
    Ok(transaction.commit()?)
}

/// When those of before were here last nobody knows, so it counts as today.
fn add_unheard(connection: &Connection) -> rusqlite::Result<()> {
    let add = "INSERT INTO unheard(account, day, sum)
        SELECT id, unixepoch() / 86400, checksum('unheard', id, unixepoch() / 86400) FROM accounts
        WHERE id NOT IN (SELECT account FROM events)";
    connection.execute(add, []).map(|_| ())
}

/// The rows of a table that got another column. One that was damaged before stays so: its sum was wrong,
/// and is wrong.
fn add_sums_again(connection: &Connection, table: &str, columns: &str) -> rusqlite::Result<()> {
    let sum = Table::named(table).sum();
    let update =
        format!("UPDATE {table} SET sum = {sum} WHERE sum = checksum('{table}', {columns})");
    connection.execute(&update, []).map(|_| ())
}

/// Gives every row the sum of what it says now.
fn add_sums(connection: &Connection, progress: &Progress) -> Result<(), Failure> {
    for table in &TABLES {
        connection.execute(&format!("UPDATE {} SET sum = {}", table.name, table.sum()), [])?;
    }
    let indexed: i64 = connection
        .query_row("SELECT value FROM about WHERE key = 'indexed'", [], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let count = "SELECT count(*) FROM events WHERE id <= ?1";
    let count: i64 = connection.query_row(count, [indexed], |row| row.get(0))?;
    about::set(connection, "indexed_count", count)?;
    let bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: u64 = connection.query_row(bytes, [], |row| row.get::<_, i64>(0))?.cast_unsigned();
    let last: Option<i64> =
        connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?;
    progress.begin(Stage::Migrating, bytes);
    let (mut from, last) = (i64::MIN, last.unwrap_or(0));
    let update = format!(
        "UPDATE events SET sum = {} WHERE id >= ?1 AND id < coalesce(?2, id + 1)",
        EVENTS.sum()
    );
    let next = "SELECT id FROM events WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2";
    loop {
        let next: Option<i64> = connection
            .prepare_cached(next)?
            .query_row([from, SUMS_AT_ONCE], |row| row.get(0))
            .optional()?;
        connection.prepare_cached(&update)?.execute(params![from, next])?;
        let Some(next) = next else { break };
        from = next;
        let share = from.max(0) as f64 / last.max(1) as f64;
        progress.reach((bytes as f64 * share) as u64)?;
    }
    Ok(())
}

/// What the tables and indexes of the database are, as one number.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name <> 'files' ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        for column in 0..4 {
            match row.get_ref(column)? {
                ValueRef::Text(text) => all.extend_from_slice(text),
                _ => all.push(0),
            }
            all.push(0);
        }
    }
    Ok(Summer::default().sum("sqlite_schema", [ValueRef::Blob(&all)]).into())
}

/// What is said of a database that is another program's.
pub(crate) const NOT_OURS: &str = "it is none of a Parlor server";

/// Tables, indexes, views, triggers: type, name, table, and text without what is only layout.
type Objects = BTreeSet<[String; 4]>;

/// What the database has that ours of its version have not, or lacks that they have: a sentence about
/// the first of it. Nothing of it is carried out.
pub(crate) fn foreign(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let ours = Connection::open_in_memory()?;
    for step in STEPS.iter().take(version(connection)? as usize) {
        ours.execute_batch(step)?;
    }
    ours.execute_batch(EXTRAS)?;
    let known = objects(&ours, i64::MAX)?;
    // One more than there may be, whatever a page that leads back to itself would have us read.
    let found = objects(connection, known.len() as i64 + 1)?;
    if !found.iter().any(|[of, name, ..]| (&**of, &**name) == ("table", "about")) {
        return Ok(Some(NOT_OURS.to_owned()));
    }
    if let Some([of, name, ..]) = found.difference(&known).next() {
        return Ok(Some(format!("its {of} {name:?} is none of a Parlor server")));
    }
    let mut lacking = known.difference(&found).filter(|[_, _, table, _]| table != "files");
    Ok(lacking.next().map(|[of, name, ..]| format!("it lacks the {of} {name:?}")))
}

fn objects(connection: &Connection, most: i64) -> rusqlite::Result<Objects> {
    let mut statement = connection
        .prepare("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema LIMIT ?1")?;
    let rows = statement.query_map([most], |row| {
        let sql: String = row.get(3)?;
        let sql = sql.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, sql])
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Conversation, Event, EventKind, Kinds, Member, Query, Scope, Select, SqliteStore, Store,
        Subject, Write, check,
    };
    use std::path::Path;

    /// What version 1 left: a room with its member, a guest's message there, and an account's to
    /// another, for which it waits.
    fn first_version(folder: &Path) {
        let old = Connection::open(folder.join("parlor.db")).unwrap();
        old.execute_batch(FIRST).unwrap();
        old.execute_batch(
            "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0'), ('last_account', 2),
                ('last_room', 1);
            INSERT INTO events VALUES (1, 1, 0, 2, 1, 'zed', '', 10, 'hi', '+x'),
                (2, (1 << 32) + 2, 0, 1, 0, 'ann', 'bob', 20, 'psst', '');
            INSERT INTO talks VALUES (1, 2), (2, 1);
            INSERT INTO pending VALUES (2, 2);
            INSERT INTO rooms VALUES (1, '#lobby', 5, NULL, NULL, NULL, 'nt', NULL, NULL);
            INSERT INTO members VALUES (1, 1, 1, 0);
            PRAGMA user_version = 1;",
        )
        .unwrap();
        old.close().unwrap();
    }

    #[test]
    fn a_database_of_version_1_is_taken_forward_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        first_version(folder.path());
        let told = ["its version is 1, not 12; start the server once"];
        assert_eq!(check(folder.path()).unwrap(), told);

        let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(
            (loaded.instance.as_str(), loaded.last_event, loaded.last_time),
            ("k3f9", 2, 20)
        );
        assert_eq!((loaded.rooms.len(), loaded.last_account, loaded.last_room), (1, 2, 1));
        let ann = Member { room: 1, account: 1, op: true, halfop: false, voice: false, joined: 0 };
        assert_eq!(loaded.members, [ann]);
        assert_eq!((loaded.metadata, loaded.read_markers), (vec![], vec![]));
        assert_eq!(loaded.certificates, []);
        let (lobby, pair) = (Conversation::room(1), Conversation::direct(1, 2));
        let first = Event {
            id: 1,
            conversation: lobby,
            kind: EventKind::Message,
            account: 2,
            guest: true,
            bot: false,
            nick: "zed".into(),
            userhost: None,
            target: "".into(),
            time: 10,
            text: "hi".into(),
            tags: "+x".into(),
            about: None,
        };
        let mut reader = store.reader().unwrap();
        let all = |of| Query {
            of: Scope::One(of),
            select: Select::Latest,
            limit: 9,
            up_to: 9,
            kinds: Kinds::ALL,
        };
        assert_eq!(reader.page(&all(lobby)).unwrap(), std::slice::from_ref(&first));
        let waiting = reader.pending(2, 9, 9).unwrap();
        assert_eq!((&*waiting[0].text, waiting[0].guest, waiting.len()), ("psst", false, 1));
        drop(reader);

        // The new things work on the old rows, and once more from the start.
        let kind = EventKind::Redact;
        let event = Event { id: 3, kind, time: 30, about: Some(1), ..first }.into();
        let redact = Write::Redact { event, anybodys: false, audit: None };
        let halfop = Write::Member(Member { halfop: true, ..ann });
        store.commit(&mut [redact, halfop].iter()).unwrap();
        Box::new(store).close().unwrap();
        assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
        let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
        assert!(store.load().unwrap().members[0].halfop);
        let page = store.reader().unwrap().page(&all(lobby)).unwrap();
        assert_eq!((page.len(), page[0].id, page[0].guest), (1, 3, true));
        let page = store.reader().unwrap().page(&all(pair)).unwrap();
        assert_eq!((page.len(), page[0].id), (1, 2));
    }

    /// Whether the account had shown it was not kept; the rows have sums already, a damaged one a
    /// wrong one.
    #[test]
    fn a_certificate_of_version_7_is_not_proved_and_stays_sound_or_damaged() {
        for damaged in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let old = Connection::open(folder.path().join("parlor.db")).unwrap();
            crate::sum::register(&old).unwrap();
            old.execute_batch(&STEPS[..7].concat()).unwrap();
            old.execute_batch(
                "INSERT INTO about VALUES ('instance', 'k3f9', checksum('about', 'instance', 'k3f9'));
                INSERT INTO certificates VALUES (x'07', 1, checksum('certificates', x'07', 1));
                PRAGMA user_version = 7;",
            )
            .unwrap();
            if damaged {
                old.execute("UPDATE certificates SET account = 2", []).unwrap();
            }
            let mut old = old;
            migrate(&mut old, "zzzz", &Progress::default()).unwrap();
            let question = Table::named("certificates").select("");
            let found = old.query_row(&question, [], |row| {
                Ok((row.get::<_, u32>(1)?, row.get::<_, bool>(2)?, row.get::<_, bool>(3)?))
            });
            let account = if damaged { 2 } else { 1 };
            assert_eq!(found.unwrap(), (account, false, !damaged));
        }
    }

    /// There what is no message was in one class, whatever it was.
    #[test]
    fn a_database_of_version_5_shows_each_kind_apart() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("parlor.db")).unwrap();
        old.execute_batch(&[FIRST, SECOND, THIRD, FOURTH, FIFTH].concat()).unwrap();
        old.execute_batch(
            "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0'), ('last_account', 1),
                ('indexed', 3), ('indexing', 4);
            INSERT INTO accounts VALUES (1, 'ann', zeroblob(16), 1, zeroblob(32), zeroblob(32), 5),
                (2, 'bob', zeroblob(16), 1, zeroblob(32), zeroblob(32), 5);
            INSERT INTO events(id, conversation, kind, account, flags, nick, target, time, text, tags)
                VALUES (1, 1, 0, 1, 0, 'ann', '', 10, 'hi', ''), (2, 1, 2, 1, 0, 'ann', '', 20, '', '+x'),
                    (3, 1, 4, 1, 0, 'ann', '', 30, '', ''), (4, 1, 2, 1, 0, 'ann', '', 40, '', '+x'),
                    (5, 1, 2, 1, 0, 'ann', '', 50, '', '+x');
            INSERT INTO history VALUES (1, 0, 1, x''), (1, 1, 2, x'01'), (1, 1, 4, x'');
            PRAGMA user_version = 5;",
        )
        .unwrap();
        old.close().unwrap();
        let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
        let silent = store.load().unwrap().unheard;
        assert!(matches!(*silent, [(2, 20_000..)]), "{silent:?}");
        let lobby = Conversation::room(1);
        let of = Scope::One(lobby);
        let mut reader = store.reader().unwrap();
        let mut ids = |kinds| {
            let query = Query { of, select: Select::Latest, limit: 9, up_to: 9, kinds };
            let page = reader.page(&query).unwrap();
            page.iter().map(|event| event.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Kinds::ALL), [1, 2, 3, 4, 5]);
        assert_eq!(ids([EventKind::Message, EventKind::Join].into_iter().collect()), [1, 3]);
        assert_eq!(ids([EventKind::Tagmsg].into_iter().collect()), [2, 4, 5]);
        drop(reader);
        store.commit(&mut [].iter()).unwrap();
        Box::new(store).close().unwrap();
        assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_database_of_version_2_is_taken_forward_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("parlor.db")).unwrap();
        old.execute_batch(&[FIRST, SECOND].concat()).unwrap();
        old.execute_batch(
            "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0'), ('last_account', 1);
            INSERT INTO accounts VALUES (1, 'ann', zeroblob(16), 1, zeroblob(32), zeroblob(32), 5);
            INSERT INTO metadata VALUES (0, 1, 'url', 'x');
            INSERT INTO read_markers VALUES (1, (1 << 32) + 2, 7);
            PRAGMA user_version = 2;",
        )
        .unwrap();
        old.close().unwrap();

        let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
        let before = store.load().unwrap();
        let url = (Subject::Account(1), "url".into(), "x".into());
        assert_eq!((&*before.instance, &before.metadata), ("k3f9", &vec![url]));
        assert_eq!(before.read_markers, [(1, Conversation::direct(1, 2), 7)]);
        assert_eq!((before.accounts.len(), before.certificates.len()), (1, 0));
        let certificate =
            Write::Certificate { fingerprint: [7; 32], account: Some(1), proved: true };
        store.commit(&mut [certificate].iter()).unwrap();
        Box::new(store).close().unwrap();
        assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
        let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
        let certificates = vec![([7; 32], 1, true)];
        assert_eq!(store.load().unwrap(), crate::Loaded { certificates, ..before });
    }

    #[test]
    fn a_database_of_version_3_is_taken_forward_and_its_guests_stay_who_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("parlor.db")).unwrap();
        old.execute_batch(&[FIRST, SECOND, THIRD].concat()).unwrap();
        old.execute_batch(
            "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0');
            INSERT INTO events VALUES (1, 1, 0, 2, 1, 'zed', '', 10, 'hi', '+x', NULL);
            PRAGMA user_version = 3;",
        )
        .unwrap();
        old.close().unwrap();

        let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
        assert_eq!(store.load().unwrap().cloak_key, None);
        let query = Query {
            of: Scope::One(Conversation::room(1)),
            select: Select::Latest,
            limit: 9,
            up_to: 9,
            kinds: Kinds::ALL,
        };
        let before = store.reader().unwrap().page(&query).unwrap();
        assert_eq!((&*before[0].nick, before[0].guest, &before[0].userhost), ("zed", true, &None));
        let userhost = Some("~zed@c-1".into());
        let event = Event { id: 2, time: 20, userhost, ..before[0].clone() };
        let event = Write::Event {
            event: event.into(),
            resend: None,
            pending_for: None,
            mentions: [].into(),
        };
        store.commit(&mut [event, Write::CloakKey([7; 32])].iter()).unwrap();
        assert_eq!(store.load().unwrap().cloak_key, Some([7; 32]));
        let after = store.reader().unwrap().page(&query).unwrap();
        assert_eq!(after[1].userhost.as_deref(), Some("~zed@c-1"));
    }
}
