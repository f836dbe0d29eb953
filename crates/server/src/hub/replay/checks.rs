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
        .filter_map(|(id, session)| {
            Some((session.extras().batch.as_ref()?.message.as_ref()?.due, id))
        })
        .collect();
    assert_eq!(node.batches, open, "exactly the open batches have deadlines");
    for (id, session) in node.sessions.iter() {
        let mut watched = session.extras().watched.keys();
        assert!(
            watched.all(|folded| node.watchers[folded].contains(&id)),
            "the index of watchers has every watcher"
        );
        if let Some(user) = session.user {
            assert!(session.registration.is_none());
            assert!(state.users[&user].sessions.contains(&id), "a user has its sessions");
        } else {
            assert_eq!(session.registration.is_none(), session.console);
        }
    }
    let consoles = node.sessions.iter().filter(|(_, session)| session.console);
    assert_eq!(node.consoles, consoles.count(), "sessions of the admin socket are counted");
    for (id, user) in &state.users {
        assert_eq!(user.id, *id);
        assert!(!user.sessions.is_empty(), "nobody is online without a session");
        assert_eq!(state.nicks[&*proto::name::fold(&user.nick)], *id, "no nick is used twice");
        for session in &user.sessions {
            assert_eq!(node.sessions[session].user, Some(*id));
        }
        if let Some(lobby) = state.lobby {
            assert!(user.rooms.contains(&lobby), "every user is in the lobby");
        }
        for room in &user.rooms {
            assert!(
                state.rooms[room].members[id].online,
                "a user is an online member of its rooms"
            );
        }
        let account = state.account(&user.nick).map(|account| account.id);
        assert_eq!(
            account,
            (!user.guest).then_some(*id),
            "a nick that is an account's name is its owner's, and no guest's"
        );
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
    let watching = |(folded, id)| node.sessions[id].extras().watched.contains_key(folded);
    let pairs = |(folded, ids)| std::iter::repeat(folded).zip(ids);
    assert!(
        node.watchers.iter().flat_map(pairs).all(watching),
        "the index of watchers has no others"
    );
    assert_eq!(state.nicks.len(), state.users.len());
    for (id, keys) in &state.metadata.users {
        let account = state.accounts.values().any(|account| account.id == *id);
        assert!(account || state.users.contains_key(id), "metadata has an owner");
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
        assert!(there, "a record has an owner: {record:?}");
    }
    for session in node.subscriptions.all_subscribed() {
        assert!(node.sessions.contains_key(&session), "subscribed sessions exist");
    }
    for user in state.dormant.days.keys() {
        let account = state.accounts.values().any(|account| account.id == *user);
        assert!(account || state.users.contains_key(user), "a dormant user exists");
    }
    for (user, of, _) in state.read_markers.iter() {
        let account = state.accounts.values().any(|account| account.id == user);
        assert!(account || state.users.contains_key(&user), "a read marker has an owner");
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
                assert!(
                    state.users[user].rooms.contains(id),
                    "an online member's user has the room"
                );
            } else {
                assert!(
                    state.remembered[user].contains(id),
                    "an offline member's room is remembered"
                );
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
            assert!(account, "a founder has an account");
            founders.entry(founder).or_default().insert(room.id);
        }
        for (key, terms) in &room.terms {
            let same = |entry: &ListEntry| ban_terms::key(entry.mode, &entry.mask) == **key;
            assert!(room.settings.lists.iter().any(same), "terms belong to a list entry");
            ends.extend(terms.until.map(|until| (until, room.id, key.clone())));
        }
    }
    assert_eq!(state.founders, founders, "founders are indexed");
    assert_eq!(state.ban_expiries, ends, "ban expiries are indexed");
}

/// Skeletons are indexed, and no two names look alike. Too slow to check after each step.
pub(super) fn check_looks(state: &State) {
    let (mut accounts, mut rooms) = (Skeletons::default(), Skeletons::default());
    state.accounts.values().for_each(|account| accounts.add(&account.name, account.id));
    state.rooms.values().for_each(|room| rooms.add(&room.name, room.id));
    assert_eq!(state.account_skeletons, accounts, "account names are indexed");
    assert_eq!(state.room_skeletons, rooms, "room names are indexed");
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
