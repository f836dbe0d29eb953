//! Metadata on the wire: pushed to subscribers, and in answers of many lines.

use super::at_registration::{is_aware, is_old, keys_before};
use crate::command::context::Context;
use crate::effects::{Effect, News};
use crate::limits::METADATA_SYNC_SECONDS;
use crate::session_id::SessionId;
use crate::state::apply_context::{Reads, Responder};
use crate::state::metadata::{Keys, Target, keys_of, known_keys};
use crate::state::user::UserId;
use proto::name::fold;
use proto::{Capabilities, Capability, Line, numeric as n};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{RoomId, Subject};

/// Starts a line from the server, as [`batch`] needs it.
pub fn line(
    context: &Responder<'_, impl Reads>,
    verb: &str,
    write: impl FnOnce(Line<'_>),
) -> Vec<u8> {
    let mut out = Vec::new();
    write(Line::to(&mut out).source(&context.state.renderer.server).verb(verb));
    out
}

/// `761`: a key and its value; `766`: the key is not set.
pub fn key_line(
    context: &Responder<'_, impl Reads>,
    nick: &str,
    target: &str,
    key: &str,
    value: Option<&str>,
) -> Vec<u8> {
    match value {
        Some(value) => line(context, n::RPL_KEYVALUE, |line| {
            line.param(nick).param(target).param(key).param("*").text(value).end();
        }),
        None => line(context, n::RPL_KEYNOTSET, |line| {
            line.param(nick).param(target).param(key).text("Key not set").end();
        }),
    }
}

/// The same as it is pushed: in the previous draft, with the verb `METADATA`.
fn pushed_line(
    context: &Responder<'_, impl Reads>,
    nick: &str,
    target: &str,
    key: &str,
    value: Option<&str>,
    capabilities: Capabilities,
) -> Vec<u8> {
    if !is_old(capabilities) {
        return key_line(context, nick, target, key, value);
    }
    line(context, "METADATA", |line| {
        let line = line.param(target).param(key).param("*");
        match value {
            Some(value) => line.text(value).end(),
            None => line.end(),
        }
    })
}

/// Notifies sessions that a key has a value, or none any more.
pub fn tell(
    context: &mut Context<'_>,
    to: &BTreeSet<SessionId>,
    target: &str,
    key: &str,
    value: Option<&str>,
) {
    // The numerics begin with the receiver's own name; the verb does not.
    let mut told: BTreeMap<(Option<UserId>, u64), u32> = BTreeMap::new();
    for to in to {
        let session = &context.node.sessions[to];
        let capabilities = session.capabilities;
        let Some(user) = session.user.filter(|_| is_aware(capabilities)) else { continue };
        let (by, needs) = if is_old(capabilities) {
            (None, Capability::Metadata2)
        } else {
            (Some(user), Capability::Metadata3)
        };
        let needs = Capabilities::only(needs);
        let news = match told.get(&(by, needs.bits())) {
            Some(news) => *news,
            None => {
                let nick = &context.state.users[&user].nick;
                let line = pushed_line(context, nick, target, key, value, capabilities);
                let news = News { time: context.state.now, needs, ..News::default() };
                let news = context.out.news(news, |out| out.extend_from_slice(&line));
                told.insert((by, needs.bits()), news);
                news
            }
        };
        context.out.push(Effect::TellOne { to: *to, news, pending: false });
    }
}

/// Replies with lines as a batch, or without the capability as they are.
pub fn batch(
    context: &mut Responder<'_, impl Reads>,
    kind: &str,
    target: Option<&str>,
    lines: &[Vec<u8>],
) {
    let session = context.requester.session;
    if !context.has(Capability::Batch) {
        for line in lines {
            context.out.reply(session, |out| out.extend_from_slice(line));
        }
        return;
    }
    let reference = format!("M{}", context.out.text.len());
    let begin = line(context, "BATCH", |line| {
        let line = line.param(&format!("+{reference}")).param(kind);
        target.into_iter().fold(line, Line::param).end();
    });
    let end = line(context, "BATCH", |line| line.param(&format!("-{reference}")).end());
    context.out.reply(session, |out| out.extend_from_slice(&begin));
    let tag = format!("@batch={reference} ");
    for line in lines {
        context.out.reply(session, |out| {
            out.extend_from_slice(tag.as_bytes());
            out.extend_from_slice(line);
        });
    }
    context.out.reply(session, |out| out.extend_from_slice(&end));
}

/// Replies with all keys of one owner, as they would be pushed.
pub fn keys(context: &mut Context<'_>, nick: &str, name: &str, keys: &Keys) {
    let capabilities = context.capabilities();
    let lines: Vec<Vec<u8>> = keys
        .iter()
        .map(|(key, value)| pushed_line(context, nick, name, key, Some(value), capabilities))
        .collect();
    batch(context, "metadata", Some(name), &lines);
}

/// Replies with the values of some keys of several owners, as far as one answer allows.
pub fn sync(
    context: &mut Context<'_>,
    asked: &str,
    owners: &[Target],
    wanted: &BTreeSet<Box<str>>,
) {
    let (nick, capabilities) = (context.nick(), context.capabilities());
    let most = context.node.config.limits.answer();
    let (mut lines, mut bytes) = (Vec::new(), 0);
    let before = keys_before(context);
    let keys = |owner: &Target| match owner.of {
        Some(of) => known_keys(&context.state, of),
        None => Some(&before),
    };
    let all = owners.iter().filter_map(|owner| Some((owner, keys(owner)?)));
    let all =
        all.flat_map(|(owner, keys)| keys.iter().map(move |(key, value)| (owner, key, value)));
    // Whatever exceeds one answer is not even looked up: there may be very many.
    for (owner, key, value) in all.filter(|(_, key, _)| wanted.contains(*key)) {
        let line = pushed_line(context, &nick, &owner.name, key, Some(value), capabilities);
        bytes += line.len();
        if bytes > most {
            break;
        }
        lines.push(line);
    }
    if bytes > most {
        let most = most.to_string();
        let text = "The result is too long for one answer; use GET for the rest";
        lines.push(line(context, "WARN", |line| {
            let line = line.param("METADATA").param("LIMIT_REACHED").param("SYNC");
            line.param(asked).param(&most).text(text).end();
        }));
    }
    batch(context, "metadata", Some(asked), &lines);
}

/// The session has joined a room: replies with the metadata of the room and its members that the
/// session is subscribed to, or when to ask for it. Joining many rooms at once shows no more than
/// an outbox holds.
pub fn sync_room(context: &mut Context<'_>, room: RoomId) {
    if !is_aware(context.capabilities()) {
        return;
    }
    let name = context.state.rooms[&room].name.clone();
    // After joining many rooms at once, the client asks for the rest itself.
    let much = context.out.written() > context.node.config.limits.answer() / 2;
    if much || is_large(context, room) {
        return sync_later(context, &name);
    }
    let wanted = context.node.subscriptions.of(context.requester.session);
    let owners = room_and_members(context, room);
    sync(context, &name, &owners, &wanted);
}

/// The session has been told that users it watches are online: replies with their metadata that it
/// is subscribed to, or when to ask for it.
pub fn sync_watched(context: &mut Context<'_>, users: &[UserId]) {
    if !is_aware(context.capabilities()) {
        return;
    }
    let wanted = context.node.subscriptions.of(context.requester.session);
    let most = context.out.text.len() + context.node.config.limits.answer();
    for user in users {
        let owner = user_target(context, *user);
        let name = owner.name.clone();
        if context.out.text.len() > most {
            sync_later(context, &name);
        } else {
            sync(context, &name, &[owner], &wanted);
        }
    }
}

/// The watchers of a user's name have been told that it is online.
pub fn sync_watchers(context: &mut Context<'_>, user: UserId) {
    let name = fold(&context.state.users[&user].nick);
    let watchers = context.node.watchers.get(&*name).cloned().unwrap_or_default();
    for session in watchers {
        sync_watched(&mut context.of(session), &[user]);
    }
}

/// The session has subscribed to keys: replies with their values for everybody it can see, or when
/// to ask for them.
pub fn sync_new(context: &mut Context<'_>, new: &BTreeSet<Box<str>>) {
    let large = |room: &RoomId| is_large(context, *room);
    if context.user().rooms.iter().any(large) {
        return sync_later(context, EVERYTHING);
    }
    let owners = everything(context);
    sync(context, EVERYTHING, &owners, new);
}

/// The target that stands for everything a session can see.
pub const EVERYTHING: &str = "*ALL";

fn sync_later(context: &mut Context<'_>, target: &str) {
    let seconds = METADATA_SYNC_SECONDS.to_string();
    let text = format!("Too many to send now; use METADATA {target} SYNC in {seconds} seconds");
    context.numeric(n::ERR_METADATASYNCLATER, &[target, &seconds], &text);
}

fn is_large(context: &Context<'_>, room: RoomId) -> bool {
    let large = context.state.settings.large_room;
    large != 0 && context.state.rooms[&room].online > large
}

/// A room, and its members that the requester can see there.
pub fn room_and_members(context: &Context<'_>, room: RoomId) -> Vec<Target> {
    let name = context.state.rooms[&room].name.clone();
    let mut owners = vec![Target { of: Some(Subject::Room(room)), name }];
    owners.extend(members(context, room).map(|user| user_target(context, user)));
    owners
}

/// All rooms and users that the requester can see, the requester included.
pub fn everything(context: &Context<'_>) -> Vec<Target> {
    let rooms = &context.user().rooms;
    let name = |room: &RoomId| context.state.rooms[room].name.clone();
    let room = |room: &RoomId| Target { of: Some(Subject::Room(*room)), name: name(room) };
    let mut owners: Vec<Target> = rooms.iter().map(room).collect();
    let mut users = BTreeSet::from([context.me()]);
    users.extend(rooms.iter().flat_map(|room| members(context, *room)));
    let watched = context.session().extras().watched.keys();
    users.extend(watched.filter_map(|name| context.state.nicks.get(&**name)));
    owners.extend(users.into_iter().map(|user| user_target(context, user)));
    owners
}

fn members<'a>(context: &'a Context<'_>, room: RoomId) -> impl Iterator<Item = UserId> + 'a {
    let me = context.me();
    let members = context.state.rooms[&room].members.iter();
    let known = members.filter(move |(id, member)| member.online && (!member.hidden || **id == me));
    known.map(|(id, _)| *id)
}

fn user_target(context: &Context<'_>, user: UserId) -> Target {
    let name = context.state.users[&user].nick.clone();
    Target { of: Some(Subject::Account(user)), name }
}

/// The part of `WHOIS` about metadata, for sessions with the capability.
pub fn whois(context: &mut Context<'_>, user: UserId) {
    if !is_aware(context.capabilities()) {
        return;
    }
    let name: Arc<str> = context.state.users[&user].nick.clone();
    for (key, value) in keys_of(&context.state, Subject::Account(user)) {
        context.numeric(n::RPL_WHOISKEYVALUE, &[&name, &key, "*"], &value);
    }
}
