//! `PRIVMSG target[,target…] :text`, and what all messages have in common: `NOTICE`, `TAGMSG`, `BM`
//! and `PM` use it.
//!
//! <https://modern.ircdocs.horse/#privmsg-message>

mod mentions;
mod statusmsg;

use super::entry::SharedPart;
use super::refusal::Refusal;
use super::{for_each_target, names_of};
use crate::command::context::Context;
use crate::effects::{Condition, Confirmation, Effect, FollowUp, Rooms};
use crate::limits::SLOW_SPEAKERS;
use crate::limits::{LINE_FRAME_BYTES, RESEND_ID_BYTES, TAGS_STORED_BYTES, TARGETS};
use crate::render::PLAYBACK;
use crate::render::lines::pieces;
use crate::state::account_settings::{self, PmPolicy};
use crate::state::apply_context::{ApplyContext, Reads, Responder};
use crate::state::membership;
use crate::state::room::{Member, Rank};
use crate::state::silence;
use crate::state::user::UserId;
use memchr::memchr;
use proto::{Capability, Message, numeric as n};
use std::cell::Cell;
use std::sync::Arc;
use store::{Conversation, Event, EventKind, Resend, RoomId, Write};

/// The client tag with which a message can be resent without being duplicated.
pub const RESEND_TAG: &str = "+parlor/resend";

/// Client tags that clients need to show a message correctly; they are stored whatever their
/// length. Those under `+parlor/` are for the server and not stored.
pub const NEEDED_TAGS: [&str; 6] = [
    "+draft/reply",
    "+reply",
    "+draft/react",
    "+draft/unreact",
    "+draft/channel-context",
    "+typing",
];

/// Something to send, whatever the verb.
pub struct Draft<'a> {
    /// `PRIVMSG`, `NOTICE` or `TAGMSG`.
    pub kind: EventKind,
    /// The verb used.
    pub verb: &'static str,
    /// The text, several lines joined as [`Event::text`] has them; empty for `TAGMSG`.
    pub text: &'a str,
    /// Client-only tags to relay, raw.
    pub tags: String,
    /// The client's resend id for this message.
    pub resend: Option<Box<str>>,
}

impl<'a> Draft<'a> {
    /// The contents of a line, with its tags if the session may send tags.
    pub fn new(
        context: &Responder<'_, impl Reads>,
        (kind, verb): (EventKind, &'static str),
        text: &'a str,
        tagged: Option<&Message<'_>>,
    ) -> Draft<'a> {
        let tagged = tagged.filter(|_| context.has(Capability::MessageTags));
        let tags = tagged.map(|message| message.tags.client_only()).unwrap_or_default();
        let resend = tagged.and_then(|message| message.tags.get(RESEND_TAG));
        let resend = resend.filter(|id| is_resend_id(id) && !context.user().guest);
        Draft { kind, verb, text, tags, resend: resend.map(|id| Box::from(&*id)) }
    }
}

fn is_resend_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !id.is_empty() && id.len() <= RESEND_ID_BYTES && id.bytes().all(allowed)
}

/// Finds out for which receivers the requester has used up their share.
pub fn prepare<'m>(
    context: &mut Context<'_>,
    message: &'m Message<'m>,
) -> Result<SharedPart<'m>, Refusal> {
    let (targets, text) = (message.param(0), message.param(1).unwrap_or_default());
    let targets = targets.into_iter().flat_map(|targets| targets.split(',')).take(TARGETS);
    for target in targets.filter(|target| !target.starts_with('#')) {
        look_at_share(context, target, text, tag_bytes(context, Some(message)));
    }
    Ok(SharedPart::AsSent)
}

/// The bytes of tags that a message from the requester would have.
pub fn tag_bytes(context: &Context<'_>, tagged: Option<&Message<'_>>) -> usize {
    let tagged = tagged.filter(|_| context.has(Capability::MessageTags));
    tagged.map_or(0, |message| message.tags.client_only().len())
}

/// Finds out whether a message for a user is within the requester's share of that user's outbox.
pub fn look_at_share(context: &mut Context<'_>, target: &str, text: &str, tags: usize) {
    if target.starts_with('#') {
        return;
    }
    if let Ok((id, _, true)) = find(context, target) {
        context.look_at_share(id, bytes_told(text, tags));
    }
}

/// Roughly how many bytes a message takes in an outbox.
fn bytes_told(text: &str, tags: usize) -> usize {
    text.len() + tags + pieces(text).count() * LINE_FRAME_BYTES
}

/// Carries out `PRIVMSG`.
pub fn run(context: &mut ApplyContext<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let targets = message.param(0).ok_or(Refusal::NoRecipient("PRIVMSG"))?;
    let text = message.param(1).unwrap_or_default();
    let draft = Draft::new(context, (EventKind::Message, "PRIVMSG"), text, Some(message));
    to_each(context, targets, &draft)
}

/// Sends a draft to each target of a list; each is answered separately.
pub fn to_each(
    context: &mut ApplyContext<'_>,
    targets: &str,
    draft: &Draft<'_>,
) -> Result<(), Refusal> {
    let targets = names_of(targets).map_err(|_| Refusal::NoRecipient(draft.verb))?;
    for_each_target(context, draft.verb, targets, |context, at, target| {
        // A resend id identifies one message; each further target gets one of its own.
        let resend = match &draft.resend {
            Some(id) if at > 0 => Some(format!("{id},{at}").into()),
            other => other.clone(),
        };
        let tags = draft.tags.clone();
        if target.eq_ignore_ascii_case(PLAYBACK) && context.has(Capability::ZncPlayback) {
            context.out.follow_up(FollowUp::AskPlayback { command: draft.text.into() });
            return Ok(());
        }
        match to_one(context, target, Draft { tags, resend, ..*draft }) {
            // NOTICE must not be answered.
            Err(refusal) if draft.kind == EventKind::Notice && !loses_unseen(&refusal) => Ok(()),
            sent => sent,
        }
    })
}

/// Whether a NOTICE refused for this reason would be lost although its target is right.
fn loses_unseen(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::TextTooLong(_)
            | Refusal::TagsTooLong
            | Refusal::TooMuchStored(_)
            | Refusal::DiskFull
            | Refusal::TooMuchForOne(_)
            | Refusal::TooMuchKept(_)
    )
}

/// Sends to one target: a room, some of its members, or a user.
pub fn to_one(
    context: &mut ApplyContext<'_>,
    target: &str,
    draft: Draft<'_>,
) -> Result<(), Refusal> {
    if let Some((rank, room)) = statusmsg::split(target) {
        return statusmsg::send(context, rank, room, &draft);
    }
    if target.starts_with('#') {
        let room = super::names::visible(context, target)?;
        return to_room(context, room, draft, None);
    }
    to_user(context, target, draft, false)
}

/// Sends to a room; `form` is a confirmation besides the echo.
pub fn to_room(
    context: &mut ApplyContext<'_>,
    room: RoomId,
    draft: Draft<'_>,
    form: Option<Confirmation>,
) -> Result<(), Refusal> {
    let name = may_speak(context, room, &draft)?;
    check_text(context, &draft, &name)?;
    let me = context.me();
    let passing_by = is_passing(&draft);
    if !passing_by {
        may_store(context, &draft)?;
    }
    if !is_typing(&draft) {
        membership::reveal(context, room, me);
    }
    spoke_in(context, room, &draft);
    if passing_by {
        let news = passing(context, &draft, &name);
        let except = vec![context.requester.session];
        context.out.push(Effect::Tell { rooms: Rooms::One(room), except, news });
        echo_passing(context, news);
        confirm_passing(context, form);
        return Ok(());
    }
    let event = context.event(Conversation::room(room), draft.kind, "", draft.text, &draft.tags);
    let news = store(context, event, &name, draft.verb, draft.resend, None);
    let except = vec![context.requester.session];
    context.out.push(Effect::Tell { rooms: Rooms::One(room), except, news });
    confirm(context, draft.kind, news, form);
    Ok(())
}

/// Sends to a user; the message is pending until a session of theirs has acknowledged it. `by_pm`:
/// confirmed in the words of `PM`.
pub fn to_user(
    context: &mut ApplyContext<'_>,
    target: &str,
    draft: Draft<'_>,
    by_pm: bool,
) -> Result<(), Refusal> {
    let (id, name, online) = find(context, target)?;
    must_be_taken(context, id, &name)?;
    check_text(context, &draft, &name)?;
    if is_passing(&draft) {
        if !online && !is_typing(&draft) {
            return Err(Refusal::NotKept(name));
        }
        let news = passing(context, &draft, &name);
        if online {
            may_send(context, id, &draft)?;
            tell_both(context, id, news, false);
        }
        echo_passing(context, news);
        confirm_passing(context, by_pm.then_some(Confirmation::Private { to: name, online }));
        return Ok(());
    }
    may_store(context, &draft)?;
    let kept = draft.kind != EventKind::Tagmsg && id != context.me() && has_account(context, id);
    if kept {
        context.must_be_kept(id, &name)?;
    }
    if online {
        may_send(context, id, &draft)?;
    }
    let conversation = Conversation::direct(context.me(), id);
    let event = context.event(conversation, draft.kind, &name, draft.text, &draft.tags);
    // Ignored senders get the usual answers.
    let kept = kept && !is_ignored(context, id);
    let pending = kept.then_some(id);
    if kept {
        context.keep(id, event.id);
    }
    let news = store(context, event, &name, draft.verb, draft.resend, pending);
    tell_both(context, id, news, kept);
    let form = by_pm.then(|| Confirmation::Private { to: name.clone(), online });
    confirm(context, draft.kind, news, form);
    if draft.kind == EventKind::Message && !by_pm {
        // A resent message gets the same answer.
        context.out.settle();
        tell_away(context, id, &name, online);
    }
    Ok(())
}

/// Refuses a private message to somebody who does not accept them from the requester (`ACCOUNT
/// PMS`).
fn must_be_taken(context: &ApplyContext<'_>, id: UserId, name: &str) -> Result<(), Refusal> {
    let me = context.me();
    let shares = |room: &RoomId| {
        Some(*room) != context.state.lobby && context.state.rooms[room].members.contains_key(&id)
    };
    let taken = match account_settings::pm_policy(context.state, id) {
        PmPolicy::Everyone => true,
        _ if id == me || context.user().is_operator() => true,
        PmPolicy::Shared => context.user().rooms.iter().any(shares),
        PmPolicy::Nobody => false,
    };
    if taken {
        return Ok(());
    }
    let text = "They do not accept private messages from you";
    Err(Refusal::Invalid { code: "PM_REFUSED", context: vec![name.to_owned()], text })
}

/// The owner of a name: id, name as its owner spells it, and whether they are online.
pub fn find(
    context: &Responder<'_, impl Reads>,
    name: &str,
) -> Result<(UserId, Arc<str>, bool), Refusal> {
    if let Some(user) = context.state.online(name) {
        return Ok((user.id, user.nick.clone(), true));
    }
    match context.state.account(name) {
        // Users online are found here only by a former name.
        Some(account) => {
            let online = context.state.users.contains_key(&account.id);
            Ok((account.id, account.name.clone(), online))
        }
        None => Err(Refusal::NoSuchUser(name.to_owned())),
    }
}

/// Whether the requester may say this in a room that they may know about; returns its name.
fn may_speak(
    context: &mut ApplyContext<'_>,
    room: RoomId,
    draft: &Draft<'_>,
) -> Result<Arc<str>, Refusal> {
    let steps = Cell::new(0);
    let may = may_say(context, room, draft, &steps);
    context.out.spend(steps.get());
    may
}

fn may_say(
    context: &ApplyContext<'_>,
    room: RoomId,
    draft: &Draft<'_>,
    steps: &Cell<u64>,
) -> Result<Arc<str>, Refusal> {
    let room = &context.state.rooms[&room];
    let member = room.member(context.me());
    let cannot = |why: &'static str| Err(Refusal::CannotSend(room.name.clone(), why.into()));
    let listed = |why: String| Err(Refusal::CannotSend(room.name.clone(), why.into()));
    if member.is_none() && room.is('n') {
        return cannot("Cannot send to room (+n): join it first");
    }
    if room.is('C') && is_request(draft) {
        return cannot("Cannot send to room (+C): no CTCP except ACTION");
    }
    let rank = member.map_or(Rank::Plain, Member::rank);
    if context.user().is_operator() || rank >= Rank::HalfOp {
        return Ok(room.name.clone());
    }
    if room.rules.announce {
        return cannot("Cannot send to room: only its operators speak here");
    }
    if rank >= Rank::Voice {
        return Ok(room.name.clone());
    }
    if room.is('m') {
        return cannot("Cannot send to room (+m): only voiced members may speak");
    }
    // Most rooms have no lists, so the masks' subject is only built if needed.
    if !room.settings.lists.is_empty() {
        let who = context.who();
        let banned = room.terms_for('b', &who);
        let quiet = if banned.is_none() { room.terms_for('q', &who) } else { None };
        steps.set(who.steps.get());
        if let Some(terms) = banned {
            return listed(format!("Cannot send to room (+b): you are banned{}", terms.sentence()));
        }
        if let Some(terms) = quiet {
            return listed(format!(
                "Cannot send to room (+q): you are quieted{}",
                terms.sentence()
            ));
        }
    }
    let slow = room.rules.slow;
    if draft.kind != EventKind::Tagmsg
        && let Some(seconds) = room.slow.wait(context.me(), slow, context.state.steady)
    {
        return Err(Refusal::TooSoon(room.name.clone(), seconds));
    }
    Ok(room.name.clone())
}

/// Whether a line is a CTCP request other than `/me`.
fn is_ctcp(text: &str) -> bool {
    text.strip_prefix('\x01').is_some_and(|request| {
        request.split([' ', '\x01']).next().is_some_and(|word| word != "ACTION")
    })
}

/// Refuses a draft that exceeds the requester's share of the receiver's outbox.
fn may_send(context: &mut ApplyContext<'_>, id: UserId, draft: &Draft<'_>) -> Result<(), Refusal> {
    context.must_be_within_share(id, bytes_told(draft.text, draft.tags.len()))
}

fn check_text(context: &ApplyContext<'_>, draft: &Draft<'_>, target: &str) -> Result<(), Refusal> {
    if draft.kind == EventKind::Tagmsg {
        return Ok(());
    }
    if draft.text.is_empty() {
        return Err(Refusal::NoText);
    }
    let user = context.user();
    let verb = crate::render::verb(draft.kind);
    let most = context.state.renderer.text_room(user.author(), verb, target);
    // The lines of a multi-line message are sent one by one.
    if draft.text.len() > most && pieces(draft.text).any(|(_, line)| line.len() > most) {
        return Err(Refusal::TextTooLong(most));
    }
    Ok(())
}

/// Refuses a draft that may not be stored: its tags are too long, or its author has no space.
fn may_store(context: &mut ApplyContext<'_>, draft: &Draft<'_>) -> Result<(), Refusal> {
    if draft.tags.is_empty() {
        return context.must_be_storable();
    }
    let needed = |tag: &&str| NEEDED_TAGS.contains(&tag.split('=').next().unwrap_or(tag));
    let others = draft.tags.split(';').filter(|tag| !needed(tag));
    if others.map(|tag| tag.len()).sum::<usize>() > TAGS_STORED_BYTES {
        return Err(Refusal::TagsTooLong);
    }
    context.must_be_storable()
}

/// Whether a draft is delivered and not stored: nobody should answer an old request, and typing
/// notifications are not history.
fn is_passing(draft: &Draft<'_>) -> bool {
    is_typing(draft) || is_request(draft)
}

/// Whether a draft contains a CTCP request or reply.
fn is_request(draft: &Draft<'_>) -> bool {
    memchr(1, draft.text.as_bytes()).is_some() && pieces(draft.text).any(|(_, line)| is_ctcp(line))
}

fn is_typing(draft: &Draft<'_>) -> bool {
    draft.kind == EventKind::Tagmsg
        && draft.tags.split(';').all(|tag| tag.split('=').next() == Some("+typing"))
}

/// News for a draft that is not stored: like an event's, but without an id.
fn passing(context: &mut ApplyContext<'_>, draft: &Draft<'_>, target: &str) -> u32 {
    if !is_typing(draft) {
        spoke(context);
    }
    let user = context.user();
    let event = Event {
        // No event has this id; it names the batch of a multi-line message.
        id: context.state.last_event() + 1,
        conversation: Conversation::direct(user.id, user.id),
        kind: draft.kind,
        account: user.id,
        guest: user.guest,
        bot: user.bot,
        nick: user.nick.clone(),
        userhost: user.userhost.clone(),
        target: target.into(),
        time: context.state.now,
        text: draft.text.into(),
        tags: draft.tags.as_str().into(),
        about: None,
    };
    let news = context.news_of(&event, target);
    context.out.news[news as usize].id = 0;
    news
}

/// The author's own copy of a message that is not stored: with a label it is the answer.
fn echo_passing(context: &mut ApplyContext<'_>, news: u32) {
    if context.has(Capability::EchoMessage) {
        context.reply_news(news);
    }
}

/// The final answer to a message that is not stored: it has no msgid to confirm.
fn confirm_passing(context: &mut ApplyContext<'_>, form: Option<Confirmation>) {
    match form {
        Some(Confirmation::Private { to, .. }) => {
            context.note("PM", "SENT", &[&to, "*"], &format!("On its way to {to}; not kept"));
        }
        Some(Confirmation::Broadcast) => {
            context.note("BM", "SENT", &["*"], "Sent to everyone online; not kept");
        }
        Some(Confirmation::Echo) | None => {}
    }
}

/// The requester is not idle.
fn spoke(context: &mut ApplyContext<'_>) {
    let at = context.state.steady;
    context.user_mut().spoke = at;
}

/// The requester sends to a room: in slow mode they must wait before the next message.
pub(super) fn spoke_in(context: &mut ApplyContext<'_>, room: RoomId, draft: &Draft<'_>) {
    let (me, now) = (context.me(), context.state.steady);
    let Some(room) = context.state.rooms.get_mut(&room) else { return };
    let plain = room.member(me).is_none_or(|member| member.rank() == Rank::Plain);
    if room.rules.slow > 0 && plain && draft.kind != EventKind::Tagmsg {
        room.slow.spoke(me, room.rules.slow, now, SLOW_SPEAKERS);
    }
}

fn store(
    context: &mut ApplyContext<'_>,
    event: Event,
    target: &str,
    verb: &'static str,
    resend: Option<Box<str>>,
    pending_for: Option<UserId>,
) -> u32 {
    spoke(context);
    let room = event.conversation.as_room();
    if let Some(room) = room.and_then(|room| context.state.rooms.get_mut(&room)) {
        room.has_history = true;
    }
    if let Some(room) = room {
        context.state.recent_messages.add(event.id, room, event.account, event.time);
    }
    let news = context.news_of(&event, target);
    let resend = resend.map(|id| Resend { id, at: context.state.steady });
    let mentions = mentions::of(context, &event);
    let event = Arc::new(event);
    let write = context.out.write(Write::Event { event, resend, pending_for, mentions });
    let to = context.requester.session;
    context.out.push_when(Condition::Failed(write), Effect::NotStored { to, verb, tag: None });
    news
}

/// Whether a user has an account, and so may come back for pending messages.
fn has_account(context: &ApplyContext<'_>, id: UserId) -> bool {
    context.state.users.get(&id).is_none_or(|user| !user.guest)
}

/// Whether a user ignores the requester.
pub fn is_ignored(context: &mut Responder<'_, impl Reads>, receiver: UserId) -> bool {
    if !context.state.silences.contains_key(&receiver) {
        return false;
    }
    let who = context.who();
    let ignored = silence::ignores(&context.state, receiver, context.me(), &who);
    context.out.spend(who.steps.get());
    ignored
}

/// Delivers to all sessions of the receiver, unless the requester is ignored, pending there if
/// `pending`; and to the requester's other sessions.
pub fn tell_both(context: &mut ApplyContext<'_>, receiver: UserId, news: u32, pending: bool) {
    let me = context.me();
    let ignored = is_ignored(context, receiver);
    let sessions = |id: UserId| context.state.users.get(&id).map(|user| user.sessions.clone());
    for to in sessions(receiver).filter(|_| !ignored).unwrap_or_default() {
        context.out.push(Effect::TellOne { to, news, pending });
    }
    if receiver != me {
        for to in sessions(me).unwrap_or_default() {
            if to != context.requester.session {
                context.out.push(Effect::TellOne { to, news, pending: false });
            }
        }
    }
}

/// The final answer to the author, after the first sending or a resend.
pub fn confirm(
    context: &mut ApplyContext<'_>,
    kind: EventKind,
    news: u32,
    form: Option<Confirmation>,
) {
    let to = context.requester.session;
    let when = context.out.settled();
    if context.has(Capability::EchoMessage)
        && context.capabilities().has_all(crate::render::needs(kind))
    {
        let form = Confirmation::Echo;
        context.out.push_when(when, Effect::Confirm { to, form, news, tag: None });
    }
    if let Some(form) = form {
        context.out.push_when(when, Effect::Confirm { to, form, news, tag: None });
    }
}

fn tell_away(context: &mut ApplyContext<'_>, id: UserId, name: &str, online: bool) {
    if !online {
        context.numeric(n::RPL_AWAY, &[name], "is offline and will get it at the next login");
    } else if let Some(away) = context.state.users[&id].away.clone() {
        context.numeric(n::RPL_AWAY, &[name], &away);
    }
}
