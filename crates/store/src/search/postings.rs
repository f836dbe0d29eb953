//! The words of some messages, gathered in memory: each word with its messages, in the order of
//! words.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::analyzer::Analyzer;
use super::mark;
use crate::{AccountId, Conversation};

/// The gathered words.
#[derive(Default)]
pub(super) struct Postings {
    words: Words,
    /// The occurrences: the word's number, and the message.
    places: Vec<(u32, u32)>,
    analyzer: Analyzer,
}

/// Distinct words by number.
#[derive(Default)]
struct Words {
    hash: DefaultHashBuilder,
    numbers: HashTable<u32>,
    bytes: Vec<u8>,
    words: Vec<Word>,
}

#[derive(Clone, Copy)]
struct Word {
    start: u32,
    length: u32,
    /// The number of messages that contain it.
    count: u32,
    /// The last one of them.
    last: u32,
}

impl Words {
    fn get(&self, number: u32) -> &[u8] {
        let word = self.words[number as usize];
        &self.bytes[word.start as usize..][..word.length as usize]
    }

    /// The number of a word.
    fn number(&mut self, word: &[u8]) -> u32 {
        let Self { hash, numbers, bytes, words } = self;
        let of = |number: &u32| {
            let Word { start, length, .. } = words[*number as usize];
            &bytes[start as usize..][..length as usize]
        };
        let wanted = hash.hash_one(word);
        let is = |number: &u32| of(number) == word;
        if let Some(number) = numbers.find(wanted, is) {
            return *number;
        }
        let number = words.len() as u32;
        numbers.insert_unique(wanted, number, |number| hash.hash_one(of(number)));
        let (start, length) = (bytes.len() as u32, word.len() as u32);
        bytes.extend(word);
        words.push(Word { start, length, count: 0, last: 0 });
        number
    }
}

impl Postings {
    /// Adds a message; their numbers are ascending.
    pub(super) fn add(
        &mut self,
        id: u32,
        conversation: Conversation,
        author: AccountId,
        text: &str,
    ) {
        let Self { words, places, analyzer } = self;
        let mut add = |word: &str| {
            let number = words.number(word.as_bytes());
            let word = &mut words.words[number as usize];
            if word.count == 0 || word.last != id {
                (word.count, word.last) = (word.count + 1, id);
                places.push((number, id));
            }
        };
        analyzer.each(text, &mut |word, _| add(word));
        mark::each(conversation, author, text, &mut add);
    }

    /// Clears everything, but keeps the capacity.
    pub(super) fn clear(&mut self) {
        self.words.numbers.clear();
        self.words.bytes.clear();
        self.words.words.clear();
        self.places.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Calls `each` with every word, in order, and its messages, ascending.
    pub(super) fn each<E>(
        &self,
        mut each: impl FnMut(&[u8], &[u32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut starts, mut at) = (Vec::with_capacity(self.words.words.len()), 0);
        for word in &self.words.words {
            starts.push(at);
            at += word.count as usize;
        }
        let mut ids = vec![0; self.places.len()];
        for (number, id) in &self.places {
            let at = &mut starts[*number as usize];
            ids[*at] = *id;
            *at += 1;
        }
        for number in self.order() {
            let end = starts[number as usize];
            let count = self.words.words[number as usize].count as usize;
            each(self.words.get(number), &ids[end - count..end])?;
        }
        Ok(())
    }

    /// The numbers of the words in the order of words.
    fn order(&self) -> Vec<u32> {
        // Most words differ in their first bytes, which are compared at once.
        let first = |word: &[u8]| {
            let mut bytes = [0; 8];
            let length = word.len().min(8);
            bytes[..length].copy_from_slice(&word[..length]);
            u64::from_be_bytes(bytes)
        };
        let numbers = 0..self.words.words.len() as u32;
        let mut order: Vec<(u64, u32)> =
            numbers.map(|number| (first(self.words.get(number)), number)).collect();
        order.sort_unstable_by(|one, other| {
            let words = || self.words.get(one.1).cmp(self.words.get(other.1));
            one.0.cmp(&other.0).then_with(words)
        });
        order.into_iter().map(|(_, number)| number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn words_come_in_order_with_their_messages() {
        let mut postings = Postings::default();
        let mut expected: BTreeMap<Vec<u8>, BTreeSet<u32>> = BTreeMap::new();
        for id in 3..500_u32 {
            let text = format!("tea w{} word{} Tea abcdefgh{}", id % 7, id % 50, id);
            postings.add(id, Conversation::room(id % 3), id % 5, &text);
            let marks = [format!("=r{}", id % 3), format!("=a{}", id % 5)];
            for word in text.to_lowercase().split(' ').chain(marks.iter().map(|mark| &**mark)) {
                expected.entry(word.as_bytes().to_vec()).or_default().insert(id);
            }
        }
        let mut found = Vec::new();
        let each = |word: &[u8], ids: &[u32]| {
            found.push((word.to_vec(), ids.iter().copied().collect()));
            Ok::<_, ()>(())
        };
        postings.each(each).unwrap();
        assert_eq!(found, Vec::from_iter(expected));
    }
}
