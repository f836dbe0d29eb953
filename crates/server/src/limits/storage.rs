//! The journal and the disk: commits, housekeeping, retention, reserve.

/// Outputs that wait for the journal.
pub const JOURNAL_QUEUE: usize = 256;
/// Writes of one output that the hub commits by itself while the journal's thread rests.
pub const WRITES_AT_ONCE: usize = 16;
/// Outputs in one transaction of the journal.
pub const JOURNAL_GROUP: usize = 64;
/// Bytes of lines after which no further output joins a transaction.
pub const JOURNAL_GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Seconds between two rounds of the journal's housekeeping in the store: so few that what was taken
/// back is out of the write-ahead log within a minute, though somebody reads at the first try.
pub const MAINTAIN_SECONDS: u64 = 20;
/// Seconds between two rounds in which the journal removes what is not kept any longer.
pub const FORGET_SECONDS: i64 = 60 * 60;
/// Milliseconds without a commit after which the journal takes a step of such a round.
pub const FORGET_PAUSE_MILLIS: u64 = 5;
/// Milliseconds after which it takes a step although commits come one after the other.
pub const FORGET_LATE_MILLIS: i64 = 1000;
/// Milliseconds after which the journal looks at the free space again, while it has something to do
/// or the reserve is touched.
pub const DISK_LOOK_MILLIS: u64 = 1000;
/// The part of the reserve that must be free beside it for a reserve that was touched to count as
/// whole again.
pub const RESERVE_HEALED_PART: u64 = 8;
/// Bytes that must be free on the disk of the data folder, or the server is not well.
pub const DISK_FREE_LEAST: u64 = 64 * 1024 * 1024;
