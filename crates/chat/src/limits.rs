//! Every bound of what a client keeps. Counts are per connection unless they say otherwise.

/// Conversations kept; lines about further ones are shown in the server's own conversation.
pub const CONVERSATIONS: usize = 2_000;
/// Messages and events kept of all conversations together; beyond it the longest timeline loses its oldest.
pub const ENTRIES: usize = 50_000;
/// Members kept of one room.
pub const MEMBERS: usize = 20_000;
/// Bytes kept of one metadata value.
pub const METADATA_BYTES: usize = 1_024;
/// Rooms kept of one answer to `WHOIS`.
pub const ROOMS_OF_ONE: usize = 500;
/// Client tags kept of one message.
pub const TAGS: usize = 16;
/// Reactions kept of one message, and names of one reaction.
pub const REACTIONS: usize = 50;
/// Bytes of one emoji, or word, that is a reaction.
pub const REACTION_BYTES: usize = 64;
/// Batches that the server may have open at once.
pub const BATCHES: usize = 64;
/// Lines kept of one batch.
pub const BATCH_LINES: usize = 10_000;
/// Requests whose answers are outstanding.
pub const REQUESTS: usize = 256;
/// Messages on their way or failed.
pub const OUTGOING: usize = 1_000;
/// Messages asked for on one page of history; the server may give fewer.
pub const PAGE: usize = 50;
/// Conversations asked for that have something new; the server may give fewer.
pub const TARGETS: usize = 1_000;
/// Results asked for on one page of a search.
pub const RESULTS: usize = 50;
/// Rooms kept of one `LIST`.
pub const LISTED: usize = 5_000;
/// People shown as typing in one conversation.
pub const TYPING: usize = 20;
/// How long somebody who is typing is shown without another sign of it (IRCv3 typing: 6 seconds).
pub const TYPING_MS: i64 = 6_000;
/// How often others are notified that this person is typing (IRCv3 typing: every 3 seconds).
pub const TYPING_INTERVAL_MS: i64 = 3_000;
/// The longest wait asked of by a server before a message is sent again; one that asks for more has refused it.
pub const RETRY_MS: i64 = 600_000;
/// Pinned messages kept of one room.
pub const PINS: usize = 100;
/// The longest list of capabilities that a server may offer, in bytes, all its lines together.
pub const OFFER_BYTES: usize = 16 * 1024;
/// Bytes kept of one text that several lines or values make up.
pub const TEXT_BYTES: usize = 64 * 1024;
/// Lines of one message of several lines, however many more the server would take.
pub const TEXT_LINES: usize = 1_000;
