//! What a shared command works with: the state, the effects, and the requester. Nothing in it leads
//! to a session, so any node can apply the command.

use crate::effects::write_error;
use crate::effects::{Condition, ConditionalEffect, Effect, Effects, FollowUp, Rooms};
use crate::limits::{BYTES_PER_WORK, LINE_BYTES, PARAMETER_BYTES, READ_WORK, TELL_WORK, TURN_WORK};
use crate::metrics::{Count, Refused};
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::pending::ANY_GUEST;
use crate::state::refusal::Refusal;
use crate::state::requester::{NotStored, Requester};
use crate::state::room::{MaskSubject, Member, Rank, Room};
use crate::state::undo::Undo;
use crate::state::user::{User, UserId};
use crate::state::{dormant, membership};
use crate::text::shorten;
use crate::work::Work;
use proto::{Capabilities, Capability, Line};
use std::ops::Deref;
use std::sync::Arc;
use store::{Conversation, Event, EventId, EventKind, RoomId, Write};

/// The current command: the state as far as it may use it, its effects, and the requester.
pub struct Responder<'a, S> {
    /// The shared state.
    pub state: S,
    /// The effects.
    pub out: &'a mut Effects,
    /// Who asks.
    pub requester: Requester,
}

/// A responder that may change the state, while an entry is applied.
pub type ApplyContext<'a> = Responder<'a, &'a mut State>;

/// A reference through which the state can be read.
pub trait Reads: Deref<Target = State> {}

impl<S: Deref<Target = State>> Reads for S {}

impl ApplyContext<'_> {
    /// The same, replying to another session of the requester's user.
    pub fn device(&mut self, session: SessionId) -> ApplyContext<'_> {
        let requester = Requester { session, ..Requester::of(self.requester.user) };
        ApplyContext { state: self.state, out: self.out, requester }
    }

    /// The same, replying to a session of another user.
    pub fn to(&mut self, user: UserId, session: SessionId) -> ApplyContext<'_> {
        let requester = Requester { session, ..Requester::of(Some(user)) };
        ApplyContext { state: self.state, out: self.out, requester }
    }

    /// The requester's user, to change it. Only for commands that need a login.
    pub fn user_mut(&mut self) -> &mut User {
        let me = self.me();
        self.state.users.get_mut(&me).expect("a session's user is online")
    }

    /// Records how something was before the current command changes it.
    pub fn note_undo(&mut self, undo: Undo) {
        self.state.undo.note(self.out, undo);
    }

    /// A message from the requester becomes pending for a user.
    pub fn keep(&mut self, receiver: UserId, event: EventId) {
        let sender = self.kept_as();
        self.state.pending.add(receiver, event, sender);
        self.note_undo(Undo::NotPending(receiver, event));
    }

    /// An event by the requester, now.
    pub fn event(
        &mut self,
        conversation: Conversation,
        kind: EventKind,
        target: &str,
        text: &str,
        tags: &str,
    ) -> Event {
        dormant::heard(self);
        let id = self.state.next_event();
        let time = self.state.now;
        let user = self.user();
        Event {
            id,
            conversation,
            kind,
            account: user.id,
            guest: user.guest,
            bot: user.bot,
            nick: user.nick.clone(),
            userhost: user.userhost.clone(),
            // Events in rooms have no target; an empty one would be allocated each time.
            target: if target.is_empty() { Arc::default() } else { target.into() },
            time,
            text: text.into(),
            tags: tags.into(),
            about: None,
        }
    }

    /// Stores a change of a room as an event by the requester, and tells everybody in the room.
    pub fn tell_change(
        &mut self,
        room: RoomId,
        kind: EventKind,
        target: &str,
        text: &str,
        verb: &'static str,
    ) {
        let news = self.store_change(room, kind, target, text, verb);
        if kind == EventKind::Part {
            self.tell_join_or_part(room, news);
        } else {
            let me = self.me();
            membership::reveal(self, room, me);
            self.tell_room_and_requester(room, news);
        }
    }

    /// Tells a room, and the requester, who need not be in it.
    pub fn tell_room_and_requester(&mut self, room: RoomId, news: u32) {
        self.tell_room(room, news);
        if self.state.rooms[&room].member(self.me()).is_none() {
            self.reply_news(news);
        }
    }

    /// Stores a change of a room as an event by the requester; further effects depend on it.
    /// Returns the news.
    pub fn store_change(
        &mut self,
        room: RoomId,
        kind: EventKind,
        target: &str,
        text: &str,
        verb: &'static str,
    ) -> u32 {
        let name = self.state.rooms[&room].name.clone();
        let event = self.event(Conversation::room(room), kind, target, text, "");
        let news = self.news_of(&event, &name);
        let event = Write::Event {
            event: Arc::new(event),
            resend: None,
            pending_for: None,
            mentions: [].into(),
        };
        let write = self.out.write(event);
        let to = self.requester.session;
        self.out.push_when(Condition::Failed(write), Effect::NotStored { to, verb, tag: None });
        news
    }
}

impl<S: Reads> Responder<'_, S> {
    /// The session's capabilities.
    pub fn capabilities(&self) -> Capabilities {
        self.requester.capabilities
    }

    /// Whether the session has a capability.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities().contains(capability)
    }

    /// The requester's user id. Only for commands that need a login.
    pub fn me(&self) -> UserId {
        self.requester.user.expect("the table of verbs lets in only those who have logged in")
    }

    /// The requester's user. Only for commands that need a login.
    pub fn user(&self) -> &User {
        &self.state.users[&self.me()]
    }

    /// The name in replies to the session: `*` before it has one.
    pub fn nick(&self) -> Arc<str> {
        match (self.requester.user, &self.requester.nick) {
            (Some(user), _) => self.state.users[&user].nick.clone(),
            (None, Some(nick)) => nick.clone(),
            (None, None) => "*".into(),
        }
    }

    /// The source of the requester's user.
    pub fn source(&self) -> String {
        self.state.source(self.me())
    }

    /// The requester's user, as masks see them.
    pub fn who(&self) -> MaskSubject {
        self.state.who(self.me())
    }

    /// Replies with a numeric that ends in a sentence.
    pub fn numeric(&mut self, code: &str, params: &[&str], text: &str) {
        let nick = self.nick();
        let mut all: Vec<&str> = vec![&nick];
        all.extend(params);
        self.server_line(code, &all, Some(text));
    }

    /// Replies with a numeric without a sentence.
    pub fn numeric_only(&mut self, code: &str, params: &[&str]) {
        let nick = self.nick();
        let mut all: Vec<&str> = vec![&nick];
        all.extend(params);
        self.server_line(code, &all, None);
    }

    /// Replies with a line from the server that ends in a sentence.
    pub fn from_server(&mut self, verb: &str, params: &[&str], text: &str) {
        self.server_line(verb, params, Some(text));
    }

    /// Replies with a line from the server without a sentence.
    pub fn from_server_only(&mut self, verb: &str, params: &[&str]) {
        self.server_line(verb, params, None);
    }

    /// Replies with a line from the server. Parameters may repeat what somebody typed and are cut
    /// to fit.
    fn server_line(&mut self, verb: &str, params: &[&str], text: Option<&str>) {
        let server = self.state.renderer.server.clone();
        self.out.reply(self.requester.session, |out| {
            let start = out.len();
            let line = Line::to(out).source(&server).verb(verb);
            let fitting = params.iter().map(|param| shorten(param, PARAMETER_BYTES));
            let line = fitting.fold(line, Line::param);
            match text {
                Some(text) => line.text(text).end(),
                None => line.end(),
            }
            if out.len() - start > LINE_BYTES {
                let fits = LINE_BYTES - "\r\n".len();
                let text = String::from_utf8_lossy(&out[start..]).into_owned();
                out.truncate(start);
                out.extend_from_slice(shorten(&text, fits).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        });
    }

    /// Replies with a standard reply; `kind` is NOTE, FAIL or WARN.
    pub fn standard(&mut self, kind: &str, verb: &str, code: &str, context: &[&str], text: &str) {
        let mut params = vec![verb, code];
        params.extend(context);
        self.from_server(kind, &params, text);
    }

    /// Replies `NOTE verb code context :text`.
    pub fn note(&mut self, verb: &str, code: &str, context: &[&str], text: &str) {
        self.standard("NOTE", verb, code, context, text);
    }

    /// Sends the session a notice from the server.
    pub fn notice(&mut self, text: &str) {
        let nick = self.nick();
        self.from_server("NOTICE", &[&nick], text);
    }

    /// Closes the connection with `ERROR`; the caller ends the session.
    pub fn close(&mut self, reason: &str) {
        self.out.reply(self.requester.session, |out| write_error(out, reason));
        self.out.push(Effect::Close { session: self.requester.session });
    }

    /// Whether the requester may find another user without knowing the name: not an invisible one
    /// without a common room.
    pub fn sees(&self, user: &User) -> bool {
        let me = self.me();
        let shared = |room: &RoomId| self.state.rooms[room].member(me).is_some();
        !user.invisible
            || user.id == me
            || self.user().is_operator()
            || user.rooms.iter().any(shared)
    }

    /// Refuses a target that is not this server: its name, a mask of it, or a user on it.
    pub fn check_server(&self, target: Option<&str>) -> Result<(), Refusal> {
        let here = |target: &str| {
            target.is_empty()
                || proto::mask::matches(target, &self.state.renderer.server)
                || self.state.online(target).is_some()
        };
        match target {
            Some(target) if !here(target) => Err(Refusal::NoSuchServer(target.to_owned())),
            _ => Ok(()),
        }
    }

    /// Refuses if the requester has too many messages pending for a user.
    pub fn must_be_kept(&mut self, receiver: UserId, name: &Arc<str>) -> Result<(), Refusal> {
        let online = self.state.users.contains_key(&receiver);
        if self.state.pending.may(receiver, self.kept_as(), online) {
            return Ok(());
        }
        self.out.push(Effect::Count(Count::Refused(Refused::Kept)));
        Err(Refusal::TooMuchKept(name.clone()))
    }

    /// The sender under whom the requester's pending messages count.
    fn kept_as(&self) -> UserId {
        if self.user().guest { ANY_GUEST } else { self.me() }
    }

    /// The work of the current command so far.
    pub fn work(&mut self) -> Work {
        let asked = self.out.asked();
        let (counted, mut work) = self.out.counted;
        for effect in asked.get(counted..).unwrap_or_default() {
            let (shards, readers) = self.work_of(&effect.effect);
            work.shards += shards;
            work.readers += readers;
        }
        let counted = asked.len();
        work.hub = self.out.spent();
        self.out.counted = (counted, work);
        work
    }

    /// The work of an effect for shards and for readers.
    fn work_of(&self, what: &Effect) -> (u64, u64) {
        let online = |room: &RoomId| self.state.rooms.get(room).map_or(0, |room| room.online);
        match what {
            Effect::Tell { rooms: Rooms::One(room), .. } => (online(room) as u64 * TELL_WORK, 0),
            Effect::Tell { rooms: Rooms::Several(rooms), .. } => {
                (rooms.iter().map(online).sum::<usize>() as u64 * TELL_WORK, 0)
            }
            Effect::TellOne { .. } => (TELL_WORK, 0),
            Effect::Reply { text, .. } => (u64::from(text.end - text.start) / BYTES_PER_WORK, 0),
            Effect::Read { request, .. } => (0, request.events() as u64 * READ_WORK),
            _ => (0, 0),
        }
    }

    /// Whether the current command should continue in another turn.
    pub fn turn_is_over(&mut self) -> bool {
        let work = self.work();
        work.hub + work.shards >= TURN_WORK
    }

    /// The room of a name, whether the requester may know about it or not.
    pub fn room(&self, name: &str) -> Result<&Room, Refusal> {
        self.state.room(name).ok_or_else(|| Refusal::NoSuchRoom(name.to_owned()))
    }

    /// Whether the requester may know about a room.
    pub fn may_see(&self, room: &Room) -> bool {
        !room.is('s') || room.member(self.me()).is_some() || self.user().is_operator()
    }

    /// A room that the requester is in, and their membership.
    pub fn my_room(&self, name: &str) -> Result<(&Room, Member), Refusal> {
        let room = self.room(name)?;
        match room.member(self.me()) {
            Some(member) => Ok((room, member)),
            None if self.may_see(room) => Err(Refusal::NotInRoom(room.name.clone())),
            None => Err(Refusal::NoSuchRoom(name.to_owned())),
        }
    }

    /// A room of which the requester is an operator.
    pub fn room_as_operator(&self, name: &str) -> Result<&Room, Refusal> {
        self.room_as(name, Rank::Op).map(|(room, _)| room)
    }

    /// A room in which the requester has at least this rank, with the rank. Operators of the server
    /// have the highest everywhere, and founders in their rooms.
    pub fn room_as(&self, name: &str, least: Rank) -> Result<(&Room, Rank), Refusal> {
        let room = self.room(name)?;
        let leads = self.user().is_operator() || room.founder == Some(self.me());
        let rank = if leads { Rank::Op } else { self.my_room(name)?.1.rank() };
        match least {
            _ if rank >= least => Ok((room, rank)),
            Rank::Op => Err(Refusal::NotRoomOperator(room.name.clone())),
            _ => Err(Refusal::NotHalfOperator(room.name.clone())),
        }
    }

    /// Tells the requester if a write of the current command fails, unless the command itself has
    /// arranged that.
    pub fn tell_if_not_stored(&mut self, verb: &'static str) {
        let seen_to =
            |effect: &ConditionalEffect| matches!(effect.effect, Effect::NotStored { .. });
        if let Condition::Stored(write) = self.out.condition()
            && !self.out.asked().iter().any(seen_to)
        {
            let failed = Effect::NotStored { to: self.requester.session, verb, tag: None };
            self.out.push_when(Condition::Failed(write), failed);
        }
    }

    /// Refuses what is to be stored, if the requester's node does not let it be.
    pub fn must_be_storable(&mut self) -> Result<(), Refusal> {
        let (counted, refusal) = match self.requester.allowance.not_stored {
            None => return Ok(()),
            Some(NotStored::Reserve) => (Refused::DiskReserve, Refusal::DiskFull),
            Some(NotStored::Budget(seconds)) => {
                (Refused::StoredBytes, Refusal::TooMuchStored(seconds))
            }
        };
        self.out.push(Effect::Count(Count::Refused(counted)));
        Err(refusal)
    }

    /// Refuses to have a user told what is beyond the requester's share of the user's outbox.
    pub fn must_be_within_share(&mut self, of: UserId, bytes: usize) -> Result<(), Refusal> {
        if of == self.me() {
            return Ok(());
        }
        let over = self.requester.allowance.over_share.iter().find(|(user, _)| *user == of);
        if let Some((_, seconds)) = over {
            let refusal = Refusal::TooMuchForOne(*seconds);
            self.out.push(Effect::Count(Count::Refused(Refused::Share)));
            return Err(refusal);
        }
        self.out.follow_up(FollowUp::ChargeShare { of, bytes });
        Ok(())
    }
}
