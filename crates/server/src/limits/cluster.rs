//! The limits of a cluster.

/// Bytes of a cluster's name.
pub const CLUSTER_NAME_BYTES: usize = 32;
/// NATS servers in the config file.
pub const NATS_SERVERS: usize = 16;
/// Bytes of a node's name.
pub const NODE_NAME_BYTES: usize = 63;
/// Bytes of entries per publication. NATS accepts messages of up to 1 MiB.
pub const PUBLICATION_BYTES: usize = 64 * 1024;
/// Publications of a node that are sent and not acknowledged.
pub const PUBLICATION_WINDOW: usize = 8;
/// Publications of a node that the log has not delivered yet.
pub const PUBLICATIONS_UNDELIVERED: usize = 64;
/// Messages of a session in flight at once; its other commands wait for all of them.
pub const SESSION_IN_FLIGHT: usize = 64;
/// Bytes of all sessions' commands in flight, beyond which no session has more than one.
pub const IN_FLIGHT_BYTES: usize = 1024 * 1024;
/// Deliveries of a session's messages in flight, beyond which the next one waits: what they cost is
/// charged when they come back.
pub const IN_FLIGHT_DELIVERIES: usize = 25_000;
/// Deliveries that a private message counts as: the share of the receiver's outbox is charged as
/// late.
pub const PRIVATE_DELIVERIES: usize = 3_000;
/// Milliseconds without progress after which a node resends what is not acknowledged.
pub const RESEND_PUBLICATION_MILLIS: u64 = 400;
/// Milliseconds to wait after the log has rejected a publication.
pub const REFUSED_PUBLICATION_MILLIS: u64 = 50;
/// Milliseconds without any publication getting into the log after which a node refuses commands.
pub const LOG_UNAVAILABLE_MILLIS: u64 = 15_000;
/// The most milliseconds that one poll may add to that: a node that was suspended has not waited.
pub const STALL_STEP_MILLIS: u64 = 500;
/// Milliseconds without a message after which a node that has undelivered publications fetches.
pub const WAITING_FETCH_MILLIS: u64 = 250;
/// Milliseconds for which a node waits for a message that others have overtaken before it fetches
/// it.
pub const GAP_MILLIS: u64 = 20;
/// Messages by which an announced one may be ahead of the last one known.
pub const ANNOUNCED_AHEAD: u64 = 1_000_000;
/// Milliseconds without a message after which any node fetches.
pub const IDLE_FETCH_MILLIS: u64 = 1000;
/// Milliseconds after which an unanswered fetch is repeated.
pub const FETCH_RETRY_MILLIS: u64 = 2000;
/// Fetches from the leader after a replica lacked what the log has. Then replicas are used again.
pub const LEADER_FETCHES: u32 = 64;
/// Messages per request to the leader, which returns each of them by itself and whatever its size.
pub const LEADER_MESSAGES: usize = 32;
/// Publications that a node buffers because an earlier one is missing.
pub const AHEAD_MESSAGES: usize = 1024;
/// Bytes of them.
pub const AHEAD_BYTES: usize = 16 * 1024 * 1024;
/// Milliseconds between a node's heartbeats.
pub const HEARTBEAT_MILLIS: u64 = 300;
/// Heartbeats of one node during which another node must send something, or its lease expires.
pub const LEASE_HEARTBEATS: usize = 10;
/// Milliseconds after which a node repeats its request to join.
pub const JOIN_MILLIS: u64 = 1000;
/// Publications that the log retains although no member needs them: a returning node may.
pub const LOG_RETAINED: u64 = 100_000;
/// Publications after which a node stores its live state.
pub const LIVE_EVERY: u64 = 10_000;
/// Milliseconds by which the nodes' clocks may differ. A clock that is set back further is
/// followed.
pub const CLOCKS_APART_MILLIS: i64 = 60_000;
/// Messages of the log per answer.
pub const FETCH_MESSAGES: usize = 256;
/// Bytes of them.
pub const FETCH_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of the log on its servers; when full, nothing can be published until it is purged.
pub const LOG_BYTES: u64 = 8 << 30;
/// Bytes of one sealed publication: NATS accepts messages of up to 1 MiB.
pub const PUBLICATION_BYTES_MOST: usize = 1 << 20;
/// Milliseconds to connect to a NATS server.
pub const NATS_CONNECT_MILLIS: u64 = 2000;
/// Milliseconds between pings of a NATS server; it counts as gone after two without an answer.
pub const NATS_PING_MILLIS: u64 = 1000;
/// Milliseconds by which the delay before reconnecting grows, up to ten times that.
pub const NATS_RECONNECT_MILLIS: u64 = 50;
/// Milliseconds to wait for an answer from JetStream, and how often it is asked.
pub const NATS_ANSWER_MILLIS: u64 = 3000;
/// See [`NATS_ANSWER_MILLIS`].
pub const NATS_ATTEMPTS: usize = 5;
/// Milliseconds between attempts to reach NATS when a node starts.
pub const NATS_WAIT_MILLIS: u64 = 500;
/// Milliseconds after which a stream is asked for its state again, and JetStream anything else.
pub const NATS_ASK_AGAIN_MILLIS: u64 = 500;
/// Messages from NATS that wait for the log thread, of each kind; further ones are dropped and
/// fetched later. Also the most that waits to be sent.
pub const NATS_BUFFERED: usize = 1024;
/// Messages from NATS that are handled together.
pub const NATS_READY: usize = 64;
/// Ordered input that the hub has not processed: a part of [`HUB_QUEUE`](super::HUB_QUEUE).
pub const ORDERED_IN_FLIGHT: usize = 1024;
/// Milliseconds between polls of the log thread for what is due.
pub const LOG_POLL_MILLIS: u64 = 20;
/// Milliseconds for which a stopping node waits for its last publications.
pub const LEAVE_MILLIS: u64 = 5000;
/// Bytes of a NATS server's monitoring answer.
pub const MONITOR_BYTES: u64 = 1 << 20;
/// Pieces after which the maker of a copy checks whether it is still wanted.
pub const COPY_CHECK_PIECES: u64 = 32;
/// Bytes of one piece of a copy of a node's store.
pub const COPY_PIECE_BYTES: usize = 512 * 1024;
/// Hours after which NATS forgets the pieces of a copy.
pub const COPY_HOURS: u64 = 6;
/// Milliseconds without progress after which a node that makes a copy is given up.
pub const COPY_TIMEOUT_MILLIS: u64 = 30_000;
/// Milliseconds between its progress reports.
pub const COPY_PROGRESS_MILLIS: u64 = 1000;
/// Requests for copies that a node remembers, so that nobody can have them made again.
pub const COPY_REQUESTS: usize = 256;
/// Milliseconds for which the log is retained for a node that fetches a copy.
pub const COPY_HOLD_MILLIS: u64 = 2 * 60 * 60 * 1000;
/// Bytes of the log that are retained for it, a quarter of [`LOG_BYTES`].
pub const COPY_HOLD_BYTES: u64 = 2 << 30;
/// Seconds between two requests to the service manager to wait for a node that fetches a copy, and
/// the seconds for which it is asked to.
pub const START_SIGN_SECONDS: u64 = 10;
/// See [`START_SIGN_SECONDS`].
pub const START_PATIENCE_SECONDS: u32 = 90;
/// Milliseconds between attempts to get a copy.
pub const COPY_WAIT_MILLIS: u64 = 2000;
/// Milliseconds to wait for the nodes' status.
pub const STATUS_MILLIS: u64 = 1000;
/// Milliseconds by which a node may be behind the log without reporting it.
pub const LATE_MILLIS: u64 = 200;
