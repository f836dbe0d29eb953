//! How a cluster was founded: the first message of its log, from which a node without data creates
//! the same store as the others.

use super::{RunError, open};
use crate::cluster::identity::{Identity, Membership};
use crate::cluster::roster::Roster;
use crate::cluster::seal::Seal;
use crate::hub::live;
use crate::state::State;
use crate::state::settings::Settings;
use serde::{Deserialize, Serialize};
use std::path::Path;
use store::{Failure, Progress, Staging, Store, Write};

/// The purpose it is sealed for.
pub(super) const PURPOSE: &[u8] = b"founding";

/// How a cluster was founded.
#[derive(Deserialize, Serialize)]
pub(super) struct Founding {
    /// It began without accounts, rooms and history, so this is everything.
    pub(super) began_empty: bool,
    /// The prefix of msgids.
    pub(super) instance: String,
    /// The key that hides addresses.
    pub(super) cloak_key: [u8; 32],
    /// The settings that all nodes share.
    pub(super) settings: Settings,
    /// The time, in milliseconds since the epoch.
    pub(super) now: i64,
}

impl Founding {
    /// As the first message of the log.
    pub(super) fn seal(&self, seal: &mut Seal) -> Vec<u8> {
        seal.seal(&postcard::to_stdvec(self).expect("all lengths are known"))
    }

    /// Opens the first message of a log; none if it is of another version or cluster.
    pub(super) fn open(seal: &Seal, message: &[u8]) -> Option<Founding> {
        postcard::from_bytes(&seal.open(message)?).ok()
    }

    /// Creates the data of a node that has applied only this, in a folder without data.
    pub(super) fn create(
        &self,
        data: &Path,
        identity: &Identity,
        progress: &Progress,
    ) -> Result<(), RunError> {
        let staging = Staging::begin(data)?;
        let mut store = open(staging.folder(), &self.instance, progress)?;
        self.initialize(&mut *store, identity)?;
        store.close()?;
        Ok(staging.finish(&[])?)
    }

    /// Turns a store into that of a node that has applied only this: a new store or, if the cluster
    /// began with data, a store with those. One commit: the store is a node's, or as it was.
    pub(super) fn initialize(
        &self,
        store: &mut dyn Store,
        identity: &Identity,
    ) -> Result<(), Failure> {
        let mut loaded = store.load()?;
        loaded.cloak_key = Some(self.cloak_key);
        let (state, effects) = State::new(self.settings.clone(), loaded, self.now);
        let membership = Membership { identity: identity.clone(), roster: Roster::default() };
        let bytes = live::write(&membership.write(), &state).into();
        let mut writes = effects.writes;
        writes.push(Write::CloakKey(self.cloak_key));
        writes.extend([Write::Live { sequence: FIRST, bytes }, Write::Applied(FIRST)]);
        store.commit(&mut writes.iter())?;
        Ok(())
    }
}

/// The sequence of the first message.
const FIRST: u64 = 1;
