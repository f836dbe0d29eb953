//! What a command leaves to the node of its session, because it concerns what only a node knows.

use crate::effects::Condition;
use crate::session_id::SessionId;
use std::sync::Arc;
use store::{AccountId, Conversation, RoomId, Subject};

/// A session ends: its node, if that is here, closes it.
#[derive(Debug)]
pub struct SessionEnd {
    /// Which one.
    pub session: SessionId,
    /// What it is told; none if it has been told already.
    pub told: Option<Box<str>>,
    /// What others are told.
    pub reason: Box<str>,
}

/// Something to do when a command has been applied.
#[derive(Debug)]
pub enum FollowUp {
    /// The requester has had a user told so many bytes.
    ChargeShare {
        /// The receiver.
        of: AccountId,
        /// How many.
        bytes: usize,
    },
    /// A room comes to know of a user: who is subscribed to what the user has is told.
    Introduce {
        /// The room.
        room: RoomId,
        /// The user.
        user: AccountId,
    },
    /// News of a user are for those, too, who watch the user and are in none of the rooms.
    TellWatchers {
        /// The user.
        user: AccountId,
        /// Index in [`super::Effects::news`].
        news: u32,
        /// The rooms that are told.
        told: Box<[RoomId]>,
    },
    /// A user has come online under the name that it has: who watches the name is told.
    TellOnline {
        /// The user.
        user: AccountId,
    },
    /// Nobody is online under a name any more: who watches it is told.
    TellOffline {
        /// The name.
        name: Arc<str>,
    },
    /// Who watches a user's name and is subscribed to what the user has is told that.
    SyncWatchers {
        /// The user.
        user: AccountId,
    },
    /// A user has come into a room: its devices are shown what is there.
    ShowRoom {
        /// The room.
        room: RoomId,
        /// The user.
        user: AccountId,
    },
    /// The requester was in a room already: the session that asked is shown what is there.
    ShowRoomAgain {
        /// The room.
        room: RoomId,
    },
    /// A room has another name: devices that do not know of renames are told that they left the one
    /// and came into the other.
    RoomRenamed {
        /// The room.
        room: RoomId,
        /// The name before.
        old: Arc<str>,
        /// Why.
        reason: Box<str>,
    },
    /// Somebody may be at the session of the requester now: it is shown what was kept when it came.
    ShowKept,
    /// The session of the requester has said whether it is a bot's.
    IsBot(bool),
    /// The other devices of the requester are shown a read marker.
    ShowMarker {
        /// Of which conversation.
        conversation: Conversation,
        /// Its name.
        name: Arc<str>,
    },
    /// A key of metadata has changed: who is subscribed to it is told.
    MetadataChanged {
        /// Whose.
        of: Subject,
        /// The name of that.
        name: Arc<str>,
        /// The key.
        key: Box<str>,
        /// Its value, if it has one.
        value: Option<Box<str>>,
    },
    /// To some it looked as if a user came anew: who is subscribed to what the user has is told again.
    MetadataAgain {
        /// The user.
        user: AccountId,
    },
    /// A network was banned: the connections from there end.
    EndFromNetwork {
        /// The number of the ban.
        ban: u32,
        /// The network, as it was given.
        given: Box<str>,
    },
    /// The requester has revoked an app password: its sessions end.
    EndApp {
        /// Its name.
        app: Box<str>,
    },
    /// An account goes: who is about to be its user ends.
    EndPendingLogins {
        /// The account.
        account: AccountId,
        /// Why.
        why: &'static str,
    },
    /// The requester has sent a message to ZNC's module: its session is answered.
    AskPlayback {
        /// What it says.
        command: Box<str>,
    },
    /// An account has a new password in place of a one-time code.
    CodeReplaced {
        /// The account.
        account: AccountId,
    },
    /// What the session's secrets are checked with is stored: the session is shown them.
    Reveal,
    /// Recovery codes are to be drawn for the requester's new second factor.
    DrawRecoveryCodes,
    /// The session has logged in to the account that it had named.
    LoggedIn,
    /// The session is this user's from here on.
    CameOnline {
        /// The user.
        user: AccountId,
    },
    /// The session is welcomed, before it is told of rooms.
    Welcome {
        /// As IRC clients expect it.
        full: bool,
        /// On which outcome it is told of the user's metadata.
        metadata: Condition,
    },
    /// The session has come online and so into a room, and is shown what is there.
    ShowRoomAtLogin {
        /// The user that the session is now.
        user: AccountId,
        /// The room.
        room: RoomId,
        /// It is the first session of its user.
        first: bool,
        /// As IRC clients expect it.
        full: bool,
        /// On which outcome anybody is told of the user's metadata.
        metadata: Condition,
    },
    /// The session has been told of its rooms, and is told the rest.
    Welcomed {
        /// As IRC clients expect it.
        full: bool,
    },
}

impl FollowUp {
    /// Whether it concerns the requester's session alone, and so only the node where that is. The others
    /// are for every node, as far as its own sessions are concerned.
    pub fn is_for_session(&self) -> bool {
        match self {
            FollowUp::ChargeShare { .. }
            | FollowUp::ShowRoomAgain { .. }
            | FollowUp::ShowKept
            | FollowUp::IsBot(_)
            | FollowUp::AskPlayback { .. }
            | FollowUp::Reveal
            | FollowUp::DrawRecoveryCodes
            | FollowUp::LoggedIn
            | FollowUp::CameOnline { .. }
            | FollowUp::Welcome { .. }
            | FollowUp::Welcomed { .. } => true,
            FollowUp::Introduce { .. }
            | FollowUp::TellWatchers { .. }
            | FollowUp::TellOnline { .. }
            | FollowUp::TellOffline { .. }
            | FollowUp::SyncWatchers { .. }
            | FollowUp::ShowRoom { .. }
            | FollowUp::RoomRenamed { .. }
            | FollowUp::ShowMarker { .. }
            | FollowUp::MetadataChanged { .. }
            | FollowUp::MetadataAgain { .. }
            | FollowUp::EndFromNetwork { .. }
            | FollowUp::EndApp { .. }
            | FollowUp::EndPendingLogins { .. }
            | FollowUp::CodeReplaced { .. }
            | FollowUp::ShowRoomAtLogin { .. } => false,
        }
    }
}
