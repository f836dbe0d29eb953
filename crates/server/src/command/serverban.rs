//! `SERVERBAN ADD account|mask|network [duration] :reason`, `SERVERBAN LIST`, `SERVERBAN DEL id`:
//! keeps somebody off the whole server.

use super::ending;
use super::refusal::Refusal;
use super::rights::rest_of;
use crate::effects::{Condition, Effect};
use crate::limits::{KICK_BYTES, SERVER_BAN_BYTES, SERVER_BANS};
use crate::session::context::Context;
use crate::session_id::SessionId;
use crate::state::barred::stamp;
use crate::state::records::{self, SERVER};
use crate::state::server_bans::{ServerBan, Target};
use crate::text::shorten;
use proto::Message;
use proto::duration::parse_duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{AccountId, RecordKind};

/// The last word of those who are banned to others.
pub const BANNED: &str = "Banned from this server";

/// Carries out `SERVERBAN`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let action = message.param(0).unwrap_or_default().to_ascii_uppercase();
    match action.as_str() {
        "ADD" => context.must_have_right("SERVERBAN", "ADD").and_then(|()| add(context, message)),
        "LIST" => context.must_have_right("SERVERBAN", "LIST").map(|()| list(context)),
        "DEL" => {
            context.must_have_right("SERVERBAN", "DEL").and_then(|()| remove(context, message))
        }
        _ => Err(Refusal::UnknownSubcommand(action)),
    }
}

fn refused(code: &'static str, about: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![about.to_owned()], text }
}

fn add(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let given = message.param(1).filter(|given| !given.is_empty());
    let given = given.ok_or(Refusal::NeedMoreParams)?;
    let duration = message.param(2).and_then(parse_duration);
    let reason = rest_of(message.params(), if duration.is_some() { 3 } else { 2 });
    if reason.is_empty() {
        return Err(Refusal::NeedMoreParams);
    }
    let target = target(context, given)?;
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
        by: (&*context.asker_name()).into(),
        set: now,
        until: duration.map(|duration| now + duration),
    };
    let hit = sessions_of(context, &ban);
    let me = context.asker.session;
    if hit.contains(&me) || context.asker.user.is_some_and(|user| is_user(context, user, &hit)) {
        let text = "This would ban you, too; nothing was changed";
        return Err(refused("BANS_YOU", given, text));
    }
    let id = context.state.server_bans.next();
    put(context, id, Some(&ban));
    context.audit("SERVERBAN ADD", given, &ban.reason);
    let until = ban.until.map_or("*".to_owned(), stamp);
    let (id, count) = (id.to_string(), hit.len());
    let text = format!("{given} is banned from this server (connections ended: {count})");
    context.note("SERVERBAN", "ADDED", &[&id, given, &until], &text);
    end(context, hit, &ban.sentence());
    Ok(())
}

/// Whether one of the sessions is a user's.
fn is_user(context: &Context<'_>, user: AccountId, sessions: &[SessionId]) -> bool {
    context.state.users[&user].sessions.iter().any(|session| sessions.contains(session))
}

/// Whom somebody means: a network, a mask, or the account of a name.
fn target(context: &Context<'_>, given: &str) -> Result<Target, Refusal> {
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

/// The connections that a ban ends.
fn sessions_of(context: &Context<'_>, ban: &ServerBan) -> Vec<SessionId> {
    let state = &context.state;
    match &ban.target {
        Target::Account(id) => state.users.get(id).map_or(Vec::new(), |user| user.sessions.clone()),
        Target::Mask(mask) => {
            let fits = |id: &AccountId| state.who(*id).fits(mask);
            let users = state.users.values().filter(|user| fits(&user.id));
            users.flat_map(|user| user.sessions.iter().copied()).collect()
        }
        Target::Network(network) => {
            let from = |address: std::net::IpAddr| network.contains(&address.to_canonical());
            let sessions = context.node.sessions.iter();
            let hit = sessions.filter(|(_, session)| !session.console && from(session.address));
            hit.map(|(id, _)| id).collect()
        }
    }
}

/// Stores a ban, or that it is over; what follows depends on it.
fn put(context: &mut Context<'_>, id: u32, ban: Option<&ServerBan>) {
    let key = id.to_string();
    let record = (RecordKind::ServerBan, SERVER, key.as_str());
    let applying = &mut context.applying;
    records::set(applying.state, applying.out, record, ban);
    not_stored(context, "SERVERBAN");
}

/// What was just written may fail: the asker is told then.
pub(super) fn not_stored(context: &mut Context<'_>, verb: &'static str) {
    if let Condition::Stored(write) = context.out.condition() {
        let failed = Effect::NotStored { to: context.asker.session, verb, tag: None };
        context.out.push_when(Condition::Failed(write), failed);
    }
}

/// Ends connections, telling each of them why.
pub(super) fn end(context: &mut Context<'_>, sessions: Vec<SessionId>, why: &str) {
    let server = context.state.renderer.server.clone();
    // The answer is complete. What follows is nobody's command, and does not wait for the disk: the
    // hub has forgotten these sessions.
    context.out.end(&server);
    let Context { applying, node } = context;
    let (state, out) = (&mut *applying.state, &mut *applying.out);
    for session in sessions {
        if !node.sessions.contains_key(&session) {
            continue;
        }
        out.resume(Condition::Always);
        let mut of = Context::new(state, node, out, session);
        of.notice(why);
        of.close(&format!("Closing Link: {server} ({why})"));
        ending::session_ended(state, node, out, session, BANNED);
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
    context.note(
        "SERVERBAN",
        "END",
        &[&all.len().to_string()],
        "These are the bans of this server",
    );
}

/// The names of the accounts that are banned.
fn names(context: &Context<'_>) -> BTreeMap<AccountId, Arc<str>> {
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
        Target::Network(network) => network.to_string(),
        Target::Account(id) => names.get(id).map_or("*", |name| name).to_owned(),
    }
}

fn remove(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
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
