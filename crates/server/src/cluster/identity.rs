//! Which cluster a node's data are of.

use super::roster::Roster;
use serde::{Deserialize, Serialize};

/// Which log it is, out of all that there ever were.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Drawn when the cluster was made.
    pub id: Box<str>,
    /// When the log was made, as it says itself: a log that was restored from a copy is another one.
    pub created: Box<str>,
}

/// What a node stores beside its live state.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Membership {
    /// Of which cluster.
    pub identity: Identity,
    /// Who takes part.
    pub roster: Roster,
}

impl Membership {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("all lengths are known")
    }

    /// What bytes say.
    ///
    /// # Errors
    /// When they are of another version of the program.
    pub fn read(bytes: &[u8]) -> Result<Membership, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}
