//! The messages that were missed during a break, on their way to the screen: fetched one conversation after the
//! other, and shown in the order of time. What was fetched once is not asked for again, however often it breaks.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use crate::entry::Entry;
use crate::limits::MISSED_BYTES;

/// What was fetched so far.
#[derive(Debug, Default)]
pub struct Missed {
    /// Each conversation's messages in their own order, and then those that came live.
    conversations: Vec<VecDeque<Entry>>,
    /// By conversation: its place in the list above, and the msgid from which to go on.
    known: HashMap<String, (usize, Option<String>)>,
    bytes: usize,
    newest_ms: Option<i64>,
}

impl Missed {
    /// Takes a page of a conversation's messages, those that are new, and the msgid of the page's last line.
    pub fn add(&mut self, conversation: &str, entries: Vec<Entry>, newest: Option<String>) {
        let next = self.conversations.len();
        let (place, cursor) =
            self.known.entry(conversation.to_ascii_lowercase()).or_insert((next, None));
        if *place == next {
            self.conversations.push(VecDeque::new());
        }
        if newest.is_some() {
            *cursor = newest;
        }
        self.bytes += bytes(&entries);
        self.newest_ms = self.newest_ms.max(entries.iter().filter_map(|entry| entry.time_ms).max());
        self.conversations[*place].extend(entries);
    }

    /// The msgid up to which a conversation is here.
    pub fn cursor(&self, conversation: &str) -> Option<&str> {
        self.known.get(&conversation.to_ascii_lowercase())?.1.as_deref()
    }

    /// So much that it should be shown before more is fetched, though its order is then only that of each part.
    pub fn is_full(&self) -> bool {
        self.bytes > MISSED_BYTES
    }

    /// The newest time of all that was here.
    pub fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    /// Takes all out, with what came live meanwhile, in the order of time. Each conversation keeps its own order,
    /// also where a clock was set back.
    pub fn take(&mut self, live: Vec<Entry>) -> Vec<Entry> {
        self.bytes = 0;
        let mut lists: Vec<_> = self.conversations.iter_mut().map(std::mem::take).collect();
        lists.push(live.into());
        merge(&mut lists, i64::MAX)
    }

    /// Takes out what is not younger than the newest message of this conversation, which is the only one of which more
    /// may come, and older than the first one that came live: so on a slow link something is seen before all is there.
    pub fn take_up_to(&mut self, conversation: &str, first_live_ms: Option<i64>) -> Vec<Entry> {
        let place = self.known.get(&conversation.to_ascii_lowercase()).map(|known| known.0);
        let newest = place.and_then(|place| self.conversations[place].back()?.time_ms);
        let before_live = first_live_ms.map_or(i64::MAX, |time| time.saturating_sub(1));
        let until = newest.map(|newest| newest.min(before_live));
        let taken = until.map(|until| merge(&mut self.conversations, until)).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(bytes(&taken));
        taken
    }
}

fn bytes(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.text.len() + size_of::<Entry>()).sum()
}

/// Takes the entries up to this time out of the lists.
fn merge(lists: &mut [VecDeque<Entry>], until_ms: i64) -> Vec<Entry> {
    let mut merged = Vec::new();
    let time = |list: &VecDeque<Entry>| Some(list.front()?.time_ms.unwrap_or(i64::MIN));
    let heads = lists.iter().enumerate().filter_map(|(at, list)| Some(Reverse((time(list)?, at))));
    let mut heads: BinaryHeap<_> = heads.collect();
    while let Some(Reverse((time_ms, at))) = heads.pop()
        && time_ms <= until_ms
    {
        merged.extend(lists[at].pop_front());
        heads.extend(time(&lists[at]).map(|time| Reverse((time, at))));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Place;

    fn entries(texts: &[(i64, &str)]) -> Vec<Entry> {
        let entry = |(time_ms, text): &(i64, &str)| Entry {
            place: Place::Lobby,
            author: "ann".to_owned(),
            mine: true,
            notice: false,
            time_ms: Some(*time_ms),
            msgid: None,
            text: (*text).to_owned(),
            taken_back_by: None,
        };
        texts.iter().map(entry).collect()
    }

    fn texts(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.text.as_str()).collect()
    }

    #[test]
    fn conversations_and_what_came_live_are_merged_in_the_order_of_time() {
        let mut missed = Missed::default();
        missed.add("#lobby", entries(&[(1, "a"), (4, "d")]), Some("m4".to_owned()));
        missed.add("bob", entries(&[(2, "b"), (3, "c"), (6, "f")]), Some("m6".to_owned()));
        missed.add("#LOBBY", entries(&[(7, "g")]), Some("m7".to_owned()));
        missed.add("#lobby", Vec::new(), None);
        assert_eq!((missed.cursor("#lobby"), missed.cursor("Bob")), (Some("m7"), Some("m6")));
        assert_eq!(missed.newest_ms(), Some(7));
        let all = missed.take(entries(&[(5, "e"), (8, "h")]));
        assert_eq!(texts(&all), ["a", "b", "c", "d", "e", "f", "g", "h"]);
        assert!(missed.take(Vec::new()).is_empty());
        assert_eq!(missed.cursor("bob"), Some("m6"), "it is not fetched again");
    }

    #[test]
    fn a_conversation_keeps_its_order_where_the_clock_was_set_back() {
        let mut missed = Missed::default();
        missed.add("#lobby", entries(&[(5, "a"), (2, "b"), (6, "e")]), None);
        missed.add("bob", entries(&[(5, "c"), (6, "f")]), None);
        assert_eq!(texts(&missed.take(entries(&[(5, "d")]))), ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn the_settled_beginning_is_shown_before_everything_has_arrived() {
        let mut missed = Missed::default();
        missed.add("#lobby", entries(&[(1, "a"), (4, "d"), (7, "g")]), None);
        missed.add("bob", entries(&[(2, "b"), (4, "e")]), None);
        assert_eq!(texts(&missed.take_up_to("Bob", Some(5))), ["a", "b", "d", "e"]);
        assert!(missed.take_up_to("bob", None).is_empty(), "nothing new came");
        missed.add("bob", entries(&[(5, "f")]), None);
        assert!(missed.take_up_to("bob", Some(5)).is_empty(), "what came live has its place first");
        assert_eq!(texts(&missed.take_up_to("bob", Some(6))), ["f"]);
        assert!(missed.take_up_to("eve", None).is_empty());
        assert_eq!(texts(&missed.take(entries(&[(8, "h")]))), ["g", "h"]);
    }

    #[test]
    fn its_size_is_bounded() {
        let mut missed = Missed::default();
        let long = "x".repeat(MISSED_BYTES / 2);
        missed.add("bob", entries(&[(1, &long)]), None);
        assert!(!missed.is_full());
        missed.add("bob", entries(&[(2, &long)]), None);
        assert!(missed.is_full());
        missed.take(Vec::new());
        assert!(!missed.is_full());
    }
}
