//! The journal and the disk: commits, housekeeping, retention, reserve.

/// Outputs queued for the journal.
pub const JOURNAL_QUEUE: usize = 256;
/// Writes per output up to which the hub commits by itself while the journal's thread is idle.
pub const WRITES_AT_ONCE: usize = 16;
/// Outputs per transaction.
pub const JOURNAL_GROUP: usize = 64;
/// Bytes of lines after which no further output joins a transaction.
pub const JOURNAL_GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Seconds between two rounds of the store's maintenance: redacted text is out of the write-ahead
/// log within a minute, even if a reader blocks the first attempt.
pub const MAINTAIN_SECONDS: u64 = 20;
/// Seconds between two rounds in which the journal removes expired history.
pub const FORGET_SECONDS: i64 = 60 * 60;
/// Milliseconds without a commit before the journal takes a step of such a round.
pub const FORGET_PAUSE_MILLIS: u64 = 5;
/// The minimum number of milliseconds between two steps of such a round in a cluster.
pub const FORGET_STEP_MILLIS: i64 = 200;
/// Milliseconds after which it takes a step even though commits keep coming.
pub const FORGET_LATE_MILLIS: i64 = 1000;
/// Milliseconds between two checks of the free space, while there is something to do or the reserve
/// is in use.
pub const DISK_LOOK_MILLIS: u64 = 1000;
/// The part of the reserve that must be free in addition before a used reserve counts as restored.
pub const RESERVE_HYSTERESIS_PART: u64 = 8;
/// Bytes that must be free on the data folder's disk, or the server is unhealthy.
pub const DISK_FREE_LEAST: u64 = 64 * 1024 * 1024;
