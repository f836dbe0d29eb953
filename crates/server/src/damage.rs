//! Tells the operator what the store has found damaged: each place once in the log, their number in
//! the metrics, and by that the server's health.

use crate::metrics::Metrics;
use std::sync::Arc;
use store::Damage;

/// One who looks after each use of the store.
#[derive(Clone, Debug)]
pub struct Watch {
    damage: Arc<Damage>,
    metrics: Arc<Metrics>,
}

impl Watch {
    /// Of what a store has found, told to these metrics.
    pub fn new(damage: Arc<Damage>, metrics: Arc<Metrics>) -> Watch {
        Watch { damage, metrics }
    }

    /// Tells what was found since anybody looked last.
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
