//! `QUIET room [mask or name [duration] [take-back=duration] [:reason]]`: forbids people to speak
//! in a room, with a reason and an end. The entries are those of mode `q`.

use super::ban;
use super::refusal::Refusal;
use crate::state::apply_context::ApplyContext;
use proto::Message;

/// Carries out `QUIET`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    ban::add_or_list(context, message, ban::QUIET)
}
