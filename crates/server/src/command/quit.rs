//! `QUIT [:reason]`: ends this connection.
//!
//! <https://modern.ircdocs.horse/#quit-message>

use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::SessionEnd;
use crate::limits::KICK_BYTES;
use crate::text::shorten;
use proto::Message;

/// Carries out `QUIT`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let reason = match message.param(0) {
        Some(reason) if !reason.is_empty() => format!("Quit: {}", shorten(reason, KICK_BYTES)),
        _ => "Quit".to_owned(),
    };
    leave(context, &reason);
    Ok(())
}

/// Ends the session of the requester.
pub fn leave(context: &mut Context<'_>, reason: &str) {
    let session = context.requester.session;
    context.out.end_session(SessionEnd {
        session,
        told: Some(reason.into()),
        reason: reason.into(),
    });
}
