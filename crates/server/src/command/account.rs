//! `ACCOUNT`: one's own account: its password, app passwords, second factor, sessions, and
//! everything stored about it.

mod app_passwords;
mod delete;
mod export;
mod factor;
mod password;
mod sessions;

pub use app_passwords::end_sessions;
pub(in crate::command) use delete::remove;
pub use factor::draw_codes;
pub use password::{answer_new, answer_old};

use super::entry::{Request, SharedPart};
use super::refusal::{Refusal, refuse};
use crate::command::context::Context;
use crate::effects::{Condition, Effect};
use crate::render::export::time;
use crate::secret::Secret;
use crate::session::login::{Change, Outcome};
use crate::session::{Credential, NewSecrets};
use crate::state::account_settings::{self, PmPolicy};
use crate::state::app_password::AppPassword;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::second_factor::UsedCode;
use crate::state::{app_password, second_factor};
use proto::Message;
use proto::duration::parse_duration;
use proto::scram::Keys;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Account, AccountId};

/// A change to the requester's account that its node has prepared.
#[derive(Debug, Deserialize, Serialize)]
pub enum AccountChange {
    /// A new password for an account, whose session need not be online yet.
    Password {
        /// The account.
        account: AccountId,
        /// Its name.
        name: Arc<str>,
        /// The keys of the password.
        keys: Keys,
    },
    /// A new app password.
    AppPassword {
        /// Its name.
        name: Box<str>,
        /// The keys of the password.
        keys: Keys,
        /// How long it is valid, in milliseconds; none: until it is revoked.
        lasts: Option<i64>,
        /// The browser that asks for it, if any.
        browser: Option<Box<str>>,
    },
    /// A second factor with this secret, to be confirmed.
    NewFactor(Secret),
    /// Confirms the factor with this code.
    ConfirmFactor(UsedCode),
    /// Removes the factor, with this code.
    RemoveFactor(UsedCode),
    /// New recovery codes.
    RecoveryCodes {
        /// Their hashes.
        hashes: Vec<Box<str>>,
        /// The code that was given for them.
        code: Option<UsedCode>,
    },
}

/// Applies a change to the account of the requester.
pub fn change(context: &mut ApplyContext<'_>, change: &AccountChange) -> Result<(), Refusal> {
    if let AccountChange::Password { account, name, keys } = change {
        let found = context.state.account(name).filter(|found| found.id == *account).cloned();
        password::changed(context, &found.ok_or_else(no_account)?, keys);
        return Ok(());
    }
    let account = &of(context)?;
    match change {
        AccountChange::Password { .. } => Ok(()),
        AccountChange::AppPassword { name, keys, lasts, browser } => {
            let (name, browser, created) = (name.clone(), browser.clone(), context.state.now);
            let until = lasts.map(|lasts| created.saturating_add(lasts));
            let keys = keys.into();
            let one = AppPassword { name, keys, created, used: None, browser, until };
            app_passwords::added(context, account, &one)
        }
        AccountChange::NewFactor(secret) => factor::added(context, account, secret),
        AccountChange::ConfirmFactor(code) => factor::confirmed(context, account, code),
        AccountChange::RemoveFactor(code) => factor::removed(context, account, code),
        AccountChange::RecoveryCodes { hashes, code } => {
            factor::codes_set(context, account, hashes, code.as_ref())
        }
    }
}

/// Makes an entry of a change.
fn make(context: &mut Context<'_>, change: &AccountChange) -> Result<(), Refusal> {
    context.look_at_space();
    context.apply(Request::Account(change.into()))
}

/// The same for a change whose secret the session is shown once it is made. If it is refused, what an
/// earlier one will show stays: that may be in flight.
fn make_secret(
    context: &mut Context<'_>,
    change: &AccountChange,
    secret: NewSecrets,
) -> Result<(), Refusal> {
    make(context, change)?;
    context.session_mut().extras_mut().new_secrets = Some(Box::new(secret));
    Ok(())
}

/// The parameters after the subcommand, and the first of them.
fn params<'m>(message: &'m Message<'m>) -> (&'m [&'m str], Option<&'m str>) {
    let params = message.params().get(1..).unwrap_or_default();
    (params, params.first().copied().filter(|one| !one.is_empty()))
}

/// The session's own part: questions and answers, everything that contains a password or a code,
/// and whether the session may do the rest.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let account = of_session(context)?;
    let subcommand = message.param(0).unwrap_or_default().to_ascii_uppercase();
    let (params, first) = params(message);
    match subcommand.as_str() {
        "" => summary(context, &account),
        "PASSWORD" => password::run(context, &account, params)?,
        "SESSIONS" => sessions::list(context),
        "TOKEN" => return app_passwords::before(context, &account, params),
        "2FA" => factor::run(context, &account, params)?,
        "EXPORT" => export::run(context, &account, first)?,
        "PMS" if first.is_none() => show_pm_policy(context, &account),
        "PMS" => return Ok(SharedPart::AsSent),
        "STRICT" => {
            wanted(first.ok_or(Refusal::NeedMoreParams)?)?;
            must_be_proven(context)?;
            return Ok(SharedPart::AsSent);
        }
        "END" | "DELETE" => {
            first.ok_or(Refusal::NeedMoreParams)?;
            must_be_proven(context)?;
            return Ok(SharedPart::AsSent);
        }
        _ => {
            let text = "The subcommands of ACCOUNT are PASSWORD, SESSIONS, END, TOKEN, 2FA, STRICT, PMS, EXPORT and DELETE";
            return Err(refused("UNKNOWN_SUBCOMMAND", &subcommand, text));
        }
    }
    Ok(SharedPart::None)
}

/// Carries out what is left of `ACCOUNT`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = of(context)?;
    let (params, first) = params(message);
    let needed = || first.ok_or(Refusal::NeedMoreParams);
    match message.param(0).unwrap_or_default().to_ascii_uppercase().as_str() {
        "END" => sessions::end(context, needed()?),
        "TOKEN" => app_passwords::remove(context, &account, params),
        "STRICT" => strict(context, &account, needed()?),
        "PMS" => pm_policy(context, &account, needed()?),
        "DELETE" => delete::run(context, &account, needed()?),
        _ => Ok(()),
    }
}

/// A secret was generated, or a key derived.
pub fn finish(context: &mut Context<'_>, name: &str, change: Change, outcome: Outcome) {
    // The user may be gone again: its registration could not be stored.
    if context.requester.user.is_none() && !context.requester.console && !context.session().by_code
    {
        return;
    }
    if let Change::Invitation(invitation) = &change {
        return super::invitation::drawn(context, invitation, outcome);
    }
    let Ok(account) = of_session(context) else { return };
    let done = match (change, outcome) {
        (_, Outcome::Busy) => Err(Refusal::Busy(name.to_owned())),
        (Change::Password, outcome) => password::derived(context, &account, outcome),
        (Change::AppPassword(name, lasts), Outcome::Drawn(secrets, Some(keys))) => {
            app_passwords::drawn(context, name, lasts, &secrets, keys)
        }
        (Change::Factor, Outcome::Drawn(secrets, _)) => factor::drawn(context, &secrets),
        (Change::Codes(code), Outcome::Drawn(secrets, _)) => {
            factor::codes_drawn(context, code, secrets)
        }
        _ => Ok(()),
    };
    if let Err(refusal) = done {
        refuse(context, "ACCOUNT", &refusal);
    }
}

/// Shows the session the secrets generated for it.
pub fn reveal(context: &mut Context<'_>) {
    let extras = context.session_mut().extras_if_any();
    let Some(new_secrets) = extras.and_then(|extras| extras.new_secrets.take()) else { return };
    match (*new_secrets, of(context)) {
        (NewSecrets::AppPassword(name, secret), _) => app_passwords::show(context, &name, &secret),
        (NewSecrets::RecoveryCodes(secrets), _) => factor::show_codes(context, &secrets),
        (NewSecrets::OneTimeCode(name, code), _) => {
            super::accounts::show_code(context, &name, &code);
        }
        (NewSecrets::Factor(secret), Ok(account)) => factor::show(context, &account, &secret),
        (NewSecrets::Factor(_), Err(_)) => {}
    }
}

/// The account of the requester.
pub fn of(context: &Responder<'_, impl Reads>) -> Result<Arc<Account>, Refusal> {
    let user = context.requester.user.and_then(|me| context.state.users.get(&me));
    let account = user.and_then(|user| user.account()).and_then(|name| context.state.account(name));
    account.cloned().ok_or_else(no_account)
}

/// The same, also for a session that comes online only after setting a new password.
fn of_session(context: &Context<'_>) -> Result<Arc<Account>, Refusal> {
    let registration = context.session().registration.as_deref();
    match registration.and_then(|registration| registration.account.as_deref()) {
        None => of(context),
        Some(own) => {
            let found = context.state.account(&own.name).filter(|found| found.id == own.id);
            found.cloned().ok_or_else(no_account)
        }
    }
}

fn no_account() -> Refusal {
    let text = "A guest has no account; REGISTER makes one";
    Refusal::Invalid { code: "ACCOUNT_REQUIRED", context: Vec::new(), text }
}

fn refused(code: &'static str, about: &str, text: &'static str) -> Refusal {
    Refusal::Invalid { code, context: vec![about.to_owned()], text }
}

/// Refuses sessions that logged in with an app password: a program trusted with messages need not
/// be trusted with the account.
pub(super) fn must_be_proven(context: &Context<'_>) -> Result<(), Refusal> {
    match context.session().credential {
        Credential::Password | Credential::Certificate => Ok(()),
        Credential::AppPassword(_) | Credential::None => {
            let text = "You have logged in by an app password; for this, log in by the account's own password";
            Err(Refusal::Invalid { code: "PASSWORD_REQUIRED", context: Vec::new(), text })
        }
    }
}

/// Tells the requester if what was just written cannot be stored.
fn or_not_stored(context: &mut ApplyContext<'_>) {
    if let Condition::Stored(write) = context.out.condition() {
        let failed =
            Effect::NotStored { to: context.requester.session, verb: "ACCOUNT", tag: None };
        context.out.push_when(Condition::Failed(write), failed);
    }
}

/// Tells the account's other sessions about a change, because somebody else may have made it.
fn tell_others(context: &mut ApplyContext<'_>, account: AccountId, text: &str) {
    let me = context.requester.session;
    let user = context.state.users.get(&account);
    for session in user.map_or(Vec::new(), |user| user.sessions.clone()) {
        if session != me {
            context.to(account, session).notice(text);
        }
    }
}

/// Parses a duration.
pub fn duration(given: &str) -> Result<i64, Refusal> {
    parse_duration(given).ok_or_else(|| bad_duration(given))
}

/// Parses a duration if the word is meant as one, beginning with a digit. A typo in it must not
/// mean forever.
pub fn leading_duration(word: Option<&str>) -> Result<Option<i64>, Refusal> {
    let digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains(' ');
    word.filter(digit).map(duration).transpose()
}

/// The refusal of an invalid or too long duration.
pub fn bad_duration(given: &str) -> Refusal {
    let text = "A duration is a number with s, m, h, d or w, such as 30m, 2h, 3d or 2w; the longest is 520w";
    refused("BAD_DURATION", given, text)
}

/// Whether a word has the form `key=value`: a mistyped option, rather than the first word of a
/// text.
pub fn is_option(word: &str) -> bool {
    let is_key = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '_')
    };
    !word.contains(' ') && word.split_once('=').is_some_and(|(key, _)| is_key(key))
}

fn on(is: bool) -> &'static str {
    if is { "on" } else { "off" }
}

fn summary(context: &mut Context<'_>, account: &Account) {
    let (state, id) = (&context.state, account.id);
    let (factor, strict) =
        (second_factor::is_on(state, id), account_settings::is_strict(state, id));
    let counts = [
        context.user().sessions.len(),
        app_password::of(state, id).count(),
        state.certificates.of(id).count(),
    ];
    let pms = account_settings::pm_policy(state, id).name();
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
}

/// The new value of `ACCOUNT STRICT`.
fn wanted(given: &str) -> Result<bool, Refusal> {
    match given.to_ascii_uppercase().as_str() {
        "ON" => Ok(true),
        "OFF" => Ok(false),
        _ => Err(refused("BAD_VALUE", given, "Strict login is ON or OFF")),
    }
}

fn strict(context: &mut ApplyContext<'_>, account: &Account, given: &str) -> Result<(), Refusal> {
    let strict = wanted(given)?;
    context.must_be_storable()?;
    account_settings::set_strict(context.state, context.out, account.id, strict);
    or_not_stored(context);
    let text = match strict {
        true => {
            "From now on you log in by an app password, SCRAM or a certificate; your password alone no longer works"
        }
        false => "From now on your password logs in by any way",
    };
    context.note("ACCOUNT", "STRICT", &[on(strict)], text);
    Ok(())
}

fn pm_policy(
    context: &mut ApplyContext<'_>,
    account: &Account,
    given: &str,
) -> Result<(), Refusal> {
    let text = "Private messages can be from everyone, from those you share a room with (shared), or from nobody";
    let from = PmPolicy::from_name(given).ok_or_else(|| refused("BAD_VALUE", given, text))?;
    context.must_be_storable()?;
    account_settings::set_pm_policy(context.state, context.out, account.id, from);
    or_not_stored(context);
    show_pm_policy(context, account);
    Ok(())
}

fn show_pm_policy(context: &mut Responder<'_, impl Reads>, account: &Account) {
    let from = account_settings::pm_policy(&context.state, account.id);
    let text = match from {
        PmPolicy::Everyone => "Everyone can send you private messages",
        PmPolicy::Shared => {
            "Those you share a room with, besides the lobby, can send you private messages"
        }
        PmPolicy::Nobody => "Nobody can send you private messages but operators of the server",
    };
    context.note("ACCOUNT", "PMS", &[from.name()], text);
}
