//! The bounds of a cluster: what one publication, window or wait may be at most.

/// Bytes of a node's name.
pub const NODE_NAME_BYTES: usize = 63;
/// Bytes of the entries that go into one publication. NATS takes messages of up to 1 MiB.
pub const PUBLICATION_BYTES: usize = 64 * 1024;
/// Publications of a node that are sent and not acknowledged.
pub const PUBLICATION_WINDOW: usize = 8;
/// Publications of a node that the log has not brought back yet.
pub const PUBLICATIONS_OUT: usize = 64;
/// Milliseconds without progress after which a node sends again what is not acknowledged.
pub const RESEND_PUBLICATION_MILLIS: u64 = 400;
/// Milliseconds to wait after the log has refused a publication.
pub const REFUSED_PUBLICATION_MILLIS: u64 = 50;
/// Milliseconds for which a node may get nothing into the log, before it refuses what is sent.
pub const LOG_UNAVAILABLE_MILLIS: u64 = 15_000;
/// Milliseconds that count of those at one look: a node that did not run has not waited.
pub const LOOK_MILLIS: u64 = 500;
/// Milliseconds of silence after which a node that waits for something asks the log for it.
pub const SILENCE_MILLIS: u64 = 250;
/// Milliseconds of silence after which a node that waits for nothing asks the log all the same.
pub const LONG_SILENCE_MILLIS: u64 = 1000;
/// Milliseconds after which a question to the log is asked again.
pub const FETCH_MILLIS: u64 = 2000;
/// Publications that a node keeps because one before them is missing.
pub const AHEAD: usize = 1024;
/// Bytes of them.
pub const AHEAD_BYTES: usize = 16 * 1024 * 1024;
/// Milliseconds between a node's heartbeats.
pub const HEARTBEAT_MILLIS: u64 = 300;
/// Heartbeats of one node, accepted one after another, during which another one has to say something;
/// else it is gone.
pub const LEASE_HEARTBEATS: usize = 10;
/// Milliseconds after which a node asks again to take part.
pub const JOIN_MILLIS: u64 = 1000;
/// Publications that the log keeps although nobody needs them who takes part: a node that comes back
/// may.
pub const LOG_KEPT: u64 = 100_000;
/// Publications after which a node writes its live state to its disk.
pub const LIVE_EVERY: u64 = 10_000;
/// Milliseconds by which the nodes' clocks may be apart. A clock that is put back further is followed.
pub const CLOCKS_APART_MILLIS: i64 = 60_000;
/// Messages of the log in one answer of it.
pub const FETCH_MESSAGES: usize = 256;
/// Bytes of them.
pub const FETCH_BYTES: usize = 4 * 1024 * 1024;
/// Changes of the connection to the log that wait for its thread.
pub const LOG_EVENTS: usize = 64;
