//! Who sent a command, as all nodes know it.

use crate::session_id::SessionId;
use crate::state::user::UserId;
use proto::Capabilities;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who sent a command: all of it that may matter when the command is applied.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Requester {
    /// The session.
    pub session: SessionId,
    /// Its user, once it has registered.
    pub user: Option<UserId>,
    /// The nick given so far, before that.
    pub nick: Option<Arc<str>>,
    /// The negotiated capabilities.
    pub capabilities: Capabilities,
    /// It connected through the admin socket, and has an admin's rights without being a user.
    pub console: bool,
    /// It is a connection from this machine.
    pub local: bool,
    /// The command's label, if any: then the session's own copies of news are replies.
    pub label: Option<Arc<str>>,
    /// What its node has checked beforehand.
    pub allowance: Allowance,
}

impl Requester {
    /// A user without a session, or nobody.
    pub fn of(user: Option<UserId>) -> Requester {
        Requester {
            session: SessionId::NOBODY,
            user,
            nick: None,
            capabilities: Capabilities::default(),
            console: false,
            local: false,
            label: None,
            allowance: Allowance::default(),
        }
    }
}

/// What the requester's node allows: it alone knows their budgets and its disk. Checked before a
/// command becomes an entry, so that applying it gives the same result everywhere.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Allowance {
    /// Why nothing more of theirs may be stored, if so.
    pub not_stored: Option<NotStored>,
    /// Receivers to whom they have sent more than their share, with the seconds to wait.
    pub over_share: Vec<(UserId, u64)>,
}

/// Why nothing more of a requester's may be stored.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum NotStored {
    /// The disk's reserve is in use.
    Reserve,
    /// They have stored too much in an hour; the seconds to wait.
    Budget(u64),
}
