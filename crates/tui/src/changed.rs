//! How the screen reacts to changes: notifications, status sentences, the open conversation.

use crate::action::Action;
use crate::overlay::Overlay;
use crate::tui::{Focus, Tui};
use chat::conversation::{Conversation, Notify, With};
use chat::entry::{Entry, Kind};
use chat::outgoing::HELD_BACK;
use chat::{Change, Chat, Intent};
use proto::name::{fold, same};

/// Notifications of one batch of changes: more at once would be useless.
const NOTIFIED: usize = 3;

impl Tui {
    /// Reacts to changes in the model.
    pub fn changed(&mut self, changes: &[Change], chat: &Chat) -> Vec<Action> {
        let mut actions = Vec::new();
        for change in changes {
            match change {
                Change::Said { target, entry } => {
                    actions.extend(self.notification(target, entry, chat));
                }
                // The reason is shown for the refused piece, not for those held back.
                Change::Settled { outcome: Err(reason), .. } if reason == HELD_BACK => {}
                Change::Settled { outcome: Err(reason), .. } => {
                    self.show_status(&format!("Not sent: {reason}"), true);
                }
                Change::Page { target, refused: Some(reason), .. }
                    if same(target, &self.open) && chat.connected =>
                {
                    self.show_status(&format!("The history cannot be loaded: {reason}"), true);
                }
                Change::Listed => {
                    if let Some(Overlay::Rooms(list)) = &mut self.overlay {
                        list.selected = 0;
                    }
                }
                Change::Found => {
                    if let Some(Overlay::Search(list)) = &mut self.overlay {
                        list.selected = list.selected.min(chat.search.found.len().max(1) - 1);
                    }
                }
                Change::Names { room, members } if members.is_empty() => {
                    self.show_status(&chat.server.no_names(room), true);
                }
                Change::Names { room, members } => {
                    let names: Vec<String> =
                        members.iter().map(|one| format!("{}{}", one.marks, one.nick)).collect();
                    let count = names.len();
                    self.show_status(&format!("{count} in {room}: {}", names.join(", ")), false);
                }
                Change::Closing(reason) => {
                    self.show_status(&format!("The server says: {reason}"), true);
                }
                Change::Ready => actions.extend(self.ready(chat)),
                Change::Conversation(name) => actions.extend(self.left(name, chat)),
                _ => {}
            }
        }
        let is_notification = |action: &Action| matches!(action, Action::Notify { .. });
        let mut notified = 0;
        actions.retain(|action| {
            notified += usize::from(is_notification(action));
            !is_notification(action) || notified <= NOTIFIED
        });
        actions.extend(self.follow_the_open_one(chat));
        actions
    }

    /// Logged in: the open conversation stays open; the first time the lobby is opened.
    fn ready(&mut self, chat: &Chat) -> Vec<Action> {
        // Only now is it known what is unread, after a break as well.
        self.memory.opened = true;
        let wanted = Some(self.open.clone()).filter(|name| chat.conversation(name).is_some());
        let wanted = wanted.filter(|name| !name.is_empty());
        let wanted = wanted.or_else(|| chat.home().map(str::to_owned));
        let Some(name) = wanted else { return Vec::new() };
        let early = if self.open.is_empty() { self.composer().take() } else { String::new() };
        let actions = self.open(&name, chat);
        // What was typed before a conversation was open moves there.
        if self.composer().is_empty() {
            self.composer().set(&early);
        }
        actions
    }

    /// A room that the person left disappears from the list; one they were removed from stays, and shows why.
    fn left(&mut self, name: &str, chat: &Chat) -> Option<Action> {
        let is_left = self.memory.leaving.as_ref().is_some_and(|room| same(room, name))
            && chat.conversation(name).is_some_and(|room| !room.joined);
        let room = self.memory.leaving.take_if(|_| is_left)?;
        Some(Action::Do(Intent::Close(room)))
    }

    /// If the open conversation is gone, another one is opened.
    fn follow_the_open_one(&mut self, chat: &Chat) -> Vec<Action> {
        if !self.memory.opened || chat.conversation(&self.open).is_some() {
            return Vec::new();
        }
        let next = Some(self.memory.before.clone())
            .filter(|name| !name.is_empty() && chat.conversation(name).is_some());
        let next = next.or_else(|| chat.home().map(str::to_owned)).unwrap_or_default();
        self.open(&next, chat)
    }

    /// The notification of a message, if the person is not looking and wants it.
    fn notification(&self, target: &str, entry: &Entry, chat: &Chat) -> Option<Action> {
        let conversation = chat.conversation(target)?;
        if self.focused || entry.mine || !wants_notification(conversation, entry) {
            return None;
        }
        let title = match conversation.with {
            With::Room => format!("{} in {target}", entry.from),
            With::Person | With::Server => entry.from.clone(),
        };
        let text = match entry.kind {
            Kind::Action => format!("{} {}", entry.from, entry.text),
            _ => entry.text.clone(),
        };
        Some(Action::Notify { title, text })
    }

    /// The window's title: the unread count and the open conversation.
    pub fn title(&self, chat: &Chat, server: &str) -> String {
        let counts = chat.conversations.values().filter(|room| room.notify != Notify::None);
        let of = |room: &Conversation| match room.with {
            With::Person => room.unread,
            With::Room if room.notify == Notify::All => room.unread,
            With::Room | With::Server => room.mentions,
        };
        let count: u64 = counts.map(of).sum();
        let place = if self.open.is_empty() { server } else { &self.open };
        match count {
            0 => format!("{place} – Parlor"),
            _ => format!("({count}) {place} – Parlor"),
        }
    }

    /// The drafts, by folded name.
    pub fn drafts(&self) -> impl Iterator<Item = (&str, &str)> {
        let written = self.views.iter().filter(|(_, place)| !place.composer.is_empty());
        written.map(|(name, place)| (name.as_str(), place.composer.text()))
    }

    /// Restores a draft of an earlier session.
    pub fn set_draft(&mut self, name: &str, text: &str) {
        if self.views.len() < crate::limits::CONVERSATION_VIEWS {
            self.views.entry(fold(name)).or_default().composer.set(text);
        }
    }

    /// Restores the input history of earlier sessions, oldest first.
    pub fn set_input_history(&mut self, lines: impl IntoIterator<Item = String>) {
        self.memory.input_history = crate::composer::InputHistory::new(lines);
    }

    /// The external editor has returned what was written to this conversation.
    pub fn edited(&mut self, name: &str, text: &str) {
        let place = self.views.entry(fold(name)).or_default();
        let text = text.strip_suffix('\n').unwrap_or(text);
        if !place.composer.set(text) {
            self.no_room();
        }
        if !same(name, &self.open) && !text.is_empty() {
            let place = if name.is_empty() { "the server's page" } else { name };
            self.show_status(&format!("What you wrote is kept as a draft in {place}."), false);
        }
    }

    /// A message could not be sent: its text returns to the composer.
    pub fn not_sent(&mut self, to: &str, text: &str, sentence: &str) {
        let place = self.views.entry(fold(to)).or_default();
        if place.composer.is_empty() {
            place.composer.set(text);
        }
        self.focus = Focus::Composer;
        self.show_status(sentence, true);
    }
}

fn wants_notification(conversation: &Conversation, entry: &Entry) -> bool {
    match conversation.notify {
        Notify::None => false,
        Notify::All => true,
        Notify::Mentions => {
            entry.mentions_me || (conversation.with == With::Person && entry.kind != Kind::Notice)
        }
    }
}
