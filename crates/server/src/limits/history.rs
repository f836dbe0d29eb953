//! Reading: history pages, searches, exports, the audit log, and unread counts.

/// Messages per page of history, whatever the config says.
pub const HISTORY_PAGE_MOST: usize = 1000;
/// Bytes of a playback of several conversations after which no further one is started.
pub const PLAYBACK_BYTES: usize = 1024 * 1024;
/// Bytes of a page of history, unless the outbox is smaller; the rest is left out and requested as
/// the next page. One message is shown whatever its size.
pub const HISTORY_PAGE_BYTES: usize = 1024 * 1024;
/// The part of an outbox that one page of history may take.
pub const HISTORY_PAGE_PART: usize = 4;
/// Entries of the audit log per answer, by default.
pub const AUDIT_PAGE: usize = 50;
/// The maximum number of entries of the audit log per answer.
pub const AUDIT_PAGE_MOST: usize = 500;
/// Read markers per account.
pub const READ_MARKERS: usize = 1000;
/// Conversations in one answer to `UNREAD`.
pub const UNREAD_CONVERSATIONS: usize = 1000;
/// Conversations named in the sentence at a login.
pub const GREETING_CONVERSATIONS: usize = 5;
/// Bytes of that sentence, so that it fits on a line.
pub const GREETING_BYTES: usize = 300;
/// The number of events that counting one conversation's unread messages is charged as.
pub const UNREAD_EVENTS: usize = 100;
/// Conversations that one account may mute or follow.
pub const NOTIFY_ENTRIES: usize = 1000;
/// The number of events that a search is charged as: five milliseconds of work.
pub const SEARCH_EVENTS: usize = 1000;
/// The assumed number of a user's private conversations, which only the store knows.
pub const UNKNOWN_CONVERSATIONS: usize = 20;
/// Bytes of one answer to `LIST`, `WHO` or `METADATA SYNC`; the rest is left out, and the requester
/// is told so.
pub const ANSWER_BYTES: usize = 256 * 1024;
/// Queued history reads; further ones are told to try again.
pub const READ_QUEUE: usize = 4096;
/// Queued history reads per account; more than all its sessions may have.
pub const READ_QUEUE_OF_ONE: usize = 128;
/// Milliseconds of a playback after which other accounts have a turn.
pub const READ_TURN_MILLIS: u64 = 5;
/// Outstanding history reads per session; its input waits while there are more.
pub const READS_PER_SESSION: usize = 4;
/// Threads that read pages of history; one more thread reads overviews of many conversations.
pub const PAGE_READERS: usize = 2;
/// The niceness of all threads that read history: what is said now comes first.
pub const READER_NICE: i32 = 10;
/// The niceness of the thread that writes the search index: searches also find what is not indexed
/// yet.
pub const INDEX_NICE: i32 = 15;
/// Milliseconds for which that thread collects commits before it indexes them.
pub const INDEX_GATHER_MILLIS: u64 = 250;
/// Seconds between two rounds in which it removes redacted words from its write-ahead log.
pub const INDEX_MAINTAIN_SECONDS: u64 = 20;
/// Threads that search.
pub const SEARCH_READERS: usize = 2;
/// Queued searches per account.
pub const SEARCH_QUEUE_OF_ONE: usize = 16;
/// Milliseconds per search; after that it returns what it has found.
pub const SEARCH_MILLIS: u64 = 25;
/// Answers to searches are sent at multiples of so many milliseconds, so that they do not reveal
/// how long the search took.
pub const SEARCH_STEP_MILLIS: u64 = 5;
/// Messages per search; at most a page of history.
pub const SEARCH_PAGE: usize = 50;
/// Words per search.
pub const SEARCH_WORDS: usize = 32;
/// Bytes of JSON per line of an export.
pub const EXPORT_PIECE_BYTES: usize = 350;
/// Bytes of JSON per page of an export.
pub const EXPORT_PAGE_BYTES: usize = 64 * 1024;
/// Milliseconds for which a reader collects one page of an export.
pub const EXPORT_PAGE_MILLIS: u64 = 50;
/// The number of events that one page of an export is charged as.
pub const EXPORT_EVENTS: usize = 100;
