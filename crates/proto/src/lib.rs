//! Parlor's protocol: IRC with IRCv3 extensions, and six more verbs.
//!
//! Everything here is pure: no I/O, no clock, no randomness. No input causes a panic, or an
//! allocation of more than a small multiple of its size.
//!
//! The modules are in the order in which bytes pass through them: limits, framing lines, parsing
//! messages, interpreting their parts, and encoding.
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
pub mod node;
pub mod encode;

pub use capability::{Capabilities, Capability};
pub use encode::Line;
pub use fingerprint::Fingerprint;
pub use message::Message;
pub use tags::Tags;
