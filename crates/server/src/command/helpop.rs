//! `HELPOP [subject]`: the other name of `HELP`, for clients that keep that one for themselves.

use super::help;
use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;

/// Carries out `HELPOP`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    help::run(context, message)
}
