//! From which event on members may read a room's history. Everything that shows history goes by
//! [`since`]: events up to that one are hidden.
//!
//! A *closed* room hides what was said before somebody joined: by its metadata `history`, or,
//! without that, while it is secret or invite-only (`+s`, `+i`). Whoever joins it can read from
//! there on. When it is opened, what was said until then stays hidden from people who join later.

use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::metadata::Keys;
use crate::state::room::{Room, Settings};
use crate::state::user::UserId;
use store::{EventId, RoomId, Write};

/// The metadata key of a room that says who may read earlier messages.
pub const KEY: &str = "history";
/// All members.
pub const MEMBERS: &str = "members";
/// Each member from their join on.
pub const SINCE_JOIN: &str = "since-join";
/// Nobody may read any history.
pub const NONE: &str = "none";
/// No event comes after it.
const NOTHING: EventId = i64::MAX as EventId;
/// In the store: anybody who joins.
pub const ANYBODY: UserId = 0;

fn is_closed(settings: &Settings, keys: &Keys) -> bool {
    match keys.get(KEY).map(|value| &**value) {
        Some(MEMBERS) => false,
        Some(SINCE_JOIN | NONE) => true,
        _ => settings.flags.contains(&'s') || settings.flags.contains(&'i'),
    }
}

/// The event after which somebody who joins now may read. Everybody is in the lobby, so it is never
/// closed.
pub fn at_join(state: &State, room: &Room) -> EventId {
    match is_closed(&room.settings, &room.metadata) {
        _ if Some(room.id) == state.lobby => 0,
        true => state.last_event(),
        false => room.settings.closed_until,
    }
}

/// The event after which a member may read.
pub fn since(state: &State, room: &Room, user: UserId) -> EventId {
    let lobby = Some(room.id) == state.lobby;
    if !lobby && room.metadata.get(KEY).is_some_and(|value| &**value == NONE) {
        return NOTHING;
    }
    room.members.get(&user).map_or(NOTHING, |member| member.since)
}

/// A room's settings or metadata are about to change. If that opens the room, earlier messages stay
/// hidden. Returns whether the settings recorded that.
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
