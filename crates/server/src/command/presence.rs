//! Whether a person is away: by their own words, for all their devices, or because none of their
//! connections is attended.
//!
//! <https://ircv3.net/specs/extensions/away-notify>, <https://ircv3.net/specs/extensions/pre-away>

use crate::effects::FollowUp;
use crate::state::apply_context::ApplyContext;
use crate::state::membership::{known_in, tell_common_rooms};
use crate::state::user::{Presence, UserId};
use proto::Capability;

/// The requester's session reports the person's presence.
pub fn said(context: &mut ApplyContext<'_>, presence: Presence) {
    note(context, presence);
    let me = context.me();
    changed(context, me);
}

fn note(context: &mut ApplyContext<'_>, presence: Presence) {
    let session = context.requester.session;
    let user = context.user_mut();
    user.unattended.retain(|id| *id != session);
    match presence {
        Presence::Here => user.said_away = None,
        Presence::Away(why) => user.said_away = Some(why),
        Presence::Unattended => user.unattended.push(session),
    }
}

/// The requester comes online with the presence reported before, if any. Nobody is told yet: rooms
/// are told when the user becomes visible, and watchers by [`tell_watchers`].
pub fn coming_online(context: &mut ApplyContext<'_>, presence: Option<Presence>) {
    presence.into_iter().for_each(|presence| note(context, presence));
    let user = context.user_mut();
    user.away = user.away_now();
}

/// Tells the watchers of the requester's name, who have just been told that it is online, that the
/// person is away, if so.
pub fn tell_watchers(context: &mut ApplyContext<'_>) {
    let me = context.me();
    let Some(away) = context.user().away.clone() else { return };
    let news = context.passing_for(Capability::AwayNotify, me, ("AWAY", &[]), Some(&away));
    let told = known_in(context.state, me).into();
    context.out.follow_up(FollowUp::TellWatchers { user: me, news, told });
}

/// A session of a user was opened, closed, or has reported a presence: tells others if the user's
/// away status has changed.
pub fn changed(context: &mut ApplyContext<'_>, user: UserId) {
    let known = context.state.users.get_mut(&user).expect("the caller has looked the user up");
    let now = known.away_now();
    let before = std::mem::replace(&mut known.away, now.clone());
    if before != now {
        let news = context.passing_for(Capability::AwayNotify, user, ("AWAY", &[]), now.as_deref());
        tell_common_rooms(context.state, context.out, user, news);
    }
}
