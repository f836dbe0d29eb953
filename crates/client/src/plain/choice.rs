//! Lists to choose from, as numbered lines: whoever cannot see a list answers with a number.

use chat::timeline::Run;
use tui::overlay::List;
use tui::palette::{Kind, Palette};

use super::Plain;
use super::session::End;
use crate::question::Question;
use crate::show::{Place, harmless};

/// Messages that are offered to be answered or reacted to.
const MESSAGES: usize = 9;
/// Messages shown around one that was found.
const AROUND: usize = 5;

/// What a number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Enter a room.
    Room(String),
    /// Write to a person.
    Person(String),
    /// Show what is unread there.
    Unread(String),
    /// Show what was said around a message.
    Message(String, String),
    /// Run a command; whether more words may follow it.
    Command(String, bool),
}

/// An answer to a question about a list.
enum Pick {
    At(usize),
    Words(String),
}

/// Which message is meant.
pub(super) enum MessageChoice {
    /// This one, of that conversation.
    Message(String, String),
    /// The newest one of somebody.
    NewestOf(String),
    /// None; this was reported.
    Nothing,
}

/// The error for a number that is on no list.
const NOT_LISTED: &str = "That number is not on a list; try help.";
/// The error for a number of an outdated list.
const OTHER_LIST: &str = "Another list was shown since; ask again for the one you mean.";

impl Plain<'_> {
    /// Offers these, if they are to be chosen by numbers: the lines with their numbers.
    pub(super) fn offer(&mut self, choices: Vec<Choice>, lines: Vec<String>) -> Vec<String> {
        if !self.numbered {
            return lines;
        }
        self.choices = choices;
        self.list = self.session.new_list();
        numbered(lines)
    }

    /// Shows messages, each of one or several lines, and offers them.
    pub(super) fn show_messages(
        &mut self,
        choices: Vec<Choice>,
        messages: &[Vec<String>],
    ) -> Result<(), End> {
        let first = messages.iter().map(|lines| lines.first().cloned().unwrap_or_default());
        let first = self.offer(choices, first.collect());
        for (first, lines) in first.iter().zip(messages) {
            self.session.console.message(first)?;
            for line in lines.iter().skip(1) {
                self.session.console.message(line)?;
            }
        }
        Ok(())
    }

    /// Does what was offered under a number; false if it was the exit.
    pub(super) fn choose(&mut self, number: usize) -> Result<bool, End> {
        if self.list != self.session.lists && !self.choices.is_empty() {
            return self.fail(OTHER_LIST).map(|()| true);
        }
        let Some(choice) = number.checked_sub(1).and_then(|at| self.choices.get(at)).cloned()
        else {
            return self.fail(NOT_LISTED).map(|()| true);
        };
        match choice {
            Choice::Room(room) => self.join(&room)?,
            Choice::Person(user) => {
                let text = self.text("")?;
                self.deliver(&user, &text, None)?;
            }
            Choice::Unread(name) => self.read(&name)?,
            Choice::Message(target, msgid) => self.around(&target, &msgid)?,
            Choice::Command(command, true) => {
                self.session.show_status(&format!("Type {command} and what it is about."))?;
            }
            Choice::Command(command, false) => return self.slash(&command),
        }
        Ok(true)
    }

    /// Shows a list of which the next answer may name something by its number.
    fn list(&mut self, lines: Vec<String>) -> Result<(), End> {
        self.choices.clear();
        self.list = self.session.new_list();
        for line in numbered(lines) {
            self.session.console.status(&line)?;
        }
        Ok(())
    }

    /// The answer to a question: one of so many that were listed, or words; none if it was refused.
    fn pick(&mut self, question: Question, count: usize) -> Result<Option<Pick>, End> {
        let answer = self.detail(question)?.trim().to_owned();
        let Some(number) = answer.parse::<usize>().ok().filter(|_| self.numbered) else {
            return Ok(Some(Pick::Words(answer)));
        };
        if self.list != self.session.lists {
            return self.fail(OTHER_LIST).map(|()| None);
        }
        match number.checked_sub(1).filter(|at| *at < count) {
            Some(at) => Ok(Some(Pick::At(at))),
            None => self.fail(NOT_LISTED).map(|()| None),
        }
    }

    /// Asks for one of these, which are listed by number, or for words; none if it was refused.
    pub(super) fn pick_of(
        &mut self,
        question: Question,
        lines: Vec<String>,
        offered: &[String],
    ) -> Result<Option<String>, End> {
        self.list(lines)?;
        Ok(self.pick(question, offered.len())?.map(|pick| match pick {
            Pick::At(at) => offered[at].clone(),
            Pick::Words(words) => words,
        }))
    }

    /// Shows what was said before and after a message.
    fn around(&mut self, target: &str, msgid: &str) -> Result<(), End> {
        if let Err(sentence) = self.session.load(target, &Run::Around(msgid.to_owned()))? {
            return self.fail(&sentence);
        }
        let conversation = self.session.chat().conversation(target);
        let said: Vec<chat::entry::Entry> = conversation
            .into_iter()
            .flat_map(|conversation| conversation.timeline.entries())
            .filter(|entry| entry.kind.is_said())
            .cloned()
            .collect();
        let Some(at) = said.iter().position(|entry| entry.msgid.as_deref() == Some(msgid)) else {
            return self.fail("That message is gone.");
        };
        for entry in &said[at.saturating_sub(AROUND)..said.len().min(at + AROUND + 1)] {
            let place = Place::of(&self.session.wire.chat, target);
            for line in self.session.console.look.record(place, entry) {
                self.session.console.message(&line)?;
            }
        }
        Ok(())
    }

    /// Offers rooms, people and commands whose names have these letters.
    pub(super) fn go(&mut self, letters: &str) -> Result<(), End> {
        self.session.until_ready()?;
        let palette = Palette::new(letters, self.session.chat());
        let choice = |hit: &tui::palette::Hit| match hit.kind {
            Kind::Command(more) => Choice::Command(hit.text.clone(), more),
            Kind::Conversation if self.session.chat().server.is_room(&hit.text) => {
                Choice::Room(hit.text.clone())
            }
            Kind::Conversation => Choice::Person(hit.text.clone()),
        };
        let choices = palette.hits.iter().map(choice).collect();
        let line = |hit: &tui::palette::Hit| match hit.about.is_empty() {
            true => hit.text.clone(),
            false => format!("{}, {}", hit.text, hit.about),
        };
        let lines: Vec<String> = palette.hits.iter().map(line).collect();
        if lines.is_empty() {
            return self.fail("No matches.");
        }
        for line in self.offer(choices, lines) {
            self.session.console.status(&harmless(&line))?;
        }
        Ok(())
    }

    /// Offers the newest messages, or only this person's own, and asks which is meant.
    pub(super) fn which_message(&mut self, own: bool) -> Result<MessageChoice, End> {
        if !self.numbered {
            return self.whose_message(Question::Author, &[]);
        }
        self.session.until_ready()?;
        let lobby = self.session.chat().lobby().map(str::to_owned);
        for place in lobby.into_iter().chain([self.here.clone()]) {
            let known = self.session.chat().conversation(&place);
            if known.is_some_and(|known| known.timeline.newest().is_none()) {
                // Where there is no history only what has come is offered.
                let _ = self.session.load(&place, &Run::Latest)?;
            }
        }
        let chat = self.session.chat();
        let mut newest: Vec<(String, &chat::entry::Entry)> = Vec::new();
        for conversation in chat.conversations.values() {
            let said = conversation.timeline.entries().rev().filter(|entry| {
                let can_be = entry.kind.is_said() && entry.redacted_by.is_none();
                can_be && entry.msgid.is_some() && (entry.mine || !own)
            });
            newest.extend(said.take(MESSAGES).map(|entry| (conversation.name.clone(), entry)));
        }
        newest.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.time_ms));
        newest.truncate(MESSAGES);
        let look = &self.session.console.look;
        let lines = newest.iter().map(|(target, entry)| {
            look.record(Place::of(chat, target), entry).into_iter().next().unwrap_or_default()
        });
        let lines: Vec<String> = lines.collect();
        let offered: Vec<(String, String)> = newest
            .iter()
            .map(|(target, entry)| (target.clone(), entry.msgid.clone().unwrap_or_default()))
            .collect();
        if own && offered.is_empty() {
            self.fail("No message of yours is here; REDACT user takes back the newest of a user.")?;
            return Ok(MessageChoice::Nothing);
        }
        self.list(lines)?;
        let question = if offered.is_empty() { Question::Author } else { Question::Message };
        self.whose_message(question, &offered)
    }

    fn whose_message(
        &mut self,
        question: Question,
        offered: &[(String, String)],
    ) -> Result<MessageChoice, End> {
        Ok(match self.pick(question, offered.len())? {
            Some(Pick::At(at)) => {
                MessageChoice::Message(offered[at].0.clone(), offered[at].1.clone())
            }
            Some(Pick::Words(user)) if !user.is_empty() => MessageChoice::NewestOf(user),
            Some(Pick::Words(_)) => {
                self.fail("No message was named.")?;
                MessageChoice::Nothing
            }
            None => MessageChoice::Nothing,
        })
    }

    /// Asks how to react; the usual reactions are offered.
    pub(super) fn which_reaction(&mut self) -> Result<Option<String>, End> {
        if !self.numbered {
            return self.detail(Question::Reaction).map(Some);
        }
        let usual = List::default().reactions();
        let names = usual.iter().map(|(emoji, name)| format!("{name} {emoji}"));
        let offered: Vec<String> = usual.iter().map(|(emoji, _)| (*emoji).to_owned()).collect();
        self.pick_of(Question::Reaction, names.collect(), &offered)
    }
}

/// Lines with their numbers.
pub(super) fn numbered(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().enumerate().map(|(at, line)| format!("{}: {line}", at + 1)).collect()
}
