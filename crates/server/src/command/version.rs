//! `VERSION [server]`: the program's version, and what it supports.
//!
//! <https://modern.ircdocs.horse/#version-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::welcome::VERSION;
use crate::config::DESCRIPTION;
use proto::{Message, numeric as n};

/// Carries out `VERSION`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.check_server(message.param(0))?;
    let server = context.state.renderer.server.clone();
    context.numeric(n::RPL_VERSION, &[VERSION, &server], DESCRIPTION);
    super::isupport::show(context);
    Ok(())
}
