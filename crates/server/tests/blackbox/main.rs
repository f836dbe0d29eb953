//! The server as its users see it: the real program as a process, and bytes over sockets.

mod support;
mod transcripts;
mod bad_input;
mod capabilities;
mod command_line;
mod crash;
mod disk_full;
mod guessing;
mod health;
mod large_room;
mod latency;
mod limits;
mod long_answers;
mod long_lines;
mod metadata;
mod metrics;
mod multi_device;
mod multiline;
mod order;
mod private;
mod rehash;
mod restart;
mod sasl;
mod tls;
