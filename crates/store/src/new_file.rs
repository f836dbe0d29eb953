//! A new file that gets its name only when it is complete.

use std::fs::{self, File};
use std::path::Path;

use crate::{Failure, backup};

/// Creates a file that only its owner may read, from what `write` writes into it. It is complete and
/// flushed before it gets its name.
///
/// # Errors
/// When the file exists or cannot be written, or `write` fails. Then there is no file.
pub fn write_new<E: From<Failure>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    backup::refuse_existing(path)?;
    let partial = backup::with_suffix(path, ".partial");
    let mut file = backup::open_partial(&partial)?;
    let written = write(&mut file).and_then(|()| {
        file.sync_all().map_err(backup::not_written(path))?;
        Ok(backup::give_name(&partial, path)?)
    });
    if written.is_err() {
        // Half a file is useless; if it cannot be removed, the next attempt reuses it.
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let failed = write_new(&path, |file| {
            file.write_all(b"half").unwrap();
            assert!(!path.exists());
            Err(Failure::Stopped)
        });
        assert!(matches!(failed, Err(Failure::Stopped)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let whole = |text: &'static [u8]| {
            write_new::<Failure>(&path, |file| {
                file.write_all(text).unwrap();
                Ok(())
            })
        };
        whole(b"whole").unwrap();
        assert!(matches!(whole(b"another"), Err(Failure::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
