//! `REHASH`: an operator of the server has the config file read again.
//!
//! The hub reads no file: it asks for it by an effect, and the config comes back as an input; see
//! [`crate::hub::reload`].
//!
//! <https://modern.ircdocs.horse/#rehash-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Effect;
use proto::{Message, numeric as n};

/// Carries out `REHASH`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    context.must_have_right("REHASH", "")?;
    if std::mem::replace(&mut context.node.reloading, true) {
        return Err(Refusal::RereadingAlready);
    }
    // Who is an operator is so by a config file.
    let file = context.state.config.file_name().unwrap_or_default();
    context.numeric(n::RPL_REHASHING, &[&file], "Rehashing");
    context.audit("REHASH", &file, "");
    let by = context.asker.session;
    context.out.push(Effect::Reload { by });
    Ok(())
}
