//! Suspended accounts and expired one-time codes: both refuse logins with the right password. Bans
//! from the server are in [`crate::state::server_bans`].

use crate::state::State;
use proto::scram::Keys;
use serde::{Deserialize, Serialize};
use store::{Account, AccountId, RecordKind};

/// The [`RecordKind::AccountSetting`] key of a suspension.
pub const SUSPENDED: &str = "suspended";

/// The [`RecordKind::AccountSetting`] key of a one-time code.
pub const RESET: &str = "reset";

/// A one-time code that is the password of an account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reset {
    /// Who issued it.
    pub by: Box<str>,
    /// When it expires (milliseconds since the epoch).
    pub until: i64,
    /// The first bytes of its key; if the account's key differs, there is a new password.
    pub key: [u8; 8],
}

impl Reset {
    /// What its owner is told.
    pub fn sentence(&self) -> String {
        let until = date(self.until);
        format!(
            "Your password is a one-time code that stops working {until} UTC: set a new one now, before anything else, with ACCOUNT PASSWORD new-password (in many clients: /quote ACCOUNT PASSWORD new-password)"
        )
    }
}

/// The suspension of an account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Suspension {
    /// Why.
    pub reason: Box<str>,
    /// Who did it.
    pub by: Box<str>,
    /// When (milliseconds since the epoch).
    pub set: i64,
    /// When it ends; none: never.
    pub until: Option<i64>,
}

impl Suspension {
    /// What the account's owner is told.
    pub fn sentence(&self) -> String {
        sentence("This account is suspended", &self.reason, self.until)
    }
}

/// The first bytes of a password's key, to recognize it by.
pub fn short_key(keys: &Keys) -> [u8; 8] {
    std::array::from_fn(|at| keys.stored_key[at])
}

impl State {
    /// The one-time code that is the password of an account, if it is one.
    pub fn reset(&self, account: &Account) -> Option<Reset> {
        let found = self.records.get(RecordKind::AccountSetting, account.id, RESET);
        found.filter(|found: &Reset| found.key == short_key(&account.keys))
    }

    /// The suspension of an account, if there is one.
    pub fn suspension(&self, account: AccountId) -> Option<Suspension> {
        let found = self.records.get(RecordKind::AccountSetting, account, SUSPENDED);
        found.filter(|found: &Suspension| found.until.is_none_or(|until| until > self.now))
    }
}

/// A sentence with a reason and an end.
pub fn sentence(what: &str, reason: &str, until: Option<i64>) -> String {
    match until {
        Some(until) => format!("{what} until {} UTC: {reason}", date(until)),
        None => format!("{what}: {reason}"),
    }
}

/// A time (milliseconds since the epoch) for people.
pub fn date(time: i64) -> String {
    let mut text = Vec::new();
    proto::time::write_date(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A time for programs.
pub fn stamp(time: i64) -> String {
    let mut text = Vec::new();
    proto::time::write_server_time(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
