//! Removal of old history in a cluster (`[history]`, and the settings of rooms): by entries, which
//! carry the time, so that all nodes remove the same events. On a single server the journal does it.

use crate::effects::Effects;
use crate::limits::{FORGET_SECONDS, FORGET_STEP_MILLIS};
use crate::session_id::SessionId;
use crate::state::State;
use serde::{Deserialize, Serialize};
use store::{Keep, Write};

/// When history was and may be removed, in monotonic milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Retention {
    /// When the last step was taken.
    last: i64,
    /// No step before this: a clock was set, perhaps wrongly.
    not_before: i64,
}

impl Retention {
    /// Removes nothing for an hour.
    pub fn wait(&mut self, steady: i64) {
        self.not_before = steady + FORGET_SECONDS * 1000;
    }
}

/// Whether it is time for a round.
pub fn is_due(state: &State) -> bool {
    let Retention { last, not_before } = state.retention;
    state.steady >= not_before.max(last + FORGET_SECONDS * 1000)
}

/// Takes a step: the store removes some of the expired history. Several nodes may request it at once.
pub fn step(state: &mut State, out: &mut Effects) {
    let Retention { last, not_before } = state.retention;
    if state.steady < not_before.max(last + FORGET_STEP_MILLIS) {
        return;
    }
    state.retention.last = state.steady;
    let (days, messages) = (state.settings.keep_days, state.settings.keep_per_room);
    out.begin(SessionId::NOBODY, None, false);
    out.write(Write::Forget(Keep { now: state.now, days, messages }));
    out.end(&state.renderer.server);
}
