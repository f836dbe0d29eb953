//! `PART room[,room…] [:reason]`: leaves rooms.
//!
//! <https://modern.ircdocs.horse/#part-message>

use super::refusal::{Refusal, refuse};
use crate::effects::Condition;
use crate::limits::KICK_BYTES;
use crate::state::apply_context::ApplyContext;
use crate::state::founder;
use crate::state::membership;
use crate::text::shorten;
use proto::Message;
use store::{EventKind, RoomId};

/// Carries out `PART`. Each room is answered separately.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let reason = shorten(message.param(1).unwrap_or_default(), KICK_BYTES);
    for name in super::once(super::names_of(message.param(0).unwrap_or_default())?) {
        context.out.resume(Condition::Always);
        let room = context.my_room(name).map(|(room, _)| room.id);
        match room {
            Err(refusal) => refuse(context, "PART", &refusal),
            Ok(room) if Some(room) == context.state.lobby => {
                let name = context.state.rooms[&room].name.clone();
                refuse(context, "PART", &Refusal::LobbyStays(name));
            }
            Ok(room) => part(context, room, reason),
        }
    }
    Ok(())
}

/// Leaves all rooms but the lobby.
pub fn all(context: &mut ApplyContext<'_>) {
    for room in context.user().rooms.clone() {
        if Some(room) != context.state.lobby {
            part(context, room, "");
        }
    }
}

fn part(context: &mut ApplyContext<'_>, room: RoomId, reason: &str) {
    let me = context.me();
    context.tell_change(room, EventKind::Part, "", reason, "PART");
    founder::keep_role(context.state, context.out, room, me);
    membership::leave(context.state, context.out, me, room);
}
