//! The client's main thread between the person and the server: asks, sends, waits, and restores the
//! connection when it breaks, so that its callers never see that it did.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::Message;

use crate::console::Console;
use crate::entry::Entry;
use crate::failure::Failure;
use crate::limits::{
    ANSWER_TIMEOUT, EVENTS_WAITING, FIRST_WORD_TIMEOUT, GOODBYE_TIMEOUT, LOGIN_TRIES, SCRIPT_TRIES,
};
use crate::link::{Event, Input, Leaving, Link};
use crate::login::{Credentials, Login, LoginError, Step};
use crate::outgoing::Outgoing;
use crate::question::Question;
use crate::route::Route;
use crate::show::sentence;
use crate::state::{Answer, Happening, State, Verdict};

/// Why an operation did not come to its end.
#[derive(Debug)]
pub enum End {
    /// The person left.
    Left(Leaving),
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

/// What the main thread waits for.
enum Next {
    Line(String),
    Input(Input),
}

/// A logged-in person at this client.
pub struct Session {
    pub(crate) console: Console,
    pub(crate) state: State,
    route: Route,
    events: Receiver<Event>,
    to_events: SyncSender<Event>,
    link: Option<Link>,
    links: u64,
    login: Login,
    /// An answer of the person that came while something else was waited for.
    input: Option<Input>,
    settled: Vec<(Outgoing, Verdict)>,
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
    pub fn new(route: Route, credentials: Credentials) -> Result<Session, Failure> {
        let (to_events, events) = sync_channel(EVENTS_WAITING);
        let console = Console::open(to_events.clone())?;
        let mut login = Login::new(credentials, console.interactive);
        login.is_plaintext = route.is_plaintext();
        let state = State::new(&random_text()?);
        Ok(Session {
            console,
            state,
            route,
            events,
            to_events,
            link: None,
            links: 0,
            login,
            input: None,
            settled: Vec::new(),
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
            self.aside(&format!("Once more, since: {why}"))?;
            self.pause(pause_before(attempt - 1, random_byte()?))?;
        }
        Ok(())
    }

    /// Asks the person, and shows what arrives until the answer is there.
    ///
    /// # Errors
    /// [`End::Left`] instead of an answer; failures that cannot be restored.
    pub fn ask(&mut self, question: Question) -> Result<String, End> {
        self.console.ask(question)?;
        loop {
            match self.input.take() {
                Some(Input::Line(line)) => return Ok(line),
                Some(Input::Left(how)) => return Err(End::Left(how)),
                Some(Input::Failed(reason)) => return Err(Failure::Input(reason).into()),
                None => {}
            }
            let step = match self.next(None) {
                Ok(Next::Line(line)) => self.take_in(&line).map(drop),
                Ok(Next::Input(input)) => {
                    self.input = Some(input);
                    Ok(())
                }
                Err(trouble) => Err(trouble),
            };
            self.mend(step)?;
        }
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
        verdict.ok_or_else(|| Failure::Input("a message went astray".to_owned()).into())
    }

    /// Says goodbye, as far as there is a connection.
    pub fn leave(&mut self) {
        let mut line = Vec::new();
        self.state.ask_goodbye(&mut line);
        let deadline = Instant::now() + GOODBYE_TIMEOUT;
        // All is confirmed, and the person has gone: how the connection ends changes nothing.
        let mut last = self.send(&line).map(|()| None);
        while let Ok(None) = last {
            last = match self.next(Some(deadline)) {
                Ok(Next::Line(line)) => self.take_in(&line),
                Ok(Next::Input(_)) => Ok(None),
                Err(trouble) => Err(trouble),
            };
        }
        self.link = None;
    }

    /// When a line is still being edited: waits for its end, since the terminal is the editor's until then.
    pub fn give_terminal_back(&mut self) {
        if !self.console.interactive || self.console.open_question().is_none() {
            return;
        }
        if self.console.status("Press Enter to leave.").is_ok() {
            while !matches!(self.events.recv(), Ok(Event::Input(_)) | Err(_)) {}
        }
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
        // A server that stops says so, and then closes with the same words.
        if std::mem::take(&mut self.last_notice).contains(reason) {
            self.aside("Connecting again …")?;
        } else {
            self.aside(&format!("The connection broke ({reason}). Connecting again …"))?;
        }
        let mut told = String::new();
        for attempt in 0.. {
            self.state.begin_catch_up();
            self.pause(pause_before(attempt, random_byte()?))?;
            let why = match self.resume() {
                Ok(()) => break,
                Err(Trouble::Broken(reason)) => reason,
                Err(Trouble::Failed(failure)) if failure.may_pass() => failure.to_string(),
                Err(Trouble::Failed(failure)) => return Err(failure.into()),
                Err(Trouble::Left(how)) => return Err(End::Left(how)),
            };
            if !self.console.interactive && attempt + 1 == SCRIPT_TRIES {
                return Err(Failure::GaveUp(why).into());
            }
            if why != told {
                self.aside(&format!("Not yet: {why}"))?;
                told = why;
            }
        }
        Ok(self.aside("Connected again.")?)
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

    /// Waits, with an ear for the person who does not want to wait any longer.
    fn pause(&mut self, pause: Duration) -> Result<(), End> {
        let deadline = Instant::now() + pause;
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Err(_) => return Ok(()),
                Ok(Event::Input(input)) => {
                    let leaves = self.console.open_question() == Some(Question::Operation)
                        && matches!(&input, Input::Line(line) if line.trim().eq_ignore_ascii_case("ex"));
                    self.console.answered();
                    match input {
                        _ if leaves => return Err(End::Left(Leaving::Exit)),
                        Input::Left(how) => return Err(End::Left(how)),
                        input => self.input = Some(input),
                    }
                }
                // Of the connection that broke.
                Ok(Event::Line(..) | Event::Silent(_) | Event::Broken(..)) => {}
            }
        }
    }

    fn log_in(&mut self) -> Result<(), Trouble> {
        // The old connection is closed first: its events no longer count.
        self.link = None;
        self.links += 1;
        let events = self.to_events.clone();
        let mut opened = self.route.open()?;
        for sentence in std::mem::take(&mut opened.told) {
            if !self.told.contains(&sentence) {
                self.aside(&sentence)?;
                self.told.push(sentence);
            }
        }
        self.link = Some(Link::start(opened, self.links, events)?);
        let mut out = Vec::new();
        self.login.start(&random_text()?, &mut out);
        self.send(&out)?;
        loop {
            let timeout =
                if self.login.is_first_word() { FIRST_WORD_TIMEOUT } else { ANSWER_TIMEOUT };
            let line = match self.next(Some(Instant::now() + timeout))? {
                Next::Line(line) => line,
                Next::Input(input) => {
                    self.input = Some(input);
                    continue;
                }
            };
            let Ok(message) = Message::parse(&line) else { continue };
            let mut out = Vec::new();
            let mut step = self.login.receive(&message, &mut out)?;
            self.send(&out)?;
            while let Step::Ask(question, because) = step {
                step = self.ask_for_login(question, because)?;
            }
            if step == Step::Done {
                self.state.set_me(self.login.user());
                return Ok(());
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
            match self.next(None) {
                Ok(Next::Input(input)) => break input,
                Ok(Next::Line(line)) => self.stay_awake(&line)?,
                Err(Trouble::Broken(reason)) => broken = Some(reason),
                Err(trouble) => return Err(trouble),
            }
        };
        let text = match input {
            Input::Line(text) => text,
            Input::Left(how) => return Err(Trouble::Left(how)),
            Input::Failed(reason) => return Err(Failure::Input(reason).into()),
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
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            match self.next(Some(deadline))? {
                Next::Input(input) => self.input = Some(input),
                Next::Line(line) => {
                    if let Some(answer) = self.take_in(&line)? {
                        return Ok(answer);
                    }
                }
            }
        }
    }

    fn await_confirmations(&mut self) -> Result<(), Trouble> {
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        while self.state.unconfirmed() > 0 {
            match self.next(Some(deadline))? {
                Next::Input(input) => self.input = Some(input),
                Next::Line(line) => drop(self.take_in(&line)?),
            }
        }
        Ok(())
    }

    fn send(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        let link = self.link.as_mut().ok_or_else(|| Trouble::Broken("it is closed".to_owned()))?;
        link.send(lines).map_err(|error| Trouble::Broken(error.to_string()))
    }

    /// The next line or answer; a server that lets the deadline pass counts as gone.
    fn next(&mut self, deadline: Option<Instant>) -> Result<Next, Trouble> {
        loop {
            let event = match deadline {
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => {
                    self.events.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                }
            };
            let number = self.link.as_ref().map(|link| link.number);
            match event {
                Ok(Event::Input(input)) => {
                    self.console.answered();
                    return Ok(Next::Input(input));
                }
                Ok(Event::Line(from, line)) if Some(from) == number => return Ok(Next::Line(line)),
                Ok(Event::Silent(from)) if Some(from) == number => {
                    self.send(b"PING :still there\r\n")?;
                }
                Ok(Event::Broken(from, reason)) if Some(from) == number => {
                    self.link = None;
                    return Err(Trouble::Broken(reason));
                }
                // Of an earlier connection.
                Ok(Event::Line(..) | Event::Silent(_) | Event::Broken(..)) => {}
                Err(_) => return Err(Trouble::Broken("the server does not answer".to_owned())),
            }
        }
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
                Happening::Closing(reason) => {
                    self.link = None;
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
        let line = self.console.look.arrival(entry, now_ms());
        Ok(self.console.message(&line)?)
    }
}

/// How long to wait before attempt number `attempt` (from 0): about 1, 2, 4 … 30 seconds, ±25 % by
/// `chance`, so that a room full of clients does not come back in one moment.
fn pause_before(attempt: u32, chance: u8) -> Duration {
    let seconds = 2_u32.saturating_pow(attempt).min(30);
    let percent = 75 + u32::from(chance) * 50 / 255;
    Duration::from_millis(u64::from(seconds * 10 * percent))
}

/// 24 random characters of A-Z a-z 0-9 - _.
fn random_text() -> Result<String, Failure> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn random_byte() -> Result<u8, Failure> {
    let mut byte = [0];
    getrandom::fill(&mut byte)?;
    Ok(byte[0])
}

/// The time of this computer, in milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_vary() {
        let in_the_middle = [0, 1, 2, 3, 4, 5, 40].map(|n| pause_before(n, 128).as_secs());
        assert_eq!(in_the_middle, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause_before(0, 0), Duration::from_millis(750));
        assert_eq!(pause_before(9, 255), Duration::from_millis(37_500));
    }
}
