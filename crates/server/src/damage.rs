//! Reports the damage that the store finds to the operator: each place once in the log, and their
//! number in the metrics and the server's health.

use crate::metrics::Metrics;
use std::sync::Arc;
use store::Damage;

/// Checks for damage after each use of the store.
#[derive(Clone, Debug)]
pub struct Watch {
    damage: Arc<Damage>,
    metrics: Arc<Metrics>,
}

impl Watch {
    /// A watch on a store's findings, which reports to these metrics.
    pub fn new(damage: Arc<Damage>, metrics: Arc<Metrics>) -> Watch {
        Watch { damage, metrics }
    }

    /// Reports what was found since the last call.
    pub fn look(&self) {
        if self.damage.total() == self.metrics.damaged() {
            return;
        }
        self.metrics.is_damaged(self.damage.total());
        for place in self.damage.take() {
            tracing::error!(
                place,
                "The stored data is damaged; run `chatserver check`, then restore a backup or salvage what is intact"
            );
        }
    }
}
