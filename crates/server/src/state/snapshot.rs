//! Snapshots: the whole state as bytes, for a node that joins a cluster.
//!
//! A snapshot begins with the version, which changes with the format, and a checksum. Indexes are
//! not part of it; they are rebuilt when it is read.

use crate::state::user::folded;
use crate::state::{State, records};
use proto::name::fold;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The version of the format.
pub const VERSION: u32 = 3;

const VERSION_BYTES: usize = size_of::<u32>();
const CHECKSUM_BYTES: usize = 32;

/// Why a snapshot cannot be read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// It has another version.
    #[error(
        "the state was written in version {0} of its format, and this program reads only version {VERSION}: run the same release of Parlor everywhere"
    )]
    Version(u32),
    /// It is damaged or incomplete.
    #[error("the written state is damaged or incomplete: fetch it again")]
    Damaged,
    /// It has the right version and checksum, but cannot be decoded.
    #[error("the written state cannot be read: {0}")]
    Form(#[from] postcard::Error),
}

impl State {
    /// Writes a snapshot.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        bytes.extend([0; CHECKSUM_BYTES]);
        let mut bytes = postcard::to_extend(self, bytes).expect("all lengths are known");
        let (head, body) = bytes.split_at_mut(VERSION_BYTES + CHECKSUM_BYTES);
        head[VERSION_BYTES..].copy_from_slice(&Sha256::digest(body));
        bytes
    }

    /// Reads a snapshot that [`State::write`] has written.
    ///
    /// # Errors
    /// If it has another version, or is damaged.
    pub fn read(bytes: &[u8]) -> Result<State, SnapshotError> {
        let (version, rest) = bytes.split_first_chunk().ok_or(SnapshotError::Damaged)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        let (checksum, body) =
            rest.split_first_chunk::<CHECKSUM_BYTES>().ok_or(SnapshotError::Damaged)?;
        if Sha256::digest(body)[..] != checksum[..] {
            return Err(SnapshotError::Damaged);
        }
        let mut state: State = postcard::from_bytes(body)?;
        state.renderer.server = (&*state.settings.name).into();
        state.index();
        Ok(state)
    }

    /// Rebuilds the indexes.
    fn index(&mut self) {
        self.nicks = self.users.values().map(|user| (folded(&user.nick), user.id)).collect();
        for account in self.accounts.values() {
            self.account_skeletons.add(&account.name, account.id);
        }
        for room in self.rooms.values_mut() {
            room.online = room.members.values().filter(|member| member.online).count();
            self.room_skeletons.add(&room.name, room.id);
            self.room_names.insert(fold(&room.name), room.id);
        }
        self.read_markers.index();
        self.certificates.index();
        records::index(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::state::settings::Settings;
    use store::{MemoryStore, Store};

    fn state() -> State {
        let loaded = MemoryStore::new("test").load().expect("it is in memory");
        State::new(Settings::from(&Config::default()), loaded, 5).0
    }

    #[test]
    fn a_state_of_another_version_or_damaged_is_refused() {
        let bytes = state().write();
        let read = State::read;
        assert_eq!(read(&bytes).expect("it was just written"), state());
        let mut later = bytes.clone();
        later[..VERSION_BYTES].copy_from_slice(&(VERSION + 1).to_le_bytes());
        let error = read(&later).expect_err("it is of a later version");
        assert!(matches!(error, SnapshotError::Version(version) if version == VERSION + 1));
        // The version is checked before anything else.
        assert!(matches!(read(&later[..VERSION_BYTES]), Err(SnapshotError::Version(_))));
        for end in 0..bytes.len() {
            assert!(matches!(read(&bytes[..end]), Err(SnapshotError::Damaged)), "cut at {end}");
        }
        for at in VERSION_BYTES..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(matches!(read(&damaged), Err(SnapshotError::Damaged)), "changed at {at}");
        }
    }
}
