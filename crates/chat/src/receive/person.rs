//! Metadata, answers to `WHOIS` and `WHO`, members of rooms that this person is not in.

use super::Received;
use super::sentence::sentence;
use crate::change::Change;
use crate::chat::Chat;
use crate::conversation::Member;
use crate::entry::Kind;
use crate::limits::{MEMBERS, ROOMS_OF_ONE};
use crate::people::Whois;
use proto::name::same;
use proto::numeric as n;

impl Chat {
    /// A metadata key was set or removed: `target key visibility [value]`, from this parameter on.
    pub(super) fn metadata(&mut self, received: &Received<'_>, from: usize) {
        let (nick, key) = (received.param(from), received.param(from + 1));
        let value = received.message.param(from + 3);
        if self.server.is_room(nick) || !self.people.set(nick, key, value) {
            return;
        }
        self.changes.push(Change::Conversation(nick.to_owned()));
        // A batch lists existing values; they are not news.
        if received.message.tags.get("batch").is_none() {
            let (nick, key) = (nick.to_owned(), key.to_owned());
            self.changes.push(Change::Metadata { nick, key, value: value.map(str::to_owned) });
        }
    }

    /// A line of the answer to `WHOIS`, which is also shown as a sentence.
    pub(super) fn whois_reply(&mut self, numeric: &str, received: &Received<'_>) {
        let (nick, value) = (received.param(1), received.param(2).to_owned());
        if numeric == n::RPL_WHOISUSER || !same(&self.whois.nick, nick) {
            self.whois = Whois { nick: nick.to_owned(), ..Whois::default() };
        }
        let person = &mut self.whois;
        match numeric {
            n::RPL_WHOISUSER => {
                person.host = format!("{value}@{}", received.param(3));
                received.last().clone_into(&mut person.real_name);
            }
            n::RPL_WHOISCHANNELS => {
                let rooms = received.last().split_whitespace().map(str::to_owned);
                let room = ROOMS_OF_ONE.saturating_sub(person.rooms.len());
                person.rooms.extend(rooms.take(room));
            }
            n::RPL_WHOISACCOUNT => person.account = Some(value),
            n::RPL_AWAY => person.away = Some(received.last().to_owned()),
            n::RPL_WHOISIDLE => person.idle_seconds = value.parse().ok(),
            n::RPL_WHOISKEYVALUE => self.metadata(received, 1),
            _ => {}
        }
        let text = sentence(numeric, received.message.params());
        if !text.is_empty() {
            self.show_reply(received, Kind::Info, &text);
        }
        if numeric == n::RPL_ENDOFWHOIS {
            if same(&self.asked.whois, nick) {
                self.asked.whois.clear();
            }
            let mut person = std::mem::take(&mut self.whois);
            person.metadata = self.people.metadata(&person.nick).cloned().unwrap_or_default();
            self.changes.push(Change::Whois(Box::new(person)));
        }
    }

    /// A line of the answer to `WHO`, or the answer to `USERHOST` or `ISON`; one that names nobody says so.
    pub(super) fn who_reply(&mut self, numeric: &str, received: &Received<'_>) {
        let text = match numeric {
            n::RPL_ENDOFWHO if std::mem::take(&mut self.who_found) => return,
            n::RPL_ENDOFWHO => format!("Nobody matches {}", received.param(1)),
            n::RPL_USERHOST | n::RPL_ISON if received.last().trim().is_empty() => {
                "None of them is online".to_owned()
            }
            _ => sentence(numeric, received.message.params()),
        };
        self.who_found |= matches!(numeric, n::RPL_WHOREPLY | n::RPL_WHOSPCRPL);
        self.show_reply(received, Kind::Info, &text);
    }

    /// Members of a room that this person is not in.
    pub(super) fn add_names_elsewhere(&mut self, names: Vec<(String, String)>) {
        let room = MEMBERS.saturating_sub(self.names_elsewhere.len());
        let member = |(marks, nick)| Member { nick, marks, away: false };
        self.names_elsewhere.extend(names.into_iter().map(member).take(room));
    }
}
