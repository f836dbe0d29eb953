//! The newest messages without their texts: who said them, in case that they are taken back.

use std::collections::VecDeque;

use crate::entry::Entry;
use crate::limits::RECENT_MAX;

/// Messages that can still be told of; it forgets the oldest beyond [`RECENT_MAX`].
#[derive(Debug, Default)]
pub struct Recent(VecDeque<Entry>);

impl Recent {
    /// Remembers a message, once.
    pub fn remember(&mut self, entry: &Entry) {
        let Some(msgid) = &entry.msgid else { return };
        if self.find(msgid).is_some() {
            return;
        }
        if self.0.len() == RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Entry { text: String::new(), ..entry.clone() });
    }

    /// The message with this msgid, if it is remembered. The newest are looked at first.
    pub fn find(&self, msgid: &str) -> Option<&Entry> {
        self.0.iter().rev().find(|entry| entry.msgid.as_deref() == Some(msgid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Place;

    #[test]
    fn the_newest_are_remembered_without_their_texts() {
        let mut recent = Recent::default();
        for number in 0..RECENT_MAX + 1 {
            recent.remember(&Entry {
                place: Place::Lobby,
                author: "bob".to_owned(),
                mine: false,
                notice: false,
                time_ms: None,
                msgid: Some(number.to_string()),
                text: "oops".to_owned(),
                taken_back_by: None,
            });
        }
        assert_eq!(recent.0.len(), RECENT_MAX);
        assert!(recent.find("0").is_none());
        assert_eq!(recent.find("1").map(|entry| entry.text.as_str()), Some(""));
    }
}
