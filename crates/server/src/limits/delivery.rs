//! Messages: what may be sent at once, what is kept for whom, and what one sender may put into the queues of others.

/// Bytes that a line takes beside its text and its client's tags: what source, target and the
/// server's tags are together at most.
pub const LINE_FRAME_BYTES: usize = 400;
/// Bytes of a client's tags that are told with each line of a message of several lines to those who
/// do not know such messages; more are told with the first alone. They fit into [`LINE_FRAME_BYTES`].
pub const CLIENT_TAGS_EACH_LINE_BYTES: usize = 40;
/// Messages kept for a user who is offline that are shown at one login; the next login shows the
/// next ones.
pub const PENDING_SHOWN: usize = 1000;
/// Messages of one sender that are kept for one user who is offline; further ones are refused. All
/// guests count as one.
pub const KEPT_EACH: usize = 300;
/// The same for one who is online, and will have taken them with the next sign of life.
pub const KEPT_EACH_ONLINE: usize = 3000;
/// Messages kept for a user from which on each sender may have only [`KEPT_IN_CROWD`]: so many that
/// one login shows what others have sent, too.
pub const KEPT_UNCROWDED: usize = 900;
/// See [`KEPT_UNCROWDED`].
pub const KEPT_IN_CROWD: usize = 20;
/// Messages kept for a user at most, by all senders.
pub const KEPT_MOST: usize = 10_000;
/// The part of a receiver's outbox (`outbox_bytes`) that one account may fill with private messages
/// and invitations at once: 256 KiB of 4 MiB.
pub const SHARE_BURST_PART: u64 = 16;
/// The part of it that one account may fill each second in the long run.
pub const SHARE_SECOND_PART: u64 = 512;
/// How many times as much as one account all people of one address may fill.
pub const SHARE_ADDRESS: u64 = 4;
/// The part that all together may fill before each has a smaller share.
pub const SHARE_CROWD_PART: u64 = 2;
/// The part that each account may fill then.
pub const SHARE_CROWD_BURST_PART: u64 = 256;
/// Pairs of sender and receiver beyond which those that have drained are forgotten.
pub const SHARES_REMEMBERED: usize = 4096;
/// Bytes of one parameter of a reply, all but its text; longer ones are cut. The most names of one
/// `WHOIS` fit.
pub const PARAMETER_BYTES: usize = 140;
/// Bytes of the label of a command; longer ones are ignored, as the specification has it.
pub const LABEL_BYTES: usize = 64;
/// Targets of one command, where it takes several.
pub const TARGETS: usize = 4;
/// People and masks whom one user can ignore.
pub const SILENCES: usize = 50;
/// Bytes of one `WHO`, `NAMES` or `LIST` answer line's payload.
pub const NAMES_LINE_BYTES: usize = 400;
/// Bytes of a message of several lines, line feeds between them included (`max-bytes`).
pub const MULTILINE_BYTES: usize = 16 * 1024;
/// Lines of such a message (`max-lines`).
pub const MULTILINE_LINES: usize = 100;
/// Bytes of the reference of a batch that a client opens; each session may have one open.
pub const BATCH_REFERENCE_BYTES: usize = 64;
/// Seconds for which a client may leave a batch open.
pub const BATCH_SECONDS: u32 = 120;
/// What a line of a batch takes of the lines that a client may send: nobody is told of it but
/// within a message of at most [`MULTILINE_BYTES`], so it weighs no more than so many plain lines.
pub const BATCH_LINE_COST: f32 = 0.25;
/// Bytes that something stored takes beside its texts: its row, and its places in indexes.
pub const ROW_BYTES: usize = 100;
/// Bytes of the tags of a client that are stored with a message, beside those that clients need.
pub const TAGS_STORED_BYTES: usize = 512;
