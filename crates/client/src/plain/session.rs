//! Connects the prompts with the server: asks, waits, and continues after a break, so that its callers
//! hardly notice one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use chat::{Change, Chat, Intent, SendError};

use super::missed::LastSeen;
use crate::args::Args;
use crate::console::Console;
use crate::failure::Failure;
use crate::limits::{
    AHEAD_MAX, ANSWER_IDLE_TIMEOUT, ANSWER_TIMEOUT, EVENTS_WAITING, LOGIN_IDLE_TIMEOUT,
};
use crate::link::{Event, Input, Leaving};
use crate::login::Credentials;
use crate::question::Question;
use crate::seen::Seen;
use crate::show::sentence;
use crate::timing::Timeout;
use crate::wire::{Frontend, Wire, WireEvent, next_event, refusal};

/// Why an operation was not completed.
#[derive(Debug)]
pub enum End {
    /// The person left.
    Left(Leaving),
    /// The answer is a line that cannot be used, and why; the next one may do.
    Unusable(String),
    /// It cannot go on.
    Failed(Failure),
}

impl<F: Into<Failure>> From<F> for End {
    fn from(failure: F) -> End {
        End::Failed(failure.into())
    }
}

/// A person, or a pipe, at plain prompts.
pub struct Session {
    pub(crate) console: Console,
    pub(crate) wire: Wire,
    events: Receiver<Event>,
    /// The deadline of `--timeout`.
    deadline: Option<Instant>,
    /// Messages that arrive are not shown: standard output is for something else.
    pub(super) quiet: bool,
    pub(super) leaving: bool,
    /// The open question of the login.
    login_question: Option<Question>,
    /// An answer that found no connection; the next one will ask for it.
    kept_answer: Option<(Question, String)>,
    /// Why a new password must be chosen before anything else.
    pub(super) renewal: Option<String>,
    /// It is being chosen.
    pub(super) renewing: bool,
    /// What the person typed while something else was waited for, and what was asked then.
    pub(super) ahead: VecDeque<(Option<Question>, Input)>,
    /// Lines of input so far.
    pub(crate) inputs: u64,
    /// The server is being waited for.
    waiting: bool,
    /// The verb whose answer is waited for: it is not reported as well; nor are refusals meanwhile.
    pub(super) asked: Option<&'static str>,
    /// Messages on their way, by number, as a person would type them.
    pub(super) sending: BTreeMap<u64, String>,
    /// The outcomes of the others.
    pub(super) settled: Vec<Settled>,
    /// By number of the message: why its receiver is away, as reported.
    pub(super) away: BTreeMap<u64, String>,
    /// When to acknowledge the private messages that were shown.
    pub(super) acknowledge_at: Option<Instant>,
    /// Messages that have been shown.
    pub(super) seen: Seen,
    /// How many numbered lists were shown: a number refers to the newest.
    pub(super) lists: u64,
    /// Sentences of the welcome that were reported.
    pub(super) reported: BTreeSet<String>,
    /// The last notice of the server.
    pub(super) last_notice: String,
    /// How often the connection broke.
    pub(super) breaks: u64,
    /// It is broken, and that was reported.
    broken: bool,
    /// Why it could not be restored, as last reported.
    reported_reason: String,
    /// What was offered to complete a text.
    pub(super) offered: Option<super::completion::Offered>,
    /// What had been seen when the connection broke, until the rest is shown.
    pub(super) last_seen: Option<LastSeen>,
    pub(super) catching_up: bool,
}

/// A message that is no longer on its way.
pub(super) struct Settled {
    /// Its number.
    pub(super) number: u64,
    /// As a person would type it.
    pub(super) operation: String,
    /// Why the server has not taken it.
    pub(super) refused: Option<String>,
}

impl Session {
    /// Takes the terminal or the pipes; nothing is connected yet.
    ///
    /// # Errors
    /// If the system refuses the terminal, a thread or random bytes.
    pub fn new(args: &Args, credentials: Credentials) -> Result<Session, Failure> {
        let (to_events, events) = sync_channel(EVENTS_WAITING);
        let console = Console::open(to_events.clone(), !args.no_history, args.screen_reader)?;
        let frontend = if console.interactive { Frontend::Person } else { Frontend::Pipe };
        let wire = Wire::new(args, credentials, frontend, to_events)?;
        Ok(Session {
            console,
            wire,
            events,
            deadline: args.timeout().map(|time| Instant::now() + time),
            quiet: args.export().is_some(),
            leaving: false,
            login_question: None,
            kept_answer: None,
            renewal: None,
            renewing: false,
            ahead: VecDeque::new(),
            inputs: 0,
            waiting: false,
            asked: None,
            sending: BTreeMap::new(),
            settled: Vec::new(),
            away: BTreeMap::new(),
            acknowledge_at: None,
            seen: Seen::default(),
            lists: 0,
            reported: BTreeSet::new(),
            last_notice: String::new(),
            breaks: 0,
            broken: false,
            reported_reason: String::new(),
            offered: None,
            last_seen: None,
            catching_up: false,
        })
    }

    /// What is known.
    pub(crate) fn chat(&self) -> &Chat {
        &self.wire.chat
    }

    /// Connects and logs in for the first time.
    ///
    /// # Errors
    /// If there is no server, or it does not let the person in.
    pub fn open(&mut self) -> Result<(), End> {
        self.wire.connect()?;
        self.until_ready()?;
        let rooms = self.chat().conversations.values().filter(|room| room.joined);
        let rooms: Vec<String> = rooms.map(|room| room.name.clone()).collect();
        self.ask_for_pins(&rooms);
        Ok(())
    }

    /// Asks the person, and shows what arrives until the answer is there.
    ///
    /// # Errors
    /// [`End::Left`] instead of an answer; failures that cannot be restored.
    pub fn ask(&mut self, question: Question) -> Result<String, End> {
        if question == Question::Operation {
            self.wire.begin();
        }
        loop {
            self.check_output()?;
            match self.ahead.pop_front().map(|(_, input)| input) {
                Some(Input::Line(line)) => return Ok(line),
                Some(Input::Left(how)) => return Err(End::Left(how)),
                Some(Input::Unusable(reason)) => return Err(End::Unusable(reason)),
                Some(Input::Failed(reason)) => return Err(Failure::Input(reason).into()),
                None => {}
            }
            // One that was opened while the server was waited for gives way. What is typed there answers this one.
            if self.console.open_question() != Some(question) {
                self.console.ask(question)?;
            }
            while self.ahead.is_empty() {
                self.next(None)?;
                if self.last_seen.is_some() {
                    self.until_ready()?;
                    if question == Question::Operation {
                        // It is connected again, and no operation waits: only failures in succession end it.
                        self.wire.begin();
                    }
                }
                self.check_output()?;
            }
        }
    }

    /// What standard output has refused ends the client when nothing waits for the server's word any more.
    fn check_output(&mut self) -> Result<(), End> {
        self.console.take_refused().map_or(Ok(()), |error| Err(Failure::Output(error).into()))
    }

    /// Sends a request until `answer` recognizes its answer in a change; again after a break. The
    /// sentence is the server's refusal, or says why nothing was sent.
    ///
    /// # Errors
    /// The person left, or failures that cannot be restored.
    pub(crate) fn request<T>(
        &mut self,
        verb: &'static str,
        intent: &Intent,
        mut answer: impl FnMut(&Chat, &Change) -> Option<Result<T, String>>,
    ) -> Result<Result<T, String>, End> {
        loop {
            self.until_ready()?;
            match self.wire.perform(intent.clone()) {
                Ok(_) => {}
                Err(SendError::NotConnected) => continue,
                Err(impossible) => return Ok(Err(impossible.to_string())),
            }
            if let Some(answer) = self.answer_to(verb, &mut answer)? {
                return Ok(answer);
            }
        }
    }

    /// Waits until `answer` recognizes the answer in a change; none if the connection breaks before. Standard replies
    /// to this verb, and refusals, are not reported meanwhile: they are the answer.
    pub(crate) fn answer_to<T>(
        &mut self,
        verb: &'static str,
        mut answer: impl FnMut(&Chat, &Change) -> Option<T>,
    ) -> Result<Option<T>, End> {
        self.asked = Some(verb);
        let answered = self.answered(&mut answer);
        self.asked = None;
        answered
    }

    /// Waits until the server has answered all requests. Returns whether it has refused any; none if the
    /// connection breaks before.
    pub(super) fn until_answered(&mut self) -> Result<Option<bool>, End> {
        let mut refused = false;
        let ping = Intent::Raw("PING :answered".to_owned());
        if self.wire.perform(ping).is_err() {
            return Ok(None);
        }
        self.answered(&mut |_, change| {
            refused |= refusal(change).is_some();
            matches!(change, Change::Pong(text) if text == "answered").then_some(refused)
        })
    }

    /// Waits for an answer; none if the connection breaks before.
    fn answered<T>(
        &mut self,
        answer: &mut impl FnMut(&Chat, &Change) -> Option<T>,
    ) -> Result<Option<T>, End> {
        let breaks = self.breaks;
        // An answer about a password comes later after wrong ones.
        let idle =
            if self.asked == Some("ACCOUNT") { LOGIN_IDLE_TIMEOUT } else { ANSWER_IDLE_TIMEOUT };
        let mut timeout = Timeout::new(Instant::now(), idle, ANSWER_TIMEOUT);
        let mut changes = self.wire.chat.take_changes();
        for change in &changes {
            self.report(change)?;
        }
        loop {
            if self.breaks > breaks {
                return Ok(None);
            }
            if let Some(answer) = changes.iter().find_map(|change| answer(&self.wire.chat, change))
            {
                return Ok(Some(answer));
            }
            changes = self.wait(&mut timeout)?;
        }
    }

    /// Waits until the connection is logged in, and what was missed meanwhile is shown.
    ///
    /// # Errors
    /// The person left, or failures that cannot be restored.
    pub(crate) fn until_ready(&mut self) -> Result<(), End> {
        let mut timeout = Timeout::new(Instant::now(), ANSWER_IDLE_TIMEOUT, ANSWER_TIMEOUT);
        // That the client waits was reported already.
        timeout.reported = self.broken;
        loop {
            while !self.chat().is_ready() {
                self.wait(&mut timeout)?;
            }
            if self.renewing {
                return Ok(());
            }
            let Some(why) = self.renewal.take() else { break };
            self.renew_password(why)?;
        }
        if self.last_seen.is_some() && !self.catching_up {
            self.catch_up()?;
            self.reported_reason.clear();
            if std::mem::take(&mut self.broken) {
                self.show_status("Connected again.")?;
            }
        }
        Ok(())
    }

    /// Waits for this long while handling events.
    ///
    /// # Errors
    /// The person left, or failures that cannot be restored.
    pub(crate) fn wait_for(&mut self, time: Duration) -> Result<(), End> {
        let until = Instant::now() + time;
        self.waiting = true;
        let mut outcome = Ok(Vec::new());
        while outcome.is_ok() && Instant::now() < until {
            outcome = self.next(Some(until));
        }
        self.waiting = false;
        outcome.map(drop)
    }

    /// Waits for the next changes; the person can leave meanwhile. A server that does not answer counts as
    /// disconnected.
    pub(super) fn wait(&mut self, timeout: &mut Timeout) -> Result<Vec<Change>, End> {
        let now = Instant::now();
        let deferred = self.chat().outgoing.iter().any(|outgoing| outgoing.retry_at_ms.is_some());
        if !self.leaving && (!self.wire.is_online() || deferred) {
            // Connecting has its own timeout, and a person may take long to answer.
            timeout.restart(now);
        }
        if let Some(why) = timeout.expired(now, self.wire.received()) {
            let events = self.wire.give_up(why);
            return self.handle_wire_events(events);
        }
        if timeout.must_report(now) {
            timeout.reported = true;
            if self.console.interactive && !self.broken && !self.leaving && !self.wire.is_asking() {
                self.show_status("Waiting for the server …")?;
            }
        }
        if timeout.reported {
            self.keep_prompt()?;
        }
        self.waiting = true;
        let outcome = self.next(Some(timeout.until()));
        self.waiting = false;
        outcome
    }

    /// Lets the person type ahead, or leave.
    fn keep_prompt(&mut self) -> Result<(), End> {
        let may_ask = self.console.open_question().is_none() && self.ahead.len() < AHEAD_MAX;
        let is_heard = self.console.interactive && self.wire.is_established() && !self.leaving;
        if is_heard && may_ask {
            self.console.ask(Question::Operation)?;
        }
        Ok(())
    }

    /// Handles the next event, at most until that time; reports the changes and returns them.
    pub(super) fn next(&mut self, until: Option<Instant>) -> Result<Vec<Change>, End> {
        if self.acknowledge_at.is_some_and(|at| at <= Instant::now()) {
            self.acknowledge_at = None;
            self.wire.acknowledge_shown();
        }
        let until = [until, self.acknowledge_at, self.wire.next_tick()].into_iter().flatten().min();
        let events = match next_event(&self.events, until, self.deadline)? {
            Some(Event::Input(input)) => return self.typed(input),
            Some(Event::Complete(text, cursor)) => {
                self.complete(&text, cursor)?;
                return Ok(Vec::new());
            }
            Some(event) => self.wire.handle(event),
            None => self.wire.tick(),
        };
        self.handle_wire_events(events)
    }

    /// Handles what the person typed. They can leave while the client waits for the server, unless other lines
    /// come first.
    fn typed(&mut self, input: Input) -> Result<Vec<Change>, End> {
        let question = self.console.open_question();
        self.console.answered();
        self.inputs += u64::from(matches!(input, Input::Line(_) | Input::Unusable(_)));
        if let Some(question) = question.filter(|question| self.login_question == Some(*question)) {
            return self.answer_login(question, input);
        }
        let how = leaves(&input)
            .filter(|how| *how != Leaving::Exit || question == Some(Question::Operation));
        match how {
            Some(how) if self.waiting && (self.ahead.is_empty() || how.is_at_once()) => {
                Err(End::Left(how))
            }
            _ => {
                self.ahead.push_back((question, input));
                Ok(Vec::new())
            }
        }
    }

    fn answer_login(&mut self, question: Question, input: Input) -> Result<Vec<Change>, End> {
        self.login_question = None;
        match input {
            Input::Line(text) if self.wire.is_asking() => {
                let events = self.wire.answer(question, &text);
                self.handle_wire_events(events)
            }
            Input::Line(text) => {
                self.kept_answer = Some((question, text));
                Ok(Vec::new())
            }
            Input::Left(how) => Err(End::Left(how)),
            Input::Unusable(reason) | Input::Failed(reason) => Err(Failure::Input(reason).into()),
        }
    }

    /// Handles the events of the connection, reports changes and returns them.
    pub(super) fn handle_wire_events(
        &mut self,
        events: Vec<WireEvent>,
    ) -> Result<Vec<Change>, End> {
        let mut changes = Vec::new();
        for event in events {
            match event {
                WireEvent::Changed(change) => {
                    self.report(&change)?;
                    changes.push(change);
                }
                WireEvent::Sentence(text) => self.show_status(&text)?,
                WireEvent::Ask(question, because) => {
                    changes.extend(self.ask_for_login(question, because)?);
                }
                WireEvent::Broken(reason) => self.broke(&reason)?,
                WireEvent::LoggedIn => self.renewal = self.wire.renewal(),
                WireEvent::Failed(failure) => return Err(failure.into()),
            }
        }
        Ok(changes)
    }

    fn ask_for_login(
        &mut self,
        question: Question,
        because: Option<String>,
    ) -> Result<Vec<Change>, End> {
        if let Some((_, text)) = self.kept_answer.take_if(|(kept, _)| *kept == question) {
            let events = self.wire.answer(question, &text);
            return self.handle_wire_events(events);
        }
        if let Some(because) = because {
            self.show_status(&because)?;
        }
        if self.console.open_question() != Some(question) {
            self.console.ask(question)?;
        }
        self.login_question = Some(question);
        Ok(Vec::new())
    }

    fn broke(&mut self, reason: &str) -> Result<(), End> {
        self.breaks += 1;
        if self.leaving {
            return Ok(());
        }
        if !self.wire.is_established() {
            return Ok(self.show_status(&format!("Asking again: {reason}"))?);
        }
        if self.last_seen.is_none() {
            self.last_seen = Some(LastSeen::at(self.chat()));
        }
        if !std::mem::replace(&mut self.broken, true) {
            // A server that stops says so, and then closes with the same words.
            let known = std::mem::take(&mut self.last_notice).contains(reason);
            let text = match known {
                true => "Reconnecting …".to_owned(),
                false => format!("The connection broke ({reason}). Reconnecting …"),
            };
            return Ok(self.show_status(&text)?);
        }
        if let Some(how) = self.ahead.iter().find_map(|(_, input)| leaves(input)) {
            // Typed ahead behind other lines, which will not be sent any more.
            return Err(End::Left(how));
        }
        if self.reported_reason != reason {
            self.show_status(&format!("Not yet: {reason}"))?;
            reason.clone_into(&mut self.reported_reason);
        }
        Ok(())
    }

    /// Shows a status line, from the server or the client itself.
    ///
    /// # Errors
    /// If the output is closed.
    pub fn show_status(&mut self, text: &str) -> Result<(), Failure> {
        let line = self.console.look.status_line(&sentence(text));
        Ok(self.console.status(&line)?)
    }
}

/// How the person leaves by this answer, if so.
fn leaves(input: &Input) -> Option<Leaving> {
    match input {
        Input::Line(line) if line.trim().eq_ignore_ascii_case("ex") => Some(Leaving::Exit),
        Input::Left(how) => Some(*how),
        Input::Line(_) | Input::Unusable(_) | Input::Failed(_) => None,
    }
}
