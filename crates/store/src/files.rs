//! Checks that the files SQLite has open still have their names. The system does not tell a program
//! that it is writing to a file that was deleted or moved, and everything written would be lost.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::open;

/// The database, its log and the log's index, as they were opened.
///
/// Checking each of them before and after each commit took a twentieth of the CPU time of one
/// message. Moving, deleting or replacing a file changes its folder, so the folder is checked
/// instead.
pub(crate) struct Files {
    known: [(PathBuf, Option<Identity>); 3],
    folder: PathBuf,
    /// The folder while all files were in place, and when they were checked.
    unchanged: Option<(Folder, Instant)>,
}

/// Even if the folder is unchanged, the files themselves are checked this often.
const LOOK: Duration = Duration::from_secs(1);
/// A later change may have the same timestamp as one this recent: file systems have coarse clocks.
const SETTLED: Duration = Duration::from_millis(100);

/// The identity of a folder, and the time of its last change.
type Folder = (Identity, SystemTime);

/// The identity of a file whatever its name: device and inode.
type Identity = (u64, u64);

/// A file that is no longer in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingFile {
    pub(crate) path: PathBuf,
    /// Whether another file has its name.
    pub(crate) replaced: bool,
    /// Whether it is the database itself.
    pub(crate) database: bool,
}

impl Files {
    /// Records the files of a database that was just opened and written to.
    pub(crate) fn of(database: &Path) -> Self {
        let known = ["", "-wal", "-shm"].map(|suffix| {
            let path = open::beside(database, suffix);
            let known = look_at(&path).ok().map(|(identity, _)| identity);
            (path, known)
        });
        let folder = database.parent().map(Path::to_owned).unwrap_or_default();
        Self { known, folder, unchanged: None }
    }

    /// Checks that all files are in place, the database first.
    pub(crate) fn look(&mut self) -> Result<(), MissingFile> {
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

    fn look_at_each(&self) -> Result<(), MissingFile> {
        for (number, (path, known)) in self.known.iter().enumerate() {
            // A file that never existed cannot be lost.
            let Some(known) = known else { continue };
            let found = look_at(path);
            if !matches!(&found, Ok((identity, _)) if identity == known) {
                let (path, replaced) = (path.clone(), found.is_ok());
                return Err(MissingFile { path, replaced, database: number == 0 });
            }
        }
        Ok(())
    }

    /// The size of the log in bytes.
    pub(crate) fn log_bytes(&self) -> u64 {
        look_at(&self.known[1].0).map_or(0, |(_, bytes)| bytes)
    }
}

/// The identity of a folder, and the time of its last change.
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

/// The identity and the size of a file.
///
/// Does not ask for its times: once a program has seen a file's times, Linux updates them at the
/// next write, and a flush then writes them, too. That made the commit of one message a third more
/// expensive.
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
    // On this system an open file cannot be deleted or moved.
    Ok(((0, 0), std::fs::metadata(path)?.len()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_missing_file_is_noticed_at_once() {
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
