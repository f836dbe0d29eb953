//! `EX`: closes the connection, like `QUIT`.

use super::refusal::Refusal;
use crate::command::context::Context;
use proto::Message;

/// Carries out `EX`.
pub fn run(context: &mut Context<'_>, _message: &Message<'_>) -> Result<(), Refusal> {
    context.note("EX", "BYE", &[], "Goodbye");
    super::quit::leave(context, "Left");
    Ok(())
}
