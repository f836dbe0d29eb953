//! Connects the client's front ends to the server: connects, logs in, passes received lines to the core,
//! sends the core's lines, and reconnects after a break. It never blocks: events come in through
//! [`Wire::handle`], and [`Wire::next_tick`] says when [`Wire::tick`] must be called.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use chat::conversation::Member;
use chat::entry::Kind;
use chat::{Change, Chat, Intent, SendError};
use proto::Message;
use proto::name::same;

use crate::args::Args;
use crate::failure::Failure;
use crate::iterations::KnownIterations;
use crate::known_hosts::KnownHosts;
use crate::limits::{
    ANSWER_IDLE_TIMEOUT, LOGIN_IDLE_TIMEOUT, LOGIN_TIMEOUT, LOGIN_TRIES, REPORTED_ONCE_MAX,
    SCRIPT_TRIES,
};
use crate::link::{Event, Link};
use crate::login::{Credentials, Login, LoginError, Step};
use crate::question::Question;
use crate::route::{ConnectError, Opened, Route};
use crate::system::{now_ms, random_byte, random_text};
use crate::timing::{Backoff, Timeout};

/// Who uses the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frontend {
    /// A person, who answers questions and decides when to give up.
    Person,
    /// Lines that a person would type, from a pipe.
    Pipe,
    /// A script that calls a subcommand.
    Script,
}

/// What the person, or the script, should know.
#[derive(Debug)]
pub enum WireEvent {
    /// A question that must be answered before the login continues; the sentence says why it is asked again.
    Ask(Question, Option<String>),
    /// A sentence about the server or the connection.
    Sentence(String),
    /// The connection broke, and why; it reconnects by itself.
    Broken(String),
    /// The login is done, for the first time or again.
    LoggedIn,
    /// Something changed in the core.
    Changed(Change),
    /// It is over.
    Failed(Failure),
}

#[derive(Debug)]
enum Phase {
    /// Nothing is under way.
    Closed,
    /// An attempt to connect is under way.
    Connecting,
    /// The login is under way; no longer than that.
    LoggingIn { timeout: Timeout, answered: bool },
    /// A question is open.
    Asking,
    /// Logged in.
    Online,
    /// The next attempt to connect is made at this time.
    WaitingToRetry(Instant),
}

/// The connection of one login.
pub struct Wire {
    /// What is known.
    pub chat: Chat,
    route: Arc<Route>,
    iterations: KnownIterations,
    login: Login,
    link: Option<Link>,
    links: u64,
    to_events: SyncSender<Event>,
    phase: Phase,
    backoff: Backoff,
    /// There was a login: from then on it reconnects after a break.
    established: bool,
    /// The account was made by this client.
    registered: bool,
    /// The server has shown that it speaks the protocol.
    greeted: bool,
    /// A script gives up after a while.
    max_tries: Option<u32>,
    /// Sentences that are not reported again.
    reported: VecDeque<String>,
    leaving: bool,
}

impl Wire {
    /// Nothing is connected yet. Events of the connection go to `to_events`.
    ///
    /// # Errors
    /// If the system has no random numbers, or what the environment says of a proxy cannot be used.
    pub fn new(
        args: &Args,
        mut credentials: Credentials,
        frontend: Frontend,
        to_events: SyncSender<Event>,
    ) -> Result<Wire, Failure> {
        let route = Route::new(args)?;
        if let Some(user) = route.saved_user() {
            credentials.user = Some(user.to_owned());
        }
        let iterations = KnownIterations::new(route.server(), KnownHosts::of_this_person());
        let mut login = Login::new(credentials, frontend == Frontend::Person);
        login.is_plaintext = route.is_plaintext();
        login.has_certificate = route.saved_user().is_some();
        // Only Parlor's servers were ever given a certificate to remember.
        login.scram_seen = login.has_certificate;
        login.may_register = args.register;
        login.invitation.clone_from(&args.invite);
        login.allow_weak_scram = args.allow_weak_scram;
        login.also = chat::WANTED;
        // What a pipe says is said in the verbs of Parlor's servers, one of which its first lines log in to.
        login.any_server = frontend != Frontend::Pipe;
        Ok(Wire {
            chat: Chat::new(&random_text()?),
            route: Arc::new(route),
            iterations,
            login,
            link: None,
            links: 0,
            to_events,
            phase: Phase::Closed,
            backoff: Backoff::default(),
            established: false,
            registered: false,
            greeted: false,
            max_tries: (frontend != Frontend::Person).then_some(SCRIPT_TRIES),
            reported: VecDeque::new(),
            leaving: false,
        })
    }

    /// The server, as messages name it.
    pub fn server(&self) -> String {
        self.route.server()
    }

    /// Whether what is said can be read on the way.
    pub fn is_plaintext(&self) -> bool {
        self.route.is_plaintext()
    }

    /// Whether it is logged in.
    pub fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online)
    }

    /// Whether the login needs an answer.
    pub fn is_asking(&self) -> bool {
        matches!(self.phase, Phase::Asking)
    }

    /// Whether there was a login, on this connection or one before.
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// Whether the account was made by this client, so that no login came before it.
    pub fn has_registered(&self) -> bool {
        self.registered
    }

    /// How many bytes have come on this connection.
    pub fn received(&self) -> u64 {
        self.link.as_ref().map_or(0, Link::received)
    }

    /// A new operation begins, which has its own number of attempts to connect.
    pub fn begin(&mut self) {
        self.backoff.begin();
    }

    /// Gives up this connection, for this reason; it reconnects by itself.
    pub fn give_up(&mut self, why: &str) -> Vec<WireEvent> {
        let mut events = Vec::new();
        self.finish(Err(StepFailure::Broken(why.to_owned())), &mut events);
        events
    }

    /// Acknowledges the private messages that were shown, by a ping: until then the server keeps them for the next
    /// login.
    pub fn acknowledge_shown(&mut self) {
        if self.is_online() {
            // If that breaks the connection, the reading end reports it.
            let _ = self.send(b"PING :shown\r\n");
        }
    }

    /// Begins to connect.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn connect(&mut self) -> Result<(), Failure> {
        self.link = None;
        self.links += 1;
        let (route, events, number) = (Arc::clone(&self.route), self.to_events.clone(), self.links);
        thread::Builder::new().name("connect".to_owned()).spawn(move || {
            let mut notices = Vec::new();
            let opened = route.open(&mut notices);
            // If nobody listens any more, the client is exiting.
            let _ = events.send(Event::Opened(number, notices, opened));
        })?;
        self.phase = Phase::Connecting;
        Ok(())
    }

    /// Handles an event of the connection.
    pub fn handle(&mut self, event: Event) -> Vec<WireEvent> {
        let mut events = Vec::new();
        let number = self.link.as_ref().map(|link| link.number);
        let outcome = match event {
            Event::Opened(of, sentences, opened) if of == self.links => {
                for sentence in sentences {
                    self.report_once(sentence, &mut events);
                }
                self.opened(opened)
            }
            Event::Line(of, line) if Some(of) == number => self.line(&line, &mut events),
            Event::Silent(of) if Some(of) == number => self.send(b"PING :still there\r\n"),
            Event::Broken(of, reason) if Some(of) == number => Err(StepFailure::Broken(reason)),
            // Of an earlier connection.
            _ => Ok(()),
        };
        self.finish(outcome, &mut events);
        events
    }

    /// Handles the answer to the question that was asked last.
    pub fn answer(&mut self, question: Question, text: &str) -> Vec<WireEvent> {
        let mut events = Vec::new();
        let mut out = Vec::new();
        let outcome = match self.login.answer(question, text, &mut out) {
            Ok(step) => self.send(&out).and_then(|()| {
                self.phase =
                    Phase::LoggingIn { timeout: login_timeout(LOGIN_IDLE_TIMEOUT), answered: true };
                self.step(step, &mut events)
            }),
            Err(error) => Err(error.into()),
        };
        self.finish(outcome, &mut events);
        events
    }

    /// Performs an intent.
    ///
    /// # Errors
    /// Why it was not performed.
    pub fn perform(&mut self, intent: Intent) -> Result<Option<RangeInclusive<u64>>, SendError> {
        let mut out = Vec::new();
        let done = self.chat.perform(intent, now_ms(), &mut out)?;
        // If that breaks the connection, the reading end reports it.
        let _ = self.send(&out);
        Ok(done)
    }

    /// Quits, and does not reconnect.
    pub fn leave(&mut self) {
        self.leaving = true;
        // If that cannot be sent, the server will notice the end of the connection.
        let _ = self.send(b"QUIT :\r\n");
    }

    /// In how many milliseconds the next attempt to connect is made, if one is waited for.
    pub fn retry_in_ms(&self) -> Option<i64> {
        let Phase::WaitingToRetry(until) = &self.phase else { return None };
        let pause = until.saturating_duration_since(Instant::now());
        Some(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
    }

    /// Why a new password must be chosen before anything else, in the server's words; once for each login.
    pub fn renewal(&mut self) -> Option<String> {
        self.login.take_renewal()
    }

    /// The password is this one from now on.
    pub fn set_password(&mut self, password: String) {
        self.login.set_password(password);
    }

    /// When [`Wire::tick`] has something to do next.
    pub fn next_tick(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            Phase::LoggingIn { timeout, .. } => Some(timeout.until()),
            Phase::WaitingToRetry(until) => Some(*until),
            _ => None,
        };
        let tick = self.chat.next_tick_ms().map(|at| {
            let wait = u64::try_from(at - now_ms()).unwrap_or(0);
            Instant::now() + Duration::from_millis(wait)
        });
        of_phase.into_iter().chain(tick).min()
    }

    /// Does what its timers demand: reconnects, gives up a login, resends.
    pub fn tick(&mut self) -> Vec<WireEvent> {
        let mut events = Vec::new();
        let now = Instant::now();
        let received = self.received();
        let outcome = match &mut self.phase {
            Phase::WaitingToRetry(until) if now >= *until => {
                self.connect().map_err(StepFailure::Failed)
            }
            Phase::LoggingIn { timeout, answered } => match timeout.expired(now, received) {
                Some(_) if !*answered => {
                    let server = self.route.server();
                    Err(Failure::from(ConnectError::Silent { server }).into())
                }
                Some(why) => Err(StepFailure::Broken(why.to_owned())),
                None => Ok(()),
            },
            _ => Ok(()),
        };
        let mut out = Vec::new();
        self.chat.tick(now_ms(), &mut out);
        let outcome = outcome.and_then(|()| if out.is_empty() { Ok(()) } else { self.send(&out) });
        self.finish(outcome, &mut events);
        events
    }

    fn opened(&mut self, opened: Result<Opened, ConnectError>) -> Result<(), StepFailure> {
        let opened = opened.map_err(Failure::from)?;
        self.link =
            Some(Link::start(opened, self.links, self.to_events.clone()).map_err(Failure::from)?);
        self.login.iterations_seen = self.iterations.seen();
        let mut out = Vec::new();
        self.login.start(&random_text()?, &mut out);
        let timeout = login_timeout(ANSWER_IDLE_TIMEOUT);
        self.phase = Phase::LoggingIn { timeout, answered: false };
        self.send(&out)
    }

    fn report_once(&mut self, sentence: String, events: &mut Vec<WireEvent>) {
        if !self.reported.contains(&sentence) {
            if self.reported.len() == REPORTED_ONCE_MAX {
                self.reported.pop_front();
            }
            self.reported.push_back(sentence.clone());
            events.push(WireEvent::Sentence(sentence));
        }
    }

    fn line(&mut self, line: &str, events: &mut Vec<WireEvent>) -> Result<(), StepFailure> {
        if self.is_online() {
            let mut out = Vec::new();
            self.chat.receive(line, now_ms(), &mut out);
            return if out.is_empty() { Ok(()) } else { self.send(&out) };
        }
        let Ok(message) = Message::parse(line) else { return Ok(()) };
        if let Phase::LoggingIn { timeout, answered } = &mut self.phase
            && !std::mem::replace(answered, true)
        {
            timeout.allow(Instant::now(), LOGIN_IDLE_TIMEOUT);
        }
        let mut out = Vec::new();
        let step = self.login.receive(&message, &mut out)?;
        self.greeted |= !self.login.is_first_word();
        self.send(&out)?;
        // While a person thinks, nothing of the server's needs an answer but its pings.
        if matches!(self.phase, Phase::Asking) && step == Step::Wait {
            return Ok(());
        }
        self.step(step, events)?;
        if self.is_online() && message.verb == proto::numeric::RPL_WELCOME {
            self.chat.receive(line, now_ms(), &mut Vec::new());
        }
        Ok(())
    }

    fn step(&mut self, step: Step, events: &mut Vec<WireEvent>) -> Result<(), StepFailure> {
        match step {
            Step::Wait => Ok(()),
            Step::Ask(question, because) => {
                self.phase = Phase::Asking;
                events.push(WireEvent::Ask(question, because));
                Ok(())
            }
            Step::Created => {
                // A session that has registered an account does not get the whole welcome: it comes with the
                // next login.
                self.established = true;
                self.registered = true;
                self.send(b"QUIT :\r\n")?;
                Ok(self.connect()?)
            }
            Step::Done => {
                if let Some(iterations) = self.login.iterations.take()
                    && let Err(reason) = self.iterations.remember(self.login.user(), iterations)
                    && !self.login.is_plaintext
                {
                    let sentence =
                        format!("Cannot save the iteration count of the login: {reason}");
                    self.report_once(sentence, events);
                }
                let mut out = Vec::new();
                let capabilities = self.login.capabilities_in_effect();
                self.chat.logged_in(self.login.user(), capabilities, &mut out);
                self.phase = Phase::Online;
                self.established = true;
                self.route.logged_in();
                self.backoff.connected(Instant::now());
                events.push(WireEvent::LoggedIn);
                self.send(&out)
            }
        }
    }

    fn send(&mut self, lines: &[u8]) -> Result<(), StepFailure> {
        let link =
            self.link.as_mut().ok_or_else(|| StepFailure::Broken("it is closed".to_owned()))?;
        link.send(lines).map_err(|error| StepFailure::Broken(error.to_string()))
    }

    /// Handles a failure, and collects the changes as events.
    fn finish(&mut self, outcome: Result<(), StepFailure>, events: &mut Vec<WireEvent>) {
        let changes = self.chat.take_changes();
        let mut outcome = outcome;
        for change in &changes {
            match change {
                Change::Killed { by, reason } => {
                    let (by, reason) = (by.clone(), reason.clone());
                    outcome = Err(Failure::Killed { by, reason }.into());
                }
                Change::Closing(reason) if outcome.is_ok() => {
                    outcome = Err(StepFailure::Broken(reason.clone()));
                }
                _ => {}
            }
        }
        events.extend(changes.into_iter().map(WireEvent::Changed));
        let Err(failed) = outcome else { return };
        self.close();
        let (reason, failure) = match failed {
            StepFailure::Broken(reason) => (reason, None),
            StepFailure::Failed(failure) => (failure.to_string(), Some(failure)),
        };
        if self.leaving && failure.is_none() {
            events.push(WireEvent::Broken(reason));
            return;
        }
        match self.next_attempt(&reason, failure) {
            Ok(at) => {
                self.phase = Phase::WaitingToRetry(at);
                events.extend(self.chat.take_changes().into_iter().map(WireEvent::Changed));
                events.push(WireEvent::Broken(reason));
            }
            Err(failure) => events.push(WireEvent::Failed(failure)),
        }
    }

    /// When to connect again after this.
    ///
    /// # Errors
    /// What it ends with, if there is no use in that.
    fn next_attempt(&mut self, why: &str, failure: Option<Failure>) -> Result<Instant, Failure> {
        let failure = match failure {
            // Once there was a login, or the server has shown that it speaks the protocol, another attempt may succeed.
            Some(failure) if !failure.may_pass() || !self.greeted => return Err(failure),
            None if !self.greeted => return Err(LoginError::NotParlor(why.to_owned()).into()),
            failure => failure,
        };
        if !self.established && self.backoff.tries() >= LOGIN_TRIES {
            return Err(failure.unwrap_or_else(|| LoginError::Later(why.to_owned()).into()));
        }
        if self.max_tries.is_some_and(|most| self.backoff.tries() >= most) {
            return Err(Failure::GaveUp(why.to_owned()));
        }
        self.route.learn(&self.chat.server.nodes);
        let elsewhere = self.route.has_others();
        Ok(Instant::now() + self.backoff.next(random_byte()?, elsewhere))
    }

    fn close(&mut self) {
        if self.is_online() {
            self.backoff.broke(Instant::now());
            self.chat.broken();
        }
        self.link = None;
        self.phase = Phase::Closed;
    }
}

/// That the client is waiting is not reported: the screen shows it anyway.
fn login_timeout(idle: Duration) -> Timeout {
    let mut timeout = Timeout::new(Instant::now(), idle, LOGIN_TIMEOUT);
    timeout.reported = true;
    timeout
}

/// Why a step failed.
enum StepFailure {
    /// The connection is gone; another one may do.
    Broken(String),
    Failed(Failure),
}

impl<F: Into<Failure>> From<F> for StepFailure {
    fn from(failure: F) -> StepFailure {
        StepFailure::Failed(failure.into())
    }
}

/// The server's sentence, if a change is a refusal.
pub fn refusal(change: &Change) -> Option<String> {
    match change {
        Change::Happened { entry, .. } if entry.kind == Kind::Error => Some(entry.text.clone()),
        Change::Answered { text, refused: true, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The members of a room that this person is not in, from the answer to `NAMES`, or why the server refuses.
pub fn members_elsewhere(room: &str, change: &Change) -> Option<Result<Vec<Member>, String>> {
    match change {
        Change::Names { room: of, members } if same(of, room) => Some(match members.is_empty() {
            true => Err(format!("there is no room {room} that you may see")),
            false => Ok(members.clone()),
        }),
        change => refusal(change).map(Err),
    }
}

/// The next event; none if that time comes first.
///
/// # Errors
/// [`Failure::TimedOut`] once the deadline is over.
pub fn next_event(
    events: &Receiver<Event>,
    until: Option<Instant>,
    deadline: Option<Instant>,
) -> Result<Option<Event>, Failure> {
    let event = match until.into_iter().chain(deadline).min() {
        None => events.recv().ok(),
        Some(until) => events.recv_timeout(until.saturating_duration_since(Instant::now())).ok(),
    };
    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Err(Failure::TimedOut);
    }
    Ok(event)
}
