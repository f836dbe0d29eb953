//! `METADATA target SET|CLEAR`: changes the metadata of a user or a room.

use super::{BAD_KEY, bad_key_code, fails, is_key, is_old, target};
use crate::command::metadata::show::{batch, key_line};
use crate::limits::{KEEP_MOST, METADATA_KEYS, METADATA_VALUE_BYTES};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::history;
use crate::state::metadata::{self, Keys, Target, keys_of};
use crate::state::refusal::Refusal;
use proto::numeric as n;
use store::{KEEP_DAYS, KEEP_MESSAGES, Subject};

/// The owner whose metadata the requester may change: themselves, a room of which they are an
/// operator, and for operators of the server everybody.
fn may_change(
    context: &ApplyContext<'_>,
    name: &str,
    target: &Target,
    key: &str,
) -> Result<Subject, Refusal> {
    let may = |of: &Subject| match of {
        Subject::Account(user) => *user == context.me() || context.user().is_operator(),
        Subject::Room(_) => context.room_as_operator(&target.name).is_ok(),
    };
    let refused = || fails("KEY_NO_PERMISSION", &[name, key], "You may not change this");
    target.of.filter(may).ok_or_else(refused)
}

/// Whether the requester may change it only as an operator of the server.
fn is_by_role(context: &ApplyContext<'_>, of: Subject) -> bool {
    match of {
        Subject::Account(user) => context.requester.user.is_some_and(|me| me != user),
        Subject::Room(room) => {
            context.state.rooms.get(&room).is_some_and(|room| context.acts_by_role(room))
        }
    }
}

/// Whether the requester has changed too much recently; says so.
fn is_too_fast(context: &mut ApplyContext<'_>, name: &str, words: &[&str], key: &str) -> bool {
    let Some(me) = context.requester.user else { return false };
    let now = context.state.steady;
    let Some(seconds) = context.state.metadata.count_change(me, now) else { return false };
    let seconds = seconds.to_string();
    if is_old(context) {
        let text = format!("Too many changes; try again in {seconds} seconds");
        let context_of = [name, key, &seconds];
        context.standard("FAIL", "METADATA", "RATE_LIMITED", &context_of, &text);
        return true;
    }
    // Everything that was sent is returned, so that it can be sent again.
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

/// Refuses invalid keys and values for a target.
pub(super) fn check(
    context: &Responder<'_, impl Reads>,
    target: &Target,
    key: &str,
    value: &str,
) -> Result<(), Refusal> {
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
    may_be_kept(target, key, value)
}

/// Refuses a key if there are too many already.
pub(super) fn check_number(
    context: &Responder<'_, impl Reads>,
    name: &str,
    key: &str,
    value: &str,
    keys: &Keys,
) -> Result<(), Refusal> {
    let known = keys.contains_key(key);
    if value.is_empty() && !known && is_old(context) {
        return Err(fails("KEY_NOT_SET", &[name, key], "This key is not set"));
    }
    if !value.is_empty() && !known && keys.len() >= METADATA_KEYS {
        return Err(full(context, name));
    }
    Ok(())
}

/// Sets a key; an empty value removes it.
pub(super) fn set(
    context: &mut ApplyContext<'_>,
    name: &str,
    key: &str,
    value: &str,
) -> Result<(), Refusal> {
    let target = target(context, name)?;
    if !is_key(key) {
        return Err(fails(bad_key_code(context), &[key], BAD_KEY));
    }
    let of = may_change(context, name, &target, key)?;
    check(context, &target, key, value)?;
    check_number(context, name, key, value, &keys_of(context.state, of))?;
    let words = if value.is_empty() { vec!["SET", key] } else { vec!["SET", key, value] };
    if is_too_fast(context, name, &words, key) {
        return Ok(());
    }
    if !value.is_empty() {
        context.must_be_storable()?;
    }
    let new: Option<Box<str>> = (!value.is_empty()).then(|| value.into());
    metadata::change(context, of, &target.name, &[(key.into(), new)]);
    if is_by_role(context, of) {
        context.audit("METADATA SET", &target.name, key);
    }
    answer_set(context, &target.name, key, value);
    Ok(())
}

/// Replies with a key that has been set or removed.
pub(super) fn answer_set(
    context: &mut Responder<'_, impl Reads>,
    name: &str,
    key: &str,
    value: &str,
) {
    let nick = context.nick();
    let line = key_line(context, &nick, name, key, Some(value).filter(|_| !value.is_empty()));
    context.out.reply(context.requester.session, |out| out.extend_from_slice(&line));
}

/// Refuses retention values that are not numbers.
fn may_be_kept(target: &Target, key: &str, value: &str) -> Result<(), Refusal> {
    let of_room = matches!(target.of, Some(Subject::Room(_)));
    let number = value.parse::<u32>().is_ok_and(|number| (1..=KEEP_MOST).contains(&number));
    if of_room && !value.is_empty() && [KEEP_DAYS, KEEP_MESSAGES].contains(&key) && !number {
        let text = "The value must be a number, 1 or more";
        return Err(fails("INVALID_VALUE", &[key], text));
    }
    Ok(())
}

pub(super) fn full(context: &Responder<'_, impl Reads>, name: &str) -> Refusal {
    let most = METADATA_KEYS.to_string();
    let text = "The maximum number of keys is reached; remove one first";
    match is_old(context) {
        true => fails("LIMIT_REACHED", &[name], text),
        false => fails("LIMIT_REACHED", &["SET", name, &most], text),
    }
}

/// Removes all keys.
pub(super) fn clear(context: &mut ApplyContext<'_>, name: &str) -> Result<(), Refusal> {
    let target = target(context, name)?;
    let of = may_change(context, name, &target, "*")?;
    if is_too_fast(context, name, &["CLEAR"], "*") {
        return Ok(());
    }
    let all = keys_of(context.state, of);
    let changes: Vec<(Box<str>, Option<Box<str>>)> =
        all.into_keys().map(|key| (key, None)).collect();
    metadata::change(context, of, &target.name, &changes);
    if is_by_role(context, of) {
        context.audit("METADATA CLEAR", &target.name, "");
    }
    answer_cleared(context, &target.name, changes.iter().map(|(key, _)| &**key));
    Ok(())
}

/// Replies with the keys that have been removed.
pub(super) fn answer_cleared<'k>(
    context: &mut Responder<'_, impl Reads>,
    name: &str,
    keys: impl Iterator<Item = &'k str>,
) {
    let nick = context.nick();
    let lines: Vec<Vec<u8>> = keys.map(|key| key_line(context, &nick, name, key, None)).collect();
    batch(context, "metadata", Some(name), &lines);
}
