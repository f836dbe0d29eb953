//! The way to a shard: a bounded queue, and a waker for the poll that the shard sleeps in.

use crate::config::Config;
use crate::effects::released::Released;
use crate::limits::SHARD_QUEUE;
use crate::queue::{Receiver, Sender, bounded};
use crate::session_id::SessionId;
use crate::transport::certificate::Certificate;
use mio::net::TcpStream;
use mio::{Events, Poll, Registry, Token, Waker};
use prometheus_client::metrics::gauge::Gauge;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::EventId;

/// What other threads send to a shard.
#[derive(Debug)]
pub enum Item {
    /// A connection to own.
    Connection(TcpStream, SocketAddr),
    /// Effects that are committed, or never will be.
    Released(Arc<Released>),
    /// History for a place kept among a session's lines.
    Page {
        /// For whom.
        session: SessionId,
        /// Which place.
        place: u64,
        /// The lines.
        lines: Vec<u8>,
        /// These are messages kept for the user, all or as many as fit, up to this event.
        pending: Option<EventId>,
    },
    /// The config from here on.
    Config(Arc<Config>),
    /// The certificate from here on.
    Certificate(Certificate),
    /// No new connections: the server stops.
    StopListening,
}

/// The senders' end.
#[derive(Clone, Debug)]
pub struct Inbox {
    items: Sender<Item>,
    waker: Arc<Waker>,
}

/// The shard's end.
#[derive(Debug)]
pub struct Outlet {
    items: Receiver<Item>,
    poll: Poll,
}

/// A shard's inbox and outlet. `waiting` tells how much is in all shards' inboxes.
///
/// # Errors
/// When the system has no more file descriptors.
pub fn new(waiting: Gauge) -> io::Result<(Inbox, Outlet)> {
    let (sender, receiver) = bounded(SHARD_QUEUE, waiting);
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), Outlet::WAKE)?);
    Ok((Inbox { items: sender, waker }, Outlet { items: receiver, poll }))
}

impl Inbox {
    /// Sends an item; waits while the shard is behind. False if the shard is gone, which it is only
    /// when the server stops.
    pub fn send(&self, item: Item) -> bool {
        if self.items.send(item).is_err() {
            return false;
        }
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "Cannot wake a shard");
        }
        true
    }
}

impl Outlet {
    /// The token of the event that says that there are items.
    pub const WAKE: Token = Token(usize::MAX);

    /// Waits for events, or for items.
    ///
    /// # Errors
    /// When the system does not let it wait, or a signal interrupted it.
    pub fn wait(&mut self, events: &mut Events, patience: Option<Duration>) -> io::Result<()> {
        self.poll.poll(events, patience)
    }

    /// The next item, if there is one.
    pub fn take(&self) -> Option<Item> {
        self.items.try_recv().ok()
    }

    /// Where sockets are registered.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}
