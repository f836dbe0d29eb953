//! Integrity checks: a quick one at each start, and a full one for `chatserver check`.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use crate::sum::{self, Checksummer, EVENTS, TABLES, Table};
use crate::tail::Entry;
use crate::{Damage, Failure, Progress, Stage, about, index, open, row, schema, start};

/// Up to this size the whole file is checked when it is opened, which takes a fifth of a second.
const QUICK_CHECK_BYTES: u64 = 64 * 1024 * 1024;
/// Up to this size every row's checksum is verified as well.
const QUICK_SUMS_BYTES: u64 = 16 * 1024 * 1024;
/// The maximum number of damaged rows listed per table.
const DAMAGED_NAMED: usize = 100;
/// Virtual machine steps (some milliseconds) between two checks whether to stop.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;

/// Each reads the end of one b-tree. A crash would most likely damage the newest events, so more of
/// those.
const PROBES: [&str; 24] = [
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
    "SELECT count(*) FROM (SELECT * FROM unheard LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM clock_steps LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM records LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM audit ORDER BY id DESC LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM mentions LIMIT 1)",
    "SELECT count(*) FROM (SELECT event FROM mentions INDEXED BY mentions_by_event
        ORDER BY event DESC LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM taken_back LIMIT 1)",
    "SELECT count(*) FROM (SELECT * FROM departed LIMIT 1)",
];

/// Rules that SQLite cannot check: a sentence, and a query that counts violations.
const RULES: [(&str, &str); 19] = [
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
        // It may have expired.
        "events take back a message that is still there",
        "SELECT count(*) FROM events AS redaction WHERE kind = 11 AND EXISTS
            (SELECT 1 FROM events WHERE id = redaction.about AND kind <> 10)",
    ),
    (
        "direct messages are in nobody's list of conversations",
        "SELECT count(*) FROM (SELECT DISTINCT conversation AS c FROM events WHERE c >= 1 << 32 OR c < 0)
            WHERE NOT EXISTS (SELECT 1 FROM talks WHERE account = (c >> 32) & 0xffffffff
                AND peer = c & 0xffffffff)
            OR NOT EXISTS (SELECT 1 FROM talks WHERE account = c & 0xffffffff
                AND peer = (c >> 32) & 0xffffffff)",
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
        "beginnings of what members may read are in rooms that do not exist",
        "SELECT count(*) FROM reads_from WHERE room NOT IN (SELECT id FROM rooms)",
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
    (
        "silent accounts do not exist",
        "SELECT count(*) FROM unheard WHERE account NOT IN (SELECT id FROM accounts)",
    ),
    (
        "records are of accounts that do not exist",
        "SELECT count(*) FROM records WHERE kind < 64 AND owner NOT IN (SELECT id FROM accounts)",
    ),
    (
        "records are of rooms that do not exist",
        "SELECT count(*) FROM records WHERE kind BETWEEN 64 AND 127
            AND owner NOT IN (SELECT id FROM rooms)",
    ),
    (
        "mentions are in events that do not exist or are no messages",
        "SELECT count(*) FROM mentions WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = event
            AND conversation = mentions.conversation AND account = author AND kind IN (0, 1))",
    ),
    (
        "notes of what was taken back are of other events",
        "SELECT count(*) FROM taken_back WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = event
            AND conversation = taken_back.conversation AND account = author AND kind = 10)",
    ),
    (
        "messages that were taken back still count",
        "SELECT count(*) FROM events WHERE kind = 10 AND NOT flags & 4 AND NOT EXISTS (SELECT 1
            FROM taken_back WHERE event = id AND conversation = events.conversation)",
    ),
];

/// The checks at startup: under 64 MiB SQLite's quick check, under 16 MiB every row's checksum; in
/// any case the end of every table and index and the newest events. They take well under a second
/// at any size. A damaged row is reported, and the start continues.
pub(crate) fn quick(connection: &Connection, path: &Path, damage: &Damage) -> Result<(), Failure> {
    let found = quick_problem(connection, path, damage);
    match found.map_err(|error| open::damaged_or(path, error))? {
        None => Ok(()),
        Some(problem) => Err(Failure::Corrupt { path: path.to_owned(), problem }),
    }
}

fn quick_problem(
    connection: &Connection,
    path: &Path,
    damage: &Damage,
) -> rusqlite::Result<Option<String>> {
    if let Some(problem) = tables_problem(connection)? {
        return Ok(Some(problem));
    }
    // SQLite reports only here that it cannot write to this file.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    // If the size is unknown, the thorough way is the safe one.
    let small = path.metadata().map_or(true, |file| file.len() < QUICK_CHECK_BYTES);
    if small {
        let answer: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if answer != "ok" {
            return Ok(Some(answer));
        }
    }
    for probe in PROBES {
        connection.query_row(probe, [], |_| Ok(()))?;
    }
    if path.metadata().map_or(true, |file| file.len() < QUICK_SUMS_BYTES) {
        for table in TABLES.iter().chain([&EVENTS]) {
            for name in damaged_rows(connection, table)? {
                let sentence = format!("of {}, entry {name} is damaged", table.of);
                damage.note(table.name, &name, sentence);
            }
        }
    }
    Ok(None)
}

/// The table of tables has no checksums.
fn tables_problem(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let written: Option<i64> = about::get(connection, "schema")?;
    let same = written == Some(schema::tables(connection)?);
    Ok((!same).then(|| "the description of its tables is damaged".to_owned()))
}

/// The keys of damaged rows of a table, up to a hundred.
fn damaged_rows(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<String>> {
    // In Rust: calling out of SQLite for each row would cost more than the checksum.
    let question = format!("SELECT {}, sum FROM {}", table.columns, table.name);
    let mut statement = connection.prepare(&question)?;
    let mut rows = statement.query([])?;
    let (mut names, mut checksummer) = (Vec::new(), Checksummer::default());
    while names.len() < DAMAGED_NAMED
        && let Some(row) = rows.next()?
    {
        if !sum::is_right(table.name, row, &mut checksummer)? {
            names.push(table.name_of(row));
        }
    }
    Ok(names)
}

/// Checks the whole database of a data folder; returns a sentence for each problem, and none for a
/// healthy database. It changes nothing, and takes seconds per gigabyte.
///
/// # Errors
/// When there is no database, it is in use or newer than this program, or the disk cannot be read.
pub fn check(folder: &Path) -> Result<Vec<String>, Failure> {
    check_watched(folder, &Arc::default())
}

/// The same, reporting its `progress`.
///
/// # Errors
/// As above; and [`Failure::Stopped`].
pub fn check_watched(folder: &Path, progress: &Arc<Progress>) -> Result<Vec<String>, Failure> {
    let path = folder.join(open::DATABASE);
    if let Err(source) = path.metadata() {
        return Err(Failure::Io { path, source });
    }
    let _lock = open::lock_folder(folder)?;
    let before = start::Precheck::look(folder, &path, false);
    let found = before.and_then(|before| {
        let mut connection = open::alone(&path)?;
        let missing =
            before.missing(&connection).map_err(|error| open::damaged_or(&path, error))?;
        let missing = missing.map(|what| format!("it has less than was stored: {what}"));
        let found =
            problems(&mut connection, progress).map_err(|failure| open::told(&path, failure))?;
        Ok(missing.into_iter().chain(found).collect())
    });
    match found {
        Err(Failure::Corrupt { problem, .. } | Failure::Lost { missing: problem, .. }) => {
            Ok(vec![problem])
        }
        found => found,
    }
}

fn problems(connection: &mut Connection, progress: &Arc<Progress>) -> Result<Vec<String>, Failure> {
    let found = schema::version(connection)?;
    if found != schema::VERSION {
        let known = schema::VERSION;
        return Ok(vec![format!("its version is {found}, not {known}; start the server once")]);
    }
    all_problems(connection, true, progress)
}

/// Problems of a copy. For an older version only SQLite's own rules are checked: ours are for the
/// present one.
pub(crate) fn problems_of_copy(
    connection: &mut Connection,
    progress: &Arc<Progress>,
) -> Result<Vec<String>, Failure> {
    let current = schema::version(connection)? == schema::VERSION;
    all_problems(connection, current, progress)
}

fn all_problems(
    connection: &mut Connection,
    current: bool,
    progress: &Arc<Progress>,
) -> Result<Vec<String>, Failure> {
    let mut problems = structure_problems(connection, progress)?;
    if !problems.is_empty() || !current {
        return Ok(problems); // the rules below would only repeat it
    }
    problems.extend(tables_problem(connection)?);
    for table in &TABLES {
        problems.extend(told(table.of, &damaged_rows(connection, table)?));
    }
    problems.extend(event_problems(connection, progress)?);
    for (rule, question) in RULES {
        let count: i64 = connection.query_row(question, [], |row| row.get(0))?;
        if count > 0 {
            problems.push(format!("{count} {rule}"));
        }
    }
    problems.extend(history_problems(connection)?);
    Ok(problems)
}

/// Problems found by SQLite itself.
fn structure_problems(
    connection: &mut Connection,
    progress: &Arc<Progress>,
) -> Result<Vec<String>, Failure> {
    progress.begin(Stage::Checking, 0);
    let asked = progress.clone();
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || asked.is_stopped()))?;
    let answers = connection.prepare("PRAGMA integrity_check(100)").and_then(|mut statement| {
        let answers = statement.query_map([], |row| row.get::<_, String>(0))?;
        answers.collect::<rusqlite::Result<Vec<_>>>()
    });
    connection.progress_handler(0, None::<fn() -> bool>)?;
    progress.reach(0)?;
    let mut problems = answers?;
    problems.retain(|problem| problem != "ok");
    Ok(problems)
}

/// Verifies every event as a reader would.
fn event_problems(connection: &Connection, progress: &Progress) -> Result<Vec<String>, Failure> {
    let bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: u64 = connection.query_row(bytes, [], |row| row.get::<_, i64>(0))?.cast_unsigned();
    let last: Option<i64> =
        connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0))?;
    progress.begin(Stage::Reading, bytes);
    let mut statement = connection.prepare("SELECT * FROM events ORDER BY id")?;
    let mut rows = statement.query([])?;
    let (mut names, mut checksummer) = (row::Names::default(), Checksummer::default());
    let (mut damaged, mut count) = (Vec::new(), 0_u64);
    while let Some(found) = rows.next()? {
        let id: i64 = found.get(0)?;
        match row::event(found, &mut names, &mut checksummer)? {
            Some(_) => {}
            None if damaged.len() < DAMAGED_NAMED => damaged.push(id.to_string()),
            None => {}
        }
        count += 1;
        if count.is_multiple_of(4096) {
            let share = id.max(0) as f64 / last.unwrap_or(1).max(1) as f64;
            progress.reach((bytes as f64 * share) as u64)?;
        }
    }
    Ok(Vec::from_iter(told("events", &damaged)))
}

/// A sentence about damaged rows, with the first ones by key.
fn told(of: &str, names: &[String]) -> Option<String> {
    let more = match names.len() {
        0 => return None,
        DAMAGED_NAMED => " or more",
        _ => "",
    };
    let first: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
    let dots = if names.len() > first.len() { ", ..." } else { "" };
    Some(format!(
        "{}{more} {of} are not as they were written: {}{dots}",
        names.len(),
        first.join("; ")
    ))
}

/// Checks that every event is exactly once in its conversation's history, as far as that is
/// complete.
fn history_problems(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let columns = index::COLUMNS;
    let mut blocks = connection
        .prepare(&format!("SELECT {columns} FROM history ORDER BY conversation, other, first"))?;
    let mut find = connection
        .prepare("SELECT conversation, kind, flags, account FROM events WHERE id = ?1")?;
    let indexed = index::mark(connection, "indexed")?;
    let coarse = index::mark(connection, "coarse")?;
    let (mut known, mut wrong) = (0_i64, 0_i64);
    let (mut place, mut last) = (None, 0);
    let mut checksummer = Checksummer::default();
    let mut rows = blocks.query([])?;
    while let Some(row) = rows.next()? {
        let here: (i64, u8) = (row.get(0)?, row.get(1)?);
        let before = if place.replace(here) == Some(here) { last } else { 0 };
        let Some(block) = index::entries_of(row, &mut checksummer)? else { continue }; // told of already
        wrong += i64::from(block[0].id <= before);
        last = block[block.len() - 1].id;
        for Entry { id, author, .. } in block {
            let found = find.query_row([id], |row| {
                let class = index::class(row.get(1)?, row.get(2)?, id <= coarse);
                Ok(((row.get(0)?, class), row.get(3)?))
            });
            let found = found.optional()?;
            wrong += i64::from(found != Some((here, i64::from(author))));
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
