//! What all sessions share: users, rooms, members, accounts, markers, metadata.

pub mod certificates;
pub mod dormant;
pub mod history;
pub mod lookalikes;
pub mod markers;
pub mod membership;
pub mod metadata;
pub mod ownership;
pub mod presence;
pub mod renames;
pub mod room;
pub mod undo;
pub mod user;
