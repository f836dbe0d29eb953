//! Renaming an account. Everything stored by its number stays as it is; this is about the few
//! things stored by its name.

use crate::state::State;
use crate::state::apply_context::ApplyContext;
use crate::state::ban_terms::{self, BanTerms};
use crate::state::certificates::Owner;
use crate::state::former_names;
use crate::state::membership;
use crate::state::records;
use crate::state::room::ACCOUNT_MASK;
use crate::state::undo::Undo;
use crate::state::user::folded;
use proto::name::{fold, same};
use std::sync::Arc;
use store::{Account, RecordKind, RoomId, Write};

/// Renames an account to a free name and tells everybody concerned; further effects depend on the
/// write.
pub fn rename(context: &mut ApplyContext<'_>, account: &Arc<Account>, name: &str) {
    let (id, old) = (account.id, account.name.clone());
    let after = Arc::new(Account { name: name.into(), ..Account::clone(account) });
    let online = context.state.users.contains_key(&id);
    let news = online.then(|| context.passing(id, "NICK", &[name], None));
    if let Some(user) = context.state.users.get(&id).filter(|_| !same(&old, name)) {
        let left = user.left(context.state.now);
        membership::remember(context.state, left);
    }
    for room in rooms_that_list(context, &old) {
        replace_masks(context, room, &old, name);
    }
    let (state, out) = (&mut *context.state, &mut *context.out);
    former_names::renamed(state, out, &old, name);
    put(state, &after);
    state.undo.note(out, Undo::AccountName(account.clone()));
    out.write(Write::Account(Account::clone(&after)));
    if let Some(news) = news {
        membership::tell_common_rooms(context.state, context.out, id, news);
        context.tell_user(id, news);
    }
}

/// Replaces an account by one with another name; returns the old one.
pub fn put(state: &mut State, after: &Arc<Account>) -> Option<Arc<Account>> {
    let id = after.id;
    let before = state.accounts.values().find(|account| account.id == id)?.clone();
    state.remove_account(id);
    state.add_account(after.clone());
    for certificate in state.certificates.of(id).collect::<Vec<_>>() {
        let proved = state.certificates.owner(certificate).is_some_and(|owner| owner.proved);
        let owner = Owner { account: id, name: after.name.clone(), proved };
        state.certificates.set(certificate, Some(owner));
    }
    if let Some(user) = state.users.get_mut(&id) {
        // The user name in the source stays, as when a guest changes nick.
        let username: Arc<str> = user.author().username().into();
        user.userhost = Some(username).filter(|username| **username != *after.name);
        user.nick = after.name.clone();
        state.nicks.remove(&*fold(&before.name));
        state.nicks.insert(folded(&after.name), id);
    }
    Some(before)
}

/// An account could not be renamed: restores the old name.
pub fn undo(state: &mut State, before: &Arc<Account>) {
    let Some(after) = put(state, before) else { return };
    if same(&after.name, &before.name) {
        return;
    }
    let of_it = |left: &crate::state::user::FormerUser| *left.nick == *before.name;
    if let Some(at) = state.left.iter().rposition(of_it)
        && state.users.contains_key(&before.id)
    {
        state.left.remove(at);
    }
}

/// The rooms that list the account in one of their lists.
fn rooms_that_list(context: &mut ApplyContext<'_>, name: &str) -> Vec<RoomId> {
    let mask = format!("{ACCOUNT_MASK}{name}");
    let mut work = 0;
    let rooms = context.state.rooms.values().inspect(|room| {
        work += 1 + room.settings.lists.len() as u64;
    });
    let lists = |room: &&crate::state::room::Room| {
        room.settings.lists.iter().any(|entry| entry.mask.eq_ignore_ascii_case(&mask))
    };
    let found = rooms.filter(lists).map(|room| room.id).collect();
    context.out.spend(work);
    found
}

/// List entries about the account get its new name.
fn replace_masks(context: &mut ApplyContext<'_>, id: RoomId, old: &str, new: &str) {
    let (old, new) = (format!("{ACCOUNT_MASK}{old}"), format!("{ACCOUNT_MASK}{new}"));
    let Some(room) = context.state.rooms.get_mut(&id) else { return };
    let before = room.settings.clone();
    let mut moved: Vec<(char, BanTerms)> = Vec::new();
    for entry in before.lists.iter().filter(|entry| entry.mask.eq_ignore_ascii_case(&old)) {
        moved.push((entry.mode, room.terms(entry)));
    }
    for entry in &mut room.settings.lists {
        if entry.mask.eq_ignore_ascii_case(&old) {
            entry.mask = new.as_str().into();
        }
    }
    membership::settings_changed(context, id, before);
    let (state, out) = (&mut *context.state, &mut *context.out);
    for (mode, terms) in moved {
        ban_terms::forget(state, out, id, mode, &old);
        if terms != BanTerms::default() {
            let key = ban_terms::key(mode, &new);
            records::set(state, out, (RecordKind::RoomBan, id, &key), Some(&terms));
        }
    }
}
