//! `USER username 0 * :realname`. The user name is the account's or a fixed one, so only the last parameter counts.
//!
//! <https://modern.ircdocs.horse/#user-message>

use super::quit::shorten;
use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::welcome;
use crate::limits::REALNAME_BYTES;
use proto::Message;

/// Carries out `USER`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let realname = message.param(3).unwrap_or_default();
    let Some(entering) = context.entering() else { return Err(Refusal::AlreadyRegistered) };
    if entering.realname.is_some() {
        return Err(Refusal::AlreadyRegistered);
    }
    entering.realname = Some(shorten(realname, REALNAME_BYTES).to_owned());
    welcome::register_if_complete(context);
    Ok(())
}
