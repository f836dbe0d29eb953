//! `LOGIN [user [:password]]`: asks for what is missing, then logs in or registers.

use super::VERBS;
use super::refusal::{Refusal, refuse};
use crate::command::authentication::{begin, may_try};
use crate::session::Prompt;
use crate::session::context::Context;
use crate::session::login::How;
use proto::Message;

/// The verbs that people type.
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
            context.session_mut().prompt = Some(Box::new(Prompt::LoginUser));
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
    let (code, words) = match context.state.account(name) {
        None => ("NEW_USER", "Enter Password:"),
        Some(_) => ("PASSWORD_REQUIRED", "Enter user's password:"),
    };
    context.session_mut().prompt = Some(Box::new(Prompt::LoginPassword(name.to_owned())));
    context.note("LOGIN", code, &[name], words);
    Ok(())
}

/// The line answers the question for the password. One for a new name that cannot be meant as one is
/// refused, and the question stands: a client that gives up says `QUIT`, and that is nobody's password.
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

/// Whether a line is a verb in capitals with what follows it, as programs send them, or one of the
/// verbs that people type, alone or with a text behind a colon.
fn is_command(line: &str) -> bool {
    let line = line.trim();
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let typed = rest.is_empty() || rest.starts_with(':');
    VERBS.iter().any(|verb| verb.name == first)
        || typed && TYPED.iter().any(|verb| verb.eq_ignore_ascii_case(first))
}

/// Name and password are known.
fn password(context: &mut Context<'_>, user: &str, password: &str) -> Result<(), Refusal> {
    begin(context, user, password, How::Verb)
}
