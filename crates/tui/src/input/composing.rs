//! Keys in the composer: editing, completing, sending.

use crate::action::Action;
use crate::complete::Completion;
use crate::keymap::Act;
use crate::overlay::{List, Overlay};
use crate::palette::Palette;
use crate::slash::{self, Command};
use crate::tui::Tui;
use chat::{Chat, Intent};
use proto::name::same;

impl Tui {
    pub(super) fn act_in_composer(&mut self, act: Act, chat: &Chat) -> Vec<Action> {
        match act {
            Act::Send => return self.send(chat),
            Act::Complete | Act::CompleteBack => {
                self.complete(act == Act::CompleteBack, chat);
                return Vec::new();
            }
            Act::Editor => {
                let text = self.composer().text().to_owned();
                return vec![Action::ExternalEditor { name: self.open.clone(), text }];
            }
            Act::FocusMessage => {
                self.focus_above(chat);
                return Vec::new();
            }
            Act::Oldest => {
                self.scroll_to_start(chat);
                return Vec::new();
            }
            Act::Newest => {
                self.scroll_to_end();
                self.end_visit_at_end();
                return Vec::new();
            }
            Act::Leave => return vec![Action::Quit],
            _ => {}
        }
        let history = std::mem::take(&mut self.memory.input_history);
        let edited = self.composer().act(act, &history);
        self.memory.input_history = history;
        match edited {
            true if self.composer().is_empty() => self.send_typing(false),
            true => Vec::new(),
            false => self.navigate(act, chat),
        }
    }

    /// Notifies others that this person is typing, or has stopped; not for commands.
    pub(super) fn send_typing(&mut self, active: bool) -> Vec<Action> {
        if self.open.is_empty() || self.composer().text().starts_with('/') {
            return Vec::new();
        }
        vec![Action::Do(Intent::Typing { target: self.open.clone(), active })]
    }

    fn complete(&mut self, back: bool, chat: &Chat) {
        let here = self.open.clone();
        let completion = match self.memory.completion.take() {
            Some(mut completion) => {
                completion.turn(back);
                Some(completion)
            }
            None => {
                let composer = self.composer();
                Completion::of(composer.text(), composer.cursor(), &here, chat)
            }
        };
        let Some(mut completion) = completion else { return };
        let composer = self.composer();
        composer.replace(completion.from, completion.to, completion.choice());
        completion.to = composer.cursor();
        if completion.choices.len() > 2 {
            let choices: Vec<&str> =
                completion.choices.iter().map(|choice| choice.trim()).collect();
            let (_, choices) = choices.split_last().unwrap_or((&"", &[]));
            let shown = choices.iter().take(12).copied().collect::<Vec<_>>().join("  ");
            self.show_status(&shown, false);
        }
        self.memory.completion = Some(completion);
    }

    fn send(&mut self, chat: &Chat) -> Vec<Action> {
        let text = self.composer().text().to_owned();
        if text.trim().is_empty() {
            return Vec::new();
        }
        let commands = match slash::parse(&text, &self.open, chat) {
            Ok(commands) => commands,
            Err(sentence) => {
                self.show_status(&sentence, true);
                return Vec::new();
            }
        };
        self.composer().take();
        self.memory.input_history.add(&text);
        let mut actions = vec![Action::Remember(text)];
        for command in commands {
            actions.extend(self.execute(command, chat));
        }
        actions
    }

    /// Executes a command.
    pub(super) fn execute(&mut self, command: Command, chat: &Chat) -> Vec<Action> {
        match command {
            Command::Do(Intent::Say(mut saying)) => {
                if same(&saying.to, &self.open) {
                    saying.reply_to = self.conversation_view().reply_to.take();
                    self.memory.return_to = None;
                    self.scroll_to_end();
                } else {
                    self.show_status(&format!("Said to {}: {}", saying.to, saying.text), false);
                }
                vec![Action::Do(Intent::Say(saying))]
            }
            Command::Do(intent) => {
                if let Intent::Close(room) = &intent {
                    self.memory.leaving = Some(room.clone());
                }
                vec![Action::Do(intent)]
            }
            Command::Go(name) => self.go_to(&name, chat),
            Command::Search(words) => {
                let mut list = List::default();
                list.input.set(&words);
                self.overlay = Some(Overlay::Search(list));
                match words.trim() {
                    "" => Vec::new(),
                    _ => vec![Action::Do(Intent::Search { words, before_ms: None })],
                }
            }
            Command::Rooms => {
                self.overlay = Some(Overlay::Rooms(List::default()));
                vec![Action::Do(Intent::List)]
            }
            Command::Help => {
                self.overlay = Some(Overlay::Help(0));
                Vec::new()
            }
            Command::Palette => {
                self.overlay = Some(Overlay::Palette(Palette::new("", chat)));
                Vec::new()
            }
            Command::ChangePassword => vec![Action::ChangePassword],
            Command::Set(text) => vec![Action::Set(text)],
            Command::Show(text) => {
                self.show_status(&text, false);
                Vec::new()
            }
            Command::Quit => vec![Action::Quit],
        }
    }
}
