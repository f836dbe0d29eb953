//! Work: what a line costs, and what one account, address or turn may take.

/// Milliseconds for which threads that check passwords, read history or index words pause at most,
/// while the hub or the journal is at work. Afterwards they run for as long as they have paused.
pub const PAUSE_MILLIS: u64 = 20;
/// Units of work per millisecond: one is about ten nanoseconds of one core.
pub const WORK_PER_MILLI: u64 = 100_000;
/// The work of any line.
pub const LINE_WORK: u64 = 100;
/// The work of examining a room, a user or a list entry.
pub const ROW_WORK: u64 = 10;
/// Bytes of an answer per unit of work.
pub const BYTES_PER_WORK: u64 = 2;
/// The work of sending something to one session; done by the shards.
pub const TELL_WORK: u64 = 40;
/// The work of looking up one word of a message among the names; done by the hub.
pub const LOOK_UP_WORK: u64 = 1;
/// The work of reading one event of history; done by the readers.
pub const READ_WORK: u64 = 500;
/// Work of the hub per session and turn: a millisecond. For all sessions of a payer deep in debt
/// ([`MUCH_OWED_PART`]), work of hub and shards together.
pub const TURN_WORK: u64 = WORK_PER_MILLI;
/// Work of the hub per address and turn.
pub const ADDRESS_TURN_WORK: u64 = 10 * TURN_WORK;
/// The part of a payer's work per second beyond which it counts as deep in debt: then its turns are
/// smaller, and include the work of the shards.
pub const MUCH_OWED_PART: u64 = 5;
/// The burst of a payer, in seconds of its long-term work.
pub const WORK_BURST_SECONDS: u64 = 10;
/// How many times an account's work an address may use.
pub const WORK_ADDRESS_SHARE: u64 = 4;
/// Payers beyond which those without debts are dropped.
pub const BUDGETS_REMEMBERED: usize = 4096;
