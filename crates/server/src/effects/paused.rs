//! The state of commands that take more than one turn.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::AccountId;

/// Where a command continues in its next turn; it may no longer exist by then.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub enum Cursor {
    /// At its beginning.
    #[default]
    Start,
    /// This target in its list.
    Target(usize),
    /// After the room with this folded name.
    Room(Box<str>),
    /// After this user.
    User(AccountId),
    /// This target in its list, after this user.
    Member(usize, AccountId),
}

/// The label of a command that continues in another turn.
#[derive(Debug)]
pub struct OpenLabel {
    /// The label.
    pub value: Arc<str>,
    /// The batch with the label, which is still open.
    pub reference: Option<Box<str>>,
}
