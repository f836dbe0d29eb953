//! A guest registers the name it uses: it becomes a user with an account, and stays in all its
//! rooms.

use crate::effects::FollowUp;
use crate::effects::{Effect, News, Rooms};
use crate::state::apply_context::ApplyContext;
use crate::state::membership;
use crate::state::metadata;
use crate::state::records;
use crate::state::user::UserId;
use crate::state::user::user_as_given;
use proto::{Capabilities, Capability, Line};
use std::sync::Arc;
use store::{RoomId, Write};

/// The requester, a guest until now, has an account. The caller has stored it under the guest's own
/// id, so conversations and rooms stay the user's.
///
/// <https://ircv3.net/specs/extensions/chghost>, <https://ircv3.net/specs/extensions/account-notify>
pub fn register_guest(context: &mut ApplyContext<'_>) {
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
    membership::store_rooms(context.state, context.out, me);
    for (conversation, time) in context.state.read_markers.of(me) {
        context.out.write(Write::ReadMarker { account: me, conversation, time });
    }
    metadata::store_all(context.state, context.out, me);
    records::store_all(context.state, context.out, me);

    membership::tell_common_rooms(context.state, context.out, me, chghost);
    context.tell_user(me, chghost);
    // Clients without CHGHOST see the user quit and come back.
    membership::tell_common_rooms(context.state, context.out, me, quit);
    for room in context.user().rooms.clone() {
        if !context.state.rooms[&room].members[&me].hidden {
            come_back(context, me, room);
        }
    }
    let account = context.passing_for(Capability::AccountNotify, me, ("ACCOUNT", &[&nick]), None);
    membership::tell_common_rooms(context.state, context.out, me, account);
    context.tell_user(me, account);
    context.out.follow_up(FollowUp::MetadataAgain { user: me });
}

fn come_back(context: &mut ApplyContext<'_>, me: UserId, id: RoomId) {
    let (user, room) = (&context.state.users[&me], &context.state.rooms[&id]);
    let (nick, name, except) = (user.nick.clone(), room.name.clone(), user.sessions.clone());
    let prefixes = room.members[&me].prefixes(true);
    let lacks = Capabilities::only(Capability::ChgHost);
    let join = context.passing_join(me, id);
    context.out.news[join as usize].lacks = lacks;
    let mut all = vec![join];
    if !prefixes.is_empty() {
        let letters: String =
            prefixes.chars().filter_map(crate::state::room::mode_of_prefix).collect();
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
