//! `UNPIN room msgid-or-name`: unpins a message.

use super::pin::{event_of, remove};
use super::refusal::Refusal;
use super::room::tell_members;
use crate::state::apply_context::ApplyContext;
use crate::state::pins;
use proto::Message;

/// Carries out `UNPIN`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (name, msgid) =
        (message.param(0).unwrap_or_default(), message.param(1).unwrap_or_default());
    let id = context.room_as_operator(name)?.id;
    let about = event_of(context, id, msgid)?;
    let msgid = &*context.state.renderer.msgid(about);
    let room = &context.state.rooms[&id];
    let (name, by_role) = (room.name.clone(), context.acts_by_role(room));
    if !pins::has(context.state, id, about) {
        let text = "This message is not pinned";
        let context = vec![name.to_string(), msgid.to_owned()];
        return Err(Refusal::Invalid { code: "NOT_PINNED", context, text });
    }
    remove(context, id, about);
    let by = context.nick();
    let words = [&*name, msgid, &*by];
    let sentence = format!("{by} has unpinned the message {msgid}");
    tell_members(context, id, ("PIN", "UNPINNED", &words), &sentence, &sentence);
    if by_role {
        context.audit("UNPIN", &format!("{name} {msgid}"), "");
    }
    context.note("UNPIN", "UNPINNED", &[&name, msgid], "The message is no longer pinned");
    Ok(())
}
