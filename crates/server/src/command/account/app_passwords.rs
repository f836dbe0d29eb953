//! `ACCOUNT TOKEN ADD name [duration]`, `ACCOUNT TOKEN LIST`, `ACCOUNT TOKEN DEL name`: app passwords.

use super::{AccountChange, duration, must_be_proven, or_not_stored, refused, tell_others, time};
use crate::command::authentication;
use crate::command::context::Context;
use crate::command::entry::SharedPart;
use crate::command::refusal::Refusal;
use crate::effects::{FollowUp, SessionEnd, Task};
use crate::limits::{APP_PASSWORD_CHARS, APP_PASSWORD_NAME_BYTES, APP_PASSWORDS};
use crate::secret::Secret;
use crate::session::login::Change;
use crate::session::{Attempt, Client, Credential, NewSecrets};
use crate::session_id::SessionId;
use crate::state::app_password::{self, AppPassword};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use proto::name::same;
use proto::scram::Keys;
use store::Account;

/// The session's own part.
pub(super) fn before<'m>(
    context: &mut Context<'_>,
    account: &Account,
    params: &[&str],
) -> Result<SharedPart<'m>, Refusal> {
    let subcommand = params.first().copied().unwrap_or_default().to_ascii_uppercase();
    let name = || params.get(1).copied().filter(|name| !name.is_empty());
    match subcommand.as_str() {
        "ADD" => {
            let lasts = params.get(2).copied().filter(|lasts| !lasts.is_empty());
            add(context, account, name().ok_or(Refusal::NeedMoreParams)?, lasts)?;
        }
        "LIST" | "" => list(context, account),
        "DEL" => return Ok(SharedPart::AsSent),
        _ => {
            let text = "ACCOUNT TOKEN knows ADD, LIST and DEL";
            return Err(refused("UNKNOWN_SUBCOMMAND", &subcommand, text));
        }
    }
    Ok(SharedPart::None)
}

fn add(
    context: &mut Context<'_>,
    account: &Account,
    name: &str,
    lasts: Option<&str>,
) -> Result<(), Refusal> {
    must_be_proven(context)?;
    // Whoever could read it could log in with it.
    context.must_be_private()?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == ':';
    if name.len() > APP_PASSWORD_NAME_BYTES || name.contains(bad) {
        let text = "The name of an app password is one word of at most 32 bytes, without colons";
        return Err(refused("BAD_NAME", name, text));
    }
    let lasts = lasts.map(duration).transpose()?;
    may_add(context, account, name)?;
    context.must_have_space()?;
    let keys = Some((account.keys.salt, account.keys.iterations));
    let task = Task::Draw { count: 1, chars: APP_PASSWORD_CHARS, keys };
    let of = Attempt::Account(Box::new(Change::AppPassword(name.into(), lasts)));
    authentication::wait(context, &account.name, of, "", task, 0);
    Ok(())
}

fn may_add(
    context: &Responder<'_, impl Reads>,
    account: &Account,
    name: &str,
) -> Result<(), Refusal> {
    if app_password::find(&context.state, account.id, name).is_some() {
        let text = "You have an app password of this name; ACCOUNT TOKEN DEL revokes it";
        return Err(refused("ALREADY_ADDED", name, text));
    }
    if app_password::of(&context.state, account.id).count() >= APP_PASSWORDS {
        let text = "You have as many app passwords as there may be; ACCOUNT TOKEN DEL revokes one";
        return Err(refused("LIMIT_REACHED", &APP_PASSWORDS.to_string(), text));
    }
    Ok(())
}

/// The new app password was generated: stores it, with its name and how long it lasts.
pub(super) fn drawn(
    context: &mut Context<'_>,
    name: Box<str>,
    lasts: Option<i64>,
    secrets: &[Secret],
    keys: Keys,
) -> Result<(), Refusal> {
    let Some(secret) = secrets.first() else { return Ok(()) };
    let new_secrets = NewSecrets::AppPassword(name.clone(), secret.clone());
    let browser = match context.session().client {
        Client::Browser(browser) => Some(browser.to_string().into()),
        Client::Lines | Client::WebSocket => None,
    };
    let change = AccountChange::AppPassword { name, keys, lasts, browser };
    super::make_secret(context, &change, new_secrets)
}

/// Stores a new one; its owner is shown it once it is on disk.
pub(super) fn added(
    context: &mut ApplyContext<'_>,
    account: &Account,
    one: &AppPassword,
) -> Result<(), Refusal> {
    may_add(context, account, &one.name)?;
    app_password::set(context.state, context.out, account.id, one);
    or_not_stored(context);
    context.out.follow_up(FollowUp::Reveal);
    let text = format!("Another of your sessions has added the app password {}", one.name);
    tell_others(context, account.id, &text);
    Ok(())
}

/// Shows a new one to its owner.
pub(super) fn show(context: &mut Context<'_>, name: &str, secret: &Secret) {
    let account = super::of(context).ok();
    let one = account.and_then(|account| app_password::find(&context.state, account.id, name));
    let until = one.and_then(|one| one.until).map(time);
    let until = until.as_deref().unwrap_or("*");
    let text = "Give this to one program in place of your password; it is shown this once";
    context.note("ACCOUNT", "TOKEN_ADDED", &[name, secret.reveal(), until], text);
}

fn list(context: &mut Context<'_>, account: &Account) {
    let all: Vec<AppPassword> = app_password::of(&context.state, account.id).collect();
    for one in &all {
        let (used, until) = (one.used.map(time), one.until.map(time));
        let mut text = match &used {
            Some(used) => format!("Used last at {used}"),
            None => "Not used yet".into(),
        };
        if let Some(until) = &until {
            text.push_str(&format!("; valid until {until}"));
        }
        let or_none = |time: &Option<String>| time.clone().unwrap_or_else(|| "*".into());
        let (created, browser) = (time(one.created), one.browser.as_deref().unwrap_or("*"));
        let params: &[&str] = &[&one.name, &created, &or_none(&used), &or_none(&until), browser];
        context.note("ACCOUNT", "TOKEN", params, &text);
    }
    let text = "These are your app passwords; ACCOUNT TOKEN DEL revokes one";
    context.note("ACCOUNT", "TOKENS_END", &[&all.len().to_string()], text);
}

/// Carries out `ACCOUNT TOKEN DEL`.
pub(super) fn remove(
    context: &mut ApplyContext<'_>,
    account: &Account,
    params: &[&str],
) -> Result<(), Refusal> {
    let name = params.get(1).copied().filter(|name| !name.is_empty());
    let name = name.ok_or(Refusal::NeedMoreParams)?;
    let Some(one) = app_password::find(context.state, account.id, name) else {
        let text = "You have no app password of this name; ACCOUNT TOKEN LIST shows them";
        return Err(refused("NO_SUCH_TOKEN", name, text));
    };
    app_password::remove(context.state, context.out, account.id, name);
    or_not_stored(context);
    let text = "This app password logs in no more; the other sessions that it has logged in end";
    context.note("ACCOUNT", "TOKEN_DELETED", &[&one.name], text);
    context.out.follow_up(FollowUp::EndApp { app: one.name });
    Ok(())
}

/// Ends the requester's other sessions that used an app password.
pub fn end_sessions(context: &mut Context<'_>, app: &str) {
    let me = context.requester.session;
    let user = context.requester.user.and_then(|me| context.state.users.get(&me));
    let all = user.map(|user| user.sessions.clone()).unwrap_or_default();
    let by_app = |id: &SessionId| {
        let session = context.node.sessions.get(id);
        session.is_some_and(
            |one| matches!(&one.credential, Credential::AppPassword(name) if same(name, app)),
        )
    };
    for session in all.into_iter().filter(|id| *id != me).filter(by_app).collect::<Vec<_>>() {
        let why: Box<str> = "Its app password was revoked".into();
        context.out.end_session(SessionEnd { session, told: Some(why.clone()), reason: why });
    }
}
