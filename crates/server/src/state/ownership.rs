//! A guest registers the name it has: from then on it is a user with an account, and stays in all
//! its rooms.

use crate::command::context::Context;
use crate::command::welcome::{guest_userhost, user_as_given};
use crate::effects::{Effect, Effects, News, Rooms};
use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::dormant;
use crate::state::membership;
use crate::state::metadata;
use crate::state::records;
use crate::state::user::UserId;
use proto::{Capabilities, Capability, Line};
use std::sync::Arc;
use store::{RecordOwner, RoomId, Write};

/// The asker, a guest until now, has an account. The caller has stored it, under the guest's own
/// id: so conversations and rooms stay the user's.
///
/// <https://ircv3.net/specs/extensions/chghost>, <https://ircv3.net/specs/extensions/account-notify>
pub fn take(context: &mut Context<'_>) {
    let me = context.me();
    let (nick, server) = (context.user().nick.clone(), context.state.renderer.server.clone());
    let username: Arc<str> = user_as_given(context.user()).into();
    let capability = Capability::ChgHost;
    let chghost = context.passing_for(capability, me, ("CHGHOST", &[&username, &server]), None);
    let quit = context.passing(me, "QUIT", &[], Some("Changing host"));
    context.out.news[quit as usize].lacks = Capabilities::only(capability);
    let user = context.user_mut();
    user.guest = false;
    user.userhost = (*username != *nick).then_some(username);
    membership::store_rooms(context.applying.state, context.applying.out, me);
    for (conversation, time) in context.applying.state.read_markers.of(me) {
        context.applying.out.write(Write::ReadMarker { account: me, conversation, time });
    }
    metadata::store_all(context.applying.state, context.applying.out, me);
    records::store_all(context.applying.state, context.applying.out, me);

    membership::tell_acquaintances(context.applying.state, context.applying.out, me, chghost);
    context.tell_user(me, chghost);
    // To those who do not know CHGHOST it looks as if the user quit and came back.
    membership::tell_acquaintances(context.applying.state, context.applying.out, me, quit);
    for room in context.user().rooms.clone() {
        if !context.state.rooms[&room].members[&me].hidden {
            come_back(context, me, room);
        }
    }
    let account = context.passing_for(Capability::AccountNotify, me, ("ACCOUNT", &[&nick]), None);
    membership::tell_acquaintances(context.applying.state, context.applying.out, me, account);
    context.tell_user(me, account);
    metadata::tell_again(context, me);
}

fn come_back(context: &mut Context<'_>, me: UserId, id: RoomId) {
    let (user, room) = (&context.state.users[&me], &context.state.rooms[&id]);
    let (nick, name, except) = (user.nick.clone(), room.name.clone(), user.sessions.clone());
    let marks = room.members[&me].marks(true);
    let lacks = Capabilities::only(Capability::ChgHost);
    let join = context.passing_join(me, id);
    context.out.news[join as usize].lacks = lacks;
    let mut all = vec![join];
    if !marks.is_empty() {
        let letters: String = marks.chars().filter_map(crate::state::room::letter_of).collect();
        let server = context.state.renderer.server.clone();
        let news = News { time: context.state.now, lacks, ..News::default() };
        all.push(context.out.news(news, |out| {
            let line = Line::to(out).source(&server).verb("MODE").param(&name);
            let line = line.param(&format!("+{letters}"));
            letters.chars().fold(line, |line, _| line.param(&nick)).end();
        }));
    }
    for news in all {
        context.out.push(Effect::Tell { rooms: Rooms::One(id), except: except.clone(), news });
    }
}

/// The account could not be stored: the user is a guest again, with the session that asked. Nobody
/// has been told otherwise.
pub fn undo(state: &mut State, node: &mut Node, out: &mut Effects, id: UserId, asked: SessionId) {
    state.remove_account(id);
    let reason = "This account could not be stored; try again later";
    for session in node.sessions.entering_as(id) {
        membership::end_session(state, node, out, session, reason);
    }
    let Some(user) = state.users.get_mut(&id) else {
        // Gone meanwhile, and a guest is not back in any room.
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
    // Who logged in to the account in between did so to what never was.
    let others: Vec<_> = user.sessions.iter().copied().filter(|other| *other != asked).collect();
    for session in others {
        membership::end_session(state, node, out, session, reason);
    }
}
