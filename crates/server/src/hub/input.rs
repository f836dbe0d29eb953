//! The hub's input: what connections did, and what other threads report.

use crate::browser::Browser;
use crate::effects::SentEntry;
use crate::hub::reload::Reload;
use crate::limits::BATCH_BYTES;
use crate::metrics::Space;
use crate::session::delivery::Watermarks;
use crate::session::login::Derived;
use crate::session_id::SessionId;
use proto::Fingerprint;
use proto::line::LineError;
use std::net::IpAddr;
use std::ops::Range;

/// One input and its time.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// Milliseconds since the epoch, by the wall clock.
    pub now: i64,
    /// Monotonic milliseconds; see [`crate::clock`].
    pub steady: i64,
    /// The newest batch that the journal has committed.
    pub committed: u64,
    /// The input.
    pub input: Input,
}

/// What the hub handles.
#[derive(Debug, Clone)]
pub enum Input {
    /// What the connections of a shard did.
    Batch(Batch),
    /// The rest of the last batch, after the effects of its first part were released; or the next
    /// session waiting for a turn.
    Continue,
    /// Nothing happened: the hub does what is due.
    Tick,
    /// A key derivation has finished.
    Derived(Derived),
    /// The log has delivered entries of this node or of others.
    Ordered(Ordered),
    /// The journal has removed some of the expired history, and there is more.
    ForgetMore,
    /// The log is unavailable. It does not have these entries and will not get them.
    LogUnavailable(Vec<SentEntry>),
    /// The log is available again.
    LogAvailable,
    /// The journal could not store this batch, and has rejected all after it.
    Failed {
        /// The batch's number.
        from: u64,
    },
    /// The journal has measured the disk.
    Disk(Space),
    /// The config file was reloaded.
    Reload(Reload),
    /// The server stops.
    Stop,
}

/// What is at one sequence of the log: applied and stored as a whole.
#[derive(Debug, Clone, Default)]
pub struct Ordered {
    /// The sequence.
    pub sequence: u64,
    /// The steps, in order.
    pub steps: Vec<OrderedStep>,
    /// The complete live state is to be stored, with this roster, as bytes.
    pub roster: Option<Vec<u8>>,
}

/// One step of an ordered input.
#[derive(Debug, Clone)]
pub enum OrderedStep {
    /// An entry is applied.
    Entry(SentEntry),
    /// A node has left the cluster, and its sessions have ended.
    NodeEnded(u16),
    /// This node has joined, with this number.
    Joined(u16),
    /// Where clients may go now, each as [`proto::node::Node`] writes it.
    Nodes(Box<[Box<str>]>),
    /// The names of all nodes by number, from 1 on.
    Names(Box<[Box<str>]>),
}

/// What the connections of a shard did, in order, with one buffer for all lines.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Which shard.
    pub shard: u8,
    /// The lines that `entries` refer to, UTF-8.
    pub text: Vec<u8>,
    /// The events, in order.
    pub events: Vec<SessionEvent>,
}

impl Batch {
    /// Whether nothing more should be added.
    pub fn is_full(&self) -> bool {
        self.bytes() >= BATCH_BYTES
    }

    /// The bytes of its lines and events.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.events.len() * size_of::<SessionEvent>()
    }
}

/// What one connection did.
#[derive(Debug, Clone)]
pub struct SessionEvent {
    /// Which one.
    pub session: SessionId,
    /// What it did.
    pub event: ClientEvent,
}

/// Something that a connection did.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// It opened.
    Opened {
        /// The client's address.
        address: IpAddr,
        /// Random bytes for its nonces.
        entropy: [u8; 16],
    },
    /// It opened through the admin socket.
    OpenedByAdmin {
        /// Random bytes for its nonces.
        entropy: [u8; 16],
    },
    /// It is encrypted; with the fingerprint of the client's certificate. Reported before its first
    /// line.
    Encrypted {
        /// None if it has shown none.
        certificate: Option<Fingerprint>,
    },
    /// The reverse proxy that it comes from says for whom. Said before its first line.
    Forwarded {
        /// From where the client connected to the proxy.
        address: IpAddr,
        /// Whether that connection is encrypted, as the proxy says.
        encrypted: bool,
    },
    /// It is a WebSocket. Said before its first line.
    WebSocket {
        /// The browser that a web page has opened it from.
        browser: Option<Browser>,
    },
    /// It was requests of HTTP, and its shard has answered them.
    Served,
    /// It sent a line; where in [`Batch::text`].
    Line(Range<u32>),
    /// It sent a line that is none; where in [`Batch::text`] as much of it is as can be read.
    BadLine(LineError, Range<u32>),
    /// It wanted to log in while too many others did.
    PasswordBusy,
    /// The answer that was held back is due.
    Waited,
    /// It sends a line, told next, after all this was written to it.
    Acknowledged(Watermarks),
    /// It sends nothing more, but may still read.
    Ended,
    /// It asks whether the server is well.
    Probe,
    /// It closed, or was closed by its shard.
    Closed {
        /// Why.
        reason: String,
    },
}
