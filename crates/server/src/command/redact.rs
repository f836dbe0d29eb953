//! `REDACT target msgid [:reason]`: redacts a message. Its text is overwritten on disk.
//!
//! <https://ircv3.net/specs/extensions/message-redaction>

use super::chathistory::conversation;
use super::privmsg::{confirm, tell_both};
use super::refusal::Refusal;
use crate::effects::{Condition, Effect, Rooms};
use crate::limits::KICK_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::state::user::UserId;
use crate::text::shorten;
use proto::{Capability, Line, Message};
use std::sync::Arc;
use store::{Conversation, Event, EventId, EventKind, Refused, RoomId, Write};

/// The refusal for an unknown message, whether the hub or the store finds that out.
const UNKNOWN: &str = "There is no such message; it may already have been deleted";

/// Carries out `REDACT`, also if it is typed in a client without the capability. Users can redact
/// their own messages at any time, and operators those of others in their rooms. Only the store
/// knows the message, so it decides.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (target, given) =
        (message.param(0).unwrap_or_default(), message.param(1).unwrap_or_default());
    let reason = shorten(message.param(2).unwrap_or_default(), KICK_BYTES);
    let (conversation, name) = match conversation(context, target) {
        // Operators of the server may redact everywhere, in the room or not.
        Err(_) if context.user().is_operator() && context.room(target).is_ok() => {
            let room = context.room(target)?;
            (Conversation::room(room.id), room.name.clone())
        }
        found => found?,
    };
    let about = match conversation.as_room() {
        Some(room) => super::pin::event_of(context, room, given).ok(),
        None => store::parse_msgid(&context.state.renderer.instance, given),
    };
    let Some(about) = about else { return Err(unknown(&name, given)) };
    let msgid = &*context.state.renderer.msgid(about);
    let receiver = if conversation.as_room().is_some() { "" } else { &*name };
    let event = context.event(conversation, EventKind::Redact, receiver, reason, "");
    let event = Event { about: Some(about), ..event };
    let news = context.news_of(&event, &name);
    let anybodys = conversation.as_room().is_some() && context.room_as_operator(&name).is_ok();
    if let Some(room) = conversation.as_room().filter(|_| anybodys) {
        super::pin::redacted(context, room, about);
    }
    let room = conversation.as_room().map(|room| &context.state.rooms[&room]);
    let by_role = room.is_some_and(|room| context.acts_by_role(room));
    // Only the store knows the author.
    let audit = by_role.then(|| context.audit_entry("REDACT", &format!("{name} {msgid}"), reason));
    let write = Write::Redact { event: Arc::new(event), anybodys, audit };
    let write = context.out.write(write);
    say_why_not(context, write, &name, msgid);
    match conversation.as_room() {
        Some(room) => {
            let except = vec![context.requester.session];
            context.out.push(Effect::Tell { rooms: Rooms::One(room), except, news });
        }
        None => tell_both(context, other(conversation, context.me()), news, false),
    }
    confirm(context, EventKind::Redact, news, None);
    // It was typed in a client without the capability.
    if !context.has(Capability::MessageRedaction) {
        context.note("REDACT", "REDACTED", &[&name, msgid], "The message is deleted");
    }
    Ok(())
}

/// An operator redacts a message of a room along with others; if it was redacted before, nobody is
/// told. Further effects do not depend on it.
pub fn in_room(context: &mut ApplyContext<'_>, room: RoomId, about: EventId, reason: &str) {
    let when = context.out.condition();
    let name = context.state.rooms[&room].name.clone();
    super::pin::redacted(context, room, about);
    let event = context.event(Conversation::room(room), EventKind::Redact, "", reason, "");
    let event = Event { about: Some(about), ..event };
    let news = context.news_of(&event, &name);
    context.out.write(Write::Redact { event: Arc::new(event), anybodys: true, audit: None });
    context.out.push(Effect::Tell { rooms: Rooms::One(room), except: Vec::new(), news });
    context.out.resume(when);
}

fn other(conversation: Conversation, me: UserId) -> UserId {
    conversation.other(me).expect("the requester is one of the two")
}

fn unknown(target: &str, msgid: &str) -> Refusal {
    let context = vec![target.to_owned(), msgid.to_owned()];
    Refusal::Invalid { code: "UNKNOWN_MSGID", context, text: UNKNOWN }
}

/// The answers for the case that the store refuses or fails.
fn say_why_not(context: &mut ApplyContext<'_>, write: u32, target: &str, msgid: &str) {
    let to = context.requester.session;
    let failed = Effect::NotStored { to, verb: "REDACT", tag: None };
    context.out.push_when(Condition::Failed(write), failed);
    let server = context.state.renderer.server.clone();
    let answers = [
        (Refused::NoSuchEvent, "UNKNOWN_MSGID", UNKNOWN),
        (
            Refused::NotTheirs,
            "REDACT_FORBIDDEN",
            "Only its author and operators of the room can delete a message",
        ),
    ];
    for (why, code, text) in answers {
        let text = context.out.span(|out| {
            let line = Line::to(out).source(&server).verb("FAIL").param("REDACT").param(code);
            line.param(target).param(msgid).text(text).end();
        });
        context
            .out
            .push_when(Condition::Refused(write, why), Effect::Refused { to, text, tag: None });
    }
}
