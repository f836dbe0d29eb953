//! `PASS password`: the server password, the account's, or both as `server:account`.
//!
//! <https://modern.ircdocs.horse/#pass-message>

use super::refusal::Refusal;
use crate::command::authentication;
use crate::command::context::Context;
use crate::command::welcome;
use crate::session::login::LoginMethod;
use crate::session::login_attempts::NO_NAME;
use proto::Message;

/// Carries out `PASS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    if let Err(refusal) = context.must_be_private() {
        // A client with a password configured is answered rather than left waiting.
        authentication::refused(context, NO_NAME, LoginMethod::Pass, &refusal);
        return Ok(());
    }
    authentication::pass(context, message.rest(0).unwrap_or_default());
    welcome::register_if_complete(context);
    Ok(())
}
