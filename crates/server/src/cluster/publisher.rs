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
    PUBLICATION_BYTES, PUBLICATION_WINDOW, PUBLICATIONS_UNDELIVERED, REFUSED_PUBLICATION_MILLIS,
    RESEND_PUBLICATION_MILLIS,
};
use crate::metrics::ClusterCounts;
use std::collections::VecDeque;
use std::sync::Arc;

/// An item to publish.
#[derive(Clone, Debug)]
pub enum QueuedItem {
    /// An entry.
    Entry(SentEntry),
    /// A heartbeat; see [`Item::Heartbeat`].
    Heartbeat {
        /// The sequence up to which nothing is needed any more.
        purgeable: u64,
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

impl QueuedItem {
    /// The bytes of an entry.
    fn bytes(&self) -> usize {
        if let QueuedItem::Entry(entry) = self { entry.bytes().len() } else { 0 }
    }

    fn item(&self) -> Item<'_> {
        match self {
            QueuedItem::Entry(entry) => Item::Entry(entry.bytes()),
            QueuedItem::Heartbeat { purgeable } => Item::Heartbeat { purgeable: *purgeable },
            QueuedItem::Gone { node, incarnation } => {
                Item::Gone { node: *node, incarnation: *incarnation }
            }
            QueuedItem::Leave => Item::Leave,
        }
    }
}

/// The sending side of one incarnation of a node. Times are in milliseconds by any steady clock.
pub struct Publisher {
    node: u16,
    incarnation: u64,
    /// The counter of the first undelivered batch.
    first: u64,
    /// Batches that the log has not delivered yet, in order.
    undelivered: VecDeque<Batch>,
    /// How many of them have been sent since it last went back.
    sent: usize,
    /// Items that are in no batch yet.
    queue: VecDeque<QueuedItem>,
    /// The bytes of the entries in the queue.
    queue_bytes: usize,
    /// When progress was last made, or everything was resent.
    last_progress: u64,
    /// When the log last acknowledged or delivered an undelivered batch.
    last_response: u64,
    /// The earliest time to send again.
    not_before: u64,
}

struct Batch {
    bytes: Arc<[u8]>,
    /// The last attempt.
    attempt: u64,
    /// Its known sequence in the log; the last one if there are several.
    sequence: Option<u64>,
}

impl Publisher {
    /// The publisher of a node that has just joined.
    pub fn new(node: u16, incarnation: u64, now: u64) -> Publisher {
        let (undelivered, queue) = (VecDeque::new(), VecDeque::new());
        Publisher {
            node,
            incarnation,
            first: 0,
            undelivered,
            sent: 0,
            queue,
            queue_bytes: 0,
            last_progress: now,
            last_response: now,
            not_before: 0,
        }
    }

    /// Queues an item to publish.
    pub fn enqueue(&mut self, item: QueuedItem) {
        self.queue_bytes += item.bytes();
        self.queue.push_back(item);
    }

    /// Whether anything queued has not been delivered yet.
    pub fn has_undelivered(&self) -> bool {
        !self.undelivered.is_empty() || !self.queue.is_empty()
    }

    /// Removes the awaited entries that are in no batch yet, and returns them. Of all others it is
    /// uncertain whether the log has them.
    pub fn take_unsent(&mut self) -> Vec<SentEntry> {
        let awaited = |item: &QueuedItem| matches!(item, QueuedItem::Entry(it) if it.is_awaited());
        let (unsent, rest) = self.queue.drain(..).partition(awaited);
        self.queue = rest;
        self.queue_bytes = self.queue.iter().map(QueuedItem::bytes).sum();
        let entry = |item| match item {
            QueuedItem::Entry(entry) => Some(entry),
            _ => None,
        };
        VecDeque::into_iter(unsent).filter_map(entry).collect()
    }

    /// How many batches were sent and not delivered yet.
    pub fn in_flight(&self) -> usize {
        self.sent
    }

    /// The requests to send now. `attempts` counts attempts to publish.
    pub fn send(
        &mut self,
        now: u64,
        seal: &mut Seal,
        attempts: &mut u64,
        tally: &mut ClusterCounts,
    ) -> Vec<Request> {
        if now < self.not_before {
            return Vec::new();
        }
        let mut requests = Vec::new();
        let mut unknown = self
            .undelivered
            .iter()
            .take(self.sent)
            .filter(|batch| batch.sequence.is_none())
            .count();
        while unknown < PUBLICATION_WINDOW && self.has_next(unknown == 0, now, seal) {
            let batch = &mut self.undelivered[self.sent];
            if unknown == 0 {
                self.last_progress = now;
            }
            *attempts += 1;
            tally.publications += 1;
            tally.published_bytes += batch.bytes.len() as u64;
            tally.resent += u64::from(batch.attempt > 0);
            (batch.attempt, batch.sequence) = (*attempts, None);
            let (attempt, bytes) = (batch.attempt, batch.bytes.clone());
            requests.push(Request::Publish { attempt, bytes });
            (self.sent, unknown) = (self.sent + 1, unknown + 1);
        }
        requests
    }

    /// Whether there is a batch to send. Makes one of the queue if it is full, or if none is on its way.
    fn has_next(&mut self, idle: bool, now: u64, seal: &mut Seal) -> bool {
        if self.sent < self.undelivered.len() {
            return true;
        }
        // Entries in no batch can still be refused, so a stalled log gets no new batches.
        let stalled =
            !self.undelivered.is_empty() && now >= self.last_response + RESEND_PUBLICATION_MILLIS;
        let gathering = !idle && self.queue_bytes < PUBLICATION_BYTES;
        let none = self.queue.is_empty() || self.undelivered.len() == PUBLICATIONS_UNDELIVERED;
        if none || gathering || stalled {
            return false;
        }
        if self.undelivered.is_empty() {
            self.last_response = now;
        }
        let (mut bytes, mut count) = (0, 0);
        for item in &self.queue {
            bytes += item.bytes();
            // An oversized item goes alone.
            if count > 0 && bytes > PUBLICATION_BYTES {
                break;
            }
            count += 1;
        }
        let batched: Vec<QueuedItem> = self.queue.drain(..count).collect();
        self.queue_bytes -= batched.iter().map(QueuedItem::bytes).sum::<usize>();
        let items = batched.iter().map(QueuedItem::item).collect();
        let (node, incarnation) = (self.node, self.incarnation);
        let counter = self.first + self.undelivered.len() as u64;
        let batch = Publication::Batch { node, incarnation, counter, items };
        let bytes = seal.seal(&batch.write()).into();
        self.undelivered.push_back(Batch { bytes, attempt: 0, sequence: None });
        true
    }

    /// The log has stored an attempt. Returns the stored bytes if it was the last attempt of a batch.
    pub fn acknowledged(&mut self, attempt: u64, sequence: u64, now: u64) -> Option<Arc<[u8]>> {
        let batch = self.undelivered.iter_mut().find(|batch| batch.attempt == attempt)?;
        batch.sequence = batch.sequence.max(Some(sequence));
        (self.last_progress, self.last_response) = (now, now);
        Some(batch.bytes.clone())
    }

    /// An attempt has failed, or its outcome is unknown.
    pub fn refused(&mut self, attempt: u64, now: u64) {
        // For earlier attempts it has gone back already.
        if self.undelivered.iter().take(self.sent).any(|batch| batch.attempt == attempt) {
            self.go_back();
            self.not_before = now + REFUSED_PUBLICATION_MILLIS;
        }
    }

    /// Resends everything from the first batch on.
    pub fn go_back(&mut self) {
        self.sent = 0;
    }

    /// The log has delivered this many valid batches of the incarnation, and was read up to this
    /// sequence. Returns whether some are new.
    pub fn delivered(&mut self, counter: u64, sequence: u64, now: u64) -> bool {
        let before = self.first;
        while self.first < counter && self.undelivered.pop_front().is_some() {
            self.first += 1;
            self.sent = self.sent.saturating_sub(1);
            (self.last_progress, self.last_response) = (now, now);
        }
        // It was stored, but is ignored: one before it was missing.
        let stored_at =
            self.undelivered.front().filter(|_| self.sent > 0).and_then(|batch| batch.sequence);
        if stored_at.is_some_and(|stored_at| stored_at <= sequence) {
            self.go_back();
        }
        self.first > before
    }

    /// Goes back if there was no progress for too long.
    pub fn poll(&mut self, now: u64) {
        let unknown = self.undelivered.iter().take(self.sent).any(|batch| batch.sequence.is_none());
        if unknown && now >= self.last_progress + RESEND_PUBLICATION_MILLIS {
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
        attempts: u64,
        tally: ClusterCounts,
    }

    fn entry(length: usize, awaited: bool) -> SentEntry {
        SentEntry { bytes: vec![7; length].into(), awaited }
    }

    fn sender() -> Sender {
        let seal = Seal::new(&[1; 32], b"entries", [2; 16]);
        let tally = ClusterCounts::default();
        Sender { publisher: Publisher::new(3, 9, 0), seal, attempts: 0, tally }
    }

    impl Sender {
        /// Sends what is due. Returns the attempts and counters.
        fn send(&mut self, now: u64) -> Vec<(u64, u64)> {
            let Sender { publisher, seal, attempts, tally } = self;
            let requests = publisher.send(now, seal, attempts, tally);
            let read = |request| {
                let Request::Publish { attempt, bytes } = request else { panic!("{request:?}") };
                let opened = self.seal.open(&bytes).expect("just sealed");
                let read = Publication::read(&opened).expect("just written");
                let Publication::Batch { node: 3, incarnation: 9, counter, .. } = read else {
                    panic!("{read:?}")
                };
                (attempt, counter)
            };
            requests.into_iter().map(read).collect()
        }

        /// Queues entries for this many batches.
        fn enqueue_batches(&mut self, count: usize) {
            for _ in 0..count {
                self.publisher.enqueue(QueuedItem::Entry(entry(PUBLICATION_BYTES, false)));
            }
        }
    }

    #[test]
    fn only_a_window_of_batches_is_unacknowledged() {
        let mut sender = sender();
        assert_eq!(sender.send(0), []);
        sender.enqueue_batches(PUBLICATION_WINDOW + 3);
        let first: Vec<_> = (1..).zip(0..PUBLICATION_WINDOW as u64).collect();
        assert_eq!(sender.send(0), first);
        assert_eq!(sender.send(1), []);
        sender.publisher.acknowledged(2, 21, 5);
        assert_eq!(sender.send(5), [(9, 8)]);
        sender.publisher.delivered(2, 21, 6);
        assert_eq!(sender.send(6), [(10, 9)]);
        sender.publisher.delivered(10, 29, 7);
        assert!(sender.publisher.has_undelivered());
        assert_eq!(sender.send(7), [(11, 10)]);
        sender.publisher.delivered(11, 30, 8);
        assert!(!sender.publisher.has_undelivered());
    }

    #[test]
    fn small_entries_share_a_batch_and_large_ones_go_alone() {
        let mut sender = sender();
        for bytes in [10, 20, PUBLICATION_BYTES + 5, 30] {
            sender.publisher.enqueue(QueuedItem::Entry(entry(bytes, false)));
            sender.publisher.enqueue(QueuedItem::Heartbeat { purgeable: 4 });
        }
        assert_eq!(sender.send(0), [(1, 0), (2, 1)]);
        sender.publisher.acknowledged(1, 11, 0);
        sender.publisher.acknowledged(2, 12, 0);
        assert_eq!(sender.send(0), [(3, 2)]);
    }

    #[test]
    fn entries_gather_while_a_batch_is_on_its_way_until_they_fill_the_next() {
        let mut sender = sender();
        let half = || QueuedItem::Entry(entry(PUBLICATION_BYTES / 2, false));
        sender.publisher.enqueue(half());
        assert_eq!(sender.send(0), [(1, 0)]);
        sender.publisher.enqueue(half());
        assert_eq!(sender.send(1), [], "others may join it");
        sender.publisher.enqueue(half());
        assert_eq!(sender.send(2), [(2, 1)], "they need not wait for each other");
        sender.publisher.enqueue(half());
        assert_eq!(sender.send(3), []);
        sender.publisher.acknowledged(1, 11, 4);
        assert_eq!(sender.send(4), []);
        sender.publisher.acknowledged(2, 12, 5);
        assert_eq!(sender.send(5), [(3, 2)]);
    }

    #[test]
    fn after_a_refusal_or_a_timeout_everything_is_resent_in_order() {
        let mut sender = sender();
        sender.enqueue_batches(3);
        assert_eq!(sender.send(0), [(1, 0), (2, 1), (3, 2)]);
        sender.publisher.refused(2, 10);
        assert_eq!(sender.send(11), [], "not at once");
        let later = 10 + REFUSED_PUBLICATION_MILLIS;
        assert_eq!(sender.send(later), [(4, 0), (5, 1), (6, 2)]);
        sender.publisher.refused(3, later);
        assert_eq!(sender.send(later + 1), [], "that was an earlier attempt");
        sender.publisher.delivered(1, 40, later + 1);
        let late = later + 1 + RESEND_PUBLICATION_MILLIS;
        sender.publisher.poll(late - 1);
        assert_eq!(sender.send(late - 1), []);
        sender.publisher.poll(late);
        assert_eq!(sender.send(late), [(7, 1), (8, 2)]);
        let ClusterCounts { publications, resent, published_bytes, .. } = sender.tally;
        assert_eq!((publications, resent), (8, 5));
        assert!(published_bytes > 8 * PUBLICATION_BYTES as u64);
    }

    #[test]
    fn stored_batches_are_not_resent_unless_they_are_ignored() {
        let mut sender = sender();
        sender.enqueue_batches(2);
        assert_eq!(sender.send(0), [(1, 0), (2, 1)]);
        sender.publisher.acknowledged(1, 11, 0);
        sender.publisher.acknowledged(2, 10, 0);
        sender.publisher.poll(10 * RESEND_PUBLICATION_MILLIS);
        assert_eq!(sender.send(10_000), [], "both are stored");
        sender.publisher.delivered(0, 10, 10_000);
        assert_eq!(sender.send(10_000), []);
        sender.publisher.delivered(1, 11, 10_000);
        assert_eq!(sender.send(10_000), [(3, 1)], "it was stored before the one it follows");
    }

    #[test]
    fn awaited_entries_not_yet_sent_to_a_stalled_log_are_returned() {
        let mut sender = sender();
        sender.publisher.enqueue(QueuedItem::Entry(entry(1, true)));
        assert_eq!(sender.send(5), [(1, 0)]);
        sender.publisher.enqueue(QueuedItem::Entry(entry(PUBLICATION_BYTES, true)));
        assert_eq!(sender.send(6), [(2, 1)]);
        let late = 5 + RESEND_PUBLICATION_MILLIS;
        for (length, awaited) in [(3, true), (4, false), (5, true)] {
            sender.publisher.enqueue(QueuedItem::Entry(entry(length, awaited)));
        }
        sender.publisher.poll(late);
        assert_eq!(sender.send(late), [(3, 0), (4, 1)], "only what the log may have");
        assert_eq!(sender.publisher.take_unsent(), [entry(3, true), entry(5, true)]);
        assert_eq!(sender.publisher.take_unsent(), []);
        assert!(sender.publisher.delivered(2, 30, late + 1));
        assert!(!sender.publisher.delivered(2, 31, late + 1));
        assert_eq!(sender.send(late + 1), [(5, 2)], "then the rest");
    }

    #[test]
    fn undelivered_batches_are_bounded() {
        let mut sender = sender();
        sender.enqueue_batches(PUBLICATIONS_UNDELIVERED + 5);
        let mut sent = 0;
        loop {
            let now = sender.send(0);
            if now.is_empty() {
                break;
            }
            sent += now.len();
            for (attempt, _) in now {
                assert!(sender.publisher.acknowledged(attempt, attempt, 0).is_some());
            }
        }
        assert_eq!(sent, PUBLICATIONS_UNDELIVERED);
    }
}
