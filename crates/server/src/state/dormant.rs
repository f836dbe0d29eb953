//! Removing accounts that have never said anything and do not come back (`[accounts] expire_days`).
//!
//! An account is silent until the first event of its own is stored: a message, but also joining a
//! room other than the lobby, or setting a topic. After that it counts as active, whatever is kept
//! of its events. For silent accounts, the day they were last online is known.

use crate::effects::{Effect, Effects, LogRecord};
use crate::limits::{EXPIRY_AT_ONCE, EXPIRY_LOOKS, EXPIRY_PAUSE_MILLIS, EXPIRY_SECONDS};
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::app_password;
use crate::state::apply_context::ApplyContext;
use crate::state::former_names;
use crate::state::founder;
use crate::state::invitation;
use crate::state::membership;
use crate::state::metadata;
use crate::state::records;
use crate::state::undo::Undo;
use crate::state::user::UserId;
use proto::name::fold;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use store::{Account, AccountId, RecordOwner, Subject, Write};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// The accounts that have never sent anything.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Dormant {
    /// Silent accounts, and silent guests while they are online, with the day each was last online.
    pub days: BTreeMap<UserId, u32>,
    /// When the next check is due, in monotonic milliseconds.
    due: i64,
    /// The last account checked in this round.
    after: UserId,
}

impl Dormant {
    /// From the store.
    pub fn new(loaded: Vec<(AccountId, u32)>) -> Dormant {
        Dormant { days: loaded.into_iter().collect(), ..Dormant::default() }
    }

    /// Removes nobody for an hour: the clock was set, perhaps wrongly.
    pub fn wait(&mut self, steady: i64) {
        self.due = steady + EXPIRY_SECONDS * 1000;
    }
}

/// The day of a time, in days since the epoch.
fn day_of(time: i64) -> u32 {
    u32::try_from(time.div_euclid(DAY_MILLIS)).unwrap_or(0)
}

/// A guest who has sent nothing yet comes online.
pub fn guest_came(state: &mut State, guest: UserId) {
    state.dormant.days.insert(guest, day_of(state.now));
}

/// An account was created. A guest who was active stays active.
pub fn account_made(context: &mut ApplyContext<'_>, id: UserId, was_guest: bool) {
    if !was_guest || context.state.dormant.days.contains_key(&id) {
        set(context.state, context.out, id, Some(day_of(context.state.now)));
    }
}

/// The account is online today.
pub fn seen(state: &mut State, out: &mut Effects, id: UserId) {
    let today = day_of(state.now);
    if state.dormant.days.get(&id).is_some_and(|day| *day < today) {
        set(state, out, id, Some(today));
    }
}

/// The requester sends something.
pub fn heard(context: &mut ApplyContext<'_>) {
    let me = context.me();
    if !context.state.dormant.days.contains_key(&me) {
        return;
    }
    if context.user().guest {
        context.state.dormant.days.remove(&me);
    } else {
        set(context.state, context.out, me, None);
    }
}

/// No other effect depends on this write.
fn set(state: &mut State, out: &mut Effects, account: UserId, day: Option<u32>) {
    let before = put(state, account, day);
    state.undo.note(out, Undo::Dormant(account, before));
    let when = out.condition();
    out.write(Write::Unheard { account, day });
    out.resume(when);
}

/// Sets a day; returns the one before.
pub fn put(state: &mut State, account: UserId, day: Option<u32>) -> Option<u32> {
    match day {
        Some(day) => state.dormant.days.insert(account, day),
        None => state.dormant.days.remove(&account),
    }
}

/// Whether a check is due.
pub fn is_due(state: &State) -> bool {
    state.steady >= state.dormant.due
}

/// Checks some silent accounts, if it is time, and removes those that have not been online for too
/// long. `entering` are the accounts of sessions that are logging in. A round starts once an hour.
/// Days are counted even while nobody is to be removed.
pub fn look(state: &mut State, out: &mut Effects, entering: &BTreeSet<AccountId>) {
    let days = state.settings.expire_days;
    let rest = state.dormant.days.range((Excluded(state.dormant.after), Unbounded));
    let some: Vec<(UserId, u32)> = rest.take(EXPIRY_LOOKS).map(|(id, day)| (*id, *day)).collect();
    let (today, mut expired) = (day_of(state.now), BTreeMap::new());
    let mut more = some.len() == EXPIRY_LOOKS;
    out.begin(SessionId::NOBODY, None, false);
    if state.dormant.after == 0 {
        invitation::expire(state, out);
    }
    for (id, day) in some {
        if expired.len() == EXPIRY_AT_ONCE {
            more = true;
            break;
        }
        state.dormant.after = id;
        app_password::expire(state, out, id);
        match state.users.get(&id) {
            Some(user) if user.guest => {}
            Some(_) => seen(state, out, id),
            None if days != 0 && today.saturating_sub(day) > days => {
                expired.insert(id, day);
            }
            None => {}
        }
    }
    remove_all(state, out, expired, entering);
    out.end(&state.renderer.server);
    let pause = if more { EXPIRY_PAUSE_MILLIS } else { EXPIRY_SECONDS * 1000 };
    state.dormant.due = state.steady + pause;
    if !more {
        state.dormant.after = 0;
    }
}

fn remove_all(
    state: &mut State,
    out: &mut Effects,
    mut expired: BTreeMap<UserId, u32>,
    entering: &BTreeSet<AccountId>,
) {
    // Accounts with a login in progress count as online.
    expired.retain(|id, _| !entering.contains(id));
    if expired.is_empty() {
        return;
    }
    let found = state.accounts.values().filter(|account| expired.contains_key(&account.id));
    let found: Vec<Arc<Account>> = found.cloned().collect();
    for account in &found {
        former_names::free(state, out, &account.name);
        remove(state, out, account, Write::AccountGone(account.id));
    }
    if !found.is_empty() {
        out.push(Effect::Log(LogRecord::Expired { count: found.len() }));
    }
}

/// Removes an offline account with everything it owns, and stores that by `write`.
pub fn remove(state: &mut State, out: &mut Effects, account: &Arc<Account>, write: Write) {
    let id = account.id;
    founder::account_gone(state, out, id);
    for room in state.remembered.remove(&id).unwrap_or_default() {
        membership::forget(state, out, id, room);
    }
    for (conversation, time) in state.read_markers.of(id) {
        state.undo.note(out, Undo::ReadMarker(id, conversation, Some(time)));
    }
    state.read_markers.forget(id);
    let of = Subject::Account(id);
    for (key, value) in metadata::keys_of(state, of) {
        state.undo.note(out, Undo::Metadata(of, key, Some(value)));
    }
    state.metadata.forget(id);
    records::forget(state, out, RecordOwner::Account, id);
    for certificate in state.certificates.of(id).collect::<Vec<_>>() {
        let before = state.certificates.set(certificate, None);
        state.undo.note(out, Undo::Certificate(certificate, before));
    }
    state.undo.note(out, Undo::Pending(id, state.pending.forget(id)));
    let day = put(state, id, None);
    state.undo.note(out, Undo::Dormant(id, day));
    // The last note is the first to be rolled back: all others belong to an existing account.
    state.undo.note(out, Undo::Account(account.clone()));
    state.accounts.remove(&fold(&account.name));
    state.account_skeletons.remove(&account.name, id);
    out.write(write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
    use crate::session::login::{Derived, Outcome};
    use crate::session_id::SessionId;
    use crate::state::app_password::AppPassword;
    use crate::state::invitation::Invitation;
    use crate::state::records::SERVER;
    use proto::Fingerprint;
    use proto::scram::Keys;
    use store::{MemoryStore, RecordKind, Store};

    /// A hub, a store and a clock.
    struct World {
        hub: Hub,
        store: MemoryStore,
        now: i64,
        opened: u32,
    }

    fn keys() -> Keys {
        Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] }
    }

    impl World {
        fn new(expire_days: u32) -> World {
            let mut store = MemoryStore::new("test");
            let hub = start(&mut store, expire_days, 0);
            World { hub, store, now: 0, opened: 0 }
        }

        fn apply(&mut self, input: Input) -> Effects {
            let stamped = Stamped { now: self.now, steady: self.now, committed: 0, input };
            let effects = self.hub.apply(stamped);
            self.store.commit(&mut effects.writes.iter()).expect("it is in memory");
            effects
        }

        fn client_event(&mut self, slot: u32, text: &str, event: ClientEvent) -> Effects {
            let session = SessionId { node: 0, shard: 0, slot, generation: slot };
            let events = vec![SessionEvent { session, event }];
            self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }))
        }

        fn send(&mut self, slot: u32, line: &str) -> Effects {
            self.client_event(slot, line, ClientEvent::Line(0..line.len() as u32))
        }

        fn open(&mut self) -> u32 {
            self.opened += 1;
            let address = "127.0.0.1".parse().expect("an address");
            self.client_event(self.opened, "", ClientEvent::Opened { address, entropy: [0; 16] });
            self.opened
        }

        /// A new session of an account, which may be new as well.
        fn log_in(&mut self, name: &str) -> u32 {
            let slot = self.open();
            let new = self.hub.state.account(name).is_none();
            self.send(slot, &format!("LOGIN {name} :secret"));
            let outcome = if new { Outcome::Made(keys()) } else { Outcome::Compared(true) };
            let session = SessionId { node: 0, shard: 0, slot, generation: slot };
            self.apply(Input::Derived(Derived { session, outcome }));
            slot
        }

        fn close(&mut self, slot: u32) {
            self.client_event(slot, "", ClientEvent::Closed { reason: "gone".into() });
        }

        /// Lets days pass and then connects somebody; returns the effects.
        fn advance(&mut self, days: i64) -> Effects {
            self.now += days * DAY_MILLIS;
            let address = "127.0.0.1".parse().expect("an address");
            self.opened += 1;
            self.client_event(self.opened, "", ClientEvent::Opened { address, entropy: [0; 16] })
        }

        fn names(&self) -> Vec<&str> {
            self.hub.state.accounts.keys().map(String::as_str).collect()
        }

        fn restart(&mut self) {
            let days = self.hub.state.settings.expire_days;
            self.hub = start(&mut self.store, days, self.now);
        }
    }

    fn start(store: &mut MemoryStore, expire_days: u32, now: i64) -> Hub {
        let mut config = Config::default();
        config.server.guests = true;
        config.accounts.expire_days = expire_days;
        let loaded = store.load().expect("it is in memory");
        let (hub, writes) = Hub::new(config.into(), loaded, now);
        store.commit(&mut writes.iter()).expect("it is in memory");
        hub
    }

    fn expired(effects: &Effects) -> Option<usize> {
        effects.list.iter().find_map(|effect| match &effect.effect {
            Effect::Log(LogRecord::Expired { count }) => Some(*count),
            _ => None,
        })
    }

    #[test]
    fn silent_accounts_that_do_not_come_back_are_removed() {
        let mut hub = World::new(90);
        for (name, line) in [
            ("ann", "PRIVMSG #lobby :hi"),
            ("bob", "PING x"),
            ("cem", "JOIN #x"),
            ("dee", "PING x"),
        ] {
            let slot = hub.log_in(name);
            hub.send(slot, line);
            hub.close(slot);
        }
        let eve = hub.log_in("eve");
        assert_eq!(expired(&hub.advance(60)), None);
        let dee = hub.log_in("dee");
        hub.close(dee);
        hub.restart();
        assert_eq!(hub.hub.state.dormant.days.len(), 3, "{:?}", hub.hub.state.dormant);
        let eve_again = hub.log_in("eve");
        assert_ne!(eve, eve_again);
        assert_eq!(expired(&hub.advance(30)), None);
        assert_eq!(hub.names(), ["ann", "bob", "cem", "dee", "eve"]);
        assert_eq!(expired(&hub.advance(1)), Some(1));
        assert_eq!(hub.names(), ["ann", "cem", "dee", "eve"]);
        assert_eq!(expired(&hub.advance(300)), Some(1));
        // Whoever is online stays, and was online today.
        assert_eq!(hub.names(), ["ann", "cem", "eve"]);
        hub.close(eve_again);
        assert_eq!(expired(&hub.advance(90)), None);
        assert_eq!(expired(&hub.advance(1)), Some(1));
        hub.restart();
        assert_eq!(hub.names(), ["ann", "cem"]);
        // The name is free again, and so are its lookalikes.
        hub.log_in("b0b");
        assert_eq!(hub.names(), ["ann", "b0b", "cem"]);
    }

    #[test]
    fn expired_invitations_are_removed() {
        let mut hub = World::new(0);
        let invitation = Invitation {
            by: "ann".into(),
            account: 1,
            created: 0,
            uses: 1,
            expires: Some(DAY_MILLIS),
            rooms: Vec::new(),
            note: "".into(),
        };
        let mut out = Effects::new(1, 0);
        invitation::add(&mut hub.hub.state, &mut out, "abcd", &invitation);
        hub.store.commit(&mut out.writes.iter()).expect("it is in memory");
        hub.advance(0);
        let count = |hub: &World| hub.hub.state.records.count(RecordKind::Invitation, SERVER);
        assert_eq!(count(&hub), 1);
        hub.advance(2);
        assert_eq!(count(&hub), 0);
        hub.restart();
        assert_eq!(count(&hub), 0);
    }

    #[test]
    fn app_passwords_work_until_they_expire_and_are_then_removed() {
        let mut hub = World::new(0);
        let ann = hub.log_in("ann");
        hub.close(ann);
        let id = hub.hub.state.account("ann").expect("it was made").id;
        let until = Some(hub.now + DAY_MILLIS);
        let mut out = Effects::new(1, 0);
        for (name, until) in [("web", until), ("irc", None)] {
            let keys = (&keys()).into();
            let name = name.into();
            let one = AppPassword { name, keys, created: 0, used: None, browser: None, until };
            app_password::set(&mut hub.hub.state, &mut out, id, &one);
        }
        hub.store.commit(&mut out.writes.iter()).expect("it is in memory");
        let good = |hub: &World| {
            let all = app_password::keys_of(&hub.hub.state, id).into_iter();
            all.map(|(name, _)| name.into_string()).collect::<Vec<_>>()
        };
        assert_eq!(good(&hub), ["irc", "web"]);
        // It is refused at once, whenever it is removed.
        hub.hub.state.now += DAY_MILLIS;
        assert_eq!(good(&hub), ["irc"]);
        assert!(app_password::find(&hub.hub.state, id, "web").is_none());
        let count = |hub: &World| hub.hub.state.records.count(RecordKind::AppPassword, id);
        assert_eq!(count(&hub), 2);
        hub.advance(2);
        assert_eq!(count(&hub), 1);
        hub.restart();
        assert_eq!((count(&hub), good(&hub)), (1, vec!["irc".to_owned()]));
    }

    #[test]
    fn expiry_can_be_disabled_and_waits_an_hour_after_the_clock_was_set() {
        let mut hub = World::new(0);
        let bob = hub.log_in("bob");
        hub.close(bob);
        assert_eq!(expired(&hub.advance(9999)), None);
        let mut hub = World::new(1);
        let bob = hub.log_in("bob");
        hub.close(bob);
        let mut at = |now, steady| {
            let address = "127.0.0.1".parse().expect("an address");
            hub.opened += 1;
            let session = SessionId { node: 0, shard: 0, slot: hub.opened, generation: 1 };
            let event = ClientEvent::Opened { address, entropy: [0; 16] };
            let events = vec![SessionEvent { session, event }];
            let input = Input::Batch(Batch { events, ..Batch::default() });
            expired(&hub.hub.apply(Stamped { now, steady, committed: 0, input }))
        };
        assert_eq!(at(9 * DAY_MILLIS, 1000), None);
        assert_eq!(at(9 * DAY_MILLIS + 1000, 2000), None);
        let hour = EXPIRY_SECONDS * 1000;
        assert_eq!(at(9 * DAY_MILLIS + hour, 1000 + hour), Some(1));
    }

    #[test]
    fn many_accounts_are_removed_in_small_steps() {
        let mut hub = World::new(1);
        let count = 2 * EXPIRY_AT_ONCE + 3;
        for n in 0..count {
            let slot = hub.log_in(&format!("user{n}"));
            hub.close(slot);
        }
        assert_eq!(expired(&hub.advance(2)), Some(EXPIRY_AT_ONCE));
        assert_eq!(expired(&hub.advance(0)), None);
        for left in [EXPIRY_AT_ONCE, 3] {
            hub.now += EXPIRY_PAUSE_MILLIS;
            assert_eq!(expired(&hub.advance(0)), Some(left));
        }
        assert!(hub.names().is_empty());
        assert!(hub.store.load().expect("it is in memory").accounts.is_empty());
    }

    #[test]
    fn a_guest_who_was_active_registers_as_active() {
        let mut hub = World::new(1);
        for (name, line) in [("gus", "PRIVMSG #lobby :hi"), ("gil", "PING x")] {
            let slot = hub.open();
            hub.send(slot, &format!("NICK {name}"));
            hub.send(slot, "USER u 0 * :real");
            hub.send(slot, line);
            hub.send(slot, "REGISTER * * :secret");
            let session = SessionId { node: 0, shard: 0, slot, generation: slot };
            hub.apply(Input::Derived(Derived { session, outcome: Outcome::Made(keys()) }));
            hub.close(slot);
        }
        let guest = hub.open();
        hub.send(guest, "NICK gus2");
        hub.send(guest, "USER u 0 * :real");
        hub.close(guest);
        assert_eq!(hub.names(), ["gil", "gus"]);
        assert_eq!(expired(&hub.advance(2)), Some(1));
        assert_eq!(hub.names(), ["gus"]);
        assert!(hub.hub.state.dormant.days.is_empty(), "{:?}", hub.hub.state.dormant);
    }

    #[test]
    fn an_account_that_could_not_be_removed_is_restored_completely() {
        let mut hub = World::new(1);
        let bob = hub.log_in("bob");
        hub.send(bob, "CAP REQ :draft/metadata-3 draft/read-marker");
        hub.send(bob, "METADATA * SET url :x");
        hub.send(bob, "MARKREAD #lobby timestamp=1970-01-01T00:00:00.000Z");
        hub.close(bob);
        let ann = hub.log_in("ann");
        hub.send(ann, "PRIVMSG bob :are you there?");
        let account = hub.hub.state.account("bob").expect("it was made").clone();
        let (account, name) = (account.id, account.name.clone());
        let owner = crate::state::certificates::Owner { account, name, proved: true };
        hub.hub.state.certificates.set(Fingerprint([7; 32]), Some(owner));
        let before = format!("{:?}", mine(&hub.hub.state));
        let from = hub.advance(2).batch;
        assert_eq!(hub.names(), ["ann"]);
        let gone = format!("{:?}", mine(&hub.hub.state));
        assert_ne!(gone, before);
        // Meanwhile a guest takes the name.
        let guest = hub.open();
        hub.send(guest, "NICK bob");
        hub.send(guest, "USER u 0 * :real");
        assert!(hub.hub.state.online("bob").is_some());
        hub.apply(Input::Failed { from });
        assert_eq!(hub.names(), ["ann", "bob"]);
        assert_eq!(format!("{:?}", mine(&hub.hub.state)), before);
        assert!(hub.hub.state.online("bob").is_none());
    }

    /// Everything that accounts own.
    fn mine(state: &State) -> impl std::fmt::Debug + '_ {
        let certificates: Vec<_> =
            state.certificates.iter().map(|(_, owner)| owner.account).collect();
        let days: Vec<_> =
            state.dormant.days.iter().filter(|(id, _)| !state.users.contains_key(id)).collect();
        let markers: Vec<_> = state.read_markers.iter().collect();
        (&state.metadata.users, &state.pending, days, certificates, markers)
    }
}
