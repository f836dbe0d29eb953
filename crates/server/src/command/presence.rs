//! Whether a person is away: said by them, for all their devices; or because no connection of
//! theirs has anybody at it.
//!
//! <https://ircv3.net/specs/extensions/away-notify>, <https://ircv3.net/specs/extensions/pre-away>

use crate::session::Node;
use crate::session::Presence;
use crate::session::context::Context;
use crate::session::watch;
use crate::state::State;
use crate::state::membership::{known_in, tell_acquaintances};
use crate::state::user::UserId;
use proto::Capability;

/// The away message of somebody of whom only programs are connected.
const UNATTENDED: &str = "*";

/// The session of the asker says whether the person is here.
pub fn said(context: &mut Context<'_>, presence: Presence) {
    note(context, presence);
    changed(context);
}

fn note(context: &mut Context<'_>, presence: Presence) {
    context.session_mut().unattended = presence == Presence::Unattended;
    match presence {
        Presence::Here => context.user_mut().said_away = None,
        Presence::Away(why) => context.user_mut().said_away = Some(why),
        Presence::Unattended => {}
    }
}

/// The asker comes online, having said this before, if anything. Nobody is told yet: the rooms are
/// when they come to know of the user, and watchers by [`tell_watchers`].
pub fn came(context: &mut Context<'_>, presence: Option<Presence>) {
    presence.into_iter().for_each(|presence| note(context, presence));
    context.user_mut().away = now(context.state, context.node, context.me());
}

/// Tells those who watch the asker's name, and have just been told that the asker is online, that
/// the person is away, if so.
pub fn tell_watchers(context: &mut Context<'_>) {
    let me = context.me();
    let Some(away) = context.user().away.clone() else { return };
    let news = context.passing_for(Capability::AwayNotify, me, ("AWAY", &[]), Some(&away));
    let told = known_in(context.state, me);
    watch::tell_also(context.applying.state, context.node, context.applying.out, me, news, &told);
}

/// A session of the asker came or went, or said something: tells others if the person is away now
/// and was not, or the other way round.
pub fn changed(context: &mut Context<'_>) {
    let me = context.me();
    let now = now(context.state, context.node, me);
    let before = std::mem::replace(&mut context.user_mut().away, now.clone());
    if before != now {
        let news = context.passing_for(Capability::AwayNotify, me, ("AWAY", &[]), now.as_deref());
        tell_acquaintances(context.applying.state, context.applying.out, me, news);
    }
}

/// The away message of a user as its sessions are; none if the person is here.
pub fn now(state: &State, node: &Node, user: UserId) -> Option<Box<str>> {
    let user = &state.users[&user];
    let unattended = || user.sessions.iter().all(|session| node.sessions[session].unattended);
    user.said_away.clone().or_else(|| unattended().then(|| UNATTENDED.into()))
}
