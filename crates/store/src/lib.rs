//! Persistent data: accounts, rooms, memberships, and all events with their history.
//!
//! [`Store`] is the single writer, [`Reader`] any number of readers; both use plain data. Two
//! implementations behave alike and pass the same contract tests: [`SqliteStore`], whose data is on
//! disk when `commit` returns, and [`MemoryStore`], the reference, which exists only in memory.
//!
//! Event ids are strictly increasing: they are the order of everything. An event's time is that of
//! the wall clock, which can be set back; these steps are recorded, and between two of them a time
//! is found by searching the ids, so no index on time is needed.

#![forbid(unsafe_code)]

// The data.
mod conversation;
mod event;
mod msgid;
mod record;
mod records;
mod audit;
mod write;
mod query;
mod search;
mod keep;

// The contract.
mod failure;
mod damage;
mod progress;
mod contract;

// The implementations.
mod memory;
mod sqlite;

// The parts of the one on disk.
mod open;
mod private;
mod files;
mod mark;
mod start;
mod checkpoint;
mod schema;
mod sum;
mod about;
mod flags;
mod load;
mod check;
mod batch;
mod tail;
mod index;
mod forget;
mod forgetting;
mod scrub;
mod repair;
mod row;
mod departure;
mod time_search;
mod history;
mod unread;
mod export;
mod seal;
mod backup;
mod new_file;
mod staging;
mod salvage;

pub use audit::{AUDIT_DAYS, AUDIT_KEPT, AUDIT_MOST, Audit};
pub use backup::{backup, restore};
pub use check::{check, check_watched};
pub use contract::{
    Condition, Exported, REDACTED_PASSED, Reader, Store, UNREAD_FEW, UNREAD_MOST, UNREAD_TOTAL,
    Unread, Unreads,
};
pub use conversation::Conversation;
pub use damage::Damage;
pub use event::{DELETED_USER, Event, EventId, EventKind, Kinds};
pub use failure::Failure;
pub use keep::{KEEP_DAYS, KEEP_MESSAGES, Keep};
pub use load::live;
pub use memory::MemoryStore;
pub use msgid::{msgid, parse_msgid, write_msgid};
pub use new_file::write_new;
pub use private::create as create_private;
pub use progress::{Progress, Stage};
pub use query::{Point, Query, Scope, Select};
pub use record::{
    Account, AccountId, Fingerprint, ListEntry, Loaded, Member, RECENT_MESSAGES, RecentMessage,
    Room, RoomId, Subject, Topic,
};
pub use records::{RECORD_KEY_BYTES, RECORD_VALUE_BYTES, Record, RecordKind, RecordOwner};
pub use salvage::{Salvaged, backup_anyway, salvage};
pub use search::{Found, Indexed, Item, Reached, Search, WordIndex, Words};
pub use sqlite::SqliteStore;
pub use staging::{Staging, passing};
pub use write::{EVERYBODY, MENTIONS, Outcome, RESEND_MS, Refused, Resend, Write};
