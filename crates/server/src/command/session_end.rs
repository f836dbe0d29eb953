//! The end of a session, and of the last session of a user.

use super::entry::Request;
use super::{follow_up, ordered, presence};
use crate::command::context::Context;
use crate::effects::{Condition, Effect, FollowUp, SessionEnd};
use crate::session::{delivery, watch};
use crate::session_id::SessionId;
use crate::state::apply_context::ApplyContext;
use crate::state::room::Member;
use crate::state::user::{User, UserId};
use crate::state::{State, dormant, founder, last_login, membership, records};
use proto::name::fold;
use store::{AccountId, EventId, RecordOwner};

/// The requester's session has closed, or is being closed by its shard.
pub fn session_ended(context: &mut Context<'_>, reason: &str) {
    settle(context);
    context.begin(None);
    context.log_left(reason);
    let (session, node) = (context.requester.session, &mut *context.node);
    let ended = node.sessions.remove(&session).expect("the caller has checked");
    node.release(&ended);
    if let Some(message) = ended.extras().batch.as_ref().and_then(|batch| batch.message.as_ref()) {
        node.batches.remove(&(message.due, session));
    }
    watch::remove_all(node, session, &ended.extras().watched);
    node.subscriptions.unsubscribe_all(session);
    // The command in flight may make it a user's session.
    if ended.user.is_none() && ended.extras().in_flight.is_empty() {
        return;
    }
    // None if its account was deleted.
    let known = ended.user.and_then(|user| context.state.users.get(&user));
    let attended = known.is_some_and(|user| !user.is_unattended(session));
    let here = Some(ended.present_until).filter(|_| attended && !context.node.disk.is_scarce);
    let request = Request::SessionEnded { reason, here };
    context.apply(request).expect("that a session ends is never refused");
    follow_up::carry_out(context);
    let server = context.state.renderer.server.clone();
    context.out.end(&server);
}

/// A session of the requester's has ended, or is theirs no longer. `here` was the newest event
/// while it was attended.
pub fn leave(context: &mut ApplyContext<'_>, reason: &str, here: Option<EventId>) {
    let session = context.requester.session;
    // The account may have been deleted with all its sessions.
    let Some(user) = user_of(context.state, context.requester.user, session) else { return };
    context.requester.user = Some(user);
    for room in context.user().rooms.clone() {
        context.out.push(Effect::Leave { session, room });
    }
    if let Some(here) = here.filter(|_| !context.user().guest) {
        last_login::attended_until(context.state, context.out, user, here);
    }
    let online = context.user_mut();
    online.sessions.retain(|id| *id != session);
    online.unattended.retain(|id| *id != session);
    if online.sessions.is_empty() {
        user_gone(context, user, reason);
    } else {
        presence::changed(context, user);
    }
}

/// The user of a session: usually `expected`, but it may belong to somebody else by now.
fn user_of(state: &State, expected: Option<UserId>, session: SessionId) -> Option<UserId> {
    let has = |user: &&User| user.sessions.contains(&session);
    let expected = expected.and_then(|user| state.users.get(&user)).map(|user| &**user).filter(has);
    let user = expected.or_else(|| state.users.values().map(|user| &**user).find(has));
    user.map(|user| user.id)
}

/// Removes the pending messages that the requester's session has acknowledged.
pub fn settle(context: &mut Context<'_>) {
    let session = context.requester.session;
    // A command in flight may still say that the session is unattended. While the log is unavailable, one
    // request is enough.
    let known = context.node.sessions.get(&session);
    if known.is_some_and(|known| {
        known.extras().in_flight.iter().any(|it| !it.pipelinable || it.uncertain)
    }) {
        return;
    }
    let Some(ranges) = delivery::take(&context.responder.state, context.node, session) else {
        return;
    };
    context.begin(None);
    context.apply(Request::Taken { ranges }).expect("what is taken is never refused");
    if !ordered::keep_label(context) {
        let server = context.state.renderer.server.clone();
        context.out.end(&server);
    }
}

/// The hub itself ends the requester's session, for this reason.
pub fn end_session(context: &mut Context<'_>, reason: &str) {
    context.close(reason);
    session_ended(context, reason);
}

/// Ends the sessions that the finished command has ended, possibly the requester's.
pub fn carry_out(context: &mut Context<'_>) {
    for SessionEnd { session, told, reason } in context.out.take_endings() {
        if context.node.sessions.contains_key(&session) {
            match told {
                Some(told) => context.of(session).close(&told),
                None => context.out.push_when(Condition::Always, Effect::Close { session }),
            }
            session_ended(&mut context.of(session), &reason);
        }
    }
}

/// An account is removed: sessions that are logging in to it end.
pub fn end_pending_logins(context: &mut Context<'_>, account: AccountId, why: &str) {
    for session in context.node.sessions.logging_in_as(account) {
        let (told, reason) = (Some(why.into()), why.into());
        context.out.end_session(SessionEnd { session, told, reason });
    }
}

/// The last session of a user has ended.
fn user_gone(context: &mut ApplyContext<'_>, id: UserId, reason: &str) {
    let rooms = context.user().rooms.clone();
    let news = context.passing(id, "QUIT", &[], Some(reason));
    let ApplyContext { state, out, .. } = context;
    membership::tell_common_rooms(state, out, id, news);
    let user = state.users.remove(&id).expect("just used");
    state.nicks.remove(&*fold(&user.nick));
    out.follow_up(FollowUp::TellOffline { name: user.nick.clone() });
    membership::remember(state, user.left(state.now));
    if user.guest {
        state.read_markers.forget(id);
        dormant::put(state, id, None);
    }
    state.metadata.user_gone(id, user.guest);
    if user.guest {
        records::discard(state, RecordOwner::Account, id);
    }
    let remembered = state.settings.remember_rooms && !user.guest;
    for room_id in rooms {
        let room = state.rooms.get_mut(&room_id).expect("a user's rooms exist");
        let lobby = Some(room_id) == state.lobby;
        let member = room.members[&id];
        if remembered && !lobby {
            // There is nobody to announce any more.
            membership::put_member(
                room,
                id,
                Some(Member { online: false, hidden: false, ..member }),
            );
            state.remembered.entry(id).or_default().push(room_id);
        } else {
            if !user.guest && !lobby {
                founder::keep_role(state, out, room_id, id);
            }
            let room = state.rooms.get_mut(&room_id).expect("just used");
            membership::put_member(room, id, None);
            membership::end_if_empty(state, out, room_id);
        }
    }
}
