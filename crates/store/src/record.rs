//! Accounts, rooms and what belongs to them, as the store keeps them.

use std::sync::Arc;

use proto::scram::Keys;
use serde::{Deserialize, Serialize};

use crate::{Conversation, EventId, Record};

/// The number of newest events searched for messages in rooms at startup.
pub const RECENT_MESSAGES: usize = 65_536;

/// The id of a user: an account, or a guest while it is online. Starts at 1; never reused.
pub type AccountId = u32;

/// The id of a room. Starts at 1; never reused, even after the room has ended.
pub type RoomId = u32;

/// The SHA-256 of a certificate in DER.
pub type Fingerprint = [u8; 32];

/// A stored login.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The name, which is also the nick, as spelled by its owner.
    pub name: Arc<str>,
    /// The keys derived from the password.
    pub keys: Keys,
    /// When it was created: milliseconds since the Unix epoch.
    pub created: i64,
}

/// A room and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// The name with its `#`, as spelled by whoever joined first.
    pub name: Arc<str>,
    /// When it was created: milliseconds since the Unix epoch.
    pub created: i64,
    /// The topic, if one is set.
    pub topic: Option<Topic>,
    /// The letters of modes without parameters, such as `nt`.
    pub modes: String,
    /// The key (`+k`), if one is set.
    pub key: Option<Box<str>>,
    /// The member limit (`+l`), if one is set.
    pub limit: Option<u32>,
    /// The entries of the mode lists, in the order in which they were added.
    pub lists: Vec<ListEntry>,
}

/// A room's topic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Topic {
    /// Its text.
    pub text: Box<str>,
    /// Who set it.
    pub by: Arc<str>,
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
}

/// An entry of a mode list, such as a ban.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ListEntry {
    /// The mode letter, such as `b` for bans.
    pub mode: char,
    /// The mask.
    pub mask: Box<str>,
    /// Who added it.
    pub by: Arc<str>,
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
}

/// A membership of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The room.
    pub room: RoomId,
    /// The member.
    pub account: AccountId,
    /// Whether they are an operator of the room (`+o`).
    pub op: bool,
    /// Whether they are a half-operator of the room (`+h`).
    pub halfop: bool,
    /// Whether they have a voice (`+v`).
    pub voice: bool,
    /// The newest event when they came; 0 of whoever came before this was kept.
    pub joined: EventId,
}

/// A message, notice or tagmsg in a room, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentMessage {
    /// The event.
    pub id: EventId,
    /// The room.
    pub room: RoomId,
    /// Its author, maybe a guest.
    pub author: AccountId,
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
}

/// What metadata belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A user.
    Account(AccountId),
    /// A room.
    Room(RoomId),
}

impl Subject {
    /// The key in the store: a code for the type, whose meaning never changes, and the id.
    pub(crate) fn key(self) -> (u8, u32) {
        match self {
            Self::Account(id) => (0, id),
            Self::Room(id) => (1, id),
        }
    }

    /// The subject for a key from the store.
    pub(crate) fn from_key(sort: u8, id: u32) -> Option<Self> {
        match sort {
            0 => Some(Self::Account(id)),
            1 => Some(Self::Room(id)),
            _ => None,
        }
    }
}

/// What the hub loads at startup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// All accounts, by id.
    pub accounts: Vec<Account>,
    /// All rooms, by id.
    pub rooms: Vec<Room>,
    /// All members, by room and account.
    pub members: Vec<Member>,
    /// The event after which members may read a room, by room and account; without an entry, from
    /// the beginning. Account 0 stands for anybody who joins.
    pub reads_from: Vec<(RoomId, AccountId, EventId)>,
    /// All metadata as subject, key and value: accounts before rooms, each by id, then by the bytes
    /// of the key.
    pub metadata: Vec<(Subject, Box<str>, Box<str>)>,
    /// All read markers as account, conversation and time in milliseconds since the Unix epoch, by
    /// account and conversation.
    pub read_markers: Vec<(AccountId, Conversation, i64)>,
    /// All certificates, their accounts, and whether they have been presented for the account, by
    /// the bytes of the fingerprint.
    pub certificates: Vec<(Fingerprint, AccountId, bool)>,
    /// The accounts that have no stored event, and the day on which each was last online, in days
    /// since the Unix epoch, by account. Accounts that are missing here count as having said
    /// something.
    pub unheard: Vec<(AccountId, u32)>,
    /// All records, by kind, owner and the bytes of the key.
    pub records: Vec<Record>,
    /// All pending messages as receiver, event and author (0 for guests), by receiver and event.
    /// They are counted, so damaged ones are left out.
    pub pending: Vec<(AccountId, EventId, AccountId)>,
    /// What was said in rooms among the newest [`RECENT_MESSAGES`] events and not taken back, oldest first; what is
    /// damaged is left out.
    pub recent_messages: Vec<RecentMessage>,
    /// The number of events.
    pub events: u64,
    /// The newest event's id; 0 if there is none.
    pub last_event: EventId,
    /// The newest event's time in milliseconds since the Unix epoch; 0 if there is none.
    pub last_time: i64,
    /// The highest [`crate::Resend::at`] that is stored; 0 if there is none.
    pub last_resend: i64,
    /// The highest user id in use so far: of an account, an author, or a party of a direct
    /// conversation.
    pub last_account: AccountId,
    /// The highest room id in use so far, including ended rooms.
    pub last_room: RoomId,
    /// A few random characters `a-z 0-9`, drawn once per store, with which its msgids begin; see
    /// [`crate::msgid`].
    pub instance: String,
    /// The key with which addresses are hidden, if there is one.
    pub cloak_key: Option<[u8; 32]>,
    /// The sequence of a log up to which everything is stored that comes of it; 0 for none.
    pub applied: u64,
    /// The live state after a sequence of a log; see [`crate::Write::Live`].
    pub live: Option<(u64, Arc<[u8]>)>,
}
