//! What people say of themselves (`METADATA`), and what the server says of one of them (`WHOIS`).

use crate::limits::{FACT_BYTES, MEMBERS};
use proto::name::fold;
use serde::Serialize;
use std::collections::BTreeMap;

/// The keys of which the server is asked to tell.
pub const KEYS: [&str; 2] = ["display-name", "status"];

/// What somebody says of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How they would like to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What they are up to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What people say of themselves, by folded name.
#[derive(Debug, Default)]
pub struct People(BTreeMap<String, Facts>);

impl People {
    /// What somebody says, if anything is known.
    pub fn facts(&self, nick: &str) -> Option<&Facts> {
        self.0.get(&fold(nick))
    }

    /// Somebody sets a key, or takes it away; false if it is none that is kept, or is so already.
    pub(crate) fn set(&mut self, nick: &str, key: &str, value: Option<&str>) -> bool {
        let value = value.filter(|value| !value.is_empty() && value.len() <= FACT_BYTES);
        let folded = fold(nick);
        if !KEYS.contains(&key) || (self.0.len() >= MEMBERS && !self.0.contains_key(&folded)) {
            return false;
        }
        let facts = self.0.entry(folded.clone()).or_default();
        let kept = if key == "status" { &mut facts.status } else { &mut facts.display_name };
        let changes = kept.as_deref() != value;
        *kept = value.map(str::to_owned);
        if *facts == Facts::default() {
            self.0.remove(&folded);
        }
        changes
    }

    /// Somebody is called something else.
    pub(crate) fn rename(&mut self, old: &str, new: &str) {
        if let Some(facts) = self.0.remove(&fold(old)) {
            self.0.insert(fold(new), facts);
        }
    }
}

/// What the server says of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name.
    pub nick: String,
    /// The account, if they are logged in.
    pub account: Option<String>,
    /// The user name and host.
    pub host: String,
    /// What they gave as their real name.
    pub real_name: String,
    /// The rooms they are in, as far as one may know, with the marks of their ranks.
    pub rooms: Vec<String>,
    /// Why they are away, if they are.
    pub away: Option<String>,
    /// For how many seconds they have said nothing.
    pub idle_seconds: Option<u64>,
    /// What they say of themselves.
    #[serde(flatten)]
    pub facts: Facts,
}

#[cfg(test)]
mod tests {
    use crate::{Change, Chat};

    fn chat() -> Chat {
        let mut chat = Chat::new("r");
        let mut out = Vec::new();
        chat.logged_in("ann", [("draft/metadata-2".to_owned(), String::new())], &mut out);
        chat.receive(":s 001 ann :hi", 0, &mut out);
        chat.receive(":s PONG s :welcomed", 0, &mut out);
        let sent = String::from_utf8(out).unwrap();
        assert!(sent.ends_with("METADATA * SUB display-name status\r\n"), "{sent}");
        chat.take_changes();
        chat
    }

    fn take(chat: &mut Chat, lines: &[&str]) -> Vec<Change> {
        lines.iter().for_each(|line| chat.receive(line, 0, &mut Vec::new()));
        chat.take_changes()
    }

    #[test]
    fn what_people_say_of_themselves_is_kept_and_what_changes_is_told() {
        let mut chat = chat();
        let told = take(
            &mut chat,
            &[
                ":s 770 ann display-name status",
                ":s BATCH +b metadata *ALL",
                "@batch=b :s METADATA bob display-name * :Bob the Builder",
                ":s BATCH -b",
            ],
        );
        let news =
            |change: &&Change| matches!(change, Change::Facts { .. } | Change::Happened { .. });
        assert_eq!(told.iter().find(news), None, "it was so before");
        let name =
            |chat: &Chat| chat.people.facts("BOB").and_then(|facts| facts.display_name.clone());
        assert_eq!(name(&chat).as_deref(), Some("Bob the Builder"));
        let told =
            take(&mut chat, &[":s METADATA bob status * :at lunch", ":s METADATA bob status *"]);
        let status = |value: Option<&str>| Change::Facts {
            nick: "bob".to_owned(),
            key: "status".to_owned(),
            value: value.map(str::to_owned),
        };
        assert!(
            told.contains(&status(Some("at lunch"))) && told.contains(&status(None)),
            "{told:?}"
        );
        // After a break it is no news, either.
        chat.broken();
        let again = take(&mut chat, &[":s METADATA bob display-name * :Bob the Builder"]);
        assert_eq!(again.iter().find(news), None);
        take(&mut chat, &[":bob!b@s NICK rob"]);
        assert_eq!(chat.people.facts("bob"), None);
        assert!(chat.people.facts("rob").is_some());
    }

    #[test]
    fn who_somebody_is_comes_as_a_whole_and_as_sentences() {
        let mut chat = chat();
        let told = take(
            &mut chat,
            &[
                ":s 311 ann bob bobby parlor * :Bob",
                ":s 319 ann bob :#lobby @#dev",
                ":s 330 ann bob bob :is logged in as",
                ":s 301 ann bob :gone",
                ":s 317 ann bob 61 0 :seconds idle",
                ":s 760 ann bob display-name * :Bob the Builder",
                ":s 318 ann bob :End of /WHOIS list",
            ],
        );
        let person = told.iter().find_map(|change| match change {
            Change::Whois(person) => Some(person),
            _ => None,
        });
        let person = person.expect("it is whole");
        assert_eq!((person.nick.as_str(), person.host.as_str()), ("bob", "bobby@parlor"));
        assert_eq!((person.rooms.len(), person.idle_seconds), (2, Some(61)));
        assert_eq!(person.away.as_deref(), Some("gone"));
        assert_eq!(person.facts.display_name.as_deref(), Some("Bob the Builder"));
        let sentences = told.iter().filter_map(|change| match change {
            Change::Happened { entry, .. } => Some(entry.text.as_str()),
            _ => None,
        });
        let all: Vec<&str> = sentences.collect();
        assert_eq!(all.last(), Some(&"bob is called Bob the Builder"), "{all:?}");
    }

    #[test]
    fn the_members_of_a_room_where_one_is_not_are_told_and_not_kept() {
        let mut chat = chat();
        let told = take(
            &mut chat,
            &[":s 353 ann = #dev :@bob eve", ":s 353 ann = #dev :+max", ":s 366 ann #dev :End"],
        );
        let members = told.iter().find_map(|change| match change {
            Change::Names { room, members } if room == "#dev" => Some(members),
            _ => None,
        });
        let names: Vec<String> = members
            .expect("the list is whole")
            .iter()
            .map(|member| format!("{}{}", member.marks, member.nick))
            .collect();
        assert_eq!(names, ["@bob", "eve", "+max"]);
        assert!(chat.conversation("#dev").is_none());
    }
}
