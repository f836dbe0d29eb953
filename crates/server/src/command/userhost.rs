//! `USERHOST name…`: the sources of up to five users, and whether they are away.
//!
//! <https://modern.ircdocs.horse/#userhost-message>

use super::names::lines;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::limits::NAMES_LINE_BYTES;
use proto::{Message, numeric as n};

/// Names in one `USERHOST`; others are ignored.
const NAMES: usize = 5;

/// Carries out `USERHOST`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let server = context.state.renderer.server.clone();
    let names = message.params().iter().flat_map(|param| param.split(' '));
    let names = super::once(names.filter(|name| !name.is_empty()).collect());
    let names = names.into_iter().take(NAMES);
    let replies: Vec<String> = names
        .filter_map(|name| context.state.online(name))
        .map(|user| {
            let operator = if user.is_operator() { "*" } else { "" };
            let away = if user.away.is_some() { '-' } else { '+' };
            let author = user.author();
            let (username, host) = (author.username(), author.host(&server));
            format!("{}{operator}={away}{username}@{host}", user.nick)
        })
        .collect();
    let lines = lines(replies.iter().map(String::as_str), NAMES_LINE_BYTES);
    for line in if lines.is_empty() { vec![String::new()] } else { lines } {
        context.numeric(n::RPL_USERHOST, &[], &line);
    }
    Ok(())
}
