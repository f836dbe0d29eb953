//! What the journal releases to the shards: the kinds of effects, and what they carry.

#[cfg(doc)]
use crate::limits::ACCOUNT_SECONDS;
use crate::limits::{EXPORT_EVENTS, HISTORY_PAGE_MOST, UNKNOWN_CONVERSATIONS};
use crate::metrics::Count;
use crate::networks::AddressKey;
use crate::render::lines::Lines;
use crate::secret::Secret;
use crate::session_id::SessionId;
use crate::state::silence::Silence;
use proto::{Capabilities, Capability};
use std::ops::Range;
use std::sync::Arc;
use store::{AccountId, Conversation, EventId, RoomId};

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

/// A read of history.
#[derive(Debug)]
pub struct Read {
    /// What to read.
    pub what: ReadKind,
    /// The capabilities of the asker.
    pub capabilities: Capabilities,
    /// At most so many bytes; what is more is left out.
    pub bytes: usize,
    /// Names for the conversations that may come up.
    pub rooms: Vec<(RoomId, Arc<str>)>,
    /// The events behind which the asker may read these rooms; the others from the beginning.
    pub since: Vec<(RoomId, EventId)>,
    /// Whose private messages the asker is not shown.
    pub ignored: Box<[Silence]>,
    /// The asker.
    pub me: (AccountId, Arc<str>),
}

impl Read {
    /// As much of a scope as is the asker's to read. Everything has no room in it but the lobby,
    /// which all may read from the beginning.
    pub fn readable(&self, of: store::Scope) -> store::Scope {
        let store::Scope::One(one) = of else { return of };
        let since = |room: RoomId| self.since.iter().find(|(of, _)| *of == room);
        match one.as_room().and_then(since) {
            Some((room, after)) => store::Scope::Since { room: *room, after: *after },
            None => of,
        }
    }

    /// Whether it is about many conversations.
    pub fn is_overview(&self) -> bool {
        match &self.what {
            ReadKind::Targets { .. } | ReadKind::Buffers | ReadKind::Unread { .. } => true,
            ReadKind::Playback { of, .. } => of.as_ref().is_none_or(|of| of.len() > 1),
            ReadKind::Export { .. } => true,
            ReadKind::Ch { .. }
            | ReadKind::Page { .. }
            | ReadKind::Audit { .. }
            | ReadKind::Pending { .. } => false,
        }
    }

    /// About how many events are read for it.
    pub fn events(&self) -> usize {
        match &self.what {
            ReadKind::Ch { query, .. } | ReadKind::Page { query, .. } => query.limit,
            ReadKind::Audit { limit, .. } => *limit,
            ReadKind::Targets { limit, .. } => self.rooms.len() + limit,
            ReadKind::Playback { of: Some(of), limit, .. } => of.len() * limit,
            // The private conversations are known to the store alone.
            ReadKind::Playback { of: None, limit, .. } => {
                (self.rooms.len() + UNKNOWN_CONVERSATIONS) * (*limit).min(HISTORY_PAGE_MOST)
            }
            ReadKind::Buffers | ReadKind::Unread { .. } => self.rooms.len() + UNKNOWN_CONVERSATIONS,
            ReadKind::Export { .. } => EXPORT_EVENTS,
            // What is kept for somebody is shown once.
            ReadKind::Pending { .. } => 0,
        }
    }
}

/// The kinds of reads.
#[derive(Debug)]
pub enum ReadKind {
    /// `CH`: a page and a `NOTE CH END`.
    Ch {
        /// Which page.
        query: store::Query,
        /// What was asked for, as it is shown.
        target: Arc<str>,
    },
    /// `CHATHISTORY`: a page as a batch.
    Page {
        /// Which page.
        query: store::Query,
        /// What was asked for, as the asker wrote it.
        target: Arc<str>,
    },
    /// `CHATHISTORY TARGETS`.
    Targets {
        /// Between this time (milliseconds since the epoch), from which the limit counts,
        first: i64,
        /// and this one.
        second: i64,
        /// At most so many, and those with the same time as the last.
        limit: usize,
    },
    /// What somebody missed of some conversations; of each a batch, if there is anything.
    Playback {
        /// Which ones, and their names; none: all that the asker may read.
        of: Option<Vec<(Conversation, Arc<str>)>>,
        /// Later than this (milliseconds since the epoch).
        after: i64,
        /// Earlier than this.
        before: i64,
        /// At most so many of each, the newest ones.
        limit: usize,
        /// None later than this: those are delivered behind the answer.
        up_to: EventId,
        /// The kind of the batches.
        batch: &'static str,
    },
    /// `AUDIT`.
    Audit {
        /// Entries with numbers below this one.
        before: u64,
        /// At most so many, the newest ones.
        limit: usize,
    },
    /// The conversations that can be played back.
    Buffers,
    /// `UNREAD`: how much the asker has not read.
    Unread {
        /// In which conversation, and its name; none: in all of them.
        of: Option<(Conversation, Arc<str>)>,
        /// The present (milliseconds since the epoch).
        now: i64,
    },
    /// A page of all that is an account's.
    Export {
        /// Behind this event.
        after: EventId,
    },
    /// Messages kept for a user who was offline.
    Pending {
        /// None later than this.
        up_to: EventId,
        /// Up to when the conversations are read; what is older is not shown.
        read: Vec<(Conversation, i64)>,
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
