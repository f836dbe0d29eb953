//! `NOTIFY [target [mute|follow|default]]`: what the requester wants to be notified of, on all
//! devices. The server stores it; clients act on it.

use super::chathistory::conversation;
use super::entry::SharedPart;
use super::refusal::Refusal;
use crate::command::context::Context;
use crate::effects::News;
use crate::limits::NOTIFY_ENTRIES;
use crate::state::State;
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::news::write_line;
use crate::state::notify::{self, Notify};
use crate::state::user::UserId;
use proto::{Capabilities, Capability, Message};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{AccountId, Conversation};

/// Shows what is set.
pub fn ask<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    must_have_account(context)?;
    let Some(target) = target(message) else {
        list(context);
        return Ok(SharedPart::None);
    };
    if message.param(1).is_some() {
        return Ok(SharedPart::AsSent);
    }
    let (of, name) = find(context, target)?;
    let now = notify::of(&context.state, context.me(), of);
    context.note("NOTIFY", "ENTRY", &[&name, notify::word(now)], sentence(of, now));
    Ok(SharedPart::None)
}

/// Sets it.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    must_have_account(context)?;
    let (of, name) = find(context, target(message).ok_or(Refusal::NeedMoreParams)?)?;
    set(context, of, &name, message.param(1).ok_or(Refusal::NeedMoreParams)?)
}

fn target<'m>(message: &Message<'m>) -> Option<&'m str> {
    message.param(0).filter(|target| !target.is_empty())
}

fn must_have_account(context: &Responder<'_, impl Reads>) -> Result<(), Refusal> {
    let text = "Only accounts can mute and follow; log in or register first";
    match context.user().guest {
        true => Err(Refusal::Invalid { code: "ACCOUNT_REQUIRED", context: Vec::new(), text }),
        false => Ok(()),
    }
}

/// A permanent conversation: a guest's ends with the guest.
fn find(
    context: &Responder<'_, impl Reads>,
    target: &str,
) -> Result<(Conversation, Arc<str>), Refusal> {
    let found = conversation(context, target).ok();
    let found =
        found.filter(|(of, _)| of.as_room().is_some() || context.state.account(target).is_some());
    let text = "No such account, or not a room that you are in";
    let code = "INVALID_TARGET";
    found.ok_or_else(|| Refusal::Invalid { code, context: vec![target.to_owned()], text })
}

fn set(
    context: &mut ApplyContext<'_>,
    of: Conversation,
    name: &Arc<str>,
    given: &str,
) -> Result<(), Refusal> {
    let me = context.me();
    let text = "Give mute, follow or default";
    let (code, words) = ("INVALID_VALUE", vec![name.to_string(), given.to_owned()]);
    let to = notify::parse(given).ok_or(Refusal::Invalid { code, context: words, text })?;
    let before = notify::of(context.state, me, of);
    if to != before {
        if to.is_some() {
            context.must_be_storable()?;
            notify::tidy(context.state, context.out, me);
        }
        if before.is_none() && notify::all(context.state, me).len() >= NOTIFY_ENTRIES {
            let text = "You have muted or follow as many conversations as you can";
            let (code, words) = ("LIMIT_REACHED", vec![NOTIFY_ENTRIES.to_string()]);
            return Err(Refusal::Invalid { code, context: words, text });
        }
        notify::set(context.state, context.out, me, of, to);
    }
    // Clients understand the line that is sent to all devices.
    if !context.has(Capability::Unread) {
        context.note("NOTIFY", "SET", &[name, notify::word(to)], sentence(of, to));
    }
    let server = context.state.renderer.server.clone();
    let needs = Capabilities::only(Capability::Unread);
    let news = News { time: context.state.now, needs, ..News::default() };
    let news = context.out.news(news, |out| {
        write_line(out, &server, "NOTIFY", &[name, notify::word(to)], None);
    });
    context.tell_user(me, news);
    Ok(())
}

fn list(context: &mut Context<'_>) {
    let all = named(context);
    for (name, of, to) in &all {
        context.note("NOTIFY", "ENTRY", &[name, notify::word(Some(*to))], sentence(*of, Some(*to)));
    }
    let text = "In other conversations you are told of private messages and mentions";
    context.note("NOTIFY", "END", &[&all.len().to_string()], text);
}

/// Sends a client what its user has muted and follows.
pub fn show_all(context: &mut Responder<'_, impl Reads>) {
    for (name, _, to) in named(context) {
        context.from_server_only("NOTIFY", &[&name, notify::word(Some(to))]);
    }
}

/// The conversations that a user has muted.
pub fn muted(state: &State, user: UserId) -> Box<[Conversation]> {
    let all = notify::all(state, user).into_iter();
    all.filter(|(_, to)| *to == Notify::Mute).map(|(of, _)| of).collect()
}

/// What the requester has muted and follows, among their rooms and accounts.
pub fn named(context: &Responder<'_, impl Reads>) -> Vec<(Arc<str>, Conversation, Notify)> {
    let (state, me): (&State, _) = (&context.state, context.me());
    let all = notify::all(state, me);
    let mut people: BTreeMap<AccountId, Option<Arc<str>>> =
        all.iter().filter_map(|(of, _)| Some((of.other(me)?, None))).collect();
    if !people.is_empty() {
        for account in state.accounts.values() {
            if let Some(name) = people.get_mut(&account.id) {
                *name = Some(account.name.clone());
            }
        }
    }
    let name = |of: Conversation| match (of.as_room(), of.other(me)) {
        (Some(room), _) => {
            let room = state.rooms.get(&room)?;
            room.member(me).map(|_| room.name.clone())
        }
        (None, Some(other)) => people.get(&other)?.clone(),
        (None, None) => None,
    };
    all.into_iter().filter_map(|(of, to)| Some((name(of)?, of, to))).collect()
}

fn sentence(of: Conversation, to: Option<Notify>) -> &'static str {
    match to {
        Some(Notify::Mute) => "Muted: you are told of nothing here",
        Some(Notify::Follow) => "Followed: you are told of every message",
        None if of.as_room().is_some() => "You are told of messages that mention you",
        None => "You are told of every message",
    }
}
