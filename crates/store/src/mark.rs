//! The file `state` beside the database, which records what was known to be on disk, so that a
//! start that finds less reports it, instead of serving what is left as if it were everything.
//!
//! It is written in place after a commit, unless it was just written, and without a flush: the
//! commit was flushed before, so it never claims more than is on disk. After a kill in between, or a
//! power failure, it may be older and claim less. It is flushed at startup, with each checkpoint and
//! at the end.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proto::time::write_server_time;

use crate::batch::Marks;
use crate::{Failure, open, private};

/// The file's name in the data folder.
const STATE: &str = "state";
/// The minimum time between two writes after commits. Writing at every commit made small commits a
/// third more expensive, since the log's flush then takes longer.
const PAUSE: Duration = Duration::from_millis(20);
/// Far more than the file ever contains; a longer one is not ours.
const MOST_BYTES: u64 = 4096;

/// What is known to be on disk. As text it always has the same length, less than a disk sector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The store it belongs to; see [`crate::Loaded::instance`].
    pub(crate) instance: String,
    /// How often the store was opened; also in the table `about`.
    pub(crate) generation: u64,
    /// Whether it was closed properly.
    pub(crate) closed: bool,
    /// The number of events.
    pub(crate) events: u64,
    /// The highest numbers, and the newest event's time.
    pub(crate) marks: Marks,
}

/// The contents of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No file: a new store, or one of an older program.
    Nothing,
    /// Invalid contents.
    Damaged,
    /// Valid contents.
    Mark(Mark),
}

/// The file, open for rewriting.
pub(crate) struct MarkFile {
    file: File,
    path: PathBuf,
    text: String,
    /// Whether the last write failed, which is logged once.
    failing: bool,
    written: Instant,
    /// Whether there was a commit since.
    stale: bool,
}

impl Mark {
    fn write(&self, out: &mut String) {
        let Self { instance, generation, closed, events, marks } = self;
        let Marks { event, time, account, room } = marks;
        let closed = if *closed { "yes" } else { "no " };
        out.clear();
        let written = write!(
            out,
            "parlor state 1\ninstance {instance}\ngeneration {generation:020}\nclosed {closed}\n\
             events {events:020}\nevent {event:020}\ntime {time:020}\n\
             account {account:010}\nroom {room:010}\n"
        );
        let sum = sum(out);
        written.and_then(|()| writeln!(out, "sum {sum:016x}")).expect("a String takes everything");
    }

    fn parse(text: &str) -> Option<Self> {
        let (body, last) = text.trim_end().rsplit_once('\n')?;
        let body = format!("{body}\n");
        if last.strip_prefix("sum ")? != format!("{:016x}", sum(&body)) {
            return None;
        }
        let mut lines = body.lines();
        (lines.next()? == "parlor state 1").then_some(())?;
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        Some(Self {
            instance: value("instance")?.to_owned(),
            generation: value("generation")?.parse().ok()?,
            closed: value("closed")? == "yes",
            events: value("events")?.parse().ok()?,
            marks: Marks {
                event: value("event")?.parse().ok()?,
                time: value("time")?.parse().ok()?,
                account: value("account")?.parse().ok()?,
                room: value("room")?.parse().ok()?,
            },
        })
    }

    /// A sentence about what a database with `found` lacks; none if it lacks nothing. `log`:
    /// whether there was a log when the database was opened.
    pub(crate) fn missing(&self, found: &Mark, log: bool) -> Option<String> {
        let numbers = |marks: Marks| (marks.event, marks.account, marks.room);
        let (had, has) = (numbers(self.marks), numbers(found.marks));
        let lost = if found.instance != self.instance {
            "it is another room's".to_owned()
        } else if has.0 < had.0 {
            format!("events {} to {} are missing, the last of {}", has.0 + 1, had.0, self.newest())
        } else if has.1 < had.1 || has.2 < had.2 {
            "accounts or rooms are missing".to_owned()
        } else if found.generation < self.generation {
            "it is an older copy of it".to_owned()
        } else {
            return None;
        };
        let why = match log || self.closed || found.instance != self.instance {
            true => "",
            false => "; the file beside it that ends in -wal is gone, and was not empty",
        };
        Some(lost + why)
    }

    /// The newest event's time, for people.
    pub(crate) fn newest(&self) -> String {
        let mut stamp = Vec::new();
        write_server_time(self.marks.time, &mut stamp);
        String::from_utf8_lossy(&stamp).into_owned()
    }
}

impl Found {
    /// Reads the file of a data folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(STATE);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Nothing),
            Err(source) => Err(Failure::Io { path, source }),
            Ok(_) => {
                let mark = String::from_utf8(bytes).ok().and_then(|text| Mark::parse(&text));
                Ok(mark.map_or(Self::Damaged, Self::Mark))
            }
        }
    }
}

impl MarkFile {
    /// Creates the file, flushed with its name, for its owner only.
    pub(crate) fn create(folder: &Path, mark: &Mark) -> Result<Self, Failure> {
        let path = folder.join(STATE);
        let mut text = String::new();
        mark.write(&mut text);
        let file = replace(folder, &path, text.as_bytes())
            .map_err(|source| Failure::NotWritable { path: path.clone(), source })?;
        Ok(Self { file, path, text, failing: false, written: Instant::now(), stale: false })
    }

    /// To be called after a commit.
    pub(crate) fn committed(&mut self, mark: &Mark) {
        self.stale = true;
        if self.written.elapsed() >= PAUSE {
            self.catch_up(mark);
        }
    }

    /// Writes it if it is older than the last commit.
    pub(crate) fn catch_up(&mut self, mark: &Mark) {
        if self.stale {
            self.write(mark, false);
        }
    }

    /// Rewrites the file, flushed if `flushed`. A failure only makes the next start know less, so
    /// it is not a failure of the store.
    pub(crate) fn write(&mut self, mark: &Mark, flushed: bool) {
        mark.write(&mut self.text);
        let mut written = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(self.text.as_bytes()));
        if flushed {
            written = written.and_then(|()| self.file.sync_data());
        }
        if let (Err(error), false) = (&written, self.failing) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "What is on disk cannot be noted; a loss might go unseen");
        }
        self.failing = written.is_err();
        (self.written, self.stale) = (Instant::now(), false);
    }
}

fn replace(folder: &Path, path: &Path, content: &[u8]) -> io::Result<File> {
    let partial = folder.join(format!("{STATE}.partial"));
    let mut file = private::create(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Removes the file before the folder gets another database.
pub(crate) fn forget(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(STATE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::NotWritable { path, source: error })
        }
        _ => Ok(()),
    }
}

/// Keeps the rest of a log that is about to be overwritten, under the first free name.
pub(crate) fn keep_log(database: &Path) -> Result<(), Failure> {
    let log = open::beside(database, "-wal");
    if log.metadata().map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let mut names = (1..).map(|number| open::beside(database, &format!("-wal.lost-{number}")));
    let kept = names.find(|name| name.symlink_metadata().is_err()).expect("numbers do not end");
    let copied =
        File::open(&log).and_then(|mut from| io::copy(&mut from, &mut private::create(&kept)?));
    copied.map_err(|source| Failure::NotWritable { path: kept.clone(), source })?;
    let (log, kept) = (log.display(), kept.display());
    tracing::warn!(%log, %kept, "What is left of the log is kept as a copy");
    Ok(())
}

/// 64-bit FNV-1a: it detects a torn or corrupted file; it is not meant to prevent forgery.
fn sum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let marks = Marks { event: 900, time: 1_700_000_000_123, account: 7, room: 2 };
        Mark { instance: "k3f9".to_owned(), generation: 3, closed: false, events: 899, marks }
    }

    #[test]
    fn a_mark_is_read_back_and_has_a_constant_length_within_a_sector() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Found::read(folder.path()).unwrap(), Found::Nothing);
        let mut file = MarkFile::create(folder.path(), &mark()).unwrap();
        assert_eq!(Found::read(folder.path()).unwrap(), Found::Mark(mark()));
        let length = fs::metadata(folder.path().join(STATE)).unwrap().len();
        let marks = Marks { event: u64::MAX, time: i64::MAX, account: u32::MAX, room: u32::MAX };
        let most = Mark { generation: u64::MAX, closed: true, events: u64::MAX, marks, ..mark() };
        file.write(&most, true);
        assert_eq!(Found::read(folder.path()).unwrap(), Found::Mark(most));
        assert_eq!(fs::metadata(folder.path().join(STATE)).unwrap().len(), length);
        assert!(length < 512, "{length}");
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        MarkFile::create(folder.path(), &mark()).unwrap();
        let path = folder.path().join(STATE);
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut hurt = whole.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &hurt).unwrap();
            let found = Found::read(folder.path()).unwrap();
            // The final line end carries no information.
            let last = bit / 8 == whole.len() - 1;
            assert!(found == Found::Damaged || last && found == Found::Mark(mark()), "bit {bit}");
        }
        for length in 0..whole.len() - 1 {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Found::read(folder.path()).unwrap(), Found::Damaged, "{length} bytes");
        }
    }

    #[test]
    fn whatever_is_missing_is_reported() {
        let mut found = Mark { events: 449, ..mark() };
        assert_eq!(mark().missing(&found, true), None);
        found.marks.event = 449;
        let told = "events 450 to 900 are missing, the last of 2023-11-14T22:13:20.123Z";
        assert_eq!(mark().missing(&found, true).unwrap(), told);
        let log = "; the file beside it that ends in -wal is gone, and was not empty";
        assert_eq!(mark().missing(&found, false).unwrap(), format!("{told}{log}"));
        let closed = Mark { closed: true, ..mark() };
        assert_eq!(closed.missing(&found, false).unwrap(), told);
        let mut fewer = mark();
        fewer.marks.account = 6;
        assert_eq!(mark().missing(&fewer, true).unwrap(), "accounts or rooms are missing");
        let older = Mark { generation: 2, ..mark() };
        assert_eq!(mark().missing(&older, true).unwrap(), "it is an older copy of it");
        let other = Mark { instance: "zzzz".to_owned(), ..mark() };
        assert_eq!(mark().missing(&other, false).unwrap(), "it is another room's");
        let newer = Mark { generation: 9, ..mark() };
        assert_eq!(mark().missing(&newer, false), None);
    }
}
