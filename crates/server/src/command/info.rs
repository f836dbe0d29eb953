//! `INFO [server]`: what this program is.
//!
//! <https://modern.ircdocs.horse/#info-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::welcome::VERSION;
use proto::{Message, numeric as n};

/// Carries out `INFO`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.check_server(message.param(0))?;
    let mut started = Vec::new();
    proto::time::write_date(context.node.started, &mut started);
    let started = String::from_utf8_lossy(&started).into_owned();
    for line in [
        VERSION,
        "Parlor: a chat server you start with one command.",
        "Acknowledged messages are on disk; missed ones are in the history.",
        "Free software, under the MIT licence or the Apache Licence 2.0, at your option.",
        &format!("This server was started {started} UTC"),
    ] {
        context.numeric(n::RPL_INFO, &[], line);
    }
    context.numeric(n::RPL_ENDOFINFO, &[], "End of INFO list");
    Ok(())
}
