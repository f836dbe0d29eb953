//! `UNQUIET room mask or name`: lets somebody speak again.

use super::ban;
use super::refusal::Refusal;
use crate::state::apply_context::ApplyContext;
use proto::Message;

/// Carries out `UNQUIET`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    ban::remove(context, message, ban::QUIET, "UNQUIET")
}
