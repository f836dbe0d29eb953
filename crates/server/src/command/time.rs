//! `TIME [server]`: the server's time.
//!
//! <https://modern.ircdocs.horse/#time-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::{Message, numeric as n};

/// Carries out `TIME`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.check_server(message.param(0))?;
    let (now, server) = (context.state.now, context.state.renderer.server.clone());
    let mut text = Vec::new();
    proto::time::write_date(now, &mut text);
    let text = format!("{} UTC", String::from_utf8_lossy(&text));
    context.numeric(n::RPL_TIME, &[&server, &(now / 1000).to_string()], &text);
    Ok(())
}
