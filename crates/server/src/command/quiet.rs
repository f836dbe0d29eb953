//! `QUIET room [mask or name [duration] [take-back=duration] [:reason]]`: forbids people to speak
//! in a room, with a reason and an end. The entries are those of mode `q`.

use super::ban;
use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::state::apply_context::ApplyContext;
use proto::Message;

/// Lists quiets.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    ban::list_or_add(context, message, ban::QUIET)
}

/// Quiets.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    ban::add(context, message, ban::QUIET)
}
