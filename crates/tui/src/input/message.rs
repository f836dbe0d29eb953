//! Keys on a focused message.

use crate::action::Action;
use crate::conversation_view::RowId;
use crate::input::OpenQuestion;
use crate::keymap::Act;
use crate::overlay::{Answer, Question};
use crate::tui::{Focus, Tui};
use chat::entry::{Delivery, Entry};
use chat::{Chat, Intent};

impl Tui {
    pub(super) fn act_on_message(&mut self, id: &RowId, act: Act, chat: &Chat) -> Vec<Action> {
        match act {
            Act::MessageAbove => {
                self.focus_above(chat);
                return Vec::new();
            }
            Act::MessageBelow => {
                self.focus_below(chat);
                return Vec::new();
            }
            Act::React => {
                self.offer_reactions(id);
                return Vec::new();
            }
            _ => {}
        }
        // It may not be loaded yet, or not any more.
        let Some(entry) = self.entry(id, chat) else { return self.navigate(act, chat) };
        match act {
            Act::Reply => self.reply(&entry),
            Act::Copy => {
                self.show_status("Copied.", false);
                vec![Action::Copy(entry.text)]
            }
            Act::TakeBack => self.ask_to_take_back(&entry),
            Act::Jump => match &entry.reply_to {
                Some(msgid) => {
                    let (here, msgid) = (self.open.clone(), msgid.clone());
                    self.visit(&here, &msgid, chat)
                }
                None => self.show_error("This answers no other message."),
            },
            Act::Pin => self.pin(&entry, chat),
            Act::Retry | Act::Edit | Act::Discard if is_under_way(&entry) => {
                self.show_error("This is still on its way.")
            }
            Act::Retry => match entry.outgoing {
                Some(number) => vec![Action::Do(Intent::Retry(number))],
                None => self.show_error("This was sent already."),
            },
            Act::Edit => match entry.outgoing {
                Some(number) => {
                    self.focus = Focus::Composer;
                    self.conversation_view().reply_to = entry.reply_to;
                    self.composer().set(&entry.text);
                    vec![Action::Do(Intent::Discard(number))]
                }
                None => self.show_error("What was sent cannot be edited; it can be taken back."),
            },
            Act::Discard => match entry.outgoing {
                Some(number) => {
                    self.focus = Focus::Composer;
                    vec![Action::Do(Intent::Discard(number))]
                }
                None => self.show_error("This was sent already; it can be taken back."),
            },
            _ => self.navigate(act, chat),
        }
    }

    fn show_error(&mut self, sentence: &str) -> Vec<Action> {
        self.show_status(sentence, true);
        Vec::new()
    }

    /// The message or event with this id.
    pub(super) fn entry(&self, id: &RowId, chat: &Chat) -> Option<Entry> {
        match id {
            RowId::Msgid(msgid) => chat.find_message(&self.open, msgid).cloned(),
            RowId::Outgoing(number) => {
                let mut waiting = chat.waiting(&self.open);
                waiting.find(|outgoing| outgoing.number == *number).map(|o| o.entry(&chat.me))
            }
            RowId::Gap => None,
            RowId::Local(..) => {
                let mut entries = self.conversation(chat)?.timeline.entries();
                entries.rfind(|entry| RowId::of(entry) == *id).cloned()
            }
        }
    }

    fn reply(&mut self, entry: &Entry) -> Vec<Action> {
        let Some(msgid) = entry.msgid.clone().filter(|_| entry.kind.is_said()) else {
            return self.show_error("Nobody can reply to this.");
        };
        self.focus = Focus::Composer;
        self.conversation_view().reply_to = Some(msgid);
        Vec::new()
    }

    fn ask_to_take_back(&mut self, entry: &Entry) -> Vec<Action> {
        if is_under_way(entry) {
            return self.show_error("This is still on its way.");
        }
        if let Some(number) = entry.outgoing {
            return vec![Action::Do(Intent::Discard(number))];
        }
        let Some(msgid) = entry.msgid.clone().filter(|_| entry.redacted_by.is_none()) else {
            return self.show_error("There is nothing to take back.");
        };
        self.ask(Question {
            title: "Take a message back".to_owned(),
            text: entry.text.clone(),
            prompt: "Take it back, for everybody? (y/n)".to_owned(),
            answer: Answer::Text,
            input: Default::default(),
        });
        self.memory.asking = OpenQuestion::TakeBack { target: self.open.clone(), msgid };
        Vec::new()
    }

    fn pin(&mut self, entry: &Entry, chat: &Chat) -> Vec<Action> {
        let room = &self.open;
        let Some(msgid) = entry.msgid.as_ref().filter(|_| chat.server.is_room(room)) else {
            return self.show_error("Only messages in rooms can be pinned.");
        };
        let pinned = self.conversation(chat).is_some_and(|room| room.pins.contains(msgid));
        let verb = if pinned { "UNPIN" } else { "PIN" };
        vec![Action::Do(Intent::Raw(format!("{verb} {room} {msgid}")))]
    }
}

/// Whether it is one's own, and the server has neither taken nor refused it.
fn is_under_way(entry: &Entry) -> bool {
    entry.outgoing.is_some() && entry.delivery == Some(Delivery::Pending)
}
