//! `PIN room [msgid or name]`: pins a message for all members of a room; alone: lists the pinned
//! messages.

use super::entry::SharedPart;
use super::privmsg::find;
use super::refusal::Refusal;
use super::room::{readable, tell_members};
use crate::command::context::Context;
use crate::limits::PINS;
use crate::state::apply_context::ApplyContext;
use crate::state::pins::{self, Pin};
use crate::state::records;
use proto::Message;
use proto::time::write_server_time;
use store::{EventId, RecordKind, RoomId};

/// Lists the pinned messages.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    if message.param(1).is_some() {
        return Ok(SharedPart::AsSent);
    }
    list(context, message.param(0).unwrap_or_default())?;
    Ok(SharedPart::None)
}

/// Pins a message.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default();
    let msgid = message.param(1).ok_or(Refusal::NeedMoreParams)?;
    let id = context.room_as_operator(name)?.id;
    let about = event_of(context, id, msgid)?;
    let msgid = &*context.state.renderer.msgid(about);
    let room = &context.state.rooms[&id];
    let (name, by_role) = (room.name.clone(), context.acts_by_role(room));
    if !context.state.recent_messages.is_in(id, about) && !pins::has(context.state, id, about) {
        let text = "This is not one of the latest messages of this room";
        let context = vec![name.to_string(), msgid.to_owned()];
        return Err(Refusal::Invalid { code: "UNKNOWN_MSGID", context, text });
    }
    context.must_be_storable()?;
    if pins::is_full(context.state, id) && !pins::has(context.state, id, about) {
        let text = format!("{PINS} messages are pinned, which is the most; unpin one first");
        let context = vec![name.to_string(), msgid.to_owned()];
        return Err(Refusal::Wrong { code: "LIMIT_REACHED", context, text });
    }
    let by = context.nick();
    if !pins::has(context.state, id, about) {
        let pin = Pin { by: (&*by).into(), time: context.state.now };
        let record = (RecordKind::Pin, id, &*pins::key(about));
        records::set(context.state, context.out, record, Some(&pin));
        let words = [&*name, msgid, &*by];
        let sentence = format!("{by} has pinned the message {msgid}");
        tell_members(context, id, ("PIN", "PINNED", &words), &sentence, &sentence);
        if by_role {
            context.audit("PIN", &format!("{name} {msgid}"), "");
        }
    }
    context.note("PIN", "PINNED", &[&name, msgid, &by], "The message is pinned");
    Ok(())
}

/// Unpins a message.
pub fn remove(context: &mut ApplyContext<'_>, id: RoomId, about: EventId) {
    let record = (RecordKind::Pin, id, &*pins::key(about));
    records::remove(context.state, context.out, record);
}

/// A message is redacted by an operator: unpins it.
pub fn redacted(context: &mut ApplyContext<'_>, id: RoomId, about: EventId) {
    if pins::has(context.state, id, about) {
        remove(context, id, about);
    }
}

/// The message of a msgid, or the newest one by the author of this name in a room: many clients do
/// not show msgids.
pub fn event_of(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    given: &str,
) -> Result<EventId, Refusal> {
    if let Some(event) = store::parse_msgid(&context.state.renderer.instance, given) {
        let is_there = event <= context.state.last_event();
        return is_there.then_some(event).ok_or_else(|| Refusal::BadMsgid(given.to_owned()));
    }
    let newest = find(context, given).ok().and_then(|(author, ..)| {
        let (newest, looked_at) = context.state.recent_messages.since(id, i64::MIN, &[author], 1);
        context.out.spend(looked_at as u64);
        newest.first().copied()
    });
    let text = "This is no msgid, nor the name of somebody who has spoken here lately";
    let about = vec![given.to_owned()];
    newest.ok_or(Refusal::Invalid { code: "BAD_MSGID", context: about, text })
}

fn list(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let id = readable(context, name)?;
    let name = context.state.rooms[&id].name.clone();
    let all = pins::all(&context.state, id);
    for (about, pin) in &all {
        let mut time = Vec::new();
        write_server_time(pin.time, &mut time);
        let (msgid, time) =
            (context.state.renderer.msgid(*about), String::from_utf8_lossy(&time).into_owned());
        let text = format!("Pinned by {}", pin.by);
        context.note("PIN", "ENTRY", &[&name, &msgid, &pin.by, &time], &text);
    }
    let count = all.len().to_string();
    let text = match all.len() {
        0 => "No message is pinned".to_owned(),
        _ => format!("CHATHISTORY AROUND {name} msgid=<msgid> 1 shows a message"),
    };
    context.note("PIN", "END", &[&name, &count], &text);
    Ok(())
}
