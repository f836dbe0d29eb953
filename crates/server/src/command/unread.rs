//! `UNREAD [target]`: how much the asker has not read, in one conversation or in all of them.
//!
//! Sessions with the capability `parlor/unread` are told without asking after their welcome, and when
//! another device moves a read marker.

use super::chathistory::{conversation, read};
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::ReadKind;
use crate::state::applying::{Answering, Reads};
use proto::{Capability, Message};
use std::sync::Arc;
use store::Conversation;

/// Carries out `UNREAD`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    if context.user().guest {
        let text = "Only accounts have unread counts; log in or register first";
        return Err(Refusal::Invalid { code: "ACCOUNT_REQUIRED", context: Vec::new(), text });
    }
    let of = match message.param(0).filter(|target| !target.is_empty()) {
        Some(target) => Some(conversation(context, target).map_err(|_| no_such(target))?),
        None => None,
    };
    ask(context, of);
    Ok(())
}

/// Tells a session that wants it what is unread, after its welcome.
pub fn show_all(context: &mut Answering<'_, impl Reads>) {
    if wants(context) {
        ask(context, None);
    }
}

/// Tells a session that wants it what is unread in one conversation.
pub fn show_one(
    context: &mut Answering<'_, impl Reads>,
    conversation: Conversation,
    name: &Arc<str>,
) {
    if wants(context) {
        ask(context, Some((conversation, name.clone())));
    }
}

fn wants(context: &Answering<'_, impl Reads>) -> bool {
    context.has(Capability::Unread) && !context.user().guest
}

fn ask(context: &mut Answering<'_, impl Reads>, of: Option<(Conversation, Arc<str>)>) {
    let now = context.state.now;
    read(context, ReadKind::Unread { of, now });
}

fn no_such(target: &str) -> Refusal {
    let text = "No such user or room, or you may not read its history";
    Refusal::Invalid { code: "INVALID_TARGET", context: vec![target.to_owned()], text }
}
