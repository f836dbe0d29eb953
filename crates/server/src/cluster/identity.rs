//! Which cluster a node's data belong to.

use super::roster::Roster;
use serde::{Deserialize, Serialize};

/// Identifies a log.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Drawn when the cluster was created.
    pub id: Box<str>,
    /// When the log was created, as it reports itself: a log restored from a copy is another one.
    pub created: Box<str>,
}

/// What a node stores beside its live state.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Membership {
    /// The cluster.
    pub identity: Identity,
    /// The members.
    pub roster: Roster,
}

impl Membership {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("all lengths are known")
    }

    /// Parses bytes.
    ///
    /// # Errors
    /// When they are of another version of the program.
    pub fn read(bytes: &[u8]) -> Result<Membership, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}
