//! Names that can no longer be registered: those of deleted accounts, and former names of renamed
//! accounts, which still lead to them.

use crate::effects::Effects;
use crate::state::State;
use crate::state::lookalikes::skeleton;
use crate::state::records::{self, SERVER};
use proto::name::{fold, same};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::RecordKind;

/// Why a name cannot be registered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reserved {
    /// Since when: milliseconds since the epoch.
    pub since: i64,
    /// The account's new name; none if the account was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<Box<str>>,
    /// The name as it was spelled, if known: its skeleton depends on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spelled: Option<Box<str>>,
}

/// The skeletons of these names, each with the folded name.
pub type FormerSkeletons = BTreeSet<(Box<str>, Box<str>)>;

/// The record of a name has changed or is gone; `before` is the old one.
pub fn changed(state: &mut State, key: &str, before: Option<&str>) {
    let after = state.records.raw(RecordKind::ReservedName, SERVER, key).map(str::to_owned);
    if let Some(before) = before {
        state.former_skeletons.remove(&look(key, before));
    }
    if let Some(after) = after {
        state.former_skeletons.insert(look(key, &after));
    }
}

fn look(key: &str, record: &str) -> (Box<str>, Box<str>) {
    let spelled = records::parse::<Reserved>(record).and_then(|kept| kept.spelled);
    (skeleton(spelled.as_deref().unwrap_or(key)), key.into())
}

/// Whether a name looks like one of these, other than the former names of the account `own`.
pub fn has_lookalike(state: &State, name: &str, own: Option<&str>) -> bool {
    let look = skeleton(name);
    let from = state.former_skeletons.range((look.clone(), "".into())..);
    let mut alike = from.take_while(|(of, _)| *of == look);
    alike.any(|(_, former)| own.is_none() || current(state, former) != own.map(fold))
}

/// Whether a name belonged to an account that was deleted or renamed.
pub fn is_reserved(state: &State, name: &str) -> bool {
    state.records.raw(RecordKind::ReservedName, SERVER, &fold(name)).is_some()
}

/// The present folded name of the account that formerly had this name.
pub fn current(state: &State, name: &str) -> Option<String> {
    let kept: Reserved = state.records.get(RecordKind::ReservedName, SERVER, &fold(name))?;
    kept.renamed_to.map(|name| fold(&name))
}

/// The account of this name is being deleted: the name and its former names stay reserved.
pub fn deleted(state: &mut State, out: &mut Effects, name: &str) {
    let mut names = leading_to(state, name);
    names.push(name.to_owned());
    for name in names {
        reserve(state, out, &name, None);
    }
}

/// The account `old` is renamed to `new`: all its former names lead there.
pub fn renamed(state: &mut State, out: &mut Effects, old: &str, new: &str) {
    let mut names = leading_to(state, old);
    names.push(old.to_owned());
    for name in names {
        match same(&name, new) {
            true if !is_reserved(state, new) => {}
            true => records::remove(state, out, (RecordKind::ReservedName, SERVER, &name)),
            false => reserve(state, out, &name, Some(new.into())),
        }
    }
}

fn reserve(state: &mut State, out: &mut Effects, name: &str, renamed_to: Option<Box<str>>) {
    let key = fold(name);
    let known: Option<Reserved> = state.records.get(RecordKind::ReservedName, SERVER, &key);
    let spelled =
        known.and_then(|known| known.spelled).or_else(|| (*key != *name).then(|| name.into()));
    let reserved = Reserved { since: state.now, renamed_to, spelled };
    records::set(state, out, (RecordKind::ReservedName, SERVER, &*key), Some(&reserved));
}

/// The account of this name is removed, and its name and former names become free.
pub fn free(state: &mut State, out: &mut Effects, name: &str) {
    for former in leading_to(state, name) {
        records::remove(state, out, (RecordKind::ReservedName, SERVER, &former));
    }
}

/// The folded former names of the account of this name.
fn leading_to(state: &State, name: &str) -> Vec<String> {
    let leads = |value: &str| {
        let kept = records::parse::<Reserved>(value).and_then(|kept| kept.renamed_to);
        kept.is_some_and(|renamed_to| same(&renamed_to, name))
    };
    let all = state.records.of(RecordKind::ReservedName, SERVER);
    all.filter(|(_, value)| leads(value)).map(|(key, _)| key.to_owned()).collect()
}
