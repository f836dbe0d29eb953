//! `UNBAN room mask or name`: ends a ban.

use super::ban;
use super::refusal::Refusal;
use crate::state::apply_context::ApplyContext;
use proto::Message;

/// Carries out `UNBAN`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    ban::remove(context, message, ban::BAN, "UNBAN")
}
