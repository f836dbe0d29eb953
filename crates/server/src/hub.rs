//! The hub: all live state, and the one function that changes it.
//!
//! [`Hub::apply`] is deterministic: no I/O, no clock, no randomness. Time, random bytes and
//! derived keys come in with the input; what is to happen goes out as [`Effects`]. The same inputs
//! give the same effects, byte for byte.

pub mod input;
pub mod turn_gate;
pub mod probe;
pub mod reload;
pub mod live;
mod outage;
mod undo;

#[cfg(test)]
mod two_nodes;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod fairness;
#[cfg(test)]
pub(crate) mod test_shards;
#[cfg(test)]
mod ordering;
#[cfg(test)]
pub(crate) mod replay;
#[cfg(test)]
mod secrets;

use crate::clock;
use crate::command::context::Context;
use crate::command::entry::{self, Request};
use crate::command::serverban::BANNED;
use crate::command::{self, authentication, ordered, session_end};
use crate::config::Config;
use crate::effects::{Condition, Effect, Effects, LogRecord, SentEntry};
use crate::limits::{ADMIN_CONNECTIONS, BANNED_CONNECTIONS, CLOCK_JUMP_MILLIS, LINES_WAITING};
use crate::metrics::{Count, Refused};
use crate::session::Node;
use crate::session::budget::Payer;
use crate::session::login::{Derived, Outcome};
use crate::session::{Client, Session, WaitingLine};
use crate::session::{delivery, disk};
use crate::session_id::SessionId;
use crate::state::settings::Settings;
use crate::state::{State, ban_terms, dormant, retention};
pub use input::{Batch, ClientEvent, Input, SessionEvent, Stamped};
use input::{Ordered, OrderedStep};
use proto::line::LineError;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::Arc;
use store::{Loaded, Write};

/// All live state.
#[derive(Debug)]
pub struct Hub {
    /// The shared state.
    pub state: State,
    /// The sessions, and everything else that belongs to this node alone.
    pub node: Node,
    /// By how much the wall clock was ahead of the monotonic one at the last input.
    ahead: Option<i64>,
    /// Sessions waiting for a turn, in order.
    turns: VecDeque<SessionId>,
    rest: Option<(Batch, usize)>,
    epoch: u32,
    stopping: bool,
}

impl Hub {
    /// A hub with the contents of the store and nobody online; and the effects that the caller must
    /// store first, because the config asks for them.
    pub fn new(config: Arc<Config>, loaded: Loaded, now: i64) -> (Hub, Vec<store::Write>) {
        let up_since = loaded.last_resend;
        let (state, effects) = State::new(Settings::from(&*config), loaded, now);
        let mut node = Node::new(config, now, up_since, command::VERBS.len());
        node.batch = effects.batch;
        let hub = Hub {
            state,
            node,
            ahead: None,
            turns: VecDeque::new(),
            rest: None,
            epoch: 0,
            stopping: false,
        };
        (hub, effects.writes)
    }

    /// The hub of a cluster node with the live state as of some sequence of the log. What comes
    /// again up to the sequence `stored` is already stored.
    pub fn resume(config: Arc<Config>, state: State, stored: u64, now: i64) -> Hub {
        let mut node = Node::new(config, now, state.ordered.1, command::VERBS.len());
        (node.entries_sent, node.stored) = (Some(0), stored);
        let (turns, rest) = (VecDeque::new(), None);
        Hub { state, node, ahead: None, turns, rest, epoch: 0, stopping: false }
    }

    /// Applies one input.
    pub fn apply(&mut self, stamped: Stamped) -> Effects {
        self.state.undo.committed(stamped.committed);
        let mut effects = self.effects();
        self.check_clocks(&mut effects, &stamped);
        self.log_refusals(&mut effects);
        if self.state.server_bans.any_expired(self.state.now) {
            self.apply_for_nobody(&mut effects, Request::EndServerBans);
        }
        command::batch::end_overdue(&mut self.state, &mut self.node, &mut effects);
        let may_end = matches!(stamped.input, Input::Batch(_) | Input::Continue | Input::Tick);
        if may_end && ban_terms::any_expired(&self.state) {
            self.apply_for_nobody(&mut effects, Request::EndRoomBans);
        }
        let expires = self.node.expiry_unfinished || retention::is_due(&self.state);
        if self.node.entries_sent.is_some() && expires && !self.node.housekeeping {
            self.node.expiry_unfinished = false;
            self.apply_for_nobody(&mut effects, Request::Forget);
        }
        match stamped.input {
            Input::Batch(batch) => {
                if dormant::is_due(&self.state) {
                    let entering = self.node.sessions.logging_in();
                    self.apply_for_nobody(&mut effects, Request::ExpireAccounts { entering });
                }
                self.events(&mut effects, batch, 0);
            }
            Input::Continue => {
                if let Some((batch, from)) = self.rest.take() {
                    self.events(&mut effects, batch, from);
                } else if let Some(session) = self.turns.pop_front() {
                    self.take_turn(&mut effects, session);
                }
            }
            Input::Tick => {}
            Input::ForgetMore => self.node.expiry_unfinished = true,
            Input::Derived(Derived { session, outcome }) => {
                if self.node.sessions.contains_key(&session) {
                    self.derived(&mut effects, session, outcome);
                }
            }
            Input::Ordered(ordered) => self.ordered(&mut effects, ordered),
            Input::LogUnavailable(unsent) => outage::begin(self, &mut effects, &unsent),
            Input::LogAvailable => outage::end(self),
            Input::Failed { from } => self.undo(&mut effects, from),
            Input::Disk(space) => {
                disk::check(&mut self.node, &mut effects, Some(space));
            }
            Input::Reload(reload) => {
                reload::apply(&mut self.state, &mut self.node, &mut effects, &reload);
            }
            Input::Stop => self.stop(&mut effects),
        }
        self.state.undo.end_batch(&effects);
        effects
    }

    /// Adopts the times of the input, and warns the operator if a clock was set.
    fn check_clocks(&mut self, out: &mut Effects, stamped: &Stamped) {
        self.state.now = clock::follow(self.state.now, stamped.now);
        self.state.steady = stamped.steady + self.node.steady_ahead;
        let ahead = stamped.now.saturating_sub(stamped.steady);
        let jump = self.ahead.replace(ahead).map_or(0, |before| ahead.saturating_sub(before));
        if jump.saturating_abs() > CLOCK_JUMP_MILLIS {
            self.apply_for_nobody(out, Request::ClockSet);
            out.push(Effect::Log(LogRecord::ClockSet { by: jump, to: stamped.now }));
        }
    }

    fn apply_for_nobody(&mut self, out: &mut Effects, request: Request<'_>) {
        entry::apply_for_nobody(&mut self.state, &mut self.node, out, request);
    }

    /// Whether a batch is unfinished: [`Input::Continue`] must come next.
    pub fn has_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// Whether sessions are waiting for a turn: [`Input::Continue`] lets one of them go on.
    pub fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Applies a batch to its end, or until enough has accumulated to be released.
    fn events(&mut self, out: &mut Effects, batch: Batch, from: usize) {
        for at in from..batch.events.len() {
            if out.is_large() {
                self.rest = Some((batch, at));
                return;
            }
            self.event(out, &batch.events[at], &batch.text);
            self.node.free_extras(batch.events[at].session);
        }
        out.answers = Some(batch.shard);
    }

    /// A context for what `session` does.
    pub fn context<'a>(&'a mut self, out: &'a mut Effects, session: SessionId) -> Context<'a> {
        Context::new(&mut self.state, &mut self.node, out, session)
    }

    fn effects(&mut self) -> Effects {
        self.node.batch += 1;
        Effects::new(self.node.batch, self.epoch)
    }

    fn event(&mut self, out: &mut Effects, event: &SessionEvent, text: &[u8]) {
        let session = event.session;
        match event.event {
            ClientEvent::Opened { address, entropy } => {
                return self.opened(out, session, address, entropy);
            }
            ClientEvent::OpenedByAdmin { entropy } => {
                return self.opened_by_admin(out, session, entropy);
            }
            // Others wait for the same answer, so the session that asked may be gone.
            ClientEvent::Probe => return probe::begin(&self.state, out, session),
            _ => {}
        }
        if !self.node.sessions.contains_key(&session) {
            return; // The hub closed it; its shard had not heard yet.
        }
        match &event.event {
            ClientEvent::Opened { .. } | ClientEvent::OpenedByAdmin { .. } | ClientEvent::Probe => {
            }
            ClientEvent::Encrypted { certificate } => {
                let known = self.node.sessions.get_mut(&session).expect("just looked up");
                let certificate = certificate.filter(|_| !known.encrypted);
                known.extras_mut().certificate = certificate;
                known.encrypted = true;
            }
            ClientEvent::Forwarded { address, encrypted } => {
                self.forwarded(out, session, *address, *encrypted);
            }
            ClientEvent::WebSocket { browser } => {
                let known = self.node.sessions.get_mut(&session).expect("just looked up");
                known.client = browser.map_or(Client::WebSocket, Client::Browser);
            }
            ClientEvent::Served => {
                let ended = self.node.sessions.remove(&session).expect("just looked up");
                self.node.release(&ended);
            }
            ClientEvent::Line(range) => self.line(out, session, None, piece(text, range)),
            ClientEvent::BadLine(error, range) => {
                self.line(out, session, Some(*error), piece(text, range));
            }
            ClientEvent::PasswordBusy => self.derived(out, session, Outcome::Busy),
            ClientEvent::Waited => self.derived(out, session, Outcome::Waited),
            ClientEvent::Acknowledged(up_to) => delivery::record(&mut self.node, session, *up_to),
            ClientEvent::Ended => {
                let known = self.node.sessions.get_mut(&session).expect("just looked up");
                (known.ended, known.present_until) = (true, self.state.last_event());
                self.end_if_done(out, session);
            }
            ClientEvent::Closed { reason } => {
                let known = self.node.sessions.get_mut(&session).expect("just looked up");
                if !known.extras().in_flight.is_empty() {
                    let extras = known.extras_mut();
                    extras.closed = Some(reason.as_str().into());
                    extras.lines.clear();
                    return;
                }
                session_end::session_ended(&mut self.context(out, session), reason);
            }
        }
    }

    /// What a session was waiting for has arrived: it goes on with its lines.
    fn derived(&mut self, out: &mut Effects, session: SessionId, outcome: Outcome) {
        authentication::finish(&mut self.context(out, session), outcome);
        self.take_turn(out, session);
    }

    /// Applies what is at one sequence of the log; it is stored as a whole.
    fn ordered(&mut self, out: &mut Effects, ordered: Ordered) {
        let Ordered { sequence, steps, roster } = ordered;
        for step in steps {
            match step {
                OrderedStep::Entry(sent) => self.entry(out, &sent),
                OrderedStep::NodeEnded(node) => self.node_ended(out, node),
                OrderedStep::Joined(node) => {
                    self.node.sessions.node = node;
                    let settings = Settings::from(&*self.node.config);
                    out.differs = self.state.settings.difference(&settings);
                    out.joined = out.differs.is_none().then_some(node);
                }
                OrderedStep::Names(names) => self.node.names = names,
                OrderedStep::Nodes(nodes) => {
                    command::nodes::set(&mut self.state, &mut self.node, out, nodes);
                }
            }
        }
        if sequence <= self.node.stored {
            // It is already stored, and there are no sessions yet to be told.
            let entries = std::mem::take(&mut out.entries);
            *out = Effects::new(out.batch, out.epoch);
            out.entries = entries;
            return;
        }
        if let Some(roster) = roster {
            let bytes = live::write(&roster, &self.state).into();
            out.writes.push(Write::Live { sequence, bytes });
        }
        if !out.writes.is_empty() {
            out.writes.push(Write::Applied(sequence));
        }
        out.steady = Some(self.state.ordered.1);
    }

    /// Applies an entry. If a session here was waiting for it, it goes on with its lines.
    fn entry(&mut self, out: &mut Effects, sent: &SentEntry) {
        let (now, steady) = (self.state.now, self.state.steady);
        let waited = ordered::apply(&mut self.state, &mut self.node, out, sent);
        // The wall-clock time is this node's again; the monotonic clocks of all nodes advance
        // together.
        let behind = (self.state.ordered.1 - steady).max(0);
        self.node.steady_ahead += behind;
        (self.state.now, self.state.steady) = (now, steady + behind);
        let Some(session) = waited else { return };
        self.take_turn(out, session);
        if self.node.sessions.contains_key(&session) {
            session_end::settle(&mut self.context(out, session));
        }
    }

    /// A node has left the cluster. If it is this one, its commands in flight are lost.
    fn node_ended(&mut self, out: &mut Effects, number: u16) {
        let (now, steady) = (self.state.now, self.state.steady);
        ordered::end_node(&mut self.state, &mut self.node, out, number);
        (self.state.now, self.state.steady) = (now, steady);
        if number != self.node.sessions.node {
            return;
        }
        let sessions: Vec<SessionId> = self.node.sessions.iter().map(|(id, _)| id).collect();
        for session in sessions {
            let known = self.node.sessions.get_mut(&session).expect("just listed");
            let lost = known.extras_if_any().map(|extras| std::mem::take(&mut extras.in_flight));
            let lost = lost.unwrap_or_default();
            self.node.in_flight_bytes -= lost.iter().map(|it| it.bytes).sum::<usize>();
            session_end::end_session(&mut self.context(out, session), NODE_ENDED);
        }
        (self.node.housekeeping, out.all_sessions_ended) = (false, true);
        out.entries.clear();
    }

    fn log_refusals(&mut self, out: &mut Effects) {
        if let Some(count) = self.node.admission.not_logged(self.state.steady, self.stopping) {
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
        let budget = self.node.budgets.hold(
            Payer::address(address),
            self.state.steady,
            &self.node.config.limits,
        );
        self.node.sessions.insert(session, Session::new(address, budget, entropy));
        self.admit(out, session, address);
    }

    /// A connection through the admin socket. Limits per address do not apply, so that a full
    /// server can still be administered.
    fn opened_by_admin(&mut self, out: &mut Effects, session: SessionId, entropy: [u8; 16]) {
        let (address, steady) = (IpAddr::V4(Ipv4Addr::LOCALHOST), self.state.steady);
        let limits = &self.node.config.limits;
        let budget = self.node.budgets.hold(Payer::address(address), steady, limits);
        let mut opened = Session::new(address, budget, entropy);
        (opened.console, opened.registration) = (true, None);
        self.node.consoles += 1;
        self.node.sessions.insert(session, opened);
        out.push(Effect::Ready { session });
        let reason = match self.node.consoles > ADMIN_CONNECTIONS {
            _ if self.stopping => STOPPING,
            true => "Too many connections to the admin socket; close one first",
            false => return,
        };
        self.context(out, session).close(reason);
        let refused = self.node.sessions.remove(&session).expect("just opened");
        self.node.release(&refused);
    }

    /// A connection from a proxy counts for its client's address, and is as safe as the proxy says.
    /// What the proxy itself presented is not the client's.
    fn forwarded(
        &mut self,
        out: &mut Effects,
        session: SessionId,
        address: IpAddr,
        encrypted: bool,
    ) {
        let budget = self.node.budgets.hold(
            Payer::address(address),
            self.state.steady,
            &self.node.config.limits,
        );
        let known = self.node.sessions.get_mut(&session).expect("the caller has checked");
        let proxy = std::mem::replace(&mut known.address, address);
        self.node.budgets.release(std::mem::replace(&mut known.address_budget, budget));
        (known.forwarded, known.encrypted) = (true, encrypted);
        known.extras_mut().certificate = None;
        self.node.admission.release(proxy);
        self.admit(out, session, address);
    }

    /// Admits a session if its address may have another one. From a banned network it may only log
    /// in as an operator of the server, so that nobody can lock all of them out.
    fn admit(&mut self, out: &mut Effects, session: SessionId, address: IpAddr) {
        let proxy = self.node.config.server.proxies.contain(address);
        let admitted =
            self.node.admission.admit(address, proxy, self.state.steady, &self.node.config.limits);
        let ban = self.state.server_bans.of_address(address).filter(|_| !proxy);
        let banned: Option<Box<str>> = ban.map(|ban| ban.sentence().into());
        let full = !self.state.settings.has_roles() || self.node.banned >= BANNED_CONNECTIONS;
        let (why, reason, told) = match (admitted, banned) {
            (Err((why, reason)), _) => (why, reason, reason.into()),
            (Ok(()), _) if self.stopping => (Refused::Stopping, STOPPING, STOPPING.into()),
            (Ok(()), None) => return,
            (Ok(()), Some(told)) if full => (Refused::Banned, BANNED, told),
            (Ok(()), Some(told)) => {
                self.node.banned += 1;
                let mut context = self.context(out, session);
                context.notice(&format!("{told} (only operators of the server can log in)"));
                context.session_mut().extras_mut().banned = Some(told);
                return;
            }
        };
        out.push(Effect::Count(Count::Refused(why)));
        if self.node.admission.is_worth_logging(self.state.steady) {
            out.push(Effect::Log(LogRecord::Refused { address, reason }));
        }
        self.context(out, session).close(&told);
        let refused = self.node.sessions.remove(&session).expect("just closed");
        self.node.release(&refused);
    }

    /// A line has arrived. It waits while a password is being checked, while an earlier line waits,
    /// and when the session has used up its turn.
    fn line(
        &mut self,
        out: &mut Effects,
        session: SessionId,
        error: Option<LineError>,
        line: &str,
    ) {
        let over = self.node.turn_is_over(session, self.state.steady);
        let known = self.node.sessions.get_mut(&session).expect("the caller has checked");
        (known.seen, known.present_until) = (self.state.steady, self.state.last_event());
        let first = known.extras().lines.is_empty() && !known.queued && !over;
        let waits = known.waits();
        let mut context = self.context(out, session);
        if first && (!waits || ordered::may_pipeline(&mut context, error, line)) {
            command::line(&mut context, error, line);
            self.queue_if_paused(out, session);
            return session_end::settle(&mut self.context(out, session));
        }
        let known = self.node.sessions.get_mut(&session).expect("the caller has checked");
        let (held, extras) = (known.held, known.extras_mut());
        let in_flight = !extras.in_flight.is_empty();
        let logging_in = extras.pending_attempt.is_some();
        if !logging_in || held || extras.lines.len() < LINES_WAITING {
            // A held session can have sent no more than its shard had gathered before it was told.
            extras.lines.push_back(WaitingLine { text: line.into(), error });
            if waits && in_flight {
                self.hold(out, session);
            } else if !logging_in {
                self.queue(out, session);
            }
        } else {
            session_end::end_session(
                &mut self.context(out, session),
                "Too many lines before login was complete",
            );
        }
        session_end::settle(&mut self.context(out, session));
    }

    /// The session waits for a turn; until then its shard does not read from it.
    fn queue(&mut self, out: &mut Effects, session: SessionId) {
        let Some(known) = self.node.sessions.get_mut(&session) else { return };
        if !std::mem::replace(&mut known.queued, true) {
            self.turns.push_back(session);
        }
        self.hold(out, session);
    }

    /// The shard stops reading from the session until its lines are handled.
    fn hold(&mut self, out: &mut Effects, session: SessionId) {
        let Some(known) = self.node.sessions.get_mut(&session) else { return };
        if !std::mem::replace(&mut known.held, true) {
            out.push_when(Condition::Always, Effect::Hold { session, held: true });
        }
    }

    fn queue_if_paused(&mut self, out: &mut Effects, session: SessionId) {
        if self.node.sessions.get(&session).is_some_and(|known| known.extras().paused.is_some()) {
            self.queue(out, session);
        }
    }

    /// A waiting session goes on until its turn is over.
    fn take_turn(&mut self, out: &mut Effects, session: SessionId) {
        if let Some(known) = self.node.sessions.get_mut(&session) {
            known.queued = false;
        }
        while let Some(known) = self.node.sessions.get_mut(&session) {
            if known.extras().paused.is_none() && known.extras().lines.is_empty() {
                if std::mem::take(&mut known.held) {
                    out.push_when(Condition::Always, Effect::Hold { session, held: false });
                }
                break;
            }
            if known.waits() && !ordered::next_may_pipeline(&mut self.context(out, session)) {
                break;
            }
            if self.node.turn_is_over(session, self.state.steady) {
                return self.queue(out, session);
            }
            let known = self.node.sessions.get_mut(&session).expect("just looked up");
            let extras = known.extras_mut();
            if let Some(paused) = extras.paused.take() {
                command::go_on(&mut self.context(out, session), *paused);
            } else if let Some(WaitingLine { text, error }) = extras.lines.pop_front() {
                command::line(&mut self.context(out, session), error, &text);
            }
        }
        self.end_if_done(out, session);
        self.node.free_extras(session);
    }

    /// A session whose input has ended is closed once all its lines are handled.
    fn end_if_done(&mut self, out: &mut Effects, session: SessionId) {
        let Some(known) = self.node.sessions.get_mut(&session) else { return };
        if known.waits() || known.is_uncertain() || known.queued {
            return;
        }
        let ended = known.ended;
        let closed = known.extras_if_any().and_then(|extras| extras.closed.take());
        if let Some(reason) = closed {
            session_end::session_ended(&mut self.context(out, session), &reason);
        } else if ended {
            session_end::end_session(&mut self.context(out, session), "Connection closed");
        }
    }

    /// Rolls back all changes of batch `from` and later, newest first.
    fn undo(&mut self, out: &mut Effects, from: u64) {
        self.epoch += 1;
        out.epoch = self.epoch;
        while let Some(undo) = self.state.undo.take_from(from) {
            out.begin(SessionId::NOBODY, None, false);
            undo::undo(&mut self.state, &mut self.node, out, undo);
            out.end(&self.state.renderer.server);
        }
    }

    fn stop(&mut self, out: &mut Effects) {
        self.stopping = true;
        out.last = true;
        self.log_refusals(out);
        let sessions: Vec<SessionId> = self.node.sessions.iter().map(|(id, _)| id).collect();
        for session in sessions {
            let mut context = self.context(out, session);
            if let Some(user) = context.session().user {
                let known = &context.state.users[&user];
                let attended = !known.guest && !known.is_unattended(session);
                if attended && !context.node.disk.is_scarce {
                    let present_until = context.session().present_until;
                    context.apply_aside(Request::WasHere(present_until));
                }
                context.notice("The server is stopping; everything you were told is stored");
            }
            context.close(STOPPING);
            context.log_left(STOPPING);
        }
    }
}

/// A range of a batch's text.
fn piece<'a>(text: &'a [u8], range: &Range<u32>) -> &'a str {
    let piece = &text[range.start as usize..range.end as usize];
    std::str::from_utf8(piece).expect("the shard has checked")
}

/// Why everybody is disconnected when this node has left its cluster.
const NODE_ENDED: &str = "This server has lost touch with the others; connect again";

/// Why everybody is disconnected when the server stops.
pub const STOPPING: &str = "The server is stopping";
