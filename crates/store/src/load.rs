//! Loading what the hub starts from, and verifying its checksums.
//!
//! The server does not start with a damaged account, room, list, member, record or certificate:
//! without it, somebody else could take a name, or enter where they were kept out. Damaged read
//! markers, metadata and days of silent accounts are left out.

use std::path::Path;
use std::sync::Arc;

use proto::scram::Keys;
use rusqlite::{Connection, Row};

use crate::batch::Marks;
use crate::departure::Departed;
use crate::row::Rows;
use crate::sum::{self, Checksummer, Table};
use crate::{
    Account, AccountId, Conversation, Damage, EventId, EventKind, Failure, ListEntry, Loaded,
    Member, RECENT_MESSAGES, RecentMessage, Record, RecordKind, Room, RoomId, Subject, Topic,
    about, open, schema,
};

/// A node's live state, and the sequence of the log that it goes up to.
type Live = (u64, Arc<[u8]>);

/// The live state in a data folder, if it is of a cluster's node; see [`Loaded::live`]. Changes nothing
/// there, so it shows whose folder it is before anything is done to it.
///
/// # Errors
/// When there is no database, or it is damaged or newer than this program.
pub fn live(folder: &Path) -> Result<Option<Live>, Failure> {
    let path = folder.join(open::DATABASE);
    let connection = open::source(&path)?;
    let found = match schema::version(&connection) {
        Ok(0) => Ok(None), // Left by a first start that was killed at once.
        Ok(_) => live_in(&connection),
        Err(error) => Err(error),
    };
    found.map_err(|error| open::damaged_or(&path, error))
}

fn live_in(connection: &Connection) -> rusqlite::Result<Option<Live>> {
    let Some(bytes) = about::get::<Vec<u8>>(connection, "live")? else { return Ok(None) };
    let (sequence, bytes) = bytes.split_first_chunk().expect("it begins with its sequence");
    Ok(Some((u64::from_le_bytes(*sequence), bytes.into())))
}

pub(crate) struct Loader<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) path: &'c Path,
    pub(crate) damage: &'c Damage,
}

impl Loader<'_> {
    pub(crate) fn load(&self, marks: &Marks, events: u64) -> Result<Loaded, Failure> {
        let told = |error| open::damaged_or(self.path, error);
        let instance = about::get(self.connection, "instance").map_err(told)?;
        let read_markers = self.all("read_markers", "ORDER BY account, conversation", |row| {
            Ok((row.get(0)?, Conversation::from_key(row.get(1)?), row.get(2)?))
        })?;
        Ok(Loaded {
            accounts: self.all("accounts", "ORDER BY id", account)?,
            rooms: self.rooms()?,
            members: self.all("members", "ORDER BY room, account", member)?,
            reads_from: self.all("reads_from", "ORDER BY room, account", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.cast_unsigned()))
            })?,
            metadata: self.all("metadata", "ORDER BY kind, subject, key", metadata)?,
            read_markers,
            certificates: self.all("certificates", "ORDER BY fingerprint", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?,
            unheard: self
                .all("unheard", "ORDER BY account", |row| Ok((row.get(0)?, row.get(1)?)))?,
            records: self.all("records", "ORDER BY kind, owner, key", record)?,
            pending: self.pending()?,
            recent_messages: self.recent_messages()?,
            events,
            last_event: marks.event,
            last_time: marks.time,
            last_resend: self.last_resend().map_err(told)?,
            last_account: marks.account,
            last_room: marks.room,
            instance: instance.ok_or_else(|| self.corrupt("its instance is missing".to_owned()))?,
            cloak_key: about::get(self.connection, "cloak_key").map_err(told)?,
            applied: about::get::<i64>(self.connection, "applied")
                .map_err(told)?
                .map_or(0, i64::cast_unsigned),
            live: live_in(self.connection).map_err(told)?,
        })
    }

    /// The pending messages and their senders.
    fn pending(&self) -> Result<Vec<(AccountId, EventId, AccountId)>, Failure> {
        let told = |error| open::damaged_or(self.path, error);
        let departed = Departed::read(self.connection, self.damage).map_err(told)?;
        let rows = Rows { connection: self.connection, damage: self.damage, departed: &departed };
        let pending: Vec<(AccountId, i64)> =
            self.all("pending", "ORDER BY account, event", |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut all = Vec::new();
        for (receiver, id) in pending {
            if let Some(event) = rows.by_id(id).map_err(told)?
                && event.kind != EventKind::Redacted
                && event.conversation.other(receiver).is_some()
            {
                all.push((receiver, event.id, if event.guest { 0 } else { event.account }));
            }
        }
        Ok(all)
    }

    /// The newest messages in rooms.
    fn recent_messages(&self) -> Result<Vec<RecentMessage>, Failure> {
        let told = |error| open::damaged_or(self.path, error);
        let departed = Departed::read(self.connection, self.damage).map_err(told)?;
        let rows = Rows { connection: self.connection, damage: self.damage, departed: &departed };
        rows.recent_messages(RECENT_MESSAGES).map_err(told)
    }

    /// The newest time of a resend id.
    fn last_resend(&self) -> rusqlite::Result<i64> {
        let newest = "SELECT account, id, event, time, sum FROM resends ORDER BY time DESC";
        let mut statement = self.connection.prepare(newest)?;
        let (mut rows, mut checksummer) = (statement.query([])?, Checksummer::default());
        while let Some(row) = rows.next()? {
            if sum::is_right("resends", row, &mut checksummer)? {
                return row.get(3);
            }
        }
        Ok(0)
    }

    /// All rows of a table. Damaged ones are left out, if the table can do without them.
    fn all<T>(
        &self,
        table: &str,
        order: &str,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Failure> {
        let table = Table::named(table);
        let told = |error| open::damaged_or(self.path, error);
        let mut statement = self.connection.prepare(&table.select(order)).map_err(told)?;
        let mut rows = statement.query([]).map_err(told)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(told)? {
            let sound = table.is_sound(row).map_err(told)?;
            let name = || format!("of {}, entry {} is damaged", table.of, table.name_of(row));
            match table.name {
                _ if sound => all.push(read(row).map_err(told)?),
                "read_markers" | "metadata" | "unheard" | "pending" => {
                    self.damage.note(table.name, &table.name_of(row), name());
                }
                _ => return Err(self.corrupt(name())),
            }
        }
        Ok(all)
    }

    fn rooms(&self) -> Result<Vec<Room>, Failure> {
        let mut rooms = self.all("rooms", "ORDER BY id", room)?;
        let lists = self.all("lists", "ORDER BY room, position", list_entry)?;
        for (of, entry) in lists {
            if let Ok(index) = rooms.binary_search_by_key(&of, |room| room.id) {
                rooms[index].lists.push(entry);
            }
        }
        Ok(rooms)
    }

    fn corrupt(&self, problem: String) -> Failure {
        Failure::Corrupt { path: self.path.to_owned(), problem }
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let keys = Keys {
        salt: row.get(2)?,
        iterations: row.get(3)?,
        stored_key: row.get(4)?,
        server_key: row.get(5)?,
    };
    Ok(Account { id: row.get(0)?, name: row.get(1)?, keys, created: row.get(6)? })
}

fn room(row: &Row<'_>) -> rusqlite::Result<Room> {
    let topic = match row.get(3)? {
        Some(text) => Some(Topic { text, by: row.get(4)?, time: row.get(5)? }),
        None => None,
    };
    Ok(Room {
        id: row.get(0)?,
        name: row.get(1)?,
        created: row.get(2)?,
        topic,
        modes: row.get(6)?,
        key: row.get(7)?,
        limit: row.get(8)?,
        lists: Vec::new(),
    })
}

fn list_entry(row: &Row<'_>) -> rusqlite::Result<(RoomId, ListEntry)> {
    let mode: String = row.get(2)?;
    let mode = mode.chars().next().unwrap_or_default();
    let entry = ListEntry { mode, mask: row.get(3)?, by: row.get(4)?, time: row.get(5)? };
    Ok((row.get(0)?, entry))
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        room: row.get(0)?,
        account: row.get(1)?,
        op: row.get(2)?,
        halfop: row.get(3)?,
        voice: row.get(4)?,
        joined: row.get::<_, i64>(5)?.cast_unsigned(),
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let code: u8 = row.get(0)?;
    let kind = RecordKind::from_code(code)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, code.into()))?;
    Ok(Record { kind, owner: row.get(1)?, key: row.get(2)?, value: row.get(3)? })
}

fn metadata(row: &Row<'_>) -> rusqlite::Result<(Subject, Box<str>, Box<str>)> {
    let sort: u8 = row.get(0)?;
    let of = Subject::from_key(sort, row.get(1)?)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, sort.into()))?;
    Ok((of, row.get(2)?, row.get(3)?))
}
