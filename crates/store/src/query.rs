//! Queries of history, in the terms of IRCv3's `draft/chathistory`.

use crate::{AccountId, Conversation, EventId, Kinds, RoomId};

/// A query for one page of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The conversations.
    pub of: Scope,
    /// The selection.
    pub select: Select,
    /// The maximum number of events; 0 returns none.
    pub limit: usize,
    /// Events above this id are ignored, so that the answer reflects the time of the command.
    pub up_to: EventId,
    /// Only events of these kinds.
    pub kinds: Kinds,
}

/// The conversations a query covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One conversation.
    One(Conversation),
    /// A room after an event.
    Since {
        /// The room.
        room: RoomId,
        /// The event.
        after: EventId,
    },
    /// All direct conversations of a user, and optionally one room (the lobby), merged.
    Everything {
        /// The user.
        account: AccountId,
        /// The room.
        room: Option<RoomId>,
    },
}

impl Scope {
    /// The event after which it begins; 0 for the beginning.
    pub(crate) fn after(self) -> EventId {
        match self {
            Self::Since { after, .. } => after,
            Self::One(_) | Self::Everything { .. } => 0,
        }
    }
}

/// A point in history. It need not be an event of the queried conversation, or any stored event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// An event's id.
    Id(EventId),
    /// A time in milliseconds since the Unix epoch.
    ///
    /// Where the wall clock was set back, a time may be at several points. If an event of the
    /// conversation (of any kind, even redacted) has exactly this time, that point is meant, so
    /// clients that page continue from what they have. Otherwise, or if there are several such
    /// events, nothing is left out: events before the time end at its last point, and events after
    /// it begin at its first.
    Time(i64),
}

/// The events to select. A page is ordered oldest first. Events exactly at the point are left out,
/// except in [`Select::Around`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The newest.
    Latest,
    /// The newest after the point.
    LatestAfter(Point),
    /// The newest before the point.
    Before(Point),
    /// The oldest after the point.
    After(Point),
    /// Those between two points, counted from the first: if that is the later one, the newest. Of
    /// two times, the higher is the later.
    Between(Point, Point),
    /// Half of the limit (rounded down) before the point, and half from the point on, including it.
    Around(Point),
}

/// Selects conversations and the times of their newest messages, up to a limit that counts from one
/// end; see [`crate::Reader::targets`].
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
