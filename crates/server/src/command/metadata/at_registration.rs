//! Applying the metadata that a session has set before its registration was complete.

use super::show;
use crate::command::context::Context;
use crate::effects::Condition;
use crate::limits::METADATA_KEYS;
use crate::state::apply_context::ApplyContext;
use crate::state::metadata::{Keys, change, keys_of};
use proto::{Capabilities, Capability};
use std::collections::BTreeMap;
use store::Subject;

/// The session has registered: applies what it set before, as far as there is room. Only metadata
/// replies depend on the write; returns their condition.
pub fn coming(
    context: &mut ApplyContext<'_>,
    set: &BTreeMap<Box<str>, Option<Box<str>>>,
) -> Condition {
    let (of, name) = (Subject::Account(context.me()), context.nick());
    let mut keys = keys_of(context.state, of);
    let before = context.out.condition();
    let mut changes = Vec::from_iter(set.clone());
    changes.retain(|(key, value)| put_before(&mut keys, key, value.clone()));
    if !changes.is_empty() {
        change(context, of, &name, &changes);
    }
    let when = context.out.condition();
    context.out.resume(before);
    when
}

/// Sets or removes a key in a copy; false if that changes nothing, or there is no room.
fn put_before(keys: &mut Keys, key: &str, value: Option<Box<str>>) -> bool {
    if keys.get(key) == value.as_ref() {
        return false;
    }
    match value {
        Some(_) if !keys.contains_key(key) && keys.len() >= METADATA_KEYS => return false,
        Some(value) => {
            keys.insert(key.into(), value);
        }
        None => {
            keys.remove(key);
        }
    }
    true
}

/// The metadata that a session will have: the keys of the account it has logged in to, if any, with
/// its own changes.
pub fn keys_before(context: &Context<'_>) -> Keys {
    let Some(registration) = context.session().registration.as_deref() else { return Keys::new() };
    let account = registration.account.as_ref();
    let of = account.map(|account| Subject::Account(account.id));
    let mut keys = of.map(|of| keys_of(&context.state, of)).unwrap_or_default();
    for (key, value) in &registration.metadata {
        put_before(&mut keys, key, value.clone());
    }
    keys
}

/// Replies with something that depends on the write of that metadata.
pub fn then(context: &mut Context<'_>, when: Condition, tell: impl FnOnce(&mut Context<'_>)) {
    let before = context.out.condition();
    context.out.resume(when);
    tell(context);
    context.out.resume(before);
}

/// Replies with all of the user's metadata, as part of the welcome.
pub fn show_own(context: &mut Context<'_>, when: Condition) {
    if is_aware(context.capabilities()) {
        then(context, when, |context| {
            let (of, name) = (Subject::Account(context.me()), context.nick());
            let keys = keys_of(&context.state, of);
            show::keys(context, &name, &name, &keys);
        });
    }
}

/// Whether a session is sent metadata.
pub fn is_aware(capabilities: Capabilities) -> bool {
    let has = |capability| capabilities.contains(capability);
    has(Capability::Batch) && (has(Capability::Metadata3) || has(Capability::Metadata2))
}

/// Whether a session uses the previous draft. If it asked for both, it gets the newer one.
pub fn is_old(capabilities: Capabilities) -> bool {
    let has = |capability| capabilities.contains(capability);
    has(Capability::Metadata2) && !has(Capability::Metadata3)
}

/// A session's capabilities have changed: without those for metadata its subscriptions end.
pub fn capabilities_changed(context: &mut Context<'_>, before: Capabilities) {
    let now = context.capabilities();
    let needed = [Capability::Batch, Capability::Metadata3, Capability::Metadata2];
    let lost = |capability: &Capability| before.contains(*capability) && !now.contains(*capability);
    if needed.iter().any(lost) && !is_aware(now) {
        context.node.subscriptions.unsubscribe_all(context.requester.session);
    }
}
