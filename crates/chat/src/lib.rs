//! What a chat client knows: rooms, people, timelines, unread counts, what is on its way. All user interfaces
//! are built on it: the full screen, the plain prompts, scripts, and, with the same rules in JavaScript, the web page.
//!
//! Everything here is pure: lines, times and a person's intents in; lines and changes out. The modules are in the
//! order of a message's way: what a person wants, how it is sent, what comes back, and where it is kept.
#![forbid(unsafe_code)]

pub mod limits;
pub mod intent;
pub mod query;
pub mod outgoing;
mod send;
mod fetch;
pub mod chat;
pub mod server;
pub mod receive;
pub mod change;
pub mod conversation;
pub mod entry;
pub mod people;
pub mod timeline;

pub use change::Change;
pub use chat::Chat;
pub use intent::Intent;
pub use send::SendError;

/// The capabilities that the core makes use of. All of them may be missing.
pub const WANTED: &[&str] = &[
    "account-tag",
    "away-notify",
    "batch",
    "cap-notify",
    "draft/channel-rename",
    "draft/chathistory",
    "draft/event-playback",
    "draft/message-redaction",
    "draft/metadata-2",
    "draft/multiline",
    "draft/read-marker",
    "draft/search",
    "echo-message",
    "invite-notify",
    "labeled-response",
    "message-tags",
    "multi-prefix",
    "parlor/nodes",
    "parlor/unread",
    "server-time",
    "soju.im/search",
    "standard-replies",
];
