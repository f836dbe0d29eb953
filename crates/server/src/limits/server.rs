//! The server itself: its name, its operators, its health, its clock, its log, and how it stops.

use super::NAME_BYTES;

/// Bytes of the server's name.
pub const SERVER_NAME_BYTES: usize = 63;
/// Bytes of a guest's user name: so many that with its `~` it is no longer than a name.
pub const GUEST_USERNAME_BYTES: usize = NAME_BYTES - 1;
/// Bytes of the hash that stands for an address, and of the one for its network, in a guest's host.
pub const CLOAK_PART_BYTES: usize = 6;
/// Bytes of a real name (the last parameter of `USER`).
pub const REALNAME_BYTES: usize = 150;
/// Bans of the whole server.
pub const SERVER_BANS: usize = 1000;
/// Bytes of whom such a ban is of.
pub const SERVER_BAN_BYTES: usize = 200;
/// Connections to the admin socket at once.
pub const ADMIN_CONNECTIONS: usize = 16;
/// Seconds for which `chatserver admin` waits for the next line of an answer.
pub const ADMIN_SECONDS: u64 = 30;
/// Bytes of the path of a Unix socket that every system takes.
pub const SOCKET_PATH_BYTES: usize = 100;
/// Days before the end of the server's certificate from which on the operator is warned.
pub const CERTIFICATE_WARNING_DAYS: i64 = 14;
/// Seconds between two looks at when the server's certificate expires.
pub const CERTIFICATE_LOOK_SECONDS: u64 = 24 * 60 * 60;
/// Seconds for which clients connect in no other way than encrypted, from each connection on (`sts`):
/// 30 days.
pub const STS_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Bytes of one line of what the config says about who runs the server.
pub const ADMIN_BYTES: usize = 200;
/// Lines of a message of the day.
pub const MOTD_LINES: usize = 200;
/// Connections refused in [`REFUSALS_LOGGED_MILLIS`] of which each has its line in the log; further
/// ones are counted.
pub const REFUSALS_LOGGED: u32 = 10;
/// Milliseconds in which they are counted.
pub const REFUSALS_LOGGED_MILLIS: i64 = 10_000;
/// Wishes that wait for the thread that deals with signals; who has another waits with it.
pub const WAKE_QUEUE: usize = 16;
/// Log lines that wait for the terminal; further ones are dropped and counted.
pub const LOG_QUEUE: usize = 8192;
/// Bytes of a file that the operator names.
pub const NAMED_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Milliseconds that everybody has for their last lines when the server stops. With what comes before and
/// after it, it is at most 1.2 seconds.
pub const STOP_MILLIS: u64 = 1000;
/// Reads by which a connection that is closed at the stop throws away what its peer has still sent.
pub const DISCARDS: usize = 16;
/// Milliseconds by which the wall clock may be behind the time of what happened last and is waited for;
/// further back it is followed.
pub const CLOCK_STANDS_MILLIS: i64 = 1000;
/// Milliseconds by which the wall clock must be set, ahead or back, for the operator to be warned.
pub const CLOCK_JUMP_MILLIS: i64 = 60_000;
/// Milliseconds for which an answer about the server's health is given again without a look.
pub const HEALTH_MILLIS: u64 = 1000;
/// Milliseconds in which the store must have taken something small, or the server is not well.
pub const HEALTH_PATIENCE_MILLIS: u64 = 5000;
/// Bytes of the write-ahead log above which the server is not quite well: 4 MiB are usual.
pub const LOG_BYTES_MOST: u64 = 256 * 1024 * 1024;
/// Seconds for which something may wait to be moved from the log into the database: one minute is
/// usual.
pub const LOG_WAITS_SECONDS: u64 = 600;
/// How often a terminal is told how far a long task is.
pub const PROGRESS_MILLIS: u64 = 200;
/// Seconds from a backup that the server could not make to the next attempt.
pub const BACKUP_RETRY_SECONDS: u64 = 600;
/// How often a log is told how far a long task is.
pub const PROGRESS_LOG_SECONDS: u64 = 10;
