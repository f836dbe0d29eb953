//! Files named by the operator: the config, and a certificate with its key.

use crate::limits::NAMED_FILE_BYTES;
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{Error, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a regular file: a pipe or a device could block the server forever.
///
/// # Errors
/// When it is not a regular file, is larger than [`NAMED_FILE_BYTES`], or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    // A pipe without a writer is opened at once, not only when somebody writes to it.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(NAMED_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > NAMED_FILE_BYTES {
        return Err(Error::other(format!("it is larger than {NAMED_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_up_to_a_size_are_read_and_links_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link).unwrap(), b"text");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for other in [&*pipe, Path::new("/dev/zero"), folder.path()] {
            let error = read(other).unwrap_err().to_string();
            assert_eq!(error, "it is not a regular file", "{}", other.display());
        }
        let large = std::fs::File::create(&file).unwrap();
        large.set_len(NAMED_FILE_BYTES + 1).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("larger than"));
    }
}
