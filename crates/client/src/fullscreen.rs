//! The full screen: one loop that waits for the server, the person and its own clock, hands what comes to the core and
//! to the screen, and does what they ask for. It draws when nothing else is waiting, so frames are left out when
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
use crate::limits::{
    COUNTDOWN, EVENTS_WAITING, FRAME, GOODBYE_TIMEOUT, INTERRUPTED_GOODBYE_TIMEOUT,
};
use crate::link::{Event, Leaving};
use crate::login::Credentials;
use crate::password_file;
use crate::recall::InputHistory;
use crate::show::not_confirmed;
use crate::system::now_ms;
use crate::tty::{Tty, die_of, stop_group};
use crate::wire::{Face, Wire, WireEvent, next_event};
use asking::Asked;
use config::Config;
use drafts::Drafts;
pub use external_editor::Edited;
use external_editor::Editing;
use keyboard::Keyboard;

/// What the keyboard's thread, or another one of the full screen, has to tell.
#[derive(Debug)]
pub enum ScreenEvent {
    /// A person did something.
    Input(tui::Input),
    /// The terminal may have another size.
    Resized,
    /// The person wants to have the shell for now.
    Stop,
    /// The client goes on after it was stopped.
    GoesOn,
    /// Somebody wants the client to end.
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
    recall: InputHistory,
    drafts: Drafts,
    /// What the person is being asked.
    asked: Asked,
    editing: Option<Editing>,
    /// Something may look different than it was drawn.
    stale: bool,
    drawn: Instant,
    title: String,
    /// What is to be told when the terminal is given back.
    lost: Vec<String>,
    /// Why it ends, once it does.
    over: Option<Result<Outcome, Failure>>,
    deadline: Option<Instant>,
}

/// Runs the client with the full screen.
///
/// # Errors
/// What kept it from beginning, or ended it.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let (config, mut wrong) = Config::of_this_person();
    let password = args.password_file.as_deref().map(password_file::read).transpose()?;
    let (password, warning) = password.unzip();
    wrong.extend(warning.flatten());
    let recall = if args.no_history { Ok(InputHistory::for_now()) } else { console::recall() };
    let recall = recall.unwrap_or_else(|reason| {
        wrong.push(format!("Input history is not kept: {reason}."));
        InputHistory::for_now()
    });
    let (to_events, events) = sync_channel(EVENTS_WAITING);
    let mut tui = Tui::new(config.settings());
    tui.set_said(recall.lines().map(str::to_owned));
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
        keyboard.give_back(&tty);
        return Ok(Outcome::Done);
    };
    let wire = Wire::new(&args, credentials, Face::Person, to_events.clone())?;
    let drafts = Drafts::of(&wire.server());
    let mut screen = FullScreen {
        tui,
        wire,
        tty,
        keyboard,
        events,
        to_events,
        config,
        recall,
        drafts,
        asked: Asked::default(),
        editing: None,
        stale: true,
        drawn: Instant::now() - FRAME,
        title: String::new(),
        lost: Vec::new(),
        over: None,
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
            self.tui.say(sentence, true);
        }
        self.drafts.restore(&mut self.tui);
        let size = self.tty.size();
        self.tui.resize(columns(size.columns), columns(size.rows));
        self.wire.connect()?;
        self.draw()
    }

    /// Does whatever comes until it is over.
    fn work(&mut self) -> Result<Outcome, Failure> {
        loop {
            let event = self.next()?;
            if let Some(event) = event {
                self.take(event)?;
            }
            // What has come meanwhile is drawn with it; but not without end, for keys should be seen.
            for _ in 0..EVENTS_WAITING {
                let Ok(event) = self.events.try_recv() else { break };
                self.take(event)?;
            }
            if self.wire.due().is_some_and(|due| due <= Instant::now()) {
                let told = self.wire.tick();
                self.hear(told);
            }
            if let Some(outcome) = self.over.take() {
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
        let pause = self.wire.pause_ms().filter(|_| self.editing.is_none());
        let countdown = pause.map(|_| self.drawn + COUNTDOWN);
        let until = [self.wire.due(), frame, countdown].into_iter().flatten().min();
        let event = next_event(&self.events, until, self.deadline)?;
        self.stale |= countdown.is_some_and(|countdown| countdown <= Instant::now());
        Ok(event)
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Screen(happening) => self.happened(happening),
            event => {
                let told = self.wire.take(event);
                self.hear(told);
                Ok(())
            }
        }
    }

    fn happened(&mut self, happening: ScreenEvent) -> Result<(), Failure> {
        self.stale = true;
        match happening {
            ScreenEvent::Input(input) => {
                let actions = self.tui.input(&input, &self.wire.chat);
                self.perform(actions)?;
            }
            ScreenEvent::Resized => self.resize(),
            ScreenEvent::Stop => self.suspend()?,
            ScreenEvent::GoesOn if self.editing.is_none() => self.take_terminal()?,
            ScreenEvent::GoesOn => {}
            ScreenEvent::Edited(edited) => self.edited(edited)?,
            ScreenEvent::Leave(Leaving::Terminated) => self.over = Some(Ok(Outcome::Terminated)),
            ScreenEvent::Leave(_) => self.over = Some(Ok(Outcome::Interrupted)),
            ScreenEvent::End(signal) => {
                self.end_editor();
                self.keep();
                self.keyboard.give_back(&self.tty);
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

    /// Gives the terminal to the shell until that lets the client go on.
    fn suspend(&mut self) -> Result<(), Failure> {
        if self.editing.is_some() {
            // The terminal is the editor's; the client only stops with it.
            return Ok(Tty::stop_as_it_is()?);
        }
        // The next keys are the shell's.
        self.keyboard.give_back(&self.tty);
        self.tty.stop()?;
        self.take_terminal()
    }

    /// Has the terminal again, of which nothing is known.
    fn take_terminal(&mut self) -> Result<(), Failure> {
        self.keyboard.take(&self.tty)?;
        self.title.clear();
        self.resize();
        self.stale = true;
        Ok(())
    }

    /// Takes in what the connection has to tell.
    fn hear(&mut self, told: Vec<WireEvent>) {
        let mut changes = Vec::new();
        for told in told {
            self.stale = true;
            match told {
                WireEvent::Changed(change) => changes.push(change),
                told => self.hear_one(told),
            }
        }
        if !changes.is_empty() {
            self.changed(changes);
        }
    }

    fn changed(&mut self, changes: Vec<Change>) {
        self.stale = true;
        let mut changes = changes;
        // What is done about a change may change something again, but never without end.
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

    /// Says goodbye, gives the terminal back, and tells what was not confirmed.
    fn end(mut self, outcome: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
        let at_once = matches!(&outcome, Ok(Outcome::Interrupted | Outcome::Terminated) | Err(_));
        self.say_goodbye(if at_once { INTERRUPTED_GOODBYE_TIMEOUT } else { GOODBYE_TIMEOUT });
        self.end_editor();
        self.keep();
        self.keyboard.give_back(&self.tty);
        for lost in &self.lost {
            eprintln!("{}", crate::show::harmless(lost));
        }
        let unsent = self.tell_unsent();
        match outcome {
            Err(Failure::TimedOut) => Ok(Outcome::TimedOut),
            Ok(Outcome::Done) if unsent => Ok(Outcome::Unconfirmed),
            outcome => outcome,
        }
    }

    fn say_goodbye(&mut self, patience: Duration) {
        if !self.wire.is_online() {
            return;
        }
        self.wire.leave();
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Event::Screen(ScreenEvent::Leave(_))) | Err(_) => return,
                Ok(Event::Screen(ScreenEvent::Edited(edited))) => self.take_edited(edited),
                Ok(Event::Screen(_)) => {}
                Ok(event) => {
                    let told = self.wire.take(event);
                    if told
                        .iter()
                        .any(|told| matches!(told, WireEvent::Broken(_) | WireEvent::Failed(_)))
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Names the messages that were not confirmed, and those that were refused, which the person knows; whether
    /// there are others.
    fn tell_unsent(&self) -> bool {
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
