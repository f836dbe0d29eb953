//! Rooms and people: lists, coming and going, who somebody is, pinned messages.

use std::collections::BTreeMap;

use chat::conversation::Member;
use chat::entry::{Entry, Kind};
use chat::timeline::Run;
use chat::{Change, Chat, Intent};
use proto::name::same;

use super::Plain;
use super::choice::Choice;
use super::session::{End, Session};
use crate::limits::PINS_ASKED_MAX;
use crate::question::Question;
use crate::show::{Place, harmless, member};
use crate::wire::{members_elsewhere, refusal};

/// Names shown on one line.
const NAMES_ON_A_LINE: usize = 20;

impl Plain<'_> {
    pub(super) fn rooms(&mut self) -> Result<(), End> {
        let listed = self.session.request("LIST", &Intent::List, |_, change| match change {
            Change::Listed => Some(Ok(())),
            change => refusal(change).map(Err),
        })?;
        if let Err(sentence) = listed {
            return self.fail(&sentence);
        }
        let rooms = self.session.chat().listed.clone();
        let line = |room: &chat::chat::Listed| {
            let topic =
                if room.topic.is_empty() { String::new() } else { format!(": {}", room.topic) };
            format!("{} ({} there){topic}", room.name, room.members)
        };
        let choices = rooms.iter().map(|room| Choice::Room(room.name.clone())).collect();
        for line in self.offer(choices, rooms.iter().map(line).collect()) {
            self.session.console.status(&harmless(&line))?;
        }
        let how = if self.numbered { "a number" } else { "JOIN #room" };
        Ok(self.session.show_status(&format!("{} rooms; {how} enters one.", rooms.len()))?)
    }

    pub(super) fn join(&mut self, room: &str) -> Result<(), End> {
        let is_in = |chat: &Chat| chat.conversation(room).is_some_and(|room| room.joined);
        self.session.until_ready()?;
        if !is_in(self.session.chat()) {
            let intent = Intent::Join(room.to_owned());
            let joined = self.session.request("JOIN", &intent, |chat, change| match change {
                _ if is_in(chat) => Some(Ok(())),
                change => refusal(change).map(Err),
            })?;
            if let Err(sentence) = joined {
                return self.fail(&format!("Cannot join: {}", about(room, &sentence)));
            }
            self.session.ask_for_pins(&[room.to_owned()]);
        }
        room.clone_into(&mut self.here);
        Ok(self.session.show_status(&format!("You are in {room}. PM {room} speaks there."))?)
    }

    pub(super) fn part(&mut self, room: &str) -> Result<(), End> {
        let me = self.session.chat().me.clone();
        let intent = Intent::Raw(format!("PART {room}"));
        let parted = self.session.request("PART", &intent, |_, change| match change {
            Change::Happened { target, entry }
                if entry.kind == Kind::Part && same(target, room) && same(&entry.from, &me) =>
            {
                Some(Ok(()))
            }
            change => refusal(change).map(Err),
        })?;
        match parted {
            Ok(()) => Ok(self.session.show_status(&format!("You left {room}."))?),
            Err(sentence) => self.fail(&format!("Cannot leave: {}", about(room, &sentence))),
        }
    }

    pub(super) fn pins(&mut self, room: &str) -> Result<(), End> {
        let mut pins: Vec<(String, String)> = Vec::new();
        let intent = Intent::Raw(format!("PIN {room}"));
        let listed = self.session.request("PIN", &intent, |_, change| match change {
            Change::Answered { verb, text, refused: true, .. } if verb == "PIN" => {
                Some(Err(text.clone()))
            }
            Change::Answered { verb, code, params, .. } if verb == "PIN" && code == "ENTRY" => {
                if let [_, msgid, by, ..] = &params[..]
                    && pins.len() < chat::limits::PINS
                    && !pins.iter().any(|(known, _)| known == msgid)
                {
                    pins.push((msgid.clone(), by.clone()));
                }
                None
            }
            Change::Answered { verb, code, .. } if verb == "PIN" && code == "END" => {
                Some(Ok(std::mem::take(&mut pins)))
            }
            change => refusal(change).map(Err),
        })?;
        let pins = match listed {
            Ok(pins) => pins,
            Err(sentence) => return self.fail(&sentence),
        };
        if pins.is_empty() {
            return Ok(self.session.show_status(&format!("Nothing is pinned in {room}."))?);
        }
        let mut found: Vec<Entry> = Vec::new();
        for (msgid, by) in &pins {
            if self.session.chat().find_message(room, msgid).is_none()
                && let Err(sentence) = self.session.load(room, &Run::Around(msgid.clone()))?
            {
                return self.fail(&sentence);
            }
            let Some(entry) = self.session.chat().find_message(room, msgid).cloned() else {
                self.session.show_status(&format!("A message that {by} has pinned is gone."))?;
                continue;
            };
            found.push(entry);
        }
        let place = Place::of(&self.session.wire.chat, room);
        let look = &self.session.console.look;
        let lines: Vec<Vec<String>> = found.iter().map(|entry| look.record(place, entry)).collect();
        let choice = |entry: &Entry| {
            Choice::Message(room.to_owned(), entry.msgid.clone().unwrap_or_default())
        };
        self.show_messages(found.iter().map(choice).collect(), &lines)
    }

    /// Asks for the recipient of a message, after listing those online. None if the answer was refused.
    pub(super) fn recipient(&mut self) -> Result<Option<String>, End> {
        self.session.until_ready()?;
        let people: Vec<String> = people(self.session.chat()).into_values().collect();
        if self.numbered {
            let lines = people.iter().map(|name| harmless(name)).collect();
            return self.pick_of(Question::Recipient, lines, &people);
        }
        for names in people.chunks(NAMES_ON_A_LINE) {
            self.session.console.status(&format!("Online: {}", harmless(&names.join(" "))))?;
        }
        Ok(Some(self.detail(Question::Recipient)?.trim().to_owned()))
    }

    /// Shows who is in a room, or who somebody is; without a name, who is in the lobby.
    pub(super) fn who(&mut self, name: &str) -> Result<(), End> {
        self.session.until_ready()?;
        let chat = self.session.chat();
        let name = match name {
            "" => chat.lobby().unwrap_or(&self.here).to_owned(),
            name => name.to_owned(),
        };
        if !chat.server.is_room(&name) {
            return self.perform(&Intent::Raw(format!("WHOIS {name}")));
        }
        let room = chat.conversation(&name).filter(|room| room.joined);
        let members = match room.map(|room| room.members.values().cloned().collect()) {
            Some(members) => Ok(members),
            None => {
                let intent = Intent::Raw(format!("NAMES {name}"));
                self.session
                    .request("NAMES", &intent, |_, change| members_elsewhere(&name, change))?
            }
        };
        let members: Vec<Member> = match members {
            Ok(members) => members,
            Err(sentence) => return self.fail(&sentence),
        };
        let chat = self.session.chat();
        let people = members.iter().map(|member| Choice::Person(member.nick.clone())).collect();
        let members: Vec<String> = members.iter().map(|one| member(chat, one)).collect();
        self.session.show_status(&format!("{} in {name}:", members.len()))?;
        if self.numbered {
            for line in self.offer(people, members) {
                self.session.console.status(&harmless(&line))?;
            }
            return Ok(());
        }
        for names in members.chunks(NAMES_ON_A_LINE) {
            self.session.console.status(&harmless(&names.join(", ")))?;
        }
        Ok(())
    }
}

/// A refusal that names the room in which it is without the name.
fn about<'a>(room: &str, sentence: &'a str) -> &'a str {
    sentence.split_once(&format!("{room}: ")).map_or(sentence, |(_, rest)| rest)
}

impl Session {
    /// Asks for the pinned messages of rooms, to report how many there are.
    pub(super) fn ask_for_pins(&mut self, rooms: &[String]) {
        if self.console.interactive && self.chat().server.has("parlor/unread") {
            for room in rooms.iter().take(PINS_ASKED_MAX) {
                // Without a connection nothing is requested, and that need not be reported.
                let _ = self.wire.perform(Intent::Raw(format!("PIN {room}")));
            }
        }
    }
}

/// The people in this person's rooms, the lobby among them, by folded name.
fn people(chat: &Chat) -> BTreeMap<String, String> {
    let rooms = chat.conversations.values();
    let members = rooms.flat_map(|room| &room.members);
    members.map(|(key, member)| (key.clone(), member.nick.clone())).collect()
}
