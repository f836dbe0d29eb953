//! Whom a user does not want to hear (`SILENCE`). Those who are ignored are told nothing of it: their
//! messages are stored and confirmed, and shown to nobody but themselves.

use crate::state::State;
use crate::state::founder::name_of;
use crate::state::records;
use crate::state::room::MaskSubject;
use crate::state::user::UserId;
use proto::mask::matches_counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{AccountId, RecordKind};

/// Whom all users ignore.
pub type Silences = BTreeMap<UserId, Vec<Silence>>;

/// One entry of a list: an account, or a mask of sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// An account, whatever it is called.
    Account(AccountId),
    /// `nick!user@host`
    Mask(Box<str>),
}

impl Silence {
    /// The key of its record.
    pub fn key(&self) -> String {
        match self {
            Silence::Account(id) => format!("$a:{id}"),
            Silence::Mask(mask) => mask.to_ascii_lowercase(),
        }
    }

    /// As its owner sees it.
    pub fn shown(&self, state: &State) -> Arc<str> {
        match self {
            Silence::Account(id) => name_of(state, *id),
            Silence::Mask(mask) => (&**mask).into(),
        }
    }

    /// Whether somebody is meant.
    pub fn fits(&self, user: UserId, who: &MaskSubject) -> bool {
        match self {
            Silence::Account(id) => *id == user,
            Silence::Mask(mask) => {
                let mut steps = who.steps.get();
                let fits = matches_counted(mask, &who.source, &mut steps);
                who.steps.set(steps);
                fits
            }
        }
    }
}

/// The list of a user has changed.
pub fn changed(state: &mut State, user: UserId) {
    let list: Vec<Silence> = state
        .records
        .of(RecordKind::Silence, user)
        .filter_map(|(_, value)| records::parse(value))
        .collect();
    match list.is_empty() {
        true => state.silences.remove(&user),
        false => state.silences.insert(user, list),
    };
}

/// Whether `receiver` ignores somebody.
pub fn ignores(state: &State, receiver: UserId, user: UserId, who: &MaskSubject) -> bool {
    let list = state.silences.get(&receiver);
    receiver != user && list.is_some_and(|list| list.iter().any(|entry| entry.fits(user, who)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn who(source: &str) -> MaskSubject {
        MaskSubject { source: source.into(), account: None, steps: Cell::new(0) }
    }

    #[test]
    fn an_account_is_ignored_by_its_number_and_others_by_their_source() {
        let account = Silence::Account(7);
        assert!(account.fits(7, &who("bob!bob@parlor")));
        assert!(!account.fits(8, &who("bob!bob@parlor")));
        let mask = Silence::Mask("troll*!*@*".into());
        assert!(mask.fits(8, &who("Troll2!~x@host")));
        assert!(!mask.fits(8, &who("bob!~x@host")));
        for (entry, json, key) in [
            (account, r#"{"account":7}"#, "$a:7"),
            (mask, r#"{"mask":"troll*!*@*"}"#, "troll*!*@*"),
        ] {
            assert_eq!(serde_json::to_string(&entry).unwrap(), json);
            assert_eq!(entry.key(), key);
            assert_eq!(records::parse(json), Some(entry));
        }
    }
}
