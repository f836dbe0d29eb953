//! What a command works with on its session's node: the state, and the session itself.

use super::entry::{self, Entry, Request};
use super::ordered;
use crate::effects::{Cursor, Effect, Effects, LogRecord};
use crate::metrics::{Count, Refused};
use crate::session::budget::{Budget, Payer};
use crate::session::disk;
use crate::session::{Node, PausedCommand, Registration, Session, TurnWork};
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::apply_context::Responder;
use crate::state::refusal::Refusal;
use crate::state::requester::{NotStored, Requester};
use crate::state::user::UserId;
use proto::Capability;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The hub during one session's command. It can change the session and read the state, which only
/// entries change.
pub struct Context<'a> {
    /// The state and the effects.
    pub responder: Responder<'a, ReadOnly<'a>>,
    /// The sessions, and everything else that belongs to this node alone.
    pub node: &'a mut Node,
}

/// The state, read-only; only [`Context::apply`] changes it.
pub struct ReadOnly<'a>(&'a mut State);

impl Deref for ReadOnly<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.0
    }
}

impl<'a> Deref for Context<'a> {
    type Target = Responder<'a, ReadOnly<'a>>;

    fn deref(&self) -> &Responder<'a, ReadOnly<'a>> {
        &self.responder
    }
}

impl<'a> DerefMut for Context<'a> {
    fn deref_mut(&mut self) -> &mut Responder<'a, ReadOnly<'a>> {
        &mut self.responder
    }
}

/// The requester, as described by their session.
fn requester(node: &Node, session: SessionId) -> Requester {
    let known = node.sessions.get(&session);
    let registration = known.and_then(|known| known.registration.as_deref());
    Requester {
        session,
        user: known.and_then(|known| known.user),
        nick: registration.and_then(|registration| registration.nick.as_deref()).map(Into::into),
        capabilities: known.map(|known| known.capabilities).unwrap_or_default(),
        console: known.is_some_and(|known| known.console),
        local: known.is_some_and(Session::is_local),
        label: None,
        allowance: Default::default(),
    }
}

impl<'a> Context<'a> {
    /// A context for a session's own command.
    pub fn new(
        state: &'a mut State,
        node: &'a mut Node,
        out: &'a mut Effects,
        session: SessionId,
    ) -> Context<'a> {
        let requester = requester(node, session);
        Context { responder: Responder { state: ReadOnly(state), out, requester }, node }
    }
}

impl<'a> Context<'a> {
    /// A context for what an entry has left to this node.
    pub fn of_entry(
        state: &'a mut State,
        node: &'a mut Node,
        out: &'a mut Effects,
        requester: Requester,
    ) -> Context<'a> {
        Context { responder: Responder { state: ReadOnly(state), out, requester }, node }
    }
}

impl Context<'_> {
    /// The requester's session.
    pub fn session(&self) -> &Session {
        &self.node.sessions[&self.requester.session]
    }

    /// The requester's session, to change it.
    pub fn session_mut(&mut self) -> &mut Session {
        self.node
            .sessions
            .get_mut(&self.responder.requester.session)
            .expect("a context is made for a session that is there")
    }

    /// Makes an entry of a request, and applies it. The session learns the result only through its
    /// answer and through what is left to the node: see [`super::follow_up`].
    pub fn apply(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Context { responder: Responder { state: ReadOnly(state), out, requester }, node } =
            self;
        let State { now, steady, .. } = **state;
        let allowance = std::mem::take(&mut requester.allowance);
        let requester = Requester { allowance, ..requester.clone() };
        let session = requester.session;
        if node.log_unavailable && ordered::is_answered(&request) {
            out.push(Effect::Count(Count::Refused(Refused::LogUnavailable)));
            return Err(Refusal::LogUnavailable);
        }
        let entry = Entry { now, steady, requester, request };
        if let Some(in_flight) = ordered::submit(state, node, out, entry)? {
            node.put_in_flight(session, in_flight);
        }
        Ok(())
    }

    /// The same for a request that is never refused, and for whose answer no session waits.
    pub fn apply_aside(&mut self, request: Request<'_>) {
        let Context { responder: Responder { state: ReadOnly(state), out, requester }, node } =
            self;
        // They do no harm when lost, and there may be any number of them until the log answers.
        if node.log_unavailable
            && matches!(request, Request::LoginFailed(_) | Request::RenewKeys { .. })
        {
            return;
        }
        let State { now, steady, .. } = **state;
        let requester = Requester { label: None, ..requester.clone() };
        ordered::submit(state, node, out, Entry { now, steady, requester, request })
            .expect("it is refused to nobody");
    }

    /// Applies an entry delivered by a log.
    pub fn apply_ordered(&mut self, entry: Entry<'_>) -> Result<(), Refusal> {
        let Responder { state: ReadOnly(state), out, .. } = &mut self.responder;
        entry::apply(state, out, entry)
    }

    /// The same for another session.
    pub fn of(&mut self, session: SessionId) -> Context<'_> {
        Context::new(self.responder.state.0, self.node, self.responder.out, session)
    }

    /// Begins a command of the session, with its label if it has one.
    pub fn begin(&mut self, label: Option<Arc<str>>) {
        let batches = self.has(Capability::Batch);
        self.requester.label = label.clone();
        self.responder.out.begin(self.responder.requester.session, label, batches);
    }

    /// The registration in progress; none once it is complete.
    pub fn registration(&mut self) -> Option<&mut Registration> {
        self.session_mut().registration.as_deref_mut()
    }

    /// Logs that the session has ended.
    pub fn log_left(&mut self, reason: &str) {
        let (user, address) = (self.session().user, self.session().address);
        let user = user.and_then(|user| self.state.users.get(&user)).map(|user| user.nick.clone());
        self.out.push(Effect::Log(LogRecord::Disconnected {
            user,
            address,
            reason: reason.to_owned(),
        }));
    }

    /// Refuses a password that somebody could read.
    pub fn must_be_private(&self) -> Result<(), Refusal> {
        let may = self.session().may_send_passwords(&self.node.config);
        if may { Ok(()) } else { Err(Refusal::NotEncrypted) }
    }

    /// Refuses if the user or the address owes too much work.
    pub fn must_have_budget(&mut self) -> Result<(), Refusal> {
        match self.budget_wait() {
            Some(seconds) => {
                self.out.push(Effect::Count(Count::Refused(Refused::Work)));
                Err(Refusal::TooMuchWork(seconds))
            }
            None => Ok(()),
        }
    }

    /// Seconds until the user and the address owe little enough.
    pub fn budget_wait(&mut self) -> Option<u64> {
        let known = self.session();
        let (user, address) = (known.user_budget?, known.address_budget);
        let (steady, Node { budgets, config, .. }) = (self.responder.state.steady, &mut *self.node);
        let wait = [user, address].map(|payer| budgets.wait(payer, steady, &config.limits));
        wait.into_iter().flatten().max()
    }

    /// Charges the session's user and address for the work of the current command so far.
    pub fn charge(&mut self) {
        let turn = self.node.batch;
        // Follow-ups are inserted among the effects already counted.
        self.out.counted = Default::default();
        let work = self.work();
        let Some(known) = self.node.sessions.get_mut(&self.responder.requester.session) else {
            return;
        };
        if known.turn.number != turn {
            known.turn = TurnWork { number: turn, work: 0 };
        }
        known.turn.work += work.hub;
        for payer in std::iter::once(known.address_budget).chain(known.user_budget) {
            self.node.budgets.charge(payer, work, turn);
        }
        self.charge_stored();
    }

    /// Finds out whether so many more bytes are within the requester's share of a user's outbox.
    pub fn look_at_share(&mut self, of: UserId, bytes: usize) {
        let (me, address) = (self.me(), self.session().address);
        let payers = [Payer::User(me), Payer::address(address)];
        let (steady, outbox) = (self.state.steady, self.node.config.limits.outbox_bytes);
        if let Err(seconds) = self.node.shares.may_send(of, payers, bytes, (steady, outbox)) {
            self.requester.allowance.over_share.push((of, seconds));
        }
    }

    /// The requester has had so many bytes delivered to a user.
    pub fn charge_share(&mut self, of: UserId, bytes: usize) {
        let (me, address) = (self.me(), self.session().address);
        let payers = [Payer::User(me), Payer::address(address)];
        let (steady, outbox) = (self.state.steady, self.node.config.limits.outbox_bytes);
        self.node.shares.charge(of, payers, bytes, (steady, outbox));
    }

    /// Whether the requester is as its session describes it, if that still exists.
    pub fn is_fresh(&self) -> bool {
        let session = self.requester.session;
        let Requester { allowance, label, .. } = self.requester.clone();
        !self.node.sessions.contains_key(&session)
            || self.requester == Requester { allowance, label, ..requester(self.node, session) }
    }

    /// The session's description of the requester has changed.
    pub fn refresh(&mut self) {
        let known = &mut self.responder.requester;
        let (allowance, label) = (std::mem::take(&mut known.allowance), known.label.take());
        *known = Requester { allowance, label, ..requester(self.node, known.session) };
    }

    /// Whether the current command should continue in another turn. While another command is in
    /// flight, nothing is left for another turn.
    pub fn turn_is_over(&mut self) -> bool {
        let known = self.node.sessions.get(&self.requester.session);
        let uncertain = known.is_some_and(Session::is_uncertain);
        !uncertain && self.responder.turn_is_over()
    }

    /// Pauses the current command: it is called again in another turn, to continue there.
    pub fn go_on_at(&mut self, cursor: Cursor) {
        let paused = PausedCommand { line: Box::default(), cursor, written: 0, label: None };
        self.session_mut().extras_mut().paused = Some(Box::new(paused));
    }

    /// The paused rest of the current command.
    pub fn paused(&mut self) -> Option<&mut PausedCommand> {
        let session = self.node.sessions.get_mut(&self.responder.requester.session)?;
        session.extras_if_any()?.paused.as_deref_mut()
    }

    /// Refuses requesters who have stored too much, and while the disk's reserve is in use
    /// everybody except operators of the server.
    pub fn must_have_space(&mut self) -> Result<(), Refusal> {
        self.look_at_space();
        self.must_be_storable()
    }

    /// Finds out whether more of the requester's may be stored.
    pub fn look_at_space(&mut self) {
        let operator = self.role().is_some();
        self.requester.allowance.not_stored = if self.node.disk.is_scarce && !operator {
            Some(NotStored::Reserve)
        } else {
            self.payer_of_bytes().and_then(|payer| {
                let (steady, limits) = (self.state.steady, &self.node.config.limits);
                let wait = self.node.budgets.wait_to_store(payer, steady, limits);
                wait.map(NotStored::Budget)
            })
        };
    }

    /// Charges the account, or a guest's address, for what the current command stores.
    fn charge_stored(&mut self) {
        let bytes = self.out.stores().iter().map(disk::stored_bytes).sum();
        if bytes > 0
            && let Some(payer) = self.payer_of_bytes()
        {
            self.node.budgets.charge_stored(payer, bytes);
        }
    }

    /// A guest could come back as another one, so the address pays.
    fn payer_of_bytes(&self) -> Option<Budget> {
        let known = self.session();
        let guest = self.state.users.get(&known.user?)?.guest;
        if guest { Some(known.address_budget) } else { known.user_budget }
    }
}
