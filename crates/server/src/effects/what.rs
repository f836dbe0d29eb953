//! What the journal releases to the shards: the kinds of effects, and what they carry.

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

/// An effect and the outcome it waits for.
#[derive(Debug)]
pub struct ConditionalEffect {
    /// On which outcome it happens.
    pub condition: Condition,
    /// What happens.
    pub effect: Effect,
}

/// The outcome of a write that an effect depends on; the number is the write's index in
/// [`super::Effects::writes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It depends on nothing stored.
    #[default]
    Always,
    /// The write is on disk, and for the first time.
    Stored(u32),
    /// The write is on disk, now or from an earlier sending with the same resend id.
    Settled(u32),
    /// The write could not be stored.
    Failed(u32),
    /// The store refused the write, for this reason.
    Refused(u32, store::Refused),
}

/// What the journal releases to the shards.
#[derive(Debug)]
pub enum Effect {
    /// Finished lines for one session.
    Reply {
        /// The asker.
        to: SessionId,
        /// Where in [`super::Effects::text`].
        text: Range<u32>,
    },
    /// News for everybody in some rooms, each session once.
    Tell {
        /// The rooms.
        rooms: Rooms,
        /// Sessions that are left out: the author's, who does not want an echo.
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
        /// It is kept for the receiver until it is taken.
        kept: bool,
    },
    /// The last word on a message: it is stored, now or earlier.
    Confirm {
        /// The author's session.
        to: SessionId,
        /// In which words.
        form: Confirmation,
        /// Index in [`super::Effects::news`].
        news: u32,
        /// A tag to put on the line (`label=…` or `batch=…`).
        tag: Option<Box<str>>,
    },
    /// The last word on a command whose write failed.
    NotStored {
        /// The asker.
        to: SessionId,
        /// The command.
        verb: &'static str,
        /// A tag to put on the line (`label=…`).
        tag: Option<Box<str>>,
    },
    /// The last word on a command whose write the store refused.
    Refused {
        /// The asker.
        to: SessionId,
        /// The line, in [`super::Effects::text`].
        text: Range<u32>,
        /// A tag to put on the line (`label=…`).
        tag: Option<Box<str>>,
    },
    /// From here on the session gets what is told to the room.
    Enter {
        /// The session.
        session: SessionId,
        /// The room.
        room: RoomId,
    },
    /// From here on it does not.
    Leave {
        /// The session.
        session: SessionId,
        /// The room.
        room: RoomId,
    },
    /// From here on the session's lines are rendered for these capabilities.
    Capabilities {
        /// The session.
        session: SessionId,
        /// All that it has.
        capabilities: Capabilities,
    },
    /// The session has logged in: its login deadline is over.
    Ready {
        /// The session.
        session: SessionId,
    },
    /// The session cannot come in without an account: it has [`ACCOUNT_SECONDS`] to log in.
    MustLogIn {
        /// The session.
        session: SessionId,
    },
    /// A read of history; its answer takes this place among the session's lines.
    Read {
        /// The asker.
        session: SessionId,
        /// What to read and how to show it.
        request: Arc<Read>,
        /// A tag for the answer (`label=…` or `batch=…`).
        tag: Option<Box<str>>,
    },
    /// A password whose key is to be derived, or an answer to be held back; it comes back to the hub.
    Derive {
        /// The session that logs in.
        session: SessionId,
        /// What to derive.
        job: Arc<Derive>,
    },
    /// The session is not read while the hub has lines of it that wait for their turn.
    Hold {
        /// The session.
        session: SessionId,
        /// Whether that begins; otherwise it is over.
        held: bool,
    },
    /// The session ends after its last lines.
    Close {
        /// The session.
        session: SessionId,
    },
    /// The config file is to be read again; what came of it comes back to the hub.
    Reload {
        /// Who asks.
        by: SessionId,
    },
    /// What came of seeing whether the store can be written.
    Probed {
        /// Who asked; its shard is told, even if it is gone.
        to: SessionId,
        /// Whether it can.
        ok: bool,
    },
    /// A line for the operator's terminal.
    Log(LogRecord),
    /// Something for the metrics.
    Count(Count),
}

/// The rooms that news are for.
#[derive(Debug)]
pub enum Rooms {
    /// One room.
    One(RoomId),
    /// Several; who is in more than one of them is told once.
    Several(Box<[RoomId]>),
}

/// Something to tell: a stored event, or a passing notice. Rendered by [`crate::render`].
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
    /// Client-only tags, raw.
    pub tags: Box<str>,
    /// Only sessions with all of these are told.
    pub needs: Capabilities,
    /// Only sessions with none of these are told.
    pub lacks: Capabilities,
    /// The line without its tags, in [`super::Effects::text`].
    pub body: Range<u32>,
    /// The line for those with `extended-join`, if theirs is another one.
    pub extended: Option<Range<u32>>,
    /// Where the body's lines are, if it is a message of several.
    pub lines: Option<Box<Lines>>,
}

/// In which words a message is confirmed to its author.
#[derive(Debug)]
pub enum Confirmation {
    /// The message itself, as `echo-message` has it.
    Echo,
    /// `NOTE BM SENT`.
    Broadcast,
    /// `NOTE PM SENT` or `NOTE PM STORED`.
    Private {
        /// To whom.
        to: Arc<str>,
        /// Whether they are online.
        online: bool,
    },
}

/// A password whose key is to be derived.
pub struct Derive {
    /// The password; it lives no longer than this.
    pub password: Box<str>,
    /// What to do with it.
    pub task: Task,
    /// Milliseconds to hold the answer back: failed logins are slowed.
    pub hold_millis: u64,
    /// At which address: those have their turns one after another.
    pub address: AddressKey,
    /// By somebody who has logged in from there before.
    pub known: bool,
}

/// What to do with a password.
#[derive(Clone, Debug)]
pub enum Task {
    /// Compare it with an account's keys.
    Compare {
        /// The account's keys.
        keys: proto::scram::Keys,
        /// Of the key derivation, if these must be made anew.
        iterations: u32,
        /// The account's app passwords, by name: they are as good.
        others: Vec<(Box<str>, proto::scram::Keys)>,
    },
    /// Make keys for a new password of an account.
    Change {
        /// The old password and the keys that it must have, if it must be given.
        old: Option<(Secret, proto::scram::Keys)>,
        /// The salt to keep, because app passwords have it, too.
        salt: Option<[u8; 16]>,
        /// Of the key derivation.
        iterations: u32,
    },
    /// Draw new secrets.
    Draw {
        /// How many.
        count: usize,
        /// Of how many characters each.
        chars: usize,
        /// The salt and the iterations of keys for the first one, if it is a password.
        keys: Option<([u8; 16], u32)>,
    },
    /// Make keys for a new account.
    Make {
        /// Of the key derivation.
        iterations: u32,
    },
    /// Nothing: only the answer is held back.
    Wait,
}

impl std::fmt::Debug for Derive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derive").field("hold_millis", &self.hold_millis).finish_non_exhaustive()
    }
}

/// What the operator's terminal is told.
#[derive(Debug, PartialEq, Eq)]
pub enum LogRecord {
    /// A session logged in.
    Came {
        /// The user.
        user: Arc<str>,
        /// From where.
        address: std::net::IpAddr,
        /// Whether the name was registered just now.
        new: bool,
    },
    /// A login failed.
    LoginFailed {
        /// The name that was tried.
        user: String,
        /// From where.
        address: std::net::IpAddr,
        /// Why.
        reason: &'static str,
    },
    /// A session was refused at the door.
    Refused {
        /// From where.
        address: std::net::IpAddr,
        /// Why.
        reason: &'static str,
    },
    /// Further sessions were refused at the door.
    RefusedMore {
        /// How many.
        count: u64,
    },
    /// A session ended.
    Left {
        /// The user; none if it never logged in.
        user: Option<Arc<str>>,
        /// From where.
        address: std::net::IpAddr,
        /// Why.
        reason: String,
    },
    /// The wall clock was set.
    ClockSet {
        /// By how many milliseconds; below 0 if it was put back.
        by: i64,
        /// What it shows now (milliseconds since the epoch).
        to: i64,
    },
    /// The reserve of the disk is touched, or whole again.
    Reserve {
        /// Whether it is touched.
        touched: bool,
        /// Free bytes.
        free: u64,
    },
    /// Accounts were removed that had never said anything and were not here for too long.
    Expired {
        /// How many.
        count: usize,
    },
    /// Somebody took operator's rights, or failed to.
    Operator {
        /// The user.
        user: Arc<str>,
        /// Whether the password was right.
        granted: bool,
    },
}

impl News {
    /// Whether a session with these capabilities is told.
    pub fn is_for(&self, capabilities: Capabilities) -> bool {
        capabilities.has_all(self.needs) && capabilities.has_none(self.lacks)
    }

    /// Where in [`super::Effects::text`] the line is that a session with these capabilities gets.
    pub fn body_for(&self, capabilities: Capabilities) -> Range<usize> {
        let extended = self.extended.as_ref();
        let extended = extended.filter(|_| capabilities.contains(Capability::ExtendedJoin));
        let body = extended.unwrap_or(&self.body);
        body.start as usize..body.end as usize
    }
}

impl Effect {
    /// Whether this is an answer to the command of `session`.
    pub(super) fn answers(&self, session: SessionId) -> bool {
        match self {
            Effect::Reply { to, .. } | Effect::Confirm { to, .. } => *to == session,
            // What was kept for who was offline is delivered, whatever was asked.
            Effect::Read { session: to, request, .. } => {
                *to == session && !matches!(request.what, ReadKind::Pending { .. })
            }
            _ => false,
        }
    }
}
