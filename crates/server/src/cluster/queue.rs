//! What a node's other threads say to the one of the log, and what it tells the hub.

use super::jetstream::Waker;
use crate::effects::SentEntry;
use crate::hub::Input;
use crate::hub::input::Ordered;
use crate::limits::ORDERED_IN_FLIGHT;
use crate::queue::Sender as HubQueue;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// What the thread of the log is told.
#[derive(Debug)]
pub enum Word {
    /// The hub has an entry for the log.
    Entry(SentEntry),
    /// The hub has ended all sessions, as it was to.
    AllEnded,
    /// The live state is on disk as it was after this sequence.
    Kept(u64),
    /// The node stops.
    Leave {
        /// Why, if nobody has asked it to: a sentence.
        because: Option<String>,
    },
}

/// The end of the threads that have something to say. What waits is bounded by the sessions: each has
/// one command under way.
#[derive(Clone)]
pub struct ToLog {
    words: Sender<Word>,
    waker: Waker,
}

impl ToLog {
    /// Says something. Nobody listens only when the node stops.
    pub fn say(&self, word: Word) {
        if self.words.send(word).is_ok() {
            self.waker.wake();
        }
    }
}

/// Both ends.
pub fn to_log(waker: Waker) -> (ToLog, Receiver<Word>) {
    let (words, heard) = channel();
    (ToLog { words, waker }, heard)
}

/// The way to the hub for what the log has ordered: a bounded part of the hub's queue, so that the
/// shards always have room there.
pub struct ToHub {
    hub: HubQueue<Input>,
    under_way: SyncSender<()>,
}

/// By which the hub says that it has dealt with what was ordered.
pub struct Dealt(Receiver<()>);

impl ToHub {
    /// Passes on what the hub is to know of the log. False if the hub has ended.
    pub fn tell(&self, news: Input) -> bool {
        self.hub.send(news).is_ok()
    }

    /// Passes it on; blocks while the hub has enough. False if the hub has ended.
    pub fn pass_on(&self, ordered: Ordered) -> bool {
        self.under_way.send(()).is_ok() && self.hub.send(Input::Ordered(ordered)).is_ok()
    }
}

impl Dealt {
    /// One of them is dealt with.
    pub fn one(&self) {
        // It was counted before it came.
        let _ = self.0.try_recv();
    }
}

/// Both ends.
pub fn to_hub(hub: HubQueue<Input>) -> (ToHub, Dealt) {
    let (under_way, dealt) = sync_channel(ORDERED_IN_FLIGHT);
    (ToHub { hub, under_way }, Dealt(dealt))
}
