//! Backups: copying the store while a server writes, and restoring it.
//!
//! SQLite's online backup starts over whenever another process has written, so it would never
//! finish on a busy server. Here the source stays in one read transaction: the data to copy does
//! not change, the number of steps is known from the start, and the server never waits. The price
//! is that the write-ahead log grows until the copy is done.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, params};

use crate::new_file::write_new;
use crate::{Failure, Progress, Stage, check, mark, open, private, schema, seal};

/// Pages copied at once (512 KiB); after each step the copy pauses for [`STEP_PAUSE`].
const STEP_PAGES: i32 = 64;
/// So that the server gets its turn at the disk; a gigabyte still takes only seconds.
const STEP_PAUSE: Duration = Duration::from_millis(1);
/// Steps (32 MiB) between flushes of the copy, so that no large flush at the end delays the
/// server's small ones.
const FLUSH_STEPS: u32 = 64;
const COPIED_AT_ONCE: usize = 1 << 20;
/// The table of the files that a backup contains besides the database.
pub(crate) const EXTRAS: &str =
    "CREATE TABLE files(name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT";

/// Copies the store of a data folder into `file`, even while a server uses it; it contains
/// everything committed before the call, and those of the `extras` files in the folder that exist.
/// The copy is complete, verified and flushed before it gets its name, and ends with a hash of its
/// contents.
///
/// # Errors
/// When `file` exists, the database is newer than this program or damaged, something cannot be read
/// or written, or the task was stopped through `progress`. Then there is no `file`.
pub fn backup(
    folder: &Path,
    file: &Path,
    extras: &[&str],
    progress: &Arc<Progress>,
) -> Result<(), Failure> {
    refuse_existing(file)?;
    let database = folder.join(open::DATABASE);
    let source = open::source(&database)?;
    let partial = with_suffix(file, ".partial");
    let copy = open_partial(&partial)?;
    let copied = copy_pages(&source, &database, &partial, &copy, progress);
    tidy_log(source);
    let made = copied
        .and_then(|()| add_extras(&partial, folder, extras))
        .and_then(|()| {
            check_copy(&partial, progress).map_err(|error| match error {
                // A fault in a fresh copy is a fault of the original.
                Failure::BadCopy { problem, .. } => Failure::Corrupt { path: database, problem },
                other => other,
            })
        })
        .and_then(|()| finish(&partial, &copy, file, progress));
    if made.is_err() {
        // The partial file is useless; if it cannot be removed, the next backup reuses it.
        let _ = fs::remove_file(&partial);
    }
    made
}

/// Adds the hash to a copy and gives it its name, flushed to disk.
pub(crate) fn finish(
    partial: &Path,
    copy: &File,
    file: &Path,
    progress: &Progress,
) -> Result<(), Failure> {
    seal::seal(partial, progress)?;
    copy.sync_all().map_err(not_written(file))?;
    give_name(partial, file)
}

/// Restores a backup into a data folder without a database, with those of its `extras` files.
///
/// # Errors
/// When the folder has a database or is in use, the backup is damaged, newer than this program or
/// not a Parlor backup, something cannot be read or written, or the task was stopped. Then the
/// folder has no database.
pub fn restore(
    file: &Path,
    folder: &Path,
    extras: &[&str],
    progress: &Arc<Progress>,
) -> Result<(), Failure> {
    refuse_log_beside(file)?;
    refuse_newer_copy(file)?;
    let sealed = seal::verify(file, progress)?;
    check_copy(file, progress)?;
    if sealed.is_none() && needs_seal(file)? {
        return Err(unusable(file, "its hash is missing, so its end is damaged or cut off"));
    }
    let _lock = open::lock_folder(folder)?;
    let database = folder.join(open::DATABASE);
    for suffix in ["", "-wal", "-journal"] {
        // A leftover log would be taken for the new database's.
        if with_suffix(&database, suffix).exists() {
            return Err(Failure::Occupied { path: folder.to_owned() });
        }
    }
    let partial = with_suffix(&database, ".partial");
    let laid = lay(file, sealed, &partial, progress)
        .and_then(|copy| lay_extras(&partial, &copy, folder, extras))
        .and_then(|()| {
            own_like_folder(folder, &partial);
            // It describes the previous database.
            mark::forget(folder)?;
            give_name(&partial, &database)
        });
    if laid.is_err() {
        // As above.
        let _ = fs::remove_file(&partial);
    }
    laid
}

/// Copies a backup without its hash.
fn lay(
    file: &Path,
    sealed: Option<u64>,
    partial: &Path,
    progress: &Progress,
) -> Result<File, Failure> {
    let unreadable = |source| Failure::Io { path: file.to_owned(), source };
    let mut copy = open_partial(partial)?;
    let mut from = File::open(file).map_err(unreadable)?;
    let bytes = match sealed {
        Some(bytes) => bytes,
        None => from.metadata().map_err(unreadable)?.len(),
    };
    progress.begin(Stage::Restoring, bytes);
    let (mut buffer, mut done) = (vec![0; COPIED_AT_ONCE], 0);
    while done < bytes {
        let most =
            usize::try_from(bytes - done).map_or(COPIED_AT_ONCE, |left| left.min(COPIED_AT_ONCE));
        from.read_exact(&mut buffer[..most]).map_err(unreadable)?;
        copy.write_all(&buffer[..most]).map_err(not_written(partial))?;
        done += most as u64;
        progress.reach(done)?;
    }
    Ok(copy)
}

fn lay_extras(partial: &Path, copy: &File, folder: &Path, extras: &[&str]) -> Result<(), Failure> {
    let taken = take_extras(partial, extras).map_err(not_copied(partial))?;
    for (name, content) in taken {
        let path = folder.join(name);
        put_extra(&path, &content)?;
        own_like_folder(folder, &path);
    }
    own_like_folder(folder, &folder.join(open::LOCK));
    copy.sync_all().map_err(not_written(partial))
}

/// An administrator restores for the user who owns the folder. That user may have placed a link
/// there: the file it points to keeps its owner.
pub(crate) fn own_like_folder(folder: &Path, path: &Path) {
    #[cfg(unix)]
    if let (Ok(folder), Ok(file)) = (folder.metadata(), path.symlink_metadata()) {
        use std::os::unix::fs::{MetadataExt, lchown};
        if (folder.uid(), folder.gid()) != (file.uid(), file.gid()) {
            // Only an administrator can; otherwise the file has the right owner already.
            let _ = lchown(path, Some(folder.uid()), Some(folder.gid()));
        }
    }
}

/// Writes a file that only its owner may read; an existing one must have the same contents.
pub(crate) fn put_extra(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let mut found = Vec::new();
    let there = private::open(path, OpenOptions::new().read(true));
    match there.and_then(|mut file| file.read_to_end(&mut found)) {
        Ok(_) if found == content => return Ok(()),
        Ok(_) => return Err(Failure::Exists { path: path.to_owned() }),
        Err(_) => {}
    }
    write_new(path, |file| file.write_all(content).map_err(not_written(path)))
}

/// Copies all pages as of now.
fn copy_pages(
    source: &Connection,
    database: &Path,
    partial: &Path,
    copy: &File,
    progress: &Progress,
) -> Result<(), Failure> {
    // The read transaction begins with the first query.
    source.execute_batch("BEGIN")?;
    schema::version(source).map_err(|error| open::damaged_or(database, error))?;
    let mut target = open_alone(partial).map_err(not_copied(partial))?;
    let page_bytes: u32 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let page_bytes = u64::from(page_bytes);
    let copied = Backup::new(source, &mut target).map_err(not_copied(partial))?;
    for step in 1.. {
        let result =
            copied.step(STEP_PAGES).map_err(|error| match open::damaged_or(database, error) {
                Failure::Sqlite { source } => not_copied(partial)(source),
                other => other,
            })?;
        let done = copied.progress();
        let of = u64::try_from(done.pagecount).unwrap_or_default();
        let left = u64::try_from(done.remaining).unwrap_or_default();
        if step == 1 {
            progress.begin(Stage::Copying, of * page_bytes);
        }
        progress.reach(of.saturating_sub(left) * page_bytes)?;
        match result {
            StepResult::Done => break,
            StepResult::More => {}
            // Both ends are exclusively ours, so waiting would not help.
            other => {
                let problem = format!("a step of it was not made: {other:?}");
                return Err(Failure::BadCopy { path: partial.to_owned(), problem });
            }
        }
        if step % FLUSH_STEPS == 0 {
            copy.sync_data().map_err(not_written(partial))?;
        }
        thread::sleep(STEP_PAUSE);
    }
    drop(copied);
    // The result must be a single file.
    target
        .pragma_update(None, "journal_mode", "delete")
        .and_then(|()| target.close().map_err(|(_, error)| error))
        .map_err(not_copied(partial))?;
    Ok(source.execute_batch("COMMIT")?)
}

/// Checkpoints what the server could not during the copy, so that it need not do all of that within
/// one commit. Whatever fails here is left to the server.
fn tidy_log(source: Connection) {
    let _ = source.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    let _ = source.close();
}

pub(crate) fn add_extras(partial: &Path, folder: &Path, extras: &[&str]) -> Result<(), Failure> {
    let mut found = Vec::new();
    for name in extras {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(content) => found.push((name, content)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Failure::Io { path, source }),
        }
    }
    let add = || {
        let target = open_alone(partial)?;
        target.execute_batch(EXTRAS)?;
        for (name, content) in &found {
            target.execute("INSERT INTO files VALUES (?1, ?2)", params![name, content])?;
        }
        target.close().map_err(|(_, error)| error)
    };
    add().map_err(not_copied(partial))
}

/// Removes the extra files from a copy, without a trace.
fn take_extras(copy: &Path, extras: &[&str]) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    let target = open_alone(copy)?;
    if !has_files(&target)? {
        return Ok(Vec::new()); // A copy made by other means has none.
    }
    target.pragma_update(None, "secure_delete", true)?;
    let mut taken = Vec::new();
    for name in extras {
        let content = "SELECT content FROM files WHERE name = ?1";
        let content = target.query_row(content, [name], |row| row.get(0)).optional()?;
        taken.extend(content.map(|content| ((*name).to_owned(), content)));
    }
    target.execute_batch("DROP TABLE files")?;
    target.close().map_err(|(_, error)| error)?;
    Ok(taken)
}

fn unusable(path: &Path, problem: impl Into<String>) -> Failure {
    Failure::BadCopy { path: path.to_owned(), problem: problem.into() }
}

fn refuse_newer_copy(path: &Path) -> Result<(), Failure> {
    match path.metadata() {
        Err(source) => return Err(Failure::Io { path: path.to_owned(), source }),
        // A pipe could block forever.
        Ok(found) if !found.is_file() => return Err(unusable(path, "it is not a regular file")),
        Ok(_) => {}
    }
    open::refuse_newer_file(path).map_err(|error| match error {
        Failure::Corrupt { problem, .. } => unusable(path, problem),
        other => other,
    })
}

/// Verifies a whole copy.
fn check_copy(path: &Path, progress: &Arc<Progress>) -> Result<(), Failure> {
    let problems = || {
        let mut connection = open::untouched(path)?;
        // Before any query: a view in place of a table could run forever.
        if let Some(problem) = schema::foreign(&connection)? {
            return Ok(vec![problem]);
        }
        let ours = "SELECT 1 FROM about WHERE key = 'instance'";
        if connection.query_row(ours, [], |_| Ok(())).is_err() {
            return Ok(vec![schema::NOT_OURS.to_owned()]);
        }
        check::problems_of_copy(&mut connection, progress)
    };
    let problems = problems().map_err(|error| match error {
        Failure::Sqlite { source } => unusable(path, source.to_string()),
        other => other,
    })?;
    match problems.into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(unusable(path, problem)),
    }
}

/// Whether a copy was made by a version that adds a hash.
fn needs_seal(path: &Path) -> Result<bool, Failure> {
    let found = || {
        let connection = open::untouched(path)?;
        Ok::<_, rusqlite::Error>(has_files(&connection)? && schema::has_sums(&connection)?)
    };
    found().map_err(|error| unusable(path, error.to_string()))
}

fn has_files(copy: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'files'";
    Ok(copy.query_row(table, [], |_| Ok(())).optional()?.is_some())
}

/// A database with a log beside it is not complete in one file.
fn refuse_log_beside(file: &Path) -> Result<(), Failure> {
    match with_suffix(file, "-wal").metadata() {
        Ok(log) if log.len() > 0 => Err(Failure::BadCopy {
            path: file.to_owned(),
            problem: "part of it is in the file beside it that ends in -wal; make a backup of it \
                      with `chatserver backup`"
                .to_owned(),
        }),
        _ => Ok(()),
    }
}

pub(crate) fn refuse_existing(file: &Path) -> Result<(), Failure> {
    match file.symlink_metadata() {
        Ok(_) => Err(Failure::Exists { path: file.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// An exclusive connection without a journal: an interrupted copy is started over.
pub(crate) fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    Ok(connection)
}

/// An empty file that only its owner may read and that nobody else is writing.
pub(crate) fn open_partial(path: &Path) -> Result<File, Failure> {
    private::check_target_folder(path)?;
    // A file left by an interrupted attempt is not locked by anybody.
    let left = private::open(path, OpenOptions::new().read(true));
    if let Ok(left) = &left {
        lock(left, path)?;
    }
    let file = private::create(path).map_err(not_written(path))?;
    lock(&file, path)?;
    for suffix in ["-wal", "-journal"] {
        match fs::remove_file(with_suffix(path, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(not_written(path)(error));
            }
            _ => {}
        }
    }
    Ok(file)
}

fn lock(file: &File, path: &Path) -> Result<(), Failure> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Failure::Exists { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(not_written(path)(source)),
    }
}

/// Gives a finished file its name, unless that exists by now, and flushes the folder.
pub(crate) fn give_name(partial: &Path, path: &Path) -> Result<(), Failure> {
    match fs::hard_link(partial, path) {
        Ok(()) => fs::remove_file(partial).map_err(not_written(path))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Exists { path: path.to_owned() });
        }
        // The file system has no hard links.
        Err(_) => fs::rename(partial, path).map_err(not_written(path))?,
    }
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(not_written(path))
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(crate) fn not_written(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |source| Failure::NotWritable { path: path.to_owned(), source }
}

pub(crate) fn not_copied(path: &Path) -> impl Fn(rusqlite::Error) -> Failure {
    move |source| Failure::NotCopied { path: path.to_owned(), source }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, chown, symlink};

    #[test]
    fn the_target_of_a_link_in_the_folder_keeps_its_owner() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (precious, link) = (elsewhere.path().join("precious"), folder.path().join("lock"));
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, &link).unwrap();
        let owner = precious.metadata().unwrap().uid();
        // Only an administrator can change owners; for others nothing changes.
        let given = chown(folder.path(), Some(12345), None).is_ok();
        own_like_folder(folder.path(), &link);
        assert_eq!(precious.metadata().unwrap().uid(), owner);
        assert_eq!(link.symlink_metadata().unwrap().uid() == 12345, given);
    }
}
