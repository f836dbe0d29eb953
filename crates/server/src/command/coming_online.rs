//! A user comes online, or opens another session: applied as an entry when the session's
//! registration is complete. Its node welcomes it; see [`super::welcome`].

use super::authentication::may_be_named;
use super::metadata::at_registration::coming as metadata_coming;
use super::refusal::{Refusal, refuse};
use super::{join, presence, session_end, umode};
use crate::effects::{Condition, Effect, FollowUp};
use crate::render::Author;
use crate::state::apply_context::ApplyContext;
use crate::state::room::{MaskSubject, Member, Rank};
use crate::state::user::{Presence, User, UserId, folded};
use crate::state::{dormant, founder, membership};
use proto::numeric as n;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{AccountId, RoomId};

/// A session's registration is complete.
#[derive(Debug, Deserialize, Serialize)]
pub struct ComeOnline {
    /// The account it has logged in to; none for a guest.
    pub account: Option<AccountId>,
    /// The name.
    pub nick: Arc<str>,
    /// The rest of its source.
    pub userhost: Option<Arc<str>>,
    /// Its real name.
    pub realname: Option<Box<str>>,
    /// The presence it has reported.
    pub presence: Option<Presence>,
    /// The metadata it has set.
    pub metadata: BTreeMap<Box<str>, Option<Box<str>>>,
    /// The rooms of its invitation, which it joins.
    pub invited: Vec<Box<str>>,
    /// It registered as IRC clients do and expects their welcome.
    pub full: bool,
}

/// The code of the refusal if an account has too many sessions.
pub const TOO_MANY_SESSIONS: &str = "TOO_MANY_SESSIONS";
/// The code of the refusal of banned users.
pub const BANNED: &str = "BANNED";

/// Applies it.
///
/// # Errors
/// If the account is gone or has too many sessions, or a guest's name is taken.
pub fn come_online(context: &mut ApplyContext<'_>, coming: &ComeOnline) -> Result<(), Refusal> {
    let (session, full) = (context.requester.session, coming.full);
    let id = may_come(context, coming)?;
    if let Some(guest) = context.requester.user {
        leave_guest(context, guest, &coming.nick);
    }
    let first = add_session(context, id, coming);
    context.requester.user = Some(id);
    context.out.push(Effect::Ready { session });
    context.out.follow_up(FollowUp::CameOnline { user: id });
    let metadata = metadata_coming(context, &coming.metadata);
    context.out.follow_up(FollowUp::Welcome { full, metadata });
    match (first, coming.presence.clone()) {
        (true, presence) => presence::coming_online(context, presence),
        (false, Some(presence)) => presence::said(context, presence),
        (false, None) => presence::changed(context, id),
    }
    if first {
        enter_rooms(context, full, metadata);
        context.out.follow_up(FollowUp::TellOnline { user: id });
        presence::tell_watchers(context);
        follow_up_when(context, metadata, FollowUp::SyncWatchers { user: id });
    } else {
        show_rooms(context, full, metadata);
    }
    context.out.follow_up(FollowUp::Welcomed { full });
    if first && coming.account.is_some() {
        umode::take_role(context);
    } else if !first {
        umode::show_role(context);
    }
    join_invited(context, &coming.invited);
    Ok(())
}

/// Whether the session may come online, and as which user.
fn may_come(context: &mut ApplyContext<'_>, coming: &ComeOnline) -> Result<UserId, Refusal> {
    let (nick, state) = (&*coming.nick, &*context.state);
    let Some(account) = coming.account else {
        may_be_named(context, nick)?;
        if state.account(nick).is_some() || state.online(nick).is_some() {
            return Err(Refusal::NameTaken(nick.to_owned()));
        }
        let author = Author { nick, userhost: coming.userhost.as_deref(), guest: true };
        let who = MaskSubject::guest(state.renderer.source(author));
        return match state.server_bans.of_user(None, &who) {
            Some(ban) => Err(Refusal::Barred(BANNED, nick.to_owned(), ban.sentence())),
            None => Ok(context.state.next_id()),
        };
    };
    if state.account(nick).is_none_or(|found| found.id != account) {
        let text = "This account is gone".to_owned();
        return Err(Refusal::Barred("NO_SUCH_ACCOUNT", nick.to_owned(), text));
    }
    let devices = state.users.get(&account).map_or(0, |user| user.sessions.len());
    let most = state.settings.sessions_per_account;
    if most != 0 && devices >= most {
        let text = "Your account has the maximum number of connections; close one first";
        return Err(Refusal::Barred(TOO_MANY_SESSIONS, nick.to_owned(), text.to_owned()));
    }
    Ok(account)
}

/// The session was a guest's until now, who is gone, with its rooms.
fn leave_guest(context: &mut ApplyContext<'_>, guest: UserId, name: &str) {
    let reason = format!("Logged in as {name}");
    for room in context.user().rooms.clone() {
        let room = context.state.rooms[&room].name.clone();
        let part = context.passing(guest, "PART", &[&room], Some(&reason));
        context.reply_news(part);
    }
    let nick = context.passing(guest, "NICK", &[name], None);
    context.reply_news(nick);
    session_end::leave(context, &reason, None);
}

/// The real name, which shares the nick's allocation if it is the same: many programs send that.
fn realname(coming: &ComeOnline) -> Arc<str> {
    match coming.realname.as_deref() {
        Some(name) if *name != *coming.nick => name.into(),
        _ => coming.nick.clone(),
    }
}

/// Adds the session to its user, who may be online already; returns whether the user was offline.
fn add_session(context: &mut ApplyContext<'_>, id: UserId, coming: &ComeOnline) -> bool {
    let (session, nick, guest) =
        (context.requester.session, &coming.nick, coming.account.is_none());
    if let Some(user) = context.state.users.get_mut(&id) {
        user.sessions.push(session);
        return false;
    }
    let user = User {
        id,
        nick: nick.clone(),
        userhost: coming.userhost.clone(),
        guest,
        realname: realname(coming),
        sessions: Vec::from([session]),
        unattended: Vec::new(),
        rooms: Vec::new(),
        away: None,
        said_away: None,
        invisible: false,
        role: None,
        bot: false,
        wallops: false,
        since: context.state.now,
        spoke: context.state.steady,
    };
    context.state.users.insert(id, Box::new(user));
    context.state.nicks.insert(folded(nick), id);
    context.state.users_most = context.state.users_most.max(context.state.users.len());
    if guest {
        dormant::guest_came(context.state, id);
    }
    true
}

fn follow_up_when(context: &mut ApplyContext<'_>, when: Condition, follow_up: FollowUp) {
    let before = context.out.condition();
    context.out.resume(when);
    context.out.follow_up(follow_up);
    context.out.resume(before);
}

/// A user's first session: the user joins the lobby and the remembered rooms.
fn enter_rooms(context: &mut ApplyContext<'_>, full: bool, metadata: Condition) {
    let me = context.me();
    if let Some(lobby) = context.state.lobby {
        let member = founder::standing(context.state, lobby, me, false);
        enter(context, lobby, member, full, metadata);
    }
    for room in context.state.remembered.remove(&me).unwrap_or_default() {
        let Some(member) = context.state.rooms.get(&room).and_then(|room| room.members.get(&me))
        else {
            continue;
        };
        let (member, room_is) = (*member, &context.state.rooms[&room]);
        if member.rank() < Rank::HalfOp && room_is.bans(&context.who()) {
            membership::forget(context.state, context.out, me, room);
        } else {
            enter(context, room, member, full, metadata);
        }
    }
}

fn enter(
    context: &mut ApplyContext<'_>,
    room: RoomId,
    member: Member,
    full: bool,
    metadata: Condition,
) {
    let me = context.me();
    membership::enter(context.state, context.out, me, room, member);
    let news = context.passing_join(me, room);
    context.tell_join_or_part(room, news);
    membership::tell_away(context, room, me);
    context.out.follow_up(FollowUp::ShowRoomAtLogin {
        user: me,
        room,
        first: true,
        full,
        metadata,
    });
}

/// A further session of a user who is online: only this session is told about the rooms.
fn show_rooms(context: &mut ApplyContext<'_>, full: bool, metadata: Condition) {
    let (me, session) = (context.me(), context.requester.session);
    for room in context.user().rooms.clone() {
        context.out.push(Effect::Enter { session, room });
        let news = context.passing_join(me, room);
        context.reply_news(news);
        context.out.follow_up(FollowUp::ShowRoomAtLogin {
            user: me,
            room,
            first: false,
            full,
            metadata,
        });
    }
    if context.user().away.is_some() {
        context.numeric(n::RPL_NOWAWAY, &[], "You have been marked as being away");
    }
}

/// A newly registered user joins the rooms of the invitation, whatever closes them to others.
fn join_invited(context: &mut ApplyContext<'_>, rooms: &[Box<str>]) {
    let me = context.me();
    for name in rooms {
        let room = context.state.room(name).map(|room| room.id);
        if let Some(room) = room.and_then(|room| context.state.rooms.get_mut(&room)) {
            room.invited.insert(me, true);
        }
        if let Err(refusal) = join::join(context, name, "") {
            refuse(context, "JOIN", &refusal);
        }
    }
}
