//! Private messages are kept for a person until a connection of theirs has taken them: one that was
//! told them and has sent a line since (see [`crate::shard::receipts`]). The store has kept them from the
//! beginning, so none is lost with the connection, or with the server.
//!
//! A connection at which only a program is (`AWAY *`) takes nothing, and one that says that it is a
//! bot (`+B`) nothing that waited for the person before it came.

use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use store::EventId;

/// Up to which event a connection was told what is kept for its user; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Of what was kept when it logged in.
    pub kept: EventId,
    /// Of what came since.
    pub live: EventId,
}

/// How far a session has come in taking what is kept for its user.
#[derive(Debug, Default)]
pub struct DeliveryProgress {
    /// All that came after this event it has been told live. 0 once it has taken all from before,
    /// too.
    since: EventId,
    /// It is shown, or has been, what was kept when it came.
    shown: bool,
    /// It has said that it is a bot's.
    pub bot: bool,
    /// What it has answered, and is not yet taken for that.
    answered: Watermarks,
}

impl DeliveryProgress {
    /// The session has just registered; this is the newest event.
    pub fn begin(&mut self, last: EventId) {
        self.since = last;
    }

    /// Up to which event what was kept is to be shown to it now, if it has not been.
    pub fn show(&mut self) -> Option<EventId> {
        (!std::mem::replace(&mut self.shown, true)).then_some(self.since)
    }
}

/// A session has sent a line after all this was written to it. Whether it takes it, the line at hand
/// may still say: see [`take`].
pub fn answered(node: &mut Node, session: SessionId, told: Watermarks) {
    let known = node.sessions.get_mut(&session).expect("the caller has checked");
    let answered = &mut known.delivery.answered;
    answered.kept = answered.kept.max(told.kept);
    answered.live = answered.live.max(told.live);
}

/// What a session has answered and takes, as ranges of events: after one, up to another. Asked after
/// each line, and before the session ends.
pub fn take(state: &State, node: &mut Node, session: SessionId) -> Option<[(EventId, EventId); 2]> {
    let known = node.sessions.get_mut(&session)?;
    let user = known.user?;
    if known.delivery.answered == Watermarks::default() || state.users[&user].is_unattended(session)
    {
        return None;
    }
    let delivery = &mut known.delivery;
    let mut told = std::mem::take(&mut delivery.answered);
    if delivery.bot {
        told.kept = 0;
    } else if told.kept >= delivery.since {
        // All that was kept is taken: from here on there is no gap before what comes live.
        told.live = told.live.max(told.kept);
        (delivery.since, told.kept) = (0, 0);
    }
    Some([(0, told.kept), (delivery.since, told.live)])
}
