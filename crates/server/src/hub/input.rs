//! What comes to the hub: what connections did, and what other threads have found out.

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

/// One thing for the hub to deal with, and when it came.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// Milliseconds since the epoch, by the wall clock.
    pub now: i64,
    /// Milliseconds by the steady clock; see [`crate::clock`].
    pub steady: i64,
    /// The newest batch that the journal has committed.
    pub committed: u64,
    /// What came.
    pub input: Input,
}

/// What the hub deals with.
#[derive(Debug, Clone)]
pub enum Input {
    /// What a shard's connections did.
    Batch(Batch),
    /// The rest of the last batch, of which the first part's effects have been passed on; or the
    /// next session that waits for its turn.
    Continue,
    /// Nothing came: the hub is to look at what is due.
    Look,
    /// A password's key was derived.
    Derived(Derived),
    /// The log that orders entries has brought some, of this node or of another.
    Ordered(Ordered),
    /// The log that orders entries does not answer. It does not have these, and will not.
    LogSilent(Vec<SentEntry>),
    /// It answers again.
    LogAnswers,
    /// The journal could not store this batch, and has refused all after it.
    Failed {
        /// The batch's number.
        from: u64,
    },
    /// The journal has looked at the disk.
    Disk(Space),
    /// The config file was read again.
    Reload(Reload),
    /// The server stops.
    Stop,
}

/// What a log has at one place: it is applied, and stored, as a whole.
#[derive(Debug, Clone, Default)]
pub struct Ordered {
    /// The place.
    pub sequence: u64,
    /// What comes of it, in order.
    pub steps: Vec<OrderedStep>,
    /// All of the live state is to be stored, and with it this: the roster as of here, as bytes.
    pub roster: Option<Vec<u8>>,
}

/// One thing that comes of what a log has.
#[derive(Debug, Clone)]
pub enum OrderedStep {
    /// An entry is applied.
    Entry(SentEntry),
    /// A node takes part no longer: its sessions have ended.
    NodeEnded(u16),
    /// This node takes part, and has this number.
    Joined(u16),
}

/// What a shard's connections did, in order: one arena of lines.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Which shard.
    pub shard: u8,
    /// The lines that `entries` refer to, UTF-8.
    pub text: Vec<u8>,
    /// What happened, in order.
    pub events: Vec<SessionEvent>,
}

impl Batch {
    /// Whether nothing more should go in.
    pub fn is_full(&self) -> bool {
        self.text.len() + self.events.len() * size_of::<SessionEvent>() >= BATCH_BYTES
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

/// What a connection can do.
#[derive(Debug, Clone)]
pub enum ClientEvent {
    /// It opened.
    Opened {
        /// From where.
        address: IpAddr,
        /// Random bytes for its nonces.
        entropy: [u8; 16],
    },
    /// It opened, at the admin socket.
    OpenedByAdmin {
        /// Random bytes for its nonces.
        entropy: [u8; 16],
    },
    /// Its connection is encrypted; the fingerprint of the certificate that its client has shown.
    /// Said before its first line.
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
    Answered(Watermarks),
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
