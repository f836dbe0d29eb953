//! Waiting: for the server, with an ear for the person who may not want to wait any longer.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::{Session, Trouble};
use crate::failure::Failure;
use crate::limits::AHEAD_MAX;
use crate::link::{Event, Input, Leaving, Link};
use crate::pace::Patience;
use crate::question::Question;
use crate::route::{ConnectError, Opened};

/// What ends the main thread's waiting.
pub(super) enum Woken {
    /// The server said something.
    Line(String),
    /// The person answered that question.
    Input(Option<Question>, Input),
    /// An attempt to connect has ended.
    Opened(Result<Opened, ConnectError>),
    /// It is time.
    Time,
}

impl Session {
    /// The server's next line; a server that does not answer counts as gone.
    pub(super) fn next_line(&mut self, patience: &mut Patience) -> Result<String, Trouble> {
        loop {
            if let Woken::Line(line) = self.news(patience)? {
                return Ok(line);
            }
        }
    }

    /// The server's next line, or a connection. What the person types meanwhile is kept for later, if it is not that
    /// they leave.
    pub(super) fn news(&mut self, patience: &mut Patience) -> Result<Woken, Trouble> {
        loop {
            let received = self.link.as_ref().map_or(0, Link::received);
            if let Some(why) = patience.over(Instant::now(), received) {
                return Err(Trouble::Broken(why.to_owned()));
            }
            if patience.must_tell(Instant::now()) {
                patience.told = true;
                if self.console.interactive && !self.restoring && !self.leaving {
                    self.aside("Waiting for the server …")?;
                }
            }
            if patience.told {
                self.keep_prompt()?;
            }
            match self.wait(Some(patience.until()))? {
                Woken::Input(question, input) => self.hear(question, input)?,
                Woken::Time => {}
                news => return Ok(news),
            }
        }
    }

    /// Lets a time pass, and shows what arrives meanwhile.
    pub(super) fn let_pass(&mut self, time: Duration) -> Result<(), Trouble> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.keep_prompt()?;
            match self.wait(Some(until))? {
                Woken::Line(line) => drop(self.take_in(&line)?),
                Woken::Input(question, input) => self.hear(question, input)?,
                Woken::Opened(_) | Woken::Time => {}
            }
        }
        Ok(())
    }

    /// Whether there is a person who can do something while the server is waited for.
    fn is_heard(&self) -> bool {
        self.console.interactive && self.logged_in_once() && !self.leaving
    }

    /// Lets the person type ahead, or leave.
    fn keep_prompt(&mut self) -> Result<(), Trouble> {
        let may_ask = self.console.open_question().is_none() && self.ahead.len() < AHEAD_MAX;
        if self.is_heard() && may_ask {
            self.console.ask(Question::Operation)?;
        }
        Ok(())
    }

    /// What the person typed while something was waited for: who leaves is let go, unless other lines
    /// are to be done first.
    fn hear(&mut self, question: Option<Question>, input: Input) -> Result<(), Trouble> {
        let how = leaves(&input)
            .filter(|how| *how != Leaving::Exit || question == Some(Question::Operation));
        match how {
            Some(how) if self.ahead.is_empty() || how.is_at_once() => Err(Trouble::Left(how)),
            _ => {
                self.ahead.push_back(input);
                Ok(())
            }
        }
    }

    /// Waits for the next event, until that time if one is given.
    pub(super) fn wait(&mut self, until: Option<Instant>) -> Result<Woken, Trouble> {
        loop {
            let now = Instant::now();
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Failure::TimedOut.into());
            }
            if self.tell_shown_at.is_some_and(|at| now >= at) {
                self.tell_shown_at = None;
                if self.logged_in {
                    self.send(b"PING :shown\r\n")?;
                }
            }
            let until = [until, self.deadline, self.tell_shown_at].into_iter().flatten().min();
            let event = match until {
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => self.events.recv_timeout(until.saturating_duration_since(now)),
            };
            let number = self.link.as_ref().map(|link| link.number);
            match event {
                Ok(Event::Input(input)) => {
                    let question = self.console.open_question();
                    self.console.answered();
                    self.inputs += u64::from(matches!(input, Input::Line(_) | Input::Unusable(_)));
                    return Ok(Woken::Input(question, input));
                }
                Ok(Event::Line(from, line)) if Some(from) == number => {
                    return Ok(Woken::Line(line));
                }
                Ok(Event::Opened(of, outcome)) if of == self.links => {
                    return Ok(Woken::Opened(outcome));
                }
                Ok(Event::Silent(from)) if Some(from) == number => {
                    self.send(b"PING :still there\r\n")?;
                }
                Ok(Event::Broken(from, reason)) if Some(from) == number => {
                    self.link = None;
                    self.logged_in = false;
                    return Err(Trouble::Broken(reason));
                }
                // Of an earlier connection.
                Ok(
                    Event::Line(..)
                    | Event::Silent(_)
                    | Event::Broken(..)
                    | Event::Opened(..)
                    | Event::Screen(_),
                ) => {}
                Err(_) => return Ok(Woken::Time),
            }
        }
    }
}

/// How the person leaves by this answer, if so.
pub(super) fn leaves(input: &Input) -> Option<Leaving> {
    match input {
        Input::Line(line) if line.trim().eq_ignore_ascii_case("ex") => Some(Leaving::Exit),
        Input::Left(how) => Some(*how),
        Input::Line(_) | Input::Unusable(_) | Input::Failed(_) => None,
    }
}
