//! What was missed while the connection was broken: fetched one conversation after the other, and shown in the order
//! of time, with what has come meanwhile.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use chat::entry::Entry;
use chat::timeline::{Row, Run};
use chat::{Change, Chat, Intent};
use proto::name::{fold, same};

use super::session::{End, Session};
use crate::pages::{ENDLESS, Pages};

/// What the person had seen when the connection broke.
#[derive(Debug)]
pub(super) struct LastSeen {
    /// The newest message of each conversation, by folded name.
    anchors: BTreeMap<String, String>,
    /// The newest server time by then, in milliseconds since 1970 UTC.
    time_ms: Option<i64>,
}

impl LastSeen {
    /// Everything known so far counts as seen.
    pub(super) fn at(chat: &Chat) -> LastSeen {
        let anchors = chat.conversations.iter().filter_map(|(key, conversation)| {
            let newest = conversation.timeline.newest()?;
            Some((key.clone(), newest.msgid.clone()?))
        });
        LastSeen { anchors: anchors.collect(), time_ms: chat.server_time_ms }
    }

    /// The rows of a conversation that came after the break.
    fn rows<'a>(&self, chat: &'a Chat, name: &str) -> impl Iterator<Item = &'a Row> {
        let rows = chat.conversation(name).map(|conversation| conversation.timeline.rows());
        let anchor = self.anchors.get(&fold(name));
        let is_anchor = |row: &Row| match row {
            Row::Entry(entry) => anchor.is_some() && entry.msgid.as_ref() == anchor,
            Row::Gap => false,
        };
        let from = rows.and_then(|rows| rows.iter().rposition(is_anchor)).map_or(0, |at| at + 1);
        rows.into_iter().flatten().skip(from)
    }

    /// What to ask for of a conversation, if something is known to be missing there.
    fn missing(&self, chat: &Chat, name: &str) -> Option<Run> {
        let mut last = self.anchors.get(&fold(name));
        for row in self.rows(chat, name) {
            match row {
                Row::Entry(entry) => last = entry.msgid.as_ref().or(last),
                Row::Gap if last.is_some() => return last.cloned().map(Run::After),
                // Before the first message that is to be shown nothing is missing.
                Row::Gap => {}
            }
        }
        None
    }

    /// What to ask for first of a conversation of which nothing was known at the break.
    fn first(&self, name: &str) -> Option<Run> {
        if self.anchors.contains_key(&fold(name)) { None } else { self.time_ms.map(Run::Since) }
    }
}

impl Session {
    /// Fetches all messages since the break, and shows them in the order of time, with those that came meanwhile.
    pub(super) fn catch_up(&mut self) -> Result<(), End> {
        self.catching_up = true;
        let outcome = loop {
            let breaks = self.breaks;
            let outcome = self.fetch_missed();
            // After another break something may be missing where nothing was.
            if outcome.is_err() || self.breaks == breaks {
                break outcome;
            }
        };
        self.catching_up = false;
        // What is here by now is shown in any case.
        let Some(last_seen) = self.last_seen.take() else { return outcome };
        let names: Vec<String> =
            self.chat().conversations.values().map(|known| known.name.clone()).collect();
        let mut lists: Vec<VecDeque<(String, Entry)>> = Vec::new();
        for name in names {
            let rows = last_seen.rows(self.chat(), &name);
            let said = rows.filter_map(|row| match row {
                Row::Entry(entry) if entry.kind.is_said() => {
                    Some((name.clone(), (**entry).clone()))
                }
                _ => None,
            });
            lists.push(said.collect());
        }
        for (name, entry) in in_order_of_time(lists) {
            self.show(&name, &entry)?;
        }
        outcome
    }

    fn fetch_missed(&mut self) -> Result<(), End> {
        if !self.chat().server.has("draft/chathistory") {
            self.show_status(
                "This server keeps no history: what was said meanwhile is not known.",
            )?;
            return Ok(());
        }
        let mut pages = Pages::default();
        for name in self.changed_since()? {
            let run_of = |session: &Session, of: fn(&LastSeen, &Chat, &str) -> Option<Run>| {
                of(session.last_seen.as_ref()?, session.chat(), &name)
            };
            let mut run = run_of(self, |last_seen, _, name| last_seen.first(name))
                .or_else(|| run_of(self, LastSeen::missing));
            while let Some(wanted) = run.take() {
                if !pages.allow(&wanted) {
                    self.show_status(&format!("Of {name} not all can be shown: {ENDLESS}"))?;
                    break;
                }
                match self.load(&name, &wanted)? {
                    // An empty page closes the gap, if the server is to be believed.
                    Ok(0) if matches!(wanted, Run::After(_)) => {}
                    Ok(_) => run = run_of(self, LastSeen::missing),
                    Err(sentence) => {
                        self.show_status(&format!("Of {name} not all can be shown: {sentence}"))?;
                    }
                }
            }
            if pages.is_spent() {
                self.show_status("More may have been missed; CH and UNREAD show it.")?;
                break;
            }
        }
        Ok(())
    }

    /// The conversations that have something new since the break.
    fn changed_since(&mut self) -> Result<Vec<String>, End> {
        let time_ms = self.last_seen.as_ref().and_then(|last_seen| last_seen.time_ms);
        let mut names = Vec::new();
        if let Some(time_ms) = time_ms {
            let changed =
                self.request("CHATHISTORY", &Intent::Changed(time_ms), |_, change| match change {
                    Change::Targets(targets) => Some(targets.clone()),
                    _ => None,
                })?;
            if let Ok(changed) = changed {
                if changed.len() < self.chat().server.page() {
                    return Ok(changed);
                }
                names = changed;
            }
        }
        // There may be more, or the server does not say: known conversations are requested in any case.
        let known = self.last_seen.iter().flat_map(|last_seen| last_seen.anchors.keys());
        for name in known {
            if !names.iter().any(|other| same(other, name)) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    /// Fetches a page of a conversation: how many messages and events it has, or the server's sentence.
    pub(super) fn load(&mut self, name: &str, run: &Run) -> Result<Result<usize, String>, End> {
        let intent = Intent::Load { target: name.to_owned(), run: run.clone() };
        self.request("CHATHISTORY", &intent, |_, change| match change {
            Change::Page { target, count, refused } if same(target, name) => {
                Some(refused.clone().map_or(Ok(*count), Err))
            }
            _ => None,
        })
    }
}

/// All of the lists by time, while each keeps its own order, also where a clock was set back.
fn in_order_of_time(mut lists: Vec<VecDeque<(String, Entry)>>) -> Vec<(String, Entry)> {
    let mut merged = Vec::new();
    let time = |list: &VecDeque<(String, Entry)>| Some(list.front()?.1.time_ms);
    let heads = lists.iter().enumerate().filter_map(|(at, list)| Some(Reverse((time(list)?, at))));
    let mut heads: BinaryHeap<_> = heads.collect();
    while let Some(Reverse((_, at))) = heads.pop() {
        merged.extend(lists[at].pop_front());
        heads.extend(time(&lists[at]).map(|time| Reverse((time, at))));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat::entry::Kind;

    fn list(name: &str, texts: &[(i64, &str)]) -> VecDeque<(String, Entry)> {
        let entry = |(time, text): &(i64, &str)| Entry::new(Kind::Message, "ann", *time, text);
        texts.iter().map(|text| (name.to_owned(), entry(text))).collect()
    }

    fn texts(merged: &[(String, Entry)]) -> Vec<&str> {
        merged.iter().map(|(_, entry)| entry.text.as_str()).collect()
    }

    #[test]
    fn conversations_are_merged_in_the_order_of_time_and_each_keeps_its_own() {
        let lobby = list("#lobby", &[(1, "a"), (4, "d")]);
        let bob = list("bob", &[(2, "b"), (3, "c"), (6, "f")]);
        let merged = in_order_of_time(vec![lobby, bob, list("#dev", &[(5, "e")])]);
        assert_eq!(texts(&merged), ["a", "b", "c", "d", "e", "f"]);
        let back = list("#lobby", &[(5, "a"), (2, "b"), (6, "d")]);
        assert_eq!(
            texts(&in_order_of_time(vec![back, list("bob", &[(5, "c")])])),
            ["a", "b", "c", "d"]
        );
    }
}
