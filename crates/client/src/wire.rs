//! The faces of the client at one end, the server at the other: connects, logs in, feeds the core with
//! what comes, sends what it wants to say, and connects again after a break. It never waits: events come in by
//! [`Wire::take`], and [`Wire::due`] says when it has something to do by itself.

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
use crate::known_hosts::KnownHosts;
use crate::limits::{
    ANSWER_SILENCE, LOGIN_MOST, LOGIN_SILENCE, LOGIN_TRIES, SCRIPT_TRIES, TOLD_ONCE_MAX,
};
use crate::link::{Event, Link};
use crate::login::{Credentials, Login, LoginError, Step};
use crate::pace::{Patience, Pauses};
use crate::question::Question;
use crate::rounds::KnownIterations;
use crate::route::{ConnectError, Opened, Route};
use crate::system::{now_ms, random_byte, random_text};

/// Who is at this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
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
    /// Something must be answered before the login goes on; the sentence says why it is asked again.
    Ask(Question, Option<String>),
    /// A sentence about the server or the connection.
    Sentence(String),
    /// The connection broke, and why; the next attempt is made by itself.
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
    LoggingIn { patience: Patience, heard: bool },
    /// A question is open.
    Asking,
    /// Lines go both ways.
    Online,
    /// The next attempt to connect is made then.
    Pausing(Instant),
}

/// The connection of one login.
pub struct Wire {
    /// What is known.
    pub chat: Chat,
    route: Arc<Route>,
    rounds: KnownIterations,
    login: Login,
    link: Option<Link>,
    links: u64,
    to_events: SyncSender<Event>,
    phase: Phase,
    pauses: Pauses,
    /// There was a login, so a break is only a break.
    established: bool,
    /// The account was made by this client.
    registered: bool,
    /// The server has shown that it speaks the protocol.
    greeted: bool,
    /// A script gives up after a while.
    tries_most: Option<u32>,
    /// Sentences that are not told again.
    told: VecDeque<String>,
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
        face: Face,
        to_events: SyncSender<Event>,
    ) -> Result<Wire, Failure> {
        let route = Route::new(args)?;
        if let Some(user) = route.remembered_user() {
            credentials.user = Some(user.to_owned());
        }
        let rounds = KnownIterations::new(route.server(), KnownHosts::of_this_person());
        let mut login = Login::new(credentials, face == Face::Person);
        login.is_plaintext = route.is_plaintext();
        login.has_certificate = route.remembered_user().is_some();
        // Only Parlor's servers were ever given a certificate to remember.
        login.scram_seen = login.has_certificate;
        login.may_register = args.register;
        login.invitation.clone_from(&args.invite);
        login.allow_weak_scram = args.allow_weak_scram;
        login.also = chat::WANTED;
        // What a pipe says is said in the verbs of Parlor's servers, one of which its first lines log in to.
        login.any_server = face != Face::Pipe;
        Ok(Wire {
            chat: Chat::new(&random_text()?),
            route: Arc::new(route),
            rounds,
            login,
            link: None,
            links: 0,
            to_events,
            phase: Phase::Closed,
            pauses: Pauses::default(),
            established: false,
            registered: false,
            greeted: false,
            tries_most: (face != Face::Person).then_some(SCRIPT_TRIES),
            told: VecDeque::new(),
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

    /// Whether lines go both ways.
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

    /// Something new is asked of the server: it may take as many attempts to connect as anything.
    pub fn begin(&mut self) {
        self.pauses.begin();
    }

    /// The connection is no good, and why; the next attempt is made by itself.
    pub fn give_up(&mut self, why: &str) -> Vec<WireEvent> {
        let mut told = Vec::new();
        self.settle(Err(StepFailure::Broken(why.to_owned())), &mut told);
        told
    }

    /// Sends a sign of life, which tells the server that private messages were shown: until then it keeps them for
    /// the next login.
    pub fn tell_shown(&mut self) {
        if self.is_online() {
            // If that breaks the connection, the reading end tells of it.
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
            let mut told = Vec::new();
            let opened = route.open(&mut told);
            // If nobody listens any more, the client is exiting.
            let _ = events.send(Event::Opened(number, told, opened));
        })?;
        self.phase = Phase::Connecting;
        Ok(())
    }

    /// Takes an event of the connection.
    pub fn take(&mut self, event: Event) -> Vec<WireEvent> {
        let mut told = Vec::new();
        let number = self.link.as_ref().map(|link| link.number);
        let outcome = match event {
            Event::Opened(of, sentences, opened) if of == self.links => {
                for sentence in sentences {
                    self.tell_once(sentence, &mut told);
                }
                self.opened(opened)
            }
            Event::Line(of, line) if Some(of) == number => self.line(&line, &mut told),
            Event::Silent(of) if Some(of) == number => self.send(b"PING :still there\r\n"),
            Event::Broken(of, reason) if Some(of) == number => Err(StepFailure::Broken(reason)),
            // Of an earlier connection.
            _ => Ok(()),
        };
        self.settle(outcome, &mut told);
        told
    }

    /// Takes the answer to the question that was asked last.
    pub fn answer(&mut self, question: Question, text: &str) -> Vec<WireEvent> {
        let mut told = Vec::new();
        let mut out = Vec::new();
        let outcome = match self.login.answer(question, text, &mut out) {
            Ok(step) => self.send(&out).and_then(|()| {
                self.phase =
                    Phase::LoggingIn { patience: login_patience(LOGIN_SILENCE), heard: true };
                self.step(step, &mut told)
            }),
            Err(error) => Err(error.into()),
        };
        self.settle(outcome, &mut told);
        told
    }

    /// Does what a person wants.
    ///
    /// # Errors
    /// Why nothing was done.
    pub fn intend(&mut self, intent: Intent) -> Result<Option<RangeInclusive<u64>>, SendError> {
        let mut out = Vec::new();
        let done = self.chat.intend(intent, now_ms(), &mut out)?;
        // If that breaks the connection, the reading end tells of it.
        let _ = self.send(&out);
        Ok(done)
    }

    /// Tells the server that it is over, and does not connect again.
    pub fn leave(&mut self) {
        self.leaving = true;
        // If it cannot be told, it will notice.
        let _ = self.send(b"QUIT :\r\n");
    }

    /// In how many milliseconds the next attempt to connect is made, if one is waited for.
    pub fn pause_ms(&self) -> Option<i64> {
        let Phase::Pausing(until) = &self.phase else { return None };
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

    /// When it has something to do by itself.
    pub fn due(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            Phase::LoggingIn { patience, .. } => Some(patience.until()),
            Phase::Pausing(until) => Some(*until),
            _ => None,
        };
        let tick = self.chat.next_tick_ms().map(|at| {
            let wait = u64::try_from(at - now_ms()).unwrap_or(0);
            Instant::now() + Duration::from_millis(wait)
        });
        of_phase.into_iter().chain(tick).min()
    }

    /// Does what is due.
    pub fn tick(&mut self) -> Vec<WireEvent> {
        let mut told = Vec::new();
        let now = Instant::now();
        let received = self.received();
        let outcome = match &mut self.phase {
            Phase::Pausing(until) if now >= *until => self.connect().map_err(StepFailure::Failed),
            Phase::LoggingIn { patience, heard } => match patience.over(now, received) {
                Some(_) if !*heard => {
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
        self.settle(outcome, &mut told);
        told
    }

    fn opened(&mut self, opened: Result<Opened, ConnectError>) -> Result<(), StepFailure> {
        let opened = opened.map_err(Failure::from)?;
        self.link =
            Some(Link::start(opened, self.links, self.to_events.clone()).map_err(Failure::from)?);
        self.login.rounds_seen = self.rounds.seen();
        let mut out = Vec::new();
        self.login.start(&random_text()?, &mut out);
        let patience = login_patience(ANSWER_SILENCE);
        self.phase = Phase::LoggingIn { patience, heard: false };
        self.send(&out)
    }

    fn tell_once(&mut self, sentence: String, told: &mut Vec<WireEvent>) {
        if !self.told.contains(&sentence) {
            if self.told.len() == TOLD_ONCE_MAX {
                self.told.pop_front();
            }
            self.told.push_back(sentence.clone());
            told.push(WireEvent::Sentence(sentence));
        }
    }

    fn line(&mut self, line: &str, told: &mut Vec<WireEvent>) -> Result<(), StepFailure> {
        if self.is_online() {
            let mut out = Vec::new();
            self.chat.receive(line, now_ms(), &mut out);
            return if out.is_empty() { Ok(()) } else { self.send(&out) };
        }
        let Ok(message) = Message::parse(line) else { return Ok(()) };
        if let Phase::LoggingIn { patience, heard } = &mut self.phase
            && !std::mem::replace(heard, true)
        {
            patience.allow(Instant::now(), LOGIN_SILENCE);
        }
        let mut out = Vec::new();
        let step = self.login.receive(&message, &mut out)?;
        self.greeted |= !self.login.is_first_word();
        self.send(&out)?;
        // While a person thinks, nothing of the server's needs an answer but its pings.
        if matches!(self.phase, Phase::Asking) && step == Step::Wait {
            return Ok(());
        }
        self.step(step, told)?;
        if self.is_online() && message.verb == proto::numeric::RPL_WELCOME {
            self.chat.receive(line, now_ms(), &mut Vec::new());
        }
        Ok(())
    }

    fn step(&mut self, step: Step, told: &mut Vec<WireEvent>) -> Result<(), StepFailure> {
        match step {
            Step::Wait => Ok(()),
            Step::Ask(question, because) => {
                self.phase = Phase::Asking;
                told.push(WireEvent::Ask(question, because));
                Ok(())
            }
            Step::Created => {
                // A person who registers by hand is not told what programs are at the welcome: it comes with the
                // next login.
                self.established = true;
                self.registered = true;
                self.send(b"QUIT :\r\n")?;
                Ok(self.connect()?)
            }
            Step::Done => {
                if let Some(rounds) = self.login.rounds.take()
                    && let Err(reason) = self.rounds.remember(self.login.user(), rounds)
                    && !self.login.is_plaintext
                {
                    let sentence =
                        format!("Cannot save the iteration count of the login: {reason}");
                    self.tell_once(sentence, told);
                }
                let mut out = Vec::new();
                let capabilities = self.login.capabilities_in_effect();
                self.chat.logged_in(self.login.user(), capabilities, &mut out);
                self.phase = Phase::Online;
                self.established = true;
                self.route.logged_in();
                self.pauses.connected(Instant::now());
                told.push(WireEvent::LoggedIn);
                self.send(&out)
            }
        }
    }

    fn send(&mut self, lines: &[u8]) -> Result<(), StepFailure> {
        let link =
            self.link.as_mut().ok_or_else(|| StepFailure::Broken("it is closed".to_owned()))?;
        link.send(lines).map_err(|error| StepFailure::Broken(error.to_string()))
    }

    /// Deals with what went wrong, and hands on what has changed.
    fn settle(&mut self, outcome: Result<(), StepFailure>, told: &mut Vec<WireEvent>) {
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
        told.extend(changes.into_iter().map(WireEvent::Changed));
        let Err(trouble) = outcome else { return };
        self.close();
        let (reason, failure) = match trouble {
            StepFailure::Broken(reason) => (reason, None),
            StepFailure::Failed(failure) => (failure.to_string(), Some(failure)),
        };
        if self.leaving && failure.is_none() {
            told.push(WireEvent::Broken(reason));
            return;
        }
        match self.next_attempt(&reason, failure) {
            Ok(at) => {
                self.phase = Phase::Pausing(at);
                told.extend(self.chat.take_changes().into_iter().map(WireEvent::Changed));
                told.push(WireEvent::Broken(reason));
            }
            Err(failure) => told.push(WireEvent::Failed(failure)),
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
        if !self.established && self.pauses.tries() >= LOGIN_TRIES {
            return Err(failure.unwrap_or_else(|| LoginError::Later(why.to_owned()).into()));
        }
        if self.tries_most.is_some_and(|most| self.pauses.tries() >= most) {
            return Err(Failure::GaveUp(why.to_owned()));
        }
        self.route.learn(&self.chat.server.nodes);
        let elsewhere = self.route.has_others();
        Ok(Instant::now() + self.pauses.next(random_byte()?, elsewhere))
    }

    fn close(&mut self) {
        if self.is_online() {
            self.pauses.broke(Instant::now());
            self.chat.broken();
        }
        self.link = None;
        self.phase = Phase::Closed;
    }
}

/// Nobody is to be told that there is something to wait for: the screen shows it anyway.
fn login_patience(silence: Duration) -> Patience {
    let mut patience = Patience::new(Instant::now(), silence, LOGIN_MOST);
    patience.told = true;
    patience
}

/// Why a step came to nothing.
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

/// The members of a room in which this person is not, as far as the server tells, by the answer to `NAMES`; or why
/// it does not.
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
