//! A bounded queue that serves requesters in turn, one item at a time, so that whoever asks for much
//! only delays themselves.

use prometheus_client::metrics::gauge::Gauge;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The sending end. The queue ends when all of them are dropped.
#[derive(Debug)]
pub struct Sender<K, T> {
    shared: Arc<Shared<K, T>>,
}

/// The receiving end; several threads may have one.
#[derive(Debug)]
pub struct Receiver<K, T> {
    shared: Arc<Shared<K, T>>,
}

/// An item being served. No other item of the same requester is served before it is dropped.
#[derive(Debug)]
pub struct ItemGuard<K: Copy + Ord, T> {
    /// The item.
    pub item: Option<T>,
    key: K,
    shared: Arc<Shared<K, T>>,
}

#[derive(Debug)]
struct Shared<K, T> {
    most: usize,
    most_each: usize,
    queues: Mutex<Queues<K, T>>,
    changed: Condvar,
    waiting: Gauge,
}

/// One queue per requester.
#[derive(Debug)]
struct Queues<K, T> {
    waiting: BTreeMap<K, VecDeque<T>>,
    /// The order of turns, without those being served.
    order: VecDeque<K>,
    served: BTreeSet<K>,
    len: usize,
    senders: usize,
}

/// A queue for `most` items in all and `most_each` per requester. `waiting` is the gauge of its items.
pub fn bounded<K: Copy + Ord, T>(
    most: usize,
    most_each: usize,
    waiting: Gauge,
) -> (Sender<K, T>, Receiver<K, T>) {
    let queues = Queues {
        waiting: BTreeMap::new(),
        order: VecDeque::new(),
        served: BTreeSet::new(),
        len: 0,
        senders: 1,
    };
    let (queues, changed) = (Mutex::new(queues), Condvar::new());
    let shared = Arc::new(Shared { most, most_each, queues, changed, waiting });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

impl<K, T> Shared<K, T> {
    /// A thread that panics leaves it consistent: no foreign code is called under the lock.
    fn lock(&self) -> MutexGuard<'_, Queues<K, T>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Ord, T> Sender<K, T> {
    /// Adds an item.
    ///
    /// # Errors
    /// The item, when there is no room.
    pub fn try_send(&self, key: K, item: T) -> Result<(), T> {
        let mut queues = self.shared.lock();
        let mine = queues.waiting.get(&key).map_or(0, VecDeque::len);
        if queues.len >= self.shared.most || mine >= self.shared.most_each {
            return Err(item);
        }
        queues.len += 1;
        queues.waiting.entry(key).or_default().push_back(item);
        if mine == 0 && !queues.served.contains(&key) {
            queues.order.push_back(key);
        }
        self.shared.waiting.inc();
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl<K, T> Clone for Sender<K, T> {
    fn clone(&self) -> Sender<K, T> {
        self.shared.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<K, T> Drop for Sender<K, T> {
    fn drop(&mut self) {
        self.shared.lock().senders -= 1;
        self.shared.changed.notify_all();
    }
}

impl<K, T> Clone for Receiver<K, T> {
    fn clone(&self) -> Receiver<K, T> {
        Receiver { shared: self.shared.clone() }
    }
}

impl<K: Copy + Ord, T> Receiver<K, T> {
    /// Waits for the next turn; none when the queue is empty and has ended.
    pub fn recv(&self) -> Option<ItemGuard<K, T>> {
        let mut queues = self.shared.lock();
        loop {
            if let Some(key) = queues.order.pop_front() {
                let queue = queues.waiting.get_mut(&key).expect("a key in the order has a queue");
                let item = queue.pop_front();
                if queue.is_empty() {
                    queues.waiting.remove(&key);
                }
                queues.served.insert(key);
                queues.len -= 1;
                self.shared.waiting.dec();
                return Some(ItemGuard { item, key, shared: self.shared.clone() });
            }
            if queues.senders == 0 && queues.len == 0 {
                return None;
            }
            queues = self.shared.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<K: Copy + Ord, T> ItemGuard<K, T> {
    /// Puts the rest back, before the requester's other items.
    pub fn put_back(mut self, rest: T) {
        self.item = None;
        let mut queues = self.shared.lock();
        queues.len += 1;
        queues.waiting.entry(self.key).or_default().push_front(rest);
        self.shared.waiting.inc();
    }
}

impl<K: Copy + Ord, T> Drop for ItemGuard<K, T> {
    fn drop(&mut self) {
        let mut queues = self.shared.lock();
        queues.served.remove(&self.key);
        if queues.waiting.contains_key(&self.key) {
            queues.order.push_back(self.key);
        }
        drop(queues);
        // Also wakes those waiting for the end.
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all turns, one after the other.
    fn drain(receiver: &Receiver<u8, u32>, sender: Sender<u8, u32>) -> Vec<u32> {
        drop(sender);
        std::iter::from_fn(|| receiver.recv().and_then(|mut turn| turn.item.take())).collect()
    }

    #[test]
    fn large_requests_only_delay_their_own_requester() {
        let (sender, receiver) = bounded(100, 100, Gauge::default());
        for item in [10, 11, 12, 13] {
            sender.try_send(1, item).unwrap();
        }
        sender.try_send(2, 20).unwrap();
        sender.try_send(3, 30).unwrap();
        sender.try_send(2, 21).unwrap();
        assert_eq!(drain(&receiver, sender), [10, 20, 30, 11, 21, 12, 13]);
    }

    #[test]
    fn one_item_per_key_is_served_at_a_time_and_continuations_come_first() {
        let (sender, receiver) = bounded(100, 100, Gauge::default());
        for (key, item) in [(1, 10), (1, 11), (2, 20)] {
            sender.try_send(key, item).unwrap();
        }
        let first = receiver.recv().unwrap();
        let second = receiver.recv().unwrap();
        assert_eq!((first.item, second.item), (Some(10), Some(20)));
        first.put_back(15);
        assert_eq!(receiver.recv().unwrap().item, Some(15));
        drop(second);
        assert_eq!(drain(&receiver, sender), [11]);
    }

    #[test]
    fn the_queue_is_bounded_per_key_and_in_total() {
        let waiting = Gauge::default();
        let (sender, receiver) = bounded(3, 2, waiting.clone());
        assert_eq!(
            [1, 1, 1, 2, 3].map(|key| sender.try_send(key, 0).is_ok()),
            [true, true, false, true, false]
        );
        assert_eq!(waiting.get(), 3);
        assert_eq!(drain(&receiver, sender).len(), 3);
        assert_eq!(waiting.get(), 0);
    }

    #[test]
    fn waiting_receivers_are_woken_when_the_queue_closes() {
        let (sender, receiver) = bounded::<u8, u32>(3, 2, Gauge::default());
        let waits = std::thread::spawn(move || receiver.recv().is_none());
        drop(sender);
        assert!(waits.join().unwrap());
    }
}
