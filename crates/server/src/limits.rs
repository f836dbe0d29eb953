//! The server's limits, one file per topic.
//!
//! Limits of the protocol itself (lines, names, passwords) are in `proto::limits`, because the
//! client uses them, too; they are re-exported here, so that the code finds all limits in one
//! place. [`Limits`] are those that the config file may change.

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

/// `[limits]` of the config file. 0 means unlimited, except where noted.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Concurrent connections in total.
    pub connections: usize,
    /// Concurrent connections per address (IPv6: per /64).
    pub connections_per_address: usize,
    /// New connections per minute and address (IPv6: per /64).
    pub connects_per_minute: u32,
    /// Seconds within which a connection must log in.
    pub login_seconds: u32,
    /// Lines per second that a connection may send on average; further ones wait in the socket.
    pub commands_per_second: u32,
    /// Lines that a connection may send at once before the average applies.
    pub command_burst: u32,
    /// Bytes queued for a slow reader before it is disconnected.
    pub outbox_bytes: usize,
    /// Bytes queued for all readers together; none: a part of the machine's memory
    /// ([`MACHINE_PART`]), at most [`MEMORY_MOST`].
    pub memory: Option<usize>,
    /// Concurrent connections per account.
    pub sessions_per_account: usize,
    /// Milliseconds of server time per second for one account in the long run; an address may use
    /// [`WORK_ADDRESS_SHARE`] times as much.
    pub work_millis: u32,
    /// Bytes that one account may store per hour; all guests of an address share one such quota.
    pub stored_bytes_per_hour: u64,
    /// Free bytes on the disk reserved for operators and for redactions: the smaller of this and
    /// [`reserve_percent`](Self::reserve_percent); 0: none.
    pub reserve_bytes: u64,
    /// The same in percent of the disk; 0: none.
    pub reserve_percent: u8,
    /// Rooms per user, not counting the lobby.
    pub rooms_per_user: usize,
    /// Members online from which on a room announces a new member only with their first message.
    pub large_room: usize,
    /// Messages per page of history; at most [`HISTORY_PAGE_MOST`], also where 0.
    pub history_page: usize,
    /// Messages shown after a `JOIN` to clients that cannot request history; 0: none.
    pub replay: usize,
    /// Seconds of silence after which a connection is pinged; after as many again it is closed.
    pub ping_seconds: u32,
    /// Failed logins per address, or per name, before further ones are delayed; after three times
    /// as many, unknown networks are locked out for [`LOCKOUT_SECONDS`].
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
    /// Messages per page of history, 1 to [`HISTORY_PAGE_MOST`].
    pub fn page(&self) -> usize {
        if self.history_page == 0 {
            HISTORY_PAGE_MOST
        } else {
            self.history_page.min(HISTORY_PAGE_MOST)
        }
    }

    /// Bytes of one answer to `LIST` or `WHO`: small enough for the outbox, so that nobody is
    /// disconnected for asking.
    pub fn answer(&self) -> usize {
        match self.outbox_bytes {
            0 => ANSWER_BYTES,
            bytes => ANSWER_BYTES.min(bytes / 2),
        }
    }

    /// Free bytes reserved on a disk of `total` bytes.
    pub fn reserve(&self, total: u64) -> u64 {
        let part = u128::from(total) * u128::from(self.reserve_percent) / 100;
        self.reserve_bytes.min(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// Bytes queued for all readers together.
    pub fn memory(&self) -> usize {
        match self.memory {
            None => memory::default_bytes(),
            Some(0) => usize::MAX,
            Some(bytes) => bytes,
        }
    }

    /// Bytes per page of history.
    pub fn page_bytes(&self) -> usize {
        match self.outbox_bytes / HISTORY_PAGE_PART {
            0 => HISTORY_PAGE_BYTES,
            part => part.min(HISTORY_PAGE_BYTES),
        }
    }
}
