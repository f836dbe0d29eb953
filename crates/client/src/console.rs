//! The person's side: questions out, lines out. Answers come as events.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use jiff::tz::TimeZone;

use crate::input_history::InputHistory;
use crate::known_hosts::KnownHosts;
use crate::link::Event;
use crate::question::Question;
use crate::script;
use crate::show::LineStyle;
use crate::terminal::Terminal;

/// The terminal, or the pipes of a script. Dropping it restores the terminal.
pub struct Console {
    /// The style of its lines.
    pub look: LineStyle,
    /// A person uses it, not a script.
    pub interactive: bool,
    side: InputSource,
    open_question: Option<Question>,
    /// Standard output is a terminal, shared by the input line and the messages.
    shared: bool,
    /// The error of standard output, until it is taken.
    refused: Option<io::Error>,
}

/// Where answers come from.
enum InputSource {
    Terminal(Terminal),
    Script(SyncSender<Question>),
}

impl Console {
    /// Takes standard input, output and error; answers will come to `events`. `keep_history`: what is typed at a
    /// terminal is kept for the next session. `completes`: Tab asks for completion.
    ///
    /// # Errors
    /// If the system refuses the terminal, or a thread.
    pub fn open(
        events: SyncSender<Event>,
        keep_history: bool,
        completes: bool,
    ) -> io::Result<Console> {
        let interactive = io::stdin().is_terminal();
        let mut warning = None;
        let side = if interactive {
            let history = if keep_history { input_history() } else { Ok(InputHistory::for_now()) };
            let history = history.unwrap_or_else(|reason| {
                warning = Some(format!("Input history is not kept: {reason}."));
                InputHistory::for_now()
            });
            InputSource::Terminal(Terminal::open(events, history, completes)?)
        } else {
            script::watch_interrupts(events.clone())?;
            let (questions, to_answer) = sync_channel(1);
            let input = thread::Builder::new().name("input".to_owned());
            input.spawn(move || script::answer(&to_answer, &events))?;
            InputSource::Script(questions)
        };
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        let shared = io::stdout().is_terminal();
        let look = LineStyle { colour: shared && !no_colour, zone: TimeZone::system() };
        let mut console =
            Console { look, interactive, side, open_question: None, shared, refused: None };
        if let Some(warning) = warning {
            console.status(&console.look.status_line(&warning))?;
        }
        Ok(console)
    }

    /// Asks one question at a time: at a terminal a new one replaces the open one, with what was
    /// typed for it. The answer comes as [`Event::Input`], after which [`Console::answered`] is to
    /// be called.
    ///
    /// # Errors
    /// If the input's thread is gone.
    pub fn ask(&mut self, question: Question) -> io::Result<()> {
        self.open_question = Some(question);
        match &self.side {
            InputSource::Terminal(terminal) => terminal.ask(question),
            InputSource::Script(questions) => {
                questions.send(question).map_err(|_| io::Error::other("the input is closed"))
            }
        }
    }

    /// The unanswered question.
    pub fn open_question(&self) -> Option<Question> {
        self.open_question
    }

    /// The answer has arrived.
    pub fn answered(&mut self) {
        self.open_question = None;
    }

    /// Shows a message on standard output. An error there is kept for [`Console::take_refused`], so
    /// that waiting for the server goes on.
    ///
    /// # Errors
    /// If the terminal is closed.
    pub fn message(&mut self, line: &str) -> io::Result<()> {
        if let (InputSource::Terminal(terminal), true) = (&self.side, self.shared) {
            return terminal.show(line);
        }
        if let Err(error) = writeln!(io::stdout(), "{line}") {
            self.refused.get_or_insert(error);
        }
        Ok(())
    }

    /// Why standard output failed, once.
    pub fn take_refused(&mut self) -> Option<io::Error> {
        self.refused.take()
    }

    /// Puts a text in place of the one that is being typed, if that is still the old one.
    ///
    /// # Errors
    /// If the terminal is closed.
    pub fn replace(&self, old: &str, new: String, cursor: usize) -> io::Result<()> {
        match &self.side {
            InputSource::Terminal(terminal) => terminal.replace(old, new, cursor),
            InputSource::Script(_) => Ok(()),
        }
    }

    /// Shows a status line: at a terminal above the input, for a script on standard error.
    ///
    /// # Errors
    /// If the terminal is closed.
    pub fn status(&mut self, sentence: &str) -> io::Result<()> {
        match &self.side {
            InputSource::Terminal(terminal) => terminal.show(sentence),
            InputSource::Script(_) => {
                // Without standard error nobody can read it, and everything else continues.
                let _ = writeln!(io::stderr(), "{sentence}");
                Ok(())
            }
        }
    }
}

/// The input history of earlier sessions.
pub(crate) fn input_history() -> Result<InputHistory, String> {
    let known_hosts = KnownHosts::of_this_person().map_err(|error| error.to_string())?;
    let path = known_hosts.path().with_file_name("history");
    InputHistory::kept_in(&path).map_err(|error| format!("{}: {error}", path.display()))
}
