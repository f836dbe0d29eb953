//! `USERHOST name…`: sources of up to five users.
//!
//! <https://modern.ircdocs.horse/#userhost-message>

use super::names::lines;
use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::limits::NAMES_LINE_BYTES;
use proto::{Message, numeric as n};

/// Names that one `USERHOST` may ask for.
const NAMES: usize = 5;

/// Carries out `USERHOST`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let server = context.state.renderer.server.clone();
    let online = message.params().iter().take(NAMES).filter_map(|name| context.state.online(name));
    let replies: Vec<String> = online
        .map(|user| {
            let operator = if user.operator { "*" } else { "" };
            let away = if user.away.is_some() { '-' } else { '+' };
            format!("{}{operator}={away}{}@{server}", user.nick, user.username())
        })
        .collect();
    let lines = lines(replies.iter().map(String::as_str), NAMES_LINE_BYTES);
    for line in if lines.is_empty() { vec![String::new()] } else { lines } {
        context.numeric(n::RPL_USERHOST, &[], &line);
    }
    Ok(())
}
