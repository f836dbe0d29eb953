//! Who comes and goes, what people do to messages and rooms: each is a sentence.

use proto::{Line, Message, name};

use super::{Answer, Asked, Happening, State, last, nick};
use crate::entry::Entry;
use crate::limits::PINS_ASKED_MAX;

impl State {
    pub(super) fn join(&mut self, message: &Message<'_>) -> Option<Happening> {
        let room = message.param(0)?;
        if !name::same(nick(message)?, &self.me) {
            return self.presence("JOIN", message);
        }
        self.first_room.get_or_insert_with(|| room.to_owned());
        if self.is_asked_about(room) {
            self.asked = None;
            self.rooms.push(room.to_owned());
            return Some(Happening::Answer(Answer::Joined));
        }
        if self.rooms.len() >= PINS_ASKED_MAX
            || self.rooms.iter().any(|known| name::same(known, room))
        {
            return None;
        }
        self.rooms.push(room.to_owned());
        self.tells_pins.then(|| {
            let mut line = Vec::new();
            Line::to(&mut line).verb("PIN").param(room).end();
            Happening::Send(line)
        })
    }

    pub(super) fn killed(&self, message: &Message<'_>) -> Option<Happening> {
        let (by, whom) = (nick(message)?.to_owned(), message.param(0)?);
        let reason = message.param(1).unwrap_or("").to_owned();
        name::same(whom, &self.me).then_some(Happening::Killed { by, reason })
    }

    pub(super) fn part(&mut self, message: &Message<'_>) -> Option<Happening> {
        let room = message.param(0)?;
        if !name::same(nick(message)?, &self.me) {
            return self.presence("PART", message);
        }
        self.rooms.retain(|known| !name::same(known, room));
        if self.is_asked_about(room) {
            self.asked = None;
            return Some(Happening::Answer(Answer::Parted));
        }
        // From another device.
        Some(Happening::Presence(format!("you left {room}")))
    }

    /// Whether this person has asked to leave or join a room.
    pub(super) fn is_asked_about(&self, room: &str) -> bool {
        match &self.asked {
            Some(Asked::Part { room: asked } | Asked::Join { room: asked }) => {
                name::same(room, asked)
            }
            _ => false,
        }
    }

    pub(super) fn redact(&mut self, message: &Message<'_>) -> Option<Happening> {
        let (by, msgid) = (nick(message)?, message.param(1)?);
        let is_it = |entry: &&mut Entry| entry.msgid.as_deref() == Some(msgid);
        // What waits for its turn is shown as it is now.
        for waiting in self.held.iter_mut().flatten().chain(&mut self.page).filter(is_it) {
            *waiting = waiting.taken_back(by);
        }
        match self.recent.find(msgid) {
            Some(entry) => Some(Happening::Entry(entry.taken_back(by))),
            None => Some(Happening::Presence(format!("{by} deleted an older message"))),
        }
    }

    /// Somebody reacts to a message, or takes that back.
    pub(super) fn reaction(&self, message: &Message<'_>) -> Option<Happening> {
        let by = self.you_or(nick(message)?);
        let tag = |name: &str| message.tags.get(name);
        let (text, undo) = match tag("+draft/react") {
            Some(text) => (text, false),
            None => (tag("+draft/unreact")?, true),
        };
        let msgid = tag("+draft/reply").or_else(|| tag("+reply"))?;
        let whose = match self.recent.find(&msgid) {
            Some(entry) if entry.mine => "your message".to_owned(),
            Some(entry) => format!("the message of {}", entry.author),
            None => "an older message".to_owned(),
        };
        let verb = match (by, undo) {
            ("you", false) => "react",
            ("you", true) => "no longer react",
            (_, false) => "reacts",
            (_, true) => "no longer reacts",
        };
        Some(Happening::Presence(format!("{by} {verb} to {whose} with {text}")))
    }

    /// Of other rooms than the first, who is in them knows.
    pub(super) fn topic(&mut self, message: &Message<'_>) -> Option<Happening> {
        let room = message.param(1)?;
        let is_first = self.first_room.as_deref().is_some_and(|first| name::same(first, room));
        let news = is_first.then(|| self.welcome.topic(room, last(message))).flatten();
        news.map(Happening::Presence)
    }

    pub(super) fn presence(&self, verb: &str, message: &Message<'_>) -> Option<Happening> {
        let who = nick(message)?;
        let target = message.param(0).unwrap_or("");
        let room = match &self.lobby {
            Some(lobby) if name::same(lobby, target) => String::new(),
            _ => format!(" {target}"),
        };
        let reason = |index| message.param(index).filter(|reason| !reason.is_empty());
        let because = |index| reason(index).map_or(String::new(), |reason| format!(" ({reason})"));
        let sentence = match verb {
            "JOIN" => format!("{who} joined{room}"),
            "PART" => format!("{who} left{room}{}", because(1)),
            "QUIT" => format!("{who} left{}", because(0)),
            "KICK" => {
                let whom = self.you_or(message.param(1)?);
                format!("{who} removed {whom} from {target}{}", because(2))
            }
            "NICK" => format!("{who} is now {target}"),
            _ => format!("{who} set the topic{}: {}", room, message.param(1).unwrap_or("")),
        };
        Some(Happening::Presence(sentence))
    }

    pub(super) fn invite(&self, message: &Message<'_>) -> Option<Happening> {
        let (who, whom) = (nick(message)?, self.you_or(message.param(0)?));
        let room = message.param(1)?;
        Some(Happening::Presence(format!("{who} invites {whom} to the room {room}")))
    }

    /// The name of somebody to whom something is done, as this person should read it.
    pub(super) fn you_or<'a>(&self, nick: &'a str) -> &'a str {
        if name::same(nick, &self.me) { "you" } else { nick }
    }
}
