//! The plain prompts: each line is a command. Output is only ever appended.

mod operation;
mod session;
mod report;
mod missed;
mod send;
mod history;
mod rooms;
mod messages;
mod choice;
mod completion;
mod password;
mod ending;

pub(crate) use session::{End, Session};

use chat::{Intent, SendError};
use tui::slash::{self, Command};

use crate::Outcome;
use crate::failure::Failure;
use crate::link::Leaving;
use crate::question::Question;
use crate::show::harmless;
use choice::Choice;
use history::Older;
use operation::{HELP, NUMBERED_HELP, Operation};

/// The plain prompts.
pub struct Plain<'s> {
    session: &'s mut Session,
    older: Option<Older>,
    /// The room or person used last: commands without a name refer to it.
    here: String,
    /// List items are chosen by number.
    numbered: bool,
    /// What the numbers of the newest list stand for.
    choices: Vec<Choice>,
    /// Which of the session's lists that is.
    list: u64,
    /// Everything that was asked for was done, and every message confirmed.
    succeeded: bool,
}

impl Plain<'_> {
    /// Runs the person's commands until the exit. `numbered`: list items are chosen by number.
    ///
    /// # Errors
    /// If it cannot go on.
    pub fn run(session: &mut Session, numbered: bool) -> Result<Outcome, Failure> {
        let here = session.chat().lobby().unwrap_or_default().to_owned();
        let mut plain = Plain {
            session,
            older: None,
            here,
            numbered,
            choices: Vec::new(),
            list: 0,
            succeeded: true,
        };
        loop {
            let outcome = match plain.operation() {
                Err(End::Unusable(reason)) => {
                    let number = plain.session.inputs;
                    let sentence =
                        format!("Skipped: line {number} of the input is invalid: {reason}.");
                    plain.fail(&sentence).map(|()| true)
                }
                outcome => outcome,
            };
            match outcome {
                Ok(true) => {}
                Err(End::Left(Leaving::Interrupted)) => return Ok(Outcome::Interrupted),
                Err(End::Left(Leaving::Terminated)) => return Ok(Outcome::Terminated),
                Ok(false) | Err(End::Left(_)) if plain.succeeded => return Ok(Outcome::Done),
                Ok(false) | Err(End::Left(_)) => return Ok(Outcome::Undone),
                Err(End::Unusable(reason)) => return Err(Failure::Input(reason)),
                Err(End::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// Asks for one operation and does it; false if it was the exit.
    fn operation(&mut self) -> Result<bool, End> {
        let line = self.session.ask(Question::Operation)?;
        self.mark_shown_as_read();
        let operation = Operation::parse(&line);
        if operation.lists() {
            // Whatever it finds, a number no longer means what was listed before.
            self.choices.clear();
        }
        match operation {
            Operation::Broadcast(text) => self.broadcast(text)?,
            Operation::Private { user, text } => self.private(user, text)?,
            Operation::Reply { user, text } => self.reply(user, text)?,
            Operation::React { user, text } => self.react(user, text)?,
            Operation::TakeBack(user) => self.take_back(user)?,
            Operation::Unread => self.unread()?,
            Operation::Read(target) => self.read(target)?,
            Operation::History { target, count } => self.history(target, count, None)?,
            Operation::Find(words) => self.find(words)?,
            Operation::More => self.more()?,
            Operation::Rooms => self.rooms()?,
            Operation::Join(room) => self.join(room)?,
            Operation::Part(room) => self.part(room)?,
            Operation::Who(name) => self.who(name)?,
            Operation::Pins(room) => self.pins(room)?,
            Operation::Slash(line) => return self.slash(line),
            Operation::Go(letters) => self.go(letters)?,
            Operation::Number(number) if self.numbered => return self.choose(number),
            Operation::Help => self.help()?,
            Operation::Exit => return Ok(false),
            Operation::Nothing => {}
            Operation::Number(_) => {
                self.fail(&format!("Unknown operation {}; try help.", harmless(&line)))?;
            }
            Operation::Unknown(line) => {
                self.fail(&format!("Unknown operation {}; try help.", harmless(line)))?;
            }
        }
        Ok(true)
    }

    /// A person who goes on typing has read what was shown before, if nothing else is unread there.
    fn mark_shown_as_read(&mut self) {
        let unread = self.session.chat().conversations.values().filter(|known| known.unread > 0);
        for target in unread.map(|known| known.name.clone()).collect::<Vec<_>>() {
            self.mark_read(&target);
        }
    }

    fn help(&mut self) -> Result<(), End> {
        for line in HELP.lines() {
            self.session.console.status(line)?;
        }
        if self.numbered {
            self.session.console.status(NUMBERED_HELP)?;
        }
        Ok(())
    }

    /// Handles a slash command, as the full screen has them; false if it was the exit.
    fn slash(&mut self, line: &str) -> Result<bool, End> {
        self.session.until_ready()?;
        let commands = match slash::parse(line, &self.here, self.session.chat()) {
            Ok(commands) => commands,
            Err(sentence) => return self.fail(&sentence).map(|()| true),
        };
        for command in commands {
            match command {
                Command::Do(Intent::Say(saying)) => self.say(saying)?,
                Command::Do(Intent::Close(name)) if self.session.chat().server.is_room(&name) => {
                    self.part(&name)?;
                }
                Command::Do(intent) => self.perform(&intent)?,
                Command::Go(name) if self.session.chat().server.is_room(&name) => {
                    self.join(&name)?;
                }
                Command::Go(name) => {
                    self.session.show_status(&format!("PM {name} writes to {name}."))?;
                    self.here = name;
                }
                Command::Search(words) => self.find(&words)?,
                Command::Rooms => self.rooms()?,
                Command::Help => {
                    self.help()?;
                    for command in slash::commands() {
                        let line = format!("/{} {}: {}", command.name, command.usage, command.help);
                        self.session.console.status(&line)?;
                    }
                }
                Command::Palette => self.go("")?,
                Command::ChangePassword => self.change_password()?,
                Command::Set(_) => self.fail("Plain prompts have no settings.")?,
                Command::Show(sentence) => self.session.show_status(&sentence)?,
                Command::Quit => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Performs an intent; its answers are shown as they arrive.
    fn perform(&mut self, intent: &Intent) -> Result<(), End> {
        loop {
            self.session.until_ready()?;
            match self.session.wire.perform(intent.clone()) {
                Err(SendError::NotConnected) => {}
                Err(impossible) => return self.fail(&impossible.to_string()),
                Ok(_) => break,
            }
        }
        match self.session.until_answered()? {
            Some(true) => self.succeeded = false,
            Some(false) => {}
            None => self.fail("The connection broke before the server's answer.")?,
        }
        Ok(())
    }

    /// Asks for a part of an operation; input that ends before it leaves the operation undone.
    fn detail(&mut self, question: Question) -> Result<String, End> {
        let answer = self.session.ask(question);
        if let Err(End::Left(Leaving::EndOfInput)) = answer {
            self.fail("Nothing sent: the input ended before the message was complete.")?;
        }
        self.succeeded &= answer.is_ok();
        answer
    }

    /// Reports that something was not done.
    fn fail(&mut self, sentence: &str) -> Result<(), End> {
        self.succeeded = false;
        Ok(self.session.show_status(sentence)?)
    }
}
