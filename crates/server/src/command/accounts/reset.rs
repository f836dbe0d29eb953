//! `ACCOUNTS RESET name [2FA]`: replaces a forgotten password by a one-time code, and optionally
//! removes a lost second factor.

use super::{VERB, account, refused};
use crate::command::authentication;
use crate::command::context::Context;
use crate::command::entry::Request;
use crate::command::refusal::{Refusal, refuse};
use crate::command::serverban::{end, not_stored};
use crate::effects::{FollowUp, Task};
use crate::limits::RESET_MILLIS;
use crate::secret::Secret;
use crate::session::login::Outcome;
use crate::session::{Attempt, NewSecrets};
use crate::state::apply_context::ApplyContext;
use crate::state::suspension::{RESET, Reset, date, short_key, stamp};
use crate::state::undo::Undo;
use crate::state::{app_password, certificates, records, second_factor};
use hmac::{Hmac, KeyInit, Mac};
use proto::scram::Keys;
use proto::{Fingerprint, Message};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::sync::Arc;
use store::{Account, AccountId, RecordKind, Write};

/// What sessions are told that are logged in to the account, or logging in.
const ENDED: &str =
    "Your password was reset by an operator of this server; log in with the new one";

/// Generates a one-time code for somebody who has forgotten the password.
pub(super) fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    if context.requester.user == Some(account.id) {
        let text = "This is your own account; ACCOUNT PASSWORD gives it a new password";
        return Err(refused("NOT_YOURSELF", &account.name, text));
    }
    context.must_be_private()?;
    let factor = match message.param(2).map(str::to_ascii_uppercase).as_deref() {
        None | Some("") => false,
        Some("2FA") => true,
        Some(other) => {
            let text = "What can be reset beside the password is the second factor: 2FA";
            return Err(refused("BAD_VALUE", other, text));
        }
    };
    let code = code(&context.session().entropy, account.id, context.state.steady);
    let iterations = context.node.config.server.password_iterations;
    let of = Attempt::Reset { account: account.id, code: Secret::new(&code), factor };
    authentication::wait(context, &account.name, of, &code, Task::Make { iterations }, 0);
    Ok(())
}

/// A code that cannot be guessed: 60 bits, of letters and digits that are not confused with each
/// other.
fn code(entropy: &[u8; 16], account: AccountId, steady: i64) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut mac = Hmac::<Sha256>::new_from_slice(entropy).expect("a key of any length will do");
    mac.update(b"one-time code");
    mac.update(&account.to_be_bytes());
    mac.update(&steady.to_be_bytes());
    let bytes = mac.finalize().into_bytes();
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    let groups = bytes[..12].chunks(4).map(|group| group.iter().map(letter).collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

/// An account gets a one-time code.
#[derive(Debug, Deserialize, Serialize)]
pub struct OneTimeCode {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: Box<str>,
    /// The keys of the code.
    pub keys: Keys,
    /// Whether the second factor is removed as well.
    pub factor: bool,
}

/// The key of a one-time code was derived.
pub fn reset_done(
    context: &mut Context<'_>,
    (name, account): (&str, AccountId),
    code: Secret,
    factor: bool,
    outcome: Outcome,
) {
    let done = match outcome {
        Outcome::Made(keys) => {
            let request = OneTimeCode { account, name: name.into(), keys, factor };
            context.apply(Request::Reset((&request).into())).map(|()| {
                let new_secrets = NewSecrets::OneTimeCode(name.into(), code);
                context.session_mut().extras_mut().new_secrets = Some(Box::new(new_secrets));
            })
        }
        _ => Err(Refusal::Busy(name.to_owned())),
    };
    if let Err(refusal) = done {
        refuse(context, VERB, &refusal);
    }
}

/// Makes the code the password.
pub fn put_code(context: &mut ApplyContext<'_>, code: &OneTimeCode) -> Result<(), Refusal> {
    context.must_have_right(VERB, "RESET")?;
    let OneTimeCode { account: id, name, keys, factor } = code;
    let account = context.state.account(name).filter(|account| account.id == *id).cloned();
    let gone = || refused("NO_SUCH_ACCOUNT", name, "There is no such account");
    let before = account.ok_or_else(gone)?;
    let (by, until) = (context.requester_name(), context.state.now + RESET_MILLIS);
    let reset = Reset { by: (&*by).into(), until, key: short_key(keys) };
    let after = Account { keys: keys.clone(), ..Account::clone(&before) };
    context.note_undo(Undo::Account(before));
    context.out.write(Write::Account(after.clone()));
    context.state.add_account(Arc::new(after));
    let record = (RecordKind::AccountSetting, *id, RESET);
    records::set(context.state, context.out, record, Some(&reset));
    // They depend on the old password's salt, and whoever has them may be the reason for the reset.
    let apps: Vec<Box<str>> = app_password::of(context.state, *id).map(|one| one.name).collect();
    for app in &apps {
        app_password::remove(context.state, context.out, *id, app);
    }
    let shown: Vec<Fingerprint> = context.state.certificates.of(*id).collect();
    for certificate in &shown {
        certificates::write(context, *certificate, None);
    }
    let factor = *factor && second_factor::of(context.state, *id).is_some();
    if factor {
        second_factor::set(context.state, context.out, *id, None);
    }
    not_stored(context, VERB);
    context.audit("ACCOUNTS RESET", name, if factor { "2FA" } else { "" });
    context.out.follow_up(FollowUp::Reveal);
    let online = context.state.users.get(id);
    let sessions = online.map_or(Vec::new(), |user| user.sessions.clone());
    let [ended, apps, certificates] =
        [sessions.len(), apps.len(), shown.len()].map(|count| count.to_string());
    let had = if factor { "yes" } else { "no" };
    let text = format!(
        "Connections ended: {ended}, app passwords removed: {apps}, certificates removed: {certificates}, second factor removed: {had}"
    );
    context.note(VERB, "RESET_ENDED", &[name, &ended, &apps, had, &certificates], &text);
    context.out.follow_up(FollowUp::EndPendingLogins { account: *id, why: ENDED });
    let sessions = sessions.into_iter().map(|session| (*id, session)).collect();
    end(context, sessions, ENDED, "Password reset");
    Ok(())
}

/// Shows a new one-time code to whoever asked for it.
pub fn show_code(context: &mut Context<'_>, name: &str, code: &Secret) {
    let account = context.state.account(name);
    let Some(reset) = account.and_then(|account| context.state.reset(account)) else { return };
    let (code, until) = (code.reveal(), reset.until);
    let text = format!("The password of {name} is {code} until {} UTC", date(until));
    context.note(VERB, "RESET", &[name, code, &stamp(until)], &text);
}
