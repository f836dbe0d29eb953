//! The client's main thread between the person and the server: asks, sends, waits, and restores the
//! connection when it breaks, so that its callers never see that it did.

mod ending;
mod news;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::Message;

use crate::args::Args;
use crate::console::Console;
use crate::entry::{Entry, Place};
use crate::failure::Failure;
use crate::limits::{
    ANSWER_MOST, ANSWER_SILENCE, EVENTS_WAITING, LOGIN_MOST, LOGIN_SILENCE, LOGIN_TRIES,
    SCRIPT_TRIES, SHOWN_TOLD,
};
use crate::link::{Event, Input, Leaving, Link};
use crate::login::{Credentials, Login, LoginError, Step};
use crate::missed::Missed;
use crate::outgoing::Outgoing;
use crate::pace::{PageSize, Patience, Pauses};
use crate::question::Question;
use crate::rounds::Rounds;
use crate::route::{ConnectError, Opened, Route};
use crate::show::sentence;
use crate::state::{Answer, Happening, State, Verdict};
use news::{Woken, leaves};

/// Why an operation did not come to its end.
#[derive(Debug)]
pub enum End {
    /// The person left.
    Left(Leaving),
    /// The answer is a line that cannot be used, and why; the next one may do.
    Unusable(String),
    /// It cannot go on.
    Failed(Failure),
}

/// Inside: why a step did not come to its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The connection is gone, and why; another one may do.
    Broken(String),
    Left(Leaving),
    Failed(Failure),
}

impl<F: Into<Failure>> From<F> for Trouble {
    fn from(failure: F) -> Trouble {
        Trouble::Failed(failure.into())
    }
}

impl<F: Into<Failure>> From<F> for End {
    fn from(failure: F) -> End {
        End::Failed(failure.into())
    }
}

/// A logged-in person at this client.
pub struct Session {
    pub(crate) console: Console,
    pub(crate) state: State,
    route: Arc<Route>,
    rounds: Rounds,
    events: Receiver<Event>,
    to_events: SyncSender<Event>,
    link: Option<Link>,
    links: u64,
    login: Login,
    /// This connection is logged in: what is said on it is understood as an operation, and not as a password.
    logged_in: bool,
    /// When the client ends, whatever is still to do.
    deadline: Option<Instant>,
    /// Messages that arrive are not shown: standard output is for something else.
    pub(crate) quiet: bool,
    /// The connection broke, and the person was told so.
    restoring: bool,
    leaving: bool,
    pauses: Pauses,
    pub(crate) page_size: PageSize,
    pub(crate) missed: Missed,
    /// What the person typed while something else was waited for.
    ahead: VecDeque<Input>,
    /// Lines of input so far.
    pub(crate) inputs: u64,
    /// When to say a word, which tells the server that private messages were shown: until then it keeps them for the
    /// next login.
    tell_shown_at: Option<Instant>,
    settled: Vec<(Outgoing, Verdict)>,
    /// Operations that were begun, and of which nothing was sent.
    unsent: Vec<String>,
    /// What was told about the connection, to tell it once.
    told: Vec<String>,
    /// What the server said last that was no message and no answer.
    last_notice: String,
}

impl Session {
    /// Takes the terminal or the script's pipes; nothing is connected yet.
    ///
    /// # Errors
    /// If the system refuses the terminal, a thread or random bytes.
    pub fn new(
        route: Route,
        rounds: Rounds,
        credentials: Credentials,
        args: &Args,
    ) -> Result<Session, Failure> {
        let (to_events, events) = sync_channel(EVENTS_WAITING);
        let console = Console::open(to_events.clone(), !args.no_history)?;
        let mut login = Login::new(credentials, console.interactive);
        login.is_plaintext = route.is_plaintext();
        login.has_certificate = route.remembered_user().is_some();
        login.may_register = args.register;
        login.invitation.clone_from(&args.invite);
        login.allow_weak_scram = args.allow_weak_scram;
        let state = State::new(&random_text()?);
        Ok(Session {
            console,
            state,
            route: Arc::new(route),
            rounds,
            events,
            to_events,
            link: None,
            links: 0,
            login,
            logged_in: false,
            deadline: args.timeout().map(|time| Instant::now() + time),
            quiet: args.export().is_some(),
            restoring: false,
            leaving: false,
            pauses: Pauses::default(),
            page_size: PageSize::default(),
            missed: Missed::default(),
            ahead: VecDeque::new(),
            inputs: 0,
            tell_shown_at: None,
            settled: Vec::new(),
            unsent: Vec::new(),
            told: Vec::new(),
            last_notice: String::new(),
        })
    }

    /// Connects and logs in for the first time.
    ///
    /// # Errors
    /// If there is no server, it is none of Parlor's, or it does not let the person in.
    pub fn open(&mut self) -> Result<(), End> {
        // Once the server has shown that it is one of Parlor's, a break is only a break.
        let mut greeted = false;
        for attempt in 1.. {
            let outcome = self.log_in().and_then(|()| self.take_baseline());
            greeted |= !self.login.is_first_word();
            let why = match outcome {
                Ok(()) => break,
                Err(Trouble::Broken(reason)) if greeted => reason,
                Err(Trouble::Broken(reason)) => return Err(LoginError::NotParlor(reason).into()),
                Err(Trouble::Failed(Failure::Login(LoginError::Later(sentence)))) => sentence,
                Err(Trouble::Failed(failure)) if greeted && failure.may_pass() => {
                    failure.to_string()
                }
                Err(Trouble::Failed(failure)) => return Err(failure.into()),
                Err(Trouble::Left(how)) => return Err(End::Left(how)),
            };
            if attempt == LOGIN_TRIES {
                return Err(LoginError::Later(why).into());
            }
            self.aside(&format!("Asking again: {why}"))?;
            self.pause()?;
        }
        if self.console.interactive {
            let mut lines = Vec::new();
            self.state.ask_welcome(&mut lines);
            // If that breaks the connection, it will be noticed.
            let _ = self.send(&lines);
        }
        self.pauses.connected(Instant::now());
        Ok(())
    }

    /// Asks the person, and shows what arrives until the answer is there.
    ///
    /// # Errors
    /// [`End::Left`] instead of an answer; failures that cannot be restored.
    pub fn ask(&mut self, question: Question) -> Result<String, End> {
        if question == Question::Operation {
            self.pauses.begin();
        }
        loop {
            self.check_output()?;
            match self.ahead.pop_front() {
                Some(Input::Line(line)) => return Ok(line),
                Some(Input::Left(how)) => return Err(End::Left(how)),
                Some(Input::Unusable(reason)) => return Err(End::Unusable(reason)),
                Some(Input::Failed(reason)) => return Err(Failure::Input(reason).into()),
                None => {}
            }
            match self.console.open_question() {
                None => self.console.ask(question)?,
                Some(open) if open == question => {}
                // It was opened while the server was waited for. What is typed there answers this question.
                Some(_) => self.console.ask(question)?,
            }
            self.answer_or_news()?;
        }
    }

    /// Shows what arrives until the open question is answered.
    fn answer_or_news(&mut self) -> Result<(), End> {
        while self.ahead.is_empty() {
            let step = match self.wait(None) {
                Ok(Woken::Line(line)) => self.take_in(&line).map(drop),
                Ok(Woken::Input(_, input)) => {
                    self.ahead.push_back(input);
                    Ok(())
                }
                Ok(Woken::Opened(_) | Woken::Time) => Ok(()),
                Err(trouble) => Err(trouble),
            };
            self.mend(step)?;
            self.check_output()?;
        }
        Ok(())
    }

    /// What standard output has refused ends the client when nothing waits for the server's word any more.
    fn check_output(&mut self) -> Result<(), End> {
        self.console.take_refused().map_or(Ok(()), |error| Err(Failure::Output(error).into()))
    }

    /// Sends a request and gives the server's last word; asks again after a break.
    ///
    /// # Errors
    /// Failures that cannot be restored.
    pub fn request(&mut self, write: impl Fn(&mut State, &mut Vec<u8>)) -> Result<Answer, End> {
        loop {
            match self.exchange(&write) {
                Ok(answer) => return Ok(answer),
                Err(trouble) => self.mend(Err(trouble))?,
            }
        }
    }

    /// Lets time pass, with an eye on the server and the person.
    ///
    /// # Errors
    /// Failures that cannot be restored.
    pub fn wait_for(&mut self, time: Duration) -> Result<(), End> {
        let waited = self.let_pass(time);
        self.mend(waited)
    }

    /// Sends a message, and waits until the server has confirmed or refused it, through breaks.
    ///
    /// # Errors
    /// Failures that cannot be restored; then it is unknown whether the message was sent.
    pub fn deliver(&mut self, to: Option<&str>, text: &str) -> Result<Verdict, End> {
        let mut line = Vec::new();
        self.state.submit(to, text, &mut line);
        let sent = self.send(&line).and_then(|()| self.await_confirmations());
        // Restoring the connection sends again what is unconfirmed, and waits for it.
        self.mend(sent)?;
        let verdict = self.settled.pop().map(|(_, verdict)| verdict);
        self.settled.clear();
        verdict.ok_or_else(|| Failure::Input("a message went missing".to_owned()).into())
    }

    /// Shows a sentence that is no message, the server's as well as the client's own.
    ///
    /// # Errors
    /// If the output is closed.
    pub fn aside(&mut self, text: &str) -> Result<(), Failure> {
        let line = self.console.look.aside(&sentence(text));
        Ok(self.console.status(&line)?)
    }

    /// Restores the connection if that is the trouble.
    fn mend(&mut self, step: Result<(), Trouble>) -> Result<(), End> {
        match step {
            Ok(()) => Ok(()),
            Err(Trouble::Broken(reason)) => self.restore(&reason),
            Err(Trouble::Left(how)) => Err(End::Left(how)),
            Err(Trouble::Failed(failure)) => Err(failure.into()),
        }
    }

    fn restore(&mut self, reason: &str) -> Result<(), End> {
        self.pauses.broke(Instant::now());
        // A server that stops says so, and then closes with the same words.
        if std::mem::take(&mut self.last_notice).contains(reason) {
            self.aside("Reconnecting …")?;
        } else {
            self.aside(&format!("The connection broke ({reason}). Reconnecting …"))?;
        }
        self.restoring = true;
        let restored = self.keep_trying();
        self.restoring = false;
        if restored.is_err() {
            // What was fetched by now counts as seen.
            self.show_missed()?;
        }
        restored?;
        self.pauses.connected(Instant::now());
        Ok(self.aside("Connected again.")?)
    }

    fn keep_trying(&mut self) -> Result<(), End> {
        let mut told = String::new();
        loop {
            self.state.begin_catch_up();
            self.pause()?;
            let why = match self.resume() {
                Ok(()) => return Ok(()),
                Err(Trouble::Broken(reason)) => reason,
                Err(Trouble::Failed(failure)) if failure.may_pass() => failure.to_string(),
                Err(Trouble::Failed(failure)) => return Err(failure.into()),
                Err(Trouble::Left(how)) => return Err(End::Left(how)),
            };
            if !self.console.interactive && self.pauses.tries() >= SCRIPT_TRIES {
                return Err(Failure::GaveUp(why).into());
            }
            if let Some(how) = self.ahead.iter().find_map(leaves) {
                // Typed ahead behind other lines, which will not be sent any more.
                return Err(End::Left(how));
            }
            if why != told {
                self.aside(&format!("Not yet: {why}"))?;
                told = why;
            }
        }
    }

    /// Logs in again, sends again what was not confirmed, and fetches what was missed, in this order: so a
    /// message of one's own that was confirmed late is known before it could come with the missed ones.
    fn resume(&mut self) -> Result<(), Trouble> {
        self.log_in()?;
        let mut lines = Vec::new();
        self.state.resubmit(&mut lines);
        self.send(&lines)?;
        self.await_confirmations()?;
        self.catch_up()
    }

    /// Waits before the next attempt to connect, with an ear for the person who does not want to wait any longer.
    fn pause(&mut self) -> Result<(), End> {
        self.route.learn(&self.state.nodes);
        let pause = self.pauses.next(random_byte()?, self.route.has_others());
        self.logged_in = false;
        self.link = None;
        let mut patience = Patience::new(Instant::now(), pause, pause);
        // What is waited for was told already.
        patience.told = true;
        match self.news(&mut patience) {
            Ok(_) | Err(Trouble::Broken(_)) => Ok(()),
            Err(Trouble::Left(how)) => Err(End::Left(how)),
            Err(Trouble::Failed(failure)) => Err(failure.into()),
        }
    }

    /// Makes the connection, in a thread of its own: meanwhile the person may leave.
    fn connect(&mut self) -> Result<Opened, Trouble> {
        // The old connection is closed first: its events no longer count.
        self.logged_in = false;
        self.link = None;
        self.links += 1;
        let (route, events, number) = (Arc::clone(&self.route), self.to_events.clone(), self.links);
        thread::Builder::new().name("connect".to_owned()).spawn(move || {
            // If nobody listens any more, the client is exiting.
            let _ = events.send(Event::Opened(number, route.open()));
        })?;
        // It has time-outs of its own.
        let mut patience = Patience::new(Instant::now(), ANSWER_MOST, ANSWER_MOST);
        loop {
            if let Woken::Opened(outcome) = self.news(&mut patience)? {
                return Ok(outcome?);
            }
        }
    }

    fn log_in(&mut self) -> Result<(), Trouble> {
        let mut opened = self.connect()?;
        for sentence in std::mem::take(&mut opened.told) {
            if !self.told.contains(&sentence) {
                self.aside(&sentence)?;
                self.told.push(sentence);
            }
        }
        self.link = Some(Link::start(opened, self.links, self.to_events.clone())?);
        self.login.rounds_seen = self.rounds.seen();
        let mut out = Vec::new();
        self.login.start(&random_text()?, &mut out);
        self.send(&out)?;
        let mut patience = Patience::new(Instant::now(), ANSWER_SILENCE, LOGIN_MOST);
        let mut heard = false;
        loop {
            let line = match self.next_line(&mut patience) {
                Err(Trouble::Broken(_)) if !heard && self.link.is_some() => {
                    return Err(ConnectError::Silent { server: self.route.server() }.into());
                }
                line => line?,
            };
            if !std::mem::replace(&mut heard, true) {
                patience.allow(Instant::now(), LOGIN_SILENCE);
            }
            let Ok(message) = Message::parse(&line) else { continue };
            let mut out = Vec::new();
            let mut step = self.login.receive(&message, &mut out)?;
            self.send(&out)?;
            while let Step::Ask(question, because) = step {
                let asked = Instant::now();
                step = self.ask_for_login(question, because)?;
                patience.forgive(Instant::now(), asked.elapsed());
            }
            if step == Step::Done {
                self.logged_in()?;
                return self.renew_password();
            }
        }
    }

    fn logged_in(&mut self) -> Result<(), Trouble> {
        self.logged_in = true;
        self.route.logged_in();
        self.state.set_me(self.login.user());
        if let Some(rounds) = self.login.rounds.take()
            && let Err(reason) = self.rounds.remember(self.login.user(), rounds)
            && !self.login.is_plaintext
        {
            let sentence = format!("Cannot save the iteration count of the login: {reason}");
            if !self.told.contains(&sentence) {
                self.aside(&sentence)?;
                self.told.push(sentence);
            }
        }
        Ok(())
    }

    /// Whoever has logged in by a one-time code chooses a new password: before that the server refuses all
    /// else.
    fn renew_password(&mut self) -> Result<(), Trouble> {
        let mut because = self.login.take_renewal();
        while let Some(why) = because.take() {
            self.aside(&why)?;
            let mut out = Vec::new();
            let mut question = Question::NewPassword;
            let outcome = loop {
                let text = self.answer_now(question)?;
                match self.login.renew(question, &text, &mut out) {
                    Ok(Some(next)) => question = next,
                    Ok(None) => break Ok(()),
                    Err(sentence) => break Err(sentence),
                }
            };
            because = match outcome {
                Err(sentence) => Some(sentence),
                Ok(()) => {
                    self.send(&out)?;
                    self.await_new_password()?
                }
            };
        }
        Ok(())
    }

    /// Asks a person who cannot do anything else yet; what arrives meanwhile is shown.
    fn answer_now(&mut self, question: Question) -> Result<String, Trouble> {
        self.console.ask(question)?;
        loop {
            match self.wait(None)? {
                Woken::Input(_, Input::Line(text)) => return Ok(text),
                Woken::Input(_, Input::Left(how)) => return Err(Trouble::Left(how)),
                Woken::Input(_, Input::Unusable(reason) | Input::Failed(reason)) => {
                    return Err(Failure::Input(reason).into());
                }
                Woken::Line(line) => drop(self.take_in(&line)?),
                Woken::Opened(_) | Woken::Time => {}
            }
        }
    }

    /// Waits until the new password is set; why not, if it is refused.
    fn await_new_password(&mut self) -> Result<Option<String>, Trouble> {
        let mut patience = Patience::new(Instant::now(), ANSWER_SILENCE, ANSWER_MOST);
        loop {
            let line = self.next_line(&mut patience)?;
            let Ok(message) = Message::parse(&line) else { continue };
            match (message.verb, message.param(0), message.param(1)) {
                ("NOTE", Some("ACCOUNT"), Some("PASSWORD_CHANGED")) => {
                    self.aside("You have a new password.")?;
                    return Ok(None);
                }
                ("FAIL", Some("ACCOUNT"), _) => {
                    let why = message.params().last().copied().unwrap_or_default();
                    return Ok(Some(why.to_owned()));
                }
                _ => drop(self.take_in(&line)?),
            }
        }
    }

    /// Asks for something that the login needs. Should the connection break meanwhile, the answer is kept for the next one.
    fn ask_for_login(
        &mut self,
        question: Question,
        because: Option<String>,
    ) -> Result<Step, Trouble> {
        if let Some(because) = because {
            self.aside(&because)?;
        }
        self.console.ask(question)?;
        let mut broken = None;
        let input = loop {
            match self.wait(None) {
                Ok(Woken::Input(_, input)) => break input,
                Ok(Woken::Line(line)) => self.stay_awake(&line)?,
                Ok(Woken::Opened(_) | Woken::Time) => {}
                Err(Trouble::Broken(reason)) => broken = Some(reason),
                Err(trouble) => return Err(trouble),
            }
        };
        let text = match input {
            Input::Line(text) => text,
            Input::Left(how) => return Err(Trouble::Left(how)),
            Input::Unusable(reason) | Input::Failed(reason) => {
                return Err(Failure::Input(reason).into());
            }
        };
        let mut out = Vec::new();
        let step = self.login.answer(question, &text, &mut out)?;
        match broken {
            Some(reason) => Err(Trouble::Broken(reason)),
            None => self.send(&out).map(|()| step),
        }
    }

    /// While a person thinks about the login, nothing of the server's needs an answer but its pings.
    fn stay_awake(&mut self, line: &str) -> Result<(), Trouble> {
        let mut out = Vec::new();
        if let Ok(message) = Message::parse(line)
            && message.verb == "PING"
        {
            self.login.receive(&message, &mut out)?;
        }
        self.send(&out)
    }

    /// Sends a request on this connection and waits for the last word.
    pub(crate) fn exchange(
        &mut self,
        write: impl Fn(&mut State, &mut Vec<u8>),
    ) -> Result<Answer, Trouble> {
        let mut lines = Vec::new();
        write(&mut self.state, &mut lines);
        self.send(&lines)?;
        let mut patience = Patience::new(Instant::now(), ANSWER_SILENCE, ANSWER_MOST);
        loop {
            let line = self.next_line(&mut patience)?;
            if let Some(answer) = self.take_in(&line)? {
                return Ok(answer);
            }
        }
    }

    fn await_confirmations(&mut self) -> Result<(), Trouble> {
        loop {
            let mut patience = Patience::new(Instant::now(), ANSWER_SILENCE, ANSWER_MOST);
            while !self.state.unconfirmed().is_empty() {
                let line = self.next_line(&mut patience)?;
                self.take_in(&line)?;
            }
            // Sent faster than the server takes it: it says for how long to wait.
            let Some(time) = self.state.put_off_for() else { return Ok(()) };
            self.let_pass(time)?;
            let mut lines = Vec::new();
            self.state.resubmit(&mut lines);
            self.send(&lines)?;
        }
    }

    fn send(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        let link = self.link.as_mut().ok_or_else(|| Trouble::Broken("it is closed".to_owned()))?;
        link.send(lines).map_err(|error| Trouble::Broken(error.to_string()))
    }

    /// Takes in a line: shows what there is to show, and gives the last word to a request if it is one.
    fn take_in(&mut self, line: &str) -> Result<Option<Answer>, Trouble> {
        // An empty line means nothing.
        let Ok(message) = Message::parse(line) else { return Ok(None) };
        let mut last_word = None;
        for happening in self.state.receive(&message) {
            match happening {
                Happening::Entry(entry) => self.show(&entry)?,
                Happening::Presence(event) if self.console.interactive => {
                    let line = self.console.look.aside(&event);
                    self.console.status(&line)?;
                }
                Happening::Presence(_) => {}
                Happening::Notice(sentence) => {
                    self.aside(&sentence)?;
                    self.last_notice = sentence;
                }
                Happening::Killed { by, reason } => {
                    return Err(Failure::Killed { by, reason }.into());
                }
                Happening::Closing(reason) => {
                    self.link = None;
                    self.logged_in = false;
                    return Err(Trouble::Broken(reason));
                }
                Happening::Send(lines) => self.send(&lines)?,
                Happening::Answer(Answer::Settled(message, verdict)) => {
                    self.settled.push((message, verdict));
                }
                Happening::Answer(answer) => last_word = Some(answer),
            }
        }
        Ok(last_word)
    }

    /// Shows a message that arrived.
    pub(crate) fn show(&mut self, entry: &Entry) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        if self.console.interactive && !entry.mine && matches!(entry.place, Place::Private(_)) {
            self.tell_shown_at.get_or_insert_with(|| Instant::now() + SHOWN_TOLD);
        }
        let line = self.console.look.arrival(entry, now_ms());
        Ok(self.console.message(&line)?)
    }
}

/// 24 random characters of A-Z a-z 0-9 - _.
pub(crate) fn random_text() -> Result<String, Failure> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) fn random_byte() -> Result<u8, Failure> {
    let mut byte = [0];
    getrandom::fill(&mut byte)?;
    Ok(byte[0])
}

/// The time of this computer, in milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
