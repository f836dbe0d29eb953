//! `NOTICE target[,target…] :text`: a message that must not be answered automatically, not even by
//! refusals.
//!
//! <https://modern.ircdocs.horse/#notice-message>

use super::privmsg::{Draft, to_each};
use super::refusal::Refusal;
use crate::state::apply_context::ApplyContext;
use proto::Message;
use store::EventKind;

/// Carries out `NOTICE`. Not even missing parameters or unknown targets are answered.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (Some(targets), Some(text)) = (message.param(0), message.param(1)) else { return Ok(()) };
    let draft = Draft::new(context, (EventKind::Notice, "NOTICE"), text, Some(message));
    match to_each(context, targets, &draft) {
        Err(Refusal::TooManyTargets(beyond)) => Err(Refusal::TooManyTargets(beyond)),
        _ => Ok(()),
    }
}
