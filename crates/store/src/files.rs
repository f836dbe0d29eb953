//! Are the files that SQLite has open still the ones that have their names? Who writes into a file
//! that was deleted or moved away is not told by the system, and all of it is lost.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use crate::open;

/// The database, its log and the log's index, as they were opened.
pub(crate) struct Files {
    known: [(PathBuf, Option<Identity>); 3],
}

/// What a file is, whatever it is called: its device and its inode.
type Identity = (u64, u64);

/// Which file is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) path: PathBuf,
    /// Whether there is another file in its place.
    pub(crate) replaced: bool,
    /// Whether it is the database itself; else that is where it was.
    pub(crate) database: bool,
}

impl Files {
    /// Remembers the files of a database that has just been opened and written to.
    pub(crate) fn of(database: &Path) -> Self {
        let known = ["", "-wal", "-shm"].map(|suffix| {
            let path = open::beside(database, suffix);
            let known = fs::metadata(&path).ok().map(|file| identity(&file));
            (path, known)
        });
        Self { known }
    }

    /// Looks whether all are in their places, the database first. Returns the bytes of the log.
    pub(crate) fn look(&self) -> Result<u64, Gone> {
        let mut log_bytes = 0;
        for (number, (path, known)) in self.known.iter().enumerate() {
            // One that never was is no loss.
            let Some(known) = known else { continue };
            let found = fs::metadata(path);
            match &found {
                Ok(file) if identity(file) == *known => {}
                _ => {
                    let (path, replaced) = (path.clone(), found.is_ok());
                    return Err(Gone { path, replaced, database: number == 0 });
                }
            }
            if number == 1 {
                log_bytes = found.map_or(0, |file| file.len());
            }
        }
        Ok(log_bytes)
    }
}

#[cfg(unix)]
fn identity(file: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0) // Here a file that is open cannot be deleted or moved.
}
