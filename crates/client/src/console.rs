//! The person's side: questions out, lines out. The answers come as events.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use jiff::tz::TimeZone;

use crate::link::Event;
use crate::question::Question;
use crate::script;
use crate::show::Look;
use crate::terminal::Terminal;

/// The terminal, or the pipes of a script.
pub struct Console {
    /// How lines look there.
    pub look: Look,
    /// Somebody sits at it; otherwise it is a script's.
    pub interactive: bool,
    questions: SyncSender<Question>,
    open_question: Option<Question>,
    above: Option<SyncSender<String>>,
    /// Standard output is a terminal, which the person's lines share with the messages.
    shared: bool,
}

impl Console {
    /// Takes standard input, output and error; answers will come to `events`.
    ///
    /// # Errors
    /// If the system refuses the terminal, or a thread.
    pub fn open(events: SyncSender<Event>) -> io::Result<Console> {
        let interactive = io::stdin().is_terminal();
        let (questions, to_answer) = sync_channel(1);
        let input = thread::Builder::new().name("input".to_owned());
        let mut above = None;
        if interactive {
            let mut terminal = Terminal::open()?;
            above = terminal.above.take();
            input.spawn(move || terminal.answer(&to_answer, &events))?;
        } else {
            script::watch_interrupts(events.clone())?;
            input.spawn(move || script::answer(&to_answer, &events))?;
        }
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let shared = io::stdout().is_terminal();
        let look = Look { colour: shared && !no_colour, zone: TimeZone::system() };
        Ok(Console { look, interactive, questions, open_question: None, above, shared })
    }

    /// Asks; one question at a time. The answer comes as [`Event::Input`] and is to be announced with [`Console::answered`].
    ///
    /// # Errors
    /// If the input's thread is gone.
    pub fn ask(&mut self, question: Question) -> io::Result<()> {
        debug_assert!(self.open_question.is_none(), "{:?} is still open", self.open_question);
        self.open_question = Some(question);
        self.questions.send(question).map_err(|_| io::Error::other("the input is closed"))
    }

    /// The question that waits for its answer.
    pub fn open_question(&self) -> Option<Question> {
        self.open_question
    }

    /// The answer has come.
    pub fn answered(&mut self) {
        self.open_question = None;
    }

    /// Shows a message: on standard output.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn message(&mut self, line: &str) -> io::Result<()> {
        if self.shared {
            return self.show(line, io::stdout());
        }
        writeln!(io::stdout(), "{line}")
    }

    /// Tells the person how things stand: on the terminal, for a script on standard error.
    ///
    /// # Errors
    /// If the output is closed.
    pub fn status(&mut self, sentence: &str) -> io::Result<()> {
        if self.interactive && self.shared {
            return self.show(sentence, io::stdout());
        }
        self.show(sentence, io::stderr())
    }

    /// Writes to the terminal: above the line that is being edited, or else to `output`.
    fn show(&self, line: &str, mut output: impl Write) -> io::Result<()> {
        match (&self.above, self.open_question) {
            (Some(above), Some(_)) => above
                .send(format!("{line}\n"))
                .map_err(|_| io::Error::other("the terminal is closed")),
            // Nothing is being edited, or nothing that the output could disturb.
            _ => writeln!(output, "{line}"),
        }
    }
}
