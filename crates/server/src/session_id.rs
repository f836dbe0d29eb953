//! A session's identity across threads. A session is one connection.

use serde::{Deserialize, Serialize};

/// Identifies a connection, unique within the lifetime of the process, and among all nodes at one
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct SessionId {
    /// Its node; 0 without a cluster.
    pub node: u16,
    /// The shard that owns the connection.
    pub shard: u8,
    /// Its index in that shard's table.
    pub slot: u32,
    /// Distinguishes it from earlier connections with the same index.
    pub generation: u32,
}

impl SessionId {
    /// No session: for what no session has asked for.
    pub const NOBODY: SessionId = SessionId { node: 0, shard: 0, slot: u32::MAX, generation: 0 };
}
