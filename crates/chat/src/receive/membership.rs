//! Who is in which room, with which ranks, under which name, and what the room is about.

use super::Received;
use crate::change::Change;
use crate::chat::Chat;
use crate::conversation::{Conversation, Joining, With};
use crate::entry::{Entry, Kind};
use proto::name::{fold, same};

impl Chat {
    /// Adds the row of an event, and reports the change.
    fn add_event(&mut self, received: &Received<'_>) {
        if let Some((target, entry)) = self.parse_entry(received) {
            self.add(&target, entry.clone());
            self.changes.push(Change::Conversation(target.clone()));
            self.changes.push(Change::Happened { target, entry: Box::new(entry) });
        }
    }

    pub(super) fn join(&mut self, received: &Received<'_>, out: &mut Vec<u8>) {
        let (room, who) = (received.param(0), received.from());
        if room.is_empty() {
            return;
        }
        let mine = same(who, &self.me);
        let conversation = self.conversation_mut(room);
        if mine {
            room.clone_into(&mut conversation.name);
            (conversation.joined, conversation.joining) = (true, Joining::Idle);
            conversation.members.clear();
        }
        conversation.add_member(who, "");
        // Joining a room again by logging in is not an event there.
        if self.ready || !mine {
            self.add_event(received);
        }
        if mine && same(&self.current, room) && self.ready {
            self.refresh(room, out);
        }
    }

    /// `JOIN` of a room was answered; if the person is not in it now, it was refused.
    pub(super) fn join_answered(&mut self, room: &str) {
        let Some(conversation) = self.conversations.get_mut(&fold(room)) else { return };
        if conversation.joining == Joining::Sent {
            conversation.joining = Joining::Idle;
            if !self.ready && same(&self.current, room) {
                room.clone_into(&mut self.refused_join);
            }
        }
    }

    pub(super) fn part(&mut self, received: &Received<'_>) {
        self.add_event(received);
        self.remove_member(received.param(0), received.from());
    }

    pub(super) fn kick(&mut self, received: &Received<'_>) {
        self.add_event(received);
        self.remove_member(received.param(0), received.param(1));
    }

    /// Somebody is no longer in a room.
    fn remove_member(&mut self, room: &str, who: &str) {
        let mine = same(who, &self.me);
        let Some(conversation) = self.conversations.get_mut(&fold(room)) else { return };
        conversation.members.remove(&fold(who));
        if mine {
            conversation.joined = false;
            conversation.members.clear();
        }
    }

    /// Adds a row to every room in which somebody is, and to the conversation with them.
    fn add_event_everywhere(&mut self, received: &Received<'_>, who: &str) -> Vec<String> {
        let key = fold(who);
        let is_member = |conversation: &&Conversation| conversation.members.contains_key(&key);
        let rooms: Vec<String> =
            self.conversations.values().filter(is_member).map(|room| room.name.clone()).collect();
        if let Some((_, entry)) = self.parse_entry(received) {
            for room in &rooms {
                // It is one event with one msgid at most, but a row in each room.
                self.add(room, Entry { msgid: None, ..entry.clone() });
                self.changes.push(Change::Conversation(room.clone()));
            }
            let target = rooms.first().cloned().unwrap_or_default();
            self.changes.push(Change::Happened { target, entry: Box::new(entry) });
        }
        rooms
    }

    pub(super) fn quit(&mut self, received: &Received<'_>) {
        let who = received.from();
        for room in self.add_event_everywhere(received, who) {
            if let Some(conversation) = self.conversations.get_mut(&fold(&room)) {
                conversation.members.remove(&fold(who));
            }
        }
    }

    pub(super) fn nick(&mut self, received: &Received<'_>) {
        let (old, new) = (received.from(), received.param(0));
        if old.is_empty() || new.is_empty() {
            return;
        }
        let rooms = self.add_event_everywhere(received, old);
        for room in rooms {
            let Some(conversation) = self.conversations.get_mut(&fold(&room)) else { continue };
            if let Some(mut member) = conversation.members.remove(&fold(old)) {
                new.clone_into(&mut member.nick);
                conversation.members.insert(fold(new), member);
            }
        }
        self.people.rename(old, new);
        if same(old, &self.me) {
            new.clone_into(&mut self.me);
        } else if let Some(mut conversation) = self.conversations.remove(&fold(old)) {
            new.clone_into(&mut conversation.name);
            self.conversations.entry(fold(new)).or_insert(conversation);
        }
        self.changes.push(Change::Conversation(new.to_owned()));
    }

    pub(super) fn away(&mut self, who: &str, away: bool) {
        for conversation in self.conversations.values_mut() {
            if let Some(member) = conversation.members.get_mut(&fold(who)) {
                member.away = away;
                self.changes.push(Change::Conversation(conversation.name.clone()));
            }
        }
    }

    pub(super) fn mode(&mut self, received: &Received<'_>) {
        let room = received.param(0);
        if !self.server.is_room(room) {
            return;
        }
        self.add_event(received);
        let ranks = self.server.ranks();
        let mut params = received.message.params().iter().skip(2);
        let mut set = true;
        for mode in received.param(1).chars() {
            if matches!(mode, '+' | '-') {
                set = mode == '+';
                continue;
            }
            let param = self.server.mode_takes_param(mode, set).then(|| params.next()).flatten();
            let (Some(nick), Some(mark)) =
                (param, ranks.iter().find(|(rank, _)| *rank == mode).map(|(_, mark)| *mark))
            else {
                continue;
            };
            let Some(conversation) = self.conversations.get_mut(&fold(room)) else { return };
            if let Some(member) = conversation.members.get_mut(&fold(nick)) {
                member.marks.retain(|held| held != mark);
                if set {
                    member.marks.push(mark);
                }
                let rank = |mark: &char| ranks.iter().position(|(_, held)| held == mark);
                let mut marks: Vec<char> = member.marks.chars().collect();
                marks.sort_by_key(rank);
                member.marks = marks.into_iter().collect();
            }
        }
    }

    pub(super) fn topic(&mut self, received: &Received<'_>) {
        self.add_event(received);
        self.set_topic(received.param(0), received.param(1));
    }

    pub(super) fn set_topic(&mut self, room: &str, topic: &str) {
        if let Some(conversation) = self.conversations.get_mut(&fold(room)) {
            topic.clone_into(&mut conversation.topic);
            self.changes.push(Change::Conversation(conversation.name.clone()));
        }
    }

    pub(super) fn invite(&mut self, received: &Received<'_>) {
        let (whom, room) = (received.param(0), received.param(1));
        if same(whom, &self.me) && self.conversation(room).is_none() {
            let from = received.from();
            let text = format!("{from} invites you to {room}. To join: /join {room}");
            let current = self.current.clone();
            self.show_sentence(&current, Kind::Info, received.now_ms, &text);
            return;
        }
        self.add_event(received);
    }

    pub(super) fn rename(&mut self, received: &Received<'_>) {
        let (old, new) = (received.param(0), received.param(1));
        if old.is_empty() || new.is_empty() {
            return;
        }
        let Some(mut conversation) = self.conversations.remove(&fold(old)) else { return };
        new.clone_into(&mut conversation.name);
        self.conversations.insert(fold(new), conversation);
        if same(&self.current, old) {
            new.clone_into(&mut self.current);
        }
        let by = received.from();
        self.show_sentence(
            new,
            Kind::Info,
            received.now_ms,
            &format!("{by} renamed the room {old} to {new}"),
        );
        self.changes.push(Change::Conversation(new.to_owned()));
    }

    /// A line of `NAMES`.
    pub(super) fn names(&mut self, received: &Received<'_>) {
        let room = received.param(2);
        let names: Vec<(String, String)> = received
            .last()
            .split_whitespace()
            .map(|name| {
                let (marks, rest) = self.server.split_marks(name);
                (marks.to_owned(), proto::mask::Source::parse(rest).nick.to_owned())
            })
            .collect();
        let joined = |conversation: &&mut Conversation| {
            conversation.with == With::Room && conversation.joined
        };
        let Some(conversation) = self.conversations.get_mut(&fold(room)).filter(joined) else {
            self.add_names_elsewhere(names);
            return;
        };
        let away = |nick: &str| conversation.members.get(&fold(nick)).is_some_and(|m| m.away);
        let known: Vec<bool> = names.iter().map(|(_, nick)| away(nick)).collect();
        let list = conversation.names.get_or_insert_default();
        for ((marks, nick), away) in names.into_iter().zip(known) {
            if list.len() < crate::limits::MEMBERS {
                list.insert(fold(&nick), crate::conversation::Member { nick, marks, away });
            }
        }
    }

    /// The end of `NAMES`.
    pub(super) fn end_of_names(&mut self, room: &str) {
        let conversation = self.conversations.get_mut(&fold(room));
        if let Some(conversation) = conversation.filter(|conversation| conversation.joined) {
            if let Some(names) = conversation.names.take() {
                conversation.members = names;
                self.changes.push(Change::Conversation(conversation.name.clone()));
            }
            return;
        }
        let members = std::mem::take(&mut self.names_elsewhere);
        self.changes.push(Change::Names { room: room.to_owned(), members });
    }
}
