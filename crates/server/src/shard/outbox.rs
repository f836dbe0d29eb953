//! A connection's send queue: in order, bounded by the caller, with places reserved for answers
//! still to come.
//!
//! It is a list of pieces, not one buffer, so growing never moves a piece, and lines sent to a
//! whole room are one piece that all lagging members refer to.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// Shorter lines are copied even if they could be shared: references have a cost, too.
const SHARED_LEAST_BYTES: usize = 1024;
/// The maximum size of a piece of copied lines.
const PIECE_BYTES: usize = 64 * 1024;

/// Lines for one connection that its socket has not accepted yet. An empty one owns no memory.
///
/// Shared lines count in full in each outbox that refers to them. The part of the first piece that
/// is already written does not count, although it is only freed with the rest.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Can be written now; boxed because most connections have nothing to write.
    ready: Option<Box<Pieces>>,
    /// What follows answers that have not arrived yet.
    held: Option<Box<HeldBack>>,
}

/// Bytes in order.
#[derive(Debug, Default)]
struct Pieces {
    /// Never empty ones.
    pieces: VecDeque<Piece>,
    /// How much of the first one is written, in bytes.
    written: usize,
    /// The number of bytes not yet written.
    bytes: usize,
}

#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

#[derive(Debug, Default)]
struct HeldBack {
    placeholders: VecDeque<Placeholder>,
    next: u64,
    bytes: usize,
}

/// A placeholder reserved for an answer, and the lines after it.
#[derive(Debug)]
struct Placeholder {
    number: u64,
    answer: Option<Vec<u8>>,
    behind: Pieces,
}

impl Outbox {
    /// Appends lines.
    pub fn push(&mut self, lines: &[u8]) {
        self.append(lines.len(), |pieces| pieces.copy(lines));
    }

    /// Appends lines that are sent to many connections: all refer to the same bytes.
    pub fn push_shared(&mut self, lines: &Arc<[u8]>) {
        if lines.len() < SHARED_LEAST_BYTES {
            return self.push(lines);
        }
        self.append(lines.len(), |pieces| pieces.add(Piece::Shared(lines.clone())));
    }

    fn append(&mut self, bytes: usize, append: impl FnOnce(&mut Pieces)) {
        if bytes == 0 {
            return;
        }
        match &mut self.held {
            None => append(self.ready.get_or_insert_default()),
            Some(held) => {
                let last = held.placeholders.back_mut().expect("held while a placeholder is kept");
                append(&mut last.behind);
                held.bytes += bytes;
            }
        }
    }

    /// Reserves a placeholder for an answer; what is pushed from now on waits behind it. Returns the
    /// placeholder's number.
    pub fn reserve(&mut self) -> u64 {
        let held = self.held.get_or_insert_default();
        let number = held.next;
        held.next += 1;
        held.placeholders.push_back(Placeholder {
            number,
            answer: None,
            behind: Pieces::default(),
        });
        number
    }

    /// Puts the answer in its placeholder, and releases what was only waiting for it.
    pub fn fill(&mut self, number: u64, answer: Vec<u8>) {
        let Some(held) = &mut self.held else { return };
        let Some(placeholder) =
            held.placeholders.iter_mut().find(|placeholder| placeholder.number == number)
        else {
            return;
        };
        held.bytes += answer.len();
        placeholder.answer = Some(answer);
        while held.placeholders.front().is_some_and(|placeholder| placeholder.answer.is_some()) {
            let Placeholder { answer, behind, .. } =
                held.placeholders.pop_front().expect("just looked at");
            let answer = answer.expect("just looked at");
            held.bytes -= answer.len() + behind.bytes;
            let ready = self.ready.get_or_insert_default();
            ready.add(Piece::Own(answer));
            behind.pieces.into_iter().for_each(|piece| ready.add(piece));
            if ready.pieces.is_empty() {
                self.ready = None; // The answer was empty.
            }
        }
        if held.placeholders.is_empty() {
            self.held = None;
        }
    }

    /// The number of reserved places.
    pub fn placeholders(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.placeholders.len())
    }

    /// Whether something can be written now.
    pub fn is_ready(&self) -> bool {
        self.ready.as_ref().is_some_and(|ready| ready.bytes > 0)
    }

    /// Fills `slices` with what can be written now, as far as there is room; returns how many are
    /// used.
    pub fn ready<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(ready) = &self.ready else { return 0 };
        let mut skip = ready.written;
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&ready.pieces) {
            *slice = IoSlice::new(&piece.bytes()[skip..]);
            skip = 0;
            count += 1;
        }
        count
    }

    /// The socket has accepted this many bytes.
    pub fn advance(&mut self, bytes: usize) {
        let Some(ready) = &mut self.ready else { return };
        ready.advance(bytes);
        if ready.pieces.is_empty() {
            self.ready = None;
        }
    }

    /// The number of bytes queued.
    pub fn len(&self) -> usize {
        let ready = self.ready.as_ref().map_or(0, |ready| ready.bytes);
        ready + self.held.as_ref().map_or(0, |held| held.bytes)
    }

    /// Whether nothing is queued or reserved.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.held.is_none()
    }
}

impl Pieces {
    fn add(&mut self, piece: Piece) {
        let bytes = piece.bytes().len();
        if bytes > 0 {
            self.bytes += bytes;
            self.pieces.push_back(piece);
        }
    }

    fn copy(&mut self, lines: &[u8]) {
        match self.pieces.back_mut() {
            Some(Piece::Own(last)) if last.len() + lines.len() <= PIECE_BYTES => {
                last.extend_from_slice(lines);
                self.bytes += lines.len();
            }
            _ => self.add(Piece::Own(lines.to_vec())),
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.written += bytes;
        while let Some(first) = self.pieces.front()
            && self.written >= first.bytes().len()
        {
            self.written -= first.bytes().len();
            self.pieces.pop_front();
        }
    }
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Own(bytes) => bytes,
            Piece::Shared(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be written now, joined.
    fn ready(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = outbox.ready(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn lines_keep_their_order_around_answers_that_come_late() {
        let mut outbox = Outbox::default();
        outbox.push(b"a");
        let first = outbox.reserve();
        outbox.push(b"c");
        let second = outbox.reserve();
        outbox.push(b"e");
        assert_eq!(ready(&outbox), b"a");
        outbox.fill(second, b"d".to_vec());
        assert_eq!(ready(&outbox), b"a");
        assert_eq!(outbox.len(), 4);
        outbox.fill(first, b"b".to_vec());
        assert_eq!(ready(&outbox), b"abcde");
        assert_eq!(outbox.len(), 5);
        outbox.advance(3);
        assert_eq!(ready(&outbox), b"de");
        outbox.push(b"f");
        assert_eq!(ready(&outbox), b"def");
        outbox.advance(3);
        assert!(outbox.is_empty());
    }

    #[test]
    fn lines_shared_by_many_are_one_copy_and_keep_their_order() {
        let lines: Arc<[u8]> = vec![b's'; SHARED_LEAST_BYTES].into();
        let mut outboxes: Vec<Outbox> = (0..3).map(|_| Outbox::default()).collect();
        for outbox in &mut outboxes {
            outbox.push(b"a");
            outbox.push_shared(&lines);
            outbox.push(b"b");
            let placeholder = outbox.reserve();
            outbox.push_shared(&lines);
            assert_eq!(outbox.len(), 2 + 2 * lines.len());
            outbox.fill(placeholder, b"c".to_vec());
            assert_eq!(ready(outbox), [b"a", &lines[..], b"b", b"c", &lines].concat());
            assert_eq!(outbox.len(), 3 + 2 * lines.len());
        }
        assert_eq!(Arc::strong_count(&lines), 1 + 2 * outboxes.len());
        for outbox in &mut outboxes {
            outbox.advance(lines.len());
            assert_eq!(ready(outbox), [b"s", &b"b"[..], b"c", &lines].concat());
            outbox.advance(3 + lines.len());
            assert!(outbox.is_empty());
        }
        assert_eq!(Arc::strong_count(&lines), 1);
    }

    #[test]
    fn an_outbox_uses_little_more_memory_than_its_contents() {
        let mut outbox = Outbox::default();
        let short: Arc<[u8]> = vec![b'x'; 100].into();
        let number = 100_000;
        for _ in 0..number / 2 {
            outbox.push(&short);
            outbox.push_shared(&short);
        }
        assert_eq!(outbox.len(), number * short.len());
        assert_eq!(Arc::strong_count(&short), 1, "short lines are copied");
        let pieces = &outbox.ready.as_ref().unwrap().pieces;
        assert!(pieces.len() <= outbox.len() / (PIECE_BYTES - short.len()) + 1);
        let room: usize = pieces.iter().map(|piece| piece.bytes().len()).sum();
        assert_eq!(room, outbox.len());
        while outbox.is_ready() {
            let bytes = ready(&outbox).len();
            outbox.advance(bytes);
        }
        assert!(outbox.is_empty());
        assert!(outbox.ready.is_none(), "at rest it owns no buffer");
        outbox.push(b"");
        let placeholder = outbox.reserve();
        outbox.fill(placeholder, Vec::new());
        assert!(outbox.ready.is_none() && outbox.held.is_none(), "nor after an empty answer");
    }
}
