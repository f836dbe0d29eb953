//! `TAGMSG target[,target…]`: a message of tags without a text.
//!
//! <https://ircv3.net/specs/extensions/message-tags#the-tagmsg-tag-only-message>

use super::privmsg::{Draft, to_each};
use super::refusal::Refusal;
use crate::state::apply_context::ApplyContext;
use proto::{Capability, Message};
use store::EventKind;

/// Carries out `TAGMSG`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    if !context.has(Capability::MessageTags) {
        return Err(Refusal::UnknownCommand(message.verb.to_owned()));
    }
    let draft = Draft::new(context, (EventKind::Tagmsg, "TAGMSG"), "", Some(message));
    let targets = message.param(0).unwrap_or_default();
    // Without a tag there is nothing to send; a missing target is still an error.
    if draft.tags.is_empty() && super::names_of(targets).is_ok() {
        return Ok(());
    }
    to_each(context, targets, &draft)
}
