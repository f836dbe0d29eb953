//! `UNREAD [target]`: the number of unread messages in one conversation or in all.
//!
//! Sessions with the capability `parlor/unread` are sent it after their welcome, and when another
//! device moves a read marker. People are told in one sentence when they log in.

use super::chathistory::{conversation, read};
use super::notify;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::{ReadKind, UnreadForm};
use proto::{Capability, Message};
use std::sync::Arc;
use store::{Conversation, EventId};

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
    let form = if is_program(context) { UnreadForm::Batch } else { UnreadForm::Sentences };
    ask(context, of, form);
    Ok(())
}

/// A session has registered: sets from which event on messages are new to its user. `before` is up
/// to where somebody was present before.
pub fn session_registered(context: &mut Context<'_>, before: Option<EventId>) {
    let (user, session) = (context.user(), context.requester.session);
    let others = user.sessions.iter().filter(|other| **other != session);
    let others = others.filter(|other| !user.is_unattended(**other));
    // Sessions at other nodes are unknown here.
    let others = others.filter_map(|other| context.node.sessions.get(other));
    let others = others.map(|other| other.present_until);
    // Nothing precedes a first login.
    let absent_since = others.chain(before).max().unwrap_or(context.state.last_event());
    context.session_mut().absent_since = absent_since;
}

/// Tells a session what is unread, after its welcome: a client everything, a person in a sentence.
/// `full`: it is an IRC client. `again`: it is not the account's first login.
pub fn greet(context: &mut Context<'_>, full: bool, again: bool) {
    if context.user().guest {
        return;
    }
    if is_program(context) {
        notify::show_all(context);
        return ask(context, None, UnreadForm::Batch);
    }
    // Clients with read markers count for themselves, and at a first login nothing is new.
    let unattended = context.user().is_unattended(context.requester.session);
    if again && !unattended && !context.has(Capability::ReadMarker) {
        let notice = full && !context.has(Capability::StandardReplies);
        ask(context, None, UnreadForm::Greeting { notice });
    }
}

/// Tells a session that wants it what is unread in one conversation.
pub fn show_one(context: &mut Context<'_>, conversation: Conversation, name: &Arc<str>) {
    if is_program(context) && !context.user().guest {
        ask(context, Some((conversation, name.clone())), UnreadForm::Batch);
    }
}

fn is_program(context: &Context<'_>) -> bool {
    context.has(Capability::Unread)
}

fn ask(context: &mut Context<'_>, of: Option<(Conversation, Arc<str>)>, form: UnreadForm) {
    let (now, me) = (context.state.now, context.me());
    // A client shows messages as unread until its user has read them, and reports that by markers.
    let unmarked = match form {
        UnreadForm::Batch => 0,
        UnreadForm::Sentences | UnreadForm::Greeting { .. } => context.session().absent_since,
    };
    let muted = notify::muted(&context.state, me);
    read(context, ReadKind::Unread { of, form, unmarked, muted, now });
}

fn no_such(target: &str) -> Refusal {
    let text = "No such user or room, or you may not read its history";
    Refusal::Invalid { code: "INVALID_TARGET", context: vec![target.to_owned()], text }
}
