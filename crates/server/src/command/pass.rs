//! `PASS password`: the server's own password, the account's, or both as `server:account`.
//!
//! <https://modern.ircdocs.horse/#pass-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::login::{self, How};
use crate::hub::login_attempts::NOBODYS_NAME;
use crate::hub::welcome;
use proto::Message;

/// Carries out `PASS`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    if let Err(refusal) = context.must_be_private() {
        // Whoever filled in the password box of a client is not left waiting.
        login::refused(context, NOBODYS_NAME, How::Pass, &refusal);
        return Ok(());
    }
    login::pass(context, message.rest(0).unwrap_or_default());
    welcome::register_if_complete(context);
    Ok(())
}
