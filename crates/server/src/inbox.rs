//! A shard's inbox: a bounded queue, with a waker for the poll that the shard sleeps in.

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
    /// A new connection.
    Connection(TcpStream, SocketAddr),
    /// Effects whose writes have been committed, or have failed.
    Released(Arc<Released>),
    /// History, for the placeholder reserved in the session's outbox.
    Page {
        /// The session.
        session: SessionId,
        /// The number of the placeholder.
        placeholder: u64,
        /// The lines.
        lines: Vec<u8>,
        /// The lines are pending messages, all or as many as fit, up to this event.
        pending: Option<EventId>,
    },
    /// The new config.
    Config(Arc<Config>),
    /// The new certificate.
    Certificate(Certificate),
    /// Close the listening sockets: the server is stopping.
    StopListening,
}

/// The sending end.
#[derive(Clone, Debug)]
pub struct Inbox {
    items: Sender<Item>,
    waker: Arc<Waker>,
}

/// The receiving end.
#[derive(Debug)]
pub struct Outlet {
    items: Receiver<Item>,
    poll: Poll,
}

/// Both ends. `waiting` is the gauge of items in the inboxes of all shards.
///
/// # Errors
/// When the system is out of file descriptors.
pub fn new(waiting: Gauge) -> io::Result<(Inbox, Outlet)> {
    let (sender, receiver) = bounded(SHARD_QUEUE, waiting);
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), Outlet::WAKE)?);
    Ok((Inbox { items: sender, waker }, Outlet { items: receiver, poll }))
}

impl Inbox {
    /// Sends an item; blocks while the inbox is full. False if the shard is gone, which happens
    /// only when the server is stopping.
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
    /// The token of the event for new items.
    pub const WAKE: Token = Token(usize::MAX);

    /// Waits for events or items.
    ///
    /// # Errors
    /// When polling fails, or a signal interrupts it.
    pub fn wait(&mut self, events: &mut Events, patience: Option<Duration>) -> io::Result<()> {
        self.poll.poll(events, patience)
    }

    /// The next item, if any.
    pub fn take(&self) -> Option<Item> {
        self.items.try_recv().ok()
    }

    /// Where sockets are registered.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}
