//! `BM [:text]`: a message to everyone online.

use super::entry::SharedPart;
use super::privmsg::{Draft, to_room};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Confirmation;
use crate::session::Prompt;
use crate::state::apply_context::ApplyContext;
use proto::Message;
use store::EventKind;

/// Asks for the text if it is missing.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    context.state.lobby.ok_or(Refusal::NoLobby)?;
    if message.rest(0).is_some() {
        return Ok(SharedPart::AsSent);
    }
    context.session_mut().extras_mut().prompt = Some(Box::new(Prompt::BmText));
    context.note("BM", "TEXT_REQUIRED", &[], "Enter the message:");
    Ok(SharedPart::None)
}

/// Carries out `BM`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    send(context, message.rest(0).unwrap_or_default(), Some(message))
}

/// Sends the text to the lobby.
pub fn send(
    context: &mut ApplyContext<'_>,
    text: &str,
    tagged: Option<&Message<'_>>,
) -> Result<(), Refusal> {
    let lobby = context.state.lobby.ok_or(Refusal::NoLobby)?;
    let draft = Draft::new(context, (EventKind::Message, "BM"), text, tagged);
    to_room(context, lobby, draft, Some(Confirmation::Broadcast))
}
