//! Standard input that is a terminal: lines are edited, and what arrives meanwhile appears above them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};

use crate::limits::LINES_WAITING;
use crate::link::{Event, Input};
use crate::question::Question;

/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// The line editor, and the way to print above the line that is being edited (none if standard output is no terminal).
pub struct Terminal {
    editor: DefaultEditor,
    /// A secret is being typed: the terminal's echo is off.
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
                std::process::exit(INTERRUPTED);
            }
        })
        .map_err(io::Error::other)?;
        let mut editor = DefaultEditor::new().map_err(io::Error::other)?;
        let above = match editor.create_external_printer() {
            Ok(printer) => Some(start_printer(printer)?),
            Err(_) => None,
        };
        Ok(Terminal { editor, hidden, above })
    }

    /// Answers questions until nobody asks any more.
    pub fn answer(&mut self, questions: &Receiver<Question>, events: &SyncSender<Event>) {
        for question in questions {
            if events.send(Event::Input(self.ask(question))).is_err() {
                return;
            }
        }
    }

    fn ask(&mut self, question: Question) -> Input {
        if question.is_secret() {
            self.hidden.store(true, Ordering::SeqCst);
            let answer = rpassword::prompt_password(question.prompt());
            self.hidden.store(false, Ordering::SeqCst);
            return match answer {
                Ok(secret) => Input::Line(secret),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Input::End,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Input::End,
                Err(error) => Input::Failed(error.to_string()),
            };
        }
        match self.editor.readline(question.prompt()) {
            Ok(line) => match self.editor.add_history_entry(&line) {
                Ok(_) => Input::Line(line),
                Err(error) => Input::Failed(error.to_string()),
            },
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => Input::End,
            Err(error) => Input::Failed(error.to_string()),
        }
    }
}

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
