//! `WHO mask`: who is in a room, or has a name that fits.
//!
//! <https://modern.ircdocs.horse/#who-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::user::UserId;
use crate::limits::ANSWER_BYTES;
use proto::mask::matches;
use proto::{Capability, Message, numeric as n};
use store::RoomId;

/// Carries out `WHO`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let mask = message.param(0).unwrap_or("*");
    if mask.starts_with('#') {
        if let Ok(room) = super::names::visible(context, mask) {
            who_room(context, room);
        }
    } else {
        who_mask(context, mask);
    }
    context.numeric(n::RPL_ENDOFWHO, &[mask], "End of WHO list");
    Ok(())
}

fn who_room(context: &mut Context<'_>, id: RoomId) {
    let room = &context.state.rooms[&id];
    let inside = room.member(context.me()).is_some();
    let users: Vec<UserId> = room
        .members
        .iter()
        .filter(|(_, member)| member.online)
        .map(|(user, _)| *user)
        .filter(|user| inside || !context.state.users[user].invisible)
        .collect();
    reply_all(context, Some(id), users);
}

fn who_mask(context: &mut Context<'_>, mask: &str) {
    let me = context.me();
    let users: Vec<UserId> = context
        .state
        .users
        .values()
        .filter(|user| matches(mask, &user.nick) || matches(mask, &context.state.source(user.id)))
        .filter(|user| {
            !user.invisible
                || user.id == me
                || user.nick.eq_ignore_ascii_case(mask)
                || user.rooms.iter().any(|room| context.state.rooms[room].member(me).is_some())
        })
        .map(|user| user.id)
        .collect();
    reply_all(context, None, users);
}

fn reply_all(context: &mut Context<'_>, room: Option<RoomId>, users: Vec<UserId>) {
    let most = context.out.text.len() + ANSWER_BYTES;
    for user in users {
        if context.out.text.len() > most {
            context.notice("There are more users than one answer holds; ask for fewer");
            return;
        }
        reply(context, room, user);
    }
}

fn reply(context: &mut Context<'_>, room: Option<RoomId>, id: UserId) {
    let user = &context.state.users[&id];
    let server = context.state.renderer.server.clone();
    let room = room.map(|room| &context.state.rooms[&room]);
    let name = room.map_or("*".into(), |room| room.name.clone());
    let every_mark = context.has(Capability::MultiPrefix);
    let member = room.and_then(|room| room.member(id));
    let marks = member.map(|member| member.marks(every_mark)).unwrap_or_default();
    let here = if user.away.is_some() { "G" } else { "H" };
    let operator = if user.operator { "*" } else { "" };
    let (username, nick) = (user.username().to_owned(), user.nick.clone());
    let flags = format!("{here}{operator}{marks}");
    let text = format!("0 {}", user.realname);
    context.numeric(n::RPL_WHOREPLY, &[&name, &username, &server, &server, &nick, &flags], &text);
}
