//! `LOGIN [user [:password]]`: asks for what is missing, then logs in or registers.

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::login::{How, begin, may_try};
use crate::hub::session::Prompt;
use proto::Message;

/// Carries out `LOGIN`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.must_be_private()?;
    match (message.param(0), message.rest(1)) {
        (None, _) => {
            if let Some(user) = context.known().user {
                let name = context.state.users[&user].nick.clone();
                return Err(Refusal::AlreadyLoggedIn(name));
            }
            context.known_mut().prompt = Some(Box::new(Prompt::LoginUser));
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
    context.known_mut().prompt = Some(Box::new(Prompt::LoginPassword(name.to_owned())));
    context.note("LOGIN", code, &[name], words);
    Ok(())
}

/// Name and password are known.
pub fn password(context: &mut Context<'_>, user: &str, password: &str) -> Result<(), Refusal> {
    begin(context, user, password, How::Verb)
}
