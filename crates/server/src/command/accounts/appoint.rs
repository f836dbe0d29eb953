//! `ACCOUNTS APPOINT name room [operator|founder]`: makes an account an operator of a room, or its
//! founder.

use super::{VERB, account, refused};
use crate::command::refusal::Refusal;
use crate::command::serverban::not_stored;
use crate::limits::ROLES;
use crate::state::apply_context::ApplyContext;
use crate::state::founder;
use crate::state::room::Member;
use proto::Message;
use store::{AccountId, RoomId};

/// Carries it out.
pub(super) fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let account = account(context, message)?;
    let name = message.param(2).filter(|name| !name.is_empty()).ok_or(Refusal::NeedMoreParams)?;
    let room = context.room(name)?;
    let (id, name) = (room.id, room.name.clone());
    let rank = message.param(3).unwrap_or("operator").to_ascii_lowercase();
    match rank.as_str() {
        "operator" => may_be_operator(context, id, account.id)?,
        "founder" => may_be_founder(context, id, account.id, &account.name)?,
        _ => {
            return Err(refused("BAD_VALUE", &rank, "An account is appointed operator or founder"));
        }
    }
    let before = context.state.rooms[&id].founder;
    if let Some(before) = before.filter(|_| rank == "founder") {
        context.must_not_be_above(before)?;
    }
    if rank == "founder" && before != Some(account.id) {
        founder::set(context.state, context.out, id, Some(account.id));
    }
    // A founder who joins becomes an operator anyway.
    if rank == "operator" || context.state.rooms[&id].members.contains_key(&account.id) {
        make_operator(context, id, account.id);
    }
    not_stored(context, VERB);
    context.audit("ACCOUNTS APPOINT", &account.name, &format!("{rank} of {name}"));
    let text = format!("{} is {rank} of {name}", account.name);
    context.note(VERB, "APPOINTED", &[&account.name, &name, &rank], &text);
    if context.state.users.contains_key(&account.id) {
        context.tell_notice(account.id, &format!("You are now {rank} of {name}"));
    }
    Ok(())
}

/// Refuses to store a role for somebody absent that cannot be stored.
fn may_be_operator(
    context: &ApplyContext<'_>,
    room: RoomId,
    account: AccountId,
) -> Result<(), Refusal> {
    let room = &context.state.rooms[&room];
    let lobby = Some(room.id) == context.state.lobby;
    if !lobby && room.members.contains_key(&account) || room.roles.contains_key(&account) {
        return Ok(());
    }
    if room.roles.len() >= ROLES {
        let text = "The room has as many people with a status as it can, present and absent";
        return Err(refused("LIMIT_REACHED", &room.name, text));
    }
    Ok(())
}

/// Refuses a founder for the lobby, and more rooms than an account may have.
fn may_be_founder(
    context: &ApplyContext<'_>,
    room: RoomId,
    account: AccountId,
    name: &str,
) -> Result<(), Refusal> {
    let room = &context.state.rooms[&room];
    if Some(room.id) == context.state.lobby {
        return Err(refused("LOBBY_STAYS", &room.name, "The lobby belongs to the server"));
    }
    if room.founder != Some(account) && !founder::may_have_another(context.state, account) {
        return Err(refused("LIMIT_REACHED", name, "They have founded as many rooms as they can"));
    }
    Ok(())
}

/// Makes somebody an operator of a room: now, or when they join.
fn make_operator(context: &mut ApplyContext<'_>, id: RoomId, account: AccountId) {
    let (state, out) = (&mut *context.state, &mut *context.out);
    if state.rooms[&id].members.contains_key(&account) {
        return founder::make_operator(context, id, account);
    }
    let kept = founder::standing(state, id, account, false);
    founder::keep(state, out, id, account, Member { op: true, ..kept });
}
