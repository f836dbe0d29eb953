//! Checks that the files SQLite has open are still the ones with their names. The system does not
//! tell a program that it writes to a file that was deleted or moved away, and everything would be
//! lost.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::open;

/// The database, its log and the log's index, as they were opened.
///
/// To look at each of them before and after each commit took a twentieth of the CPU time of one message.
/// Whoever moves, deletes or replaces a file changes its folder, so that is looked at instead.
pub(crate) struct Files {
    known: [(PathBuf, Option<Identity>); 3],
    folder: PathBuf,
    /// The folder when all files were in their places, and when they were looked at.
    unchanged: Option<(Folder, Instant)>,
}

/// However unchanged the folder is, the files themselves are looked at as often as this.
const LOOK: Duration = Duration::from_secs(1);
/// A change this young may not be the last one with its time: clocks of file systems are coarse.
const SETTLED: Duration = Duration::from_millis(100);

/// Which folder it is, and when something in it was last made, moved or deleted.
type Folder = (Identity, SystemTime);

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
        let folder = database.parent().map(Path::to_owned).unwrap_or_default();
        Self { known, folder, unchanged: None }
    }

    /// Looks whether all are in their places, the database first.
    pub(crate) fn look(&mut self) -> Result<(), Gone> {
        let folder = look_at_folder(&self.folder).ok();
        if let (Some(folder), Some((known, looked))) = (folder, self.unchanged)
            && folder == known
            && looked.elapsed() < LOOK
        {
            return Ok(());
        }
        self.unchanged = None;
        self.look_at_each()?;
        let settled = |folder: &Folder| {
            SystemTime::now().duration_since(folder.1).is_ok_and(|age| age >= SETTLED)
        };
        self.unchanged = folder.filter(settled).map(|folder| (folder, Instant::now()));
        Ok(())
    }

    fn look_at_each(&self) -> Result<(), Gone> {
        for (number, (path, known)) in self.known.iter().enumerate() {
            // One that never was is no loss.
            let Some(known) = known else { continue };
            let found = look_at(path);
            if !matches!(&found, Ok((identity, _)) if identity == known) {
                let (path, replaced) = (path.clone(), found.is_ok());
                return Err(Gone { path, replaced, database: number == 0 });
            }
        }
        Ok(())
    }

    /// Bytes of the log.
    pub(crate) fn log_bytes(&self) -> u64 {
        look_at(&self.known[1].0).map_or(0, |(_, bytes)| bytes)
    }
}

/// What a folder is, and when something in it was last made, moved or deleted.
fn look_at_folder(path: &Path) -> io::Result<Folder> {
    let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path }.metadata()?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (folder.dev(), folder.ino())
    };
    #[cfg(not(unix))]
    let identity = (0, 0);
    Ok((identity, folder.modified()?))
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_file_that_goes_is_missed_at_once_though_the_folder_had_not_changed_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("parlor.db");
        for suffix in ["", "-wal"] {
            fs::write(open::beside(&database, suffix), "").unwrap();
        }
        let mut files = Files::of(&database);
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        File::open(folder.path()).unwrap().set_modified(long_ago).unwrap();
        files.look().unwrap();
        assert!(files.unchanged.is_some(), "from now on only the folder is looked at");
        files.look().unwrap();
        fs::rename(&database, folder.path().join("elsewhere")).unwrap();
        assert!(files.look().unwrap_err().database);
        fs::rename(folder.path().join("elsewhere"), &database).unwrap();
        files.look().unwrap();
        assert!(files.unchanged.is_none(), "a change this young may be followed by another one");
        fs::remove_file(open::beside(&database, "-wal")).unwrap();
        assert!(!files.look().unwrap_err().database);
    }
}
