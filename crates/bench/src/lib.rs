//! Measures chat servers: their CPU time per delivery, latency and memory, beside a floor and beside peers.
//!
//! One thread drives all the clients. It has one core and the server has another, so that a figure is the
//! server's own. In reading order:

pub mod failure;
pub mod poller;
pub mod dialect;
pub mod transport;
pub mod tls;
pub mod websocket;
pub mod layers;
pub mod driver;
pub mod proc;
mod cluster;
pub mod server;
pub mod floor;
pub mod bare;
pub mod crowd;
pub mod traffic;
pub mod fanout;
pub mod stalled;
pub mod durable;
pub mod catch_up;
pub mod idle;
pub mod handshakes;
pub mod join;
pub mod history;
pub mod filled;
pub mod search;
pub mod unread;
pub mod screen;
pub mod attack;
pub mod report;
