//! `METADATA target GET|LIST|SET|CLEAR|SUB|UNSUB|SUBS|SYNC …`: keys and values that users and rooms
//! set about themselves.
//!
//! `draft/metadata-3` (<https://github.com/ircv3/ircv3-specifications/pull/613>); sessions with
//! `draft/metadata-2` (<https://ircv3.net/specs/extensions/metadata>) get its codes.

mod before_registration;
mod change;
pub mod at_registration;
pub mod show;
pub mod subscribers;
mod subscribe;

use super::entry::SharedPart;
use super::names;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::command::metadata::show::{EVERYTHING, batch, key_line};
use crate::limits::{
    METADATA_KEY_BYTES, METADATA_KEYS, METADATA_SUBS, METADATA_VALUE_BYTES, PARAMETER_BYTES,
};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::metadata::{Keys, Target, keys_of};
use crate::text::shorten;
use at_registration::keys_before;
use proto::{Capability, Message};
use store::Subject;

/// The value of one of the capabilities.
pub fn limits(capability: Capability) -> String {
    let keys = match capability {
        Capability::Metadata3 => format!(",max-key-bytes={METADATA_KEY_BYTES}"),
        _ => String::new(),
    };
    format!(
        "before-connect,max-subs={METADATA_SUBS},max-keys={METADATA_KEYS}{keys},max-value-bytes={METADATA_VALUE_BYTES}"
    )
}

/// Carries out all of `METADATA` but what a user changes.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let has = |capability| context.has(capability);
    let before = context.session().user.is_none();
    if before && !has(Capability::Metadata3) && !has(Capability::Metadata2) {
        return Err(Refusal::NotLoggedIn);
    }
    let [name, subcommand, rest @ ..] = message.params() else {
        return Err(bad_parameters("*", "Not enough parameters"));
    };
    let done = match (subcommand.to_ascii_uppercase().as_str(), rest) {
        ("SET", [_] | [_, _]) | ("CLEAR", []) if !before => return Ok(SharedPart::AsSent),
        ("GET", [_, ..]) => get(context, name, rest),
        ("LIST", []) => list(context, name),
        ("SET", [key]) => before_registration::set(context, name, key, ""),
        ("SET", [key, value]) => before_registration::set(context, name, key, value),
        ("CLEAR", []) => before_registration::clear(context, name),
        ("SUB", [_, ..]) => subscribe::subscribe(context, name, rest),
        ("UNSUB", [_, ..]) => subscribe::unsubscribe(context, name, rest),
        ("SUBS", []) => subscribe::subscriptions(context, name),
        ("SYNC", []) => sync(context, name),
        ("GET" | "SET" | "SUB" | "UNSUB", []) => {
            Err(bad_parameters(subcommand, "Not enough parameters"))
        }
        ("LIST" | "SET" | "CLEAR" | "SUBS" | "SYNC", _) => {
            Err(bad_parameters(subcommand, "Too many parameters"))
        }
        _ if is_old(context) => {
            Err(fails("SUBCOMMAND_INVALID", &[middle(subcommand)], "Unknown subcommand"))
        }
        _ => Err(bad_parameters(subcommand, "Unknown subcommand")),
    };
    done.map(|()| SharedPart::None)
}

/// Carries out what a user changes by `METADATA`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    match message.params() {
        [name, _] => change::clear(context, name),
        [name, _, key] => change::set(context, name, key, ""),
        [name, _, key, value] => change::set(context, name, key, value),
        _ => Err(bad_parameters("*", "Not enough parameters")),
    }
}

/// Whether the session uses the previous draft.
fn is_old(context: &Responder<'_, impl Reads>) -> bool {
    at_registration::is_old(context.capabilities())
}

fn fails(code: &'static str, context: &[&str], text: &'static str) -> Refusal {
    let context = context.iter().map(|word| (*word).to_owned()).collect();
    Refusal::Invalid { code, context, text }
}

fn bad_parameters(subcommand: &str, text: &'static str) -> Refusal {
    fails("INVALID_PARAMS", &[middle(subcommand)], text)
}

/// A word that is safe in the middle of a line.
fn middle(word: &str) -> &str {
    let fits = !word.is_empty() && !word.starts_with(':') && !word.contains(' ');
    if fits { word } else { "*" }
}

fn bad_target(name: &str) -> Refusal {
    fails("INVALID_TARGET", &[name], "No such user or room, or it is not available to you")
}

/// The owner named by a target: any account, a guest who is online, or a visible room. A session
/// that has not registered can only name itself.
fn target(context: &Responder<'_, impl Reads>, name: &str) -> Result<Target, Refusal> {
    let Some(me) = context.requester.user else {
        return match name {
            "*" => Ok(Target { of: None, name: "*".into() }),
            _ => Err(bad_target(name)),
        };
    };
    let state = &context.state;
    if name == "*" {
        return Ok(Target { of: Some(Subject::Account(me)), name: context.nick() });
    }
    if let Some(user) = state.online(name) {
        return Ok(Target { of: Some(Subject::Account(user.id)), name: user.nick.clone() });
    }
    if let Some(account) = state.account(name) {
        return Ok(Target { of: Some(Subject::Account(account.id)), name: account.name.clone() });
    }
    let room = names::visible(context, name).map_err(|_| bad_target(name))?;
    let name = state.rooms[&room].name.clone();
    Ok(Target { of: Some(Subject::Room(room)), name })
}

/// A target whose metadata the requester may read: that of a closed room is for its members.
fn readable(context: &Responder<'_, impl Reads>, name: &str) -> Result<Target, Refusal> {
    let target = target(context, name)?;
    if let Some(Subject::Room(room)) = target.of {
        let room = &context.state.rooms[&room];
        if (room.is('i') || room.is('s')) && room.member(context.me()).is_none() {
            return Err(bad_target(name));
        }
    }
    Ok(target)
}

fn keys(context: &Context<'_>, target: &Target) -> Keys {
    match target.of {
        Some(of) => keys_of(&context.state, of),
        None => keys_before(context),
    }
}

/// The code for an invalid key.
fn bad_key_code(context: &Responder<'_, impl Reads>) -> &'static str {
    if is_old(context) { "KEY_INVALID" } else { "INVALID_KEY" }
}

fn is_key(key: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_./-".contains(&c);
    !key.is_empty() && key.len() <= METADATA_KEY_BYTES && key.bytes().all(allowed)
}

const BAD_KEY: &str = "A key consists of 1 to 32 of a-z 0-9 _ . / -";

/// The line for one invalid key of several; the others are processed.
fn bad_key_line(context: &Responder<'_, impl Reads>, key: &str) -> Vec<u8> {
    let kind = if is_old(context) { "FAIL" } else { "WARN" };
    let code = bad_key_code(context);
    show::line(context, kind, |line| {
        let key = shorten(key, PARAMETER_BYTES);
        line.param("METADATA").param(code).param(key).text(BAD_KEY).end();
    })
}

fn get(context: &mut Context<'_>, name: &str, wanted: &[&str]) -> Result<(), Refusal> {
    let target = readable(context, name)?;
    let (nick, keys) = (context.nick(), keys(context, &target));
    let answer = |key: &&str| match is_key(key) {
        true => key_line(context, &nick, &target.name, key, keys.get(*key).map(|value| &**value)),
        false => bad_key_line(context, key),
    };
    let lines: Vec<Vec<u8>> = wanted.iter().map(answer).collect();
    batch(context, "metadata", Some(&target.name), &lines);
    Ok(())
}

fn list(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let target = readable(context, name)?;
    let (nick, keys) = (context.nick(), keys(context, &target));
    let lines: Vec<Vec<u8>> = keys
        .iter()
        .map(|(key, value)| key_line(context, &nick, &target.name, key, Some(value)))
        .collect();
    batch(context, "metadata", Some(&target.name), &lines);
    Ok(())
}

/// Replies with the target's values for the keys that the session is subscribed to.
fn sync(context: &mut Context<'_>, name: &str) -> Result<(), Refusal> {
    let wanted = context.node.subscriptions.of(context.requester.session);
    if name == EVERYTHING && context.session().user.is_some() {
        let owners = show::everything(context);
        show::sync(context, EVERYTHING, &owners, &wanted);
        return Ok(());
    }
    let target = target(context, name)?;
    let owners = match target.of {
        Some(Subject::Room(room)) => {
            context.my_room(&target.name).map_err(|_| bad_target(name))?;
            show::room_and_members(context, room)
        }
        _ => vec![target.clone()],
    };
    show::sync(context, &target.name, &owners, &wanted);
    Ok(())
}
