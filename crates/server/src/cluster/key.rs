//! The cluster's key: a file of its own, the same on all nodes.

use super::seal::KEY_BYTES;
use crate::files;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error(
        "cannot read the cluster's key in {path}: {source}; `chatserver cluster key FILE` creates one; copy it to all nodes"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file contains something else.
    #[error("{0} has no cluster key, which is {digits} hexadecimal digits", digits = 2 * KEY_BYTES)]
    NoKey(PathBuf),
    /// The file cannot be written, or exists already.
    #[error("cannot write a new key to {path}: {source}")]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The system provides no random numbers.
    #[error("the system provides no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// Reads the key.
///
/// # Errors
/// When the file has none.
pub fn read(path: &Path) -> Result<[u8; KEY_BYTES], KeyError> {
    let bytes = files::read(path)
        .map_err(|source| KeyError::Unreadable { path: path.to_owned(), source })?;
    let text = bytes.trim_ascii();
    let mut key = [0; KEY_BYTES];
    let good = text.len() == 2 * KEY_BYTES
        && key.iter_mut().zip(text.chunks(2)).all(|(byte, digits)| {
            let digits = std::str::from_utf8(digits).ok();
            let plain = digits.filter(|digits| !digits.starts_with('+'));
            let value = plain.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            value.inspect(|value| *byte = *value).is_some()
        });
    if good { Ok(key) } else { Err(KeyError::NoKey(path.to_owned())) }
}

/// Writes a new key to a new file that only its owner can read.
///
/// # Errors
/// When the file is there, or cannot be written.
pub fn create(path: &Path) -> Result<(), KeyError> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key)?;
    let text = hex(&key) + "\n";
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(
        |mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        },
    );
    written.map_err(|source| KeyError::NotWritten { path: path.to_owned(), source })
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_key_is_readable_only_by_its_owner_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path).expect("it is new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = read(&path).expect("just written");
        assert!(matches!(create(&path), Err(KeyError::NotWritten { .. })));
        assert_eq!(read(&path).expect("it is still there"), key);
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), hex(&key));
        let other = folder.path().join("other");
        create(&other).expect("it is new");
        assert_ne!(read(&other).expect("just written"), key);
    }

    #[test]
    fn files_with_other_contents_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(read(&path), Err(KeyError::Unreadable { .. })));
        let good = "0a".repeat(KEY_BYTES);
        for bad in
            [&good[2..], &good.replace("0a", "+a"), &good.replace("0a", "0g"), &format!("{good}0")]
        {
            fs::write(&path, bad).unwrap();
            assert!(matches!(read(&path), Err(KeyError::NoKey(_))), "{bad}");
        }
        fs::write(&path, format!("\n{good} \n")).unwrap();
        assert_eq!(read(&path).expect("it is good"), [0x0a; KEY_BYTES]);
    }
}
