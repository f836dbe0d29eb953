//! `LINKS`: the servers of the network: this one.
//!
//! <https://modern.ircdocs.horse/#links-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::{Message, numeric as n};

/// Carries out `LINKS`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    let server = context.state.renderer.server.clone();
    let text = format!("0 {}", context.node.config.server.description);
    context.numeric(n::RPL_LINKS, &[&server, &server], &text);
    context.numeric(n::RPL_ENDOFLINKS, &["*"], "End of /LINKS list");
    Ok(())
}
