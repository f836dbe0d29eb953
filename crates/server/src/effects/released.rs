//! What the journal releases: effects, and the outcomes of their writes.

use super::{Condition, Effects};
use store::Outcome;

/// Effects that may leave the process now, in order.
#[derive(Debug)]
pub struct Released {
    /// One per batch.
    pub settled: Vec<SettledBatch>,
}

/// A batch whose writes have been stored or have failed.
#[derive(Debug)]
pub struct SettledBatch {
    /// Its effects.
    pub effects: Effects,
    /// The outcomes of its writes; none if they could not be stored.
    pub outcomes: Option<Vec<Outcome>>,
}

impl SettledBatch {
    /// Whether an effect with this condition happens.
    pub fn happens(&self, when: Condition) -> bool {
        match (when, &self.outcomes) {
            (Condition::Always, _) => true,
            (Condition::Stored(write), Some(outcomes)) => {
                outcomes[write as usize] == Outcome::Stored
            }
            (Condition::Settled(write), Some(outcomes)) => {
                !matches!(outcomes[write as usize], Outcome::Refused(_))
            }
            (Condition::Refused(write, why), Some(outcomes)) => {
                outcomes[write as usize] == Outcome::Refused(why)
            }
            (Condition::Failed(_), outcomes) => outcomes.is_none(),
            (Condition::Stored(_) | Condition::Settled(_) | Condition::Refused(..), None) => false,
        }
    }

    /// The event stored earlier, if the write in `when` was a duplicate.
    pub fn stored_as(&self, when: Condition) -> Option<(store::EventId, i64)> {
        match (when, &self.outcomes) {
            (Condition::Settled(write), Some(outcomes)) => match outcomes[write as usize] {
                Outcome::Duplicate { id, time } => Some((id, time)),
                Outcome::Stored | Outcome::More | Outcome::Refused(_) => None,
            },
            _ => None,
        }
    }
}
