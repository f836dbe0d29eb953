//! `BM [:text]`: a message to everyone online.

use super::privmsg::{Draft, to_room};
use super::refusal::Refusal;
use crate::effects::Confirmation;
use crate::session::Prompt;
use crate::session::context::Context;
use proto::Message;
use store::EventKind;

/// Carries out `BM`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    context.state.lobby.ok_or(Refusal::NoLobby)?;
    match message.rest(0) {
        Some(text) => send(context, text, Some(message)),
        None => {
            context.session_mut().prompt = Some(Box::new(Prompt::BmText));
            context.note("BM", "TEXT_REQUIRED", &[], "Enter the message:");
            Ok(())
        }
    }
}

/// Sends the text to the lobby.
pub fn send(
    context: &mut Context<'_>,
    text: &str,
    tagged: Option<&Message<'_>>,
) -> Result<(), Refusal> {
    let lobby = context.state.lobby.ok_or(Refusal::NoLobby)?;
    context.look_at_space();
    let draft = Draft::new(context, (EventKind::Message, "BM"), text, tagged);
    to_room(context, lobby, draft, Some(Confirmation::Broadcast))
}
