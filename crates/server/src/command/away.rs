//! `AWAY [:why]`: says that one does not read at the moment; alone, that one is back.
//!
//! <https://modern.ircdocs.horse/#away-message>

use super::quit::shorten;
use super::refusal::Refusal;
use crate::hub::context::Context;
use crate::hub::membership::tell_acquaintances;
use crate::limits::AWAY_BYTES;
use proto::{Capability, Message, numeric as n};

/// Carries out `AWAY`.
pub fn run(context: &mut Context<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let why = message.param(0).filter(|why| !why.is_empty());
    let why = why.map(|why| shorten(why, AWAY_BYTES));
    let before = std::mem::replace(&mut context.user_mut().away, why.map(Box::from));
    match why {
        Some(_) => context.numeric(n::RPL_NOWAWAY, &[], "You have been marked as being away"),
        None => context.numeric(n::RPL_UNAWAY, &[], "You are no longer marked as being away"),
    }
    if before.as_deref() != why {
        let me = context.me();
        let news = context.passing_for(Capability::AwayNotify, me, ("AWAY", &[]), why);
        tell_acquaintances(context.state, context.out, me, news);
    }
    Ok(())
}
