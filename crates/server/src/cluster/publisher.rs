//! Gets everything a node publishes into the log, once and in order.
//!
//! A node publishes numbered batches. While one is on its way, further entries gather for the next
//! one, as in Nagle's algorithm: a publication costs the log far more than an entry. Only full batches
//! do not wait, so several may be on their way.
//!
//! Resends of single batches would overtake each other, so it is *go-back-N*: whenever something
//! may be lost, everything is resent from the first batch on that the log has not delivered.
//! Batches that arrive twice or too early are ignored by everybody; see `roster`.

use super::log::Request;
use super::publication::{Item, Publication};
use super::seal::Seal;
use crate::effects::SentEntry;
use crate::limits::{
    PUBLICATION_BYTES, PUBLICATION_WINDOW, PUBLICATIONS_OUT, REFUSED_PUBLICATION_MILLIS,
    RESEND_PUBLICATION_MILLIS,
};
use crate::metrics::ClusterCounts;
use std::collections::VecDeque;
use std::sync::Arc;

/// Something to publish.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// An entry.
    Entry(SentEntry),
    /// A heartbeat; see [`Item::Heartbeat`].
    Heartbeat {
        /// The sequence up to which nothing is needed any more.
        kept: u64,
    },
    /// Another node is gone; see [`Item::Gone`].
    Gone {
        /// Which one.
        node: u16,
        /// In which incarnation.
        incarnation: u64,
    },
    /// The node stops.
    Leave,
}

impl Outgoing {
    /// The bytes of an entry.
    fn bytes(&self) -> usize {
        if let Outgoing::Entry(entry) = self { entry.bytes().len() } else { 0 }
    }

    fn item(&self) -> Item<'_> {
        match self {
            Outgoing::Entry(entry) => Item::Entry(entry.bytes()),
            Outgoing::Heartbeat { kept } => Item::Heartbeat { kept: *kept },
            Outgoing::Gone { node, incarnation } => {
                Item::Gone { node: *node, incarnation: *incarnation }
            }
            Outgoing::Leave => Item::Leave,
        }
    }
}

/// The sending side of one incarnation of a node. Times are in milliseconds by any steady clock.
pub struct Publisher {
    node: u16,
    incarnation: u64,
    /// The counter of the first batch of `out`.
    first: u64,
    /// Batches that the log has not delivered yet, in order.
    out: VecDeque<Batch>,
    /// How many of `out` have been sent since it last went back.
    sent: usize,
    /// What is not in a batch yet.
    waiting: VecDeque<Outgoing>,
    /// The bytes of entries in it.
    waiting_bytes: usize,
    /// When progress was last made, or everything was resent.
    progress: u64,
    /// When the log last acknowledged or delivered something that is out.
    moved: u64,
    /// The earliest time to send again.
    not_before: u64,
}

struct Batch {
    bytes: Arc<[u8]>,
    /// The last attempt.
    ticket: u64,
    /// Its known sequence in the log; the last one if there are several.
    place: Option<u64>,
}

impl Publisher {
    /// The publisher of a node that has just joined.
    pub fn new(node: u16, incarnation: u64, now: u64) -> Publisher {
        let (out, waiting) = (VecDeque::new(), VecDeque::new());
        Publisher {
            node,
            incarnation,
            first: 0,
            out,
            sent: 0,
            waiting,
            waiting_bytes: 0,
            progress: now,
            moved: now,
            not_before: 0,
        }
    }

    /// Queues something to publish.
    pub fn say(&mut self, saying: Outgoing) {
        self.waiting_bytes += saying.bytes();
        self.waiting.push_back(saying);
    }

    /// Whether something has not been delivered yet.
    pub fn is_waiting(&self) -> bool {
        !self.out.is_empty() || !self.waiting.is_empty()
    }

    /// Takes back the entries that are awaited and in no batch yet. The fate of all others is
    /// uncertain.
    pub fn take_awaited(&mut self) -> Vec<SentEntry> {
        let awaited = |saying: &Outgoing| matches!(saying, Outgoing::Entry(it) if it.is_awaited());
        let (taken, waiting) = self.waiting.drain(..).partition(awaited);
        self.waiting = waiting;
        self.waiting_bytes = self.waiting.iter().map(Outgoing::bytes).sum();
        let entry = |saying| match saying {
            Outgoing::Entry(entry) => Some(entry),
            _ => None,
        };
        VecDeque::into_iter(taken).filter_map(entry).collect()
    }

    /// How many batches were sent and not delivered yet.
    pub fn under_way(&self) -> usize {
        self.sent
    }

    /// What to send now. `tickets` counts attempts.
    pub fn send(
        &mut self,
        now: u64,
        seal: &mut Seal,
        tickets: &mut u64,
        tally: &mut ClusterCounts,
    ) -> Vec<Request> {
        if now < self.not_before {
            return Vec::new();
        }
        let mut requests = Vec::new();
        let mut unknown =
            self.out.iter().take(self.sent).filter(|batch| batch.place.is_none()).count();
        while unknown < PUBLICATION_WINDOW && self.has_next(unknown == 0, now, seal) {
            let batch = &mut self.out[self.sent];
            if unknown == 0 {
                self.progress = now;
            }
            *tickets += 1;
            tally.publications += 1;
            tally.published_bytes += batch.bytes.len() as u64;
            tally.resent += u64::from(batch.ticket > 0);
            (batch.ticket, batch.place) = (*tickets, None);
            let (ticket, bytes) = (batch.ticket, batch.bytes.clone());
            requests.push(Request::Publish { ticket, bytes });
            (self.sent, unknown) = (self.sent + 1, unknown + 1);
        }
        requests
    }

    /// Whether there is a batch to send; makes one of what is queued, if it is full or none is on its
    /// way.
    fn has_next(&mut self, idle: bool, now: u64, seal: &mut Seal) -> bool {
        if self.sent < self.out.len() {
            return true;
        }
        // What is in no batch can be taken back, so nothing more is sent to a log that does not
        // move.
        let stands = !self.out.is_empty() && now >= self.moved + RESEND_PUBLICATION_MILLIS;
        let gathers = !idle && self.waiting_bytes < PUBLICATION_BYTES;
        let none = self.waiting.is_empty() || self.out.len() == PUBLICATIONS_OUT;
        if none || gathers || stands {
            return false;
        }
        if self.out.is_empty() {
            self.moved = now;
        }
        let (mut bytes, mut count) = (0, 0);
        for saying in &self.waiting {
            bytes += saying.bytes();
            // An oversized item goes alone.
            if count > 0 && bytes > PUBLICATION_BYTES {
                break;
            }
            count += 1;
        }
        let said: Vec<Outgoing> = self.waiting.drain(..count).collect();
        self.waiting_bytes -= said.iter().map(Outgoing::bytes).sum::<usize>();
        let items = said.iter().map(Outgoing::item).collect();
        let (node, incarnation) = (self.node, self.incarnation);
        let counter = self.first + self.out.len() as u64;
        let batch = Publication::Batch { node, incarnation, counter, items };
        let bytes = seal.seal(&batch.write()).into();
        self.out.push_back(Batch { bytes, ticket: 0, place: None });
        true
    }

    /// The log has stored an attempt. Returns what it has at that sequence, if it was the last
    /// attempt of a batch.
    pub fn acknowledged(&mut self, ticket: u64, sequence: u64, now: u64) -> Option<Arc<[u8]>> {
        let batch = self.out.iter_mut().find(|batch| batch.ticket == ticket)?;
        batch.place = batch.place.max(Some(sequence));
        (self.progress, self.moved) = (now, now);
        Some(batch.bytes.clone())
    }

    /// An attempt has failed, or its outcome is unknown.
    pub fn refused(&mut self, ticket: u64, now: u64) {
        // For earlier attempts it has gone back already.
        if self.out.iter().take(self.sent).any(|batch| batch.ticket == ticket) {
            self.go_back();
            self.not_before = now + REFUSED_PUBLICATION_MILLIS;
        }
    }

    /// Resends everything from the first batch on.
    pub fn go_back(&mut self) {
        self.sent = 0;
    }

    /// The log has delivered this many counted batches of the incarnation, and was read up to this
    /// sequence. Returns whether some are new.
    pub fn read(&mut self, counter: u64, sequence: u64, now: u64) -> bool {
        let before = self.first;
        while self.first < counter && self.out.pop_front().is_some() {
            self.first += 1;
            self.sent = self.sent.saturating_sub(1);
            (self.progress, self.moved) = (now, now);
        }
        // It was stored, but did not count: one before it was missing.
        let place = self.out.front().filter(|_| self.sent > 0).and_then(|batch| batch.place);
        if place.is_some_and(|place| place <= sequence) {
            self.go_back();
        }
        self.first > before
    }

    /// Goes back if it has waited for too long.
    pub fn look(&mut self, now: u64) {
        let unknown = self.out.iter().take(self.sent).any(|batch| batch.place.is_none());
        if unknown && now >= self.progress + RESEND_PUBLICATION_MILLIS {
            self.go_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sender {
        publisher: Publisher,
        seal: Seal,
        tickets: u64,
        tally: ClusterCounts,
    }

    fn entry(length: usize, awaited: bool) -> SentEntry {
        SentEntry { bytes: vec![7; length].into(), awaited }
    }

    fn sender() -> Sender {
        let seal = Seal::new(&[1; 32], b"entries", [2; 16]);
        let tally = ClusterCounts::default();
        Sender { publisher: Publisher::new(3, 9, 0), seal, tickets: 0, tally }
    }

    impl Sender {
        /// The tickets and counters of what is sent now.
        fn sends(&mut self, now: u64) -> Vec<(u64, u64)> {
            let Sender { publisher, seal, tickets, tally } = self;
            let requests = publisher.send(now, seal, tickets, tally);
            let read = |request| {
                let Request::Publish { ticket, bytes } = request else { panic!("{request:?}") };
                let opened = self.seal.open(&bytes).expect("just sealed");
                let read = Publication::read(&opened).expect("just written");
                let Publication::Batch { node: 3, incarnation: 9, counter, .. } = read else {
                    panic!("{read:?}")
                };
                (ticket, counter)
            };
            requests.into_iter().map(read).collect()
        }

        /// Queues this many batches of one entry each.
        fn says(&mut self, count: usize) {
            for _ in 0..count {
                self.publisher.say(Outgoing::Entry(entry(PUBLICATION_BYTES, false)));
            }
        }
    }

    #[test]
    fn only_a_window_of_batches_is_unacknowledged() {
        let mut sender = sender();
        assert_eq!(sender.sends(0), []);
        sender.says(PUBLICATION_WINDOW + 3);
        let first: Vec<_> = (1..).zip(0..PUBLICATION_WINDOW as u64).collect();
        assert_eq!(sender.sends(0), first);
        assert_eq!(sender.sends(1), []);
        sender.publisher.acknowledged(2, 21, 5);
        assert_eq!(sender.sends(5), [(9, 8)]);
        sender.publisher.read(2, 21, 6);
        assert_eq!(sender.sends(6), [(10, 9)]);
        sender.publisher.read(10, 29, 7);
        assert!(sender.publisher.is_waiting());
        assert_eq!(sender.sends(7), [(11, 10)]);
        sender.publisher.read(11, 30, 8);
        assert!(!sender.publisher.is_waiting());
    }

    #[test]
    fn small_entries_share_a_batch_and_large_ones_go_alone() {
        let mut sender = sender();
        for bytes in [10, 20, PUBLICATION_BYTES + 5, 30] {
            sender.publisher.say(Outgoing::Entry(entry(bytes, false)));
            sender.publisher.say(Outgoing::Heartbeat { kept: 4 });
        }
        assert_eq!(sender.sends(0), [(1, 0), (2, 1)]);
        sender.publisher.acknowledged(1, 11, 0);
        sender.publisher.acknowledged(2, 12, 0);
        assert_eq!(sender.sends(0), [(3, 2)]);
    }

    #[test]
    fn entries_gather_while_a_batch_is_on_its_way_until_they_are_a_full_one() {
        let mut sender = sender();
        let half = || Outgoing::Entry(entry(PUBLICATION_BYTES / 2, false));
        sender.publisher.say(half());
        assert_eq!(sender.sends(0), [(1, 0)]);
        sender.publisher.say(half());
        assert_eq!(sender.sends(1), [], "it may be joined by others");
        sender.publisher.say(half());
        assert_eq!(sender.sends(2), [(2, 1)], "they need not wait for each other");
        sender.publisher.say(half());
        assert_eq!(sender.sends(3), []);
        sender.publisher.acknowledged(1, 11, 4);
        assert_eq!(sender.sends(4), []);
        sender.publisher.acknowledged(2, 12, 5);
        assert_eq!(sender.sends(5), [(3, 2)]);
    }

    #[test]
    fn after_a_refusal_or_silence_everything_is_resent_in_order() {
        let mut sender = sender();
        sender.says(3);
        assert_eq!(sender.sends(0), [(1, 0), (2, 1), (3, 2)]);
        sender.publisher.refused(2, 10);
        assert_eq!(sender.sends(11), [], "not at once");
        let later = 10 + REFUSED_PUBLICATION_MILLIS;
        assert_eq!(sender.sends(later), [(4, 0), (5, 1), (6, 2)]);
        sender.publisher.refused(3, later);
        assert_eq!(sender.sends(later + 1), [], "that was an earlier attempt");
        sender.publisher.read(1, 40, later + 1);
        let late = later + 1 + RESEND_PUBLICATION_MILLIS;
        sender.publisher.look(late - 1);
        assert_eq!(sender.sends(late - 1), []);
        sender.publisher.look(late);
        assert_eq!(sender.sends(late), [(7, 1), (8, 2)]);
        let ClusterCounts { publications, resent, published_bytes, .. } = sender.tally;
        assert_eq!((publications, resent), (8, 5));
        assert!(published_bytes > 8 * PUBLICATION_BYTES as u64);
    }

    #[test]
    fn stored_batches_are_not_resent_unless_they_did_not_count() {
        let mut sender = sender();
        sender.says(2);
        assert_eq!(sender.sends(0), [(1, 0), (2, 1)]);
        sender.publisher.acknowledged(1, 11, 0);
        sender.publisher.acknowledged(2, 10, 0);
        sender.publisher.look(10 * RESEND_PUBLICATION_MILLIS);
        assert_eq!(sender.sends(10_000), [], "it is only to be read");
        sender.publisher.read(0, 10, 10_000);
        assert_eq!(sender.sends(10_000), []);
        sender.publisher.read(1, 11, 10_000);
        assert_eq!(sender.sends(10_000), [(3, 1)], "it was before the one it follows");
    }

    #[test]
    fn awaited_entries_that_were_not_sent_to_a_stalled_log_are_taken_back() {
        let mut sender = sender();
        sender.publisher.say(Outgoing::Entry(entry(1, true)));
        assert_eq!(sender.sends(5), [(1, 0)]);
        sender.publisher.say(Outgoing::Entry(entry(PUBLICATION_BYTES, true)));
        assert_eq!(sender.sends(6), [(2, 1)]);
        let late = 5 + RESEND_PUBLICATION_MILLIS;
        for (length, awaited) in [(3, true), (4, false), (5, true)] {
            sender.publisher.say(Outgoing::Entry(entry(length, awaited)));
        }
        sender.publisher.look(late);
        assert_eq!(sender.sends(late), [(3, 0), (4, 1)], "only what it may have");
        assert_eq!(sender.publisher.take_awaited(), [entry(3, true), entry(5, true)]);
        assert_eq!(sender.publisher.take_awaited(), []);
        assert!(sender.publisher.read(2, 30, late + 1));
        assert!(!sender.publisher.read(2, 31, late + 1));
        assert_eq!(sender.sends(late + 1), [(5, 2)], "it goes on with the rest");
    }

    #[test]
    fn batches_are_bounded_while_the_log_delivers_nothing() {
        let mut sender = sender();
        sender.says(PUBLICATIONS_OUT + 5);
        let mut sent = 0;
        loop {
            let now = sender.sends(0);
            if now.is_empty() {
                break;
            }
            sent += now.len();
            for (ticket, _) in now {
                assert!(sender.publisher.acknowledged(ticket, ticket, 0).is_some());
            }
        }
        assert_eq!(sent, PUBLICATIONS_OUT);
    }
}
