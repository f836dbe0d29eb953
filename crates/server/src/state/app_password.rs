//! App passwords: drawn by the server, each for one program, good in place of the account's password.

use crate::effects::Effects;
use crate::state::State;
use crate::state::records::{self, parse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::name::fold;
use proto::scram::Keys;
use serde::{Deserialize, Serialize};
use store::{AccountId, RecordKind};

/// One app password.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AppPassword {
    /// The name its owner gave it.
    pub name: Box<str>,
    /// Its verifier.
    pub keys: StoredKeys,
    /// When it was made: milliseconds since the epoch.
    pub created: i64,
    /// When it last logged in, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<i64>,
    /// The browser it was made for, if any, such as `Firefox/Android`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<Box<str>>,
    /// When it expires; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl AppPassword {
    /// Whether it still logs in.
    pub fn is_good(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Keys as stored in a record: binary fields in base64.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct StoredKeys {
    salt: Box<str>,
    iterations: u32,
    stored: Box<str>,
    server: Box<str>,
}

impl std::fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKeys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl From<&Keys> for StoredKeys {
    fn from(keys: &Keys) -> StoredKeys {
        let written = |bytes: &[u8]| STANDARD.encode(bytes).into_boxed_str();
        StoredKeys {
            salt: written(&keys.salt),
            iterations: keys.iterations,
            stored: written(&keys.stored_key),
            server: written(&keys.server_key),
        }
    }
}

impl StoredKeys {
    /// The keys; none if they are damaged.
    pub fn keys(&self) -> Option<Keys> {
        let bytes = |text: &str| STANDARD.decode(text).ok();
        Some(Keys {
            salt: bytes(&self.salt)?.try_into().ok()?,
            iterations: self.iterations,
            stored_key: bytes(&self.stored)?.try_into().ok()?,
            server_key: bytes(&self.server)?.try_into().ok()?,
        })
    }
}

/// The valid app passwords of an account, by name.
pub fn of(state: &State, account: AccountId) -> impl Iterator<Item = AppPassword> {
    all(state, account).filter(|one| one.is_good(state.now))
}

fn all(state: &State, account: AccountId) -> impl Iterator<Item = AppPassword> {
    state.records.of(RecordKind::AppPassword, account).filter_map(|(_, value)| parse(value))
}

/// Their names and keys.
pub fn keys_of(state: &State, account: AccountId) -> Vec<(Box<str>, Keys)> {
    of(state, account).filter_map(|one| Some((one.name, one.keys.keys()?))).collect()
}

/// The app password of this name, ignoring case.
pub fn find(state: &State, account: AccountId, name: &str) -> Option<AppPassword> {
    let found: Option<AppPassword> =
        state.records.get(RecordKind::AppPassword, account, &fold(name));
    found.filter(|one| one.is_good(state.now))
}

/// Adds an app password, or changes one.
pub fn set(state: &mut State, out: &mut Effects, account: AccountId, one: &AppPassword) {
    records::set(state, out, (RecordKind::AppPassword, account, &fold(&one.name)), Some(one));
}

/// Revokes an app password.
pub fn remove(state: &mut State, out: &mut Effects, account: AccountId, name: &str) {
    records::remove(state, out, (RecordKind::AppPassword, account, &fold(name)));
}

/// Removes the expired ones of an account. Nothing else depends on that write.
pub fn expire(state: &mut State, out: &mut Effects, account: AccountId) {
    let over = all(state, account).filter(|one| !one.is_good(state.now));
    for one in over.collect::<Vec<_>>() {
        let when = out.condition();
        remove(state, out, account, &one.name);
        out.resume(when);
    }
}

/// It was used to log in. Nothing else depends on that write.
pub fn used(state: &mut State, out: &mut Effects, account: AccountId, name: &str) {
    if let Some(one) = find(state, account, name) {
        let when = out.condition();
        let used = Some(state.now);
        set(state, out, account, &AppPassword { used, ..one });
        out.resume(when);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_password_is_valid_until_it_expires() {
        let keys = StoredKeys::from(&Keys::derive("secret", [7; 16], 1));
        let (name, until) = ("web".into(), Some(10));
        let one = AppPassword { name, keys, created: 0, used: None, browser: None, until };
        assert!(one.is_good(9) && !one.is_good(10));
        assert!(AppPassword { until: None, ..one.clone() }.is_good(i64::MAX));
        // As earlier versions wrote it.
        let text = serde_json::to_string(&AppPassword { until: None, ..one }).unwrap();
        assert!(!text.contains("until"), "{text}");
        assert_eq!(parse::<AppPassword>(&text).unwrap().until, None);
    }

    #[test]
    fn keys_survive_storage_and_are_never_printed() {
        let keys = Keys::derive("secret", [7; 16], 4096);
        let stored = StoredKeys::from(&keys);
        let text = serde_json::to_string(&stored).expect("it is plain");
        let read: StoredKeys = serde_json::from_str(&text).expect("it was written so");
        assert!(read.keys() == Some(keys));
        assert_eq!(format!("{read:?}"), "StoredKeys { iterations: 4096, .. }");
        let damaged = StoredKeys { salt: "AAAA".into(), ..read };
        assert!(damaged.keys().is_none());
    }
}
