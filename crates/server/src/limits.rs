//! Every bound of the server: what one line, list, queue or wait may be at most.
//!
//! The bounds of the wire itself (a line, a name, a password) are `proto::limits`, because the
//! client keeps them too; they are re-exported here, so that the code names all limits alike.
//! [`Limits`] are those that the config file may change.

mod accounts;
mod cluster;
mod connections;
mod delivery;
mod history;
mod memory;
mod rooms;
mod server;
mod storage;
mod work;

pub use accounts::*;
pub use cluster::*;
pub use connections::*;
pub use delivery::*;
pub use history::*;
pub use proto::limits::*;
pub use rooms::*;
pub use server::*;
pub use storage::*;
pub use work::*;

use serde::Deserialize;

/// `[limits]` of the config file. 0 means no limit, except where noted.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once, in all.
    pub connections: usize,
    /// Connections at once from one address (IPv6: one /64).
    pub connections_per_address: usize,
    /// New connections a minute from one address (IPv6: one /64).
    pub connects_per_minute: u32,
    /// Seconds in which a connection must have logged in.
    pub login_seconds: u32,
    /// Lines a second that one connection may send on average; more wait their turn in the socket.
    pub commands_per_second: u32,
    /// Lines that one connection may send at once before the average counts.
    pub command_burst: u32,
    /// Bytes that may wait for one slow reader before it is disconnected.
    pub outbox_bytes: usize,
    /// Bytes that may wait for all readers together; none: a part of the machine's memory
    /// ([`MACHINE_PART`]), and [`MEMORY_MOST`] at most.
    pub memory: Option<usize>,
    /// Connections at once of one account.
    pub sessions_per_account: usize,
    /// Milliseconds of the server's work a second that one account may take in the long run; all
    /// people of one address may take [`WORK_ADDRESS_SHARE`] times as much.
    pub work_millis: u32,
    /// Bytes that one account may have stored in an hour; guests of one address together as many.
    pub stored_bytes_per_hour: u64,
    /// Free bytes that the disk keeps for operators and for taking messages back, as far as
    /// [`reserve_percent`](Self::reserve_percent) does not make it less; 0: none.
    pub reserve_bytes: u64,
    /// The same in hundredths of the disk; 0: none.
    pub reserve_percent: u8,
    /// Rooms that one user may be in, the lobby not counted.
    pub rooms_per_user: usize,
    /// Members online from which on a room does not tell everybody of those who come, but of each
    /// with their first word.
    pub large_room: usize,
    /// Messages in one page of history; at most [`HISTORY_PAGE_MOST`], also where 0.
    pub history_page: usize,
    /// Messages of a room shown after its `JOIN` to a client that cannot ask for its history; 0:
    /// none.
    pub replay: usize,
    /// Seconds of silence after which a connection is asked for a sign of life; as many again and
    /// it is closed.
    pub ping_seconds: u32,
    /// Failed logins from one address, or to one name, before each further one waits; three times as
    /// many close the door to the address's strangers for [`LOCKOUT_SECONDS`].
    pub failed_logins: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 16_000,
            connections_per_address: 200,
            connects_per_minute: 300,
            login_seconds: 120,
            commands_per_second: 10,
            command_burst: 60,
            outbox_bytes: 4 * 1024 * 1024,
            memory: None,
            sessions_per_account: 20,
            work_millis: 50,
            stored_bytes_per_hour: 20_000_000,
            reserve_bytes: 256 * 1024 * 1024,
            reserve_percent: 5,
            rooms_per_user: 100,
            large_room: 200,
            history_page: 100,
            replay: 20,
            ping_seconds: 90,
            failed_logins: 5,
        }
    }
}

impl Limits {
    /// Messages in one page of history, 1 to [`HISTORY_PAGE_MOST`].
    pub fn page(&self) -> usize {
        if self.history_page == 0 {
            HISTORY_PAGE_MOST
        } else {
            self.history_page.min(HISTORY_PAGE_MOST)
        }
    }

    /// Bytes of one answer of `LIST` or `WHO`: it fits the outbox whatever its size, so nobody is
    /// disconnected for asking.
    pub fn answer(&self) -> usize {
        match self.outbox_bytes {
            0 => ANSWER_BYTES,
            bytes => ANSWER_BYTES.min(bytes / 2),
        }
    }

    /// Free bytes that are kept back on a disk of `total` bytes.
    pub fn reserve(&self, total: u64) -> u64 {
        let part = u128::from(total) * u128::from(self.reserve_percent) / 100;
        self.reserve_bytes.min(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// Bytes that may wait for all readers together.
    pub fn memory(&self) -> usize {
        match self.memory {
            None => memory::default_bytes(),
            Some(0) => usize::MAX,
            Some(bytes) => bytes,
        }
    }

    /// Bytes of one page of history.
    pub fn page_bytes(&self) -> usize {
        match self.outbox_bytes / HISTORY_PAGE_PART {
            0 => HISTORY_PAGE_BYTES,
            part => part.min(HISTORY_PAGE_BYTES),
        }
    }
}
