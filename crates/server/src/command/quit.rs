//! `QUIT [:reason]`: ends this connection.
//!
//! <https://modern.ircdocs.horse/#quit-message>

use super::refusal::Refusal;
use crate::command::ending;
use crate::limits::KICK_BYTES;
use crate::session::context::Context;
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

/// Ends the session of the asker.
pub fn leave(context: &mut Context<'_>, reason: &str) {
    // The command is answered before its session ends.
    let server = context.state.renderer.server.clone();
    context.out.end(&server);
    let Context { applying, node } = context;
    let (state, out, session) = (&mut *applying.state, &mut *applying.out, &applying.asker.session);
    ending::end_session(state, node, out, *session, reason);
}
