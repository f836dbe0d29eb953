//! Connections: accepting, transports, outboxes, and the queues between threads.

use super::{LOGIN_LINE_BYTES, TAGS_CLIENT_BYTES};

/// The minimum of `outbox_bytes`: the longest multi-line message must fit.
pub const OUTBOX_BYTES_LEAST: usize = 64 * 1024;
/// The minimum of `memory`.
pub const MEMORY_LEAST: usize = 1024 * 1024;
/// The maximum number of bytes queued for all readers together, by default.
pub const MEMORY_MOST: usize = 1024 * 1024 * 1024;
/// The part of the machine's memory that may be queued for readers, by default.
pub const MACHINE_PART: usize = 4;
/// Seconds after which an outbox without progress is among the first to be dropped when memory is
/// short.
pub const OUTBOX_STALLED_SECONDS: u64 = 10;
/// Seconds after which a connection that reads nothing is closed, whatever it sends.
pub const NOT_READING_SECONDS: u64 = 60;
/// Bytes that the kernel may buffer per connection besides the outbox; Linux doubles this for its
/// own bookkeeping. By default it would buffer several megabytes, unseen.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Connections from banned networks in total: they are there so that operators of the server can
/// log in.
pub const BANNED_CONNECTIONS: usize = 64;
/// Connections waiting in the kernel for `accept`.
pub const ACCEPT_BACKLOG: i32 = 4096;
/// Bytes read from a socket at once, at most; each shard owns one such buffer.
pub const READ_BYTES: usize = 64 * 1024;
/// Bytes of incomplete input per connection: at most one TLS record.
pub const UNREAD_BYTES: usize = 18 * 1024;
/// Seconds within which a handshake, or anything else that determines the transport, must be
/// complete.
pub const HANDSHAKE_SECONDS: u64 = 10;
/// Microseconds for which a shard accepts connections before it serves the existing ones.
pub const ACCEPT_MICROS_PER_ROUND: u64 = 500;
/// Microseconds per round for connections that have not logged in; after that they wait until the
/// others have been served, and as long again if that was not enough for all. This includes TLS
/// handshakes, of which ten with an elliptic-curve key take a millisecond, and one with a long RSA
/// key as much.
pub const NEWCOMER_MICROS: u64 = 1000;
/// Milliseconds that they wait at most: a round can take much longer than its work, for instance when
/// the program's code must be read from a slow disk.
pub const NEWCOMER_WAIT_MILLIS: u64 = 20;
/// Events per batch from connections that have not logged in: the hub handles them in about a
/// millisecond. Further ones wait for the next batch.
pub const NEWCOMER_EVENTS: usize = 64;
/// Bytes of lines framed and encrypted for a socket at once.
pub const WRAP_BYTES: usize = 64 * 1024;
/// Bytes of a WebSocket message: the longest line with its tags. A longer one closes the connection
/// (1009) before its payload is read.
pub const WEBSOCKET_MESSAGE_BYTES: usize = TAGS_CLIENT_BYTES + LOGIN_LINE_BYTES;
/// Bytes of the payload of a control frame (RFC 6455, 5.5).
pub const WEBSOCKET_CONTROL_BYTES: usize = 125;
/// Bytes of an HTTP request's head, including the empty line; a longer one is answered with 431.
pub const HTTP_HEAD_BYTES: usize = 8 * 1024;
/// Header lines of a request; more are answered with 431.
pub const HTTP_HEADERS: usize = 64;
/// Bytes of a request's body, which is discarded; a longer one is answered with 413.
pub const HTTP_BODY_BYTES: usize = 64 * 1024;
/// Bytes that may follow a request before its response; with more the connection is closed after
/// the response.
pub const HTTP_PIPELINE_BYTES: usize = 16 * 1024;
/// Requests per connection; it is closed after the last one.
pub const HTTP_REQUESTS: u32 = 100;
/// Seconds after which a connection without a new request is closed.
pub const HTTP_IDLE_SECONDS: u64 = 10;
/// Bytes of the whole web client, compressed by gzip.
pub const WEB_CLIENT_GZIP_BYTES: usize = 75_500;
/// The same for browsers that accept Brotli, which is all of them over HTTPS.
pub const WEB_CLIENT_BROTLI_BYTES: usize = 68_600;
/// Bytes of a host name in a request, as in DNS; a longer one is not shown.
pub const HOST_BYTES: usize = 253;
/// Bytes of a PROXY protocol header of version 1, including its line end.
pub const PROXY_V1_BYTES: usize = 107;
/// Bytes of a PROXY protocol header of version 2; a longer one is refused before it is read.
pub const PROXY_V2_BYTES: usize = 1024;
/// Bytes of one batch from a shard to the hub; sockets wait while it is full.
pub const BATCH_BYTES: usize = 512 * 1024;
/// Pieces of an outbox written to its socket at once.
pub const WRITE_PIECES: usize = 16;
/// Events taken from the system at once.
pub const EVENTS: usize = 1024;
/// Items queued for a shard (released batches, history pages, new connections).
pub const SHARD_QUEUE: usize = 1024;
/// Items queued for the hub: more than all its senders can have in flight.
pub const HUB_QUEUE: usize = 4096;
/// Bytes of lines after which the hub releases its effects in the middle of a batch.
pub const EFFECTS_BYTES: usize = 1024 * 1024;
/// Milliseconds for a closing connection to accept its last lines.
pub const LINGER_MILLIS: u64 = 1000;
/// Milliseconds between two sweeps over all connections of a shard (login deadline, pings,
/// lingering).
pub const SWEEP_MILLIS: u64 = 500;
/// Milliseconds before accepting again when the process is out of file descriptors.
pub const ACCEPT_PAUSE_MILLIS: u64 = 100;
