//! Records: the many small things that the hub keeps in memory as a whole, and that must survive
//! restarts, such as settings, bans, app passwords and reports. The store knows whom they belong
//! to, but not what they mean.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::{AccountId, RoomId};

/// The maximum length of a record's key in bytes.
pub const RECORD_KEY_BYTES: usize = 512;
/// The maximum length of a record's value in bytes.
pub const RECORD_VALUE_BYTES: usize = 64 * 1024;

/// Codes below this one are for records of accounts.
const ROOMS_FROM: u8 = 64;
/// From there, codes below this one are for records of rooms; the rest are the server's.
const SERVER_FROM: u8 = 128;

/// A kind of record. The codes are on disk and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[repr(u8)]
pub enum RecordKind {
    /// An account's password for one program, by its name.
    AppPassword = 0,
    /// An account's second factor, with its recovery codes.
    SecondFactor = 1,
    /// What an account may do: suspension, strict login, who invited it.
    AccountSetting = 2,
    /// When and from where an account last logged in, and the failed attempts since then.
    LastLogin = 3,
    /// Somebody whom an account ignores.
    Silence = 4,
    /// From whom an account accepts private messages.
    PrivateMessages = 5,
    /// A conversation that an account has muted or follows.
    Conversation = 6,
    /// A setting of a room, besides its modes.
    RoomSetting = 64,
    /// The reason and the end of a room's ban, quiet or mute.
    RoomBan = 65,
    /// A message that is pinned in a room.
    Pin = 66,
    /// The account that founded a room, or that it was handed to.
    Founder = 67,
    /// The status that an account has in a room while not in it.
    Role = 68,
    /// An invitation to register, by its code.
    Invitation = 128,
    /// A ban from the whole server.
    ServerBan = 129,
    /// An open report.
    Report = 130,
    /// A name that nobody may register, such as that of a deleted or renamed account.
    ReservedName = 131,
}

/// What records of a kind belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOwner {
    /// Accounts, with which they are removed.
    Account,
    /// Rooms, with which they are removed.
    Room,
    /// The server; their owner is 0.
    Server,
}

impl RecordKind {
    /// Every kind, in the order of the codes.
    pub const ALL: [Self; 16] = [
        Self::AppPassword,
        Self::SecondFactor,
        Self::AccountSetting,
        Self::LastLogin,
        Self::Silence,
        Self::PrivateMessages,
        Self::Conversation,
        Self::RoomSetting,
        Self::RoomBan,
        Self::Pin,
        Self::Founder,
        Self::Role,
        Self::Invitation,
        Self::ServerBan,
        Self::Report,
        Self::ReservedName,
    ];

    /// What records of this kind belong to.
    pub fn owner(self) -> RecordOwner {
        match self as u8 {
            ..ROOMS_FROM => RecordOwner::Account,
            ROOMS_FROM..SERVER_FROM => RecordOwner::Room,
            SERVER_FROM.. => RecordOwner::Server,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its kind.
    pub kind: RecordKind,
    /// The account or room it belongs to; 0 for the server.
    pub owner: u32,
    /// Its key within the kind; see [`RECORD_KEY_BYTES`].
    pub key: Box<str>,
    /// Its value, in the caller's format; see [`RECORD_VALUE_BYTES`].
    pub value: Box<str>,
}

/// Panics if it may not be stored.
pub(crate) fn assert_sound(kind: RecordKind, owner: u32, key: &str, value: Option<&str>) {
    assert!(key.len() <= RECORD_KEY_BYTES, "a record's key is within its bound");
    let bytes = value.map_or(0, str::len);
    assert!(bytes <= RECORD_VALUE_BYTES, "a record's value is within its bound");
    let server = kind.owner() == RecordOwner::Server;
    assert_eq!(server, owner == 0, "a record is of its kind's owner");
}

/// Sets or removes a record.
pub(crate) fn put(
    connection: &Connection,
    kind: RecordKind,
    owner: u32,
    key: &str,
    value: Option<&str>,
) -> rusqlite::Result<()> {
    assert_sound(kind, owner, key, value);
    let kind = kind as u8;
    let sql = match value {
        Some(_) => {
            "INSERT OR REPLACE INTO records(kind, owner, key, value, sum)
                VALUES (?1, ?2, ?3, ?4, checksum('records', ?1, ?2, ?3, ?4))"
        }
        None => "DELETE FROM records WHERE kind = ?1 AND owner = ?2 AND key = ?3 AND ?4 IS NULL",
    };
    connection.prepare_cached(sql)?.execute(params![kind, owner, key, value]).map(drop)
}

/// Removes the records of an account.
pub(crate) fn remove_of_account(connection: &Connection, id: AccountId) -> rusqlite::Result<()> {
    remove(connection, RecordOwner::Account, id)
}

/// Removes the records of a room.
pub(crate) fn remove_of_room(connection: &Connection, id: RoomId) -> rusqlite::Result<()> {
    remove(connection, RecordOwner::Room, id)
}

fn remove(connection: &Connection, of: RecordOwner, id: u32) -> rusqlite::Result<()> {
    let sql = "DELETE FROM records WHERE kind = ?1 AND owner = ?2";
    let mut remove = connection.prepare_cached(sql)?;
    for kind in RecordKind::ALL.into_iter().filter(|kind| kind.owner() == of) {
        remove.execute(params![kind as u8, id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_code_of_its_owner_and_its_order() {
        assert!(RecordKind::ALL.is_sorted());
        for code in 0..=u8::MAX {
            let kind = RecordKind::from_code(code);
            assert!(kind.is_none_or(|kind| kind as u8 == code));
        }
        assert_eq!(RecordKind::Conversation.owner(), RecordOwner::Account);
        assert_eq!(RecordKind::RoomSetting.owner(), RecordOwner::Room);
        assert_eq!(RecordKind::Invitation.owner(), RecordOwner::Server);
    }
}
