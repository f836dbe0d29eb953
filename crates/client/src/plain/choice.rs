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
    /// Do a command; whether more words may follow it.
    Command(String, bool),
}

impl Plain<'_> {
    /// Offers these, if they are to be chosen by numbers: the lines with their numbers.
    pub(super) fn offer(&mut self, choices: Vec<Choice>, lines: Vec<String>) -> Vec<String> {
        if !self.numbered {
            return lines;
        }
        self.choices = choices;
        numbered(lines)
    }

    /// Does what was offered under a number.
    pub(super) fn choose(&mut self, number: usize) -> Result<(), End> {
        let Some(choice) = number.checked_sub(1).and_then(|at| self.choices.get(at)).cloned()
        else {
            return self.refuse("That number is not on a list; try help.");
        };
        match choice {
            Choice::Room(room) => self.join(&room),
            Choice::Person(user) => {
                let text = self.text("")?;
                self.deliver(&user, &text, None)
            }
            Choice::Unread(name) => self.read(&name),
            Choice::Message(target, msgid) => self.around(&target, &msgid),
            Choice::Command(command, true) => {
                Ok(self.session.aside(&format!("Type {command} and what it is about."))?)
            }
            Choice::Command(command, false) => self.slash(&command).map(drop),
        }
    }

    /// The answer to a question that offers a list: what has that number, or the answer itself.
    pub(super) fn pick(&mut self, question: Question, offered: &[String]) -> Result<String, End> {
        let answer = self.detail(question)?;
        let answer = answer.trim();
        let number = answer.parse::<usize>().ok().filter(|_| self.numbered);
        let offered = number.and_then(|number| offered.get(number.checked_sub(1)?));
        Ok(offered.map_or(answer, String::as_str).to_owned())
    }

    /// Shows what was said before and after a message.
    fn around(&mut self, target: &str, msgid: &str) -> Result<(), End> {
        if let Err(sentence) = self.session.load(target, &Run::Around(msgid.to_owned()))? {
            return self.refuse(&sentence);
        }
        let conversation = self.session.chat().conversation(target);
        let said: Vec<chat::entry::Entry> = conversation
            .into_iter()
            .flat_map(|conversation| conversation.timeline.entries())
            .filter(|entry| entry.kind.is_said())
            .cloned()
            .collect();
        let Some(at) = said.iter().position(|entry| entry.msgid.as_deref() == Some(msgid)) else {
            return self.refuse("That message is gone.");
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
            return self.refuse("Nothing fits that.");
        }
        for line in self.offer(choices, lines) {
            self.session.console.status(&harmless(&line))?;
        }
        Ok(())
    }

    /// Offers the newest messages, and asks which is meant: its conversation and msgid, or whose newest it is.
    pub(super) fn which_message(&mut self) -> Result<Result<(String, String), String>, End> {
        if !self.numbered {
            return Ok(Err(self.detail(Question::Author)?.trim().to_owned()));
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
                entry.kind.is_said() && entry.redacted_by.is_none() && entry.msgid.is_some()
            });
            newest.extend(said.take(MESSAGES).map(|entry| (conversation.name.clone(), entry)));
        }
        newest.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.time_ms));
        newest.truncate(MESSAGES);
        let look = &self.session.console.look;
        let lines = newest.iter().map(|(target, entry)| {
            look.record(Place::of(chat, target), entry).into_iter().next().unwrap_or_default()
        });
        let lines = numbered(lines.collect());
        let offered: Vec<(String, String)> = newest
            .iter()
            .map(|(target, entry)| (target.clone(), entry.msgid.clone().unwrap_or_default()))
            .collect();
        for line in lines {
            self.session.console.status(&line)?;
        }
        if offered.is_empty() {
            return Ok(Err(self.detail(Question::Author)?.trim().to_owned()));
        }
        let answer = self.detail(Question::Message)?;
        let number = answer.trim().parse::<usize>().ok();
        let chosen = number.and_then(|number| offered.get(number.checked_sub(1)?));
        Ok(chosen.cloned().ok_or_else(|| answer.trim().to_owned()))
    }

    /// Asks how to react; the usual reactions are offered.
    pub(super) fn which_reaction(&mut self) -> Result<String, End> {
        let usual = List::default().reactions();
        if self.numbered {
            let names = usual.iter().map(|(emoji, name)| format!("{name} {emoji}"));
            for line in numbered(names.collect()) {
                self.session.console.status(&line)?;
            }
        }
        let offered: Vec<String> = usual.iter().map(|(emoji, _)| (*emoji).to_owned()).collect();
        self.pick(Question::Reaction, &offered)
    }
}

/// Lines with their numbers.
pub(super) fn numbered(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().enumerate().map(|(at, line)| format!("{}: {line}", at + 1)).collect()
}
