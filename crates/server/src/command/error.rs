//! `ERROR`: sent only by servers; ignored from clients.

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;

/// Carries out `ERROR`.
pub fn run(_context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    Ok(())
}
