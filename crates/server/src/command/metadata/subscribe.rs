//! `METADATA * SUB|UNSUB|SUBS`: the keys that the session wants to be notified of.

use super::at_registration::is_aware;
use super::{bad_key_line, bad_target, is_key, is_old};
use crate::command::context::Context;
use crate::command::metadata::show::{self, batch};
use crate::limits::{METADATA_KEYS_A_LINE, METADATA_SUBS};
use crate::state::refusal::Refusal;
use proto::numeric as n;
use std::collections::BTreeSet;

/// Subscribes to keys in order, as far as the limit allows.
pub(super) fn subscribe(
    context: &mut Context<'_>,
    name: &str,
    keys: &[&str],
) -> Result<(), Refusal> {
    only_self(context, name)?;
    let session = context.requester.session;
    let (mut done, mut new, mut bad, mut beyond) = (Vec::new(), BTreeSet::new(), Vec::new(), None);
    for key in keys {
        if !is_key(key) {
            bad.push(bad_key_line(context, key));
            continue;
        }
        match context.node.subscriptions.subscribe(session, key) {
            Some(is_new) => {
                done.push(*key);
                if is_new {
                    new.insert(Box::from(*key));
                }
            }
            None => {
                beyond = Some(*key);
                break;
            }
        }
    }
    say_keys(context, n::RPL_METADATASUBOK, &done);
    for line in bad {
        context.out.reply(session, |out| out.extend_from_slice(&line));
    }
    if let Some(key) = beyond {
        say_too_many(context, key);
    }
    if !new.is_empty() && context.session().user.is_some() && is_aware(context.capabilities()) {
        show::sync_new(context, &new);
    }
    Ok(())
}

fn say_too_many(context: &mut Context<'_>, key: &str) {
    let most = METADATA_SUBS.to_string();
    let text = "You have the maximum number of subscriptions";
    match is_old(context) {
        true => context.standard("FAIL", "METADATA", "TOO_MANY_SUBS", &[key], text),
        false => {
            let params = ["SUB", key, &most];
            context.standard("FAIL", "METADATA", "LIMIT_REACHED", &params, text);
        }
    }
}

/// Replies with keys on as many lines as needed.
fn say_keys(context: &mut Context<'_>, numeric: &str, keys: &[&str]) {
    for some in keys.chunks(METADATA_KEYS_A_LINE) {
        context.numeric_only(numeric, some);
    }
}

/// Removes subscriptions, existing or not.
pub(super) fn unsubscribe(
    context: &mut Context<'_>,
    name: &str,
    keys: &[&str],
) -> Result<(), Refusal> {
    only_self(context, name)?;
    let (session, mut done) = (context.requester.session, Vec::new());
    let mut bad = Vec::new();
    for key in keys {
        if is_key(key) {
            context.node.subscriptions.unsubscribe(session, key);
            done.push(*key);
        } else {
            bad.push(bad_key_line(context, key));
        }
    }
    say_keys(context, n::RPL_METADATAUNSUBOK, &done);
    for line in bad {
        context.out.reply(session, |out| out.extend_from_slice(&line));
    }
    Ok(())
}

/// Replies with the keys to which the session is subscribed.
pub(super) fn subscriptions(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    only_self(context, name)?;
    let nick = context.nick();
    let keys: Vec<Box<str>> =
        context.node.subscriptions.of(context.requester.session).into_iter().collect();
    let line = |some: &[Box<str>]| {
        show::line(context, n::RPL_METADATASUBS, |line| {
            some.iter().fold(line.param(&nick), |line, key| line.param(key)).end();
        })
    };
    let lines: Vec<Vec<u8>> = keys.chunks(METADATA_KEYS_A_LINE).map(line).collect();
    batch(context, "metadata-subs", None, &lines);
    Ok(())
}

/// The target must be the session itself.
fn only_self(context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    let own = name == "*"
        || context.session().user.is_some_and(|_| proto::name::same(name, &context.user().nick));
    if own { Ok(()) } else { Err(bad_target(name)) }
}
