//! The server as its users see it: the real program as a process, and bytes over sockets.

mod support;
mod transcripts;
mod accounts;
mod backup;
mod bad_input;
mod budgets;
mod capabilities;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
#[path = "../../src/cluster/nats_server.rs"]
mod nats_server;
#[cfg(not(feature = "cluster"))]
mod no_cluster;
mod command_line;
mod crash;
mod damage;
mod delivery;
mod disk_full;
mod failing_disk;
mod guessing;
mod retention;
mod health;
mod http;
mod large_room;
mod latency;
mod limits;
mod log;
mod long_answers;
mod long_lines;
mod lost_files;
mod metadata;
mod metrics;
mod multi_device;
mod multiline;
mod operators;
mod order;
mod private;
mod proxies;
mod rehash;
mod restart;
mod rooms;
mod sasl;
mod search;
mod since_join;
mod systemd;
mod tls;
mod unread;
mod websocket;
