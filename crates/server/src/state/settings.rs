//! The settings that rules of the state depend on: the same on every node, because they change by an
//! entry. All others belong to a node.

use crate::config::{Config, Registration, Role};
use proto::name::{fold, same};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What rules of the state depend on, named as in the config file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Settings {
    /// `[server] name`
    pub name: Box<str>,
    /// `[server] lobby`
    pub lobby: Box<str>,
    /// `[server] guest_rooms`
    pub guest_rooms: Option<Vec<String>>,
    /// `[server] remember_rooms`
    pub remember_rooms: bool,
    /// `[limits] large_room`
    pub large_room: usize,
    /// `[limits] rooms_per_user`
    pub rooms_per_user: usize,
    /// `[limits] sessions_per_account`
    pub sessions_per_account: usize,
    /// `[history] keep_days`
    pub keep_days: u32,
    /// `[history] keep_per_room`
    pub keep_per_room: u32,
    /// `[accounts] expire_days`
    pub expire_days: u32,
    /// `[accounts] registration`
    pub registration: Registration,
    /// `[accounts] delete_messages`
    pub delete_messages: bool,
    /// `[accounts] member_invitations`
    pub member_invitations: bool,
    /// `[accounts] operators_need_2fa`
    pub operators_need_2fa: bool,
    /// `[[operator]]`: the roles of accounts, by folded name.
    roles: BTreeMap<Box<str>, Role>,
}

impl Settings {
    /// The role of an account, if it has one.
    pub fn role_of(&self, account: &str) -> Option<Role> {
        self.roles.get(&*fold(account)).copied()
    }

    /// The first key of the config file in which these settings differ from others.
    pub fn difference(&self, other: &Settings) -> Option<&'static str> {
        let Settings { name, lobby, guest_rooms, remember_rooms, large_room, .. } = self;
        let all = [
            ("[server] name", *name == other.name),
            ("[server] lobby", *lobby == other.lobby),
            ("[server] guest_rooms", *guest_rooms == other.guest_rooms),
            ("[server] remember_rooms", *remember_rooms == other.remember_rooms),
            ("[limits] large_room", *large_room == other.large_room),
            ("[limits] rooms_per_user", self.rooms_per_user == other.rooms_per_user),
            (
                "[limits] sessions_per_account",
                self.sessions_per_account == other.sessions_per_account,
            ),
            ("[history] keep_days", self.keep_days == other.keep_days),
            ("[history] keep_per_room", self.keep_per_room == other.keep_per_room),
            ("[accounts] expire_days", self.expire_days == other.expire_days),
            ("[accounts] registration", self.registration == other.registration),
            ("[accounts] delete_messages", self.delete_messages == other.delete_messages),
            ("[accounts] member_invitations", self.member_invitations == other.member_invitations),
            ("[accounts] operators_need_2fa", self.operators_need_2fa == other.operators_need_2fa),
            ("[[operator]]", self.roles == other.roles),
        ];
        all.iter().find(|(_, same)| !same).map(|(key, _)| *key)
    }

    /// Whether any account has a role.
    pub fn has_roles(&self) -> bool {
        !self.roles.is_empty()
    }

    /// Whether somebody may enter a room as a guest.
    pub fn lets_guests_into(&self, name: &str) -> bool {
        self.guest_rooms.as_ref().is_none_or(|rooms| rooms.iter().any(|room| same(room, name)))
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Settings {
        let Config { server, limits, history, accounts, .. } = config;
        let accounts_with_roles = config.operator.iter().filter_map(|one| one.account.as_deref());
        let roles = accounts_with_roles
            .filter_map(|name| Some((fold(name).into(), config.role_of(name)?)))
            .collect();
        Settings {
            name: server.name.as_str().into(),
            lobby: server.lobby.as_str().into(),
            guest_rooms: server.guest_rooms.clone(),
            remember_rooms: server.remember_rooms,
            large_room: limits.large_room,
            rooms_per_user: limits.rooms_per_user,
            sessions_per_account: limits.sessions_per_account,
            keep_days: history.keep_days,
            keep_per_room: history.keep_per_room,
            expire_days: accounts.expire_days,
            registration: accounts.registration,
            delete_messages: accounts.delete_messages,
            member_invitations: accounts.member_invitations,
            operators_need_2fa: accounts.operators_need_2fa,
            roles,
        }
    }
}
