//! Reading: pages of history, searches, exports, the audit log, and what is unread.

/// Messages in one page of history, whatever the config says.
pub const HISTORY_PAGE_MOST: usize = 1000;
/// Bytes of one playback of several conversations, after which no further one is begun.
pub const PLAYBACK_BYTES: usize = 1024 * 1024;
/// Bytes of one page of history, as far as the outbox does not make it less; what is beyond is
/// left out, and asked for as the next page. One message is shown whatever its size.
pub const HISTORY_PAGE_BYTES: usize = 1024 * 1024;
/// The part of an outbox that one page of history may take.
pub const HISTORY_PAGE_PART: usize = 4;
/// Entries of the audit log in one answer, if nobody says how many.
pub const AUDIT_PAGE: usize = 50;
/// Entries of the audit log in one answer.
pub const AUDIT_PAGE_MOST: usize = 500;
/// Conversations of one account of which the server keeps up to where they are read.
pub const READ_MARKERS: usize = 1000;
/// Conversations of which one answer to `UNREAD` tells what is unread.
pub const UNREAD_CONVERSATIONS: usize = 1000;
/// Conversations that somebody who logs in is told of in one sentence.
pub const GREETING_CONVERSATIONS: usize = 5;
/// Bytes of that sentence, so that it fits into a line.
pub const GREETING_BYTES: usize = 300;
/// As how many events counting what is unread in one conversation is charged.
pub const UNREAD_EVENTS: usize = 100;
/// Conversations that one account can mute or follow.
pub const NOTIFY_ENTRIES: usize = 1000;
/// About how many events a search is charged as: five milliseconds of work.
pub const SEARCH_EVENTS: usize = 1000;
/// Private conversations that somebody is taken to have where the hub does not know.
pub const UNKNOWN_CONVERSATIONS: usize = 20;
/// Bytes of one answer of `LIST`, `WHO` or `METADATA SYNC`; what is beyond is left out, and the requester told so.
pub const ANSWER_BYTES: usize = 256 * 1024;
/// History reads that wait for a reader; further ones are told to try again.
pub const READ_QUEUE: usize = 4096;
/// History reads of one account that wait for a reader; more than all its sessions may have open.
pub const READ_QUEUE_OF_ONE: usize = 128;
/// Milliseconds of one playback after which other accounts have their turn.
pub const READ_TURN_MILLIS: u64 = 5;
/// History reads that one session may have open; the session's input waits while there are more.
pub const READS_PER_SESSION: usize = 4;
/// Threads that read pages of history; one more reads overviews of many conversations.
pub const PAGE_READERS: usize = 2;
/// The niceness of the thread that writes the index of words: searches find what is not in it yet.
pub const INDEX_NICE: i32 = 15;
/// Milliseconds for which that thread gathers what is committed, before it adds it.
pub const INDEX_GATHER_MILLIS: u64 = 250;
/// Seconds between two times that it moves words that were taken back out of its log.
pub const INDEX_MAINTAIN_SECONDS: u64 = 20;
/// Threads that search.
pub const SEARCH_READERS: usize = 2;
/// Searches of one account that wait for a reader.
pub const SEARCH_QUEUE_OF_ONE: usize = 16;
/// Milliseconds of one search, after which its answer is what was found until then.
pub const SEARCH_MILLIS: u64 = 25;
/// Milliseconds between the times at which answers to a search leave, so that they do not tell how
/// long it took.
pub const SEARCH_STEP_MILLIS: u64 = 5;
/// Messages in one answer to a search; not more than in a page of history.
pub const SEARCH_PAGE: usize = 50;
/// Words in one search.
pub const SEARCH_WORDS: usize = 32;
/// Bytes of JSON in one line of an export.
pub const EXPORT_PIECE_BYTES: usize = 350;
/// Bytes of JSON of one page of an export, after which it has to be asked for the next one.
pub const EXPORT_PAGE_BYTES: usize = 64 * 1024;
/// Milliseconds for which a reader looks for what belongs in one page of an export.
pub const EXPORT_PAGE_MILLIS: u64 = 50;
/// About how many events are read for one page of an export, for what it is charged as.
pub const EXPORT_EVENTS: usize = 100;
