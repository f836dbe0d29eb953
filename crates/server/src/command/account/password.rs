//! `ACCOUNT PASSWORD [old] new`: without parameters it asks for them.

use super::{AccountChange, or_not_stored, refused, tell_others};
use crate::command::authentication::{self, attempt};
use crate::command::context::Context;
use crate::command::refusal::Refusal;
use crate::effects::{Condition, Effect, FollowUp, Task};
use crate::limits::PASSWORD_BYTES;
use crate::secret::Secret;
use crate::session::login::Change;
use crate::session::login::Outcome;
use crate::session::{Attempt, Credential, Prompt};
use crate::state::app_password;
use crate::state::apply_context::ApplyContext;
use crate::state::undo::Undo;
use proto::saslprep::is_long_enough;
use proto::scram::Keys;
use std::sync::Arc;
use store::{Account, Write};

/// Carries it out.
pub(super) fn run(
    context: &mut Context<'_>,
    account: &Arc<Account>,
    params: &[&str],
) -> Result<(), Refusal> {
    context.must_be_private()?;
    if matches!(context.session().credential, Credential::AppPassword(_)) {
        super::must_be_proven(context)?;
    }
    match *params {
        [] if is_proven(context) => ask_new(context, None),
        [] => {
            context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::AccountOld));
            context.note("ACCOUNT", "OLD_PASSWORD_REQUIRED", &[], "Enter your old password:");
            Ok(())
        }
        [new] => change(context, account, None, new),
        [old, new] => change(context, account, Some(Secret::new(old)), new),
        _ => {
            let text =
                "ACCOUNT PASSWORD takes the old password and the new one; alone, it asks for them";
            Err(refused("TOO_MANY_PARAMS", "PASSWORD", text))
        }
    }
}

/// Whether the session has proved that it knows the password.
fn is_proven(context: &Context<'_>) -> bool {
    context.session().credential == Credential::Password
}

fn ask_new(context: &mut Context<'_>, old: Option<Secret>) -> Result<(), Refusal> {
    context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::AccountNew(old)));
    context.note("ACCOUNT", "NEW_PASSWORD_REQUIRED", &[], "Enter your new password:");
    Ok(())
}

/// The line is the old password.
pub fn answer_old(context: &mut Context<'_>, line: &str) -> Result<(), Refusal> {
    ask_new(context, Some(Secret::new(line)))
}

/// The line is the new password.
pub fn answer_new(
    context: &mut Context<'_>,
    old: Option<Secret>,
    line: &str,
) -> Result<(), Refusal> {
    let account = super::of_session(context)?;
    change(context, &account, old, line)
}

fn change(
    context: &mut Context<'_>,
    account: &Account,
    old: Option<Secret>,
    new: &str,
) -> Result<(), Refusal> {
    context.must_be_private()?;
    let name = account.name.to_string();
    if old.is_none() && !is_proven(context) {
        let text = "This session has not shown that it knows your password; give the old one, too";
        return Err(refused("OLD_PASSWORD_REQUIRED", &name, text));
    }
    if new.len() > PASSWORD_BYTES {
        return Err(Refusal::BadPassword(name));
    }
    if !is_long_enough(new) {
        return Err(Refusal::WeakPassword(name));
    }
    context.must_have_space()?;
    let hold_millis = if old.is_some() { attempt(context, &name)? } else { 0 };
    // App passwords keep working with SCRAM, for which all share one salt.
    let has_apps = app_password::of(&context.state, account.id).next().is_some();
    // With the same salt it can be seen whether the new password is the one-time code.
    let keeps_salt = has_apps || context.state.reset(account).is_some();
    let (salt, iterations) = match keeps_salt {
        true => (Some(account.keys.salt), account.keys.iterations),
        false => (None, context.node.config.server.password_iterations),
    };
    let old = old.map(|old| (old, account.keys.clone()));
    let task = Task::Change { old, salt, iterations };
    let of = Attempt::Account(Box::new(Change::Password));
    authentication::wait(context, &name, of, new, task, hold_millis);
    Ok(())
}

/// The new keys were derived, or the old password was wrong.
pub(super) fn derived(
    context: &mut Context<'_>,
    account: &Account,
    outcome: Outcome,
) -> Result<(), Refusal> {
    let name = account.name.to_string();
    authentication::may_answer(context, &name)?;
    let Outcome::Made(keys) = outcome else {
        authentication::failed(context, &name, "wrong password");
        return Err(Refusal::WrongPassword(name));
    };
    if keys == account.keys && context.state.reset(account).is_some() {
        let text = "This is the one-time code; choose a password of your own";
        return Err(refused("ONE_TIME_CODE", &name, text));
    }
    let (account, name) = (account.id, account.name.clone());
    super::make(context, &AccountChange::Password { account, name, keys })
}

/// The account has a new password.
pub(super) fn changed(context: &mut ApplyContext<'_>, account: &Arc<Account>, keys: &Keys) {
    let was_code = context.state.reset(account).is_some();
    let after = Account { keys: keys.clone(), ..Account::clone(account) };
    context.note_undo(Undo::Account(account.clone()));
    context.out.write(Write::Account(after.clone()));
    context.state.add_account(Arc::new(after));
    or_not_stored(context);
    let text = "You have a new password";
    context.note("ACCOUNT", "PASSWORD_CHANGED", &[&account.name], text);
    tell_others(context, account.id, "Your password was changed by another of your sessions");
    if let Condition::Stored(write) = context.out.condition()
        && was_code
    {
        // A session that is not online yet must not come online with the code.
        let session = context.requester.session;
        context.out.push_when(Condition::Failed(write), Effect::Close { session });
        context.out.resume(Condition::Always);
        context.out.follow_up(FollowUp::CodeReplaced { account: account.id });
    }
}
