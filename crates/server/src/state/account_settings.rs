//! Settings of an account: strict login, who invited it, and from whom it accepts private messages.

use crate::effects::Effects;
use crate::state::State;
use crate::state::records;
use serde::{Deserialize, Serialize};
use store::{AccountId, RecordKind};

/// The key of strict login: the password alone does not log in.
const STRICT: &str = "strict";
/// The key of who invited the account.
const INVITED: &str = "invited";

/// Who invited an account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct InvitedBy {
    /// Their name at that time.
    pub by: Box<str>,
    /// Their account.
    pub account: AccountId,
    /// When: milliseconds since the epoch.
    pub time: i64,
}

/// From whom an account accepts private messages.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PmPolicy {
    /// From everybody.
    #[default]
    Everyone,
    /// From people in a common room other than the lobby.
    Shared,
    /// From nobody.
    Nobody,
}

impl PmPolicy {
    /// All of them, with their names in the protocol.
    pub const ALL: [(PmPolicy, &'static str); 3] = [
        (PmPolicy::Everyone, "everyone"),
        (PmPolicy::Shared, "shared"),
        (PmPolicy::Nobody, "nobody"),
    ];

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// The policy of this name.
    pub fn from_name(name: &str) -> Option<PmPolicy> {
        Self::ALL.iter().find(|(_, one)| one.eq_ignore_ascii_case(name)).map(|(one, _)| *one)
    }
}

/// Whether the password alone does not log in.
pub fn is_strict(state: &State, account: AccountId) -> bool {
    state.records.get(RecordKind::AccountSetting, account, STRICT).unwrap_or(false)
}

/// Sets strict login.
pub fn set_strict(state: &mut State, out: &mut Effects, account: AccountId, strict: bool) {
    records::set(
        state,
        out,
        (RecordKind::AccountSetting, account, STRICT),
        strict.then_some(&true),
    );
}

/// Who invited an account.
pub fn invited_by(state: &State, account: AccountId) -> Option<InvitedBy> {
    state.records.get(RecordKind::AccountSetting, account, INVITED)
}

/// Stores who invited an account.
pub fn set_invited_by(state: &mut State, out: &mut Effects, account: AccountId, by: &InvitedBy) {
    records::set(state, out, (RecordKind::AccountSetting, account, INVITED), Some(by));
}

/// From whom an account accepts private messages.
pub fn pm_policy(state: &State, account: AccountId) -> PmPolicy {
    state.records.get(RecordKind::PrivateMessages, account, "").unwrap_or_default()
}

/// Sets from whom an account accepts private messages.
pub fn set_pm_policy(state: &mut State, out: &mut Effects, account: AccountId, from: PmPolicy) {
    let value = (from != PmPolicy::Everyone).then_some(&from);
    records::set(state, out, (RecordKind::PrivateMessages, account, ""), value);
}
