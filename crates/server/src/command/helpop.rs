//! `HELPOP [subject]`: another name for `HELP`, for clients that have a `/help` of their own.

use super::help;
use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;

/// Carries out `HELPOP`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    help::run(context, message)
}
