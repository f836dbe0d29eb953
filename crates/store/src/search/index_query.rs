//! The query for the index: the words and marks that every matching message has. Other messages may
//! have them, too; each hit is read and compared.

use super::words::Term;
use super::{Search, mark};

/// What matching messages have in the index.
pub(super) struct IndexQuery {
    /// All of these.
    parts: Vec<Part>,
    /// All the marks of one of these.
    places: Vec<Vec<String>>,
}

struct Part {
    word: Box<str>,
    /// Whether any word with this prefix will do.
    begins: bool,
    /// How many messages had it in the previous segment.
    count: usize,
}

/// Adds the messages with a word, or with words of a prefix.
type Find<'f> = dyn FnMut(&[u8], bool, &mut Vec<u32>) -> rusqlite::Result<()> + 'f;

impl IndexQuery {
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

    /// Whether any message would match.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The number of places where messages would match.
    pub(super) fn rooms(&self) -> usize {
        self.places.len()
    }

    /// The messages of a segment that have all the parts, and if places are given, the marks of one
    /// of them; ascending.
    pub(super) fn answer(
        &mut self,
        scope: bool,
        find: &mut Find<'_>,
    ) -> rusqlite::Result<Vec<u32>> {
        // Starting with the part that was rarest in the previous segment leaves the least to
        // compare.
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

/// The marks of the places in which matching messages can be.
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

/// The intersection of two ascending lists.
fn in_both(mut one: Vec<u32>, other: &[u32]) -> Vec<u32> {
    let mut rest = other.iter().peekable();
    one.retain(|id| {
        while rest.next_if(|next| *next < id).is_some() {}
        rest.peek() == Some(&id)
    });
    one
}
