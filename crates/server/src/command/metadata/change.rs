//! `METADATA target SET|CLEAR`: changes what a user or a room says of itself.

use super::{BAD_KEY, bad_key_code, fails, is_key, is_old, keys, target};
use crate::command::metadata::show::{batch, key_line};
use crate::limits::{KEEP_MOST, METADATA_KEYS, METADATA_KEYS_BEFORE, METADATA_VALUE_BYTES};
use crate::session::context::Context;
use crate::state::history;
use crate::state::metadata::{self, Target};
use crate::state::refusal::Refusal;
use proto::numeric as n;
use store::{KEEP_DAYS, KEEP_MESSAGES, Subject};

/// Whether the asker may change the metadata of a target: one's own, that of a room of which one is
/// operator, and operators of the server everybody's.
fn may_change(
    context: &Context<'_>,
    name: &str,
    target: &Target,
    key: &str,
) -> Result<(), Refusal> {
    let may = match target.of {
        None => true,
        Some(Subject::Account(user)) => user == context.me() || context.user().is_operator(),
        Some(Subject::Room(_)) => context.room_as_operator(&target.name).is_ok(),
    };
    let text = "You may not change this";
    if may { Ok(()) } else { Err(fails("KEY_NO_PERMISSION", &[name, key], text)) }
}

/// Whether the asker has changed too much lately; then says so.
fn is_too_fast(context: &mut Context<'_>, name: &str, words: &[&str], key: &str) -> bool {
    let Some(me) = context.session().user else { return false };
    let now = context.state.steady;
    let Some(seconds) = context.state.metadata.count_change(me, now) else { return false };
    let seconds = seconds.to_string();
    if is_old(context) {
        let text = format!("Too many changes; try again in {seconds} seconds");
        let context_of = [name, key, &seconds];
        context.standard("FAIL", "METADATA", "RATE_LIMITED", &context_of, &text);
        return true;
    }
    // All that was sent comes back, so that it can be sent again.
    let mut params = vec![&*seconds, name];
    params.extend(words);
    match (words.len(), params.pop()) {
        (3, Some(value)) => context.numeric(n::ERR_METADATARATELIMIT, &params, value),
        (_, last) => {
            params.extend(last);
            context.numeric_only(n::ERR_METADATARATELIMIT, &params);
        }
    }
    true
}

/// Sets a key; an empty value removes it.
pub(super) fn set(
    context: &mut Context<'_>,
    name: &str,
    key: &str,
    value: &str,
) -> Result<(), Refusal> {
    let target = target(context, name)?;
    if !is_key(key) {
        return Err(fails(bad_key_code(context), &[key], BAD_KEY));
    }
    may_change(context, name, &target, key)?;
    if value.len() > METADATA_VALUE_BYTES {
        let text = "The value is too long";
        return Err(match is_old(context) {
            true => fails("VALUE_INVALID", &[], text),
            false => fails("INVALID_VALUE", &[key], text),
        });
    }
    let room = matches!(target.of, Some(Subject::Room(_)));
    let histories = ["", history::MEMBERS, history::SINCE_JOIN, history::NONE];
    if room && key == history::KEY && !histories.contains(&value) {
        let text = "The value must be `members`, `since-join` or `none`";
        return Err(match is_old(context) {
            true => fails("VALUE_INVALID", &[], text),
            false => fails("INVALID_VALUE", &[key], text),
        });
    }
    may_be_kept(&target, key, value)?;
    let keys = keys(context, &target);
    let known = keys.contains_key(key);
    if value.is_empty() && !known && is_old(context) {
        return Err(fails("KEY_NOT_SET", &[name, key], "This key is not set"));
    }
    if !value.is_empty() && !known && keys.len() >= METADATA_KEYS {
        return Err(full(context, name));
    }
    let words = if value.is_empty() { vec!["SET", key] } else { vec!["SET", key, value] };
    if is_too_fast(context, name, &words, key) {
        return Ok(());
    }
    if !value.is_empty() && target.of.is_some() {
        context.must_have_space()?;
    }
    let new: Option<Box<str>> = (!value.is_empty()).then(|| value.into());
    match target.of {
        Some(of) => metadata::change(context, of, &target.name, &[(key.into(), new)]),
        None => set_before(context, key, new)?,
    }
    let nick = context.nick();
    let line =
        key_line(context, &nick, &target.name, key, Some(value).filter(|_| !value.is_empty()));
    context.applying.out.reply(context.applying.asker.session, |out| out.extend_from_slice(&line));
    Ok(())
}

/// Whether a value, of a key that says how long a room keeps what happened, is a number.
fn may_be_kept(target: &Target, key: &str, value: &str) -> Result<(), Refusal> {
    let of_room = matches!(target.of, Some(Subject::Room(_)));
    let number = value.parse::<u32>().is_ok_and(|number| (1..=KEEP_MOST).contains(&number));
    if of_room && !value.is_empty() && [KEEP_DAYS, KEEP_MESSAGES].contains(&key) && !number {
        let text = "The value must be a number, 1 or more";
        return Err(fails("INVALID_VALUE", &[key], text));
    }
    Ok(())
}

fn full(context: &Context<'_>, name: &str) -> Refusal {
    let most = METADATA_KEYS.to_string();
    let text = "The maximum number of keys is reached; remove one first";
    match is_old(context) {
        true => fails("LIMIT_REACHED", &[name], text),
        false => fails("LIMIT_REACHED", &["SET", name, &most], text),
    }
}

/// A session that is nobody yet sets or removes a key of who it will be.
fn set_before(
    context: &mut Context<'_>,
    key: &str,
    value: Option<Box<str>>,
) -> Result<(), Refusal> {
    let Some(registration) = context.registration() else { return Ok(()) };
    if registration.metadata.len() >= METADATA_KEYS_BEFORE
        && !registration.metadata.contains_key(key)
    {
        return Err(full(context, "*"));
    }
    registration.metadata.insert(key.into(), value);
    Ok(())
}

/// Removes all keys.
pub(super) fn clear(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let target = target(context, name)?;
    may_change(context, name, &target, "*")?;
    if is_too_fast(context, name, &["CLEAR"], "*") {
        return Ok(());
    }
    let all = keys(context, &target);
    let changes: Vec<(Box<str>, Option<Box<str>>)> =
        all.into_keys().map(|key| (key, None)).collect();
    match target.of {
        Some(of) => metadata::change(context, of, &target.name, &changes),
        None => {
            for (key, _) in &changes {
                set_before(context, key, None)?;
            }
        }
    }
    let nick = context.nick();
    let line = |(key, _): &(Box<str>, _)| key_line(context, &nick, &target.name, key, None);
    let lines: Vec<Vec<u8>> = changes.iter().map(line).collect();
    batch(context, "metadata", Some(&target.name), &lines);
    Ok(())
}
