//! Messages, and what refers to them: reactions, redactions, pins; typing.

use super::Received;
use crate::change::Change;
use crate::chat::Chat;
use crate::entry::{Delivery, Entry, Kind, mentions};
use crate::outgoing::HELD_BACK;
use crate::timeline::Run;
use proto::Message;
use proto::mask::Source;
use proto::name::{fold, same};
use std::collections::BTreeMap;

impl Chat {
    /// A message or an event of a conversation as a row, and the conversation's name. None if it belongs to no conversation.
    pub(crate) fn parse_entry(&self, received: &Received<'_>) -> Option<(String, Entry)> {
        let message = received.message;
        let source = Source::parse(message.source?);
        let from = source.nick;
        let mine = same(from, &self.me);
        let verb = message.verb.to_ascii_uppercase();
        let (first, last) = (received.param(0), received.last());
        let second = received.param(1);
        let (kind, place, whom, text) = match verb.as_str() {
            "PRIVMSG" | "NOTICE" => {
                let (_, place) = self.server.split_marks(first);
                let place = match self.server.is_room(place) {
                    true => place,
                    false if mine => first,
                    false => from,
                };
                let (kind, text) = kind_and_text(&verb, second)?;
                (kind, place, "", text)
            }
            "JOIN" => (Kind::Join, first, "", ""),
            "PART" => (Kind::Part, first, "", second),
            "KICK" => (Kind::Kick, first, second, received.param(2)),
            "TOPIC" => (Kind::Topic, first, "", second),
            "INVITE" => (Kind::Invite, second, first, ""),
            "MODE" if self.server.is_room(first) => (Kind::Mode, first, "", ""),
            "QUIT" => (Kind::Quit, "", "", last),
            "NICK" => (Kind::Nick, "", first, ""),
            _ => return None,
        };
        let tag = |name: &str| message.tags.get(name).map(|value| value.into_owned());
        let text = match kind {
            Kind::Mode => message.params()[1..].join(" "),
            _ => text.to_owned(),
        };
        let room_wide = self.server.is_room(place) && mentions_room(&text);
        let entry = Entry {
            msgid: tag("msgid"),
            mine,
            mentions_me: kind.is_said() && !mine && (room_wide || mentions(&text, &self.me)),
            whom: whom.to_owned(),
            account: tag("account").filter(|account| account != "*"),
            tags: client_tags(message),
            reply_to: tag("+draft/reply").or_else(|| tag("+reply")),
            delivery: (mine && kind.is_said() && message.tags.get("msgid").is_some())
                .then_some(Delivery::Stored),
            ..Entry::new(kind, from, received.time_ms(), &text)
        };
        Some((place.to_owned(), entry))
    }

    /// A live message.
    pub(super) fn said(&mut self, received: &Received<'_>) {
        let Some(source) = received.message.source else { return };
        if Source::parse(source).host.is_none() && !same(source, &self.me) {
            // The server speaks, not a person.
            let place = match self.server.is_room(received.param(0)) {
                true => received.param(0).to_owned(),
                false => String::new(),
            };
            self.show_sentence(&place, Kind::Info, received.now_ms, received.param(1));
            return;
        }
        if let Some((place, entry)) = self.parse_entry(received) {
            self.arrived(&place, entry, received.label);
        }
    }

    /// A complete message has arrived.
    pub(super) fn arrived(&mut self, place: &str, entry: Entry, label: Option<u64>) {
        if entry.mine && self.confirm(&entry, label) && self.request_position(place, &entry) {
            return;
        }
        let (mine, mentions_me) = (entry.mine, entry.mentions_me);
        self.conversation_mut(place).set_typing(&entry.from, 0, false);
        if !self.add(place, entry.clone()) {
            return;
        }
        let ready = self.ready;
        let counts = !self.server.has("parlor/unread") || ready;
        let conversation = self.conversation_mut(place);
        let name = conversation.name.clone();
        if !mine && counts && (entry.kind != Kind::Notice || mentions_me) {
            conversation.unread += 1;
            conversation.mentions += u64::from(mentions_me);
            if conversation.first_unread.is_none() {
                conversation.first_unread.clone_from(&entry.msgid);
            }
            self.changes.push(Change::Conversation(name.clone()));
        }
        self.changes.push(Change::Said { target: name, entry: Box::new(entry) });
    }

    /// One's own message has come back: it is stored. Without a label the oldest one of this text is meant.
    /// Returns whether it had been sent on an earlier connection, too.
    fn confirm(&mut self, entry: &Entry, label: Option<u64>) -> bool {
        let at = match label {
            Some(label) => self.outgoing.iter().position(|outgoing| outgoing.number == label),
            None if self.server.has("labeled-response") => None,
            None => self
                .outgoing
                .iter()
                .position(|outgoing| outgoing.sent && outgoing.text == entry.text),
        };
        let Some(outgoing) = at.and_then(|at| self.outgoing.remove(at)) else { return false };
        let outcome = Ok(entry.msgid.clone());
        let settled = Change::Settled { number: outgoing.number, outcome };
        if self.within_answer {
            self.confirmed = Some((outgoing.number, outgoing.to.clone()));
            self.unfinished.push(settled);
        } else {
            self.changes.push(settled);
        }
        self.changes.push(Change::Timeline(outgoing.to));
        outgoing.resent
    }

    /// A message resent after a break may have been stored before it, and others after it: then only history knows its
    /// place. Requests that page; false if the message is known or history is not supported.
    fn request_position(&mut self, place: &str, entry: &Entry) -> bool {
        let Some(msgid) = &entry.msgid else { return false };
        if !self.server.has("draft/chathistory") || !self.server.has("labeled-response") {
            return false;
        }
        let conversation = self.conversation_mut(place);
        if conversation.timeline.has(msgid) {
            return false;
        }
        conversation.timeline.break_off();
        self.wanted.push((place.to_owned(), Run::Around(msgid.clone())));
        true
    }

    /// One's own message was refused, and with it what has not been sent of its text.
    pub(super) fn refuse(&mut self, number: u64, reason: &str) -> bool {
        let mut all = self.outgoing.iter();
        let Some(refused) = all.find(|outgoing| outgoing.number == number) else { return false };
        let text_id = refused.text_id;
        self.changes.push(Change::Timeline(refused.to.clone()));
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.text_id == text_id) {
            let waits = outgoing.delivery == Delivery::Pending && !outgoing.sent;
            let reason = match outgoing.number {
                of if of == number => reason,
                _ if waits => HELD_BACK,
                _ => continue,
            };
            outgoing.delivery = Delivery::Failed { reason: reason.to_owned() };
            outgoing.retry_at_ms = None;
            let (number, outcome) = (outgoing.number, Err(reason.to_owned()));
            self.changes.push(Change::Settled { number, outcome });
        }
        true
    }

    pub(super) fn tagged(&mut self, received: &Received<'_>) {
        let tags = &received.message.tags;
        let from = received.from().to_owned();
        let mine = same(&from, &self.me);
        let (_, target) = self.server.split_marks(received.param(0));
        let place = if self.server.is_room(target) || mine { target } else { &from };
        if let Some(typing) = tags.get("+typing")
            && !mine
            && let Some(conversation) = self.conversations.get_mut(&fold(place))
        {
            conversation.set_typing(&from, received.now_ms, typing == "active");
            self.changes.push(Change::Conversation(conversation.name.clone()));
        }
        let (place, tag) = (place.to_owned(), |name: &str| tags.get(name));
        let Some(msgid) = tag("+draft/reply").or_else(|| tag("+reply")) else { return };
        if let Some(text) = tag("+draft/react") {
            self.reacted(&place, &msgid, &text, &from, false);
        }
        if let Some(text) = tag("+draft/unreact") {
            self.reacted(&place, &msgid, &text, &from, true);
        }
    }

    /// Somebody reacts to a message that may be here.
    pub(crate) fn reacted(&mut self, place: &str, msgid: &str, text: &str, by: &str, undo: bool) {
        let Some(conversation) = self.conversations.get_mut(&fold(place)) else { return };
        self.changes.push(Change::Reacted {
            target: conversation.name.clone(),
            msgid: msgid.to_owned(),
            text: text.to_owned(),
            by: by.to_owned(),
            undo,
        });
        let Some(entry) = conversation.timeline.find_mut(msgid) else { return };
        if undo {
            entry.unreact(text, by);
        } else {
            entry.react(text, by);
        }
        self.changes.push(Change::Timeline(conversation.name.clone()));
    }

    pub(super) fn redacted(&mut self, received: &Received<'_>) {
        let (from, target, msgid) = (received.from(), received.param(0), received.param(1));
        let place = if self.server.is_room(target) || same(from, &self.me) { target } else { from };
        let Some(conversation) = self.conversations.get_mut(&fold(place)) else { return };
        self.changes.push(Change::Redacted {
            target: conversation.name.clone(),
            msgid: msgid.to_owned(),
            by: from.to_owned(),
        });
        if let Some(entry) = conversation.timeline.find_mut(msgid) {
            entry.redact(from);
            self.changes.push(Change::Timeline(conversation.name.clone()));
        }
        self.search.found.retain(|(_, entry)| entry.msgid.as_deref() != Some(msgid));
    }

    /// A message of a room is pinned, or no longer.
    pub(super) fn pinned(&mut self, room: &str, msgid: &str, pinned: bool) {
        if let Some(conversation) = self.conversations.get_mut(&fold(room)) {
            conversation.set_pin(msgid, pinned);
            self.changes.push(Change::Conversation(conversation.name.clone()));
        }
    }
}

/// The client tags that say more than which message is answered.
fn client_tags(message: &Message<'_>) -> BTreeMap<String, String> {
    let client = |(key, value): (&str, std::borrow::Cow<'_, str>)| {
        let key = key.strip_prefix('+').filter(|key| !matches!(*key, "reply" | "draft/reply"))?;
        Some((key.to_owned(), value.into_owned()))
    };
    message.tags.iter().filter_map(client).take(crate::limits::TAGS).collect()
}

/// What a text is: CTCP `ACTION` is something done; other CTCP is for programs.
fn kind_and_text<'a>(verb: &str, text: &'a str) -> Option<(Kind, &'a str)> {
    match text.strip_prefix('\x01') {
        None if verb == "NOTICE" => Some((Kind::Notice, text)),
        None => Some((Kind::Message, text)),
        Some(ctcp) => {
            let action = ctcp.strip_prefix("ACTION ")?;
            Some((Kind::Action, action.strip_suffix('\x01').unwrap_or(action)))
        }
    }
}

/// Whether a text mentions everybody: `@room` as a word.
fn mentions_room(text: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '@')).any(|word| word == "@room")
}
