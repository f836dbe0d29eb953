//! `ACCOUNTS MERGE guest name`: gives an account the rooms of a guest who is the same person.

use super::{VERB, named, refused};
use crate::command::refusal::Refusal;
use crate::command::serverban::not_stored;
use crate::effects::FollowUp;
use crate::state::apply_context::ApplyContext;
use crate::state::room::{Member, Rank};
use crate::state::user::UserId;
use crate::state::{founder, membership};
use proto::Message;
use store::{AccountId, RoomId};

/// Carries it out. The guest stays online.
pub(super) fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (guest, name) = (message.param(1).unwrap_or_default(), message.param(2));
    let name = name.filter(|name| !name.is_empty()).ok_or(Refusal::NeedMoreParams)?;
    let user = context.state.online(guest).filter(|user| user.guest);
    let text = "There is no such guest online; somebody who left has no rooms any more";
    let user = user.ok_or_else(|| refused("NO_SUCH_GUEST", guest, text))?;
    let (guest, nick, rooms) = (user.id, user.nick.clone(), user.rooms.clone());
    let account = named(context, name)?;
    let rooms: Vec<RoomId> =
        rooms.into_iter().filter(|room| Some(*room) != context.state.lobby).collect();
    for room in &rooms {
        take_over(context, *room, guest, account.id);
    }
    not_stored(context, VERB);
    context.audit("ACCOUNTS MERGE", &account.name, &format!("rooms of the guest {nick}"));
    let text = format!("{} has the rooms of {nick}: {}", account.name, rooms.len());
    context.note(VERB, "MERGED", &[&nick, &account.name, &rooms.len().to_string()], &text);
    Ok(())
}

/// Puts the account into the room with at least the guest's rank, and makes it the founder if the
/// guest is an operator there and nobody founded the room.
fn take_over(context: &mut ApplyContext<'_>, id: RoomId, guest: UserId, account: AccountId) {
    let room = &context.state.rooms[&id];
    let (theirs, mine) = (room.members[&guest], room.members.get(&account).copied());
    let kept = founder::standing(context.state, id, account, false);
    let has = mine.unwrap_or(kept);
    let after = Member {
        op: has.op || theirs.op,
        halfop: has.halfop || theirs.halfop,
        voice: has.voice || theirs.voice,
        ..has
    };
    let is_nobodys = room.founder.is_none() && theirs.rank() == Rank::Op;
    match (mine, context.state.users.contains_key(&account)) {
        (Some(_), _) => founder::raise(context, id, account, after),
        (None, true) => enter(context, id, account, after),
        (None, false) => {
            membership::enter_absent(context.state, context.out, account, id, after);
        }
    }
    if is_nobodys && founder::may_have_another(context.state, account) {
        founder::set(context.state, context.out, id, Some(account));
    }
}

/// The user joins the room with all devices.
fn enter(context: &mut ApplyContext<'_>, id: RoomId, user: UserId, member: Member) {
    let news = context.passing_join(user, id);
    membership::enter(context.state, context.out, user, id, member);
    if context.state.rooms[&id].members[&user].hidden {
        context.tell_user(user, news);
    } else {
        context.tell_room(id, news);
        context.out.follow_up(FollowUp::Introduce { room: id, user });
    }
    founder::restore_role(context, id, user, member);
    membership::tell_away(context, id, user);
    context.out.follow_up(FollowUp::ShowRoom { room: id, user });
}
