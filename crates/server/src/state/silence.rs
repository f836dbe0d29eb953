//! Ignore lists (`SILENCE`). Those who are ignored are not told: their messages are stored and
//! confirmed, and shown only to themselves.

use crate::effects::Silence;
use crate::state::State;
use crate::state::founder::name_of;
use crate::state::records;
use crate::state::room::MaskSubject;
use crate::state::user::UserId;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::RecordKind;

/// All ignore lists.
pub type Silences = BTreeMap<UserId, Vec<Silence>>;

/// The key of an entry's record.
pub fn key(entry: &Silence) -> String {
    match entry {
        Silence::Account(id) => format!("$a:{id}"),
        Silence::Mask(mask) => mask.to_ascii_lowercase(),
    }
}

/// An entry as its owner sees it.
pub fn shown(entry: &Silence, state: &State) -> Arc<str> {
    match entry {
        Silence::Account(id) => name_of(state, *id),
        Silence::Mask(mask) => (&**mask).into(),
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
    let Some(list) = state.silences.get(&receiver).filter(|_| receiver != user) else {
        return false;
    };
    let mut steps = who.steps.get();
    let ignored = list.iter().any(|entry| entry.matches(user, &who.source, &mut steps));
    who.steps.set(steps);
    ignored
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(entry: &Silence, account: UserId, source: &str) -> bool {
        entry.matches(account, source, &mut 0)
    }

    #[test]
    fn an_account_is_ignored_by_its_id_and_others_by_their_source() {
        let account = Silence::Account(7);
        assert!(matches(&account, 7, "bob!bob@parlor"));
        assert!(!matches(&account, 8, "bob!bob@parlor"));
        let mask = Silence::Mask("troll*!*@*".into());
        assert!(matches(&mask, 8, "Troll2!~x@host"));
        assert!(!matches(&mask, 8, "bob!~x@host"));
        for (entry, json, expected) in [
            (account, r#"{"account":7}"#, "$a:7"),
            (mask, r#"{"mask":"troll*!*@*"}"#, "troll*!*@*"),
        ] {
            assert_eq!(serde_json::to_string(&entry).unwrap(), json);
            assert_eq!(key(&entry), expected);
            assert_eq!(records::parse(json), Some(entry));
        }
    }
}
