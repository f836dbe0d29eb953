//! A user: a name that is online, with its sessions.

use crate::config::Role;
use crate::limits::GUEST_USERNAME_BYTES;
use crate::render::Author;
use crate::session_id::SessionId;
use crate::text::shorten;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::RoomId;

/// An account's id, or a guest's from the same sequence; never used for anybody else.
pub type UserId = store::AccountId;

/// A name that is online.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name: login, account and nick are one word.
    pub nick: Arc<str>,
    /// Whether it has no account.
    pub guest: bool,
    /// What else its source has, as [`store::Event::userhost`] has it: the user name if that is not the
    /// nick, and the host if that is not the server's.
    pub userhost: Option<Arc<str>>,
    /// What it says of itself (`USER`).
    pub realname: Box<str>,
    /// Its connections, in the order they came; never empty.
    pub sessions: Vec<SessionId>,
    /// Those of them that have said that nobody is at them.
    pub unattended: Vec<SessionId>,
    /// The rooms it is in, in the order it entered.
    pub rooms: Vec<RoomId>,
    /// Why it is away, as others see it.
    pub away: Option<Box<str>>,
    /// Why it is away, if the person has said so.
    pub said_away: Option<Box<str>>,
    /// `+i`
    pub invisible: bool,
    /// What it may do as an operator of the server (`+o`).
    pub role: Option<Role>,
    /// `+B`: says that it is a program.
    pub bot: bool,
    /// `+w`: wants to hear what operators tell everybody (`WALLOPS`).
    pub wallops: bool,
    /// When it came (milliseconds since the epoch).
    pub since: i64,
    /// When it last said something (milliseconds by the steady clock).
    pub spoke: i64,
}

/// What a session says of the person's presence.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Presence {
    /// The person is here.
    Here,
    /// The person is away, on whatever device, and why.
    Away(Box<str>),
    /// Nobody is at this connection, which says nothing of others.
    Unattended,
}

/// The away message of somebody of whom only programs are connected.
const UNATTENDED: &str = "*";

/// A user who left, or took another name, for `WHOWAS`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FormerUser {
    /// The name.
    pub nick: Arc<str>,
    /// What else its source had.
    pub userhost: Option<Arc<str>>,
    /// What the user said of itself.
    pub realname: Box<str>,
    /// The account; none for a guest.
    pub account: Option<Arc<str>>,
    /// When (milliseconds since the epoch).
    pub time: i64,
}

impl FormerUser {
    /// Who it was.
    pub fn author(&self) -> Author<'_> {
        let guest = self.account.is_none();
        Author { nick: &self.nick, userhost: self.userhost.as_deref(), guest }
    }
}

impl User {
    /// Its account: that has the user's name. None for a guest.
    pub fn account(&self) -> Option<&Arc<str>> {
        (!self.guest).then_some(&self.nick)
    }

    /// Whether it is an operator of the server.
    pub fn is_operator(&self) -> bool {
        self.role.is_some()
    }

    /// Whether one of its sessions has said that nobody is at it.
    pub fn is_unattended(&self, session: SessionId) -> bool {
        self.unattended.contains(&session)
    }

    /// The away message as its sessions are; none if the person is here.
    pub fn away_now(&self) -> Option<Box<str>> {
        let unattended = self.unattended.len() == self.sessions.len();
        self.said_away.clone().or_else(|| unattended.then(|| UNATTENDED.into()))
    }

    /// What is remembered of it when it leaves, or takes another name.
    pub fn left(&self, time: i64) -> FormerUser {
        FormerUser {
            nick: self.nick.clone(),
            userhost: self.userhost.clone(),
            realname: self.realname.clone(),
            account: self.account().cloned(),
            time,
        }
    }

    /// Its modes as `MODE` shows them: `+` and letters.
    pub fn modes(&self) -> String {
        let flags = [
            (self.bot, 'B'),
            (self.invisible, 'i'),
            (self.is_operator(), 'o'),
            (self.wallops, 'w'),
        ];
        let letters = flags.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter);
        std::iter::once('+').chain(letters).collect()
    }

    /// Seconds since it last said something.
    pub fn idle_seconds(&self, steady: i64) -> i64 {
        (steady - self.spoke) / 1000
    }

    /// Who it is, in what it says.
    pub fn author(&self) -> Author<'_> {
        Author { nick: &self.nick, userhost: self.userhost.as_deref(), guest: self.guest }
    }
}

/// What the source of a guest has beside the nick.
pub fn guest_userhost(username: &str, host: &str) -> Arc<str> {
    format!("~{}@{host}", shorten(username, GUEST_USERNAME_BYTES)).into()
}

/// The user name that a user gave.
pub fn user_as_given(user: &User) -> &str {
    let username = user.author().username();
    username.strip_prefix('~').unwrap_or(username)
}
