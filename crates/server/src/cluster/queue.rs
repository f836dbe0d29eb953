//! The queues between a node's log thread and its other threads.

use crate::effects::SentEntry;
use crate::hub::Input;
use crate::hub::input::Ordered;
use crate::limits::ORDERED_IN_FLIGHT;
use crate::queue::Sender as HubQueue;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// A command for the log thread.
#[derive(Debug)]
pub enum LogCommand {
    /// The hub has an entry for the log.
    Entry(SentEntry),
    /// The hub has ended all sessions, since the node was no longer a member.
    AllSessionsEnded,
    /// The live state after this sequence is stored.
    LiveStored(u64),
    /// The node stops.
    Leave {
        /// Why, unless it was asked to: a sentence.
        reason: Option<String>,
    },
}

/// Wakes the log thread, now or when it next waits for its log.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The sending end of the other threads. The queue is bounded by the sessions: each has one command
/// in flight.
#[derive(Clone)]
pub struct ToLog {
    commands: Sender<LogCommand>,
    waker: Waker,
}

impl ToLog {
    /// Sends a command. The thread is gone only when the node stops.
    pub fn send(&self, command: LogCommand) {
        if self.commands.send(command).is_ok() {
            (self.waker)();
        }
    }
}

/// Both ends.
pub fn to_log(waker: Waker) -> (ToLog, Receiver<LogCommand>) {
    let (commands, receiver) = channel();
    (ToLog { commands, waker }, receiver)
}

/// The queue to the hub for what the log has ordered: a bounded part of the hub's queue, so that
/// the shards always have room there.
pub struct ToHub {
    hub: HubQueue<Input>,
    /// Bounds the unprocessed input.
    unprocessed: SyncSender<()>,
}

/// Counts the ordered input that the hub has processed.
pub struct Processed(Receiver<()>);

impl ToHub {
    /// Sends other input about the log. False if the hub has ended.
    pub fn send(&self, input: Input) -> bool {
        self.hub.send(input).is_ok()
    }

    /// Sends ordered input; blocks while too much is unprocessed. False if the hub has ended.
    pub fn send_ordered(&self, ordered: Ordered) -> bool {
        self.unprocessed.send(()).is_ok() && self.hub.send(Input::Ordered(ordered)).is_ok()
    }
}

impl Processed {
    /// One ordered input has been processed.
    pub fn count_one(&self) {
        // It was counted before it was sent.
        let _ = self.0.try_recv();
    }
}

/// Both ends.
pub fn to_hub(hub: HubQueue<Input>) -> (ToHub, Processed) {
    let (unprocessed, processed) = sync_channel(ORDERED_IN_FLIGHT);
    (ToHub { hub, unprocessed }, Processed(processed))
}
