//! Private messages stay pending until a connection of the receiver has acknowledged them: one that
//! was sent them and has sent a line since (see [`crate::shard::receipts`]). The store has kept
//! them from the beginning, so none is lost with the connection or with the server.
//!
//! An unattended connection (`AWAY *`) acknowledges nothing, and a bot's (`+B`) none of the
//! messages that were pending before it connected.

use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use store::EventId;

/// Up to which event a connection has been sent private messages; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Of those pending at the login.
    pub kept: EventId,
    /// Of those since.
    pub live: EventId,
}

/// How much of its user's pending messages a session has acknowledged.
#[derive(Debug, Default)]
pub struct DeliveryProgress {
    /// It is sent everything after this event live. 0 once it has acknowledged everything before,
    /// too.
    since: EventId,
    /// The messages pending at the login are or have been shown.
    shown: bool,
    /// It has declared itself a bot.
    pub bot: bool,
    /// Acknowledged by its latest line, and not yet removed.
    answered: Watermarks,
}

impl DeliveryProgress {
    /// The session has just registered; `last` is the newest event.
    pub fn begin(&mut self, last: EventId) {
        self.since = last;
    }

    /// Up to which event pending messages are to be shown now, if they have not been.
    pub fn show(&mut self) -> Option<EventId> {
        (!std::mem::replace(&mut self.shown, true)).then_some(self.since)
    }
}

/// A session has sent a line after all this was written to it. The line itself may still mean that
/// this does not count: see [`take`].
pub fn answered(node: &mut Node, session: SessionId, told: Watermarks) {
    let known = node.sessions.get_mut(&session).expect("the caller has checked");
    let answered = &mut known.delivery.answered;
    answered.kept = answered.kept.max(told.kept);
    answered.live = answered.live.max(told.live);
}

/// What a session has acknowledged, as ranges of events: after one, up to another. Called after
/// each line, and before the session ends.
pub fn take(state: &State, node: &mut Node, session: SessionId) -> Option<[(EventId, EventId); 2]> {
    let known = node.sessions.get_mut(&session)?;
    let user = known.user?;
    // The user has gone before the session if its node is declared gone.
    let attended = state.users.get(&user).is_some_and(|user| !user.is_unattended(session));
    if known.delivery.answered == Watermarks::default() || !attended {
        return None;
    }
    let delivery = &mut known.delivery;
    let mut told = std::mem::take(&mut delivery.answered);
    if delivery.bot {
        told.kept = 0;
    } else if told.kept >= delivery.since {
        // Everything pending is acknowledged: from here on there is no gap before the live
        // messages.
        told.live = told.live.max(told.kept);
        (delivery.since, told.kept) = (0, 0);
    }
    Some([(0, told.kept), (delivery.since, told.live)])
}
