//! The IRCv3 capabilities that a session may request, and sets of them.

use serde::{Deserialize, Serialize};

/// A capability that Parlor knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Message tags, in both directions.
    MessageTags,
    /// The tag `time` on delivered messages.
    ServerTime,
    /// `BATCH` around related messages.
    Batch,
    /// A session's own messages are echoed once they are stored.
    EchoMessage,
    /// The tag `label` associates replies with commands.
    LabeledResponse,
    /// `FAIL`, `WARN`, `NOTE`.
    StandardReplies,
    /// The tag `account` on delivered messages.
    AccountTag,
    /// `AUTHENTICATE`.
    Sasl,
    /// `CAP NEW` and `CAP DEL` when the list changes.
    CapNotify,
    /// `CHATHISTORY` (draft).
    ChatHistory,
    /// `ACCOUNT` when somebody logs in.
    AccountNotify,
    /// `JOIN` includes the account and the real name.
    ExtendedJoin,
    /// `AWAY` when somebody goes away or comes back.
    AwayNotify,
    /// `CHGHOST` when somebody's source changes.
    ChgHost,
    /// `INVITE` when somebody else is invited to a room.
    InviteNotify,
    /// `NAMES` and `WHO` show all prefixes of a member, not only the highest.
    MultiPrefix,
    /// `NAMES` shows full sources.
    UserhostInNames,
    /// `SETNAME`, to change the real name and to be notified of others' changes.
    SetName,
    /// More notifications about monitored names than going on- and offline.
    ExtendedMonitor,
    /// `ISUPPORT` before login, too, and its reply in a batch (draft).
    ExtendedIsupport,
    /// No `NAMES` after a `JOIN`.
    NoImplicitNames,
    /// The same under its draft name.
    NoImplicitNamesDraft,
    /// `REGISTER` and `VERIFY` (draft).
    AccountRegistration,
    /// `AWAY` before the registration is complete, and `AWAY *` (draft).
    PreAway,
    /// History includes all events, not only messages (draft).
    EventPlayback,
    /// `REDACT` (draft).
    MessageRedaction,
    /// `MARKREAD` (draft).
    ReadMarker,
    /// `UNREAD`: the number of unread messages, at login and when it changes elsewhere (Parlor's
    /// own).
    Unread,
    /// `NODES`: where the other nodes of the cluster are (Parlor's own).
    Nodes,
    /// Playback of missed messages by `PRIVMSG *playback` (from the bouncer ZNC).
    ZncPlayback,
    /// `RENAME` when a room is renamed (draft).
    ChannelRename,
    /// `SEARCH` (from the bouncer soju).
    Search,
    /// `SEARCH` (draft).
    SearchDraft,
    /// Multi-line messages, as a `BATCH` in both directions (draft).
    Multiline,
    /// `METADATA`, pushed as numerics (draft).
    Metadata3,
    /// `METADATA`, pushed under that verb (an earlier draft).
    Metadata2,
    /// The port for TLS, or how long to use only TLS. Advertised, never requested.
    Sts,
}

impl Capability {
    /// All of them, in the order in which a server lists them.
    pub const ALL: &[Capability] = &[
        Capability::MessageTags,
        Capability::ServerTime,
        Capability::Batch,
        Capability::EchoMessage,
        Capability::LabeledResponse,
        Capability::StandardReplies,
        Capability::AccountTag,
        Capability::Sasl,
        Capability::CapNotify,
        Capability::ChatHistory,
        Capability::AccountNotify,
        Capability::ExtendedJoin,
        Capability::AwayNotify,
        Capability::ChgHost,
        Capability::InviteNotify,
        Capability::MultiPrefix,
        Capability::UserhostInNames,
        Capability::SetName,
        Capability::ExtendedMonitor,
        Capability::ExtendedIsupport,
        Capability::NoImplicitNames,
        Capability::NoImplicitNamesDraft,
        Capability::AccountRegistration,
        Capability::PreAway,
        Capability::EventPlayback,
        Capability::MessageRedaction,
        Capability::ReadMarker,
        Capability::Unread,
        Capability::Nodes,
        Capability::ZncPlayback,
        Capability::ChannelRename,
        Capability::Search,
        Capability::SearchDraft,
        Capability::Multiline,
        Capability::Metadata3,
        Capability::Metadata2,
        Capability::Sts,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Capability::MessageTags => "message-tags",
            Capability::ServerTime => "server-time",
            Capability::Batch => "batch",
            Capability::EchoMessage => "echo-message",
            Capability::LabeledResponse => "labeled-response",
            Capability::StandardReplies => "standard-replies",
            Capability::AccountTag => "account-tag",
            Capability::Sasl => "sasl",
            Capability::CapNotify => "cap-notify",
            Capability::ChatHistory => "draft/chathistory",
            Capability::AccountNotify => "account-notify",
            Capability::ExtendedJoin => "extended-join",
            Capability::AwayNotify => "away-notify",
            Capability::ChgHost => "chghost",
            Capability::InviteNotify => "invite-notify",
            Capability::MultiPrefix => "multi-prefix",
            Capability::UserhostInNames => "userhost-in-names",
            Capability::SetName => "setname",
            Capability::ExtendedMonitor => "extended-monitor",
            Capability::ExtendedIsupport => "draft/extended-isupport",
            Capability::NoImplicitNames => "no-implicit-names",
            Capability::NoImplicitNamesDraft => "draft/no-implicit-names",
            Capability::AccountRegistration => "draft/account-registration",
            Capability::PreAway => "draft/pre-away",
            Capability::EventPlayback => "draft/event-playback",
            Capability::MessageRedaction => "draft/message-redaction",
            Capability::ReadMarker => "draft/read-marker",
            Capability::Unread => "parlor/unread",
            Capability::Nodes => "parlor/nodes",
            Capability::ZncPlayback => "znc.in/playback",
            Capability::ChannelRename => "draft/channel-rename",
            Capability::Search => "soju.im/search",
            Capability::SearchDraft => "draft/search",
            Capability::Multiline => "draft/multiline",
            Capability::Metadata3 => "draft/metadata-3",
            Capability::Metadata2 => "draft/metadata-2",
            Capability::Sts => "sts",
        }
    }

    /// The capability with this name. Names are case-sensitive (IRCv3 capability negotiation).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Capability> {
        Capability::ALL.iter().copied().find(|capability| capability.name() == name)
    }

    const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// A set of capabilities in one word, so it can be a key for rendered lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize)]
pub struct Capabilities(u64);

impl Capabilities {
    /// The empty set.
    pub const NONE: Capabilities = Capabilities(0);

    /// The set with one capability.
    #[must_use]
    pub const fn only(capability: Capability) -> Capabilities {
        Capabilities(capability.bit())
    }

    /// Adds one.
    pub const fn insert(&mut self, capability: Capability) {
        self.0 |= capability.bit();
    }

    /// Removes one.
    pub const fn remove(&mut self, capability: Capability) {
        self.0 &= !capability.bit();
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Whether all of `others` are in the set.
    #[must_use]
    pub const fn has_all(self, others: Capabilities) -> bool {
        others.0 & !self.0 == 0
    }

    /// Whether none of `others` is in the set.
    #[must_use]
    pub const fn has_none(self, others: Capabilities) -> bool {
        others.0 & self.0 == 0
    }

    /// The members, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.iter().copied().filter(move |&capability| self.contains(capability))
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number, with one bit per capability. Equal sets give equal numbers within one
    /// program.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(members: I) -> Capabilities {
        let mut set = Capabilities::NONE;
        members.into_iter().for_each(|capability| set.insert(capability));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_capability_is_found_by_its_name_and_has_its_own_bit() {
        let mut all = Capabilities::default();
        for &capability in Capability::ALL {
            assert_eq!(Capability::from_name(capability.name()), Some(capability));
            assert!(!all.contains(capability), "{capability:?} shares a bit");
            all.insert(capability);
        }
        assert_eq!(all.iter().collect::<Vec<_>>(), Capability::ALL);
        assert_eq!(Capability::from_name("SASL"), None);
        assert_eq!(Capability::from_name("tls"), None);
    }

    #[test]
    fn removing_capabilities_removes_nothing_else() {
        let mut set: Capabilities = [Capability::Batch, Capability::Sasl].into_iter().collect();
        set.remove(Capability::Batch);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Capability::Sasl]);
        set.remove(Capability::Sasl);
        assert!(set.is_empty());
        assert_eq!(set.bits(), 0);
    }
}
