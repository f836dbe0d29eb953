//! Invariants checked after every step.

use crate::hub::Hub;
use crate::session::budget::Payer;
use crate::state::State;
use crate::state::ban_terms;
use crate::state::lookalikes::Skeletons;
use std::collections::{BTreeMap, BTreeSet};
use store::{ListEntry, RecordOwner};

/// Checks all invariants.
pub(super) fn check(hub: &Hub) {
    let (state, node) = (&hub.state, &hub.node);
    let open: BTreeSet<_> = node
        .sessions
        .iter()
        .filter_map(|(id, session)| Some((session.batch.as_ref()?.message.as_ref()?.due, id)))
        .collect();
    assert_eq!(node.batches, open, "an open batch has a deadline, and no other has");
    for (id, session) in node.sessions.iter() {
        let mut watched = session.watched.keys();
        assert!(watched.all(|folded| node.watchers[folded].contains(&id)), "a watcher is known");
        if let Some(user) = session.user {
            assert!(session.registration.is_none());
            assert!(state.users[&user].sessions.contains(&id), "a session's user knows it");
        } else {
            assert_eq!(session.registration.is_none(), session.console);
        }
    }
    let consoles = node.sessions.iter().filter(|(_, session)| session.console);
    assert_eq!(node.consoles, consoles.count(), "those at the admin socket are counted");
    for (id, user) in &state.users {
        assert_eq!(user.id, *id);
        assert!(!user.sessions.is_empty(), "nobody is online without a session");
        assert_eq!(state.nicks[&*proto::name::fold(&user.nick)], *id, "no name twice");
        for session in &user.sessions {
            assert_eq!(node.sessions[session].user, Some(*id));
        }
        if let Some(lobby) = state.lobby {
            assert!(user.rooms.contains(&lobby), "nobody is without the lobby");
        }
        for room in &user.rooms {
            assert!(state.rooms[room].members[id].online, "a user's rooms know the user");
        }
        let account = state.account(&user.nick).map(|account| account.id);
        assert_eq!(account, (!user.guest).then_some(*id), "a name is its account's");
    }
    let mut open = std::collections::BTreeMap::<_, usize>::new();
    for (_, session) in node.sessions.iter().filter(|(_, session)| !session.console) {
        *open.entry(crate::networks::address_key(session.address)).or_default() += 1;
    }
    assert_eq!(node.admission.open_by_address(), open, "each connection counts for one address");
    let mut payers = std::collections::BTreeMap::<_, u32>::new();
    for (_, session) in node.sessions.iter() {
        *payers.entry(Payer::address(session.address)).or_default() += 1;
        if let Some(user) = session.user {
            *payers.entry(Payer::User(user)).or_default() += 1;
        }
    }
    assert_eq!(node.budgets.holders(), payers, "each session draws on two budgets");
    for (certificate, owner) in state.certificates.iter() {
        assert_eq!(state.account(&owner.name).map(|account| account.id), Some(owner.account));
        assert!(state.certificates.of(owner.account).any(|one| one == certificate));
    }
    let watching = |(folded, id)| node.sessions[id].watched.contains_key(folded);
    let pairs = |(folded, ids)| std::iter::repeat(folded).zip(ids);
    assert!(node.watchers.iter().flat_map(pairs).all(watching), "who is told of a name asked");
    assert_eq!(state.nicks.len(), state.users.len());
    for (id, keys) in &state.metadata.users {
        let account = state.accounts.values().any(|account| account.id == *id);
        assert!(account || state.users.contains_key(id), "metadata is somebody's");
        assert!(!keys.is_empty());
    }
    for record in state.records.all() {
        let owner = record.owner;
        let there = match record.kind.owner() {
            RecordOwner::Server => true,
            RecordOwner::Room => state.rooms.contains_key(&owner),
            RecordOwner::Account => {
                state.users.contains_key(&owner)
                    || state.accounts.values().any(|account| account.id == owner)
            }
        };
        assert!(there, "a record is of somebody or something: {record:?}");
    }
    for session in node.subscriptions.all_subscribed() {
        assert!(node.sessions.contains_key(&session), "who is subscribed is there");
    }
    for user in state.dormant.days.keys() {
        let account = state.accounts.values().any(|account| account.id == *user);
        assert!(account || state.users.contains_key(user), "who is silent is somebody");
    }
    for (user, of, _) in state.read_markers.iter() {
        let account = state.accounts.values().any(|account| account.id == user);
        assert!(account || state.users.contains_key(&user), "a marker is somebody's");
        assert!(of.as_room().is_none_or(|room| state.rooms.contains_key(&room)));
    }
    check_rooms(state);
    assert_eq!(state.room_names.len(), state.rooms.len());
    for (id, room) in &state.rooms {
        assert_eq!(state.room_names[&proto::name::fold(&room.name)], *id);
        let online = room.members.values().filter(|member| member.online).count();
        assert_eq!(online, room.online);
        for (user, member) in &room.members {
            if member.online {
                assert!(state.users[user].rooms.contains(id), "who is in a room knows it");
            } else {
                assert!(state.remembered[user].contains(id), "who is away will be back");
                assert!(state.settings.remember_rooms && Some(*id) != state.lobby);
                assert!(state.accounts.values().any(|account| account.id == *user));
            }
        }
    }
}

/// What is derived from records must match them.
fn check_rooms(state: &State) {
    let (mut founders, mut ends) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new());
    for room in state.rooms.values() {
        if let Some(founder) = room.founder {
            let account = state.accounts.values().any(|account| account.id == founder);
            assert!(account, "whose a room is has an account");
            founders.entry(founder).or_default().insert(room.id);
        }
        for (key, terms) in &room.terms {
            let same = |entry: &ListEntry| ban_terms::key(entry.mode, &entry.mask) == **key;
            assert!(room.settings.lists.iter().any(same), "terms are of an entry");
            ends.extend(terms.until.map(|until| (until, room.id, key.clone())));
        }
    }
    assert_eq!(state.founders, founders, "whose which rooms are is known");
    assert_eq!(state.ban_expiries, ends, "when what ends is known");
}

/// Skeletons are indexed, and no two names look alike. Too slow to check after each step.
pub(super) fn check_looks(state: &State) {
    let (mut accounts, mut rooms) = (Skeletons::default(), Skeletons::default());
    state.accounts.values().for_each(|account| accounts.add(&account.name, account.id));
    state.rooms.values().for_each(|room| rooms.add(&room.name, room.id));
    assert_eq!(state.account_skeletons, accounts, "what looks like an account is known");
    assert_eq!(state.room_skeletons, rooms, "what looks like a room is known");
    for account in state.accounts.values() {
        assert_eq!(
            accounts.find(&account.name, Some(account.id)),
            None,
            "no account looks like another"
        );
    }
    for room in state.rooms.values() {
        assert_eq!(rooms.find(&room.name, Some(room.id)), None, "no room looks like another");
    }
}
