//! A page of the index: words in order, each with its messages.
//!
//! A page begins with a checksum. Of a word it has how many bytes are those of the word before it, how
//! many others follow, these, and then the messages: how many bytes they take, and each as its
//! distance from the one before. Zeros fill the rest. All pages are equally long, so taking messages
//! out overwrites them in place, and no copy of a page is left where SQLite would move it.

use std::mem;
use std::ops::Range;

/// Bytes per page: with SQLite's overhead, exactly one page of its file.
pub(super) const PAGE_BYTES: usize = 4048;
const SUM_BYTES: usize = 4;
/// A word only starts on a page with this much room for its messages.
const ROOM: usize = 8;
/// The maximum size of what precedes a word and its messages.
const HEAD_BYTES: usize = 4;
/// Marks the end of a page of fences.
const END: u8 = 0xff;
/// Sorts after all words.
const ABOVE: &[u8] = &[0xff];

/// A damaged page.
#[derive(Debug)]
pub(super) struct Damaged;

/// Fills pages with words in order.
pub(super) struct Writer {
    page: Vec<u8>,
    last: Vec<u8>,
    /// The first and last words of each finished page, and of the current one.
    words: Vec<KeyRange>,
}

/// The first and the last word of a page; none if it is empty.
type KeyRange = Option<(Box<[u8]>, Box<[u8]>)>;

impl Writer {
    pub(super) fn new() -> Self {
        Self { page: vec![0; SUM_BYTES], last: Vec::new(), words: Vec::new() }
    }

    /// Adds a word with its messages, ascending; `full` receives each full page.
    pub(super) fn push<E>(
        &mut self,
        word: &[u8],
        mut ids: &[u32],
        full: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !ids.is_empty() {
            let shared = common(&self.last, word);
            let rest = &word[shared..];
            let used = self.page.len() + HEAD_BYTES + rest.len();
            if used + ROOM > PAGE_BYTES {
                self.finish(full)?;
                continue;
            }
            if self.page.len() == SUM_BYTES {
                self.words.push(Some((word.into(), [].into())));
            }
            self.page.extend([shared as u8, rest.len() as u8]);
            self.page.extend(rest);
            self.last.truncate(shared);
            self.last.extend(rest);
            // The length comes first, in two bytes.
            let at = self.page.len();
            self.page.extend([0; 2]);
            let mut before = 0;
            while let Some((id, others)) = ids.split_first()
                && self.page.len() + 5 <= PAGE_BYTES
            {
                put(&mut self.page, id - before);
                (before, ids) = (*id, others);
            }
            let length = (self.page.len() - at - 2) as u16;
            self.page[at..at + 2].copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }

    /// Hands over the current page, if it is not empty.
    pub(super) fn finish<E>(
        &mut self,
        full: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.page.len() == SUM_BYTES {
            return Ok(());
        }
        if let Some(Some((_, last))) = self.words.last_mut() {
            *last = mem::take(&mut self.last).into();
        }
        seal(&mut self.page);
        full(&self.page)?;
        self.page.clear();
        self.page.resize(SUM_BYTES, 0);
        Ok(())
    }

    /// The fences between the pages handed over.
    pub(super) fn fences(&self) -> Fences {
        Fences::between(&self.words)
    }
}

/// A page without some messages, and whether it had any of them. The rest always fits: a word after
/// a removed one shares no more with its new neighbour than the removed one did.
pub(super) fn without(
    page: &[u8],
    gone: &dyn Fn(u32) -> bool,
    ends: &mut Vec<KeyRange>,
) -> Result<Option<Vec<u8>>, Damaged> {
    let (mut words, mut ids, mut writer) = (Words::of(page)?, Vec::new(), Writer::new());
    let (mut changed, mut no_second) = (false, |_: &[u8]| Err(Damaged));
    while words.next()? {
        ids.clear();
        words.ids(0, &mut ids)?;
        let before = ids.len();
        ids.retain(|id| !gone(*id));
        changed |= ids.len() < before;
        writer.push(words.word(), &ids, &mut no_second)?;
    }
    let mut rest = None;
    writer.finish(&mut |page: &[u8]| {
        rest = Some(page.to_vec());
        Ok(())
    })?;
    ends.push(writer.words.pop().flatten());
    Ok(changed.then(|| {
        rest.unwrap_or_else(|| {
            let mut empty = vec![0; SUM_BYTES];
            seal(&mut empty);
            empty
        })
    }))
}

/// Pads a page with zeros and prepends the checksum.
fn seal(page: &mut Vec<u8>) {
    page.resize(PAGE_BYTES, 0);
    let sum = crc32fast::hash(&page[SUM_BYTES..]);
    page[..SUM_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// The contents of a page after its checksum.
fn sound(page: &[u8]) -> Result<&[u8], Damaged> {
    let (sum, rest) = page.split_at_checked(SUM_BYTES).ok_or(Damaged)?;
    let right = page.len() == PAGE_BYTES && crc32fast::hash(rest).to_le_bytes() == sum;
    if right { Ok(rest) } else { Err(Damaged) }
}

/// The words of a page, one after the other.
pub(super) struct Words<B> {
    page: B,
    at: usize,
    list: Range<usize>,
    word: Vec<u8>,
}

impl<B: AsRef<[u8]>> Words<B> {
    pub(super) fn of(page: B) -> Result<Self, Damaged> {
        sound(page.as_ref())?;
        Ok(Self { page, at: SUM_BYTES, list: 0..0, word: Vec::new() })
    }

    /// Advances to the next word; returns whether there is one.
    pub(super) fn next(&mut self) -> Result<bool, Damaged> {
        let page = self.page.as_ref();
        let [shared, length, rest @ ..] = &page[self.at..] else { return Ok(false) };
        if *length == 0 {
            return Ok(false);
        }
        let (word, rest) = rest.split_at_checked((*length).into()).ok_or(Damaged)?;
        let (count, rest) = rest.split_first_chunk().ok_or(Damaged)?;
        let begin = page.len() - rest.len();
        self.at = begin + usize::from(u16::from_le_bytes(*count));
        self.list = begin..self.at;
        self.word.truncate((*shared).into());
        self.word.extend(word);
        if self.at <= page.len() { Ok(true) } else { Err(Damaged) }
    }

    /// The current word.
    pub(super) fn word(&self) -> &[u8] {
        &self.word
    }

    /// Adds its messages, numbered from `base`.
    pub(super) fn ids(&self, base: u32, ids: &mut Vec<u32>) -> Result<(), Damaged> {
        let (mut id, mut delta, mut shift) = (base, 0_u32, 0);
        for byte in &self.page.as_ref()[self.list.clone()] {
            delta |= u32::from(byte & 0x7f).checked_shl(shift).ok_or(Damaged)?;
            shift += 7;
            if *byte < 0x80 {
                id = id.checked_add(delta).ok_or(Damaged)?;
                ids.push(id);
                (delta, shift) = (0, 0);
            }
        }
        Ok(())
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Fences, which tell on which page a word is: a fence is not above any word of its page, and not
/// below any of the page before.
pub(super) struct Fences {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Fences {
    /// The shortest possible ones. When words leave their pages, every fence stays valid.
    pub(super) fn between(words: &[KeyRange]) -> Self {
        let mut firsts: Vec<&[u8]> = vec![ABOVE; words.len()];
        let mut next = ABOVE;
        for (at, ends) in words.iter().enumerate().rev() {
            next = ends.as_ref().map_or(next, |(first, _)| first);
            firsts[at] = next;
        }
        let (mut fences, mut last) = (Self { bytes: Vec::new(), ends: Vec::new() }, &[][..]);
        for (ends, first) in words.iter().zip(firsts) {
            let shared = common(last, first);
            let fence = if shared == last.len() { last } else { &first[..=shared] };
            fences.bytes.extend(fence);
            fences.ends.push(fences.bytes.len() as u32);
            last = ends.as_ref().map_or(last, |(_, last)| last);
        }
        fences
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start as usize..self.ends[at] as usize]
    }

    /// The pages that may contain a word, or words with this prefix.
    pub(super) fn pages(&self, word: &[u8], begins: bool) -> Range<usize> {
        let below = self.count(|fence| fence < word);
        let up_to = self.count(|fence| fence <= word || begins && fence.starts_with(word));
        below.saturating_sub(1)..up_to
    }

    /// How many of them, from the first on, satisfy a condition.
    fn count(&self, are: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match are(self.get(middle)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// As pages, at most as many as before some of them became shorter.
    pub(super) fn write(&self) -> Vec<Vec<u8>> {
        let (mut pages, mut page) = (Vec::new(), vec![0; SUM_BYTES]);
        for at in 0..self.len() {
            let fence = self.get(at);
            if page.len() + fence.len() + 2 > PAGE_BYTES {
                page.push(END);
                seal(&mut page);
                pages.push(mem::replace(&mut page, vec![0; SUM_BYTES]));
            }
            page.push(fence.len() as u8);
            page.extend(fence);
        }
        page.push(END);
        seal(&mut page);
        pages.push(page);
        pages
    }

    /// Adds those of a page.
    pub(super) fn read(&mut self, page: &[u8]) -> Result<(), Damaged> {
        let mut rest = sound(page)?;
        loop {
            let (length, behind) = rest.split_first().ok_or(Damaged)?;
            if *length == END {
                return Ok(());
            }
            let (fence, behind) = behind.split_at_checked((*length).into()).ok_or(Damaged)?;
            self.bytes.extend(fence);
            self.ends.push(self.bytes.len() as u32);
            rest = behind;
        }
    }

    pub(super) fn none() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    type Index = BTreeMap<Vec<u8>, BTreeSet<u32>>;

    fn index() -> impl Strategy<Value = Index> {
        let word = prop_oneof!["[ab]{1,4}", "[a-z]{1,64}", "tea[a-z]{0,2}"];
        let ids = prop_oneof![
            9 => prop::collection::btree_set(0_u32..1_000_000, 1..20),
            1 => (1_u32..20_000, 1_u32..50).prop_map(|(count, step)| {
                (0..count).map(|at| at * step).collect()
            }),
        ];
        let words = prop::collection::vec((word, ids), 0..300);
        words.prop_map(|all| all.into_iter().map(|(word, ids)| (word.into_bytes(), ids)).collect())
    }

    fn write(index: &Index) -> (Vec<Vec<u8>>, Fences) {
        let (mut writer, mut pages) = (Writer::new(), Vec::new());
        let mut full = |page: &[u8]| {
            pages.push(page.to_vec());
            Ok::<_, Damaged>(())
        };
        for (word, ids) in index {
            let ids: Vec<u32> = ids.iter().copied().collect();
            writer.push(word, &ids, &mut full).unwrap();
        }
        writer.finish(&mut full).unwrap();
        (pages, writer.fences())
    }

    fn find(pages: &[Vec<u8>], fences: &Fences, word: &[u8], begins: bool) -> BTreeSet<u32> {
        let mut ids = Vec::new();
        for page in &pages[fences.pages(word, begins)] {
            let mut words = Words::of(&page[..]).unwrap();
            while words.next().unwrap() {
                if words.word() == word || begins && words.word().starts_with(word) {
                    words.ids(0, &mut ids).unwrap();
                }
            }
        }
        ids.into_iter().collect()
    }

    fn beginning(index: &Index, with: &[u8]) -> BTreeSet<u32> {
        let all = index.iter().filter(|(word, _)| word.starts_with(with));
        all.flat_map(|(_, ids)| ids.iter().copied()).collect()
    }

    proptest! {
        #[test]
        fn every_word_is_found_and_removed_without_a_trace(index in index(), gone in 2_u32..5) {
            let (mut pages, fences) = write(&index);
            let mut read = Fences::none();
            for page in fences.write() {
                read.read(&page).unwrap();
            }
            prop_assert!(pages.iter().all(|page| page.len() == PAGE_BYTES));
            prop_assert_eq!((&fences.bytes, &fences.ends), (&read.bytes, &read.ends));
            for (word, ids) in &index {
                prop_assert_eq!(&find(&pages, &fences, word, false), ids);
            }
            for begin in [&b"a"[..], b"tea", b"teab", b"zz", b"b"] {
                let expected = beginning(&index, begin);
                prop_assert_eq!(find(&pages, &fences, begin, true), expected);
            }
            // Some messages leave, and some words with them.
            let (old, mut ends) = (fences, Vec::new());
            for page in &mut pages {
                let rest = without(page, &|id| id % gone != 0, &mut ends).unwrap();
                *page = rest.unwrap_or_else(|| page.clone());
            }
            let left: Index = index.iter().filter_map(|(word, ids)| {
                let ids: BTreeSet<u32> = ids.iter().copied().filter(|id| id % gone == 0).collect();
                (!ids.is_empty()).then(|| (word.clone(), ids))
            }).collect();
            let new = Fences::between(&ends);
            prop_assert!(new.write().len() <= old.write().len());
            prop_assert!((0..new.len()).all(|at| new.get(at).len() <= old.get(at).len()));
            for fences in [&old, &new] {
                for word in index.keys() {
                    let expected = left.get(word).cloned().unwrap_or_default();
                    prop_assert_eq!(find(&pages, fences, word, false), expected);
                }
                let expected = beginning(&left, b"tea");
                prop_assert_eq!(find(&pages, fences, b"tea", true), expected);
            }
            for at in 0..new.len() {
                let fence = new.get(at);
                let there = left.keys().any(|word| word.starts_with(fence));
                prop_assert!(there || fence.is_empty() || fence == ABOVE, "{fence:?} is of no word");
            }
        }

        #[test]
        fn damage_is_detected(index in index(), at in any::<prop::sample::Index>(), bit in 0..8) {
            let (mut pages, fences) = write(&index);
            pages.extend(fences.write());
            let page = at.index(pages.len());
            pages[page][at.index(PAGE_BYTES)] ^= 1_u8 << bit;
            prop_assert!(Words::of(&pages[page][..]).is_err());
            prop_assert!(Words::of(&pages[page][1..]).is_err());
        }
    }
}
