//! Are the files that SQLite has open still the ones that have their names? Who writes into a file
//! that was deleted or moved away is not told by the system, and all of it is lost.

use std::io;
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
            let known = look_at(&path).ok().map(|(identity, _)| identity);
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
            let found = look_at(path);
            match &found {
                Ok((identity, _)) if identity == known => {}
                _ => {
                    let (path, replaced) = (path.clone(), found.is_ok());
                    return Err(Gone { path, replaced, database: number == 0 });
                }
            }
            if number == 1 {
                log_bytes = found.map_or(0, |(_, bytes)| bytes);
            }
        }
        Ok(log_bytes)
    }
}

/// What a file is, and its bytes.
///
/// Its times are not asked for: Linux gives a file whose times somebody has seen new ones at its next
/// write, which a flush then writes, too. That made a commit of one message dearer by a third.
#[cfg(target_os = "linux")]
fn look_at(path: &Path) -> io::Result<(Identity, u64)> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let asked = StatxFlags::INO | StatxFlags::SIZE;
    let file = statx(CWD, path, AtFlags::empty(), asked)?;
    let device = u64::from(file.stx_dev_major) << 32 | u64::from(file.stx_dev_minor);
    Ok(((device, file.stx_ino), file.stx_size))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn look_at(path: &Path) -> io::Result<(Identity, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    Ok(((file.dev(), file.ino()), file.len()))
}

#[cfg(not(unix))]
fn look_at(path: &Path) -> io::Result<(Identity, u64)> {
    // Here a file that is open cannot be deleted or moved.
    Ok(((0, 0), std::fs::metadata(path)?.len()))
}
