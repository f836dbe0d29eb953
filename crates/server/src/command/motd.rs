//! `MOTD [server]`: the message of the day.
//!
//! <https://modern.ircdocs.horse/#motd-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::{Message, numeric as n};

/// Carries out `MOTD`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.check_server(message.param(0))?;
    show(context);
    Ok(())
}

/// Replies with the message of the day.
pub fn show(context: &mut Context<'_>) {
    let config = context.node.config.clone();
    if config.server.motd.is_empty() {
        context.numeric(n::ERR_NOMOTD, &[], "There is no message of the day");
        return;
    }
    let start = format!("- {} Message of the day - ", config.server.name);
    context.numeric(n::RPL_MOTDSTART, &[], &start);
    for line in config.server.motd.lines() {
        context.numeric(n::RPL_MOTD, &[], line);
    }
    context.numeric(n::RPL_ENDOFMOTD, &[], "End of /MOTD command.");
}
