//! `PIN room [msgid]`: keeps a message in view of all members of a room; alone: lists them.

use super::refusal::Refusal;
use super::room::{readable, tell_members};
use crate::limits::PINS;
use crate::state::applying::Applying;
use crate::state::pins::{self, Pin};
use crate::state::records;
use proto::Message;
use proto::time::write_server_time;
use store::{EventId, RecordKind, RoomId};

/// Carries out `PIN`.
pub fn run(context: &mut Applying<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let name = message.param(0).unwrap_or_default();
    let Some(msgid) = message.param(1) else { return list(context, name) };
    let (id, about) = (context.room_as_operator(name)?.id, event_of(context, msgid)?);
    let room = &context.state.rooms[&id];
    let (name, by_role) = (room.name.clone(), context.acts_by_role(room));
    if !context.state.spoken.is_in(id, about) && !pins::has(context.state, id, about) {
        let text = "This is none of the latest messages of this room";
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

/// A message is not pinned any more.
pub fn remove(context: &mut Applying<'_>, id: RoomId, about: EventId) {
    let record = (RecordKind::Pin, id, &*pins::key(about));
    records::remove(context.state, context.out, record);
}

/// An operator takes a message back: it is not pinned any more.
pub fn taken_back(context: &mut Applying<'_>, id: RoomId, about: EventId) {
    if pins::has(context.state, id, about) {
        remove(context, id, about);
    }
}

/// The message of a msgid.
pub fn event_of(context: &Applying<'_>, msgid: &str) -> Result<EventId, Refusal> {
    let event = store::parse_msgid(&context.state.renderer.instance, msgid);
    let event = event.filter(|event| *event <= context.state.last_event());
    event.ok_or_else(|| Refusal::BadMsgid(msgid.to_owned()))
}

fn list(context: &mut Applying<'_>, name: &str) -> Result<(), Refusal> {
    let id = readable(context, name)?;
    let name = context.state.rooms[&id].name.clone();
    let all = pins::all(context.state, id);
    for (about, pin) in &all {
        let mut time = Vec::new();
        write_server_time(pin.time, &mut time);
        let (msgid, time) =
            (context.state.renderer.msgid(*about), String::from_utf8_lossy(&time).into_owned());
        let text = format!("Pinned by {}", pin.by);
        context.note("PIN", "ENTRY", &[&name, &msgid, &pin.by, &time], &text);
    }
    let count = all.len().to_string();
    context.note("PIN", "END", &[&name, &count], "These messages are pinned");
    Ok(())
}
