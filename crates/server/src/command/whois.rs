//! `WHOIS [target] name[,name…]`: information about users.
//!
//! <https://modern.ircdocs.horse/#whois-message>

use super::refusal::{Refusal, refuse};
use crate::command::context::Context;
use crate::command::metadata::show as show_metadata;
use crate::limits::{NAMES_LINE_BYTES, TARGETS, WHOIS_ADDRESSES};
use crate::session::Session;
use crate::state::user::UserId;
use proto::Fingerprint;
use proto::{Capability, Message, numeric as n};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Carries out `WHOIS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (target, names) = match (message.param(0), message.param(1)) {
        (Some(target), Some(names)) => (Some(target), names),
        (names, _) => (None, names.unwrap_or_default()),
    };
    let each = super::names_of(names).map_err(|_| Refusal::NoName)?;
    if let Err(refusal) = context.check_server(target) {
        refuse(context, "WHOIS", &refusal);
    } else {
        for name in super::once(each).into_iter().take(TARGETS) {
            match context.state.online(name).map(|user| user.id) {
                Some(user) => show(context, user),
                None => refuse(context, "WHOIS", &Refusal::NotOnline(name.to_owned())),
            }
        }
    }
    context.numeric(n::RPL_ENDOFWHOIS, &[names], "End of /WHOIS list");
    Ok(())
}

fn show(context: &mut Context<'_>, id: UserId) {
    let user = &context.state.users[&id];
    let server = context.state.renderer.server.clone();
    let (username, host) = (user.author().username(), user.author().host(&server));
    let (username, host) = (username.to_owned(), host.to_owned());
    let (nick, account) = (user.nick.clone(), user.account().cloned());
    let (realname, away) = (user.realname.clone(), user.away.clone());
    let (operator, bot) = (user.is_operator(), user.bot);
    // Whether a device at another node is secure is unknown here.
    let known = |session| context.node.sessions.get(session);
    let private = user.sessions.iter().all(|one| known(one).is_some_and(Session::is_private));
    let idle = user.idle_seconds(context.state.steady).to_string();
    let since = (user.since / 1000).to_string();
    context.numeric(n::RPL_WHOISUSER, &[&nick, &username, &host, "*"], &realname);
    let rooms = rooms(context, id);
    let rooms = rooms.iter().map(String::as_str);
    for line in super::names::lines(rooms, NAMES_LINE_BYTES - nick.len()) {
        context.numeric(n::RPL_WHOISCHANNELS, &[&nick], &line);
    }
    let description = context.node.config.server.description.clone();
    context.numeric(n::RPL_WHOISSERVER, &[&nick, &server], &description);
    if operator {
        context.numeric(n::RPL_WHOISOPERATOR, &[&nick], "is an operator of this server");
    }
    if let Some(account) = account {
        context.numeric(n::RPL_WHOISACCOUNT, &[&nick, &account], "is logged in as");
    }
    if bot {
        context.numeric(n::RPL_WHOISBOT, &[&nick], "is a bot");
    }
    if private {
        context.numeric(n::RPL_WHOISSECURE, &[&nick], "is using a secure connection");
    }
    if let Some(away) = away {
        context.numeric(n::RPL_AWAY, &[&nick], &away);
    }
    if id == context.me() || context.user().is_operator() {
        show_private(context, id);
    }
    context.numeric(n::RPL_WHOISIDLE, &[&nick, &idle, &since], "seconds idle, signon time");
    show_metadata::whois(context, id);
}

/// For the user and operators only: modes, the devices' addresses, and their certificates.
fn show_private(context: &mut Context<'_>, id: UserId) {
    let user = &context.state.users[&id];
    let sessions = || user.sessions.iter().filter_map(|one| context.node.sessions.get(one));
    let addresses: BTreeSet<IpAddr> =
        sessions().map(|session| session.address).take(WHOIS_ADDRESSES).collect();
    let certificates: BTreeSet<Fingerprint> =
        sessions().filter_map(Session::certificate).take(WHOIS_ADDRESSES).collect();
    let (nick, modes) = (user.nick.clone(), format!("is using modes {}", user.modes()));
    let host = user.author().host(&context.state.renderer.server);
    let source = format!("{}@{host}", user.author().username());
    for address in addresses {
        // Only the last parameter may begin with a colon.
        let address = match address.to_string() {
            text if text.starts_with(':') => format!("0{text}"),
            text => text,
        };
        let params = [&*nick, &source, &address];
        context.numeric(n::RPL_WHOISACTUALLY, &params, "is actually using this address");
    }
    for certificate in certificates {
        let text = format!("has client certificate fingerprint {certificate:x}");
        context.numeric(n::RPL_WHOISCERTFP, &[&nick], &text);
    }
    context.numeric(n::RPL_WHOISMODES, &[&nick], &modes);
    let user = &context.state.users[&id];
    let mut elsewhere = BTreeMap::<String, usize>::new();
    for node in user.sessions.iter().filter_map(|one| context.node.other_node_name(*one)) {
        *elsewhere.entry(node.to_owned()).or_default() += 1;
    }
    for (node, count) in elsewhere {
        let text = format!("has connections to the node {node}: {count}");
        context.numeric(n::RPL_WHOISSPECIAL, &[&nick], &text);
    }
}

/// The rooms of a user that the requester may know about, with the user's prefixes: no secret rooms of
/// others, and of an invisible user only common ones.
fn rooms(context: &Context<'_>, id: UserId) -> Vec<String> {
    let me = context.me();
    let user = &context.state.users[&id];
    let all_prefixes = context.has(Capability::MultiPrefix);
    let open = id == me || context.user().is_operator();
    user.rooms
        .iter()
        .map(|room| &context.state.rooms[room])
        .filter(|room| open || room.member(me).is_some() || (!room.is('s') && !user.invisible))
        .filter_map(|room| {
            Some(format!("{}{}", room.member(id)?.prefixes(all_prefixes), room.name))
        })
        .collect()
}
