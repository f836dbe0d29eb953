//! Standard input that is a terminal: lines are edited, and what arrives meanwhile appears above them.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rustyline::completion::Completer;
use rustyline::error::{ReadlineError, Signal};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Behavior, ColorMode, Config, Editor, ExternalPrinter, Helper};

use crate::limits::{INTERRUPTED, LINES_WAITING};
use crate::link::{Event, Input, Leaving};
use crate::question::Question;

/// The line editor, and the way to print above the line that is being edited (none on a terminal that knows
/// no control sequences).
pub struct Terminal {
    editor: Editor<Veil, DefaultHistory>,
    /// The editor draws the line itself, and can hide it.
    draws: bool,
    /// A secret is being typed without the editor: the terminal's echo is off.
    hidden: Arc<AtomicBool>,
    /// Takes whole lines with their ends.
    pub above: Option<SyncSender<String>>,
}

impl Terminal {
    /// Takes hold of the terminal.
    ///
    /// # Errors
    /// If the system refuses it, a thread or the handler for Ctrl-C.
    pub fn open() -> io::Result<Terminal> {
        let hidden = Arc::new(AtomicBool::new(false));
        let echo_is_off = Arc::clone(&hidden);
        // The reader of passwords raises the signal before it has switched the echo on again: dying
        // of it would leave the terminal mute. It reports the interruption all the same.
        ctrlc::set_handler(move || {
            if !echo_is_off.load(Ordering::SeqCst) {
                std::process::exit(INTERRUPTED.into());
            }
        })
        .map_err(io::Error::other)?;
        // Where standard output is a file, the editing still belongs on the terminal. "Colour" is what
        // the editor calls all drawing of its helper's, without which a secret would be seen.
        let config =
            Config::builder().behavior(Behavior::PreferTerm).color_mode(ColorMode::Forced).build();
        let mut editor = Editor::with_config(config).map_err(io::Error::other)?;
        editor.set_helper(Some(Veil::default()));
        let above = match editor.create_external_printer() {
            Ok(printer) => Some(start_printer(printer)?),
            Err(_) => None,
        };
        Ok(Terminal { editor, draws: above.is_some(), hidden, above })
    }

    /// Answers questions until nobody asks any more.
    pub fn answer(&mut self, questions: &Receiver<Question>, events: &SyncSender<Event>) {
        for question in questions {
            let answer = match question.is_secret() {
                true if self.draws => self.ask_veiled(question),
                true => self.ask_without_echo(question),
                false => self.ask(question),
            };
            if events.send(Event::Input(answer)).is_err() {
                return;
            }
        }
    }

    fn ask(&mut self, question: Question) -> Input {
        let answer = self.edit(question);
        if let Input::Line(line) = &answer
            && let Err(error) = self.editor.add_history_entry(line)
        {
            return Input::Failed(error.to_string());
        }
        answer
    }

    /// Asks for a secret with the editor, since the editor may hold it already: it was pasted with the
    /// lines before it.
    fn ask_veiled(&mut self, question: Question) -> Input {
        self.editor.set_helper(Some(Veil { drawn: true }));
        let answer = self.edit(question);
        self.editor.set_helper(Some(Veil { drawn: false }));
        answer
    }

    fn edit(&mut self, question: Question) -> Input {
        match self.editor.readline(question.prompt()) {
            Ok(line) => Input::Line(line),
            Err(ReadlineError::Eof) => Input::Left(Leaving::EndOfInput),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(Signal::Interrupt)) => {
                Input::Left(Leaving::Interrupted)
            }
            Err(error) => Input::Failed(error.to_string()),
        }
    }

    /// Asks for a secret where the editor cannot hide it.
    fn ask_without_echo(&mut self, question: Question) -> Input {
        self.hidden.store(true, Ordering::SeqCst);
        let answer = rpassword::prompt_password(question.prompt());
        self.hidden.store(false, Ordering::SeqCst);
        match answer {
            Ok(secret) => Input::Line(secret),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Input::Left(Leaving::EndOfInput)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                Input::Left(Leaving::Interrupted)
            }
            Err(error) => Input::Failed(error.to_string()),
        }
    }
}

/// The editor's helper: while it is drawn, nothing of the line is shown.
#[derive(Default)]
struct Veil {
    drawn: bool,
}

impl Highlighter for Veil {
    fn highlight<'l>(&self, line: &'l str, _cursor: usize) -> Cow<'l, str> {
        if self.drawn { Cow::Borrowed("") } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _line: &str, _cursor: usize, _kind: CmdKind) -> bool {
        // Otherwise the editor would write a character typed at the line's end as it is.
        self.drawn
    }
}

impl Completer for Veil {
    type Candidate = String;
}

impl Hinter for Veil {
    type Hint = String;
}

impl Validator for Veil {}

impl Helper for Veil {}

/// The editor's printer can block for a moment while a line ends, until the next one begins. The thread that
/// would begin it must not be the one that blocks, so printing has a thread of its own.
fn start_printer(
    mut printer: impl ExternalPrinter + Send + 'static,
) -> io::Result<SyncSender<String>> {
    let (above, lines) = sync_channel::<String>(LINES_WAITING);
    thread::Builder::new().name("printer".to_owned()).spawn(move || {
        // When the terminal is gone, the thread ends, and the next line finds nobody to take it.
        while let Ok(line) = lines.recv()
            && printer.print(line).is_ok()
        {}
    })?;
    Ok(above)
}
