//! The full screen: one loop that waits for the server, the person and its own clock, passes events to the core and
//! to the screen, and performs the actions they ask for. It draws when nothing else is waiting, so frames are left out when
//! much comes, and it uses no time while nothing comes.

mod actions;
mod asking;
mod password;
pub mod config;
mod external_editor;
mod keyboard;
mod drafts;
mod servers;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use chat::Change;
use chat::entry::Delivery;
use tui::{Action, Tui};

use crate::Outcome;
use crate::args::Args;
use crate::console;
use crate::failure::Failure;
use crate::input_history::InputHistory;
use crate::limits::{
    COUNTDOWN, EVENTS_WAITING, FRAME, GOODBYE_TIMEOUT, INTERRUPTED_GOODBYE_TIMEOUT,
};
use crate::link::{Event, Leaving};
use crate::login::Credentials;
use crate::password_file;
use crate::show::not_confirmed;
use crate::system::now_ms;
use crate::tty::{Tty, die_of, stop_group};
use crate::wire::{Frontend, Wire, WireEvent, next_event};
use asking::Asked;
use config::Config;
use drafts::Drafts;
pub use external_editor::Edited;
use external_editor::Editing;
use keyboard::Keyboard;

/// An event from the keyboard's thread, or another thread of the full screen.
#[derive(Debug)]
pub enum ScreenEvent {
    /// A person did something.
    Input(tui::Input),
    /// The terminal may have another size.
    Resized,
    /// Ctrl-Z or SIGTSTP: suspend to the shell.
    Suspend,
    /// SIGCONT: the client was resumed.
    Resumed,
    /// Ctrl-C, the end of input or SIGTERM: quit.
    Leave(Leaving),
    /// A signal that ends it at once: SIGHUP or SIGQUIT.
    End(i32),
    /// The external editor has ended.
    Edited(Edited),
    /// The terminal is gone.
    Gone(String),
}

/// Whether the person can have the full screen here: both ends are a terminal that understands sequences.
pub fn is_possible() -> bool {
    use std::io::IsTerminal;
    let is_dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !is_dumb
}

/// The client with the full screen.
struct FullScreen {
    tui: Tui,
    wire: Wire,
    tty: Arc<Tty>,
    keyboard: Keyboard,
    events: Receiver<Event>,
    to_events: SyncSender<Event>,
    config: Config,
    input_history: InputHistory,
    drafts: Drafts,
    /// The questions of the login.
    asked: Asked,
    editing: Option<Editing>,
    /// Something may look different than it was drawn.
    stale: bool,
    drawn: Instant,
    title: String,
    /// Sentences to print once the terminal is restored.
    farewell: Vec<String>,
    /// The result, once it has ended.
    result: Option<Result<Outcome, Failure>>,
    deadline: Option<Instant>,
}

/// Runs the client with the full screen.
///
/// # Errors
/// Why it could not start, or ended.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let (config, mut wrong) = Config::of_this_person();
    let password = args.password_file.as_deref().map(password_file::read).transpose()?;
    let (password, warning) = password.unzip();
    wrong.extend(warning.flatten());
    let history =
        if args.no_history { Ok(InputHistory::for_now()) } else { console::input_history() };
    let history = history.unwrap_or_else(|reason| {
        wrong.push(format!("Input history is not kept: {reason}."));
        InputHistory::for_now()
    });
    let (to_events, events) = sync_channel(EVENTS_WAITING);
    let mut tui = Tui::new(config.settings());
    tui.set_input_history(history.lines().map(str::to_owned));
    let (keymap, clashes) = tui::keymap::Keymap::new(&config.keys);
    tui.keymap = keymap;
    wrong.extend(clashes);
    let tty = Tty::open_screen(&mut tui)?;
    let keyboard = Keyboard::start(to_events.clone())?;
    keyboard.take(&tty)?;
    let credentials = Credentials { user: args.user.clone(), password, server_password: None };
    let chosen = match servers::known(args) {
        known if known.is_empty() => Some(args.clone()),
        known => servers::choose(args, &known, &mut tui, (&tty, &keyboard), &events)?,
    };
    let Some(args) = chosen else {
        keyboard.restore(&tty);
        return Ok(Outcome::Done);
    };
    let wire = Wire::new(&args, credentials, Frontend::Person, to_events.clone())?;
    let drafts = Drafts::of(&wire.server());
    let mut screen = FullScreen {
        tui,
        wire,
        tty,
        keyboard,
        events,
        to_events,
        config,
        input_history: history,
        drafts,
        asked: Asked::default(),
        editing: None,
        stale: true,
        drawn: Instant::now() - FRAME,
        title: String::new(),
        farewell: Vec::new(),
        result: None,
        deadline: args.timeout().map(|time| Instant::now() + time),
    };
    screen.begin(&wrong)?;
    let outcome = screen.work();
    screen.end(outcome)
}

impl FullScreen {
    fn begin(&mut self, wrong: &[String]) -> Result<(), Failure> {
        for sentence in wrong {
            self.remark(sentence, true);
        }
        if let Some(sentence) = wrong.first() {
            self.tui.show_status(sentence, true);
        }
        self.drafts.restore(&mut self.tui);
        let size = self.tty.size();
        self.tui.resize(columns(size.columns), columns(size.rows));
        self.wire.connect()?;
        self.draw()
    }

    /// Handles events until the client ends.
    fn work(&mut self) -> Result<Outcome, Failure> {
        loop {
            let event = self.next()?;
            if let Some(event) = event {
                self.handle(event)?;
            }
            // What has come meanwhile is drawn with it; but not without end, for keys should be seen.
            for _ in 0..EVENTS_WAITING {
                let Ok(event) = self.events.try_recv() else { break };
                self.handle(event)?;
            }
            if self.wire.next_tick().is_some_and(|due| due <= Instant::now()) {
                let events = self.wire.tick();
                self.handle_wire_events(events);
            }
            if let Some(outcome) = self.result.take() {
                return outcome;
            }
            if self.stale && self.drawn.elapsed() >= FRAME {
                self.draw()?;
            }
        }
    }

    /// The next event; none when it is time for something.
    fn next(&mut self) -> Result<Option<Event>, Failure> {
        let frame = self.stale.then(|| self.drawn + FRAME);
        // How long it takes until the next attempt to connect is counted down on the screen, if it is ours.
        let pause = self.wire.retry_in_ms().filter(|_| self.editing.is_none());
        let countdown = pause.map(|_| self.drawn + COUNTDOWN);
        let until = [self.wire.next_tick(), frame, countdown].into_iter().flatten().min();
        let event = next_event(&self.events, until, self.deadline)?;
        self.stale |= countdown.is_some_and(|countdown| countdown <= Instant::now());
        Ok(event)
    }

    fn handle(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Screen(happening) => self.handle_screen_event(happening),
            event => {
                let events = self.wire.handle(event);
                self.handle_wire_events(events);
                Ok(())
            }
        }
    }

    fn handle_screen_event(&mut self, event: ScreenEvent) -> Result<(), Failure> {
        self.stale = true;
        match event {
            ScreenEvent::Input(input) => {
                let actions = self.tui.input(&input, &self.wire.chat);
                self.perform(actions)?;
            }
            ScreenEvent::Resized => self.resize(),
            ScreenEvent::Suspend => self.suspend()?,
            ScreenEvent::Resumed if self.editing.is_none() => self.take_terminal()?,
            ScreenEvent::Resumed => {}
            ScreenEvent::Edited(edited) => self.edited(edited)?,
            ScreenEvent::Leave(Leaving::Terminated) => self.result = Some(Ok(Outcome::Terminated)),
            ScreenEvent::Leave(_) => self.result = Some(Ok(Outcome::Interrupted)),
            ScreenEvent::End(signal) => {
                self.end_editor();
                self.keep();
                self.keyboard.restore(&self.tty);
                die_of(signal);
            }
            ScreenEvent::Gone(reason) => return Err(Failure::Input(reason)),
        }
        Ok(())
    }

    fn resize(&mut self) {
        let size = self.tty.size();
        self.tui.resize(columns(size.columns), columns(size.rows));
    }

    /// Suspends the client: the shell has the terminal until it resumes the client.
    fn suspend(&mut self) -> Result<(), Failure> {
        if self.editing.is_some() {
            // The terminal is the editor's; the client only stops with it.
            return Ok(Tty::stop_as_it_is()?);
        }
        // The next keys are the shell's.
        self.keyboard.restore(&self.tty);
        self.tty.stop()?;
        self.take_terminal()
    }

    /// Takes over the terminal again and redraws everything.
    fn take_terminal(&mut self) -> Result<(), Failure> {
        self.keyboard.take(&self.tty)?;
        self.title.clear();
        self.resize();
        self.stale = true;
        Ok(())
    }

    /// Handles the events of the connection.
    fn handle_wire_events(&mut self, events: Vec<WireEvent>) {
        let mut changes = Vec::new();
        for event in events {
            self.stale = true;
            match event {
                WireEvent::Changed(change) => changes.push(change),
                event => self.handle_wire_event(event),
            }
        }
        if !changes.is_empty() {
            self.changed(changes);
        }
    }

    fn changed(&mut self, changes: Vec<Change>) {
        self.stale = true;
        let mut changes = changes;
        // Handling a change may cause further changes, but not without end.
        for _ in 0..8 {
            self.watch(&changes);
            let actions = self.tui.changed(&changes, &self.wire.chat);
            for action in actions {
                self.do_action(action);
            }
            changes = self.wire.chat.take_changes();
            if changes.is_empty() {
                return;
            }
        }
    }

    fn draw(&mut self) -> Result<(), Failure> {
        if self.editing.is_some() {
            self.stale = false;
            return Ok(());
        }
        self.tui.link = self.link();
        let mut out = Vec::new();
        let actions = self.tui.draw(&self.wire.chat, now_ms(), &mut out)?;
        let title = self.tui.title(&self.wire.chat, &self.wire.server());
        if title != self.title {
            out.extend_from_slice(tui::terminal::title(&title).as_bytes());
            self.title = title;
        }
        self.tty.write(&out)?;
        self.drawn = Instant::now();
        self.stale = false;
        self.perform(actions)
    }

    fn perform(&mut self, actions: Vec<Action>) -> Result<(), Failure> {
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            match action {
                // Everybody who shares the terminal stops; our own turn comes with the signal.
                Action::Suspend => stop_group()?,
                Action::ExternalEditor { name, text } => self.edit(name, &text)?,
                action => self.do_action(action),
            }
        }
        let changes = self.wire.chat.take_changes();
        if !changes.is_empty() {
            self.changed(changes);
        }
        Ok(())
    }

    /// Quits, restores the terminal, and reports what was not confirmed.
    fn end(mut self, outcome: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
        let at_once = matches!(&outcome, Ok(Outcome::Interrupted | Outcome::Terminated) | Err(_));
        self.say_goodbye(if at_once { INTERRUPTED_GOODBYE_TIMEOUT } else { GOODBYE_TIMEOUT });
        self.end_editor();
        self.keep();
        self.keyboard.restore(&self.tty);
        for line in &self.farewell {
            eprintln!("{}", crate::show::harmless(line));
        }
        let unsent = self.report_unsent();
        match outcome {
            Err(Failure::TimedOut) => Ok(Outcome::TimedOut),
            Ok(Outcome::Done) if unsent => Ok(Outcome::Unconfirmed),
            outcome => outcome,
        }
    }

    fn say_goodbye(&mut self, timeout: Duration) {
        if !self.wire.is_online() {
            return;
        }
        self.wire.leave();
        let until = Instant::now() + timeout;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Event::Screen(ScreenEvent::Leave(_))) | Err(_) => return,
                Ok(Event::Screen(ScreenEvent::Edited(edited))) => self.take_edited(edited),
                Ok(Event::Screen(_)) => {}
                Ok(event) => {
                    let events = self.wire.handle(event);
                    if events
                        .iter()
                        .any(|event| matches!(event, WireEvent::Broken(_) | WireEvent::Failed(_)))
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Lists the unsent messages: unconfirmed and refused ones. Returns whether any are unconfirmed.
    fn report_unsent(&self) -> bool {
        let mut unconfirmed = false;
        for outgoing in &self.wire.chat.outgoing {
            let how = match (&outgoing.delivery, not_confirmed(outgoing)) {
                (Delivery::Failed { reason }, _) => format!("Not sent ({reason})"),
                (_, how) => how.unwrap_or_default().to_owned(),
            };
            unconfirmed |= not_confirmed(outgoing).is_some();
            use std::io::Write;
            let line = format!("{how}, to {}: {}", outgoing.to, outgoing.text);
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "{}", crate::show::harmless(&line));
        }
        unconfirmed
    }
}

/// A number of columns or rows as the screen counts them.
fn columns(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
