//! Parlor's wire language: IRC with the IRCv3 extensions, and five verbs more.
//!
//! Everything here is pure: no I/O, no clock, no randomness. Whatever the input, nothing panics, and no
//! allocation is larger than a small multiple of the input.
//!
//! The modules stand in the order in which bytes meet them: limits, a line cut out of a buffer, the message
//! it holds, what stands in the message, and the way back to bytes.
#![forbid(unsafe_code)]

pub mod limits;
pub mod line;
pub mod message;
pub mod tags;
pub mod name;
pub mod mask;
pub mod capability;
pub mod numeric;
pub mod time;
pub mod duration;
pub mod sasl;
pub mod saslprep;
pub mod scram;
pub mod fingerprint;
pub mod encode;

pub use capability::{Capabilities, Capability};
pub use encode::Line;
pub use fingerprint::Fingerprint;
pub use message::Message;
pub use tags::Tags;
