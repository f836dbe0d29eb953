//! From where on members may read a room's history. Whatever shows history of rooms goes by
//! [`since`]: nothing up to that event is theirs to see.
//!
//! A room that keeps to itself what was said before somebody came is *closed*: by its metadata
//! `history`, or, without that, as long as it is secret or for the invited (`+s`, `+i`). Who joins it
//! then reads from there on; and when it is opened, what was said until then stays closed to who
//! comes later.

use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::metadata::Keys;
use crate::state::room::{Room, Settings};
use crate::state::user::UserId;
use store::{EventId, RoomId, Write};

/// The key of a room's metadata that says who may read what was said before they came.
pub const KEY: &str = "history";
/// All members may.
pub const MEMBERS: &str = "members";
/// Nobody may: each from where they came in.
pub const SINCE_JOIN: &str = "since-join";
/// Nobody may read anything, whenever it was said.
pub const NONE: &str = "none";
/// Behind it there is no event.
const NOTHING: EventId = i64::MAX as EventId;
/// In the store: whoever comes.
pub const ANYBODY: UserId = 0;

fn is_closed(settings: &Settings, keys: &Keys) -> bool {
    match keys.get(KEY).map(|value| &**value) {
        Some(MEMBERS) => false,
        Some(SINCE_JOIN | NONE) => true,
        _ => settings.flags.contains(&'s') || settings.flags.contains(&'i'),
    }
}

/// The event behind which who comes into a room now may read. Everybody is in the lobby, so it is
/// never closed.
pub fn at_join(state: &State, room: &Room) -> EventId {
    match is_closed(&room.settings, &room.metadata) {
        _ if Some(room.id) == state.lobby => 0,
        true => state.last_event(),
        false => room.settings.closed_until,
    }
}

/// The event behind which a member may read a room.
pub fn since(state: &State, room: &Room, user: UserId) -> EventId {
    let lobby = Some(room.id) == state.lobby;
    if !lobby && room.metadata.get(KEY).is_some_and(|value| &**value == NONE) {
        return NOTHING;
    }
    room.members.get(&user).map_or(NOTHING, |member| member.since)
}

/// A room's settings or metadata are to change, of which these are as they were: if that opens it,
/// what was said stays closed. Returns whether it was noted in the settings.
pub fn changed(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    settings: &Settings,
    keys: &Keys,
) -> bool {
    let last = context.state.last_event();
    let lobby = Some(id) == context.state.lobby;
    let room = context.state.rooms.get_mut(&id).expect("the caller has looked the room up");
    let opens = is_closed(settings, keys) && !is_closed(&room.settings, &room.metadata);
    if lobby || !opens || room.settings.closed_until == last {
        return false;
    }
    room.settings.closed_until = last;
    context.out.write(Write::ReadsFrom { room: id, account: ANYBODY, since: last });
    true
}
