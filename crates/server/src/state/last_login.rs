//! When and from where an account last logged in, failed attempts since then, and up to which event
//! somebody was present.

use crate::effects::Effects;
use crate::state::State;
use crate::state::records;
use serde::{Deserialize, Serialize};
use store::{AccountId, EventId, RecordKind};

/// The last login to an account.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LastLogin {
    /// When: milliseconds since the epoch; 0: never.
    pub time: i64,
    /// From where: the cloaked address, as others see that of a guest.
    pub from: Box<str>,
    /// Failed logins since then.
    #[serde(default)]
    pub failed: u32,
    /// The newest event while somebody was last present, as far as known: at the last line of an
    /// ended connection, or else at the login. None in older records.
    #[serde(default)]
    pub here: Option<EventId>,
}

/// The last login to an account, if there was one.
pub fn of(state: &State, account: AccountId) -> Option<LastLogin> {
    state.records.get(RecordKind::LastLogin, account, "")
}

/// A connection logs in to an account; `attended`: a person is at it. Returns the previous login.
/// Nothing else depends on this write.
pub fn logged_in(
    state: &mut State,
    out: &mut Effects,
    account: AccountId,
    from: &str,
    attended: bool,
) -> Option<LastLogin> {
    let before = of(state, account);
    let here = before.as_ref().and_then(|login| login.here);
    let here = if attended { Some(state.last_event()) } else { here };
    set(state, out, account, &LastLogin { time: state.now, from: from.into(), failed: 0, here });
    before.filter(|login| login.time > 0)
}

/// A connection to an account has ended, and was attended up to this event. A deleted account has
/// no record and gets none.
pub fn attended_until(state: &mut State, out: &mut Effects, account: AccountId, here: EventId) {
    let Some(login) = of(state, account) else { return };
    if login.here.is_none_or(|before| before < here) {
        set(state, out, account, &LastLogin { here: Some(here), ..login });
    }
}

/// A login to an account failed.
pub fn failed(state: &mut State, out: &mut Effects, account: AccountId) {
    let login = of(state, account).unwrap_or_default();
    let failed = login.failed.saturating_add(1);
    set(state, out, account, &LastLogin { failed, ..login });
}

fn set(state: &mut State, out: &mut Effects, account: AccountId, login: &LastLogin) {
    let when = out.condition();
    records::set(state, out, (RecordKind::LastLogin, account, ""), Some(login));
    out.resume(when);
}

/// The sentence about the last login.
pub fn sentence(login: &LastLogin) -> String {
    let mut time = Vec::new();
    proto::time::write_date(login.time, &mut time);
    let (time, from) = (String::from_utf8_lossy(&time), &login.from);
    match login.failed {
        0 => format!("Your last login was at {time} UTC from {from}"),
        1 => format!(
            "Your last login was at {time} UTC from {from}; since then one login has failed"
        ),
        failed => format!(
            "Your last login was at {time} UTC from {from}; since then {failed} logins have failed"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_logins_are_reported_if_there_were_any() {
        let login = |failed| LastLogin { time: 0, from: "c-1.2.parlor".into(), failed, here: None };
        assert!(sentence(&login(0)).ends_with(" UTC from c-1.2.parlor"));
        assert!(sentence(&login(1)).ends_with("one login has failed"));
        assert!(sentence(&login(3)).ends_with("3 logins have failed"));
    }
}
