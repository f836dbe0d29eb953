//! Who may not log in though they prove who they are: those whose account is suspended. Bans from the
//! server are in [`crate::state::server_bans`].

use crate::state::State;
use serde::{Deserialize, Serialize};
use store::{AccountId, RecordKind};

/// The key of the [`RecordKind::Standing`] that says that an account is suspended.
pub const SUSPENDED: &str = "suspended";

/// An account is suspended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Suspension {
    /// Why.
    pub reason: Box<str>,
    /// Who did it.
    pub by: Box<str>,
    /// When (milliseconds since the epoch).
    pub set: i64,
    /// When it ends; none: not by itself.
    pub until: Option<i64>,
}

impl Suspension {
    /// What the one who is suspended is told.
    pub fn sentence(&self) -> String {
        sentence("This account is suspended", &self.reason, self.until)
    }
}

impl State {
    /// Why an account is suspended, if it is.
    pub fn suspension(&self, account: AccountId) -> Option<Suspension> {
        let found = self.records.get(RecordKind::Standing, account, SUSPENDED);
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

/// A time, in milliseconds since the epoch, as people read it.
pub fn date(time: i64) -> String {
    let mut text = Vec::new();
    proto::time::write_date(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A time as programs read it.
pub fn stamp(time: i64) -> String {
    let mut text = Vec::new();
    proto::time::write_server_time(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
