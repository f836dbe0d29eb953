//! `SILENCE [+|-mask or account]`: ignores people on all of the requester's devices. Ignored people
//! are not told.
//!
//! <https://defs.ircdocs.horse/defs/numerics.html#rpl-silelist-271>

use super::entry::SharedPart;
use super::mode::lists::complete;
use super::privmsg::find;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::Silence;
use crate::limits::SILENCES;
use crate::state::apply_context::ApplyContext;
use crate::state::records;
use crate::state::silence::{key, shown};
use proto::{Message, numeric as n};
use store::RecordKind;

/// Lists whom the requester ignores.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    if message.param(0).is_some_and(|given| !given.is_empty()) {
        return Ok(SharedPart::AsSent);
    }
    list(context);
    Ok(SharedPart::None)
}

/// Ignores somebody, or no longer.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let given = message.param(0).ok_or(Refusal::NeedMoreParams)?;
    match given.strip_prefix('-') {
        Some(whom) => remove(context, whom),
        None => add(context, given.strip_prefix('+').unwrap_or(given)),
    }
}

fn list(context: &mut Context<'_>) {
    let entries = context.state.silences.get(&context.me()).cloned().unwrap_or_default();
    for entry in entries {
        let shown = shown(&entry, &context.state);
        context.numeric_only(n::RPL_SILELIST, &[&shown]);
    }
    context.numeric(n::RPL_ENDOFSILELIST, &[], "End of SILENCE list");
}

/// Parses an entry: an account, or a mask.
fn entry(context: &ApplyContext<'_>, given: &str) -> Result<Silence, Refusal> {
    let name = given.strip_prefix("$a:").unwrap_or(given);
    if let Some(account) = context.state.account(name) {
        return Ok(Silence::Account(account.id));
    }
    let plain = !given.contains(['*', '?', '!', '@']);
    if plain {
        // A guest is identified by nick alone.
        find(context, given)?;
    }
    let mask = complete(given).filter(|mask| !mask.starts_with('$'));
    let mask = mask.ok_or_else(|| Refusal::NoSuchUser(given.to_owned()))?;
    Ok(Silence::Mask(mask.into()))
}

fn add(context: &mut ApplyContext<'_>, given: &str) -> Result<(), Refusal> {
    let (me, entry) = (context.me(), entry(context, given)?);
    if entry == Silence::Account(me) {
        return Err(Refusal::NoSuchUser(given.to_owned()));
    }
    let list = context.state.silences.get(&me);
    if list.is_none_or(|list| !list.contains(&entry)) {
        if list.is_some_and(|list| list.len() >= SILENCES) {
            return Err(Refusal::SilencesFull(given.to_owned()));
        }
        context.must_be_storable()?;
        let record = (RecordKind::Silence, me, &*key(&entry));
        records::set(context.state, context.out, record, Some(&entry));
    }
    tell(context, '+', &entry);
    Ok(())
}

fn remove(context: &mut ApplyContext<'_>, given: &str) -> Result<(), Refusal> {
    let me = context.me();
    let list = context.state.silences.get(&me).cloned().unwrap_or_default();
    let wanted = entry(context, given).ok();
    let found = list.into_iter().find(|known| {
        Some(known) == wanted.as_ref() || shown(known, context.state).eq_ignore_ascii_case(given)
    });
    let found = found.ok_or_else(|| Refusal::NoSuchUser(given.to_owned()))?;
    let record = (RecordKind::Silence, me, &*key(&found));
    records::remove(context.state, context.out, record);
    tell(context, '-', &found);
    Ok(())
}

/// Tells all devices of the requester.
fn tell(context: &mut ApplyContext<'_>, sign: char, entry: &Silence) {
    let shown = format!("{sign}{}", shown(entry, context.state));
    let news = context.passing(context.me(), "SILENCE", &[&shown], None);
    context.tell_user(context.me(), news);
}
