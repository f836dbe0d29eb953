//! Parlor's server. In reading order, which is the order of a message's way through it: it is
//! accepted and read by a shard, understood and applied by the hub, stored by the journal, and only
//! then fanned out, rendered and written by the shards. See `ARCHITECTURE.md`.

pub mod files;
pub mod config;
pub mod networks;
pub mod browser;
pub mod work;
pub mod limits;
pub mod text;
pub mod clock;
pub mod log;
pub mod metrics;

pub mod shard;
pub mod transport;
pub mod inbox;
pub mod wake;
pub mod pulse;
pub mod queue;

pub mod cluster;
pub mod hub;
pub mod command;
pub mod session;
pub mod session_id;
pub mod state;
pub mod cloak;
pub mod secret;
pub mod effects;

pub mod priority;
pub mod password;
pub mod journal;
pub mod damage;
pub mod indexing;
pub mod reader;

pub mod render;

pub mod args;
pub mod listen;
pub mod systemd;
pub mod run;
