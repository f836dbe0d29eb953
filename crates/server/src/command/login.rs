//! `LOGIN [user [:password]]`: asks for what is missing, then logs in or registers.

use super::refusal::{Refusal, refuse};
use super::{VERBS, invitation, registration};
use crate::command::authentication::{answer_after, attempt, begin, may_try};
use crate::command::context::Context;
use crate::secret::Secret;
use crate::session::login::LoginMethod;
use crate::session::{Attempt, Prompt};
use proto::Message;
use std::sync::Arc;
use store::Account;

/// Verbs that people type.
const TYPED: [&str; 6] = ["LOGIN", "BM", "PM", "CH", "EX", "QUIT"];

/// Carries out `LOGIN`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_be_private()?;
    match (message.param(0), message.rest(1)) {
        (None, _) => {
            if let Some(user) = context.session().user {
                let name = context.state.users[&user].nick.clone();
                return Err(Refusal::AlreadyLoggedIn(name));
            }
            context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::LoginUser));
            context.note("LOGIN", "USER_REQUIRED", &[], "Enter username:");
            Ok(())
        }
        (Some(name), None) => user(context, name),
        (Some(name), Some(text)) => password(context, name, text),
    }
}

/// The name is known: asks for the password, in words that tell whether the name is new.
pub fn user(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    context.must_be_private()?;
    may_try(context, name)?;
    if context.state.account(name).is_none() {
        match context.may_register(name) {
            Err(Refusal::Invalid { code: registration::NEEDED, .. }) => {
                context.session_mut().extras_mut().prompt =
                    Some(Box::new(Prompt::LoginInvitation(name.to_owned())));
                let text = "Enter invitation code:";
                context.note("LOGIN", registration::NEEDED, &[name], text);
                return Ok(());
            }
            may => may?,
        }
    }
    let (code, words) = match context.state.account(name) {
        None => ("NEW_USER", "Enter Password:"),
        Some(_) => ("PASSWORD_REQUIRED", "Enter user's password:"),
    };
    context.session_mut().extras_mut().prompt =
        Some(Box::new(Prompt::LoginPassword(name.to_owned())));
    context.note("LOGIN", code, &[name], words);
    Ok(())
}

/// The line answers the question for the password. For a new name, a line that looks like a command
/// is refused and the question stays: a client that gives up sends `QUIT`, and that must not become
/// a password.
pub fn answer(context: &mut Context<'_>, name: &str, line: &str) -> Result<(), Refusal> {
    let new = context.state.account(name).is_none();
    let refused = if new && is_command(line) {
        Err(Refusal::CommandAsPassword(name.to_owned()))
    } else {
        password(context, name, line)
    };
    match refused {
        Err(refusal @ (Refusal::CommandAsPassword(_) | Refusal::WeakPassword(_))) => {
            refuse(context, "LOGIN", &refusal);
            user(context, name)
        }
        other => other,
    }
}

/// The line answers the question for an invitation.
pub fn invitation(context: &mut Context<'_>, name: &str, line: &str) -> Result<(), Refusal> {
    invitation::accept(context, line)?;
    user(context, name)
}

/// The line answers the question for the code of the second factor.
pub fn code(context: &mut Context<'_>, account: Arc<Account>, line: &str) -> Result<(), Refusal> {
    let name = account.name.clone();
    let hold_millis = attempt(context, &name)?;
    let tried = Attempt::Code(account, Secret::new(line));
    answer_after(context, &name, tried, hold_millis);
    Ok(())
}

/// Whether a line looks like a command: a verb in capitals as programs send it, or one of the verbs
/// that people type, alone or with a colon and a text.
fn is_command(line: &str) -> bool {
    let line = line.trim();
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let typed = rest.is_empty() || rest.starts_with(':');
    VERBS.iter().any(|verb| verb.name == first)
        || typed && TYPED.iter().any(|verb| verb.eq_ignore_ascii_case(first))
}

/// Name and password are known.
fn password(context: &mut Context<'_>, user: &str, password: &str) -> Result<(), Refusal> {
    begin(context, user, password, LoginMethod::Verb)
}
