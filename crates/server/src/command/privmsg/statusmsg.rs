//! Messages to the members of a room above a rank (STATUSMSG): `PRIVMSG @#room :text`.
//!
//! They are not stored, because all members can read a room's history: whoever is offline misses
//! them, and they have no msgid.

use super::{Draft, check_text, echo_passing, is_typing, may_speak, passing, spoke_in};
use crate::command::names;
use crate::effects::Effect;
use crate::session_id::SessionId;
use crate::state::apply_context::ApplyContext;
use crate::state::membership;
use crate::state::refusal::Refusal;
use crate::state::room::Rank;

/// The rank and the room of a target such as `@#room`; with several prefixes the lowest rank counts.
pub(super) fn split(target: &str) -> Option<(Rank, &str)> {
    let name = target.trim_start_matches(|prefix| Rank::from_prefix(prefix).is_some());
    let prefixes = target.strip_suffix(name)?;
    let rank = prefixes.chars().filter_map(Rank::from_prefix).min()?;
    name.starts_with('#').then_some((rank, name))
}

/// Sends to everybody of at least the rank, and to the author's other sessions.
pub(super) fn send(
    context: &mut ApplyContext<'_>,
    rank: Rank,
    room: &str,
    draft: &Draft<'_>,
) -> Result<(), Refusal> {
    let id = names::visible(context, room)?;
    let target = format!("{}{}", rank.prefix(), may_speak(context, id, draft)?);
    check_text(context, draft, &target)?;
    let me = context.me();
    if !is_typing(draft) {
        membership::reveal(context, id, me);
    }
    spoke_in(context, id, draft);
    let news = passing(context, draft, &target);
    let members = context.state.rooms[&id].members.iter().filter(|(_, member)| member.online);
    let told = members.filter(|(_, member)| member.rank() >= rank).map(|(user, _)| *user);
    let mut told: Vec<_> = told.filter(|user| *user != me).collect();
    told.push(me);
    let sessions = told.iter().flat_map(|user| &context.state.users[user].sessions);
    for to in sessions.copied().collect::<Vec<SessionId>>() {
        if to != context.requester.session {
            context.out.push(Effect::TellOne { to, news, pending: false });
        }
    }
    echo_passing(context, news);
    Ok(())
}
