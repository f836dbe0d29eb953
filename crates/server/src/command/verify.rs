//! `VERIFY account code`: would complete a registration; here none needs that.
//!
//! <https://ircv3.net/specs/extensions/account-registration>

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;
use std::sync::Arc;

/// Carries out `VERIFY`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    match account(context) {
        Some(account) => Err(Refusal::AlreadyAuthenticated(account)),
        None => Err(Refusal::NothingToVerify(message.param(0).unwrap_or_default().to_owned())),
    }
}

/// The account that the session has logged in to, with or without being registered.
pub fn account(context: &Context<'_>) -> Option<Arc<str>> {
    let session = context.session();
    match (session.user, &session.registration) {
        (Some(user), _) => context.state.users[&user].account().cloned(),
        (None, Some(registration)) => {
            registration.account.as_ref().map(|account| account.name.clone())
        }
        (None, None) => None,
    }
}
