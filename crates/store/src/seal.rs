//! The seal of a backup: a last line with the SHA-256 of everything before it. SQLite ignores what
//! follows the last page, so a backup is still a database.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::{Failure, Progress, Stage};

const BEGIN: &[u8] = b"\nParlor backup, SHA-256 ";
const BYTES: u64 = BEGIN.len() as u64 + 64 + 1;
const READ_AT_ONCE: usize = 1 << 20;

/// Appends the line to a finished file.
pub(crate) fn seal(path: &Path, progress: &Progress) -> Result<(), Failure> {
    let failed = |source| Failure::Io { path: path.to_owned(), source };
    let bytes = path.metadata().map_err(failed)?.len();
    let hash = hash(path, bytes, progress)?;
    let mut file = OpenOptions::new().append(true).open(path).map_err(failed)?;
    file.write_all(&[BEGIN, hash.as_bytes(), b"\n"].concat())
        .map_err(|source| Failure::NotWritable { path: path.to_owned(), source })
}

/// Verifies the hash of a backup; returns its length without the line, or none if it has no such
/// line.
pub(crate) fn verify(path: &Path, progress: &Progress) -> Result<Option<u64>, Failure> {
    let failed = |source| Failure::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let Some(bytes) = file.metadata().map_err(failed)?.len().checked_sub(BYTES) else {
        return Ok(None);
    };
    file.seek(SeekFrom::Start(bytes)).map_err(failed)?;
    let mut line = Vec::new();
    file.read_to_end(&mut line).map_err(failed)?;
    let Some(found) = line.strip_prefix(BEGIN) else { return Ok(None) };
    if found == format!("{}\n", hash(path, bytes, progress)?).as_bytes() {
        return Ok(Some(bytes));
    }
    let problem = "it is not as it was made: its hash differs".to_owned();
    Err(Failure::BadCopy { path: path.to_owned(), problem })
}

fn hash(path: &Path, bytes: u64, progress: &Progress) -> Result<String, Failure> {
    let failed = |source| Failure::Io { path: path.to_owned(), source };
    progress.begin(Stage::Hashing, bytes);
    let mut file = File::open(path).map_err(failed)?.take(bytes);
    let (mut hash, mut buffer, mut done) = (Sha256::new(), vec![0; READ_AT_ONCE], 0);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                done += read as u64;
                progress.reach(done)?;
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
