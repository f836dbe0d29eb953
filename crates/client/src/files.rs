//! The person's own files: only regular ones are read, for a pipe would be waited for without end, and a
//! new one is made only where nothing is in the way.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// A file to read, as far as it is there, and whether it is a regular one.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, bool)>> {
    match OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(file) => {
            let regular = file.metadata()?.is_file();
            Ok(Some((file, regular)))
        }
    }
}

/// Makes a new file that only its owner may read, instead of what a client that was killed has left under
/// this name. A link there goes, and what it leads to stays.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Opens a file to lock it, making it if it is missing. No link is followed.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK)).open(path)
}

/// For [`OpenOptionsExt::custom_flags`].
pub(crate) fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}
