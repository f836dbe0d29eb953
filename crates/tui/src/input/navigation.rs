//! Keys that work everywhere: they switch rooms, scroll the timeline, open overlays.

use crate::action::Action;
use crate::conversation_view::{RowId, Scroll};
use crate::keymap::Act;
use crate::overlay::{List, Overlay};
use crate::palette::Palette;
use crate::slash::Command;
use crate::tui::{Focus, Tui};
use chat::Chat;
use chat::conversation::{Conversation, Notify, With};
use proto::name::same;

impl Tui {
    pub(super) fn navigate(&mut self, act: Act, chat: &Chat) -> Vec<Action> {
        match act {
            Act::Help => self.overlay = Some(Overlay::Help(0)),
            Act::Palette => self.overlay = Some(Overlay::Palette(Palette::new("", chat))),
            Act::Search => {
                let mut list = List::default();
                list.input.set(&chat.search.words);
                self.overlay = Some(Overlay::Search(list));
            }
            Act::Rooms => return self.execute(Command::Rooms, chat),
            Act::NextUnread => return self.next_unread(chat),
            Act::RoomAbove => return self.go_to_neighbour(chat, true),
            Act::RoomBelow => return self.go_to_neighbour(chat, false),
            Act::Room(number) => {
                let listed = self.listed(chat);
                let name = listed.get(usize::from(number) - 1).map(|room| room.name.clone());
                return name.map_or(Vec::new(), |name| self.go_to(&name, chat));
            }
            Act::LastRoom => {
                let before = self.memory.before.clone();
                return self.go_to(&before, chat);
            }
            Act::PageUp => self.scroll_pages(-1, chat),
            Act::PageDown => {
                self.scroll_pages(1, chat);
                self.end_visit_at_end();
            }
            Act::Back => return self.back(chat),
            Act::React => return self.react_to_newest(chat),
            Act::Members => self.settings.members = !self.settings.members,
            _ => {}
        }
        Vec::new()
    }

    /// Opens a conversation chosen by the person.
    pub(super) fn go_to(&mut self, name: &str, chat: &Chat) -> Vec<Action> {
        if !same(name, &self.open) {
            self.memory.before = self.open.clone();
        }
        self.memory.return_to = None;
        // The core's spelling is the right one.
        let known = chat.conversation(name).map(|conversation| conversation.name.clone());
        self.open(known.as_deref().unwrap_or(name), chat)
    }

    /// From a message to the composer; after a jump, back to where it began; else to the newest
    /// messages.
    fn back(&mut self, chat: &Chat) -> Vec<Action> {
        if let Some((name, scroll)) = self.memory.return_to.take() {
            let actions = match same(&name, &self.open) {
                true => Vec::new(),
                false => self.open(&name, chat),
            };
            self.focus = Focus::Composer;
            self.conversation_view().scroll = scroll;
            return actions;
        }
        if self.focus != Focus::Composer {
            self.focus = Focus::Composer;
        } else if self.conversation_view().scroll != Scroll::End {
            self.scroll_to_end();
        } else {
            self.conversation_view().reply_to = None;
        }
        Vec::new()
    }

    /// A person who has scrolled to the newest messages is no longer visiting.
    pub(super) fn end_visit_at_end(&mut self) {
        if self.conversation_view().scroll == Scroll::End {
            self.memory.return_to = None;
        }
    }

    /// Jumps to a message, and remembers where from, for Esc.
    pub(super) fn visit(&mut self, target: &str, msgid: &str, chat: &Chat) -> Vec<Action> {
        let here = self.here();
        let actions = self.jump(target, msgid, chat);
        self.memory.return_to.get_or_insert(here);
        actions
    }

    /// The next unread conversation: mentions first, then people, then rooms.
    fn next_unread(&mut self, chat: &Chat) -> Vec<Action> {
        let rank = |conversation: &Conversation| match conversation.with {
            _ if conversation.mentions > 0 => 0,
            With::Person => 1,
            With::Room => 2,
            With::Server => 3,
        };
        let listed = self.listed(chat);
        let here = listed.iter().position(|room| same(&room.name, &self.open)).unwrap_or(0);
        let after = listed.iter().cycle().skip(here + 1).take(listed.len().saturating_sub(1));
        let unread = after.filter(|room| room.unread > 0 && room.notify != Notify::None);
        // Of equals the first wins, which is the next one in the list.
        let next = unread.min_by_key(|room| rank(room)).map(|room| room.name.clone());
        match next {
            Some(name) => self.go_to(&name, chat),
            None => {
                self.show_status("Nothing is unread.", false);
                Vec::new()
            }
        }
    }

    fn go_to_neighbour(&mut self, chat: &Chat, above: bool) -> Vec<Action> {
        let listed = self.listed(chat);
        let count = listed.len().max(1);
        let here = listed.iter().position(|room| same(&room.name, &self.open)).unwrap_or(0);
        let next = if above { here + count - 1 } else { here + 1 } % count;
        let name = listed.get(next).map(|room| room.name.clone());
        name.map_or(Vec::new(), |name| self.go_to(&name, chat))
    }

    /// Offers reactions to the newest message of another person.
    fn react_to_newest(&mut self, chat: &Chat) -> Vec<Action> {
        let entries = self.conversation(chat).map(|conversation| conversation.timeline.entries());
        let newest = entries.and_then(|entries| {
            entries.rev().find(|entry| entry.kind.is_said() && entry.msgid.is_some())
        });
        match newest.and_then(|entry| entry.msgid.clone()) {
            Some(msgid) => self.offer_reactions(&RowId::Msgid(msgid)),
            None => self.show_status("There is no message to react to.", true),
        }
        Vec::new()
    }

    /// Offers reactions to a message.
    pub(super) fn offer_reactions(&mut self, id: &RowId) {
        let RowId::Msgid(msgid) = id else {
            self.show_status("Nobody can react to this: the server has no id for it.", true);
            return;
        };
        self.memory.reacting = Some((self.open.clone(), msgid.clone()));
        self.overlay = Some(Overlay::Reactions(List::default()));
    }
}
