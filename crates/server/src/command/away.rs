//! `AWAY [:why]`: marks the user as away; alone, as back. `AWAY *` declares the connection
//! unattended.
//!
//! <https://modern.ircdocs.horse/#away-message>, <https://ircv3.net/specs/extensions/pre-away>

use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::presence;
use crate::effects::FollowUp;
use crate::limits::AWAY_BYTES;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::last_login;
use crate::state::user::Presence;
use crate::text::shorten;
use proto::{Capability, Message, numeric as n};

/// Before the registration is complete, it is kept for later.
pub fn before<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let presence = said(context, message);
    let early = context.has(Capability::PreAway);
    let Some(registration) = context.registration() else { return Ok(SharedPart::AsSent) };
    if !early {
        return Err(Refusal::NotLoggedIn);
    }
    registration.presence = Some(presence.clone());
    reply(context, &presence);
    Ok(SharedPart::None)
}

/// The presence that a line reports.
fn said(context: &Responder<'_, impl Reads>, message: &Message<'_>) -> Presence {
    match message.param(0).unwrap_or_default() {
        "" => Presence::Here,
        "*" if context.has(Capability::PreAway) => Presence::Unattended,
        why => Presence::Away(shorten(why, AWAY_BYTES).into()),
    }
}

/// Carries out `AWAY`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let presence = said(context, message);
    reply(context, &presence);
    // The user's other devices are told, unless this is only about this connection.
    if presence != Presence::Unattended {
        for session in context.user().sessions.clone() {
            if session != context.requester.session {
                reply(&mut context.device(session), &presence);
            }
        }
    }
    let (user, session) = (context.user(), context.requester.session);
    let leaves = presence == Presence::Unattended && !user.is_unattended(session);
    if leaves && !user.guest && context.requester.allowance.not_stored.is_none() {
        let (me, here) = (user.id, context.state.last_event());
        last_login::attended_until(context.state, context.out, me, here);
    }
    presence::said(context, presence);
    context.out.follow_up(FollowUp::ShowKept);
    Ok(())
}

fn reply(context: &mut Responder<'_, impl Reads>, presence: &Presence) {
    match presence {
        Presence::Here => {
            context.numeric(n::RPL_UNAWAY, &[], "You are no longer marked as being away");
        }
        _ => context.numeric(n::RPL_NOWAWAY, &[], "You have been marked as being away"),
    }
}
