//! `MONITOR`: which sessions watch which names.

use crate::effects::{Effect, Effects, News};
use crate::limits::MONITOR_NAMES;
use crate::session::Node;
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::user::UserId;
use proto::name::fold;
use proto::{Capability, Line, numeric as n};
use std::collections::{BTreeMap, BTreeSet};
use store::RoomId;

/// The sessions that watch a name, by folded name; the reverse index is
/// [`Extras::watched`](crate::session::extras::Extras::watched).
pub type Watchers = BTreeMap<Box<str>, BTreeSet<SessionId>>;

/// What `extended-monitor` includes, each with a capability of its own.
const EXTENDED: [Capability; 4] =
    [Capability::AwayNotify, Capability::AccountNotify, Capability::ChgHost, Capability::SetName];

/// A session starts watching a name; false if its list is full.
pub fn add(node: &mut Node, session: SessionId, name: &str) -> bool {
    let watcher = node.sessions.get_mut(&session).expect("the requester is connected");
    let folded: Box<str> = fold(name).into();
    let watched = &mut watcher.extras_mut().watched;
    if watched.contains_key(&folded) {
        return true;
    }
    if watched.len() >= MONITOR_NAMES {
        return false;
    }
    watched.insert(folded.clone(), name.into());
    node.watchers.entry(folded).or_default().insert(session);
    true
}

/// A session stops watching a name.
pub fn remove(node: &mut Node, session: SessionId, name: &str) {
    let folded = fold(name);
    let watcher = node.sessions.get_mut(&session).expect("the requester is connected");
    if watcher.extras_mut().watched.remove(&*folded).is_some() {
        forget(&mut node.watchers, session, &folded);
    }
}

/// A session stops watching these names: it has ended, or cleared its list.
pub fn remove_all(node: &mut Node, session: SessionId, watched: &BTreeMap<Box<str>, Box<str>>) {
    for folded in watched.keys() {
        forget(&mut node.watchers, session, folded);
    }
}

fn forget(watchers: &mut Watchers, session: SessionId, folded: &str) {
    if let Some(sessions) = watchers.get_mut(folded) {
        sessions.remove(&session);
        if sessions.is_empty() {
            watchers.remove(folded);
        }
    }
}

/// Notifies the watchers of a user's name that it is online.
pub fn online(state: &State, node: &Node, out: &mut Effects, user: UserId) {
    let source = state.source(user);
    notify(state, node, out, &state.users[&user].nick, n::RPL_MONONLINE, &source);
}

/// Notifies the watchers of a name that it is offline.
pub fn offline(state: &State, node: &Node, out: &mut Effects, name: &str) {
    notify(state, node, out, name, n::RPL_MONOFFLINE, name);
}

/// The line is the same for all: the specification allows `*` in place of the receiver's name.
fn notify(state: &State, node: &Node, out: &mut Effects, name: &str, code: &str, text: &str) {
    let Some(sessions) = node.watchers.get(&*fold(name)) else { return };
    let news = News { time: state.now, ..News::default() };
    let server = &state.renderer.server;
    let news = out.news(news, |out| {
        Line::to(out).source(server).verb(code).param("*").text(text).end();
    });
    for to in sessions {
        out.push(Effect::TellOne { to: *to, news, pending: false });
    }
}

/// Sends news about a user that the rooms in `told` receive also to those who watch the name with
/// `extended-monitor`, unless they are in one of these rooms: nobody gets it twice.
pub fn notify_extended(
    state: &State,
    node: &Node,
    out: &mut Effects,
    user: UserId,
    news: u32,
    told: &[RoomId],
) {
    let needs = out.news[news as usize].needs;
    if !EXTENDED.iter().any(|capability| needs.contains(*capability)) {
        return;
    }
    let Some(known) = state.users.get(&user) else { return };
    let Some(sessions) = node.watchers.get(&*fold(&known.nick)) else { return };
    for to in sessions {
        let session = &node.sessions[to];
        let watcher = session.user.expect("only registered sessions can watch");
        let receives = |room: &RoomId| {
            state.rooms.get(room).is_some_and(|room| room.member(watcher).is_some())
        };
        if session.capabilities.contains(Capability::ExtendedMonitor)
            && watcher != user
            && !told.iter().any(receives)
        {
            out.push(Effect::TellOne { to: *to, news, pending: false });
        }
    }
}
