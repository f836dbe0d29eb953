//! `MARKREAD target [timestamp=…]`: how far a person has read a conversation, on any device.
//!
//! <https://ircv3.net/specs/extensions/read-marker>

use super::chathistory::conversation;
use super::entry::SharedPart;
use super::refusal::Refusal;
use super::unread;
use crate::command::context::Context;
use crate::effects::{Condition, Effect, FollowUp};
use crate::limits::READ_MARKERS;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::undo::Undo;
use proto::name::{check_name, check_room};
use proto::time::{parse_server_time, write_server_time};
use proto::{Capability, Message};
use std::sync::Arc;
use store::{Conversation, RoomId, Write};

/// Shows a marker.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let target = message.param(0).ok_or(Refusal::NeedMoreParams)?;
    if message.param(1).is_some() {
        return Ok(SharedPart::AsSent);
    }
    match conversation(context, target).map_err(|_| invalid(target)) {
        Ok((conversation, name)) => reply(context, conversation, &name),
        // Without a marker, the answer does not reveal whether the target exists.
        Err(_) if check_room(target).is_ok() || check_name(target).is_ok() => {
            context.from_server_only("MARKREAD", &[target, "*"]);
        }
        Err(refusal) => return Err(refusal),
    }
    Ok(SharedPart::None)
}

/// Sets a marker.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let target = message.param(0).ok_or(Refusal::NeedMoreParams)?;
    let given = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let (conversation, name) = conversation(context, target).map_err(|_| invalid(target))?;
    let time = given.strip_prefix("timestamp=").and_then(parse_server_time);
    let time = time.ok_or_else(|| invalid(given))?.min(context.state.now);
    let me = context.me();
    let before = context.state.read_markers.get(me, conversation);
    // A marker ahead of the clock was set while the clock was wrong; it must not hide new messages.
    if before.is_some_and(|before| time <= before && before <= context.state.now) {
        reply(context, conversation, &name);
        return Ok(());
    }
    if before.is_none() && context.state.read_markers.of(me).count() >= READ_MARKERS {
        let text = "You have the maximum number of read markers";
        return Err(Refusal::Invalid {
            code: "INTERNAL_ERROR",
            context: vec![name.to_string()],
            text,
        });
    }
    context.state.read_markers.set(me, conversation, time);
    if !context.user().guest {
        context.note_undo(Undo::ReadMarker(me, conversation, before));
        let write = context.out.write(Write::ReadMarker { account: me, conversation, time });
        let failed =
            Effect::NotStored { to: context.requester.session, verb: "MARKREAD", tag: None };
        context.out.push_when(Condition::Failed(write), failed);
    }
    reply(context, conversation, &name);
    context.out.follow_up(FollowUp::ShowMarker { conversation, name });
    Ok(())
}

/// Sends the requester's other devices at this node a marker that was set, and what it leaves
/// unread.
pub fn show_others(context: &mut Context<'_>, conversation: Conversation, name: &Arc<str>) {
    let Some(user) = context.requester.user.and_then(|me| context.state.users.get(&me)) else {
        return;
    };
    for session in user.sessions.clone() {
        if session != context.requester.session && context.node.sessions.contains_key(&session) {
            let mut other = context.of(session);
            show(&mut other, conversation, name);
            unread::show_one(&mut other, conversation, name);
        }
    }
}

/// Sends the requester's read marker for a room, after its `JOIN`.
pub fn show_room(context: &mut Responder<'_, impl Reads>, room: RoomId) {
    let name = context.state.rooms[&room].name.clone();
    show(context, Conversation::room(room), &name);
}

/// Sends a marker to a session that wants them.
fn show(context: &mut Responder<'_, impl Reads>, conversation: Conversation, name: &str) {
    if context.has(Capability::ReadMarker) {
        reply(context, conversation, name);
    }
}

fn reply(context: &mut Responder<'_, impl Reads>, conversation: Conversation, name: &str) {
    let marker = context.state.read_markers.get(context.me(), conversation);
    let time = match marker {
        Some(time) => {
            let mut stamp = b"timestamp=".to_vec();
            write_server_time(time, &mut stamp);
            String::from_utf8_lossy(&stamp).into_owned()
        }
        None => "*".to_owned(),
    };
    context.from_server_only("MARKREAD", &[name, &time]);
}

fn invalid(given: &str) -> Refusal {
    let text = "Give a room that you are in or a user, and timestamp=YYYY-MM-DDThh:mm:ss.sssZ";
    Refusal::Invalid { code: "INVALID_PARAMS", context: vec![given.to_owned()], text }
}
