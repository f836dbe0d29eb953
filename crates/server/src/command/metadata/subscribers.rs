//! Which of this node's sessions are notified when metadata changes or somebody with metadata
//! becomes visible.

use super::show;
use crate::command::context::Context;
use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::metadata::keys_of;
use crate::state::user::UserId;
use proto::name::fold;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{RoomId, Subject};

/// A key has changed: notifies everybody concerned except for the requester.
pub fn changed(
    context: &mut Context<'_>,
    of: Subject,
    name: &Arc<str>,
    key: &str,
    value: Option<&str>,
) {
    let mut viewers = viewers(&context.state, context.node, of, key);
    viewers.remove(&context.requester.session);
    show::tell(context, &viewers, name, key, value);
}

/// Who is notified when a key changes: subscribers who can see its owner, and all devices of the
/// owner.
fn viewers(state: &State, node: &Node, of: Subject, key: &str) -> BTreeSet<SessionId> {
    let sees = |session: &SessionId| {
        node.sessions[session].user.is_some_and(|me| match of {
            Subject::Account(user) => {
                me == user
                    || watches(state, node, *session, user)
                    || state.users.get(&user).is_some_and(|user| {
                        user.rooms.iter().any(|room| shares(state, me, user.id, *room))
                    })
            }
            Subject::Room(room) => state.rooms[&room].member(me).is_some(),
        })
    };
    let mut viewers: BTreeSet<SessionId> =
        node.subscriptions.to(key).filter(|session| sees(session)).collect();
    if let Subject::Account(user) = of
        && let Some(user) = state.users.get(&user)
    {
        let here = |session: &&SessionId| node.sessions.contains_key(session);
        viewers.extend(user.sessions.iter().filter(here));
    }
    viewers
}

/// Whether a session watches the name of a user (`MONITOR`).
fn watches(state: &State, node: &Node, session: SessionId, user: UserId) -> bool {
    let name = state.users.get(&user).map(|user| fold(&user.nick));
    name.is_some_and(|name| node.sessions[&session].extras().watched.contains_key(&*name))
}

/// Whether a user shares a room with another one and can see them there.
fn shares(state: &State, me: UserId, other: UserId, room: RoomId) -> bool {
    let Some(room) = state.rooms.get(&room) else { return false };
    let hidden = room.member(other).is_none_or(|member| member.hidden);
    !hidden && room.member(me).is_some()
}

/// A user becomes visible in a room: subscribers who could not see the user before are sent the
/// metadata.
pub fn introduce(context: &mut Context<'_>, room: RoomId, user: UserId) {
    let others = context.state.users.get(&user).map_or(Vec::new(), |user| user.rooms.clone());
    introduce_but_to(context, room, user, &others);
}

/// The same while a user joins several rooms in a row: the earlier ones count as seen before.
pub fn introduce_in_order(context: &mut Context<'_>, room: RoomId, user: UserId) {
    let Some(known) = context.state.users.get(&user) else { return };
    let before: Vec<RoomId> = known.rooms.iter().copied().take_while(|id| *id != room).collect();
    introduce_but_to(context, room, user, &before);
}

/// Notifies members of a room about a user, except those who see the user in one of the other
/// rooms.
fn introduce_but_to(context: &mut Context<'_>, room_id: RoomId, user: UserId, others: &[RoomId]) {
    let state = &context.state;
    // Both may be gone by now.
    let member = state.rooms.get(&room_id).and_then(|room| room.member(user));
    if member.is_none_or(|member| member.hidden) {
        return;
    }
    let name = state.users[&user].nick.clone();
    for (key, value) in keys_of(state, Subject::Account(user)) {
        let state = &context.state;
        let newly = |session: &SessionId| {
            context.node.sessions[session].user.is_some_and(|me| {
                me != user
                    && state.rooms[&room_id].member(me).is_some()
                    && !watches(state, context.node, *session, user)
                    && !others
                        .iter()
                        .any(|other| *other != room_id && shares(state, me, user, *other))
            })
        };
        let viewers =
            context.node.subscriptions.to(&key).filter(|session| newly(session)).collect();
        show::tell(context, &viewers, &name, &key, Some(&value));
    }
}

/// Some clients saw the user leave and come back: everybody is sent the user's metadata again.
pub fn tell_again(context: &mut Context<'_>, user: UserId) {
    let name = context.state.users[&user].nick.clone();
    let of = Subject::Account(user);
    for (key, value) in keys_of(&context.state, of) {
        let mut viewers = viewers(&context.state, context.node, of, &key);
        viewers.retain(|session| context.node.sessions[session].user != Some(user));
        show::tell(context, &viewers, &name, &key, Some(&value));
    }
}
