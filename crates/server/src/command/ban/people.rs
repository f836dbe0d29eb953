//! The people whom a `BAN` or `QUIET` concerns.

use crate::command::kick::may_touch_founder;
use crate::command::mode::lists::{NOT_A_MASK, complete};
use crate::command::privmsg::find;
use crate::command::refusal::Refusal;
use crate::limits::{BAN_KICKS, ROW_WORK};
use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::founder::name_of;
use crate::state::room::{ACCOUNT_MASK, MaskSubject, Rank};
use crate::state::user::UserId;
use std::cell::Cell;
use std::sync::Arc;
use store::RoomId;

/// The target: a mask, and the person, if one was named.
pub(super) struct Target {
    /// The mask that goes on the list.
    pub(super) mask: String,
    /// The person.
    pub(super) user: Option<UserId>,
}

/// Parses a target: an account, a guest by host, or a mask.
pub(super) fn target(context: &ApplyContext<'_>, given: &str) -> Result<Target, Refusal> {
    if given.starts_with('$') || given.contains(['*', '?', '!', '@']) {
        let mask = complete(given).ok_or_else(|| Refusal::Invalid {
            code: "BAD_MASK",
            context: vec![given.to_owned()],
            text: NOT_A_MASK,
        })?;
        let account = mask.strip_prefix(ACCOUNT_MASK).and_then(|name| context.state.account(name));
        return Ok(Target { user: account.map(|account| account.id), mask });
    }
    let (user, name, _) = find(context, given)?;
    let guest = context.state.users.get(&user).is_some_and(|user| user.guest);
    let source = if guest { context.state.source(user) } else { String::new() };
    let mask = match source.split_once('@') {
        Some((_, host)) => format!("*!*@{host}"),
        None => format!("{ACCOUNT_MASK}{name}"),
    };
    Ok(Target { mask, user: Some(user) })
}

/// Refuses entries that would affect the requester, the founder, or somebody of at least the
/// requester's rank.
pub(super) fn may_touch(
    context: &ApplyContext<'_>,
    id: RoomId,
    rank: Rank,
    user: UserId,
) -> Result<(), Refusal> {
    let room = &context.state.rooms[&id];
    if user == context.me() {
        let text = "You cannot do that to yourself";
        let context = vec![room.name.to_string()];
        return Err(Refusal::Invalid { code: "NOT_YOURSELF", context, text });
    }
    if room.founder != Some(context.me()) {
        context.must_not_be_above(user)?;
    }
    let theirs = room.members.get(&user).map_or(Rank::Plain, |member| member.rank());
    if rank < Rank::Op && theirs >= Rank::HalfOp {
        return Err(Refusal::NotBelow(room.name.clone()));
    }
    if room.founder == Some(user) && !may_touch_founder(context, room) {
        return Err(Refusal::FounderStays(room.name.clone()));
    }
    Ok(())
}

/// The members whom an entry affects, as far as the requester may act on them.
pub(super) fn those_who_fit(
    context: &mut ApplyContext<'_>,
    id: RoomId,
    rank: Rank,
    target: &Target,
) -> Vec<UserId> {
    let room = &context.state.rooms[&id];
    let (mut found, mut work) = (Vec::new(), 0);
    if let Some(user) = target.user.filter(|_| target.mask.starts_with(ACCOUNT_MASK)) {
        found.extend(room.members.contains_key(&user).then_some(user));
    } else {
        for (user, member) in &room.members {
            work += ROW_WORK;
            if found.len() < BAN_KICKS && member.online {
                let who = subject(context.state, *user);
                let fits = who.fits(&target.mask) && !room.listed('e', &who);
                work += who.steps.get();
                let touches = fits && may_touch(context, id, rank, *user).is_ok();
                found.extend(touches.then_some(*user));
            }
        }
    }
    found.retain(|user| context.state.users.get(user).is_none_or(|user| !user.is_operator()));
    context.out.spend(work);
    found
}

/// A user who is online, as masks see them.
fn subject(state: &State, user: UserId) -> MaskSubject {
    let account = state.users[&user].account().cloned();
    MaskSubject { source: state.source(user), account, steps: Cell::new(0) }
}

/// The name of a member, and whether they are online.
pub(super) fn named(context: &ApplyContext<'_>, user: UserId) -> (Arc<str>, bool) {
    (name_of(context.state, user), context.state.users.contains_key(&user))
}
