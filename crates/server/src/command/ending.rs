//! The end of a session, and of the last session of a user.

use super::{follow_up, presence};
use crate::effects::{Effect, Effects};
use crate::session::context::Context;
use crate::session::{Node, delivered, watch};
use crate::session_id::SessionId;
use crate::state::room::Member;
use crate::state::user::UserId;
use crate::state::{State, dormant, founder, membership, records};
use proto::name::fold;
use store::RecordOwner;

/// A session closed, or is closed by its shard.
pub fn session_ended(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    session: SessionId,
    reason: &str,
) {
    delivered::settle(state, node, out, session);
    out.begin(session, None, false);
    Context::new(state, node, out, session).log_left(reason);
    let ended = node.sessions.remove(&session).expect("the caller has checked");
    node.leave(&ended);
    if let Some(message) = ended.batch.and_then(|batch| batch.message) {
        node.batches.remove(&(message.due, session));
    }
    watch::remove_all(node, session, &ended.watched);
    node.subscriptions.unsubscribe_all(session);
    let Some(user) = ended.user else { return };
    for room in state.users[&user].rooms.clone() {
        out.push(Effect::Leave { session, room });
    }
    let online = state.users.get_mut(&user).expect("a session's user is online");
    online.sessions.retain(|id| *id != session);
    match online.sessions.first().copied() {
        Some(other) => presence::changed(&mut Context::new(state, node, out, other)),
        None => user_gone(state, node, out, user, session, reason),
    }
    follow_up::carry_out(&mut Context::new(state, node, out, session));
    out.end(&state.renderer.server);
}

/// The guest that a session was goes, and the session stays.
pub fn guest_gone(context: &mut Context<'_>, reason: &str) {
    let (guest, session) = (context.me(), context.asker.session);
    for room in context.user().rooms.clone() {
        context.out.push(Effect::Leave { session, room });
    }
    user_gone(context.applying.state, context.node, context.applying.out, guest, session, reason);
}

/// The hub itself ends a session, saying why.
pub fn end_session(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    session: SessionId,
    reason: &str,
) {
    Context::new(state, node, out, session).close(reason);
    session_ended(state, node, out, session, reason);
}

/// The last session of a user has ended.
fn user_gone(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    id: UserId,
    session: SessionId,
    reason: &str,
) {
    let rooms = state.users[&id].rooms.clone();
    let news = Context::new(state, node, out, session).passing(id, "QUIT", &[], Some(reason));
    membership::tell_acquaintances(state, out, id, news);
    let user = state.users.remove(&id).expect("just used");
    state.nicks.remove(&*fold(&user.nick));
    watch::went(state, node, out, &user.nick);
    membership::remember(state, user.left(state.now));
    if user.guest {
        state.read_markers.forget(id);
        dormant::put(state, id, None);
    }
    state.metadata.user_gone(id, user.guest);
    if user.guest {
        records::discard(state, RecordOwner::Account, id);
    }
    let remembered = state.config.server.remember_rooms && !user.guest;
    for room_id in rooms {
        let room = state.rooms.get_mut(&room_id).expect("a user's rooms exist");
        let lobby = Some(room_id) == state.lobby;
        let member = room.members[&id];
        if remembered && !lobby {
            // There is nobody to reveal any more.
            membership::put_member(
                room,
                id,
                Some(Member { online: false, hidden: false, ..member }),
            );
            state.remembered.entry(id).or_default().push(room_id);
        } else {
            if !user.guest {
                founder::keep_role(state, out, room_id, id);
            }
            let room = state.rooms.get_mut(&room_id).expect("just used");
            membership::put_member(room, id, None);
            membership::end_if_empty(state, out, room_id);
        }
    }
}
