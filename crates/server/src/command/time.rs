//! `TIME`: what time it is at the server.
//!
//! <https://modern.ircdocs.horse/#time-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use proto::{Message, numeric as n};

/// Carries out `TIME`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    let mut now = Vec::new();
    proto::time::write_date(context.state.now, &mut now);
    let text = format!("{} UTC", String::from_utf8_lossy(&now));
    let server = context.state.renderer.server.clone();
    context.numeric(n::RPL_TIME, &[&server], &text);
    Ok(())
}
