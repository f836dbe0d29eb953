//! Standard input as a terminal, in a thread of its own: lines are edited, and output appears above
//! them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use termina::Event as Press;
use termina::escape::csi::{Csi, Cursor};
use tui::decoder::Decoder;

use crate::editor::{Act, Editor, Kind, act, lines_as_keys};
use crate::input_history::InputHistory;
use crate::limits::{KEYS_AHEAD_MAX, LINES_WAITING, POSITION_TIMEOUT, TYPED_BYTES};
use crate::link::{Event, Input, Leaving};
use crate::question::Question;
use crate::screen::{Line, Screen};
use crate::tty::{Signals, Tty, die_of, end_at_once, stop_group, wake};

/// How soon to retry delivering an answer when the queue is full.
const RETRY: Duration = Duration::from_millis(20);

/// What the client asks of the terminal's thread.
enum Request {
    Ask(Question),
    Show(String),
    /// Put the second text in place of the first, with the cursor there.
    Replace(String, String, usize),
}

/// The terminal and its thread. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Terminal {
    requests: Option<SyncSender<Request>>,
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Opens the terminal; answers go to `events`, and so do completion requests, if Tab completes.
    ///
    /// # Errors
    /// If the system refuses it, or a thread.
    pub fn open(
        events: SyncSender<Event>,
        history: InputHistory,
        completes: bool,
    ) -> io::Result<Terminal> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
        let (signals, waker) = Signals::take()?;
        let tty = Tty::open(is_dumb)?;
        tty.take()?;
        let (requests, receiver) = sync_channel(LINES_WAITING);
        let screen = Screen::new(tty.size());
        let worker = Worker {
            tty,
            signals,
            requests: receiver,
            events,
            input_history: history,
            screen,
            editor: Editor::new(completes),
            decoder: Decoder::default(),
            question: None,
            asked: Vec::new(),
            ahead: VecDeque::new(),
            lines: Vec::new(),
            answer: None,
            interrupted: false,
            key_by: None,
            resuming: false,
            position_by: None,
            out: String::new(),
        };
        let thread = thread::Builder::new().name("terminal".to_owned());
        let thread = thread.spawn(move || worker.work())?;
        Ok(Terminal { requests: Some(requests), waker, thread: Some(thread) })
    }

    /// Asks; the answer comes as an event.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn ask(&self, question: Question) -> io::Result<()> {
        self.send(Request::Ask(question))
    }

    /// Shows a line, above the one that is being edited.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn show(&self, line: &str) -> io::Result<()> {
        self.send(Request::Show(line.to_owned()))
    }

    /// Puts a text in place of the one that is being typed, if that is still the old one.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn replace(&self, old: &str, new: String, cursor: usize) -> io::Result<()> {
        self.send(Request::Replace(old.to_owned(), new, cursor))
    }

    fn send(&self, request: Request) -> io::Result<()> {
        let gone = || io::Error::other("the terminal is closed");
        self.requests.as_ref().ok_or_else(gone)?.send(request).map_err(|_| gone())?;
        wake(&self.waker);
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.requests = None;
        wake(&self.waker);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported already.
            let _ = thread.join();
        }
    }
}

/// The thread.
struct Worker {
    tty: Arc<Tty>,
    signals: Signals,
    requests: Receiver<Request>,
    events: SyncSender<Event>,
    input_history: InputHistory,
    screen: Screen,
    editor: Editor,
    decoder: Decoder,
    question: Option<Question>,
    /// The login questions asked so far.
    asked: Vec<Question>,
    /// What was typed before any question.
    ahead: VecDeque<Press>,
    /// Lines to show above the question.
    lines: Vec<String>,
    /// The answer that did not fit into the queue.
    answer: Option<Input>,
    /// Ctrl-C was pressed, or SIGTERM arrived, and nothing was asked since.
    interrupted: bool,
    /// When an incomplete key sequence is taken as complete.
    key_by: Option<Instant>,
    /// The signal that continued us after a stop may still arrive.
    resuming: bool,
    /// Until when the terminal may report its cursor's position.
    position_by: Option<Instant>,
    out: String,
}

/// Why the thread ends.
enum ThreadEnd {
    /// It is no longer needed.
    Done,
    /// The terminal is gone.
    Gone(io::Error),
}

impl From<io::Error> for ThreadEnd {
    fn from(error: io::Error) -> ThreadEnd {
        ThreadEnd::Gone(error)
    }
}

impl Worker {
    fn work(mut self) {
        let over = loop {
            if let Err(over) = self.turn() {
                break over;
            }
        };
        if let ThreadEnd::Gone(error) = over {
            self.tty.restore();
            // The receiver ends on this message, or has ended.
            let _ = self.events.send(Event::Input(Input::Failed(error.to_string())));
            return;
        }
        self.print();
        if self.editor.text().is_empty() && !self.tty.is_dumb {
            // Nobody takes answers any more.
            self.locate_question();
            self.screen.erase(&mut self.out);
        } else {
            self.leave_question();
        }
        // A terminal that accepts no output is gone.
        let _ = self.flush();
        self.tty.restore();
    }

    /// Waits for something to do, and does it.
    fn turn(&mut self) -> Result<(), ThreadEnd> {
        let keys = self.signals.wait(self.timeout())?;
        self.handle_signals()?;
        let mut presses = Vec::new();
        if keys {
            self.read(&mut presses)?;
            self.key_by = self.decoder.timeout().map(|timeout| Instant::now() + timeout);
        } else if self.key_by.is_some_and(|by| by <= Instant::now()) {
            self.key_by = None;
            self.decoder.give_up(&mut presses);
        }
        for press in presses {
            self.handle_press(press)?;
        }
        self.handle_requests()?;
        self.type_ahead()?;
        if self.position_by.is_some_and(|by| by <= Instant::now()) {
            self.position_by = None;
            self.screen.cursor_is_at(None);
        }
        self.redraw();
        self.flush()?;
        self.retry_answer();
        Ok(())
    }

    /// How long to wait if nothing happens.
    fn timeout(&self) -> Option<Duration> {
        let first = [self.key_by, self.position_by].into_iter().flatten().min();
        let first = first.map(|by| by.saturating_duration_since(Instant::now()));
        let answer = self.answer.as_ref().map(|_| RETRY);
        [first, answer].into_iter().flatten().min()
    }

    fn handle_signals(&mut self) -> Result<(), ThreadEnd> {
        if let Some(signal) = self.signals.end() {
            self.leave_question();
            // It may be gone already.
            let _ = self.flush();
            self.tty.restore();
            die_of(signal);
        }
        if self.signals.came(SIGTSTP) {
            self.suspend()?;
        }
        if self.signals.came(SIGCONT) {
            self.tty.take()?;
            if !std::mem::take(&mut self.resuming) {
                // Stopped by a signal that cannot be caught: other output is below the question.
                self.screen.start_over();
            }
            self.resize();
        }
        if self.signals.came(SIGINT) {
            self.interrupt(Leaving::Interrupted);
        }
        if self.signals.came(SIGTERM) {
            self.interrupt(Leaving::Terminated);
        }
        if self.signals.came(SIGWINCH) {
            self.resize();
        }
        Ok(())
    }

    fn resize(&mut self) {
        self.screen.resize(self.tty.size(), &mut self.out);
        if self.screen.is_waiting() {
            self.position_by = Some(Instant::now() + POSITION_TIMEOUT);
        }
    }

    fn suspend(&mut self) -> Result<(), ThreadEnd> {
        self.leave_question();
        self.flush()?;
        self.tty.stop()?;
        self.resuming = !self.signals.came(SIGCONT);
        self.resize();
        Ok(())
    }

    fn read(&mut self, presses: &mut Vec<Press>) -> Result<(), ThreadEnd> {
        let mut bytes = [0; 4096];
        match io::stdin().lock().read(&mut bytes) {
            Ok(0) if self.tty.is_dumb => self.end_of_input(),
            Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(count) => self.decoder.feed(&bytes[..count], presses),
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn end_of_input(&mut self) {
        self.deliver(Input::Left(Leaving::EndOfInput));
    }

    /// Handles a key, or keeps it for the next question.
    fn handle_press(&mut self, press: Press) -> Result<(), ThreadEnd> {
        match press {
            Press::Csi(Csi::Cursor(Cursor::ActivePositionReport { col, .. })) => {
                self.screen.cursor_is_at(Some(usize::from(col.get_zero_based())));
                if !self.screen.is_waiting() {
                    self.position_by = None;
                }
            }
            Press::Key(key) => match act(key) {
                Some(Act::Interrupt) => self.interrupt(Leaving::Interrupted),
                Some(Act::Suspend) => {
                    stop_group()?;
                    // We continue with the signal.
                }
                Some(Act::Quit) => {
                    self.leave_question();
                    self.flush()?;
                    self.tty.restore();
                    die_of(signal_hook::consts::SIGQUIT);
                }
                Some(Act::ClearScreen) => self.screen.clear(&mut self.out),
                _ => self.push_ahead(press),
            },
            Press::Paste(_) => self.push_ahead(press),
            _ => {}
        }
        Ok(())
    }

    fn push_ahead(&mut self, press: Press) {
        if self.ahead.len() < KEYS_AHEAD_MAX {
            self.ahead.push_back(press);
        }
    }

    /// Ctrl-C or SIGTERM: the waiting side is notified; the second time the client exits at once.
    fn interrupt(&mut self, how: Leaving) {
        self.ahead.clear();
        if self.interrupted {
            self.leave_question();
            let _ = self.flush();
            self.tty.restore();
            end_at_once(how);
        }
        self.interrupted = true;
        self.leave_question();
        self.deliver(Input::Left(how));
    }

    fn handle_requests(&mut self) -> Result<(), ThreadEnd> {
        loop {
            match self.requests.try_recv() {
                Ok(Request::Ask(question)) => {
                    // What was typed for one question must not answer another.
                    if question.is_of_login() {
                        if self.asked.contains(&question) {
                            self.ahead.clear();
                        } else {
                            self.asked.push(question);
                        }
                    }
                    self.interrupted = false;
                    self.print();
                    self.question = Some(question);
                    if self.tty.is_dumb {
                        self.out.push_str(question.prompt());
                        // A password could be typed before the server asks for it.
                        self.tty.echo(!question.is_of_login())?;
                    }
                    self.type_ahead()?;
                }
                Ok(Request::Show(line)) => self.lines.push(line),
                Ok(Request::Replace(old, new, cursor)) => self.editor.replace(&old, &new, cursor),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(ThreadEnd::Done),
            }
        }
    }

    /// Passes early input to the editor, as far as it is for this question.
    fn type_ahead(&mut self) -> Result<(), ThreadEnd> {
        while let Some(question) = self.question
            && let Some(press) = self.ahead.pop_front()
        {
            let kind = question.kind();
            match press {
                Press::Paste(text) if kind == Kind::Text => self.paste(&text),
                Press::Paste(text) => {
                    for key in lines_as_keys(&text).into_iter().rev() {
                        self.ahead.push_front(key);
                    }
                }
                Press::Key(key) => match self.editor.press(key, kind, &self.input_history) {
                    Act::Done => self.submit(question),
                    Act::EndOfInput => {
                        self.leave_question();
                        self.end_of_input();
                    }
                    Act::Complete if !question.is_secret() => {
                        let (text, cursor) = (self.editor.text().to_owned(), self.editor.cursor());
                        // If there is no room for it, the key can be pressed again.
                        let _ = self.events.try_send(Event::Complete(text, cursor));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(())
    }

    fn paste(&mut self, text: &str) {
        if !self.editor.paste(text) {
            let most = TYPED_BYTES / 1024;
            self.lines
                .push(format!("* The end of the paste was discarded: the limit is {most} KiB."));
        }
    }

    fn submit(&mut self, question: Question) {
        if !self.tty.is_dumb {
            self.leave_question();
        } else if question.is_of_login() {
            self.out.push('\n');
        }
        let text = self.editor.take();
        if question.is_secret() {
            self.input_history.hide(&text);
            self.editor.forget_cut();
        } else if question.kind() == Kind::Text
            && let Err(error) = self.input_history.add(&text)
        {
            self.lines.push(format!("* Input history is no longer kept: {error}."));
        }
        self.question = None;
        self.deliver(Input::Line(text));
    }

    /// Leaves the question on the screen; further output goes below it.
    fn leave_question(&mut self) {
        self.print();
        match self.question {
            Some(_) if self.tty.is_dumb => self.out.push('\n'),
            Some(question) => {
                self.locate_question();
                self.screen.finish(&line(question, &self.editor), &mut self.out);
            }
            None => {}
        }
    }

    /// If the question's position is unknown, there is no time to ask for it.
    fn locate_question(&mut self) {
        self.position_by = None;
        self.screen.cursor_is_at(None);
    }

    /// Delivers an answer, now or when there is room.
    fn deliver(&mut self, input: Input) {
        self.question = None;
        self.answer = Some(input);
        self.retry_answer();
    }

    fn retry_answer(&mut self) {
        let Some(input) = self.answer.take() else { return };
        // If nobody listens any more, the client is exiting.
        let given = self.events.try_send(Event::Input(input));
        if let Err(TrySendError::Full(Event::Input(input))) = given {
            self.answer = Some(input);
        }
    }

    /// Shows the waiting lines.
    fn print(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        if !self.tty.is_dumb {
            self.locate_question();
            self.screen.print_above(&lines, &mut self.out);
            return;
        }
        let prompt = self.question.map(Question::prompt);
        self.out.push_str(if prompt.is_some() { "\n" } else { "" });
        for line in &lines {
            self.out.push_str(line);
            self.out.push('\n');
        }
        self.out.push_str(prompt.unwrap_or_default());
    }

    fn redraw(&mut self) {
        if self.screen.is_waiting() {
            return;
        }
        self.print();
        if let Some(question) = self.question
            && !self.tty.is_dumb
        {
            self.screen.draw_changes(&line(question, &self.editor), &mut self.out);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        self.tty.write(out.as_bytes())
    }
}

/// The question and the visible part of its answer.
fn line<'a>(question: Question, editor: &'a Editor) -> Line<'a> {
    let prompt = question.prompt();
    if question.is_secret() {
        return Line { prompt, text: "", cursor: 0 };
    }
    Line { prompt, text: editor.text(), cursor: editor.cursor() }
}
