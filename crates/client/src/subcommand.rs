//! What scripts call: each subcommand does one thing, prints one line a message, and says by its exit code
//! the outcome.

mod export;
mod history;
mod lists;
mod login;
mod print;
mod search;
mod send;
mod tail;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use chat::{Change, Chat, Intent};
use clap::{ValueEnum, ValueHint};

use crate::Outcome;
use crate::args::Args;
use crate::failure::Failure;
use crate::limits::{ANSWER_TIMEOUT, EVENTS_WAITING, INTERRUPTED_GOODBYE_TIMEOUT};
use crate::link::Event;
use crate::login::{Credentials, LoginError};
use crate::password_file;
use crate::question::Question;
use crate::show::{harmless_lines, sentence};
use crate::wire::{Frontend, Wire, WireEvent, next_event};

/// What to do instead of talking.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Subcommand {
    /// What a script wants.
    #[command(flatten)]
    Script(Script),
    /// What the server keeps about your account
    Account {
        /// What to do with it
        #[command(subcommand)]
        action: Account,
    },
}

/// What a script wants.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Script {
    /// Log in without a password from now on: adds a certificate to the account, and saves it
    Login,
    /// Remove the saved login
    Logout,
    /// Send a message, and print its msgid once it is on the server's disk
    ///
    /// A room that one must be in to speak there is joined first. On Parlor servers a room that does not exist is not
    /// created: type JOIN #room in chatclient to do that.
    Send {
        /// A user, or a room such as #lobby
        #[arg(value_parser = target)]
        target: String,
        /// The text; without it, or with -, it is read from standard input
        text: Option<String>,
        /// Answer this message
        #[arg(long, value_name = "MSGID")]
        reply_to: Option<String>,
    },
    /// Print the newest messages, and with --follow those that come
    ///
    /// With --follow, rooms that are named and that you are not in are joined.
    Tail {
        /// Users and rooms; without any, all rooms you are in and everybody who writes to you
        #[arg(value_parser = target)]
        target: Vec<String>,
        /// Go on with what comes, also across broken connections
        #[arg(short, long)]
        follow: bool,
        /// Begin that long ago (2h, 3d) or after this msgid
        #[arg(long, value_name = "TIME|MSGID")]
        since: Option<String>,
        /// How many messages to begin with, without --since
        #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10)]
        lines: usize,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the history of a conversation, oldest first
    History {
        /// A user or a room
        #[arg(value_parser = target)]
        target: String,
        /// Only what is older than this msgid
        #[arg(long, value_name = "MSGID")]
        before: Option<String>,
        /// How many messages at most
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        limit: usize,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the messages that have these words, newest first
    Search {
        /// Words, and from:NAME, in:TARGET, before:DATE, after:DATE, "exact words", -word
        #[arg(required = true)]
        words: Vec<String>,
        /// How many messages at most
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print who is in a room, or who somebody is
    Who {
        /// A room, also one you are not in, or a user [default: the lobby]
        #[arg(value_parser = target)]
        target: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the rooms of the server
    Rooms {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print how much is unread, and where
    Status {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Write the whole history of a conversation to standard output
    Export {
        /// A user or a room
        #[arg(value_parser = target)]
        target: String,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// What can be done with one's own account.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Account {
    /// Write all of it: one JSON object a line, first your account and its settings, then everything you said and
    /// every private message you got
    Export {
        /// A new file, readable only by you; - is standard output
        #[arg(default_value = "-", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Json,
    /// One line a message
    Text,
    /// A page for browsers
    Html,
}

/// One name: the protocol would take it for several, or for another one.
fn target(name: &str) -> Result<String, &'static str> {
    let is_strange = |c: char| c == ',' || c.is_whitespace() || c.is_control();
    if name.is_empty() || name.contains(is_strange) {
        return Err("give the name of one user or room, without spaces and commas");
    }
    Ok(name.to_owned())
}

/// Runs a subcommand.
///
/// # Errors
/// Why it failed.
pub fn run(args: &Args, script: &Script) -> Result<Outcome, Failure> {
    let mut caller = Caller::new(args)?;
    let outcome = match script {
        Script::Login => login::login(&mut caller, args),
        Script::Logout => login::logout(&mut caller, args),
        Script::Send { target, text, reply_to } => {
            send::run(&mut caller, target, text.as_deref(), reply_to.as_deref())
        }
        Script::Tail { target, follow, since, lines, json } => {
            let since = since.as_deref().map(tail::Since::parse);
            tail::run(&mut caller, target, *follow, since.as_ref(), *lines, *json)
        }
        Script::History { target, before, limit, json } => {
            history::run(&mut caller, target, before.as_deref(), *limit, *json)
        }
        Script::Search { words, limit, json } => {
            search::run(&mut caller, &words.join(" "), *limit, *json)
        }
        Script::Who { target, json } => lists::who(&mut caller, target.as_deref(), *json),
        Script::Rooms { json } => lists::rooms(&mut caller, *json),
        Script::Status { json } => lists::status(&mut caller, *json),
        Script::Export { target, format } => export::run(&mut caller, target, *format),
    };
    caller.leave();
    match outcome {
        Err(Failure::TimedOut) => Ok(Outcome::TimedOut),
        outcome => outcome,
    }
}

/// The connection of a script, and its time limit.
struct Caller {
    wire: Wire,
    events: Receiver<Event>,
    deadline: Option<Instant>,
}

impl Caller {
    /// Connects, logs in, and waits for the end of the welcome.
    fn new(args: &Args) -> Result<Caller, Failure> {
        let password = args.password_file.as_deref().map(password_file::read).transpose()?;
        let (password, warning) = password.unzip();
        if let Some(warning) = warning.flatten() {
            report(&warning);
        }
        let credentials = Credentials { user: args.user.clone(), password, server_password: None };
        let (to_events, events) = sync_channel(EVENTS_WAITING);
        let mut wire = Wire::new(args, credentials, Frontend::Script, to_events)?;
        wire.connect()?;
        let deadline = args.timeout().map(|time| Instant::now() + time);
        let mut caller = Caller { wire, events, deadline };
        caller.wait(|_, change| *change == Change::Ready)?;
        Ok(caller)
    }

    fn chat(&self) -> &Chat {
        &self.wire.chat
    }

    /// Waits for a change, across broken connections.
    fn wait(&mut self, mut until: impl FnMut(&Chat, &Change) -> bool) -> Result<(), Failure> {
        let give_up_at = Instant::now() + ANSWER_TIMEOUT;
        loop {
            for change in self.next(Some(give_up_at))? {
                if until(&self.wire.chat, &change) {
                    return Ok(());
                }
            }
            if Instant::now() >= give_up_at {
                return Err(Failure::GaveUp("the server does not answer".to_owned()));
            }
        }
    }

    /// The next changes; none if that time comes first.
    fn next(&mut self, until: Option<Instant>) -> Result<Vec<Change>, Failure> {
        let until = [until, self.wire.next_tick()].into_iter().flatten().min();
        let events = match next_event(&self.events, until, self.deadline)? {
            Some(event) => self.wire.handle(event),
            None => self.wire.tick(),
        };
        let mut changes = Vec::new();
        for event in events {
            match event {
                WireEvent::Changed(change) => changes.push(change),
                WireEvent::Sentence(text) => report(&text),
                WireEvent::Broken(reason) => report(&format!("The connection broke ({reason}).")),
                WireEvent::Ask(question, because) => {
                    let answer = ask(question, because)?;
                    for event in self.wire.answer(question, &answer) {
                        match event {
                            WireEvent::Failed(failure) => return Err(failure),
                            WireEvent::Changed(change) => changes.push(change),
                            _ => {}
                        }
                    }
                }
                WireEvent::Failed(failure) => return Err(failure),
                WireEvent::LoggedIn => {}
            }
        }
        Ok(changes)
    }

    /// Sends a line, and waits until `answer` recognizes its answer in a change.
    fn ask<T>(
        &mut self,
        line: &str,
        mut answer: impl FnMut(&Chat, &Change) -> Option<Result<T, String>>,
    ) -> Result<T, Failure> {
        let sent = self.wire.perform(Intent::Raw(line.to_owned()));
        sent.map_err(|error| Failure::Refused(error.to_string()))?;
        let mut answered = None;
        self.wait(|chat, change| {
            answered = answer(chat, change);
            answered.is_some()
        })?;
        match answered {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(reason)) => Err(Failure::Refused(reason)),
            None => Err(Failure::GaveUp("the server does not answer".to_owned())),
        }
    }

    /// Quits, and gives the server a moment to release the name.
    fn leave(&mut self) {
        self.wire.leave();
        let until = Instant::now() + INTERRUPTED_GOODBYE_TIMEOUT;
        while let Ok(event) =
            self.events.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if matches!(event, Event::Broken(..)) {
                return;
            }
        }
    }

    /// Asks for a page of history, and waits for it; how many messages and events it has.
    fn load(&mut self, target: &str, run: chat::timeline::Run) -> Result<usize, Failure> {
        let intent = Intent::Load { target: target.to_owned(), run };
        self.wire.perform(intent).map_err(|error| Failure::Refused(error.to_string()))?;
        let mut count = 0;
        let mut refused = None;
        self.wait(|_, change| match change {
            Change::Page { target: of, count: came, refused: why }
                if proto::name::same(of, target) =>
            {
                count = *came;
                refused.clone_from(why);
                true
            }
            _ => false,
        })?;
        match refused {
            Some(reason) => Err(Failure::Refused(reason)),
            None => Ok(count),
        }
    }
}

/// Asks at the terminal; a script must pass everything as arguments.
fn ask(question: Question, because: Option<String>) -> Result<String, Failure> {
    use std::io::IsTerminal;
    if let Some(because) = because {
        report(&because);
    }
    let prompt = question.prompt();
    let read = match (std::io::stdin().is_terminal(), question.is_secret()) {
        (false, _) => {
            let what = prompt.trim_end_matches([':', ' ']);
            let why =
                format!("{what}: use -u and --password-file, or log in once with chatclient login");
            return Err(LoginError::Refused(why).into());
        }
        (true, true) => rpassword::prompt_password(prompt),
        (true, false) => {
            eprint!("{prompt}");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line.trim_end().to_owned())
        }
    };
    read.map_err(|error| Failure::Input(error.to_string()))
}

/// Prints a sentence for whoever runs the script, on standard error.
fn report(text: &str) {
    use std::io::Write;
    // Without standard error nobody can read it.
    let _ = writeln!(std::io::stderr(), "chatclient: {}", harmless_lines(&sentence(text)));
}

/// Shows the progress of a long call, at a terminal.
struct Progress {
    shown: bool,
    next: Instant,
}

impl Progress {
    fn new() -> Progress {
        use std::io::IsTerminal;
        Progress { shown: std::io::stderr().is_terminal(), next: Instant::now() }
    }

    fn show(&mut self, text: &str) {
        if self.shown && Instant::now() >= self.next {
            eprint!("\r{text}\x1b[K");
            self.next = Instant::now() + Duration::from_millis(200);
        }
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
