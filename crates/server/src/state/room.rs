//! A room: its settings, and who is in it.

use crate::state::ban_terms::{self, BanTerms};
use crate::state::founder::Role;
use crate::state::metadata::Keys;
use crate::state::room_rules::{RoomRules, SlowMode};
use crate::state::user::UserId;
use proto::mask::matches_counted;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{EventId, ListEntry, RoomId, Topic};

/// A room.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct Room {
    /// Its id, never used for another room.
    pub id: RoomId,
    /// Its name, as its creator spelled it.
    pub name: Arc<str>,
    /// What survives a restart.
    pub settings: Settings,
    /// Who is in it: users online, and accounts that will be back when they log in.
    pub members: BTreeMap<UserId, Member>,
    /// Whether it may have messages; a new room has none, so nothing needs to be read.
    pub has_history: bool,
    /// How many of the members are online.
    #[serde(skip)]
    pub online: usize,
    /// Users who were invited and have not joined; and whether the invitation overrides what closes
    /// the room to others.
    pub invited: BTreeMap<UserId, bool>,
    /// Its metadata, which survives a restart, too.
    pub metadata: Keys,
    /// The account whose room it is. What is derived from records is not part of a snapshot.
    #[serde(skip)]
    pub founder: Option<UserId>,
    /// The standing of accounts that are not in it.
    #[serde(skip)]
    pub roles: BTreeMap<UserId, Role>,
    /// Settings that are neither modes nor metadata.
    #[serde(skip)]
    pub rules: RoomRules,
    /// When its members last spoke, in slow mode.
    pub slow: SlowMode,
    /// The reasons and ends of bans and quiets, by the keys of their records.
    #[serde(skip)]
    pub terms: BTreeMap<Box<str>, BanTerms>,
}

/// The stored properties of a room.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Settings {
    /// When it was created (milliseconds since the epoch).
    pub created: i64,
    /// The topic.
    pub topic: Option<Topic>,
    /// Modes without a parameter.
    pub flags: BTreeSet<char>,
    /// `+k`
    pub key: Option<Box<str>>,
    /// `+l`
    pub limit: Option<u32>,
    /// `+b`, `+e`, `+I` and `+q`.
    pub lists: Vec<ListEntry>,
    /// Whoever joins may not read events up to this one; see [`crate::state::history`].
    pub closed_until: EventId,
}

/// One member's standing in a room.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Member {
    /// `+o`
    pub op: bool,
    /// `+h`
    pub halfop: bool,
    /// `+v`
    pub voice: bool,
    /// Whether the user is online; if not, only remembered.
    pub online: bool,
    /// Whether the join has not been announced yet: in a large room it is, with the first message.
    pub hidden: bool,
    /// The event after which the member may read; see [`crate::state::history`].
    pub since: EventId,
    /// The newest event when the member joined; 0 if that was before this was recorded.
    pub joined: EventId,
}

/// The rank of a member. Each may do what the lower ones may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A plain member.
    Plain,
    /// `+v`: may speak also in a moderated room.
    Voice,
    /// `+h`: may change settings, and moderate those below it.
    HalfOp,
    /// `+o`: may do everything.
    Op,
}

impl Rank {
    /// The membership prefixes, highest first.
    pub const PREFIXES: &str = "@%+";

    /// The membership prefix of the rank; plain members have none.
    pub fn prefix(self) -> &'static str {
        match self {
            Rank::Op => "@",
            Rank::HalfOp => "%",
            Rank::Voice => "+",
            Rank::Plain => "",
        }
    }

    /// The rank of a membership prefix.
    pub fn from_prefix(prefix: char) -> Option<Rank> {
        Some(match prefix {
            '@' => Rank::Op,
            '%' => Rank::HalfOp,
            '+' => Rank::Voice,
            _ => return None,
        })
    }
}

impl Member {
    /// The highest rank held.
    pub fn rank(self) -> Rank {
        match self {
            Member { op: true, .. } => Rank::Op,
            Member { halfop: true, .. } => Rank::HalfOp,
            Member { voice: true, .. } => Rank::Voice,
            _ => Rank::Plain,
        }
    }

    /// What of it survives a restart.
    pub fn standing(self) -> [bool; 3] {
        [self.op, self.halfop, self.voice]
    }

    /// The member's prefixes, highest first: all of them for `multi-prefix`, else the highest.
    pub fn prefixes(self, all: bool) -> String {
        let prefixes = self.standing().into_iter().zip(Rank::PREFIXES.chars());
        let held = prefixes.filter(|(held, _)| *held).map(|(_, prefix)| prefix);
        held.take(if all { Rank::PREFIXES.len() } else { 1 }).collect()
    }
}

/// A user, as masks are matched against.
#[derive(Clone, Debug)]
pub struct MaskSubject {
    /// `nick!user@host`
    pub source: String,
    /// The account; a guest has none.
    pub account: Option<Arc<str>>,
    /// Characters compared with masks so far, which count as work.
    pub steps: Cell<u64>,
}

/// The prefix of masks matched against the account, not the source (the extended ban `a`).
///
/// <https://ircv3.net/specs/extensions/account-extban>
pub const ACCOUNT_MASK: &str = "$a:";

impl MaskSubject {
    /// Somebody without an account.
    pub fn guest(source: String) -> MaskSubject {
        MaskSubject { source, account: None, steps: Cell::new(0) }
    }

    /// Whether a mask matches.
    pub fn fits(&self, mask: &str) -> bool {
        let mut steps = self.steps.get();
        let fits = match (mask.strip_prefix(ACCOUNT_MASK), &self.account) {
            (Some(mask), Some(account)) => matches_counted(mask, account, &mut steps),
            (Some(_), None) => false,
            (None, _) => matches_counted(mask, &self.source, &mut steps),
        };
        self.steps.set(steps);
        fits
    }
}

/// The mode of a membership prefix.
pub fn mode_of_prefix(prefix: char) -> Option<char> {
    match prefix {
        '@' => Some('o'),
        '%' => Some('h'),
        '+' => Some('v'),
        _ => None,
    }
}

impl Room {
    /// A new and empty room.
    pub fn new(id: RoomId, name: Arc<str>, created: i64) -> Room {
        let flags = BTreeSet::from(['n', 't']);
        let settings = Settings {
            created,
            topic: None,
            flags,
            key: None,
            limit: None,
            lists: Vec::new(),
            closed_until: 0,
        };
        Room {
            id,
            name,
            settings,
            members: BTreeMap::new(),
            has_history: false,
            online: 0,
            invited: BTreeMap::new(),
            metadata: Keys::new(),
            founder: None,
            roles: BTreeMap::new(),
            rules: RoomRules::default(),
            slow: SlowMode::default(),
            terms: BTreeMap::new(),
        }
    }

    /// The room as the store keeps it.
    pub fn record(&self) -> store::Room {
        let settings = self.settings.clone();
        store::Room {
            id: self.id,
            name: self.name.clone(),
            created: settings.created,
            topic: settings.topic,
            modes: settings.flags.iter().collect(),
            key: settings.key,
            limit: settings.limit,
            lists: settings.lists,
        }
    }

    /// The room as loaded from the store.
    pub fn from_record(record: store::Room) -> Room {
        let mut room = Room::new(record.id, record.name, record.created);
        room.has_history = true;
        room.settings = Settings {
            created: record.created,
            topic: record.topic,
            flags: record.modes.chars().collect(),
            key: record.key,
            limit: record.limit,
            lists: record.lists,
            closed_until: 0,
        };
        room
    }

    /// Whether a mode without a parameter is set.
    pub fn is(&self, flag: char) -> bool {
        self.settings.flags.contains(&flag)
    }

    /// The standing of a user who is in the room and online.
    pub fn member(&self, user: UserId) -> Option<Member> {
        self.members.get(&user).copied().filter(|member| member.online)
    }

    /// Whether it has neither members nor a founder, and so ends.
    pub fn is_abandoned(&self) -> bool {
        self.members.is_empty() && self.founder.is_none()
    }

    /// Whether a list has a mask that matches a user.
    pub fn listed(&self, mode: char, who: &MaskSubject) -> bool {
        self.entry_for(mode, who).is_some()
    }

    fn entry_for(&self, mode: char, who: &MaskSubject) -> Option<&ListEntry> {
        self.settings.lists.iter().find(|entry| entry.mode == mode && who.fits(&entry.mask))
    }

    /// The reason and the end of an entry of a list.
    pub fn terms(&self, entry: &ListEntry) -> BanTerms {
        self.terms.get(&*ban_terms::key(entry.mode, &entry.mask)).cloned().unwrap_or_default()
    }

    /// The terms by which a user is banned (`b`) or quieted (`q`), unless exempt (`e`).
    pub fn terms_for(&self, mode: char, who: &MaskSubject) -> Option<BanTerms> {
        let entry = self.entry_for(mode, who).filter(|_| !self.listed('e', who))?;
        Some(self.terms(entry))
    }

    /// Whether a user is banned: listed by `+b`, and not exempt by `+e`.
    pub fn bans(&self, who: &MaskSubject) -> bool {
        self.listed('b', who) && !self.listed('e', who)
    }

    /// Whether a user is quieted: listed by `+q`, and not exempt by `+e`.
    pub fn quiets(&self, who: &MaskSubject) -> bool {
        self.listed('q', who) && !self.listed('e', who)
    }

    /// The modes as `MODE` shows them; the key only to members.
    pub fn modes(&self, with_key: bool) -> Vec<String> {
        let mut letters: String = "+".into();
        letters.extend(&self.settings.flags);
        let mut parameters = Vec::new();
        if let Some(key) = &self.settings.key {
            letters.push('k');
            parameters.push(if with_key { key.to_string() } else { "*".into() });
        }
        if let Some(limit) = self.settings.limit {
            letters.push('l');
            parameters.push(limit.to_string());
        }
        let mut all = vec![letters];
        all.append(&mut parameters);
        all
    }
}
