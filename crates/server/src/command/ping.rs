//! `PING token`: answered with `PONG`.
//!
//! <https://modern.ircdocs.horse/#ping-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;

/// Carries out `PING`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let token = message.param(0).filter(|token| !token.is_empty()).ok_or(Refusal::NoOrigin)?;
    let server = context.state.renderer.server.clone();
    context.from_server("PONG", &[&server], token);
    Ok(())
}
