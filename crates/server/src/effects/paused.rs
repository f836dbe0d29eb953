//! Commands that take more than one turn: what is needed to go on.

use std::sync::Arc;
use store::AccountId;

/// Where a command goes on in its next turn; what was there may be gone by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cursor {
    /// At its beginning.
    #[default]
    Start,
    /// At this one of its targets.
    Target(usize),
    /// Behind the room of this folded name.
    Room(Box<str>),
    /// Behind this user.
    User(AccountId),
    /// At this one of its targets, behind this user.
    Member(usize, AccountId),
}

/// The label of a command that goes on in another turn.
#[derive(Debug)]
pub struct OpenLabel {
    /// The label.
    pub value: Arc<str>,
    /// The batch that bears it and is still open.
    pub reference: Option<Box<str>>,
}
