//! The person's side: questions out, lines out. The answers come as events.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use jiff::tz::TimeZone;

use crate::known_hosts::KnownHosts;
use crate::link::Event;
use crate::question::Question;
use crate::recall::Recall;
use crate::script;
use crate::show::Look;
use crate::terminal::Terminal;

/// The terminal, or the pipes of a script. Dropping it gives the terminal back.
pub struct Console {
    /// How lines look there.
    pub look: Look,
    /// Somebody sits at it; otherwise it is a script's.
    pub interactive: bool,
    side: Side,
    open_question: Option<Question>,
    /// Standard output is a terminal, which the person's lines share with the messages.
    shared: bool,
    /// What standard output has refused, until it is asked for.
    refused: Option<io::Error>,
}

/// Where answers come from.
enum Side {
    Terminal(Terminal),
    Script(SyncSender<Question>),
}

impl Console {
    /// Takes standard input, output and error; answers will come to `events`. `keep_history`: what is typed at a
    /// terminal is kept for the next session.
    ///
    /// # Errors
    /// If the system refuses the terminal, or a thread.
    pub fn open(events: SyncSender<Event>, keep_history: bool) -> io::Result<Console> {
        let interactive = io::stdin().is_terminal();
        let mut warning = None;
        let side = if interactive {
            let recall = if keep_history { recall() } else { Ok(Recall::for_now()) };
            let recall = recall.unwrap_or_else(|reason| {
                warning = Some(format!("Input history is not kept: {reason}."));
                Recall::for_now()
            });
            Side::Terminal(Terminal::open(events, recall)?)
        } else {
            script::watch_interrupts(events.clone())?;
            let (questions, to_answer) = sync_channel(1);
            let input = thread::Builder::new().name("input".to_owned());
            input.spawn(move || script::answer(&to_answer, &events))?;
            Side::Script(questions)
        };
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        let shared = io::stdout().is_terminal();
        let look = Look { colour: shared && !no_colour, zone: TimeZone::system() };
        let mut console =
            Console { look, interactive, side, open_question: None, shared, refused: None };
        if let Some(warning) = warning {
            console.status(&console.look.aside(&warning))?;
        }
        Ok(console)
    }

    /// Asks; one question at a time: at a terminal a new one takes the place of the one that is open, with what is
    /// typed there. The answer comes as [`Event::Input`] and is to be announced with [`Console::answered`].
    ///
    /// # Errors
    /// If the input's thread is gone.
    pub fn ask(&mut self, question: Question) -> io::Result<()> {
        self.open_question = Some(question);
        match &self.side {
            Side::Terminal(terminal) => terminal.ask(question),
            Side::Script(questions) => {
                questions.send(question).map_err(|_| io::Error::other("the input is closed"))
            }
        }
    }

    /// The question that waits for its answer.
    pub fn open_question(&self) -> Option<Question> {
        self.open_question
    }

    /// The answer has come.
    pub fn answered(&mut self) {
        self.open_question = None;
    }

    /// Shows a message: on standard output. What that refuses is kept for [`Console::take_refused`]: whoever waits for
    /// the server's word is not to be kept from it.
    ///
    /// # Errors
    /// If the terminal is closed.
    pub fn message(&mut self, line: &str) -> io::Result<()> {
        if let (Side::Terminal(terminal), true) = (&self.side, self.shared) {
            return terminal.show(line);
        }
        if let Err(error) = writeln!(io::stdout(), "{line}") {
            self.refused.get_or_insert(error);
        }
        Ok(())
    }

    /// Why standard output took no message, once.
    pub fn take_refused(&mut self) -> Option<io::Error> {
        self.refused.take()
    }

    /// Tells the person how things stand: on the terminal, for a script on standard error.
    ///
    /// # Errors
    /// If the terminal is closed.
    pub fn status(&mut self, sentence: &str) -> io::Result<()> {
        match &self.side {
            Side::Terminal(terminal) => terminal.show(sentence),
            Side::Script(_) => {
                // Without standard error there is nobody to be told, and all else goes on.
                let _ = writeln!(io::stderr(), "{sentence}");
                Ok(())
            }
        }
    }
}

/// What was typed in the sessions before.
pub(crate) fn recall() -> Result<Recall, String> {
    let known_hosts = KnownHosts::of_this_person().map_err(|error| error.to_string())?;
    let path = known_hosts.path().with_file_name("history");
    Recall::kept_in(&path).map_err(|error| format!("{}: {error}", path.display()))
}
