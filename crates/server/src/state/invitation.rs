//! Invitations to register: a code that admits a number of people, for some time.

use crate::effects::Effects;
use crate::limits::INVITATION_CODE_CHARS;
use crate::secret;
use crate::state::State;
use crate::state::records::{self, SERVER, parse};
use serde::{Deserialize, Serialize};
use store::{AccountId, RecordKind};

/// One invitation.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Invitation {
    /// Who made it: their name at that time.
    pub by: Box<str>,
    /// Their account.
    pub account: AccountId,
    /// When: milliseconds since the epoch.
    pub created: i64,
    /// How many more people it admits.
    pub uses: u32,
    /// When it expires; none: never.
    #[serde(default)]
    pub expires: Option<i64>,
    /// The rooms that invited people join.
    #[serde(default)]
    pub rooms: Vec<Box<str>>,
    /// Its maker's note.
    #[serde(default)]
    pub note: Box<str>,
}

impl Invitation {
    /// Whether it still admits people.
    pub fn is_good(&self, now: i64) -> bool {
        self.uses > 0 && self.expires.is_none_or(|expires| now < expires)
    }
}

/// The record key of a code, however it was typed.
fn key(code: &str) -> String {
    let mut key = secret::normal(code);
    key.truncate(key.floor_char_boundary(2 * INVITATION_CODE_CHARS));
    key
}

/// The valid invitation of a code.
pub fn find(state: &State, code: &str) -> Option<Invitation> {
    let found: Option<Invitation> = state.records.get(RecordKind::Invitation, SERVER, &key(code));
    found.filter(|invitation| invitation.is_good(state.now))
}

/// All invitations with their codes, of one account or of all.
pub fn all(state: &State, of: Option<AccountId>) -> Vec<(Box<str>, Invitation)> {
    let all = state.records.of(RecordKind::Invitation, SERVER);
    let all = all.filter_map(|(code, value)| Some((code.into(), parse::<Invitation>(value)?)));
    all.filter(|(_, one)| of.is_none_or(|of| one.account == of) && one.is_good(state.now)).collect()
}

/// Adds one.
pub fn add(state: &mut State, out: &mut Effects, code: &str, invitation: &Invitation) {
    records::set(state, out, (RecordKind::Invitation, SERVER, &key(code)), Some(invitation));
}

/// Removes one.
pub fn remove(state: &mut State, out: &mut Effects, code: &str) {
    records::remove(state, out, (RecordKind::Invitation, SERVER, &key(code)));
}

/// Somebody has used it: after the last use it is gone.
pub fn used(state: &mut State, out: &mut Effects, code: &str) {
    let Some(mut invitation) = find(state, code) else { return };
    invitation.uses -= 1;
    match invitation.uses {
        0 => remove(state, out, code),
        _ => add(state, out, code, &invitation),
    }
}

/// Removes invitations that admit nobody any more. Nothing else depends on that write.
pub fn expire(state: &mut State, out: &mut Effects) {
    let all = state.records.of(RecordKind::Invitation, SERVER);
    let all = all.filter_map(|(code, value)| Some((code, parse::<Invitation>(value)?)));
    let over = all.filter(|(_, one)| !one.is_good(state.now));
    for code in over.map(|(code, _)| Box::<str>::from(code)).collect::<Vec<_>>() {
        let when = out.condition();
        remove(state, out, &code);
        out.resume(when);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_valid_until_it_is_used_up_or_expires() {
        let mut invitation = Invitation {
            by: "ann".into(),
            account: 1,
            created: 0,
            uses: 1,
            expires: Some(10),
            rooms: Vec::new(),
            note: "".into(),
        };
        assert!(invitation.is_good(9));
        assert!(!invitation.is_good(10));
        invitation.expires = None;
        assert!(invitation.is_good(i64::MAX));
        invitation.uses = 0;
        assert!(!invitation.is_good(0));
    }

    #[test]
    fn a_code_may_be_typed_in_any_case_and_grouping() {
        assert_eq!(key("ABCD-efgh-2345"), key("abcdefgh2345"));
        assert!(key(&"ä".repeat(400)).len() <= 2 * INVITATION_CODE_CHARS);
    }
}
