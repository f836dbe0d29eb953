//! Copying the undamaged parts of a damaged store, and reporting the rest.
//!
//! Rows are read one by one, and kept only if their checksum matches. Where a page of the file
//! cannot be read, reading continues after it: for events by their ids, for other tables from the
//! other end. What can be derived from the events is rebuilt.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::failure::is_damage;
use crate::sum::{EVENTS, TABLES, Table};
use crate::{Damage, Failure, Progress, Stage, about, backup, open, repair, schema};

/// Sentences kept about what is lost; further ones are counted.
const SENTENCES: usize = 1000;
/// Consecutive ids tried before giving up on the rest.
const TRIES: i64 = 1_000_000;
/// Rows copied between two checks whether to stop.
const ROWS_AT_ONCE: u64 = 1024;

/// What was copied, and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// The number of intact rows per table.
    pub kept: Vec<(&'static str, u64)>,
    /// What was lost, a sentence each, at most a thousand.
    pub lost: Vec<String>,
    /// The total number of sentences.
    pub lost_in_all: u64,
    /// The store was a cluster node's. What is copied is a single server's: with a part missing it
    /// would differ from the other nodes' stores for ever.
    pub left_log: bool,
}

impl Salvaged {
    fn lose(&mut self, sentence: String) {
        self.lost_in_all += 1;
        if self.lost.len() < SENTENCES {
            self.lost.push(sentence);
        }
    }
}

/// Creates a data folder from everything intact in another one, whose server must not be running,
/// with its `extras` files.
///
/// # Errors
/// When `from` has no database, is in use or so damaged that SQLite cannot open it; `to` has a
/// database; something cannot be written; or the task was stopped. Then `to` has no database.
pub fn salvage(
    from: &Path,
    to: &Path,
    fresh_instance: &str,
    extras: &[&str],
    progress: &Arc<Progress>,
) -> Result<Salvaged, Failure> {
    let database = from.join(open::DATABASE);
    if let Err(source) = database.metadata() {
        return Err(Failure::Io { path: database, source });
    }
    let _lock = open::lock_folder(from)?;
    let source = source(&database)?;
    let _other = open::lock_folder(to)?;
    let new = to.join(open::DATABASE);
    if new.exists() || backup::with_suffix(&new, "-wal").exists() {
        return Err(Failure::Occupied { path: to.to_owned() });
    }
    let partial = backup::with_suffix(&new, ".partial");
    let copy = backup::open_partial(&partial)?;
    let made =
        copy_sound(&source, &database, &partial, fresh_instance, progress).and_then(|kept| {
            for name in extras {
                match std::fs::read(from.join(name)) {
                    Ok(content) => backup::put_extra(&to.join(name), &content)?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(source) => return Err(Failure::Io { path: from.join(name), source }),
                }
            }
            copy.sync_all().map_err(backup::not_written(&new))?;
            backup::give_name(&partial, &new)?;
            Ok(kept)
        });
    if made.is_err() {
        // It would only be in the way.
        let _ = std::fs::remove_file(&partial);
    }
    made
}

/// Like [`crate::backup`], but only of what is intact, even while a server runs.
///
/// # Errors
/// As there, except for damage within the database.
pub fn backup_anyway(
    folder: &Path,
    file: &Path,
    fresh_instance: &str,
    extras: &[&str],
    progress: &Arc<Progress>,
) -> Result<Salvaged, Failure> {
    backup::refuse_existing(file)?;
    let database = folder.join(open::DATABASE);
    let source = open::source(&database)?;
    let partial = backup::with_suffix(file, ".partial");
    let copy: File = backup::open_partial(&partial)?;
    let made =
        copy_sound(&source, &database, &partial, fresh_instance, progress).and_then(|kept| {
            backup::add_extras(&partial, folder, extras)?;
            backup::finish(&partial, &copy, file, progress)?;
            Ok(kept)
        });
    if made.is_err() {
        // As above.
        let _ = std::fs::remove_file(&partial);
    }
    made
}

/// An exclusive connection that leaves the database and its log unchanged.
fn source(path: &Path) -> Result<Connection, Failure> {
    let connection = open::alone(path)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(|error| open::damaged_or(path, error))?;
    Ok(connection)
}

fn copy_sound(
    source: &Connection,
    database: &Path,
    partial: &Path,
    fresh_instance: &str,
    progress: &Arc<Progress>,
) -> Result<Salvaged, Failure> {
    source.execute_batch("BEGIN").map_err(|error| open::damaged_or(database, error))?;
    let version = schema::version(source).map_err(|error| open::damaged_or(database, error))?;
    if version < schema::VERSION {
        let problem =
            "it is of an older version, whose rows are not as they are now; start the server once";
        return Err(Failure::Corrupt { path: database.to_owned(), problem: problem.to_owned() });
    }
    let written = backup::not_copied(partial);
    let mut target = backup::open_alone(partial).map_err(&written)?;
    crate::sum::register(&target).map_err(&written)?;
    schema::migrate(&mut target, fresh_instance, &Progress::default())?;
    let bytes = database.metadata().map_or(0, |file| file.len());
    progress.begin(Stage::Salvaging, bytes);
    let mut salvaged = Salvaged::default();
    let transaction = target.transaction().map_err(&written)?;
    {
        let mut copier =
            Copier { source, target: &transaction, progress, bytes, salvaged: &mut salvaged };
        for table in
            TABLES.iter().filter(|table| !["history", "talks", "taken_back"].contains(&table.name))
        {
            copier.table(table)?;
        }
        copier.events()?;
        copier.tidy()?;
    }
    transaction.commit().map_err(&written)?;
    repair::anew(&mut target, &Damage::default()).map_err(&written)?;
    target
        .pragma_update(None, "journal_mode", "delete")
        .and_then(|()| target.close().map_err(|(_, error)| error))
        .map_err(&written)?;
    Ok(salvaged)
}

struct Copier<'c> {
    source: &'c Connection,
    target: &'c Connection,
    progress: &'c Progress,
    bytes: u64,
    salvaged: &'c mut Salvaged,
}

impl Copier<'_> {
    /// Copies a table from its beginning, and if that fails before the end, from there backwards.
    fn table(&mut self, table: &'static Table) -> Result<(), Failure> {
        let keys: Vec<&str> = table.columns.split(", ").take(table.keys).collect();
        let mut kept = 0;
        for order in ["ASC", "DESC"] {
            let by: Vec<String> = keys.iter().map(|key| format!("{key} {order}")).collect();
            let rest = format!("ORDER BY {}", by.join(", "));
            match self.rows(table, &rest, &[], &mut kept, &mut None) {
                Ok(_) => break,
                Err(Failure::Sqlite { source }) if is_damage(&source) => {
                    let sentence = format!("a part of {} cannot be read: {source}", table.of);
                    self.salvaged.lose(sentence);
                }
                Err(failure) => return Err(failure),
            }
        }
        self.salvaged.kept.push((table.name, kept));
        Ok(())
    }

    /// Copies the events, skipping what cannot be read: ids are nearly consecutive, so each is
    /// tried.
    fn events(&mut self) -> Result<(), Failure> {
        let (mut from, mut kept, mut lost, mut tries) = (0, 0, None, 0);
        loop {
            let mut seen = None;
            let read =
                self.rows(&EVENTS, "WHERE id >= ?1 ORDER BY id", &[from], &mut kept, &mut seen);
            if let (Some(first), true) = (lost, seen.is_some() || read.is_ok()) {
                let sentence = format!("events {first} to {} cannot be read", from - 1);
                self.salvaged.lose(sentence);
                lost = None;
            }
            match (read, seen) {
                (Ok(()), _) => break,
                (Err(Failure::Sqlite { source }), seen) if is_damage(&source) => {
                    if seen.is_none() {
                        lost.get_or_insert(from);
                        tries += 1;
                    } else {
                        tries = 0;
                    }
                    from = seen.unwrap_or(from) + 1;
                    if tries == TRIES {
                        self.salvaged
                            .lose(format!("events from {} on cannot be read", from - TRIES));
                        break;
                    }
                }
                (Err(failure), _) => return Err(failure),
            }
        }
        self.salvaged.kept.push((EVENTS.name, kept));
        Ok(())
    }

    /// Copies the intact rows of a query; returns how many there were.
    fn rows(
        &mut self,
        table: &'static Table,
        rest: &str,
        values: &[i64],
        kept: &mut u64,
        seen: &mut Option<i64>,
    ) -> Result<(), Failure> {
        let mut statement = self.source.prepare(&table.select(rest))?;
        let places: Vec<String> = (1..=table.width()).map(|place| format!("?{place}")).collect();
        let places = places.join(", ");
        let (name, columns) = (table.name, table.columns);
        // A new database has some settings of its own.
        let or = if table.name == "about" { "REPLACE" } else { "IGNORE" };
        let mut add = self.target.prepare(&format!(
            "INSERT OR {or} INTO {name}({columns}, sum)
                VALUES ({places}, checksum('{name}', {places}))"
        ))?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut count = 0_u64;
        while let Some(row) = rows.next()? {
            *seen = row.get(0).ok();
            count += 1;
            if count.is_multiple_of(ROWS_AT_ONCE) {
                let written =
                    "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
                let written: i64 = self.target.query_row(written, [], |row| row.get(0))?;
                self.progress.reach(written.cast_unsigned().min(self.bytes))?;
            }
            if !table.is_sound(row)? {
                let sentence = format!("of {}, entry {} is damaged", table.of, table.name_of(row));
                self.salvaged.lose(sentence);
                continue;
            }
            if table.name == "about" {
                let key: String = row.get(0)?;
                let of_a_log = about::OF_A_LOG.contains(&&*key);
                self.salvaged.left_log |= of_a_log;
                if of_a_log || is_made_anew(&key) {
                    continue;
                }
            }
            let values = (0..table.width()).map(|column| row.get::<_, Value>(column));
            let values = values.collect::<rusqlite::Result<Vec<_>>>()?;
            *kept += add.execute(params_from_iter(values))? as u64;
        }
        if self.progress.is_stopped() { Err(Failure::Stopped) } else { Ok(()) }
    }

    /// Removes rows whose owner is lost, and keeps used numbers reserved.
    fn tidy(&mut self) -> Result<(), Failure> {
        self.target.execute_batch(
            "DELETE FROM events WHERE kind = 11 AND about NOT IN (SELECT id FROM events);
            DELETE FROM clock_steps WHERE event NOT IN (SELECT id FROM events);
            DELETE FROM pending WHERE event NOT IN (SELECT id FROM events);
            DELETE FROM resends WHERE event NOT IN (SELECT id FROM events);
            DELETE FROM members WHERE room NOT IN (SELECT id FROM rooms);
            DELETE FROM reads_from WHERE room NOT IN (SELECT id FROM rooms);
            DELETE FROM lists WHERE room NOT IN (SELECT id FROM rooms);
            DELETE FROM certificates WHERE account NOT IN (SELECT id FROM accounts);
            DELETE FROM unheard WHERE account NOT IN (SELECT id FROM accounts);
            DELETE FROM records WHERE kind < 64 AND owner NOT IN (SELECT id FROM accounts);
            DELETE FROM records WHERE kind BETWEEN 64 AND 127
                AND owner NOT IN (SELECT id FROM rooms);
            DELETE FROM mentions WHERE event NOT IN (SELECT id FROM events);
            DELETE FROM metadata WHERE kind = 1 AND subject NOT IN (SELECT id FROM rooms);
            DELETE FROM read_markers WHERE conversation BETWEEN 0 AND (1 << 32) - 1
                AND conversation NOT IN (SELECT id FROM rooms);",
        )?;
        let highest = [
            (
                "last_account",
                "SELECT max(coalesce((SELECT max(id) FROM accounts), 0),
                    coalesce((SELECT max(account) FROM events), 0),
                    coalesce((SELECT max(conversation & 0xffffffff) FROM events
                        WHERE conversation >= 1 << 32), 0),
                    coalesce((SELECT value FROM about WHERE key = 'last_account'), 0))",
            ),
            (
                "last_room",
                "SELECT max(coalesce((SELECT max(id) FROM rooms), 0),
                    coalesce((SELECT max(conversation) FROM events
                        WHERE conversation BETWEEN 0 AND (1 << 32) - 1), 0),
                    coalesce((SELECT value FROM about WHERE key = 'last_room'), 0))",
            ),
        ];
        for (key, question) in highest {
            let number: i64 = self.target.query_row(question, [], |row| row.get(0))?;
            about::set(self.target, key, number)?;
        }
        Ok(())
    }
}

/// Whether a setting describes this database rather than the store.
fn is_made_anew(key: &str) -> bool {
    ["schema", "program", "indexed", "indexing", "indexed_count", "coarse"].contains(&key)
}
