//! Messages: sizes, what is kept for absent receivers, and each sender's share of other people's
//! queues.

/// Bytes of a line besides its text and its client tags: the maximum of source, target and server
/// tags together.
pub const LINE_FRAME_BYTES: usize = 400;
/// Bytes of client tags repeated on each line of a multi-line message for clients without
/// multi-line messages; longer ones are on the first line only. They fit into [`LINE_FRAME_BYTES`].
pub const CLIENT_TAGS_EACH_LINE_BYTES: usize = 40;
/// Pending messages shown at one login; the next login shows more.
pub const PENDING_SHOWN: usize = 1000;
/// Pending messages of one sender for one offline user; further ones are refused. All guests count
/// as one sender.
pub const KEPT_EACH: usize = 300;
/// The same for a user online, who will acknowledge them soon.
pub const KEPT_EACH_ONLINE: usize = 3000;
/// Pending messages of a user from which on each sender may have only [`KEPT_IN_CROWD`]: few enough
/// that one login still shows what other senders have sent.
pub const KEPT_UNCROWDED: usize = 900;
/// See [`KEPT_UNCROWDED`].
pub const KEPT_IN_CROWD: usize = 20;
/// Pending messages of a user in total.
pub const KEPT_MOST: usize = 10_000;
/// The part of a receiver's outbox (`outbox_bytes`) that one account may fill at once with private
/// messages and invitations: 256 KiB of 4 MiB.
pub const SHARE_BURST_PART: u64 = 16;
/// The part that one account may fill per second in the long run.
pub const SHARE_SECOND_PART: u64 = 512;
/// How many times an account's share an address may fill.
pub const SHARE_ADDRESS: u64 = 4;
/// The part that all senders together may fill before each has a smaller share.
pub const SHARE_CROWD_PART: u64 = 2;
/// The share of each account after that.
pub const SHARE_CROWD_BURST_PART: u64 = 256;
/// Sender-receiver pairs beyond which drained ones are dropped.
pub const SHARES_REMEMBERED: usize = 4096;
/// Bytes of a reply's parameter other than the text; longer ones are cut. The longest names in
/// `WHOIS` fit.
pub const PARAMETER_BYTES: usize = 140;
/// Bytes of a command's label; longer ones are ignored, as specified.
pub const LABEL_BYTES: usize = 64;
/// Targets per command.
pub const TARGETS: usize = 4;
/// Entries of an ignore list.
pub const SILENCES: usize = 50;
/// Bytes of the payload of a reply line to `WHO`, `NAMES` or `LIST`.
pub const NAMES_LINE_BYTES: usize = 400;
/// Bytes of a multi-line message, including line feeds between lines (`max-bytes`).
pub const MULTILINE_BYTES: usize = 16 * 1024;
/// Lines of a multi-line message (`max-lines`).
pub const MULTILINE_LINES: usize = 100;
/// Bytes of a client batch's reference; each session may have one batch open.
pub const BATCH_REFERENCE_BYTES: usize = 64;
/// Seconds for which a client batch may stay open.
pub const BATCH_SECONDS: u32 = 120;
/// The cost of a batch line in the flood limit: it is delivered only within a message of at most
/// [`MULTILINE_BYTES`], so it weighs less than a line of its own.
pub const BATCH_LINE_COST: f32 = 0.25;
/// Bytes of a stored item besides its texts: its row and index entries.
pub const ROW_BYTES: usize = 100;
/// Bytes of client tags stored with a message, besides those that clients need.
pub const TAGS_STORED_BYTES: usize = 512;
