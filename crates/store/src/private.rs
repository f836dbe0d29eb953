//! Files that only their owner may read, created where others may have placed something, and
//! folders that nobody else can modify.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::Failure;

/// Creates a file that only its owner may read. An existing one, such as the rest of an interrupted
/// attempt, is removed first; if it is a link, only the link is.
///
/// # Errors
/// When the system does not allow it, or somebody else was faster.
pub fn create(path: &Path) -> io::Result<File> {
    match create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_new(path)
        }
        made => made,
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens an existing file, for reading, or for writing as well; does not follow links or wait for
/// pipes.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags);
    }
    options.open(path)
}

/// Refuses a data folder that belongs to another user, or in which others may write: they could
/// make the server read and write any file.
pub(crate) fn check_data_folder(folder: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // A missing folder will be created; other errors are reported when it is opened.
        let Ok(found) = fs::metadata(folder) else { return Ok(()) };
        let (owner, mode) = (found.uid(), found.mode() & 0o777);
        if owner != rustix::process::geteuid().as_raw() && owner != 0 {
            let problem = format!(
                "belongs to another user (uid {owner}), who could change all that is in it; run the \
                 server as that user, or choose another data folder"
            );
            return Err(Failure::NotPrivate { path: folder.to_owned(), problem });
        }
        if mode & 0o022 != 0 {
            let problem = format!(
                "can be written by others (mode {mode:o}); take that from them with chmod go-w, or \
                 choose another data folder"
            );
            return Err(Failure::NotPrivate { path: folder.to_owned(), problem });
        }
    }
    Ok(())
}

/// Refuses a target folder where anybody may replace other people's files. In one like `/tmp` they
/// may not.
pub(crate) fn check_target_folder(file: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let folder = crate::backup::folder_of(file);
        let found = fs::metadata(folder)
            .map_err(|source| Failure::NotWritable { path: file.to_owned(), source })?;
        if found.mode() & 0o1002 == 0o002 {
            let problem = "lets everybody replace what others have in it, and the copy is for its \
                           owner alone; choose another folder"
                .to_owned();
            return Err(Failure::NotPrivate { path: folder.to_owned(), problem });
        }
    }
    Ok(())
}
