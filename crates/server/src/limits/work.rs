//! Work: what a line costs, and what one account, address or turn may take.

/// Units of work in a millisecond: one is about ten nanoseconds of one core.
pub const WORK_PER_MILLI: u64 = 100_000;
/// Work of any line.
pub const LINE_WORK: u64 = 100;
/// Work of a room, user or entry of a list that is looked at.
pub const ROW_WORK: u64 = 10;
/// Bytes answered that are one unit of work.
pub const BYTES_PER_WORK: u64 = 2;
/// Work of telling one session something; done by the shards.
pub const TELL_WORK: u64 = 40;
/// Work of looking up one word of a message among the names; done by the hub.
pub const LOOK_UP_WORK: u64 = 1;
/// Work of reading one event of history; done by the readers.
pub const READ_WORK: u64 = 500;
/// Work of the hub for one session after which others have their turn: a millisecond. For all
/// sessions of a payer that owes much ([`MUCH_OWED_PART`]), work of hub and shards.
pub const TURN_WORK: u64 = WORK_PER_MILLI;
/// Work of the hub for all sessions of one address after which others have their turn.
pub const ADDRESS_TURN_WORK: u64 = 10 * TURN_WORK;
/// The part of a second's work of a payer beyond which it owes much: then it has smaller turns, in
/// which the work of the shards counts, too.
pub const MUCH_OWED_PART: u64 = 5;
/// Seconds of the work that a payer may take in the long run that it may take at once.
pub const WORK_BURST_SECONDS: u64 = 10;
/// How many times the work of one account all people of one address may take.
pub const WORK_ADDRESS_SHARE: u64 = 4;
/// Payers beyond which those who owe nothing are forgotten.
pub const BUDGETS_REMEMBERED: usize = 4096;
