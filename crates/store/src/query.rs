//! A question about history, in the terms of the IRCv3 `draft/chathistory` specification.

use crate::{AccountId, Conversation, EventId, Kinds, RoomId};

/// Asks for one page of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Whose events.
    pub of: Scope,
    /// Which of them.
    pub select: Select,
    /// The most events to return; 0 returns none.
    pub limit: usize,
    /// Events above this id are not looked at, so that an answer shows what was committed when it
    /// was asked.
    pub up_to: EventId,
    /// Only events of these kinds.
    pub kinds: Kinds,
}

/// The conversations a query looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One conversation.
    One(Conversation),
    /// A room, from behind an event on.
    Since {
        /// The room.
        room: RoomId,
        /// The event.
        after: EventId,
    },
    /// All direct conversations of a user, and one room (the lobby) if given, as one sequence.
    Everything {
        /// The user.
        account: AccountId,
        /// The room.
        room: Option<RoomId>,
    },
}

impl Scope {
    /// The event behind which it begins; 0: at the beginning.
    pub(crate) fn after(self) -> EventId {
        match self {
            Self::Since { after, .. } => after,
            Self::One(_) | Self::Everything { .. } => 0,
        }
    }
}

/// A place in history. It need not be an event of the conversation asked for, nor any stored event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// An event's id.
    Id(EventId),
    /// A time in milliseconds since the Unix epoch.
    ///
    /// Where the wall clock was put back, a time may have several places. If an event asked for (of
    /// whatever kind, also one that was taken back) has just this time, its place is meant: who
    /// turns pages goes on from what they have. Else, or if there are several such, so that
    /// nothing is left out: what is older than the time ends at its last place, and what is newer
    /// begins at its first.
    Time(i64),
}

/// Which events of a sequence to return. A page is always ordered oldest first; the point itself,
/// or events at exactly that time, are left out except in [`Select::Around`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The newest ones.
    Latest,
    /// The newest ones that are newer than the point.
    LatestAfter(Point),
    /// The newest ones that are older than the point.
    Before(Point),
    /// The oldest ones that are newer than the point.
    After(Point),
    /// Those between two points, counted from the first: if it is the later one, the newest ones.
    /// Of two times the higher is the later.
    Between(Point, Point),
    /// Half of the limit from before the point (rounded down), half from it on, itself included.
    Around(Point),
}

/// Conversations with their newest messages and those's times, as far as a limit counts them from
/// one end; see [`crate::Reader::targets`].
pub(crate) fn counted_targets(
    mut targets: Vec<(EventId, Conversation, i64)>,
    from_oldest: bool,
    limit: usize,
) -> Vec<(Conversation, i64)> {
    targets.sort_unstable();
    if !from_oldest {
        targets.reverse();
    }
    if let Some(last) = limit.checked_sub(1).and_then(|last| targets.get(last)) {
        let time = last.2;
        let along = targets[limit..].iter().take_while(|target| target.2 == time).count();
        targets.truncate(limit + along);
    } else if limit == 0 {
        targets.clear();
    }
    if !from_oldest {
        targets.reverse();
    }
    targets.into_iter().map(|(_, talk, time)| (talk, time)).collect()
}
