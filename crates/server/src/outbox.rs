//! What waits to be written to one connection: bounded by the caller, in order, with places kept
//! for answers still to come.

use std::collections::VecDeque;

/// Lines for one connection that its socket has not taken yet. Empty, it owns no memory.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Bytes that may be written now, from `written` on.
    ready: Vec<u8>,
    written: usize,
    /// What comes behind answers that are still awaited.
    held: Option<Box<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    places: VecDeque<Place>,
    next: u64,
    bytes: usize,
}

/// A place kept for an answer, and the lines behind it.
#[derive(Debug)]
struct Place {
    number: u64,
    answer: Option<Vec<u8>>,
    behind: Vec<u8>,
}

impl Outbox {
    /// Appends lines.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.held {
            None => self.ready.extend_from_slice(bytes),
            Some(held) => {
                let last = held.places.back_mut().expect("held while a place is kept");
                last.behind.extend_from_slice(bytes);
                held.bytes += bytes.len();
            }
        }
    }

    /// Keeps a place for an answer; what is pushed from here on waits behind it. Returns the
    /// place's number.
    pub fn keep_place(&mut self) -> u64 {
        let held = self.held.get_or_insert_default();
        let number = held.next;
        held.next += 1;
        held.places.push_back(Place { number, answer: None, behind: Vec::new() });
        number
    }

    /// Puts the answer in its place, and releases all that waited only for it.
    pub fn fill_place(&mut self, number: u64, answer: Vec<u8>) {
        let Some(held) = &mut self.held else { return };
        let Some(place) = held.places.iter_mut().find(|place| place.number == number) else {
            return;
        };
        held.bytes += answer.len();
        place.answer = Some(answer);
        while let Some(Place { answer: Some(answer), .. }) = held.places.front() {
            self.ready.extend_from_slice(answer);
            let place = held.places.pop_front().expect("just looked at");
            self.ready.extend_from_slice(&place.behind);
        }
        if held.places.is_empty() {
            self.held = None;
        } else {
            let size =
                |place: &Place| place.behind.len() + place.answer.as_ref().map_or(0, Vec::len);
            held.bytes = held.places.iter().map(size).sum();
        }
    }

    /// How many places are kept.
    pub fn places(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.places.len())
    }

    /// Bytes that may be written now.
    pub fn ready(&self) -> &[u8] {
        &self.ready[self.written..]
    }

    /// The socket has taken this many of them.
    pub fn advance(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written == self.ready.len() {
            // An idle connection owns no buffer.
            self.ready = Vec::new();
            self.written = 0;
        } else if self.written > self.ready.len() / 2 {
            self.ready.drain(..self.written);
            self.written = 0;
        }
    }

    /// Bytes that wait, in all.
    pub fn len(&self) -> usize {
        self.ready.len() - self.written + self.held.as_ref().map_or(0, |held| held.bytes)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.held.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_order_around_answers_that_come_late() {
        let mut outbox = Outbox::default();
        outbox.push(b"a");
        let first = outbox.keep_place();
        outbox.push(b"c");
        let second = outbox.keep_place();
        outbox.push(b"e");
        assert_eq!(outbox.ready(), b"a");
        outbox.fill_place(second, b"d".to_vec());
        assert_eq!(outbox.ready(), b"a");
        assert_eq!(outbox.len(), 4);
        outbox.fill_place(first, b"b".to_vec());
        assert_eq!(outbox.ready(), b"abcde");
        outbox.advance(3);
        assert_eq!(outbox.ready(), b"de");
        outbox.push(b"f");
        assert_eq!(outbox.ready(), b"def");
        outbox.advance(3);
        assert!(outbox.is_empty());
    }
}
