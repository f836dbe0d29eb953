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
    pub pending: EventId,
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
    /// Acknowledged by its latest line, and not yet removed from the pending ones.
    acknowledged: Watermarks,
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

/// Records what a session's line acknowledges: all this was written to it before. The line itself may
/// still mean that it does not count: see [`take`].
pub fn record(node: &mut Node, session: SessionId, up_to: Watermarks) {
    let known = node.sessions.get_mut(&session).expect("the caller has checked");
    let acknowledged = &mut known.delivery.acknowledged;
    acknowledged.pending = acknowledged.pending.max(up_to.pending);
    acknowledged.live = acknowledged.live.max(up_to.live);
}

/// What a session has acknowledged, as ranges of events: after one, up to another. Called after
/// each line, and before the session ends.
pub fn take(state: &State, node: &mut Node, session: SessionId) -> Option<[(EventId, EventId); 2]> {
    let known = node.sessions.get_mut(&session)?;
    let user = known.user?;
    // The user has gone before the session if its node is declared gone.
    let attended = state.users.get(&user).is_some_and(|user| !user.is_unattended(session));
    if known.delivery.acknowledged == Watermarks::default() || !attended {
        return None;
    }
    let delivery = &mut known.delivery;
    let mut up_to = std::mem::take(&mut delivery.acknowledged);
    if delivery.bot {
        up_to.pending = 0;
    } else if up_to.pending >= delivery.since {
        // Everything pending is acknowledged: from here on there is no gap before the live
        // messages.
        up_to.live = up_to.live.max(up_to.pending);
        (delivery.since, up_to.pending) = (0, 0);
    }
    Some([(0, up_to.pending), (delivery.since, up_to.live)])
}
