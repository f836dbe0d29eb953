//! What the hub knows of accounts and rooms, as it is kept.

use std::sync::Arc;

use proto::scram::Keys;
use serde::{Deserialize, Serialize};

use crate::{Conversation, EventId, Record};

/// Of so many events a start is told which of them were said in rooms.
pub const SAID: usize = 65_536;

/// The number of a user: an account, or a guest while it is here. From 1, never used twice.
pub type AccountId = u32;

/// The number of a room. From 1, never used twice, also after the room ended.
pub type RoomId = u32;

/// The SHA-256 of a certificate in DER.
pub type Fingerprint = [u8; 32];

/// A stored login.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The name, which is the nick too, as its owner spelled it.
    pub name: Arc<str>,
    /// What the password is checked with.
    pub keys: Keys,
    /// When it was made: milliseconds since the Unix epoch.
    pub created: i64,
}

/// A room and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its number.
    pub id: RoomId,
    /// The name with its `#`, as the first who joined spelled it.
    pub name: Arc<str>,
    /// When it was made: milliseconds since the Unix epoch.
    pub created: i64,
    /// The topic, if one is set.
    pub topic: Option<Topic>,
    /// The letters of the modes without a parameter, such as `nt`.
    pub modes: String,
    /// The key (`+k`), if one is set.
    pub key: Option<Box<str>>,
    /// The member limit (`+l`), if one is set.
    pub limit: Option<u32>,
    /// The entries of the mode lists, in the order they were added.
    pub lists: Vec<ListEntry>,
}

/// A room's topic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Topic {
    /// The topic itself.
    pub text: Box<str>,
    /// Who set it.
    pub by: Arc<str>,
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
}

/// An entry of a mode list, such as one ban.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ListEntry {
    /// The mode's letter: `b` is a ban.
    pub mode: char,
    /// The mask.
    pub mask: Box<str>,
    /// Who added it.
    pub by: Arc<str>,
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
}

/// Somebody's place in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The room.
    pub room: RoomId,
    /// Who is in it.
    pub account: AccountId,
    /// Whether they are its operator (`+o`).
    pub op: bool,
    /// Whether they are its half-operator (`+h`).
    pub halfop: bool,
    /// Whether they have a voice (`+v`).
    pub voice: bool,
    /// The newest event when they came; 0 of whoever came before this was kept.
    pub joined: EventId,
}

/// A message, notice or tagmsg of a room, without what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The event.
    pub id: EventId,
    /// The room.
    pub room: RoomId,
    /// Its author, maybe a guest.
    pub author: AccountId,
    /// When: milliseconds since the Unix epoch.
    pub time: i64,
}

/// Who or what metadata is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A user.
    Account(AccountId),
    /// A room.
    Room(RoomId),
}

impl Subject {
    /// What the store keys by: the code of its sort, which never changes its meaning, and its id.
    pub(crate) fn key(self) -> (u8, u32) {
        match self {
            Self::Account(id) => (0, id),
            Self::Room(id) => (1, id),
        }
    }

    /// The subject of a key read back from the store.
    pub(crate) fn from_key(sort: u8, id: u32) -> Option<Self> {
        match sort {
            0 => Some(Self::Account(id)),
            1 => Some(Self::Room(id)),
            _ => None,
        }
    }
}

/// What the hub starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// All accounts, by rising id.
    pub accounts: Vec<Account>,
    /// All rooms, by rising id.
    pub rooms: Vec<Room>,
    /// All members, by room and then account.
    pub members: Vec<Member>,
    /// From behind which event on members may read a room, by room and then account; who is not in it
    /// may read from the beginning. Account 0 is whoever comes.
    pub reads_from: Vec<(RoomId, AccountId, EventId)>,
    /// All metadata as subject, key and value: accounts before rooms, each by rising id, and then by
    /// the bytes of the key.
    pub metadata: Vec<(Subject, Box<str>, Box<str>)>,
    /// All read markers as account, conversation and time in milliseconds since the Unix epoch: by
    /// account and then conversation.
    pub read_markers: Vec<(AccountId, Conversation, i64)>,
    /// All certificates, whose they are, and whether that account has shown them, by the bytes of the
    /// fingerprint.
    pub certificates: Vec<(Fingerprint, AccountId, bool)>,
    /// The accounts of which no event was ever stored, and the day on which each was here last, in days
    /// since the Unix epoch: by account. Who is missing here has said something, as far as is known.
    pub unheard: Vec<(AccountId, u32)>,
    /// All records, by kind, owner and the bytes of the key.
    pub records: Vec<Record>,
    /// All that is pending as receiver, event and author, who is 0 for guests: by receiver and then
    /// event. It counts, so what is damaged is left out.
    pub pending: Vec<(AccountId, EventId, AccountId)>,
    /// What was said in rooms among the newest [`SAID`] events and not taken back, oldest first; what is
    /// damaged is left out.
    pub said: Vec<Said>,
    /// How many events there are.
    pub events: u64,
    /// The newest event's id; 0 if there is none.
    pub last_event: EventId,
    /// The newest event's time in milliseconds since the Unix epoch; 0 if there is none.
    pub last_time: i64,
    /// The highest [`crate::Resend::at`] that is remembered; 0 if there is none.
    pub last_resend: i64,
    /// The highest user id ever seen: of an account, an event's author, or a party of a direct
    /// conversation.
    pub last_account: AccountId,
    /// The highest room id ever seen, ended rooms included.
    pub last_room: RoomId,
    /// A few characters `a-z 0-9` made once per store, which begin its message ids; see
    /// [`crate::msgid`].
    pub instance: String,
    /// The key under which addresses are hidden, if one was made.
    pub cloak_key: Option<[u8; 32]>,
}
