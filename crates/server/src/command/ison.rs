//! `ISON name…`: which of these names are online.
//!
//! <https://modern.ircdocs.horse/#ison-message>

use super::names::lines;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::limits::NAMES_LINE_BYTES;
use proto::{Message, numeric as n};

/// Carries out `ISON`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let names = message.params().iter().flat_map(|param| param.split(' ')).collect();
    let names = super::once(names).into_iter();
    let online: Vec<_> =
        names.filter_map(|name| context.state.online(name)).map(|user| user.nick.clone()).collect();
    let lines = lines(online.iter().map(|nick| &**nick), NAMES_LINE_BYTES);
    for line in if lines.is_empty() { vec![String::new()] } else { lines } {
        context.numeric(n::RPL_ISON, &[], &line);
    }
    Ok(())
}
