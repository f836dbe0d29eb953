//! Reports changes to the person: messages as lines, events as sentences.

use std::time::Instant;

use chat::conversation::{Conversation, With};
use chat::entry::{Entry, Kind};
use chat::timeline::Row;
use chat::{Change, Chat};
use proto::name::same;

use super::session::{End, Session, Settled};
use crate::failure::Failure;
use crate::limits::ACKNOWLEDGE_AFTER;
use crate::show::{Place, member};
use crate::system::now_ms;

impl Session {
    /// Reports a change.
    pub(super) fn report(&mut self, change: &Change) -> Result<(), End> {
        match change {
            Change::Ready => self.welcome()?,
            Change::Said { target, entry } if self.last_seen.is_none() => {
                self.show(target, entry)?;
            }
            Change::Happened { target, entry } => self.happened(target, entry)?,
            Change::Reacted { target, msgid, text, by, undo } => {
                let sentence = reaction(self.chat(), target, msgid, text, by, *undo);
                self.presence(&sentence)?;
            }
            Change::Metadata { nick, key, value } => {
                let sentence = metadata_sentence(self.chat(), nick, key, value.as_deref());
                self.presence(&sentence)?;
            }
            // `who` waits for them, and shows them itself.
            Change::Names { .. } if self.asked == Some("NAMES") => {}
            Change::Names { room, members } if members.is_empty() => {
                let sentence = self.chat().server.no_names(room);
                self.show_status(&sentence)?;
            }
            Change::Names { room, members } => {
                let members: Vec<String> =
                    members.iter().map(|one| member(self.chat(), one)).collect();
                let count = members.len();
                self.show_status(&format!("{count} in {room}: {}", members.join("; ")))?;
            }
            Change::Redacted { target, msgid, by } => self.redacted(target, msgid, by)?,
            Change::Deferred { reason, .. } => self.show_status(reason)?,
            Change::Away { number, text } => drop(self.away.insert(*number, text.clone())),
            Change::Settled { number, outcome } => {
                let Some(operation) = self.sending.remove(number) else { return Ok(()) };
                if let Ok(Some(msgid)) = outcome {
                    // Its author knows it.
                    self.seen.insert(msgid);
                }
                let refused = outcome.clone().err();
                self.settled.push(Settled { number: *number, operation, refused });
            }
            Change::Answered { verb, code, params, text, refused } => {
                self.replied(verb, code, params, text, *refused)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether everything unread of a conversation has been shown.
    pub(super) fn has_shown(&self, conversation: &Conversation) -> bool {
        let Some(first) = &conversation.first_unread else {
            // On a server without msgids everything that arrives has been shown.
            return self.last_seen.is_none();
        };
        let is_first = |row: &Row| match row {
            Row::Entry(entry) => entry.msgid.as_ref() == Some(first),
            Row::Gap => false,
        };
        let rows = conversation.timeline.rows();
        let Some(from) = rows.iter().rposition(is_first) else { return false };
        rows.range(from..).all(|row| match row {
            Row::Entry(entry) if entry.kind.is_said() && !entry.mine => {
                entry.msgid.as_deref().is_some_and(|msgid| self.seen.contains(msgid))
            }
            Row::Entry(_) => true,
            Row::Gap => false,
        })
    }

    /// Shows a message, unless it has been shown.
    pub(super) fn show(&mut self, target: &str, entry: &Entry) -> Result<(), Failure> {
        let known = entry.msgid.as_deref().is_some_and(|msgid| !self.seen.insert(msgid));
        // A server without ids sends one's own back after it was confirmed.
        let echo = entry.mine && entry.msgid.is_none();
        if known || echo || self.quiet {
            return Ok(());
        }
        let is_private = !self.chat().server.is_room(target);
        if self.console.interactive && !entry.mine && is_private {
            self.acknowledge_at.get_or_insert_with(|| Instant::now() + ACKNOWLEDGE_AFTER);
        }
        self.print(target, entry)
    }

    /// Shows a message as it arrives.
    fn print(&mut self, target: &str, entry: &Entry) -> Result<(), Failure> {
        let place = Place::of(&self.wire.chat, target);
        for line in self.console.look.arrival(place, entry, now_ms()) {
            self.console.message(&line)?;
        }
        Ok(())
    }

    /// Reports an event to a person, but not to a script.
    pub(super) fn presence(&mut self, sentence: &str) -> Result<(), Failure> {
        if self.console.interactive && !self.quiet {
            let line = self.console.look.status_line(sentence);
            self.console.status(&line)?;
        }
        Ok(())
    }

    fn happened(&mut self, target: &str, entry: &Entry) -> Result<(), Failure> {
        match entry.kind {
            // A request waits for it, and shows it itself.
            Kind::Error if self.asked.is_some() => Ok(()),
            Kind::Info | Kind::Error => {
                entry.text.clone_into(&mut self.last_notice);
                self.show_status(&entry.text)
            }
            // The command that joined or left reports that itself.
            Kind::Join if entry.mine => Ok(()),
            Kind::Part if entry.mine && self.asked.is_some() => Ok(()),
            _ => self.presence(&happening(self.chat(), target, entry)),
        }
    }

    fn redacted(&mut self, target: &str, msgid: &str, by: &str) -> Result<(), Failure> {
        match self.chat().find_message(target, msgid).cloned() {
            // What was not shown yet will be shown without its text.
            Some(_) if !self.seen.contains(msgid) => Ok(()),
            Some(_) if self.quiet => Ok(()),
            Some(entry) => self.print(target, &entry),
            None => self.presence(&format!("{by} deleted an older message")),
        }
    }

    /// A standard reply.
    fn replied(
        &mut self,
        verb: &str,
        code: &str,
        params: &[String],
        text: &str,
        refused: bool,
    ) -> Result<(), Failure> {
        if self.asked == Some(verb) || self.asked.is_some() && refused {
            return Ok(());
        }
        match (verb, code) {
            ("PIN", "END") => {
                if let Some(sentence) = params.first().and_then(|room| pinned(self.chat(), room)) {
                    self.presence(&sentence)?;
                }
                return Ok(());
            }
            // A list is reported at its end, a page of messages by its messages, a refused message by its delivery.
            ("PIN", "ENTRY") | ("CH" | "SEARCH" | "FIND", "END") => return Ok(()),
            ("PRIVMSG" | "NOTICE" | "BATCH", _) if refused => return Ok(()),
            // The notes of a login are reported once, not after each break.
            ("LOGIN", _) if !self.reported.insert(code.to_owned()) => return Ok(()),
            ("LOGIN", "LAST_LOGIN") if self.wire.has_registered() => return Ok(()),
            ("LOGIN", "LAST_LOGIN" | "UNREAD") => {}
            ("LOGIN", _) => return Ok(()),
            _ => {}
        }
        text.clone_into(&mut self.last_notice);
        self.show_status(text)
    }

    /// Reports the message of the day and the lobby's topic, if they are new.
    fn welcome(&mut self) -> Result<(), Failure> {
        let chat = &self.wire.chat;
        let motd = chat.server.motd.clone();
        if self.reported.insert(format!("motd {}", motd.join("\n"))) {
            for line in motd {
                self.presence(&line)?;
            }
        }
        let lobby = self.chat().lobby().and_then(|lobby| self.chat().conversation(lobby));
        let topic = lobby
            .filter(|lobby| !lobby.topic.is_empty())
            .map(|lobby| format!("the topic of {}: {}", lobby.name, lobby.topic));
        match topic {
            Some(topic) if self.reported.insert(topic.clone()) => self.presence(&topic),
            _ => Ok(()),
        }
    }
}

/// How many messages are pinned in a room, if there are any.
fn pinned(chat: &Chat, room: &str) -> Option<String> {
    match chat.conversation(room)?.pins.len() {
        0 => None,
        1 => Some(format!("1 message is pinned in {room}; PINS {room} shows it")),
        number => Some(format!("{number} messages are pinned in {room}; PINS {room} shows them")),
    }
}

/// The name of somebody to whom something is done, as this person should read it.
pub(super) fn you_or<'a>(chat: &Chat, nick: &'a str) -> &'a str {
    if same(nick, &chat.me) { "you" } else { nick }
}

/// What happened in a conversation, as a sentence.
fn happening(chat: &Chat, target: &str, entry: &Entry) -> String {
    let who = you_or(chat, &entry.from);
    let room = match Place::of(chat, target) {
        Place::Lobby => String::new(),
        _ => format!(" {target}"),
    };
    let because = if entry.text.is_empty() { String::new() } else { format!(" ({})", entry.text) };
    let whom = you_or(chat, &entry.whom);
    match entry.kind {
        Kind::Join => format!("{who} joined{room}"),
        Kind::Part => format!("{who} left{room}{because}"),
        Kind::Quit => format!("{who} left{because}"),
        Kind::Kick => format!("{who} removed {whom} from {target}{because}"),
        Kind::Nick => format!("{who} is now {}", entry.whom),
        Kind::Topic if room.is_empty() => format!("{who} set the topic: {}", entry.text),
        Kind::Topic => format!("{who} set the topic of {target}: {}", entry.text),
        Kind::Mode => format!("{who} changed the modes of {target}: {}", entry.text),
        Kind::Invite => format!("{who} invites {whom} to the room {target}"),
        _ => entry.text.clone(),
    }
}

/// A change of somebody's metadata, as a sentence.
fn metadata_sentence(chat: &Chat, nick: &str, key: &str, value: Option<&str>) -> String {
    let (who, whose, are, have) = match you_or(chat, nick) {
        "you" => ("you", "your".to_owned(), "are", "have"),
        nick => (nick, format!("{nick}'s"), "is", "has"),
    };
    match (key, value) {
        ("status", Some(text)) => format!("{whose} status: {text}"),
        ("status", None) => format!("{who} no longer {have} a status"),
        (_, Some(name)) => format!("{who} {are} called {name}"),
        (_, None) => format!("{who} {are} only called {nick} again"),
    }
}

fn reaction(chat: &Chat, target: &str, msgid: &str, text: &str, by: &str, undo: bool) -> String {
    let whose = match chat.find_message(target, msgid) {
        Some(entry) if entry.mine => "your message".to_owned(),
        Some(entry) => format!("the message of {}", entry.from),
        None => "an older message".to_owned(),
    };
    let by = you_or(chat, by);
    let verb = match (by, undo) {
        ("you", false) => "react",
        ("you", true) => "no longer react",
        (_, false) => "reacts",
        (_, true) => "no longer reacts",
    };
    format!("{by} {verb} to {whose} with {text}")
}

/// How much is unread: each conversation with a sentence.
pub(super) fn unread(chat: &Chat) -> Vec<(String, String)> {
    let unread = chat.conversations.values().filter(|conversation| conversation.unread > 0);
    let sentence = |conversation: &chat::conversation::Conversation| {
        let more = if conversation.unread_more { "more than " } else { "" };
        let place = match conversation.with {
            With::Room => format!("in {}", conversation.name),
            With::Person => format!("from {}", conversation.name),
            With::Server => "from the server".to_owned(),
        };
        let mention = match conversation.mentions {
            0 => String::new(),
            1 => ", 1 of them mentions you".to_owned(),
            number => format!(", {number} of them mention you"),
        };
        let sentence = format!("{more}{} unread {place}{mention}", conversation.unread);
        (conversation.name.clone(), sentence)
    };
    unread.map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> Chat {
        let mut chat = Chat::new("r");
        let mut out = Vec::new();
        chat.logged_in("ann", [], &mut out);
        for line in [
            ":s 001 ann :hi",
            ":s 005 ann parlor/LOBBY=#lobby :are supported",
            ":ann!a@s JOIN #lobby",
            ":ann!a@s JOIN #rust",
            ":s 353 ann = #lobby :ann bob",
            ":s 366 ann #lobby :End",
            ":s PONG s :welcomed",
        ] {
            chat.receive(line, 0, &mut out);
        }
        chat.take_changes();
        chat
    }

    /// How a line from the server is reported.
    fn reported(chat: &mut Chat, line: &str) -> String {
        chat.receive(line, 0, &mut Vec::new());
        let sentences = chat.take_changes().into_iter().filter_map(|change| match change {
            Change::Happened { target, entry } => Some(happening(chat, &target, &entry)),
            Change::Reacted { target, msgid, text, by, undo } => {
                Some(reaction(chat, &target, &msgid, &text, &by, undo))
            }
            _ => None,
        });
        sentences.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn what_happens_is_a_sentence() {
        let mut chat = chat();
        for (line, sentence) in [
            (":bob!b@s JOIN #lobby", "bob joined"),
            (":bob!b@s JOIN #rust", "bob joined #rust"),
            (":bob!b@s PART #rust :bye", "bob left #rust (bye)"),
            (":bob!b@s KICK #rust eve :spam", "bob removed eve from #rust (spam)"),
            (":bob!b@s KICK #rust Ann :spam", "bob removed you from #rust (spam)"),
            (":bob!b@s TOPIC #lobby :tea", "bob set the topic: tea"),
            (":bob!b@s TOPIC #rust :tea", "bob set the topic of #rust: tea"),
            (":bob!b@s INVITE eve #rust", "bob invites eve to the room #rust"),
            (":bob!b@s MODE #rust +o eve", "bob changed the modes of #rust: +o eve"),
            (":s NOTICE ann :Maintenance at noon", "Maintenance at noon"),
            (":bob!b@s NICK rob", "bob is now rob"),
            (":rob!b@s QUIT :gone", "rob left (gone)"),
        ] {
            assert_eq!(reported(&mut chat, line), sentence, "{line}");
        }
    }

    #[test]
    fn reactions_are_sentences() {
        let mut chat = chat();
        reported(&mut chat, "@msgid=m1 :bob!b@s PRIVMSG #lobby :hello");
        for (line, sentence) in [
            (
                "@+draft/reply=m1;+draft/react=👍 :eve!e@s TAGMSG #lobby",
                "eve reacts to the message of bob with 👍",
            ),
            (
                "@+draft/reply=m1;+draft/unreact=👍 :eve!e@s TAGMSG #lobby",
                "eve no longer reacts to the message of bob with 👍",
            ),
            (
                "@+draft/reply=m0;+draft/react=🎉 :ann!a@s TAGMSG #lobby",
                "you react to an older message with 🎉",
            ),
        ] {
            assert_eq!(reported(&mut chat, line), sentence);
        }
        assert_eq!(reported(&mut chat, "@+typing=active :eve!e@s TAGMSG #lobby"), "");
    }

    #[test]
    fn what_people_say_of_themselves_is_a_sentence() {
        let chat = chat();
        for (nick, key, value, sentence) in [
            ("bob", "display-name", Some("Bob B."), "bob is called Bob B."),
            ("bob", "display-name", None, "bob is only called bob again"),
            ("bob", "status", Some("at lunch"), "bob's status: at lunch"),
            ("Ann", "status", None, "you no longer have a status"),
        ] {
            assert_eq!(metadata_sentence(&chat, nick, key, value), sentence);
        }
    }

    #[test]
    fn what_is_unread_is_a_sentence_for_each_conversation() {
        let mut chat = chat();
        for line in [
            ":bob!b@s PRIVMSG #rust :ann: hi",
            ":bob!b@s PRIVMSG #rust :hi",
            ":bob!b@s PRIVMSG ann :psst",
        ] {
            reported(&mut chat, line);
        }
        let sentences: Vec<String> =
            unread(&chat).into_iter().map(|(_, sentence)| sentence).collect();
        assert_eq!(sentences, ["2 unread in #rust, 1 of them mentions you", "1 unread from bob"]);
    }
}
