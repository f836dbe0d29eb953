//! What people say of themselves, who somebody is, who is in a room where this person is not.

use super::Received;
use super::sentence::sentence;
use crate::change::Change;
use crate::chat::Chat;
use crate::conversation::Member;
use crate::entry::Kind;
use crate::limits::{MEMBERS, ROOMS_OF_ONE};
use crate::people::Person;
use proto::name::same;
use proto::numeric as n;

impl Chat {
    /// Somebody has set a key, or taken it away: `target key visibility [value]`, from this parameter on.
    pub(super) fn fact(&mut self, received: &Received<'_>, from: usize) {
        let (nick, key) = (received.param(from), received.param(from + 1));
        let value = received.message.param(from + 3);
        if self.server.is_room(nick) || !self.people.set(nick, key, value) {
            return;
        }
        self.changes.push(Change::Conversation(nick.to_owned()));
        // What comes in a batch was so before.
        if received.message.tags.get("batch").is_none() {
            let (nick, key) = (nick.to_owned(), key.to_owned());
            self.changes.push(Change::Facts { nick, key, value: value.map(str::to_owned) });
        }
    }

    /// A line of the answer to `WHOIS`, or to `METADATA`, which are told as sentences, too.
    pub(super) fn about_somebody(&mut self, numeric: &str, received: &Received<'_>) {
        let (nick, value) = (received.param(1), received.param(2).to_owned());
        if numeric == n::RPL_WHOISUSER || !same(&self.whois.nick, nick) {
            self.whois = Person { nick: nick.to_owned(), ..Person::default() };
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
            n::RPL_WHOISKEYVALUE => self.fact(received, 1),
            _ => {}
        }
        let text = sentence(numeric, received.message.params());
        if !text.is_empty() {
            self.tell(received, Kind::Info, &text);
        }
        if numeric == n::RPL_ENDOFWHOIS {
            let mut person = std::mem::take(&mut self.whois);
            person.facts = self.people.facts(&person.nick).cloned().unwrap_or_default();
            self.changes.push(Change::Whois(Box::new(person)));
        }
    }

    /// Members of a room in which this person is not.
    pub(super) fn names_elsewhere(&mut self, names: Vec<(String, String)>) {
        let room = MEMBERS.saturating_sub(self.naming.len());
        let member = |(marks, nick)| Member { nick, marks, away: false };
        self.naming.extend(names.into_iter().map(member).take(room));
    }
}
