//! Connections: accepting, transports, outboxes, and the queues between threads.

use super::{LOGIN_LINE_BYTES, TAGS_CLIENT_BYTES};

/// Bytes that `outbox_bytes` must be at least: the longest message of several lines is to fit.
pub const OUTBOX_BYTES_LEAST: usize = 64 * 1024;
/// Bytes that `memory` must be at least.
pub const MEMORY_LEAST: usize = 1024 * 1024;
/// Bytes that may wait for all readers together where the config does not say it, at most.
pub const MEMORY_MOST: usize = 1024 * 1024 * 1024;
/// The part of the machine's memory that may wait for readers where the config does not say it.
pub const MACHINE_PART: usize = 4;
/// Seconds after which an outbox of which nothing was taken is among the first to go when all are
/// too much.
pub const OUTBOX_STANDS_SECONDS: u64 = 10;
/// Seconds after which a connection that has read nothing of what waits for it is ended, whatever it
/// sends.
pub const NOT_READING_SECONDS: u64 = 60;
/// Bytes that the system is asked to hold for a connection beside its outbox; Linux counts its own
/// bookkeeping and takes it twice. Left to itself it lets some megabytes wait there, unseen.
pub const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Connections from networks that are banned, all together: they are for operators of the server who log
/// in from there.
pub const BANNED_CONNECTIONS: usize = 64;
/// Connections that wait in the kernel for `accept`.
pub const ACCEPT_BACKLOG: i32 = 4096;
/// Bytes read from a socket at once; each shard owns one such buffer.
pub const READ_BYTES: usize = 64 * 1024;
/// Bytes that came of a connection and are not whole yet: one record of TLS at most.
pub const UNREAD_BYTES: usize = 18 * 1024;
/// Seconds from its beginning in which a handshake, or what else tells the way of a connection, must
/// be done.
pub const HANDSHAKE_SECONDS: u64 = 10;
/// Microseconds for which a shard accepts connections before it looks after those that it has.
pub const ACCEPT_MICROS_PER_ROUND: u64 = 500;
/// Microseconds in all after which those who have not logged in wait until the shard has looked after
/// those who have; they wait as long again if that was not enough for all. To read what they send
/// includes TLS handshakes, of which ten with a key on a curve take a millisecond, and one with a long
/// RSA key as much.
pub const NEWCOMER_MICROS: u64 = 1000;
/// Things in one batch that connections did which have not logged in: the hub deals with them in about
/// a millisecond. Further ones wait for the next batch.
pub const NEWCOMER_EVENTS: usize = 64;
/// Bytes of lines that are wrapped for a socket at once.
pub const WRAP_BYTES: usize = 64 * 1024;
/// Bytes of the longest message over WebSocket: the longest line with its tags. A longer one closes
/// the connection (1009) before its payload is read.
pub const WEBSOCKET_MESSAGE_BYTES: usize = TAGS_CLIENT_BYTES + LOGIN_LINE_BYTES;
/// Bytes of the payload of a control frame (RFC 6455, 5.5).
pub const WEBSOCKET_CONTROL_BYTES: usize = 125;
/// Bytes of a request's head over HTTP, the empty line after it included; a longer one is answered
/// 431.
pub const HTTP_HEAD_BYTES: usize = 8 * 1024;
/// Header lines of a request; more are answered 431.
pub const HTTP_HEADERS: usize = 64;
/// Bytes of a request's body, which is read and thrown away; a longer one is answered 413.
pub const HTTP_BODY_BYTES: usize = 64 * 1024;
/// Bytes that may come after a request that has no response yet; if there are more, the connection
/// is closed after the response.
pub const HTTP_PIPELINE_BYTES: usize = 16 * 1024;
/// Requests on one connection, which is closed after the last one.
pub const HTTP_REQUESTS: u32 = 100;
/// Seconds after which a connection without a new request is closed.
pub const HTTP_IDLE_SECONDS: u64 = 10;
/// Bytes of the web client as it is sent, compressed, all files together.
pub const WEB_CLIENT_BYTES: usize = 80 * 1024;
/// Bytes of a host's name in a request, as DNS has it; a longer one is not shown.
pub const HOST_BYTES: usize = 253;
/// Bytes of a PROXY protocol header of version 1, its line end included.
pub const PROXY_V1_BYTES: usize = 107;
/// Bytes of a PROXY protocol header of version 2 with all its fields; a longer one is refused
/// before it is read.
pub const PROXY_V2_BYTES: usize = 1024;
/// Bytes of one batch from a shard to the hub; sockets wait while it is full.
pub const BATCH_BYTES: usize = 512 * 1024;
/// Pieces of one outbox that are written to its socket at once.
pub const WRITE_PIECES: usize = 16;
/// Events that a shard takes from the system at once.
pub const EVENTS: usize = 1024;
/// Items that wait for a shard (released batches, history pages, new connections).
pub const SHARD_QUEUE: usize = 1024;
/// Items that wait for the hub: more than all its senders can have in flight together.
pub const HUB_QUEUE: usize = 4096;
/// Bytes of lines after which the hub passes its effects on before it goes on with a batch.
pub const EFFECTS_BYTES: usize = 1024 * 1024;
/// Milliseconds that a connection may take to accept its last lines when it is closed.
pub const LINGER_MILLIS: u64 = 1000;
/// Milliseconds between two looks at all connections of a shard (login deadline, pings, lingering).
pub const SWEEP_MILLIS: u64 = 500;
/// Milliseconds to wait before accepting again when the process has no file descriptor left.
pub const ACCEPT_PAUSE_MILLIS: u64 = 100;
