//! People's metadata (`METADATA`), and the answers to `WHOIS`.

use crate::limits::{MEMBERS, METADATA_BYTES};
use proto::name::fold;
use serde::Serialize;
use std::collections::BTreeMap;

/// The metadata keys to subscribe to.
pub const KEYS: [&str; 2] = ["display-name", "status"];

/// Somebody's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// How they would like to be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What they are up to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Metadata by folded name.
#[derive(Debug, Default)]
pub struct People(BTreeMap<String, Metadata>);

impl People {
    /// Somebody's metadata, if any.
    pub fn metadata(&self, nick: &str) -> Option<&Metadata> {
        self.0.get(&fold(nick))
    }

    /// Sets or removes a key; false if the key is not kept or nothing changes.
    pub(crate) fn set(&mut self, nick: &str, key: &str, value: Option<&str>) -> bool {
        let value = value.filter(|value| !value.is_empty() && value.len() <= METADATA_BYTES);
        let folded = fold(nick);
        if !KEYS.contains(&key) || (self.0.len() >= MEMBERS && !self.0.contains_key(&folded)) {
            return false;
        }
        let metadata = self.0.entry(folded.clone()).or_default();
        let kept = if key == "status" { &mut metadata.status } else { &mut metadata.display_name };
        let changes = kept.as_deref() != value;
        *kept = value.map(str::to_owned);
        if *metadata == Metadata::default() {
            self.0.remove(&folded);
        }
        changes
    }

    /// Somebody changed their nick.
    pub(crate) fn rename(&mut self, old: &str, new: &str) {
        if let Some(metadata) = self.0.remove(&fold(old)) {
            self.0.insert(fold(new), metadata);
        }
    }
}

/// An answer to `WHOIS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Whois {
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
    /// Their metadata.
    #[serde(flatten)]
    pub metadata: Metadata,
}

#[cfg(test)]
mod tests {
    use crate::{Change, Chat, Intent};

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

    fn receive(chat: &mut Chat, lines: &[&str]) -> Vec<Change> {
        lines.iter().for_each(|line| chat.receive(line, 0, &mut Vec::new()));
        chat.take_changes()
    }

    fn ask(chat: &mut Chat, line: &str) {
        chat.perform(Intent::Raw(line.to_owned()), 0, &mut Vec::new()).unwrap();
    }

    /// The sentences shown.
    fn said(changes: &[Change]) -> Vec<&str> {
        let sentences = changes.iter().filter_map(|change| match change {
            Change::Happened { entry, .. } => Some(entry.text.as_str()),
            _ => None,
        });
        sentences.collect()
    }

    #[test]
    fn metadata_is_kept_and_changes_are_reported() {
        let mut chat = chat();
        let changes = receive(
            &mut chat,
            &[
                ":s 770 ann display-name status",
                ":s BATCH +b metadata *ALL",
                "@batch=b :s METADATA bob display-name * :Bob the Builder",
                ":s BATCH -b",
            ],
        );
        let news =
            |change: &&Change| matches!(change, Change::Metadata { .. } | Change::Happened { .. });
        assert_eq!(changes.iter().find(news), None, "it was so before");
        let name = |chat: &Chat| {
            chat.people.metadata("BOB").and_then(|metadata| metadata.display_name.clone())
        };
        assert_eq!(name(&chat).as_deref(), Some("Bob the Builder"));
        let changes =
            receive(&mut chat, &[":s METADATA bob status * :at lunch", ":s METADATA bob status *"]);
        let status = |value: Option<&str>| Change::Metadata {
            nick: "bob".to_owned(),
            key: "status".to_owned(),
            value: value.map(str::to_owned),
        };
        assert!(
            changes.contains(&status(Some("at lunch"))) && changes.contains(&status(None)),
            "{changes:?}"
        );
        // After a break it is no news, either.
        chat.broken();
        let again = receive(&mut chat, &[":s METADATA bob display-name * :Bob the Builder"]);
        assert_eq!(again.iter().find(news), None);
        receive(&mut chat, &[":bob!b@s NICK rob"]);
        assert_eq!(chat.people.metadata("bob"), None);
        assert!(chat.people.metadata("rob").is_some());
    }

    #[test]
    fn who_somebody_is_comes_as_a_whole_and_as_sentences() {
        let mut chat = chat();
        let changes = receive(
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
        let person = changes.iter().find_map(|change| match change {
            Change::Whois(person) => Some(person),
            _ => None,
        });
        let person = person.expect("it is whole");
        assert_eq!((person.nick.as_str(), person.host.as_str()), ("bob", "bobby@parlor"));
        assert_eq!((person.rooms.len(), person.idle_seconds), (2, Some(61)));
        assert_eq!(person.away.as_deref(), Some("gone"));
        assert_eq!(person.metadata.display_name.as_deref(), Some("Bob the Builder"));
        let all = said(&changes);
        assert_eq!(all.last(), Some(&"bob is called Bob the Builder"), "{all:?}");
    }

    #[test]
    fn whois_of_somebody_offline_says_that_they_are_not_online() {
        let mut chat = chat();
        ask(&mut chat, "WHOIS bob");
        let answer = [":s 401 ann bob :There is no user bob", ":s 318 ann bob :End of /WHOIS list"];
        assert_eq!(said(&receive(&mut chat, &answer)), ["bob is not online"]);
        // The end of the answer to another question changes nothing.
        ask(&mut chat, "WHOIS eve");
        ask(&mut chat, "WHOIS bob");
        let answers = [":s 318 ann eve :End of /WHOIS list", answer[0], answer[1]];
        assert_eq!(said(&receive(&mut chat, &answers)), ["bob is not online"]);
        // What else finds nobody has the server's words.
        let other = receive(&mut chat, &[":s 401 ann bob :There is no user bob"]);
        assert_eq!(said(&other), ["bob: There is no user bob"]);
    }

    #[test]
    fn a_list_of_no_metadata_says_so() {
        let mut chat = chat();
        let empty = [":s BATCH +b metadata ann", ":s BATCH -b"];
        assert_eq!(said(&receive(&mut chat, &empty)), [""; 0], "nobody has asked");
        ask(&mut chat, "METADATA * LIST");
        assert_eq!(said(&receive(&mut chat, &empty)), ["Nothing to show"]);
        ask(&mut chat, "METADATA bob LIST");
        let one = ":s BATCH +b metadata bob|@batch=b :s 761 ann bob status * :busy|:s BATCH -b";
        let lines: Vec<&str> = one.split('|').collect();
        assert_eq!(said(&receive(&mut chat, &lines)), ["bob's status: busy"]);
    }

    #[test]
    fn who_finds_nobody_says_so() {
        let mut chat = chat();
        ask(&mut chat, "WHO b*");
        let row = ":s 352 ann #lobby bob parlor s bob H :0 Bob";
        let end = ":s 315 ann b* :End of WHO list";
        let shown = receive(&mut chat, &[row, end]);
        assert_eq!(said(&shown), ["#lobby bob parlor s bob H 0 Bob"]);
        assert_eq!(said(&receive(&mut chat, &[end])), ["Nobody matches b*"]);
        assert_eq!(said(&receive(&mut chat, &[":s 354 ann bob", end])), ["bob"]);
        receive(&mut chat, &[row]);
        chat.broken();
        assert_eq!(said(&receive(&mut chat, &[end])), ["Nobody matches b*"], "asked again");
    }

    #[test]
    fn names_of_which_none_is_online_are_said_to_be_so() {
        let mut chat = chat();
        let answers = [":s 303 ann :bob", ":s 303 ann :", ":s 302 ann :bob=+bob@s", ":s 302 ann :"];
        let nobody = "None of them is online";
        assert_eq!(said(&receive(&mut chat, &answers)), ["bob", nobody, "bob=+bob@s", nobody]);
    }

    #[test]
    fn the_members_of_a_room_where_one_is_not_are_reported_and_not_kept() {
        let mut chat = chat();
        let changes = receive(
            &mut chat,
            &[":s 353 ann = #dev :@bob eve", ":s 353 ann = #dev :+max", ":s 366 ann #dev :End"],
        );
        let members = changes.iter().find_map(|change| match change {
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
