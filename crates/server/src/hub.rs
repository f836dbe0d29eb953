//! The hub: all live state, and the one function that changes it.
//!
//! [`State::apply`] is deterministic: no I/O, no clock, no randomness. Time, random bytes and
//! derived keys come in with the input; what is to happen goes out as [`Effects`]. The same inputs
//! give the same effects, byte for byte.

pub mod input;
pub mod probe;
pub mod reload;

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod fairness;
#[cfg(test)]
mod replay;

use crate::cloak::Cloak;
use crate::clock;
use crate::command;
use crate::command::authentication;
use crate::command::authentication::{Derived, Outcome};
use crate::command::context::Context;
use crate::config::Config;
use crate::effects::{Condition, Effect, Effects, LogRecord};
use crate::limits::{ADDRESS_TURN_WORK, CLOCK_JUMP_MILLIS, LINES_WAITING, TURN_WORK};
use crate::metrics::{Count, Refused};
use crate::render::Renderer;
use crate::session::Session;
use crate::session::admission::Admission;
use crate::session::budget::{Budgets, Payer};
use crate::session::disk::Disk;
use crate::session::login_attempts::LoginAttempts;
use crate::session::sessions::Sessions;
use crate::session::shares::{Kept, Shares};
use crate::session::{delivered, disk, watch};
use crate::session_id::SessionId;
use crate::state::certificates::Certificates;
use crate::state::dormant::Unheard;
use crate::state::lookalikes::Looks;
use crate::state::markers::Markers;
use crate::state::metadata::Metadata;
use crate::state::renames::Renames;
use crate::state::room::Room;
use crate::state::undo::Notes;
use crate::state::user::{FormerUser, User, UserId};
use crate::state::{certificates, dormant, history, membership, metadata, room};
pub use input::{Batch, ClientEvent, Input, SessionEvent, Stamped};
use proto::Line;
use proto::name::fold;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use store::{Account, Conversation, EventId, Loaded, RoomId};

/// All live state.
#[derive(Debug)]
pub struct State {
    /// What the config file says.
    pub config: Arc<Config>,
    /// What all lines have in common.
    pub renderer: Renderer,
    /// What hides the addresses of guests.
    pub cloak: Cloak,
    /// The time of what the input at hand does (milliseconds since the epoch), by the wall clock: it
    /// may be put ahead and back. See [`clock::follow`].
    pub now: i64,
    /// When the input at hand came, in milliseconds by the steady clock, which never falls nor
    /// jumps: what is measured is measured by it.
    pub steady: i64,
    /// By how much the wall clock was ahead of the steady one at the last input.
    ahead: Option<i64>,
    /// The connections.
    pub sessions: Sessions,
    /// Who is online.
    pub users: BTreeMap<UserId, Box<User>>,
    /// The same by folded name.
    pub nicks: BTreeMap<Box<str>, UserId>,
    /// All stored logins by folded name.
    pub accounts: BTreeMap<String, Arc<Account>>,
    /// What their names look like.
    pub account_looks: Looks,
    /// The certificates that log in to them.
    pub certificates: Certificates,
    /// The rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// The same by folded name.
    pub room_names: BTreeMap<String, RoomId>,
    /// What their names look like.
    pub room_looks: Looks,
    /// Names that rooms had until lately.
    pub renames: Renames,
    /// Rooms that accounts will be back in when they log in.
    pub remembered: BTreeMap<UserId, Vec<RoomId>>,
    /// Up to where users have read conversations.
    pub read_markers: Markers,
    /// The metadata of users, and who is subscribed to which keys.
    pub metadata: Metadata,
    /// The lobby, if there is one.
    pub lobby: Option<RoomId>,
    /// Who watches which names.
    pub watchers: watch::Watchers,
    /// Who left lately, oldest first; at most [`WHOWAS_KEPT`](crate::limits::WHOWAS_KEPT).
    pub left: VecDeque<FormerUser>,
    /// What each address has done lately.
    pub admission: Admission,
    /// Who has tried to log in lately.
    pub logins: LoginAttempts,
    /// Who has tried to become an operator lately; a good login forgives nothing of it.
    pub opers: LoginAttempts,
    /// Who owes how much work.
    pub budgets: Budgets,
    /// The disk of what is stored.
    pub disk: Disk,
    /// What each sender has told each receiver lately.
    pub shares: Shares,
    /// What is kept for whom, and by whom it was sent.
    pub kept: Kept,
    /// Which accounts have never said anything.
    pub unheard: Unheard,
    /// Sessions that wait for their turn, in order.
    turns: VecDeque<SessionId>,
    /// The batches that clients have open, by when they are refused.
    pub batches: BTreeSet<(i64, SessionId)>,
    /// Most users online at once since the start.
    pub users_most: usize,
    /// How often each verb of [`command::VERBS`] was used since the start.
    pub uses: Vec<u64>,
    /// An operator has asked for the config file to be read again, and has no answer yet.
    pub reloading: bool,
    /// When the server started (milliseconds since the epoch).
    pub started: i64,
    /// When it started, by the steady clock.
    pub up_since: i64,
    notes: Notes,
    rest: Option<(Batch, usize)>,
    /// The number of the batch at hand.
    pub batch: u64,
    epoch: u32,
    last_event: EventId,
    last_id: UserId,
    last_room: RoomId,
    stopping: bool,
}

impl State {
    /// The state as the store has it, nobody online; and what the caller has to store before
    /// anything else, because the config wants it so.
    pub fn new(config: Arc<Config>, loaded: Loaded, now: i64) -> (State, Vec<store::Write>) {
        let renderer = Renderer {
            server: config.server.name.as_str().into(),
            instance: loaded.instance.as_str().into(),
        };
        let read_markers = loaded.read_markers.into_iter().collect();
        let mut state = State {
            config,
            renderer,
            cloak: Cloak::new(loaded.cloak_key.unwrap_or_default()),
            now: clock::follow(loaded.last_time, now),
            steady: loaded.last_resend,
            ahead: None,
            sessions: Sessions::default(),
            users: BTreeMap::new(),
            nicks: BTreeMap::new(),
            accounts: BTreeMap::new(),
            account_looks: Looks::default(),
            certificates: Certificates::default(),
            rooms: BTreeMap::new(),
            room_names: BTreeMap::new(),
            room_looks: Looks::default(),
            renames: Renames::default(),
            remembered: BTreeMap::new(),
            read_markers,
            metadata: Metadata::default(),
            lobby: None,
            watchers: BTreeMap::new(),
            left: VecDeque::new(),
            admission: Admission::default(),
            logins: LoginAttempts::default(),
            opers: LoginAttempts::default(),
            budgets: Budgets::default(),
            disk: Disk::default(),
            shares: Shares::default(),
            kept: Kept::new(loaded.pending),
            unheard: Unheard::new(loaded.unheard),
            turns: VecDeque::new(),
            batches: BTreeSet::new(),
            users_most: 0,
            uses: vec![0; command::VERBS.len()],
            reloading: false,
            started: now,
            up_since: loaded.last_resend,
            notes: Notes::default(),
            rest: None,
            batch: 0,
            epoch: 0,
            last_event: loaded.last_event,
            last_id: loaded.last_account,
            last_room: loaded.last_room,
            stopping: false,
        };
        for account in loaded.accounts {
            state.add_account(Arc::new(account));
        }
        let mut effects = state.effects();
        state.restore_rooms(loaded.rooms, &loaded.members, &loaded.reads_from, &mut effects);
        metadata::restore(&mut state, loaded.metadata);
        certificates::restore(&mut state, &loaded.certificates);
        (state, effects.writes)
    }

    /// Applies one input.
    pub fn apply(&mut self, stamped: Stamped) -> Effects {
        self.notes.committed(stamped.committed);
        let mut effects = self.effects();
        self.look_at_clocks(&mut effects, &stamped);
        self.log_refusals(&mut effects);
        command::batch::end_overdue(self, &mut effects);
        match stamped.input {
            Input::Batch(batch) => {
                dormant::look(self, &mut effects);
                self.events(&mut effects, batch, 0);
            }
            Input::Continue => {
                if let Some((batch, from)) = self.rest.take() {
                    self.events(&mut effects, batch, from);
                } else if let Some(session) = self.turns.pop_front() {
                    self.take_turn(&mut effects, session);
                }
            }
            Input::Derived(Derived { session, outcome }) => {
                if self.sessions.contains_key(&session) {
                    self.derived(&mut effects, session, outcome);
                }
            }
            Input::Failed { from } => self.undo(&mut effects, from),
            Input::Disk(space) => disk::look(self, &mut effects, Some(space)),
            Input::Reload(reload) => reload::apply(self, &mut effects, &reload),
            Input::Stop => self.stop(&mut effects),
        }
        for undo in effects.undo.drain(..) {
            self.notes.add(effects.batch, undo);
        }
        effects
    }

    /// Takes over what the clocks show, and tells the operator if somebody has set one.
    fn look_at_clocks(&mut self, out: &mut Effects, stamped: &Stamped) {
        self.now = clock::follow(self.now, stamped.now);
        self.steady = stamped.steady;
        let ahead = stamped.now.saturating_sub(stamped.steady);
        let jump = self.ahead.replace(ahead).map_or(0, |before| ahead.saturating_sub(before));
        if jump.saturating_abs() > CLOCK_JUMP_MILLIS {
            self.unheard.wait(stamped.steady);
            out.push(Effect::Log(LogRecord::ClockSet { by: jump, to: stamped.now }));
        }
    }

    /// Whether a batch is not done with: [`Input::Continue`] is to come next.
    pub fn has_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// Whether sessions wait for their turn: after each input that comes, [`Input::Continue`] lets one
    /// of them go on.
    pub fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Applies a batch, until it is done or enough is to be released first.
    fn events(&mut self, out: &mut Effects, batch: Batch, from: usize) {
        for at in from..batch.events.len() {
            if out.is_large() {
                self.rest = Some((batch, at));
                return;
            }
            self.event(out, &batch.events[at], &batch.text);
        }
        out.answers = Some(batch.shard);
    }

    /// A context for what `session` does.
    pub fn context<'a>(&'a mut self, out: &'a mut Effects, session: SessionId) -> Context<'a> {
        Context { state: self, out, session }
    }

    /// The next event's id.
    pub fn next_event(&mut self) -> EventId {
        self.last_event += 1;
        self.last_event
    }

    /// The newest event's id.
    pub fn last_event(&self) -> EventId {
        self.last_event
    }

    /// An id for a new account or guest.
    pub fn next_id(&mut self) -> UserId {
        self.last_id += 1;
        self.last_id
    }

    /// An id for a new room.
    pub fn next_room(&mut self) -> RoomId {
        self.last_room += 1;
        self.last_room
    }

    /// Who is online under a name.
    pub fn online(&self, name: &str) -> Option<&User> {
        self.nicks.get(&*fold(name)).map(|id| &*self.users[id])
    }

    /// The account of a name.
    pub fn account(&self, name: &str) -> Option<&Arc<Account>> {
        self.accounts.get(&fold(name))
    }

    /// An account is there, or has changed.
    pub fn add_account(&mut self, account: Arc<Account>) {
        self.account_looks.add(&account.name, account.id);
        self.accounts.insert(fold(&account.name), account);
    }

    /// An account could not be stored.
    pub fn remove_account(&mut self, id: UserId) {
        for (_, account) in self.accounts.extract_if(.., |_, account| account.id == id) {
            self.account_looks.remove(&account.name, id);
        }
    }

    /// A room has this name from here on.
    pub fn add_room_name(&mut self, name: &str, id: RoomId) {
        self.room_looks.add(name, id);
        self.room_names.insert(fold(name), id);
    }

    /// A room has this name no longer.
    pub fn remove_room_name(&mut self, name: &str, id: RoomId) {
        self.room_looks.remove(name, id);
        self.room_names.remove(&fold(name));
    }

    /// The room of a name.
    pub fn room(&self, name: &str) -> Option<&Room> {
        self.room_names.get(&fold(name)).map(|id| &self.rooms[id])
    }

    /// The source of a user who is online.
    pub fn source(&self, user: UserId) -> String {
        let user = &self.users[&user];
        self.renderer.source(user.author())
    }

    fn effects(&mut self) -> Effects {
        self.batch += 1;
        Effects::new(self.batch, self.epoch)
    }

    fn event(&mut self, out: &mut Effects, event: &SessionEvent, text: &[u8]) {
        let session = event.session;
        match event.event {
            ClientEvent::Opened { address, entropy } => {
                return self.opened(out, session, address, entropy);
            }
            // Others wait for the same answer, so who asked may be gone.
            ClientEvent::Probe => return probe::begin(self, out, session),
            _ => {}
        }
        if !self.sessions.contains_key(&session) {
            return; // The hub closed it; its shard had not heard yet.
        }
        match &event.event {
            ClientEvent::Opened { .. } | ClientEvent::Probe => {}
            ClientEvent::Encrypted { certificate } => {
                let known = self.sessions.get_mut(&session).expect("just looked up");
                known.certificate = certificate.filter(|_| !known.encrypted).map(Box::new);
                known.encrypted = true;
            }
            ClientEvent::Forwarded { address, encrypted } => {
                self.forwarded(out, session, *address, *encrypted);
            }
            ClientEvent::Served => {
                let ended = self.sessions.remove(&session).expect("just looked up");
                self.leave(&ended);
            }
            ClientEvent::Line(range) => {
                self.line(out, session, piece(text, range));
                delivered::settle(self, out, session);
            }
            ClientEvent::BadLine(error, range) => {
                let head = piece(text, range);
                command::bad_line(&mut self.context(out, session), *error, head);
                delivered::settle(self, out, session);
            }
            ClientEvent::PasswordBusy => self.derived(out, session, Outcome::Busy),
            ClientEvent::Waited => self.derived(out, session, Outcome::Waited),
            ClientEvent::Answered(told) => delivered::answered(self, session, *told),
            ClientEvent::Ended => {
                let known = self.sessions.get_mut(&session).expect("just looked up");
                known.ended = true;
                self.end_if_done(out, session);
            }
            ClientEvent::Closed { reason } => membership::session_ended(self, out, session, reason),
        }
    }

    /// What a session has waited for is there: it goes on with its lines.
    fn derived(&mut self, out: &mut Effects, session: SessionId, outcome: Outcome) {
        authentication::finish(&mut self.context(out, session), outcome);
        self.take_turn(out, session);
    }

    fn log_refusals(&mut self, out: &mut Effects) {
        if let Some(count) = self.admission.not_logged(self.steady, self.stopping) {
            out.push(Effect::Log(LogRecord::RefusedMore { count }));
        }
    }

    fn opened(
        &mut self,
        out: &mut Effects,
        session: SessionId,
        address: IpAddr,
        entropy: [u8; 16],
    ) {
        let budget = self.budgets.hold(Payer::address(address), self.steady, &self.config.limits);
        self.sessions.insert(session, Session::new(address, budget, entropy));
        self.enter(out, session, address);
    }

    /// A proxy's connection counts for whom it is for, and is as safe as the proxy says: what the
    /// proxy itself has shown is not the client's.
    fn forwarded(
        &mut self,
        out: &mut Effects,
        session: SessionId,
        address: IpAddr,
        encrypted: bool,
    ) {
        let budget = self.budgets.hold(Payer::address(address), self.steady, &self.config.limits);
        let known = self.sessions.get_mut(&session).expect("the caller has checked");
        let proxy = std::mem::replace(&mut known.address, address);
        self.budgets.release(std::mem::replace(&mut known.address_budget, budget));
        (known.forwarded, known.encrypted, known.certificate) = (true, encrypted, None);
        self.admission.leave(proxy);
        self.enter(out, session, address);
    }

    /// Lets a session in, as far as its address may have another one.
    fn enter(&mut self, out: &mut Effects, session: SessionId, address: IpAddr) {
        let proxy = self.config.server.proxies.contain(address);
        let admitted = self.admission.enter(address, proxy, self.steady, &self.config.limits);
        let refused = match admitted {
            Err(refused) => Some(refused),
            Ok(()) if self.stopping => Some((Refused::Stopping, STOPPING)),
            Ok(()) => None,
        };
        if let Some((why, reason)) = refused {
            out.push(Effect::Count(Count::Refused(why)));
            if self.admission.is_worth_logging(self.steady) {
                out.push(Effect::Log(LogRecord::Refused { address, reason }));
            }
            self.context(out, session).close(reason);
            let refused = self.sessions.remove(&session).expect("just closed");
            self.leave(&refused);
        }
    }

    /// A session that is removed no longer counts for its address, nor draws on budgets.
    pub fn leave(&mut self, ended: &Session) {
        self.admission.leave(ended.address);
        self.budgets.release(ended.address_budget);
        if let Some(budget) = ended.user_budget {
            self.budgets.release(budget);
        }
    }

    /// A line came. It waits while a password is being checked, while an earlier line waits, and
    /// when the session has had its turn.
    fn line(&mut self, out: &mut Effects, session: SessionId, line: &str) {
        let over = self.turn_is_over(session);
        let known = self.sessions.get_mut(&session).expect("the caller has checked");
        if known.waiting.is_none() && !known.queued && !over {
            command::line(&mut self.context(out, session), line);
            self.queue_if_unfinished(out, session);
        } else if known.waiting.is_none() || known.held || known.lines.len() < LINES_WAITING {
            // What a held session has sent is no more than its shard gathered before it heard.
            known.lines.push_back(line.into());
            if known.waiting.is_none() {
                self.queue(out, session);
            }
        } else {
            membership::end_session(self, out, session, "Too many lines before the login was done");
        }
    }

    /// Whether the session, or all of its address, have had their share of this input.
    fn turn_is_over(&self, session: SessionId) -> bool {
        let known = &self.sessions[&session];
        let mine = if known.turn.number == self.batch { known.turn.work } else { 0 };
        mine >= TURN_WORK
            || self.budgets.in_turn(known.address_budget, self.batch) >= ADDRESS_TURN_WORK
    }

    /// The session waits for its turn, and is not read until it has had it.
    fn queue(&mut self, out: &mut Effects, session: SessionId) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        if !std::mem::replace(&mut known.queued, true) {
            self.turns.push_back(session);
        }
        if !std::mem::replace(&mut known.held, true) {
            out.push_when(Condition::Always, Effect::Hold { session, held: true });
        }
    }

    fn queue_if_unfinished(&mut self, out: &mut Effects, session: SessionId) {
        if self.sessions.get(&session).is_some_and(|known| known.unfinished.is_some()) {
            self.queue(out, session);
        }
    }

    /// Goes on with a session that has waited, until its turn is over.
    fn take_turn(&mut self, out: &mut Effects, session: SessionId) {
        if let Some(known) = self.sessions.get_mut(&session) {
            known.queued = false;
        }
        while let Some(known) = self.sessions.get_mut(&session) {
            if known.lines.is_empty()
                && known.unfinished.is_none()
                && std::mem::take(&mut known.held)
            {
                out.push_when(Condition::Always, Effect::Hold { session, held: false });
            }
            if known.waiting.is_some() || (known.unfinished.is_none() && known.lines.is_empty()) {
                break;
            }
            if self.turn_is_over(session) {
                return self.queue(out, session);
            }
            let known = self.sessions.get_mut(&session).expect("just looked up");
            if let Some(unfinished) = known.unfinished.take() {
                command::go_on(&mut self.context(out, session), *unfinished);
            } else if let Some(line) = known.lines.pop_front() {
                command::line(&mut self.context(out, session), &line);
            }
        }
        self.end_if_done(out, session);
    }

    /// A session whose input has ended goes when all its lines are dealt with.
    fn end_if_done(&mut self, out: &mut Effects, session: SessionId) {
        let done = |known: &Session| known.ended && known.waiting.is_none() && !known.queued;
        if self.sessions.get(&session).is_some_and(done) {
            membership::end_session(self, out, session, "Connection closed");
        }
    }

    /// Takes back all changes of batch `from` and later, newest first.
    fn undo(&mut self, out: &mut Effects, from: u64) {
        self.epoch += 1;
        out.epoch = self.epoch;
        while let Some(undo) = self.notes.take_from(from) {
            out.begin(NOBODY, None, false);
            membership::undo(self, out, undo);
            out.end(&self.renderer.server);
        }
    }

    fn stop(&mut self, out: &mut Effects) {
        self.stopping = true;
        out.last = true;
        self.log_refusals(out);
        let sessions: Vec<SessionId> = self.sessions.iter().map(|(id, _)| id).collect();
        for session in sessions {
            let mut context = self.context(out, session);
            if context.session().user.is_some() {
                context.notice("The server is stopping; everything you were told is stored");
            }
            context.close(STOPPING);
            context.log_left(STOPPING);
        }
    }

    fn restore_rooms(
        &mut self,
        rooms: Vec<store::Room>,
        members: &[store::Member],
        reads_from: &[(RoomId, UserId, EventId)],
        out: &mut Effects,
    ) {
        for record in rooms {
            let room = Room::from_record(record);
            self.add_room_name(&room.name, room.id);
            self.rooms.insert(room.id, room);
        }
        if self.config.server.remember_rooms {
            for member in members {
                let Some(room) = self.rooms.get_mut(&member.room) else { continue };
                let (op, halfop, voice) = (member.op, member.halfop, member.voice);
                let standing = room::Member { op, halfop, voice, ..room::Member::default() };
                room.members.insert(member.account, standing);
                self.remembered.entry(member.account).or_default().push(member.room);
            }
        }
        for (room, user, since) in reads_from {
            let Some(room) = self.rooms.get_mut(room) else { continue };
            if *user == history::ANYBODY {
                room.settings.closed_until = *since;
            } else if let Some(member) = room.members.get_mut(user) {
                member.since = *since;
            }
        }
        let lobby = self.config.server.lobby.clone();
        if !lobby.is_empty() {
            let id = match self.room(&lobby) {
                Some(room) => room.id,
                None => membership::make_room(self, out, &lobby),
            };
            self.lobby = Some(id);
        }
        let nobodys: Vec<RoomId> = self
            .rooms
            .values()
            .filter(|room| room.members.is_empty() && Some(room.id) != self.lobby)
            .map(|room| room.id)
            .collect();
        for id in nobodys {
            let room = self.rooms.remove(&id).expect("just listed");
            self.remove_room_name(&room.name, id);
            self.read_markers.end(Conversation::room(id));
            out.write(store::Write::RoomEnded(id));
        }
    }
}

/// A piece of a batch's text.
fn piece<'a>(text: &'a [u8], range: &Range<u32>) -> &'a str {
    let piece = &text[range.start as usize..range.end as usize];
    std::str::from_utf8(piece).expect("the shard has checked")
}

/// Why everybody is disconnected when the server stops.
pub const STOPPING: &str = "The server is stopping";

/// No session: for what nobody asked for.
pub const NOBODY: SessionId = SessionId { shard: 0, slot: u32::MAX, generation: 0 };

/// Writes `ERROR :reason`.
pub fn write_error(out: &mut Vec<u8>, reason: &str) {
    Line::to(out).verb("ERROR").text(reason).end();
}
