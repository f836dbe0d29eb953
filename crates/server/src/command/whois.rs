//! `WHOIS [server] name`: about one user.
//!
//! <https://modern.ircdocs.horse/#whois-message>

use super::refusal::{Refusal, refuse};
use crate::hub::context::Context;
use crate::hub::user::UserId;
use crate::limits::NAMES_LINE_BYTES;
use proto::{Capability, Message, numeric as n};

/// Carries out `WHOIS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    if message.params().is_empty() {
        return Err(Refusal::NoName);
    }
    let names = message.param(1).or(message.param(0)).unwrap_or_default();
    let name = names.split(',').next().unwrap_or_default();
    match context.state.online(name).map(|user| user.id) {
        Some(user) => show(context, user),
        None => refuse(context, "WHOIS", &Refusal::NoSuchUser(name.to_owned())),
    }
    context.numeric(n::RPL_ENDOFWHOIS, &[name], "End of WHOIS list");
    Ok(())
}

fn show(context: &mut Context<'_>, id: UserId) {
    let user = &context.state.users[&id];
    let server = context.state.renderer.server.clone();
    let (nick, username, guest) = (user.nick.clone(), user.username().to_owned(), user.guest);
    let (realname, away, operator) = (user.realname.clone(), user.away.clone(), user.operator);
    let idle = ((context.state.now - user.spoke) / 1000).to_string();
    let since = (user.since / 1000).to_string();
    context.numeric(n::RPL_WHOISUSER, &[&nick, &username, &server, "*"], &realname);
    for line in super::names::lines(rooms(context, id).iter().map(String::as_str), NAMES_LINE_BYTES)
    {
        context.numeric(n::RPL_WHOISCHANNELS, &[&nick], &line);
    }
    context.numeric(n::RPL_WHOISSERVER, &[&nick, &server], crate::hub::welcome::VERSION);
    if let Some(away) = away {
        context.numeric(n::RPL_AWAY, &[&nick], &away);
    }
    if operator {
        context.numeric(n::RPL_WHOISOPERATOR, &[&nick], "is an operator of this server");
    }
    if !guest {
        context.numeric(n::RPL_WHOISACCOUNT, &[&nick, &nick], "is logged in as");
    }
    context.numeric(n::RPL_WHOISIDLE, &[&nick, &idle, &since], "seconds idle, signon time");
}

/// The rooms of a user that the asker may know of, with the user's marks.
fn rooms(context: &Context<'_>, id: UserId) -> Vec<String> {
    let me = context.me();
    let operator = context.user().operator;
    let every_mark = context.has(Capability::MultiPrefix);
    context.state.users[&id]
        .rooms
        .iter()
        .map(|room| &context.state.rooms[room])
        .filter(|room| operator || room.member(me).is_some() || !room.is('s'))
        .filter_map(|room| Some(format!("{}{}", room.member(id)?.marks(every_mark), room.name)))
        .collect()
}
