//! A session is one connection: its identity across the threads.

use serde::{Deserialize, Serialize};

/// Names one connection for as long as the process lives: no two ever have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct SessionId {
    /// The shard that owns the connection.
    pub shard: u8,
    /// Its place in that shard's table.
    pub slot: u32,
    /// Tells it from earlier connections in the same place.
    pub generation: u32,
}

impl SessionId {
    /// No session: for what nobody asked for.
    pub const NOBODY: SessionId = SessionId { shard: 0, slot: u32::MAX, generation: 0 };
}
