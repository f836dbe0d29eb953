//! Is the database whole? A quick look at each start, and all of it for `chatserver check`.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::{EventKind, Failure, flags, index, open, schema, start};

/// Up to this size the whole file is looked at when it is opened; it takes a fifth of a second.
const QUICK_CHECK_BYTES: u64 = 64 * 1024 * 1024;

/// Each reads the end of one b-tree. The newest events are what a crash would have hurt, so more of
/// them.
const PROBES: [&str; 17] = [
    "SELECT sum(length(text) + length(nick)) FROM (SELECT * FROM events ORDER BY id DESC LIMIT 100)",
    "SELECT count(*) FROM (SELECT * FROM history LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM history ORDER BY conversation DESC LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM about)",
    "SELECT count(*) FROM (SELECT * FROM talks LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM pending LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM resends LIMIT 1)",
    "SELECT count(*) FROM (SELECT time FROM resends INDEXED BY resends_by_time
        ORDER BY time DESC LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM accounts LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM rooms LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM lists LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM members LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM read_markers LIMIT 1)",
    "SELECT count(*) FROM (SELECT conversation FROM read_markers INDEXED BY read_markers_by_conversation
        ORDER BY conversation DESC LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM metadata LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM certificates LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM clock_steps LIMIT 1)",
];

/// What SQLite cannot know to be wrong: a sentence, and a question that counts what breaks it.
const RULES: [(&str, &str); 12] = [
    (
        "events are earlier than the event before them, and no step of the clock is noted",
        "SELECT count(*) FROM (SELECT id, time, lag(time) OVER (ORDER BY id) AS earlier FROM events)
            WHERE time < earlier AND id NOT IN (SELECT event FROM clock_steps) AND id > iif(
                (SELECT count(*) FROM clock_steps) < 1000, 0, (SELECT min(event) FROM clock_steps))",
    ),
    ("events are of an unknown kind", "SELECT count(*) FROM events WHERE kind NOT BETWEEN 0 AND 12"),
    (
        "messages that were taken back still have a text",
        "SELECT count(*) FROM events WHERE kind = 10 AND (text <> '' OR tags <> '')",
    ),
    (
        "events take back a message that is still there, or that never was",
        "SELECT count(*) FROM events AS redaction WHERE kind = 11 AND NOT EXISTS
            (SELECT 1 FROM events WHERE id = redaction.about AND kind = 10)",
    ),
    (
        "direct messages are in nobody's list of conversations",
        "SELECT count(*) FROM (SELECT DISTINCT conversation AS c FROM events WHERE c >= 1 << 32 OR c < 0)
            WHERE NOT EXISTS (SELECT 1 FROM talks WHERE account = (c >> 32) & 0xffffffff
                AND peer = c & 0xffffffff)",
    ),
    (
        "pending deliveries are of events that do not exist",
        "SELECT count(*) FROM pending WHERE event NOT IN (SELECT id FROM events)",
    ),
    (
        "accounts have the name of another one",
        "SELECT count(*) - count(DISTINCT lower(name)) FROM accounts",
    ),
    (
        "members are in rooms that do not exist",
        "SELECT count(*) FROM members WHERE room NOT IN (SELECT id FROM rooms)",
    ),
    (
        "list entries are of rooms that do not exist",
        "SELECT count(*) FROM lists WHERE room NOT IN (SELECT id FROM rooms)",
    ),
    (
        "read markers are in rooms that do not exist",
        "SELECT count(*) FROM read_markers WHERE conversation BETWEEN 0 AND (1 << 32) - 1
            AND conversation NOT IN (SELECT id FROM rooms)",
    ),
    (
        "metadata keys are of rooms that do not exist",
        "SELECT count(*) FROM metadata WHERE kind = 1 AND subject NOT IN (SELECT id FROM rooms)",
    ),
    (
        "certificates are of accounts that do not exist",
        "SELECT count(*) FROM certificates WHERE account NOT IN (SELECT id FROM accounts)",
    ),
];

/// What an opening can afford: under 64 MiB SQLite's quick check; above it, and in any case, the
/// end of every table and index and the newest events are read. It takes well under a second at any
/// size.
pub(crate) fn quick(connection: &Connection, path: &Path) -> Result<(), Failure> {
    let found = quick_problem(connection, path);
    match found.map_err(|error| open::damaged_or(path, error))? {
        None => Ok(()),
        Some(problem) => Err(Failure::Corrupt { path: path.to_owned(), problem }),
    }
}

fn quick_problem(connection: &Connection, path: &Path) -> rusqlite::Result<Option<String>> {
    // Without a size to go by, the thorough way is the safe one.
    if path.metadata().map_or(true, |file| file.len() < QUICK_CHECK_BYTES) {
        let answer: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if answer != "ok" {
            return Ok(Some(answer));
        }
    }
    for probe in PROBES {
        connection.query_row(probe, [], |_| Ok(()))?;
    }
    Ok(None)
}

/// Reads the whole database in a data folder and says what is wrong with it, a sentence for each
/// problem; none is a healthy database. It changes nothing that is stored, and takes seconds for
/// each gigabyte.
///
/// # Errors
/// When there is no database, it is in use or newer than this program, or the disk cannot be read.
pub fn check(folder: &Path) -> Result<Vec<String>, Failure> {
    let path = folder.join(open::DATABASE);
    if let Err(source) = path.metadata() {
        return Err(Failure::Io { path, source });
    }
    let _lock = open::lock_folder(folder)?;
    let before = start::Before::look(folder, &path, false);
    let found = before.and_then(|before| {
        let connection = open::writer(&path)?;
        let found = before.missing(&connection).and_then(|missing| {
            let missing = missing.map(|what| format!("it has less than was stored: {what}"));
            Ok(missing.into_iter().chain(problems(&connection)?).collect())
        });
        found.map_err(|error| open::damaged_or(&path, error))
    });
    match found {
        Err(Failure::Corrupt { problem, .. } | Failure::Lost { missing: problem, .. }) => {
            Ok(vec![problem])
        }
        found => found,
    }
}

fn problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let found = schema::version(connection)?;
    if found != schema::VERSION {
        let known = schema::VERSION;
        return Ok(vec![format!("its version is {found}, not {known}; start the server once")]);
    }
    all_problems(connection, true)
}

/// What is wrong with a copy. Of an older version SQLite's own rules are checked: ours are of this
/// one.
pub(crate) fn problems_of_copy(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let current = schema::version(connection)? == schema::VERSION;
    all_problems(connection, current)
}

fn all_problems(connection: &Connection, current: bool) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let answers = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut problems = answers.collect::<rusqlite::Result<Vec<_>>>()?;
    problems.retain(|problem| problem != "ok");
    if !problems.is_empty() || !current {
        return Ok(problems); // the rules below would only repeat it
    }
    for (rule, question) in RULES {
        let count: i64 = connection.query_row(question, [], |row| row.get(0))?;
        if count > 0 {
            problems.push(format!("{count} {rule}"));
        }
    }
    problems.extend(history_problems(connection)?);
    Ok(problems)
}

/// Is every event once in the history of its conversation, as far as that is complete?
fn history_problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut blocks = connection.prepare(
        "SELECT first, rest, conversation, other FROM history ORDER BY conversation, other, first",
    )?;
    let mut find =
        connection.prepare("SELECT conversation, kind, flags FROM events WHERE id = ?1")?;
    let indexed = index::mark(connection, "indexed")?;
    let coarse = index::mark(connection, "coarse")?;
    let (mut known, mut wrong) = (0_i64, 0_i64);
    let (mut place, mut last) = (None, 0);
    let mut rows = blocks.query([])?;
    while let Some(row) = rows.next()? {
        let here: (i64, u8) = (row.get(2)?, row.get(3)?);
        let before = if place.replace(here) == Some(here) { last } else { 0 };
        let ids = index::block(row)?;
        wrong += i64::from(ids[0] <= before);
        last = ids[ids.len() - 1];
        for id in ids {
            let found = find.query_row([id], |row| {
                let kind = EventKind::from_code(row.get(1)?);
                Ok((row.get(0)?, flags::class(kind, row.get(2)?, id <= coarse)))
            });
            let found = found.optional()?;
            wrong += i64::from(found != Some(here));
            known += i64::from(id <= indexed);
        }
    }
    let events = "SELECT count(*) FROM events WHERE id <= ?1";
    let events: i64 = connection.query_row(events, [indexed], |row| row.get(0))?;
    let mut problems = Vec::new();
    if wrong > 0 {
        problems.push(format!("{wrong} entries of a history are doubled or of no event of it"));
    }
    if known < events {
        let missing = events - known;
        problems.push(format!("{missing} events are missing in the history of their conversation"));
    }
    Ok(problems)
}
