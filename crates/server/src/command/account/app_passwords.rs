//! `ACCOUNT TOKEN ADD name`, `ACCOUNT TOKEN LIST`, `ACCOUNT TOKEN DEL name`: app passwords.

use super::{AccountChange, must_be_proven, or_not_stored, refused, tell_others, time};
use crate::command::authentication;
use crate::command::context::Context;
use crate::command::entry::Next;
use crate::command::refusal::Refusal;
use crate::effects::{FollowUp, Task};
use crate::limits::{APP_PASSWORD_CHARS, APP_PASSWORD_NAME_BYTES, APP_PASSWORDS};
use crate::secret::Secret;
use crate::session::login::Change;
use crate::session::{Reveals, Tried};
use crate::state::app_password::{self, AppPassword};
use crate::state::applying::{Answering, Applying, Reads};
use proto::scram::Keys;
use store::Account;

/// What concerns the session alone.
pub(super) fn before<'m>(
    context: &mut Context<'_>,
    account: &Account,
    params: &[&str],
) -> Result<Next<'m>, Refusal> {
    let subcommand = params.first().copied().unwrap_or_default().to_ascii_uppercase();
    let name = || params.get(1).copied().filter(|name| !name.is_empty());
    match subcommand.as_str() {
        "ADD" => add(context, account, name().ok_or(Refusal::NeedMoreParams)?)?,
        "LIST" | "" => list(context, account),
        "DEL" => return Ok(Next::Command),
        _ => {
            let text = "ACCOUNT TOKEN knows ADD, LIST and DEL";
            return Err(refused("UNKNOWN_SUBCOMMAND", &subcommand, text));
        }
    }
    Ok(Next::Nothing)
}

fn add(context: &mut Context<'_>, account: &Account, name: &str) -> Result<(), Refusal> {
    must_be_proven(context)?;
    // Whoever reads along could log in with it.
    context.must_be_private()?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == ':';
    if name.len() > APP_PASSWORD_NAME_BYTES || name.contains(bad) {
        let text = "An app password is called by one word of at most 32 bytes, without colons";
        return Err(refused("BAD_NAME", name, text));
    }
    may_add(context, account, name)?;
    context.must_have_space()?;
    let keys = Some((account.keys.salt, account.keys.iterations));
    let task = Task::Draw { count: 1, chars: APP_PASSWORD_CHARS, keys };
    let of = Tried::Account(Box::new(Change::AppPassword(name.into())));
    authentication::wait(context, &account.name, of, "", task, 0);
    Ok(())
}

fn may_add(
    context: &Answering<'_, impl Reads>,
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

/// It is drawn.
pub(super) fn drawn(
    context: &mut Context<'_>,
    name: Box<str>,
    secrets: &[Secret],
    keys: Keys,
) -> Result<(), Refusal> {
    let Some(secret) = secrets.first() else { return Ok(()) };
    let reveals = Reveals::AppPassword(name.clone(), secret.clone());
    context.session_mut().reveals = Some(Box::new(reveals));
    super::make(context, &AccountChange::AppPassword { name, keys })
}

/// There is a new one.
pub(super) fn added(
    context: &mut Applying<'_>,
    account: &Account,
    name: &str,
    keys: &Keys,
) -> Result<(), Refusal> {
    may_add(context, account, name)?;
    let created = context.state.now;
    let one = AppPassword { name: name.into(), keys: keys.into(), created, used: None };
    app_password::set(context.state, context.out, account.id, &one);
    or_not_stored(context);
    context.out.follow_up(FollowUp::Reveal);
    let told = format!("Another of your sessions has added the app password {name}");
    tell_others(context, account.id, &told);
    Ok(())
}

/// Shows a new one to its owner.
pub(super) fn show(context: &mut Context<'_>, name: &str, secret: &Secret) {
    let text = "Give this to one program in place of your password; it is shown this once";
    context.note("ACCOUNT", "TOKEN_ADDED", &[name, secret.reveal()], text);
}

fn list(context: &mut Context<'_>, account: &Account) {
    let all: Vec<AppPassword> = app_password::of(&context.state, account.id).collect();
    for one in &all {
        let used = one.used.map(time);
        let text = match &used {
            Some(used) => format!("Used last at {used}"),
            None => "Not used yet".into(),
        };
        let params: &[&str] = &[&one.name, &time(one.created), used.as_deref().unwrap_or("*")];
        context.note("ACCOUNT", "TOKEN", params, &text);
    }
    let text = "These are your app passwords; ACCOUNT TOKEN DEL revokes one";
    context.note("ACCOUNT", "TOKENS_END", &[&all.len().to_string()], text);
}

/// Carries out `ACCOUNT TOKEN DEL`.
pub(super) fn remove(
    context: &mut Applying<'_>,
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
    let text = "This app password logs in no more; ACCOUNT END ends sessions that it has logged in";
    context.note("ACCOUNT", "TOKEN_DELETED", &[&one.name], text);
    Ok(())
}
