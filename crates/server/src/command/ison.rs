//! `ISON name…`: which of these are online.
//!
//! <https://modern.ircdocs.horse/#ison-message>

use super::refusal::Refusal;
use crate::hub::context::Context;
use proto::{Message, numeric as n};

/// Carries out `ISON`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let names = message.params().iter().flat_map(|param| param.split(' '));
    let online: Vec<_> =
        names.filter_map(|name| context.state.online(name)).map(|user| user.nick.clone()).collect();
    context.numeric(n::RPL_ISON, &[], &online.join(" "));
    Ok(())
}
