//! Errors of the store. Each message says what to do.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Another process has the data folder open.
    #[error(
        "the data folder {} is in use by another server; stop that one or choose another folder",
        .path.display()
    )]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// The data folder or a file in it cannot be created or written.
    #[error("{} cannot be written ({source}); check its permissions or choose another data folder", .path.display())]
    NotWritable {
        /// The folder or file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Other users could modify a folder's contents.
    #[error("{} {problem}", .path.display())]
    NotPrivate {
        /// The folder.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// The database was written by a newer version of this program.
    #[error("the database {} is newer than this program; use chatserver {program} or later", .path.display())]
    TooNew {
        /// The database.
        path: PathBuf,
        /// The version of the program that wrote it.
        program: String,
    },
    /// The database is damaged.
    #[error(
        "the database {} is damaged ({problem}); run `chatserver check` and restore a backup",
        .path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// A file is in the way.
    #[error("{} exists already; nothing is overwritten, choose another place or move it away", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A backup would be restored over an existing database.
    #[error(
        "the data folder {} has a database already; choose another one with --data or move it away",
        .path.display()
    )]
    Occupied {
        /// The data folder.
        path: PathBuf,
    },
    /// A backup is invalid.
    #[error("the backup {} cannot be used: {problem}", .path.display())]
    BadCopy {
        /// The backup.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// A copy could not be made.
    #[error(
        "the database could not be copied into {} ({source}); check the free space of its disk",
        .path.display()
    )]
    NotCopied {
        /// The copy.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The database has less than was stored in it.
    #[error(
        "{} has less than was stored: {missing}. Put back what was moved or deleted, or restore a \
         backup; or go on with what is there, by starting once with --accept-loss",
        .path.display()
    )]
    Lost {
        /// The database.
        path: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// A file of the database was deleted, moved or replaced while it was in use.
    #[error(
        "{} was {} while the server ran; nothing is stored any more. {advice}",
        .path.display(), if *.replaced { "replaced" } else { "moved or deleted" }
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// Whether another file has its name now.
        replaced: bool,
        /// What to do.
        advice: &'static str,
    },
    /// It is uncertain whether a commit is on disk, and the store cannot find out.
    #[error(
        "the disk failed while {} was written ({source}), and it cannot be made certain what is on \
         it; the server ends, and its next start goes by what is there. Check the disk first",
        .path.display()
    )]
    Uncertain {
        /// The database.
        path: PathBuf,
        /// The error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// SQLite reported an error.
    #[error("the database could not be used ({source}); {}", advice(.source))]
    Sqlite {
        /// SQLite's error.
        #[from]
        source: rusqlite::Error,
    },
    /// The task was asked to stop.
    #[error("stopped; nothing was changed")]
    Stopped,
    /// A file operation failed.
    #[error("{} could not be used ({source}); check the disk it is on", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

/// What to do about an error of SQLite.
fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "free some space on its disk",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "it is damaged: stop the server, run `chatserver check`, and restore a backup"
        }
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
            "its disk may be failing: see the system's log"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program has it open",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "check its permissions, and whether its disk is mounted to be written"
        }
        _ => "run `chatserver check`",
    }
}

/// Whether the requested data is damaged and cannot be read.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
    )
}
