//! `PONG`: a sign of life. The shard has noticed it already, as it does every line.

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;

/// Carries out `PONG`.
pub fn run(_context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    Ok(())
}
