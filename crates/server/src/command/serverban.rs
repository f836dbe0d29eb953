//! `SERVERBAN ADD account|mask|network [duration] :reason`, `SERVERBAN LIST`, `SERVERBAN DEL id`:
//! bans somebody from the whole server.

use super::account::leading_duration;
use super::entry::SharedPart;
use super::refusal::Refusal;
use super::rights::{lasting, rest_of};
use crate::command::context::Context;
use crate::effects::{Condition, Effect, FollowUp, SessionEnd};
use crate::limits::{KICK_BYTES, SERVER_BAN_BYTES, SERVER_BANS};
use crate::session_id::SessionId;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::founder;
use crate::state::records::{self, SERVER};
use crate::state::server_bans::{ServerBan, Target};
use crate::state::suspension::stamp;
use crate::state::user::{User, UserId};
use crate::text::shorten;
use ipnet::IpNet;
use proto::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{AccountId, RecordKind};

/// What others see when a banned user is disconnected.
pub const BANNED: &str = "Banned from this server";

/// Why somebody can be neither banned nor suspended.
pub(super) const IS_OPERATOR: &str =
    "This account is an operator of the server; take its role out of the config first";

/// The part that only reads bans, and what concerns this node's connections.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let action = message.param(0).unwrap_or_default().to_ascii_uppercase();
    match action.as_str() {
        "ADD" | "LIST" | "DEL" => context.must_have_right("SERVERBAN", &action)?,
        _ => return Err(Refusal::UnknownSubcommand(action)),
    }
    match (action.as_str(), message.param(1).and_then(Target::parse)) {
        ("LIST", _) => {
            list(context);
            return Ok(SharedPart::None);
        }
        ("ADD", Some(Target::Network(network)))
            if wishes(message).is_ok_and(|(_, reason)| !reason.is_empty()) =>
        {
            must_not_be_mine(context, &network, message)?;
        }
        _ => {}
    }
    Ok(SharedPart::AsSent)
}

/// Carries out what changes the bans.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let action = message.param(0).unwrap_or_default().to_ascii_uppercase();
    context.must_have_right("SERVERBAN", &action)?;
    if action == "ADD" { add(context, message) } else { remove(context, message) }
}

fn refused(code: &'static str, about: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![about.to_owned()], text }
}

fn add(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let given = message.param(1).filter(|given| !given.is_empty());
    let given = given.ok_or(Refusal::NeedMoreParams)?;
    let (duration, reason) = wishes(message)?;
    if reason.is_empty() {
        return Err(Refusal::NeedMoreParams);
    }
    let target = target(context, given)?;
    must_not_be_operator(context, &target)?;
    if let Some(id) = context.state.server_bans.find(&target) {
        let text = "This is banned already; SERVERBAN DEL and its number lifts the ban";
        return Err(refused("ALREADY_BANNED", &id.to_string(), text));
    }
    if context.state.server_bans.count() >= SERVER_BANS {
        let text = "There are as many bans as there may be; SERVERBAN DEL removes one";
        return Err(refused("LIMIT_REACHED", &SERVER_BANS.to_string(), text));
    }
    let now = context.state.now;
    let ban = ServerBan {
        target,
        reason: shorten(&reason, KICK_BYTES).into(),
        by: (&*context.requester_name()).into(),
        set: now,
        until: duration.map(|duration| now + duration),
    };
    let mut hit = sessions_of(context, &ban);
    let me = (context.requester.user, context.requester.session);
    if hit.iter().any(|(user, session)| Some(*user) == me.0 || *session == me.1) {
        return Err(bans_you(given));
    }
    hit.retain(|(user, _)| !context.state.users[user].is_operator());
    let id = context.state.server_bans.next();
    put(context, id, Some(&ban));
    let lasts = message.param(2).filter(|_| duration.is_some());
    context.audit("SERVERBAN ADD", given, &lasting(&ban.reason, lasts));
    if let Target::Network(_) = ban.target {
        // Only the nodes know their connections' addresses.
        context.out.follow_up(FollowUp::EndFromNetwork { ban: id, given: given.into() });
    } else {
        added(context, id, given, hit.len());
        end(context, hit, &ban.sentence(), BANNED);
        if let Target::Account(account) = ban.target {
            context.out.follow_up(FollowUp::EndPendingLogins { account, why: BANNED });
        }
    }
    Ok(())
}

/// The duration and the reason.
fn wishes(message: &Message<'_>) -> Result<(Option<i64>, String), Refusal> {
    let duration = leading_duration(message.param(2))?;
    let reason = rest_of(message.params(), if duration.is_some() { 3 } else { 2 });
    Ok((duration, reason))
}

fn bans_you(given: &str) -> Refusal {
    refused("BANS_YOU", given, "This would ban you, too; nothing was changed")
}

/// Answers the requester who added a ban, with the number of connections it ends.
fn added(context: &mut Responder<'_, impl Reads>, id: u32, given: &str, count: usize) {
    let until = context.state.server_bans.get(id).and_then(|ban| ban.until);
    let until = until.map_or("*".to_owned(), stamp);
    let text = format!("{given} is banned from this server (connections ended: {count})");
    context.note("SERVERBAN", "ADDED", &[&id.to_string(), given, &until], &text);
}

/// Refuses to ban a network that contains the requester, another session of the same user, or an
/// operator of the server.
fn must_not_be_mine(
    context: &Context<'_>,
    network: &IpNet,
    message: &Message<'_>,
) -> Result<(), Refusal> {
    let (me, user) = (context.requester.session, context.requester.user);
    let mine = |session: &SessionId| {
        *session == me || user.is_some_and(|me| context.node.sessions[session].user == Some(me))
    };
    let (hit, given) = (connections_from(context, network), message.param(1).unwrap_or_default());
    if hit.iter().any(mine) {
        return Err(bans_you(given));
    }
    match hit.iter().any(|session| is_operators(context, *session)) {
        true => Err(refused("IS_OPERATOR", given, "An operator of the server comes from there")),
        false => Ok(()),
    }
}

/// Whether a connection belongs to an operator of the server.
fn is_operators(context: &Context<'_>, session: SessionId) -> bool {
    let user = context.node.sessions[&session].user;
    user.is_some_and(|user| context.state.users.get(&user).is_some_and(|user| user.is_operator()))
}

/// The connections of this node that come from a network.
fn connections_from(context: &Context<'_>, network: &IpNet) -> Vec<SessionId> {
    let from = |address: std::net::IpAddr| network.contains(&address.to_canonical());
    let sessions = context.node.sessions.iter();
    let hit = sessions.filter(|(_, session)| !session.console && from(session.address));
    hit.map(|(id, _)| id).collect()
}

/// A network was banned: ends this node's connections from there.
pub fn end_from_network(context: &mut Context<'_>, id: u32, given: &str) {
    let Some(ban) = context.state.server_bans.get(id).cloned() else { return };
    let Target::Network(network) = &ban.target else { return };
    let (mut hit, why) = (connections_from(context, network), ban.sentence());
    hit.retain(|session| !is_operators(context, *session));
    added(context, id, given, hit.len());
    context.out.resume(Condition::Always);
    let told: Box<str> = closing(context, &why);
    for session in hit {
        context.of(session).notice(&why);
        let (told, reason) = (Some(told.clone()), BANNED.into());
        context.out.end_session(SessionEnd { session, told, reason });
    }
}

fn closing(context: &Responder<'_, impl Reads>, why: &str) -> Box<str> {
    format!("Closing Link: {} ({why})", context.state.renderer.server).into()
}

/// Parses a target: a network, a mask, or an account by name.
fn target(context: &ApplyContext<'_>, given: &str) -> Result<Target, Refusal> {
    if given.len() > SERVER_BAN_BYTES {
        return Err(refused("BAD_TARGET", given, "This is too long for a mask"));
    }
    if let Some(target) = Target::parse(given) {
        return Ok(target);
    }
    let account = context.state.account(given).map(|account| Target::Account(account.id));
    let text = "There is no such account; a guest is banned by a mask such as name!*@*, a network by 192.0.2.0/24";
    account.ok_or_else(|| refused("NO_SUCH_ACCOUNT", given, text))
}

/// Refuses to ban an operator's account. Masks do not apply to operators when they log in.
fn must_not_be_operator(context: &ApplyContext<'_>, target: &Target) -> Result<(), Refusal> {
    let Target::Account(id) = target else { return Ok(()) };
    let name = founder::name_of(context.state, *id);
    let online = context.state.users.get(id).is_some_and(|user| user.is_operator());
    match online || context.state.settings.role_of(&name).is_some() {
        true => Err(refused("IS_OPERATOR", &name, IS_OPERATOR)),
        false => Ok(()),
    }
}

/// The sessions of users that a ban ends.
fn sessions_of(context: &ApplyContext<'_>, ban: &ServerBan) -> Vec<(UserId, SessionId)> {
    let state = &context.state;
    let hit = |user: &&User| match &ban.target {
        Target::Account(id) => user.id == *id,
        Target::Mask(mask) => state.who(user.id).fits(mask),
        Target::Network(_) => false,
    };
    let users = state.users.values().map(|user| &**user).filter(hit);
    users.flat_map(|user| user.sessions.iter().map(|session| (user.id, *session))).collect()
}

/// Stores a ban, or its removal; further effects depend on it.
fn put(context: &mut ApplyContext<'_>, id: u32, ban: Option<&ServerBan>) {
    let key = id.to_string();
    let record = (RecordKind::ServerBan, SERVER, key.as_str());
    records::set(context.state, context.out, record, ban);
    not_stored(context, "SERVERBAN");
}

/// Tells the requester if what was just written fails.
pub(super) fn not_stored(context: &mut ApplyContext<'_>, verb: &'static str) {
    if let Condition::Stored(write) = context.out.condition() {
        let failed = Effect::NotStored { to: context.requester.session, verb, tag: None };
        context.out.push_when(Condition::Failed(write), failed);
    }
}

/// Ends sessions and tells each of them why; `quit` is what others see.
pub(super) fn end(
    context: &mut ApplyContext<'_>,
    sessions: Vec<(UserId, SessionId)>,
    why: &str,
    quit: &str,
) {
    // The following does not wait for the disk: these sessions are already gone for everybody.
    context.out.resume(Condition::Always);
    let told = closing(context, why);
    for (user, session) in sessions {
        context.to(user, session).notice(why);
        let (told, reason) = (Some(told.clone()), quit.into());
        context.out.end_session(SessionEnd { session, told, reason });
    }
}

fn list(context: &mut Context<'_>) {
    let all: Vec<(u32, ServerBan)> =
        context.state.server_bans.all().map(|(id, ban)| (id, ban.clone())).collect();
    let names = names(context);
    for (id, ban) in &all {
        let target = show(&names, &ban.target);
        let (set, until) = (stamp(ban.set), ban.until.map_or("*".to_owned(), stamp));
        let params = [&*id.to_string(), &*target, &*set, &*until, &*ban.by];
        context.note("SERVERBAN", "ENTRY", &params, &ban.reason);
    }
    context.note("SERVERBAN", "END", &[&all.len().to_string()], "End of the bans of this server");
}

/// The names of the accounts that are banned.
fn names(context: &Responder<'_, impl Reads>) -> BTreeMap<AccountId, Arc<str>> {
    let banned: BTreeSet<AccountId> = context
        .state
        .server_bans
        .all()
        .filter_map(|(_, ban)| match ban.target {
            Target::Account(id) => Some(id),
            _ => None,
        })
        .collect();
    let accounts = context.state.accounts.values();
    let accounts = accounts.filter(|account| banned.contains(&account.id));
    accounts.map(|account| (account.id, account.name.clone())).collect()
}

fn show(names: &BTreeMap<AccountId, Arc<str>>, target: &Target) -> String {
    match target {
        Target::Mask(mask) => mask.to_string(),
        // As a parameter it cannot begin with a colon.
        Target::Network(network) => match network.to_string() {
            text if text.starts_with(':') => format!("0{text}"),
            text => text,
        },
        Target::Account(id) => names.get(id).map_or("*", |name| name).to_owned(),
    }
}

fn remove(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let given = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let names = names(context);
    let found = given.parse().ok().and_then(|id| {
        context.state.server_bans.get(id).map(|ban| (id, show(&names, &ban.target)))
    });
    let text = "There is no ban of this number; SERVERBAN LIST shows them";
    let (id, target) = found.ok_or_else(|| refused("NO_SUCH_BAN", given, text))?;
    put(context, id, None);
    context.audit("SERVERBAN DEL", &target, "");
    let text = format!("{target} is no longer banned from this server");
    context.note("SERVERBAN", "DELETED", &[&id.to_string(), &target], &text);
    Ok(())
}
