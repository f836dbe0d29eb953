//! Shows a connection the private messages pending for its user. How much it has acknowledged:
//! [`crate::session::delivery`].

use super::context::Context;
use crate::effects::{Effect, Read, ReadKind};
use std::sync::Arc;

/// The requester's session has just registered.
pub fn session_registered(context: &mut Context<'_>) {
    let last = context.state.last_event();
    context.session_mut().delivery.begin(last);
    show(context);
}

/// Shows the messages pending at the login, if the session is attended and has not been shown them.
pub fn show(context: &mut Context<'_>) {
    let (user, session) = (context.user(), context.requester.session);
    if user.guest || user.is_unattended(session) {
        return;
    }
    let Some(up_to) = context.session_mut().delivery.show() else { return };
    let user = context.user();
    let markers = context.state.read_markers.of(user.id);
    let read = markers.filter(|(of, _)| of.as_room().is_none()).collect();
    let ignored = context.state.silences.get(&user.id).cloned().unwrap_or_default();
    let request = Read {
        what: ReadKind::Pending { up_to, read },
        capabilities: context.capabilities(),
        bytes: context.node.config.limits.page_bytes(),
        rooms: Vec::new(),
        since: Vec::new(),
        ignored: ignored.into(),
        me: (user.id, user.nick.clone()),
    };
    context.out.push(Effect::Read { session, request: Arc::new(request), tag: None });
}
