//! A user: a name that is online, with its sessions.

use crate::config::Role;
use crate::limits::GUEST_USERNAME_BYTES;
use crate::render::Author;
use crate::session_id::SessionId;
use crate::text::shorten;
use proto::name::fold;
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
    /// The rest of its source, as in [`store::Event::userhost`]: the user name if it is not the nick, and
    /// the host if it is not the server's.
    pub userhost: Option<Arc<str>>,
    /// Its real name (`USER`).
    pub realname: Arc<str>,
    /// Its sessions, in the order they connected; never empty.
    pub sessions: Vec<SessionId>,
    /// Those of them that are unattended (`AWAY *`).
    pub unattended: Vec<SessionId>,
    /// The rooms it is in, in the order it joined.
    pub rooms: Vec<RoomId>,
    /// The away message that others see; none if it is not away.
    pub away: Option<Box<str>>,
    /// The away message that the person has set.
    pub said_away: Option<Box<str>>,
    /// `+i`
    pub invisible: bool,
    /// Its role as an operator of the server (`+o`).
    pub role: Option<Role>,
    /// `+B`: it is a bot.
    pub bot: bool,
    /// `+w`: it receives `WALLOPS`.
    pub wallops: bool,
    /// When it came online (milliseconds since the epoch).
    pub since: i64,
    /// When it last sent a message (monotonic milliseconds).
    pub spoke: i64,
}

/// The person's presence, as a session sets it with `AWAY`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Presence {
    /// The person is here.
    Here,
    /// The person is away, on all devices, with this message.
    Away(Box<str>),
    /// Nobody is at this connection; this says nothing about the others.
    Unattended,
}

/// The away message of a user whose sessions are all unattended.
const UNATTENDED: &str = "*";

/// A user who left or changed nick, for `WHOWAS`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FormerUser {
    /// The name.
    pub nick: Arc<str>,
    /// The rest of its source.
    pub userhost: Option<Arc<str>>,
    /// The real name.
    pub realname: Arc<str>,
    /// The account; none for a guest.
    pub account: Option<Arc<str>>,
    /// When (milliseconds since the epoch).
    pub time: i64,
}

impl FormerUser {
    /// The author of its messages.
    pub fn author(&self) -> Author<'_> {
        let guest = self.account.is_none();
        Author { nick: &self.nick, userhost: self.userhost.as_deref(), guest }
    }
}

impl User {
    /// Its account, which has the user's name. None for a guest.
    pub fn account(&self) -> Option<&Arc<str>> {
        (!self.guest).then_some(&self.nick)
    }

    /// Whether it is an operator of the server.
    pub fn is_operator(&self) -> bool {
        self.role.is_some()
    }

    /// Whether one of its sessions is unattended.
    pub fn is_unattended(&self, session: SessionId) -> bool {
        self.unattended.contains(&session)
    }

    /// The away message by the state of its sessions; none if the person is here.
    pub fn away_now(&self) -> Option<Box<str>> {
        let unattended = self.unattended.len() == self.sessions.len();
        self.said_away.clone().or_else(|| unattended.then(|| UNATTENDED.into()))
    }

    /// What `WHOWAS` remembers of it.
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

    /// Seconds since it last sent a message.
    pub fn idle_seconds(&self, steady: i64) -> i64 {
        (steady - self.spoke) / 1000
    }

    /// The author of its messages.
    pub fn author(&self) -> Author<'_> {
        Author { nick: &self.nick, userhost: self.userhost.as_deref(), guest: self.guest }
    }
}

/// A nick as it is compared. The two share one allocation if it has no upper case.
pub fn folded(nick: &Arc<str>) -> Arc<str> {
    let folded = fold(nick);
    if *folded == **nick { nick.clone() } else { folded.into() }
}

/// The user name and host of a guest's source.
pub fn guest_userhost(username: &str, host: &str) -> Arc<str> {
    format!("~{}@{host}", shorten(username, GUEST_USERNAME_BYTES)).into()
}

/// The user name without the `~` of guests.
pub fn user_as_given(user: &User) -> &str {
    let username = user.author().username();
    username.strip_prefix('~').unwrap_or(username)
}
