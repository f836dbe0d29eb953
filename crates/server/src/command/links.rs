//! `LINKS`: the servers of the network, of which there is one.
//!
//! <https://modern.ircdocs.horse/#links-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::welcome::DESCRIPTION;
use proto::{Message, numeric as n};

/// Carries out `LINKS`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    let server = context.state.renderer.server.clone();
    context.numeric(n::RPL_LINKS, &["*", &server], &format!("0 {DESCRIPTION}"));
    context.numeric(n::RPL_ENDOFLINKS, &["*"], "End of /LINKS list");
    Ok(())
}
