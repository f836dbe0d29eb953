//! What survives a restart: accounts, rooms, who is in them, and every event with its history.
//!
//! [`Store`] is the one writer, [`Reader`] any number of readers; both speak plain data. Two
//! implementations answer alike and pass one contract suite: [`SqliteStore`], which is on disk
//! when `commit` returns, and [`MemoryStore`], the reference, which is gone with the process.
//!
//! For every caller and both implementations event ids rise strictly: they are the order of
//! everything. An event's time is the wall clock's, which is put back now and then, so where it fell is
//! noted: between two such steps a time is found by its id, and there is no index on time.

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
mod keep;

// The contract.
mod failure;
mod damage;
mod progress;
mod contract;

// The two that keep it.
mod memory;
mod sqlite;

// What the one on disk is made of.
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
mod repair;
mod row;
mod departure;
mod place;
mod history;
mod unread;
mod export;
mod seal;
mod backup;
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
pub use memory::MemoryStore;
pub use msgid::{msgid, parse_msgid, write_msgid};
pub use private::create as create_private;
pub use progress::{Progress, Stage};
pub use query::{Point, Query, Scope, Select};
pub use record::{
    Account, AccountId, Fingerprint, ListEntry, Loaded, Member, Room, RoomId, SAID, Said, Subject,
    Topic,
};
pub use records::{RECORD_KEY_BYTES, RECORD_VALUE_BYTES, Record, RecordKind, RecordOwner};
pub use salvage::{Salvaged, backup_anyway, salvage};
pub use sqlite::SqliteStore;
pub use write::{EVERYBODY, MENTIONS, Outcome, RESEND_MS, Refused, Resend, Write};
