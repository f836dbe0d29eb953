//! Effects: what the journal releases to the shards.

use super::{Lines, Read, ReadKind};
#[cfg(doc)]
use crate::limits::ACCOUNT_SECONDS;
use crate::metrics::Count;
use crate::networks::AddressKey;
use crate::secret::Secret;
use crate::session_id::SessionId;
use proto::{Capabilities, Capability};
use std::ops::Range;
use std::sync::Arc;
use store::{EventId, RoomId};

/// An effect and its condition.
#[derive(Debug)]
pub struct ConditionalEffect {
    /// The outcome it depends on.
    pub condition: Condition,
    /// The effect.
    pub effect: Effect,
}

/// The outcome of a write on which an effect depends. The number is the write's index in
/// [`super::Effects::writes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// None.
    #[default]
    Always,
    /// The write was stored, and was not a duplicate.
    Stored(u32),
    /// The write was stored, now or earlier with the same resend id.
    Settled(u32),
    /// The write could not be stored.
    Failed(u32),
    /// The store refused the write, for this reason.
    Refused(u32, store::Refused),
}

/// Something for the shards to do.
#[derive(Debug)]
pub enum Effect {
    /// Complete lines for one session.
    Reply {
        /// The requester.
        to: SessionId,
        /// Their range in [`super::Effects::text`].
        text: Range<u32>,
    },
    /// News for everybody in some rooms, once per session.
    Tell {
        /// The rooms.
        rooms: Rooms,
        /// Sessions to skip: the author's, unless it wants an echo.
        except: Vec<SessionId>,
        /// Index in [`super::Effects::news`].
        news: u32,
    },
    /// News for one session.
    TellOne {
        /// The receiver.
        to: SessionId,
        /// Index in [`super::Effects::news`].
        news: u32,
        /// It is pending until the receiver acknowledges it.
        pending: bool,
    },
    /// The final answer to a message: it is stored, now or earlier.
    Confirm {
        /// The author's session.
        to: SessionId,
        /// The form of the answer.
        form: Confirmation,
        /// Index in [`super::Effects::news`].
        news: u32,
        /// A tag for the line (`label=…` or `batch=…`).
        tag: Option<Box<str>>,
    },
    /// The final answer to a command whose write failed.
    NotStored {
        /// The requester.
        to: SessionId,
        /// The command.
        verb: &'static str,
        /// A tag for the line (`label=…`).
        tag: Option<Box<str>>,
    },
    /// The final answer to a command whose write the store refused.
    Refused {
        /// The requester.
        to: SessionId,
        /// The range of the line in [`super::Effects::text`].
        text: Range<u32>,
        /// A tag for the line (`label=…`).
        tag: Option<Box<str>>,
    },
    /// The session joins the audience of a room.
    Enter {
        /// The session.
        session: SessionId,
        /// The room.
        room: RoomId,
    },
    /// The session leaves the audience of a room.
    Leave {
        /// The session.
        session: SessionId,
        /// The room.
        room: RoomId,
    },
    /// The session's lines are rendered for other capabilities from now on.
    Capabilities {
        /// The session.
        session: SessionId,
        /// All its capabilities.
        capabilities: Capabilities,
    },
    /// The session has logged in, which ends its login deadline.
    Ready {
        /// The session.
        session: SessionId,
    },
    /// The session must log in to an account, within [`ACCOUNT_SECONDS`].
    MustLogIn {
        /// The session.
        session: SessionId,
    },
    /// The session must set a new password, within [`NEW_PASSWORD_SECONDS`](crate::limits::NEW_PASSWORD_SECONDS).
    MustSetPassword {
        /// The session.
        session: SessionId,
    },
    /// A read of history, whose answer takes this place among the session's lines.
    Read {
        /// The requester.
        session: SessionId,
        /// What to read, and how to show it.
        request: Arc<Read>,
        /// A tag for the answer (`label=…` or `batch=…`).
        tag: Option<Box<str>>,
    },
    /// A key to derive, or an answer to delay; the result returns to the hub.
    Derive {
        /// The session that logs in.
        session: SessionId,
        /// What to derive.
        job: Arc<Derive>,
    },
    /// The session is not read while lines of it wait in the hub for their turn.
    Hold {
        /// The session.
        session: SessionId,
        /// Whether this begins or ends.
        held: bool,
    },
    /// The session is closed after its last lines.
    Close {
        /// The session.
        session: SessionId,
    },
    /// The config file is to be reloaded; the result returns to the hub.
    Reload {
        /// Who asks.
        by: SessionId,
    },
    /// The result of a health check's write.
    Probed {
        /// The session that asked; its shard is told even if it is gone.
        to: SessionId,
        /// Whether it was stored.
        ok: bool,
    },
    /// A record for the log.
    Log(LogRecord),
    /// An occurrence for the metrics.
    Count(Count),
}

/// The rooms that news is for.
#[derive(Debug)]
pub enum Rooms {
    /// One room.
    One(RoomId),
    /// Several; sessions in more than one of them are told once.
    Several(Box<[RoomId]>),
}

/// A stored event or a transient notice. Rendered by [`crate::render`].
#[derive(Debug, Default)]
pub struct News {
    /// The event's id; 0 if it is not stored.
    pub id: EventId,
    /// Milliseconds since the epoch.
    pub time: i64,
    /// The author's account, if any.
    pub account: Option<Arc<str>>,
    /// Whether the author is a bot.
    pub bot: bool,
    /// Raw client-only tags.
    pub tags: Box<str>,
    /// Only sessions with all of these receive it.
    pub needs: Capabilities,
    /// Only sessions with none of these receive it.
    pub lacks: Capabilities,
    /// The range of the line, without tags, in [`super::Effects::text`].
    pub body: Range<u32>,
    /// The line for sessions with `extended-join`, if different.
    pub extended: Option<Range<u32>>,
    /// Where the lines are in the body of a multi-line message.
    pub lines: Option<Box<Lines>>,
}

/// The form in which a message is confirmed to its author.
#[derive(Debug)]
pub enum Confirmation {
    /// The message itself (`echo-message`).
    Echo,
    /// `NOTE BM SENT`.
    Broadcast,
    /// `NOTE PM SENT` or `NOTE PM STORED`.
    Private {
        /// The receiver.
        to: Arc<str>,
        /// Whether the receiver is online.
        online: bool,
    },
}

/// A task for the threads that derive keys.
pub struct Derive {
    /// The password, which is dropped with this.
    pub password: Box<str>,
    /// The task.
    pub task: Task,
    /// Milliseconds by which to delay the answer: failed logins are slowed down.
    pub hold_millis: u64,
    /// The address, each of which has its turn.
    pub address: AddressKey,
    /// Whether somebody has logged in from this address before.
    pub known: bool,
}

/// What to do with a password.
#[derive(Clone, Debug)]
pub enum Task {
    /// Compare it with an account's keys.
    Compare {
        /// The account's keys.
        keys: proto::scram::Keys,
        /// Iterations of the key derivation, if the keys are to be renewed.
        iterations: u32,
        /// The account's app passwords by name, which are accepted, too.
        others: Vec<(Box<str>, proto::scram::Keys)>,
    },
    /// Make keys for a new password of an account.
    Change {
        /// The old password and the keys it must match, if it must be given.
        old: Option<(Secret, proto::scram::Keys)>,
        /// The salt to keep, because app passwords share it.
        salt: Option<[u8; 16]>,
        /// Iterations of the key derivation.
        iterations: u32,
    },
    /// Generate secrets.
    Draw {
        /// How many.
        count: usize,
        /// The length of each, in characters.
        chars: usize,
        /// Salt and iterations of keys for the first one, if it is a password.
        keys: Option<([u8; 16], u32)>,
    },
    /// Make keys for a new account.
    Make {
        /// Iterations of the key derivation.
        iterations: u32,
    },
    /// Nothing: only the answer is delayed.
    Wait,
}

impl std::fmt::Debug for Derive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derive").field("hold_millis", &self.hold_millis).finish_non_exhaustive()
    }
}

/// A record for the operator's log.
#[derive(Debug, PartialEq, Eq)]
pub enum LogRecord {
    /// A session logged in.
    LoggedIn {
        /// The user.
        user: Arc<str>,
        /// The address.
        address: std::net::IpAddr,
        /// Whether the name was registered by this login.
        new: bool,
    },
    /// A login failed.
    LoginFailed {
        /// The name that was tried.
        user: String,
        /// The address.
        address: std::net::IpAddr,
        /// The reason.
        reason: &'static str,
    },
    /// A session was refused on connecting.
    Refused {
        /// The address.
        address: std::net::IpAddr,
        /// The reason.
        reason: &'static str,
    },
    /// Further sessions were refused on connecting.
    RefusedMore {
        /// How many.
        count: u64,
    },
    /// A session ended.
    Disconnected {
        /// The user; none if it never logged in.
        user: Option<Arc<str>>,
        /// The address.
        address: std::net::IpAddr,
        /// The reason.
        reason: String,
    },
    /// The wall clock was set.
    ClockSet {
        /// By how many milliseconds; negative if it was set back.
        by: i64,
        /// The new time (milliseconds since the epoch).
        to: i64,
    },
    /// The disk's reserve is in use, or no longer.
    Reserve {
        /// Whether it is in use.
        in_use: bool,
        /// Free bytes.
        free: u64,
    },
    /// Accounts that never said anything have expired.
    Expired {
        /// How many.
        count: usize,
    },
    /// Somebody became an operator, or failed to.
    Operator {
        /// The user.
        user: Arc<str>,
        /// Whether the password was correct.
        granted: bool,
    },
}

impl News {
    /// Whether a session with these capabilities receives it.
    pub fn is_for(&self, capabilities: Capabilities) -> bool {
        capabilities.has_all(self.needs) && capabilities.has_none(self.lacks)
    }

    /// The range in [`super::Effects::text`] of the line for a session with these capabilities.
    pub fn body_for(&self, capabilities: Capabilities) -> Range<usize> {
        let extended = self.extended.as_ref();
        let extended = extended.filter(|_| capabilities.contains(Capability::ExtendedJoin));
        let body = extended.unwrap_or(&self.body);
        body.start as usize..body.end as usize
    }
}

impl Effect {
    /// Whether this is a reply to the command of `session`.
    pub(super) fn answers(&self, session: SessionId) -> bool {
        match self {
            Effect::Reply { to, .. } | Effect::Confirm { to, .. } => *to == session,
            // Pending messages are delivered whatever the command.
            Effect::Read { session: to, request, .. } => {
                *to == session && !matches!(request.what, ReadKind::Pending { .. })
            }
            _ => false,
        }
    }
}
