//! `NOTICE target[,target…] :text`: a message that nobody answers automatically, refusals neither.
//!
//! <https://modern.ircdocs.horse/#notice-message>

use super::privmsg::{Draft, to_each};
use super::refusal::Refusal;
use crate::hub::context::Context;
use proto::Message;
use store::EventKind;

/// Carries out `NOTICE`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (Some(targets), Some(text)) = (message.param(0), message.param(1)) else { return Ok(()) };
    let draft = Draft::new(context, (EventKind::Notice, "NOTICE"), text, Some(message));
    match to_each(context, targets, &draft) {
        // The specification forbids to answer; only that a text would be cut is told, or it would
        // be lost unseen.
        Err(Refusal::TextTooLong(most)) => Err(Refusal::TextTooLong(most)),
        _ => Ok(()),
    }
}
