//! What the index is asked: which words and marks each message has that is wanted. It may have them
//! without being wanted; a hit is read and compared.

use super::words::Term;
use super::{Search, mark};

/// What messages that are wanted have in the index.
pub(super) struct Question {
    /// All of these.
    parts: Vec<Part>,
    /// All the marks of one of these.
    places: Vec<Vec<String>>,
}

struct Part {
    word: Box<str>,
    /// Whether any word will do that begins so.
    begins: bool,
    /// How many messages had it in the segment before.
    count: usize,
}

/// Adds the messages that have a word, or one that begins so.
type Find<'f> = dyn FnMut(&[u8], bool, &mut Vec<u32>) -> rusqlite::Result<()> + 'f;

impl Question {
    pub(super) fn of(search: &Search) -> Self {
        let part = |word: &str, begins| Part { word: word.into(), begins, count: 0 };
        let mut parts = Vec::new();
        for Term { words, prefix } in &search.words.all {
            let last = words.len() - 1;
            let all = words.iter().enumerate();
            parts.extend(all.map(|(at, word)| part(word, *prefix && at == last)));
        }
        parts.extend(search.from.map(|from| part(&mark::author(from), false)));
        parts.extend(search.link.then(|| part(mark::LINK, false)));
        Self { parts, places: places(search) }
    }

    /// Whether all messages would do, wherever they are.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// In how many places messages would do.
    pub(super) fn rooms(&self) -> usize {
        self.places.len()
    }

    /// The messages of a segment that have all the parts, and if they are to be of one of the places,
    /// its marks; rising.
    pub(super) fn answer(
        &mut self,
        scope: bool,
        find: &mut Find<'_>,
    ) -> rusqlite::Result<Vec<u32>> {
        // What was rare in the segment before leaves the least to compare.
        self.parts.sort_by_key(|part| part.count);
        let mut found: Option<Vec<u32>> = None;
        for part in &mut self.parts {
            let mut ids = Vec::new();
            find(part.word.as_bytes(), part.begins, &mut ids)?;
            if part.begins {
                ids.sort_unstable();
                ids.dedup();
            }
            part.count = ids.len();
            let both = found.map_or(ids.clone(), |found| in_both(found, &ids));
            if both.is_empty() {
                return Ok(both);
            }
            found = Some(both);
        }
        if scope {
            let mut all = Vec::new();
            for marks in &self.places {
                let mut here: Option<Vec<u32>> = None;
                for mark in marks {
                    let mut ids = Vec::new();
                    find(mark.as_bytes(), false, &mut ids)?;
                    here = Some(here.map_or(ids.clone(), |here| in_both(here, &ids)));
                }
                all.extend(here.unwrap_or_default());
            }
            all.sort_unstable();
            all.dedup();
            found = Some(found.map_or(all.clone(), |found| in_both(found, &all)));
        }
        Ok(found.unwrap_or_default())
    }
}

/// The marks of the places of which a message that may be wanted is in one.
fn places(search: &Search) -> Vec<Vec<String>> {
    let me = search.account;
    match search.of {
        Some(of) => vec![match of.as_room() {
            Some(room) => vec![mark::room(room)],
            None => vec![mark::person(me), mark::person(of.other(me).unwrap_or(me))],
        }],
        None => {
            let rooms = search.rooms.iter().map(|(room, _)| vec![mark::room(*room)]);
            rooms.chain([vec![mark::person(me)]]).collect()
        }
    }
}

/// What is in both of two rising lists.
fn in_both(mut one: Vec<u32>, other: &[u32]) -> Vec<u32> {
    let mut rest = other.iter().peekable();
    one.retain(|id| {
        while rest.next_if(|next| *next < id).is_some() {}
        rest.peek() == Some(&id)
    });
    one
}
