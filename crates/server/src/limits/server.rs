//! The server itself: its name, its operators, its health, its clock, its log, and how it stops.

use super::NAME_BYTES;

/// Bytes of the server's name.
pub const SERVER_NAME_BYTES: usize = 63;
/// Bytes of a guest's user name: with its `~` as long as a name may be.
pub const GUEST_USERNAME_BYTES: usize = NAME_BYTES - 1;
/// Bytes of the hashes of the address and of its network in a guest's host.
pub const CLOAK_PART_BYTES: usize = 6;
/// Bytes of a real name (the last parameter of `USER`).
pub const REALNAME_BYTES: usize = 150;
/// Server bans.
pub const SERVER_BANS: usize = 1000;
/// Bytes of a server ban's target.
pub const SERVER_BAN_BYTES: usize = 200;
/// Concurrent connections to the admin socket.
pub const ADMIN_CONNECTIONS: usize = 16;
/// Seconds that `chatserver admin` waits for the next line of an answer.
pub const ADMIN_SECONDS: u64 = 30;
/// Bytes of a Unix socket's path that every system supports.
pub const SOCKET_PATH_BYTES: usize = 100;
/// Days before the server's certificate expires from which on the operator is warned.
pub const CERTIFICATE_WARNING_DAYS: i64 = 14;
/// Seconds between two checks of the certificate's expiry.
pub const CERTIFICATE_LOOK_SECONDS: u64 = 24 * 60 * 60;
/// The duration of the `sts` policy in seconds: 30 days.
pub const STS_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Bytes of one line of the contact details in the config.
pub const ADMIN_BYTES: usize = 200;
/// Lines of the message of the day.
pub const MOTD_LINES: usize = 200;
/// Refused connections logged within [`REFUSALS_LOGGED_MILLIS`]; others are only counted.
pub const REFUSALS_LOGGED: u32 = 10;
/// Milliseconds in which they are counted.
pub const REFUSALS_LOGGED_MILLIS: i64 = 10_000;
/// Requests queued for the main thread; duplicates are merged.
pub const WAKE_QUEUE: usize = 16;
/// Log lines queued for the terminal; further ones are dropped and counted.
pub const LOG_QUEUE: usize = 8192;
/// Bytes of a file named by the operator.
pub const NAMED_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Milliseconds for connections to accept their last lines when the server stops. The whole stop
/// takes at most 1.2 seconds.
pub const STOP_MILLIS: u64 = 1000;
/// Reads with which a closing connection discards what its peer has sent.
pub const DISCARDS: usize = 16;
/// Milliseconds by which the wall clock may be behind the latest event before it is followed back;
/// until then time stands still.
pub const CLOCK_STANDS_MILLIS: i64 = 1000;
/// Milliseconds by which the wall clock must jump for the operator to be warned.
pub const CLOCK_JUMP_MILLIS: i64 = 60_000;
/// Milliseconds for which a health answer is reused.
pub const HEALTH_MILLIS: u64 = 1000;
/// Milliseconds within which a probe must be stored, or the server is unhealthy.
pub const HEALTH_PATIENCE_MILLIS: u64 = 5000;
/// Bytes of the write-ahead log above which health degrades: 4 MiB are usual.
pub const LOG_BYTES_MOST: u64 = 256 * 1024 * 1024;
/// Seconds that something may wait in the log for a checkpoint: one minute is usual.
pub const LOG_WAITS_SECONDS: u64 = 600;
/// Milliseconds between two updates of progress on a terminal.
pub const PROGRESS_MILLIS: u64 = 200;
/// Seconds until a failed backup is tried again.
pub const BACKUP_RETRY_SECONDS: u64 = 600;
/// Seconds between two lines of progress in a log.
pub const PROGRESS_LOG_SECONDS: u64 = 10;
