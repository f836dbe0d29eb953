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

/// Only a checkpoint or a foreign tool looking into the file can be in the way.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Against SQLite's 4 KiB it takes 7 % less CPU an event and 15 % less a page of history, and a
/// third off the commits that a checkpoint follows; 16 KiB makes the small commits dearer. A
/// database keeps the size it was made with.
const PAGE_BYTES: u32 = 8192;
const WRITER_CACHE_KIB: i32 = 32 * 1024;
/// Bytes to which the log's file shrinks again, after a backup for whose time it could only grow.
const LOG_KEPT_BYTES: i64 = 32 << 20;

/// Makes the folder if it is missing (for its owner only) and locks it until the file is dropped.
pub(crate) fn lock_folder(folder: &Path) -> Result<File, Failure> {
    make_folder(folder)?;
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = private::open(&path, &mut options);
    // Who can open it can lock it, and older versions made it for all to read.
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

fn make_folder(folder: &Path) -> Result<(), Failure> {
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

/// Makes the file of the database if it is missing, for its owner only: the folder may be one that
/// others can read. SQLite's files beside it get the same rights.
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

/// The writing connection, its version checked before anything is changed. Its end leaves the log as
/// it is until [`may_tidy`] is called.
pub(crate) fn writer(path: &Path) -> Result<Connection, Failure> {
    refuse_newer_file(path)?;
    refuse_read_only(path)?;
    make_file(path)?;
    let connection = open(path).map_err(|error| damaged_or(path, error))?;
    refuse_newer_log(&connection, path)?;
    set_up(&connection).map_err(|error| damaged_or(path, error))?;
    Ok(connection)
}

/// A connection that nothing else may share, to a database that no server uses. The index of its log
/// is in memory: beside a database on a full disk it would be a file with holes, and to write into
/// one ends the process.
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
    // One that is there keeps its way, but would be written to.
    if schema::version(connection)? == 0 {
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // What a message that is taken back leaves on its page is overwritten, and what it leaves on pages
    // that become free, which `fast` would spare. Commits of messages free nothing, so it costs them
    // nothing. In the write-ahead log the text stays until that is written over, or a close.
    connection.pragma_update(None, "secure_delete", true)?;
    // The store makes its checkpoints itself, to know what becomes of them.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT_BYTES)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
}

/// From now on the end of the last connection moves the log into the database and removes it. What
/// SQLite cannot read of a damaged log would be lost by that.
pub(crate) fn may_tidy(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

/// A file that SQLite has beside the database, by what is appended to its name.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes of the database's log; none if there is no such file.
pub(crate) fn log_bytes(database: &Path) -> Option<u64> {
    beside(database, "-wal").metadata().ok().map(|file| file.len())
}

/// A connection to copy the database from, which a server may be using.
pub(crate) fn source(path: &Path) -> Result<Connection, Failure> {
    let log = log_bytes(path);
    if let Err(source) = path.metadata() {
        return Err(Failure::Io { path: path.to_owned(), source });
    }
    refuse_newer_file(path)?;
    let connection = open(path).map_err(|error| damaged_or(path, error))?;
    refuse_newer_log(&connection, path)?;
    // A log that was there may be damaged, which the server has to see at its next start.
    if log.unwrap_or_default() == 0 {
        may_tidy(&connection)?;
    }
    Ok(connection)
}

/// A reading connection; it cannot write.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "mmap_size", READER_MAP_BYTES)?;
    keep_plans(&connection)?;
    // Only the first question opens all its files, which it then reads whatever becomes of their names.
    schema::version(&connection)?;
    Ok(connection)
}

/// The plan of a question is the same whatever it asks for, and is not made again each time: 5 % of
/// a page.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Looks at the file's header itself (SQLite's file format, §1.3), for SQLite would leave files
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
        // What a first start leaves when it is killed at once.
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

/// A newer program that was killed may have its version in the write-ahead log only.
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
    // In a URI these three have a meaning of their own.
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

/// What a newer program calls itself when its database cannot even be asked.
fn unknown(_: rusqlite::Error) -> String {
    "a newer version".to_owned()
}

/// The same for a failure that may be SQLite's.
pub(crate) fn told(path: &Path, failure: Failure) -> Failure {
    match failure {
        Failure::Sqlite { source } => damaged_or(path, source),
        other => other,
    }
}

/// Tells a damaged database and a file that cannot be written from a disk that does not work.
pub(crate) fn damaged_or(path: &Path, error: rusqlite::Error) -> Failure {
    let damaged = match &error {
        // A value that is none of those that are written there.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::QueryReturnedNoRows
        | rusqlite::Error::Utf8Error(..) => true,
        // `Unknown` is what SQLite says of a table or column that is not there.
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

/// SQLite does not say which of its files cannot be written: the first that we cannot, either.
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
