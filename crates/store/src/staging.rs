//! A data folder in the making. Its database is prepared in a folder within, and then takes its place at
//! once: a kill at any moment leaves everything or nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::{Failure, backup, mark, open, private};

/// The folder within a data folder where its database is prepared.
const STAGING: &str = "parlor.staging";

/// A data folder whose database is being prepared; nobody else can use it while this exists. Whatever
/// has not taken its place by then is removed when this is dropped.
pub struct Staging {
    data: PathBuf,
    staging: PathBuf,
    replaces: bool,
    _lock: File,
}

impl Staging {
    /// Begins in a data folder without a database, which is created if necessary.
    ///
    /// # Errors
    /// When the folder has a database, is in use, or cannot be written.
    pub fn begin(data: &Path) -> Result<Staging, Failure> {
        let staging = Staging::lock(data, false)?;
        let database = data.join(open::DATABASE);
        for suffix in ["", "-wal", "-journal"] {
            let path = open::beside(&database, suffix);
            match path.metadata() {
                // Left by a first start that was killed at once.
                Ok(found) if found.len() == 0 => remove(&path)?,
                Ok(_) => return Err(Failure::Occupied { path: data.to_owned() }),
                Err(_) => {}
            }
        }
        Ok(staging)
    }

    /// Begins in a data folder whose database is to be replaced.
    ///
    /// # Errors
    /// When the folder is in use or cannot be written.
    pub fn replacing(data: &Path) -> Result<Staging, Failure> {
        Staging::lock(data, true)
    }

    fn lock(data: &Path, replaces: bool) -> Result<Staging, Failure> {
        private::check_data_folder(data)?;
        let lock = open::lock_folder(data)?;
        clear(data)?;
        let staging = data.join(STAGING);
        open::make_folder(&staging)?;
        Ok(Staging { data: data.to_owned(), staging, replaces, _lock: lock })
    }

    /// The folder to prepare the database in, as in any data folder.
    pub fn folder(&self) -> &Path {
        &self.staging
    }

    /// A file in it for the backup that the database is restored from.
    pub fn backup(&self) -> PathBuf {
        self.staging.join("backup.db")
    }

    /// Moves the prepared database, which must be closed, into its place, with those of the `extras`
    /// files that were prepared.
    ///
    /// # Errors
    /// When something cannot be written, or an extra file is there with other contents. Then the data
    /// folder has no new database.
    pub fn finish(self, extras: &[&str]) -> Result<(), Failure> {
        let (prepared, database) =
            (self.staging.join(open::DATABASE), self.data.join(open::DATABASE));
        let log = open::beside(&prepared, "-wal");
        if open::log_bytes(&prepared).unwrap_or_default() > 0 {
            let source = io::Error::other("it could not be moved into the database");
            return Err(Failure::Io { path: log, source });
        }
        let file = File::open(&prepared).and_then(|file| file.sync_all());
        file.map_err(backup::not_written(&prepared))?;
        for name in extras {
            match fs::read(self.staging.join(name)) {
                Ok(content) => {
                    let path = self.data.join(name);
                    backup::put_extra(&path, &content)?;
                    backup::own_like_folder(&self.data, &path);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(Failure::Io { path: self.staging.join(name), source }),
            }
        }
        backup::own_like_folder(&self.data, &prepared);
        backup::own_like_folder(&self.data, &self.data.join(open::LOCK));
        // It describes the previous database.
        mark::forget(&self.data)?;
        if !self.replaces {
            return backup::give_name(&prepared, &database);
        }
        // A leftover log would be taken for the new database's.
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&open::beside(&database, suffix))?;
        }
        let sync = || File::open(&self.data)?.sync_all();
        sync()
            .and_then(|()| fs::rename(&prepared, &database))
            .and_then(|()| sync())
            .map_err(backup::not_written(&database))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left is cleared by the next attempt, and by the next start.
        let _ = clear(&self.data);
    }
}

/// The folder for what only passes through a data folder whose store is open. Whoever opens the store
/// next empties it.
///
/// # Errors
/// When it cannot be created.
pub fn passing(data: &Path) -> Result<PathBuf, Failure> {
    let staging = data.join(STAGING);
    open::make_folder(&staging)?;
    Ok(staging)
}

/// Removes what an interrupted attempt has left in a data folder. The folder must be locked.
pub(crate) fn clear(data: &Path) -> Result<(), Failure> {
    let staging = data.join(STAGING);
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(backup::not_written(&staging)(error))
        }
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(backup::not_written(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SqliteStore, Store, Write, live};

    /// A database with something in it, closed.
    fn prepare(folder: &Path, sequence: u64) {
        let mut store = Box::new(SqliteStore::open(folder, "k3f9").unwrap());
        let live = Write::Live { sequence, bytes: [7].into() };
        store.commit(&mut [live].iter()).unwrap();
        store.close().unwrap();
    }

    fn sequence(folder: &Path) -> u64 {
        live(folder).unwrap().expect("it has one").0
    }

    #[test]
    fn a_database_takes_its_place_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let staging = Staging::begin(&data).unwrap();
        prepare(staging.folder(), 5);
        fs::write(staging.folder().join("extra"), "secret").unwrap();
        assert!(matches!(Staging::begin(&data), Err(Failure::InUse { .. })));
        drop(staging); // as if something had failed
        let left: Vec<_> = fs::read_dir(&data).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, [open::LOCK]);

        // A kill leaves what was prepared; the next attempt begins anew.
        fs::create_dir(data.join(STAGING)).unwrap();
        fs::write(data.join(STAGING).join(open::DATABASE), "half").unwrap();
        fs::write(data.join(open::DATABASE), "").unwrap();
        let staging = Staging::begin(&data).unwrap();
        prepare(staging.folder(), 6);
        fs::write(staging.folder().join("extra"), "secret").unwrap();
        staging.finish(&["extra", "none"]).unwrap();
        assert_eq!(fs::read_to_string(data.join("extra")).unwrap(), "secret");
        assert_eq!(sequence(&data), 6);
        assert!(!data.join(STAGING).exists());

        fs::write(passing(&data).unwrap().join("copy"), "half").unwrap();
        SqliteStore::open(&data, "").unwrap();
        assert!(!data.join(STAGING).exists(), "a start removes what a kill has left");
    }

    #[test]
    fn only_who_replaces_a_database_removes_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        prepare(data, 1);
        assert!(matches!(Staging::begin(data), Err(Failure::Occupied { .. })));
        let staging = Staging::replacing(data).unwrap();
        prepare(staging.folder(), 2);
        assert_eq!(sequence(data), 1, "until then");
        staging.finish(&[]).unwrap();
        assert_eq!(sequence(data), 2);
        SqliteStore::open(data, "").unwrap();

        fs::remove_file(data.join(open::DATABASE)).unwrap();
        fs::write(data.join("parlor.db-wal"), "of a database that is elsewhere").unwrap();
        assert!(matches!(Staging::begin(data), Err(Failure::Occupied { .. })));
        assert!(data.join("parlor.db-wal").exists());
    }
}
