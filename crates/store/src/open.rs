//! Opening the store: folder, lock, version and connections.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{Failure, private, schema, sum};

/// The database in the data folder.
pub(crate) const DATABASE: &str = "parlor.db";
/// The file that is locked while a server uses the folder.
pub(crate) const LOCK: &str = "lock";

/// Bytes of the database that a reader maps into memory instead of copying them out of the file
/// cache: 40 % less CPU time for a page of history. The price: a disk that cannot read a page back
/// ends the process, instead of one request.
const READER_MAP_BYTES: i64 = 64 << 30;

/// Only a checkpoint, or a foreign tool reading the file, can block it.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Compared to SQLite's 4 KiB: 7 % less CPU per event, 15 % less per page of history, and a third
/// off commits followed by a checkpoint; with 16 KiB, small commits are more expensive. A database
/// keeps the size it was created with.
const PAGE_BYTES: u32 = 8192;
/// Small, because the kernel has the pages, too, and what does not fit into the processor's cache is
/// slower: compared to 32 MiB, 17 % less CPU per message in 500 rooms of two, and 32 MB less memory.
const WRITER_CACHE_KIB: i32 = 1024;
/// The size to which the log's file is truncated after it has grown during a backup.
const LOG_KEPT_BYTES: i64 = 32 << 20;

/// Creates the folder if necessary (for its owner only) and locks it until the file is dropped.
pub(crate) fn lock_folder(folder: &Path) -> Result<File, Failure> {
    make_folder(folder)?;
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = private::open(&path, &mut options);
    // Whoever can open it can lock it, and older versions created it readable for all.
    #[cfg(unix)]
    let opened = opened.and_then(|lock| {
        lock.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(lock)
    });
    let lock = opened.map_err(|source| Failure::NotWritable { path: path.clone(), source })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Failure::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Failure::Io { path, source }),
    }
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|source| Failure::NotWritable { path: folder.to_owned(), source })
}

/// Creates the database file if necessary, for its owner only: others may be able to read the
/// folder. SQLite's other files get the same permissions.
fn make_file(path: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(Failure::NotWritable { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// The write connection; its version is checked before anything is changed. Closing it leaves the
/// log as it is until [`may_tidy`] is called.
pub(crate) fn writer(path: &Path) -> Result<Connection, Failure> {
    refuse_newer_file(path)?;
    refuse_read_only(path)?;
    make_file(path)?;
    let connection = open(path).map_err(|error| damaged_or(path, error))?;
    refuse_newer_log(&connection, path)?;
    set_up(&connection).map_err(|error| damaged_or(path, error))?;
    Ok(connection)
}

/// An exclusive connection to a database that no server is using. The log's index is kept in
/// memory: on a full disk, its file would be sparse, and writing into a hole ends the process.
pub(crate) fn alone(path: &Path) -> Result<Connection, Failure> {
    refuse_newer_file(path)?;
    let told = |error| damaged_or(path, error);
    let connection = open(path).map_err(told)?;
    connection.pragma_update(None, "locking_mode", "exclusive").map_err(told)?;
    refuse_newer_log(&connection, path)?;
    Ok(connection)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    sum::register(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    keep_plans(connection)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // An existing database keeps its mode, but would be written to.
    if schema::version(connection)? == 0 {
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // Overwrites deleted content, and pages that become free, which `fast` would leave. Commits of
    // messages free nothing, so this costs them nothing. In the write-ahead log, redacted text
    // remains until it is overwritten, or the store is closed.
    connection.pragma_update(None, "secure_delete", true)?;
    // The store runs checkpoints itself, to know their results.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

/// From now on, closing the last connection moves the log into the database and removes it. With a
/// damaged log, that would lose what SQLite cannot read.
pub(crate) fn may_tidy(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

/// A file of SQLite's beside the database, by its suffix.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes of the database's log; none if there is no such file.
pub(crate) fn log_bytes(database: &Path) -> Option<u64> {
    beside(database, "-wal").metadata().ok().map(|file| file.len())
}

/// A connection for copying a database that a server may be using.
pub(crate) fn source(path: &Path) -> Result<Connection, Failure> {
    let log = log_bytes(path);
    if let Err(source) = path.metadata() {
        return Err(Failure::Io { path: path.to_owned(), source });
    }
    refuse_newer_file(path)?;
    let connection = open(path).map_err(|error| damaged_or(path, error))?;
    refuse_newer_log(&connection, path)?;
    // An existing log may be damaged; the server must see that at its next start.
    if log.unwrap_or_default() == 0 {
        may_tidy(&connection)?;
    }
    Ok(connection)
}

/// A read-only connection.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "mmap_size", READER_MAP_BYTES)?;
    keep_plans(&connection)?;
    // The first query opens all files, which are then read whatever happens to their names.
    schema::version(&connection)?;
    Ok(connection)
}

/// A query's plan is the same whatever its parameters, and need not be made again each time: 5 % of
/// a page.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Reads the file's header itself (SQLite's file format, §1.3), because SQLite would create files
/// beside it.
pub(crate) fn refuse_newer_file(path: &Path) -> Result<(), Failure> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Failure::Io { path: path.to_owned(), source }),
    };
    let mut header = [0; 64];
    match file.read_exact(&mut header) {
        Ok(()) => {}
        // Left by a first start that was killed at once.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
        Err(source) => return Err(Failure::Io { path: path.to_owned(), source }),
    }
    if !header.starts_with(b"SQLite format 3\0") {
        let problem = "it is not an SQLite database".to_owned();
        return Err(Failure::Corrupt { path: path.to_owned(), problem });
    }
    let found = u32::from_be_bytes([header[60], header[61], header[62], header[63]]);
    if found <= schema::VERSION {
        return Ok(());
    }
    let program = untouched(path).and_then(|connection| program(&connection));
    Err(Failure::TooNew { path: path.to_owned(), program: program.unwrap_or_else(unknown) })
}

fn refuse_read_only(path: &Path) -> Result<(), Failure> {
    match OpenOptions::new().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Failure::NotWritable { path: path.to_owned(), source }),
    }
}

/// A newer program that was killed may have its version only in the write-ahead log.
fn refuse_newer_log(connection: &Connection, path: &Path) -> Result<(), Failure> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let found = schema::version(connection).map_err(|error| damaged_or(path, error))?;
    if found > schema::VERSION {
        let program = program(connection).unwrap_or_else(unknown);
        return Err(Failure::TooNew { path: path.to_owned(), program });
    }
    Ok(())
}

/// A connection that neither writes nor leaves files beside the database.
pub(crate) fn untouched(path: &Path) -> rusqlite::Result<Connection> {
    // In a URI these three characters are special.
    let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let path = PathBuf::from(format!("file:{name}?immutable=1"));
    let connection = Connection::open_with_flags(path, flags)?;
    sum::register(&connection)?;
    Ok(connection)
}

fn program(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT value FROM about WHERE key = 'program'", [], |row| row.get(0))
}

/// The name of a newer program whose database cannot even be queried.
fn unknown(_: rusqlite::Error) -> String {
    "a newer version".to_owned()
}

/// The same for a failure that may come from SQLite.
pub(crate) fn told(path: &Path, failure: Failure) -> Failure {
    match failure {
        Failure::Sqlite { source } => damaged_or(path, source),
        other => other,
    }
}

/// Distinguishes a damaged database and an unwritable file from a failing disk.
pub(crate) fn damaged_or(path: &Path, error: rusqlite::Error) -> Failure {
    let damaged = match &error {
        // A value that is never written there.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::QueryReturnedNoRows
        | rusqlite::Error::Utf8Error(..) => true,
        // SQLite reports `Unknown` for a missing table or column.
        error => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        ),
    };
    match error.sqlite_error_code() {
        _ if damaged => Failure::Corrupt { path: path.to_owned(), problem: error.to_string() },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            not_writable(path, &error)
        }
        _ => Failure::from(error),
    }
}

/// SQLite does not say which of its files is not writable: finds the first one.
fn not_writable(path: &Path, error: &rusqlite::Error) -> Failure {
    let files = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
    let mut refused = files.into_iter().filter(|path| path.exists()).filter_map(|path| {
        let opened = OpenOptions::new().write(true).open(&path);
        opened.err().map(|source| Failure::NotWritable { path, source })
    });
    refused.next().unwrap_or_else(|| Failure::NotWritable {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    })
}
