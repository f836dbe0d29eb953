//! `ACCOUNT`: what one has an account for: its password, app passwords, second factor, sessions, and all
//! that is stored of it.

mod app_passwords;
mod delete;
mod export;
mod factor;
mod password;
mod sessions;

pub use export::write_page;
pub use password::{answer_new, answer_old};

use super::refusal::{Refusal, refuse};
use crate::effects::{Condition, Effect};
use crate::session::Proof;
use crate::session::context::Context;
use crate::session::login::{Change, Outcome};
use crate::state::applying::Applying;
use crate::state::standing::{self, TakesFrom};
use crate::state::{app_password, second_factor};
use proto::Message;
use proto::duration::parse_duration;
use std::sync::Arc;
use store::Account;

/// Carries out `ACCOUNT`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = of(context)?;
    let subcommand = message.param(0).unwrap_or_default().to_ascii_uppercase();
    let params = message.params().get(1..).unwrap_or_default();
    let first = || params.first().copied().filter(|one| !one.is_empty());
    let needed = || first().ok_or(Refusal::NeedMoreParams);
    match subcommand.as_str() {
        "" => summary(context, &account),
        "PASSWORD" => password::run(context, &account, params),
        "SESSIONS" => sessions::list(context),
        "END" => sessions::end(context, needed()?),
        "TOKEN" => app_passwords::run(context, &account, params),
        "2FA" => factor::run(context, &account, params),
        "STRICT" => strict(context, &account, needed()?),
        "PMS" => takes_from(context, &account, first()),
        "EXPORT" => export::run(context, &account, first()),
        "DELETE" => delete::run(context, &account, needed()?),
        _ => {
            let text =
                "ACCOUNT knows PASSWORD, SESSIONS, END, TOKEN, 2FA, STRICT, PMS, EXPORT and DELETE";
            Err(refused("UNKNOWN_SUBCOMMAND", &subcommand, text))
        }
    }
}

/// What was to be drawn or derived is there.
pub fn finish(context: &mut Context<'_>, name: &str, change: Change, outcome: Outcome) {
    // Who has just registered may be nobody again by now: it could not be stored.
    let Ok(account) = (match context.session().user {
        Some(_) => of(context),
        None => return,
    }) else {
        return;
    };
    if let Change::Invitation(invitation) = &change {
        return super::invitation::added(context, invitation, outcome);
    }
    let done = match (change, outcome) {
        (_, Outcome::Busy) => Err(Refusal::Busy(name.to_owned())),
        (Change::Password, outcome) => password::changed(context, &account, outcome),
        (Change::AppPassword(name), Outcome::Drawn(secrets, Some(keys))) => {
            app_passwords::added(context, &account, &name, &secrets, &keys)
        }
        (Change::Factor, Outcome::Drawn(secrets, _)) => factor::drawn(context, &account, &secrets),
        (Change::Codes, Outcome::Drawn(secrets, _)) => {
            factor::codes_drawn(context, &account, &secrets)
        }
        _ => Ok(()),
    };
    if let Err(refusal) = done {
        refuse(context, "ACCOUNT", &refusal);
    }
}

/// The account of the asker.
pub fn of(context: &Context<'_>) -> Result<Arc<Account>, Refusal> {
    let account = context.user().account().and_then(|name| context.state.account(name));
    let text = "A guest has no account; REGISTER makes one";
    let code = "ACCOUNT_REQUIRED";
    account.cloned().ok_or(Refusal::Invalid { code, context: Vec::new(), text })
}

fn refused(code: &'static str, about: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![about.to_owned()], text }
}

/// Refuses who has an app password only: a program that one trusts with one's messages need not be
/// trusted with the account.
fn must_be_proven(context: &Context<'_>) -> Result<(), Refusal> {
    match context.session().proof {
        Proof::Password | Proof::Certificate => Ok(()),
        Proof::App(_) | Proof::Nothing => {
            let text =
                "You have logged in by an app password; for this, log in by the account's own";
            Err(Refusal::Invalid { code: "PASSWORD_REQUIRED", context: Vec::new(), text })
        }
    }
}

/// If what was just written cannot be stored, the asker is told so.
fn or_not_stored(context: &mut Context<'_>) {
    if let Condition::Stored(write) = context.out.condition() {
        let failed = Effect::NotStored { to: context.asker.session, verb: "ACCOUNT", tag: None };
        context.out.push_when(Condition::Failed(write), failed);
    }
}

/// Tells the asker's other devices of a change, because somebody else may have made it.
fn tell_others(context: &mut Context<'_>, text: &str) {
    let me = context.asker.session;
    for session in context.user().sessions.clone() {
        if session != me {
            context.of(session).notice(text);
        }
    }
}

/// How long something is to last, as people write it.
pub fn duration(given: &str) -> Result<i64, Refusal> {
    let text = "A duration is a number and a unit, such as 30m, 2h, 3d or 2w";
    parse_duration(given).ok_or_else(|| refused("BAD_DURATION", given, text))
}

/// A time as standard replies have it.
pub fn time(millis: i64) -> String {
    let mut time = Vec::new();
    proto::time::write_server_time(millis, &mut time);
    String::from_utf8_lossy(&time).into_owned()
}

fn on(is: bool) -> &'static str {
    if is { "on" } else { "off" }
}

fn summary(context: &mut Context<'_>, account: &Account) -> Result<(), Refusal> {
    let (state, id) = (&context.state, account.id);
    let (factor, strict) = (second_factor::is_on(state, id), standing::is_strict(state, id));
    let counts = [
        context.user().sessions.len(),
        app_password::of(state, id).count(),
        state.certificates.of(id).count(),
    ];
    let pms = standing::takes_from(state, id).name();
    let (created, [sessions, apps, certificates]) = (time(account.created), counts);
    let text = format!(
        "You have had this account since {created}. Sessions: {sessions}; app passwords: {apps}; certificates: {certificates}; second factor: {}; strict login: {}; private messages from: {pms}",
        on(factor),
        on(strict)
    );
    let params: &[&str] = &[
        &account.name,
        &created,
        &sessions.to_string(),
        &apps.to_string(),
        &certificates.to_string(),
        on(factor),
        on(strict),
        pms,
    ];
    context.note("ACCOUNT", "SUMMARY", params, &text);
    Ok(())
}

fn strict(context: &mut Context<'_>, account: &Account, given: &str) -> Result<(), Refusal> {
    let strict = match given.to_ascii_uppercase().as_str() {
        "ON" => true,
        "OFF" => false,
        _ => return Err(refused("BAD_VALUE", given, "Strict login is ON or OFF")),
    };
    must_be_proven(context)?;
    context.must_have_space()?;
    let Applying { state, out, .. } = &mut context.applying;
    standing::set_strict(state, out, account.id, strict);
    or_not_stored(context);
    let text = match strict {
        true => {
            "From now on an app password, SCRAM or a certificate logs in, and your password by itself does not"
        }
        false => "From now on your password logs in by any way",
    };
    context.note("ACCOUNT", "STRICT", &[on(strict)], text);
    Ok(())
}

fn takes_from(
    context: &mut Context<'_>,
    account: &Account,
    given: Option<&str>,
) -> Result<(), Refusal> {
    if let Some(given) = given {
        let text = "Private messages can be from everyone, from those you share a room with (shared), or from nobody";
        let from = TakesFrom::from_name(given).ok_or_else(|| refused("BAD_VALUE", given, text))?;
        context.must_have_space()?;
        let Applying { state, out, .. } = &mut context.applying;
        standing::set_takes_from(state, out, account.id, from);
        or_not_stored(context);
    }
    let from = standing::takes_from(context.state, account.id);
    let text = match from {
        TakesFrom::Everyone => "Everyone can send you private messages",
        TakesFrom::Shared => {
            "Those you share a room with, besides the lobby, can send you private messages"
        }
        TakesFrom::Nobody => "Nobody can send you private messages but operators of the server",
    };
    context.note("ACCOUNT", "PMS", &[from.name()], text);
    Ok(())
}
