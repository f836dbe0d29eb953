//! Private messages are kept for a person until a connection of theirs has taken them: one that was
//! told them and has sent a line since (see [`crate::shard::receipts`]). The store has kept them from the
//! beginning, so none is lost with the connection, or with the server.
//!
//! A connection at which only a program is (`AWAY *`) takes nothing, and one that says that it is a
//! bot (`+B`) nothing that waited for the person before it came.

use crate::effects::{Effect, Read, ReadKind};
use crate::session::Node;
use crate::session::context::Context;
use crate::session_id::SessionId;
use crate::state::State;
use std::sync::Arc;
use store::EventId;

/// Up to which event a connection was told what is kept for its user; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Of what was kept when it logged in.
    pub kept: EventId,
    /// Of what came since.
    pub live: EventId,
}

/// How far a session has come in taking what is kept for its user.
#[derive(Debug, Default)]
pub struct Taking {
    /// All that came after this event it has been told live. 0 once it has taken all from before,
    /// too.
    since: EventId,
    /// It is shown, or has been, what was kept when it came.
    shown: bool,
    /// It has said that it is a bot's.
    pub bot: bool,
    /// What it has answered, and is not yet taken for that.
    answered: Delivered,
}

/// The session of the asker has just registered.
pub fn came(context: &mut Context<'_>) {
    context.session_mut().taking.since = context.state.last_event();
    show(context);
}

/// Shows the session what was kept when it came, if somebody is at it and it has not been shown.
pub fn show(context: &mut Context<'_>) {
    let (known, user) = (context.session(), context.user());
    if user.guest || user.is_unattended(context.asker.session) || known.taking.shown {
        return;
    }
    let markers = context.state.read_markers.of(user.id);
    let read = markers.filter(|(of, _)| of.as_room().is_none()).collect();
    let ignored = context.state.silences.get(&context.me()).cloned().unwrap_or_default();
    let request = Read {
        what: ReadKind::Pending { up_to: known.taking.since, read },
        capabilities: context.capabilities(),
        bytes: context.state.config.limits.page_bytes(),
        rooms: Vec::new(),
        since: Vec::new(),
        ignored: ignored.into(),
        me: (user.id, user.nick.clone()),
    };
    context.session_mut().taking.shown = true;
    let session = context.asker.session;
    context.out.push(Effect::Read { session, request: Arc::new(request), tag: None });
}

/// A session has sent a line after all this was written to it. Whether it takes it, the line at hand
/// may still say: see [`take`].
pub fn answered(node: &mut Node, session: SessionId, told: Delivered) {
    let known = node.sessions.get_mut(&session).expect("the caller has checked");
    let answered = &mut known.taking.answered;
    answered.kept = answered.kept.max(told.kept);
    answered.live = answered.live.max(told.live);
}

/// What a session has answered and takes, as ranges of events: after one, up to another. Asked after
/// each line, and before the session ends.
pub fn take(state: &State, node: &mut Node, session: SessionId) -> Option<[(EventId, EventId); 2]> {
    let known = node.sessions.get_mut(&session)?;
    if known.taking.answered == Delivered::default()
        || state.users[&known.user?].is_unattended(session)
    {
        return None;
    }
    let taking = &mut known.taking;
    let mut told = std::mem::take(&mut taking.answered);
    if taking.bot {
        told.kept = 0;
    } else if told.kept >= taking.since {
        // All that was kept is taken: from here on there is no gap before what comes live.
        told.live = told.live.max(told.kept);
        (taking.since, told.kept) = (0, 0);
    }
    Some([(0, told.kept), (taking.since, told.live)])
}
