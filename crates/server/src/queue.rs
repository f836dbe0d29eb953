//! A bounded queue between threads that knows its length.
//!
//! The standard library's does not. These queues carry batches and jobs, not lines, so an atomic
//! addition at each end does not matter.

use prometheus_client::metrics::gauge::Gauge;
use std::sync::mpsc::{
    self, RecvError, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError,
};
use std::time::Duration;

/// The sending end, which can be cloned.
#[derive(Debug)]
pub struct Sender<T> {
    items: SyncSender<T>,
    waiting: Gauge,
}

/// The receiving end.
#[derive(Debug)]
pub struct Receiver<T> {
    items: mpsc::Receiver<T>,
    waiting: Gauge,
}

/// A queue for `most` items. `waiting` is the gauge of its items, including those that senders are
/// blocked with; several queues may share one.
pub fn bounded<T>(most: usize, waiting: Gauge) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::sync_channel(most);
    (Sender { items: sender, waiting: waiting.clone() }, Receiver { items: receiver, waiting })
}

impl<T> Sender<T> {
    /// Adds an item; blocks while the queue is full.
    ///
    /// # Errors
    /// When the receiving end is gone.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.waiting.inc();
        self.items.send(item).inspect_err(|_| {
            self.waiting.dec();
        })
    }

    /// Adds an item, if there is room.
    ///
    /// # Errors
    /// When there is no room, or the receiving end is gone.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.waiting.inc();
        self.items.try_send(item).inspect_err(|_| {
            self.waiting.dec();
        })
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { items: self.items.clone(), waiting: self.waiting.clone() }
    }
}

impl<T> Receiver<T> {
    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.waiting.get() == 0
    }

    /// Waits for the next item.
    ///
    /// # Errors
    /// When the queue is empty and all senders are gone.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.items.recv().inspect(|_| {
            self.waiting.dec();
        })
    }

    /// Waits for the next item, up to a timeout.
    ///
    /// # Errors
    /// On a timeout, or when the queue is empty and all senders are gone.
    pub fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        self.items.recv_timeout(patience).inspect(|_| {
            self.waiting.dec();
        })
    }

    /// The next item, if any.
    ///
    /// # Errors
    /// When there is none.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.items.try_recv().inspect(|_| {
            self.waiting.dec();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_items_are_counted_and_refused_ones_are_not() {
        let waiting = Gauge::default();
        let (sender, receiver) = bounded(2, waiting.clone());
        sender.send(1).unwrap();
        sender.clone().try_send(2).unwrap();
        assert!(sender.try_send(3).is_err());
        assert_eq!(waiting.get(), 2);
        assert_eq!(receiver.recv().unwrap(), 1);
        assert_eq!(receiver.recv_timeout(Duration::ZERO).unwrap(), 2);
        assert!(receiver.try_recv().is_err());
        assert!(receiver.recv_timeout(Duration::ZERO).is_err());
        assert_eq!(waiting.get(), 0);
        sender.send(4).unwrap();
        assert_eq!(receiver.try_recv().unwrap(), 4);
        drop(receiver);
        assert!(sender.send(5).is_err() && sender.try_send(6).is_err());
        assert_eq!(waiting.get(), 0);
    }

    #[test]
    fn senders_blocked_by_a_full_queue_count_as_waiting() {
        let waiting = Gauge::default();
        let (sender, receiver) = bounded(1, waiting.clone());
        sender.send(1).unwrap();
        let held_up = std::thread::spawn(move || sender.send(2));
        while waiting.get() < 2 {
            std::thread::yield_now();
        }
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        held_up.join().unwrap().unwrap();
        assert_eq!(waiting.get(), 0);
    }
}
