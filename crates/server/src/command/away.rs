//! `AWAY [:why]`: says that one does not read at the moment; alone, that one is back. `AWAY *` says
//! that only a program is at this connection.
//!
//! <https://modern.ircdocs.horse/#away-message>, <https://ircv3.net/specs/extensions/pre-away>

use super::refusal::Refusal;
use crate::command::presence;
use crate::limits::AWAY_BYTES;
use crate::session::Presence;
use crate::session::context::Context;
use crate::session::delivered;
use crate::text::shorten;
use proto::{Capability, Message, numeric as n};

/// Carries out `AWAY`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let early = context.has(Capability::PreAway);
    let presence = match message.param(0).unwrap_or_default() {
        "" => Presence::Here,
        "*" if early => Presence::Unattended,
        why => Presence::Away(shorten(why, AWAY_BYTES).into()),
    };
    if let Some(registration) = context.registration() {
        if !early {
            return Err(Refusal::NotLoggedIn);
        }
        registration.presence = Some(presence.clone());
        reply(context, &presence);
        return Ok(());
    }
    reply(context, &presence);
    // The person's other devices hear of it, but for what concerns this connection alone.
    if presence != Presence::Unattended {
        for session in context.user().sessions.clone() {
            if session != context.asker.session {
                reply(&mut context.of(session), &presence);
            }
        }
    }
    presence::said(context, presence);
    delivered::show(context);
    Ok(())
}

fn reply(context: &mut Context<'_>, presence: &Presence) {
    match presence {
        Presence::Here => {
            context.numeric(n::RPL_UNAWAY, &[], "You are no longer marked as being away");
        }
        _ => context.numeric(n::RPL_NOWAWAY, &[], "You have been marked as being away"),
    }
}
