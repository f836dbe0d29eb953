//! Rolling back what could not be stored.

use crate::command::context::Context;
use crate::command::session_end;
use crate::effects::{Effect, Effects};
use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::room::Member;
use crate::state::undo::Undo;
use crate::state::user::{UserId, guest_userhost, user_as_given};
use crate::state::{State, account_name, dormant, membership, metadata, records};
use std::sync::Arc;
use store::{Account, Conversation, RecordOwner, RoomId};

/// Rolls back one change.
pub(super) fn undo(state: &mut State, node: &mut Node, out: &mut Effects, undo: Undo) {
    match undo {
        Undo::NoAccount(id) => undo_account(state, node, out, id),
        Undo::Account(before) => undo_removal(state, node, out, before),
        Undo::AccountName(before) => account_name::undo(state, &before),
        Undo::Guest(id, session) => undo_registration(state, node, out, id, session),
        Undo::NoRoom(id) => undo_room(state, out, id),
        Undo::Room(room) => {
            state.add_room_name(&room.name, room.id);
            state.rooms.insert(room.id, *room);
        }
        Undo::Settings(id, settings) => {
            if let Some(room) = state.rooms.get_mut(&id) {
                room.settings = *settings;
            }
        }
        Undo::ReadMarker(user, conversation, before) => {
            // A guest's markers ended with the guest.
            match before.filter(|_| state.users.contains_key(&user) || has_account(state, user)) {
                Some(before) => state.read_markers.set(user, conversation, before),
                None => state.read_markers.remove(user, conversation),
            }
        }
        Undo::Name(id, before) => {
            if state.rooms.contains_key(&id) {
                membership::put_name(state, id, &before);
                state.renames.roll_back(id);
            }
        }
        Undo::Member(room, user, before) => undo_member(state, out, room, user, before),
        Undo::Certificate(certificate, before) => {
            state.certificates.set(certificate, before);
        }
        Undo::Record(kind, owner, key, before) => {
            // A guest's records ended with the guest.
            let there = kind.owner() != RecordOwner::Account
                || state.users.contains_key(&owner)
                || has_account(state, owner);
            records::put(state, kind, owner, &key, before.filter(|_| there));
        }
        Undo::Metadata(of, key, before) => metadata::undo(state, of, &key, before),
        Undo::Dormant(user, before) => {
            // Nothing is known about a guest who is gone.
            let there = state.users.contains_key(&user) || has_account(state, user);
            dormant::put(state, user, before.filter(|_| there));
        }
        Undo::Pending(user, kept) => state.pending.restore(user, kept),
        Undo::NotPending(user, event) => state.pending.undo(user, event),
    }
}

fn undo_account(state: &mut State, node: &mut Node, out: &mut Effects, id: UserId) {
    state.remove_account(id);
    dormant::put(state, id, None);
    state.metadata.forget(id);
    records::discard(state, RecordOwner::Account, id);
    let reason = "Your new account could not be stored; try again later";
    for session in node.sessions.logging_in_as(id) {
        session_end::end_session(&mut Context::new(state, node, out, session), reason);
    }
    let Some(user) = state.users.get(&id) else { return };
    // Nobody has seen this user join, so nobody must see them leave.
    let (rooms, sessions) = (user.rooms.clone(), user.sessions.clone());
    for room in rooms {
        membership::put_member(state.rooms.get_mut(&room).expect("a user's rooms exist"), id, None);
        forget_room(state, out, id, room);
        membership::end_if_empty(state, out, room);
    }
    for session in sessions {
        session_end::end_session(&mut Context::new(state, node, out, session), reason);
    }
}

fn undo_room(state: &mut State, out: &mut Effects, id: RoomId) {
    let Some(room) = state.rooms.remove(&id) else { return };
    state.remove_room_name(&room.name, id);
    state.read_markers.end(Conversation::room(id));
    records::discard(state, RecordOwner::Room, id);
    for user in room.members.into_keys() {
        forget_room(state, out, user, id);
    }
}

fn undo_member(
    state: &mut State,
    out: &mut Effects,
    room_id: RoomId,
    user: UserId,
    before: Option<Member>,
) {
    let online = state.users.contains_key(&user);
    // Whoever has left meanwhile will be back in their rooms, as in `user_gone`.
    let remembered =
        state.settings.remember_rooms && Some(room_id) != state.lobby && has_account(state, user);
    let Some(room) = state.rooms.get_mut(&room_id) else { return };
    let hidden = |member: Member| member.hidden && online;
    let before = before.filter(|_| online || remembered);
    let before = before.map(|member| Member { online, hidden: hidden(member), ..member });
    let now = membership::put_member(room, user, before);
    match (now, before) {
        (Some(_), None) => forget_room(state, out, user, room_id),
        (None, Some(_)) => match state.users.get_mut(&user) {
            Some(user) => {
                user.rooms.push(room_id);
                for session in &user.sessions {
                    out.push(Effect::Enter { session: *session, room: room_id });
                }
            }
            None => state.remembered.entry(user).or_default().push(room_id),
        },
        _ => {}
    }
}

/// Whether a user has an account. Only rollbacks ask.
fn has_account(state: &State, user: UserId) -> bool {
    state.accounts.values().any(|account| account.id == user)
}

/// Removes a room from a user's rooms.
fn forget_room(state: &mut State, out: &mut Effects, user: UserId, room: RoomId) {
    if let Some(online) = state.users.get_mut(&user) {
        online.rooms.retain(|id| *id != room);
        for session in &online.sessions {
            out.push(Effect::Leave { session: *session, room });
        }
    } else if let Some(rooms) = state.remembered.get_mut(&user) {
        rooms.retain(|id| *id != room);
    }
}

/// The account could not be removed. A guest who took its name meanwhile is disconnected.
fn undo_removal(state: &mut State, node: &mut Node, out: &mut Effects, account: Arc<Account>) {
    if let Some(other) = state.online(&account.name).filter(|user| user.id != account.id) {
        let reason = "This name is taken; try again with another one";
        for session in other.sessions.clone() {
            session_end::end_session(&mut Context::new(state, node, out, session), reason);
        }
    }
    state.add_account(account);
}

/// The account could not be stored: the user is a guest again, with the session that asked. Nobody
/// was told otherwise.
fn undo_registration(
    state: &mut State,
    node: &mut Node,
    out: &mut Effects,
    id: UserId,
    asked: SessionId,
) {
    state.remove_account(id);
    let reason = "This account could not be stored; try again later";
    for session in node.sessions.logging_in_as(id) {
        session_end::end_session(&mut Context::new(state, node, out, session), reason);
    }
    let Some(user) = state.users.get_mut(&id) else {
        // Gone meanwhile, and guests do not come back to rooms.
        state.metadata.forget(id);
        records::discard(state, RecordOwner::Account, id);
        state.read_markers.forget(id);
        dormant::put(state, id, None);
        for room in state.remembered.remove(&id).unwrap_or_default() {
            membership::forget(state, out, id, room);
        }
        return;
    };
    user.guest = true;
    if let Some(session) = node.sessions.get(&asked) {
        let host = state.cloak.host(session.address);
        user.userhost = Some(guest_userhost(user_as_given(user), &host));
    }
    // Sessions that logged in to the account meanwhile logged in to something that never existed.
    let others: Vec<_> = user.sessions.iter().copied().filter(|other| *other != asked).collect();
    for session in others {
        session_end::end_session(&mut Context::new(state, node, out, session), reason);
    }
}
