//! `ACCOUNTS LIST [mask]`, `ACCOUNTS SHOW name`, `ACCOUNTS SUSPEND name [duration] :reason`,
//! `ACCOUNTS RESUME name`, and subcommands with files of their own: administration of other
//! people's accounts.

mod appoint;
mod delete;
mod merge;
mod rename;
mod reset;

pub use reset::{OneTimeCode, put_code, reset_done, show_code};

use super::account::leading_duration;
use super::entry::SharedPart;
use super::refusal::Refusal;
use super::rights::{lasting, rest_of};
use super::serverban::{IS_OPERATOR, end, not_stored};
use crate::command::context::Context;
use crate::effects::{Cursor, FollowUp};
use crate::limits::{KICK_BYTES, ROW_WORK};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::records;
use crate::state::suspension::{SUSPENDED, Suspension, date, stamp};
use crate::text::shorten;
use proto::Message;
use proto::mask::matches_counted;
use std::ops::Bound;
use std::sync::Arc;
use store::{Account, RecordKind};

const VERB: &str = "ACCOUNTS";

/// The part that only reads accounts, or waits for a key.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let action = message.param(0).unwrap_or_default().to_ascii_uppercase();
    let run: fn(&mut Context<'_>, &Message<'_>) -> Result<(), Refusal> = match action.as_str() {
        "LIST" => list,
        "SHOW" => show,
        "RESET" => reset::run,
        "SUSPEND" | "RESUME" | "RENAME" | "DELETE" | "MERGE" | "APPOINT" => {
            return Ok(SharedPart::AsSent);
        }
        _ => return Err(Refusal::UnknownSubcommand(action)),
    };
    context.must_have_right(VERB, &action)?;
    run(context, message)?;
    Ok(SharedPart::None)
}

/// Carries out what changes an account.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let action = message.param(0).unwrap_or_default().to_ascii_uppercase();
    context.must_have_right(VERB, &action)?;
    match action.as_str() {
        "SUSPEND" => suspend(context, message),
        "RENAME" => rename::run(context, message),
        "DELETE" => delete::run(context, message),
        "MERGE" => merge::run(context, message),
        "APPOINT" => appoint::run(context, message),
        _ => resume(context, message),
    }
}

/// The account that the command is about.
fn account(
    context: &Responder<'_, impl Reads>,
    message: &Message<'_>,
) -> Result<Arc<Account>, Refusal> {
    named(context, message.param(1).filter(|name| !name.is_empty()).ok_or(Refusal::NeedMoreParams)?)
}

/// The account of a name.
fn named(context: &Responder<'_, impl Reads>, name: &str) -> Result<Arc<Account>, Refusal> {
    let account = context.state.account(name).cloned();
    account.ok_or_else(|| refused("NO_SUCH_ACCOUNT", name, "There is no such account"))
}

fn refused(code: &'static str, about: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![about.to_owned()], text }
}

fn list(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let mask = message.param(1).unwrap_or("*").to_owned();
    let mut cursor = context.out.take_cursor();
    while let Some((name, account)) = next(context, &cursor) {
        if context.turn_is_over() {
            context.go_on_at(cursor);
            return Ok(());
        }
        if context.out.answered() > context.node.config.limits.answer() {
            let text = "There are more accounts than one answer holds; give a mask such as a*";
            context.note(VERB, "MORE", &[&*mask], text);
            return Ok(());
        }
        let mut work = ROW_WORK;
        if matches_counted(&mask, &account.name, &mut work) {
            entry(context, &account);
        }
        context.out.spend(work);
        cursor = Cursor::Room(name.into());
    }
    context.note(VERB, "END", &[&*mask], "End of the accounts");
    Ok(())
}

/// The next account in the order of folded names.
fn next(context: &Context<'_>, cursor: &Cursor) -> Option<(String, Arc<Account>)> {
    let after = match cursor {
        Cursor::Room(name) => Bound::Excluded(&**name),
        _ => Bound::Unbounded,
    };
    let mut accounts = context.state.accounts.range::<str, _>((after, Bound::Unbounded));
    accounts.next().map(|(name, account)| (name.clone(), account.clone()))
}

/// One account, in one line.
fn entry(context: &mut Context<'_>, account: &Account) {
    let suspension = context.state.suspension(account.id);
    let state = if suspension.is_some() { "suspended" } else { "active" };
    let role = context.state.settings.role_of(&account.name).map_or("member", |role| role.name());
    let online = context.state.users.get(&account.id).map_or(0, |user| user.sessions.len());
    let text = suspension.map(|suspension| suspension.sentence()).unwrap_or_default();
    let (created, online) = (stamp(account.created), online.to_string());
    let params = [&*account.name, &*created, state, role, &*online];
    context.note(VERB, "ENTRY", &params, &text);
}

fn show(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    entry(context, &account);
    let state = &context.state;
    let mut facts = vec![format!("registered {} UTC", date(account.created))];
    facts.push(match state.users.get(&account.id) {
        Some(user) => format!("online since {} UTC", date(user.since)),
        None => "offline".into(),
    });
    facts.push(format!("certificates: {}", state.certificates.of(account.id).count()));
    if let Some(suspension) = state.suspension(account.id) {
        facts.push(format!("suspended by {} {} UTC", suspension.by, date(suspension.set)));
    }
    let member = state.rooms.values().filter(|room| room.members.contains_key(&account.id));
    let rooms: Vec<String> = member
        .map(|room| format!("{}{}", room.members[&account.id].prefixes(false), room.name))
        .collect();
    let text = facts.join("; ");
    context.note(VERB, "FACTS", &[&account.name], &text);
    for line in super::names::lines(rooms.iter().map(String::as_str), KICK_BYTES) {
        context.note(VERB, "ROOMS", &[&account.name], &line);
    }
    let founded = context.state.founders.get(&account.id).into_iter().flatten();
    let founded: Vec<String> =
        founded.map(|room| context.state.rooms[room].name.to_string()).collect();
    for line in super::names::lines(founded.iter().map(String::as_str), KICK_BYTES) {
        context.note(VERB, "FOUNDED", &[&account.name], &line);
    }
    Ok(())
}

fn suspend(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    let duration = leading_duration(message.param(2))?;
    let reason = rest_of(message.params(), if duration.is_some() { 3 } else { 2 });
    if reason.is_empty() {
        return Err(Refusal::NeedMoreParams);
    }
    must_not_be_operator(context, &account)?;
    let now = context.state.now;
    let suspension = Suspension {
        reason: shorten(&reason, KICK_BYTES).into(),
        by: (&*context.requester_name()).into(),
        set: now,
        until: duration.map(|duration| now + duration),
    };
    put(context, &account, Some(&suspension));
    let lasts = message.param(2).filter(|_| duration.is_some());
    context.audit("ACCOUNTS SUSPEND", &account.name, &lasting(&suspension.reason, lasts));
    let sessions =
        context.state.users.get(&account.id).map_or(Vec::new(), |user| user.sessions.clone());
    let until = suspension.until.map_or("*".to_owned(), stamp);
    let text = format!("{} is suspended (connections ended: {})", account.name, sessions.len());
    context.note(VERB, "SUSPENDED", &[&*account.name, &*until], &text);
    let sessions = sessions.into_iter().map(|session| (account.id, session)).collect();
    end(context, sessions, &suspension.sentence(), "Suspended");
    let why = "Your account was suspended";
    context.out.follow_up(FollowUp::EndPendingLogins { account: account.id, why });
    Ok(())
}

/// Refuses to act on an operator's account.
fn must_not_be_operator(
    context: &Responder<'_, impl Reads>,
    account: &Account,
) -> Result<(), Refusal> {
    match context.state.settings.role_of(&account.name) {
        None => Ok(()),
        Some(_) => Err(refused("IS_OPERATOR", &account.name, IS_OPERATOR)),
    }
}

/// Stores or removes a suspension; further effects depend on it.
fn put(context: &mut ApplyContext<'_>, account: &Account, suspension: Option<&Suspension>) {
    let record = (RecordKind::AccountSetting, account.id, SUSPENDED);
    records::set(context.state, context.out, record, suspension);
    not_stored(context, VERB);
}

fn resume(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    if context.state.suspension(account.id).is_none() {
        return Err(refused("NOT_SUSPENDED", &account.name, "This account is not suspended"));
    }
    put(context, &account, None);
    context.audit("ACCOUNTS RESUME", &account.name, "");
    let text = format!("{} can log in again", account.name);
    context.note(VERB, "RESUMED", &[&account.name], &text);
    Ok(())
}
