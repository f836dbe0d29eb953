//! Automatic backups, each verified like a manual one.

use super::tasks::BESIDE;
use crate::config::Backup;
use crate::limits::BACKUP_RETRY_SECONDS;
use crate::metrics::Metrics;
use proto::time::write_server_time;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Failure, Progress};

/// Makes backups of a data folder until it is stopped.
pub(super) struct Backups {
    pub(super) data: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) config: Backup,
    /// Closed when the server stops.
    pub(super) running: Receiver<()>,
    pub(super) progress: Arc<Progress>,
    pub(super) metrics: Arc<Metrics>,
}

impl Backups {
    /// Runs until the server stops.
    pub(super) fn run(&self) {
        let every = Duration::from_secs(u64::from(self.config.every_hours) * 3600);
        let mut last = newest(&self.folder);
        if let Some(last) = last {
            self.metrics.backed_up(last);
        }
        let mut wait = Duration::ZERO;
        loop {
            let age = last.map(|last| last.elapsed().unwrap_or_default());
            let due = age.map_or(Duration::ZERO, |age| every.saturating_sub(age));
            match self.running.recv_timeout(wait.max(due)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
            wait = Duration::ZERO;
            match self.make() {
                Ok(file) => {
                    last = Some(SystemTime::now());
                    self.metrics.backed_up(SystemTime::now());
                    tracing::info!(file = %file.display(), "Made and verified a backup");
                    if let Err(error) = self.forget_old() {
                        let folder = self.folder.display();
                        tracing::warn!(%folder, %error, "An old backup cannot be removed");
                    }
                }
                Err(Failure::Stopped) => return,
                Err(error) => {
                    self.metrics.backup_failed();
                    tracing::error!(%error, "The backup failed; older ones are kept, will retry");
                    wait = Duration::from_secs(BACKUP_RETRY_SECONDS);
                }
            }
        }
    }

    fn make(&self) -> Result<PathBuf, Failure> {
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .create(&self.folder)
            .map_err(|source| Failure::NotWritable { path: self.folder.clone(), source })?;
        let file = self.folder.join(name(SystemTime::now()));
        store::backup(&self.data, &file, BESIDE, &self.progress)?;
        Ok(file)
    }

    /// Removes all but the newest backups; only called after a new one is complete.
    fn forget_old(&self) -> io::Result<()> {
        let mut all = backups(&self.folder)?;
        all.sort();
        let keep = usize::try_from(self.config.keep).unwrap_or(usize::MAX);
        for old in &all[..all.len().saturating_sub(keep)] {
            std::fs::remove_file(old)?;
        }
        Ok(())
    }
}

/// The name of a backup made at this time; names sort by time.
fn name(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut stamp = Vec::new();
    write_server_time(i64::try_from(millis).unwrap_or(i64::MAX), &mut stamp);
    let digits: String =
        stamp.iter().filter(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
    format!("parlor-{}-{}.db", &digits[..8], &digits[8..14])
}

/// Whether a file's name is one that [`name`] gives: other files are left alone.
fn is_ours(name: &str) -> bool {
    let stamp = name.strip_prefix("parlor-").and_then(|rest| rest.strip_suffix(".db"));
    stamp.is_some_and(|stamp| {
        stamp.len() == 15
            && stamp.bytes().enumerate().all(|(place, byte)| match place {
                8 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    })
}

fn backups(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_ours) {
            all.push(entry.path());
        }
    }
    Ok(all)
}

/// When the newest backup was made.
fn newest(folder: &Path) -> Option<SystemTime> {
    let all = backups(folder).ok()?;
    all.iter().filter_map(|file| file.metadata().ok()?.modified().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_known_by_its_name_and_nothing_else_is_ours() {
        let noon = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(name(noon), "parlor-20231114-221320.db");
        assert!(is_ours(&name(noon)));
        for other in [
            "parlor.db",
            "parlor-2023.db",
            "parlor-20231114-221320.db.partial",
            "x.db",
            "parlor-20231114x221320.db",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
