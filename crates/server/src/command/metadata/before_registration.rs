//! `METADATA * SET|CLEAR` before the registration is complete.

use super::at_registration::keys_before;
use super::change::{answer_cleared, answer_set, check, check_number, full};
use super::{BAD_KEY, bad_key_code, fails, is_key, target};
use crate::command::context::Context;
use crate::limits::METADATA_KEYS_BEFORE;
use crate::state::refusal::Refusal;

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
    check(context, &target, key, value)?;
    check_number(context, name, key, value, &keys_before(context))?;
    put(context, key, (!value.is_empty()).then(|| value.into()))?;
    answer_set(context, &target.name, key, value);
    Ok(())
}

/// Removes all keys.
pub(super) fn clear(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let target = target(context, name)?;
    let keys = keys_before(context);
    for key in keys.keys() {
        put(context, key, None)?;
    }
    answer_cleared(context, &target.name, keys.keys().map(|key| &**key));
    Ok(())
}

fn put(context: &mut Context<'_>, key: &str, value: Option<Box<str>>) -> Result<(), Refusal> {
    let Some(registration) = context.registration() else { return Ok(()) };
    if registration.metadata.len() >= METADATA_KEYS_BEFORE
        && !registration.metadata.contains_key(key)
    {
        return Err(full(context, "*"));
    }
    registration.metadata.insert(key.into(), value);
    Ok(())
}
