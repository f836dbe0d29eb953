//! `VERSION`: which program this is.
//!
//! <https://modern.ircdocs.horse/#version-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::welcome::{VERSION, show_isupport};
use proto::{Message, numeric as n};

/// Carries out `VERSION`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    let server = context.state.renderer.server.clone();
    context.numeric(n::RPL_VERSION, &[VERSION, &server], "Parlor");
    show_isupport(context);
    Ok(())
}
