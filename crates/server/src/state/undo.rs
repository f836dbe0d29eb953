//! The undo log: rolls back what could not be stored.
//!
//! The hub does not wait for the disk: it applies a command at once and goes on. When a commit fails,
//! nothing that depended on it has left the process, but the live state is ahead of the store. So
//! each change of stored data adds a record here of how it was before, until the journal has
//! committed the change; after a failure the records are applied in reverse, from the newest back to
//! the failed batch. The journal rejects everything that the hub did in between (it knows by the
//! epoch).

use crate::effects::Effects;
use crate::session_id::SessionId;
use crate::state::certificates::Owner;
use crate::state::room::{Member, Room, Settings};
use crate::state::user::UserId;
use proto::Fingerprint;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Account, AccountId, Conversation, EventId, RecordKind, RoomId, Subject};

/// How something stored was before a change.
#[derive(Debug)]
pub enum Undo {
    /// The account did not exist.
    NoAccount(AccountId),
    /// The account was this: it had other keys, or is gone.
    Account(Arc<Account>),
    /// The account was this: it had another name.
    AccountName(Arc<Account>),
    /// The account did not exist; the user was a guest, with this session.
    Guest(AccountId, SessionId),
    /// The room did not exist.
    NoRoom(RoomId),
    /// The room existed, empty as it was when it ended.
    Room(Box<Room>),
    /// The room had these settings.
    Settings(RoomId, Box<Settings>),
    /// The user had read the conversation up to this time, or not at all.
    ReadMarker(AccountId, Conversation, Option<i64>),
    /// The room had this name.
    Name(RoomId, Arc<str>),
    /// The user had this standing in the room, or none.
    Member(RoomId, UserId, Option<Member>),
    /// The certificate was this account's, or nobody's.
    Certificate(Fingerprint, Option<Owner>),
    /// The key of metadata had this value, or none.
    Metadata(Subject, Box<str>, Option<Box<str>>),
    /// The record of this kind, owner and key had this value, or there was none.
    Record(RecordKind, u32, Box<str>, Option<Box<str>>),
    /// The account was dormant and last online on this day; none: it was not dormant.
    Dormant(AccountId, Option<u32>),
    /// These messages were pending for the account.
    Pending(AccountId, VecDeque<(EventId, AccountId)>),
    /// The message was not pending for the user.
    NotPending(UserId, EventId),
}

/// The undo records, oldest first, each with its batch.
#[derive(Debug, Default)]
pub struct UndoLog {
    records: VecDeque<(u64, Undo)>,
    /// Those of the current batch, each with the number of its command.
    current: Vec<(u32, Undo)>,
}

/// It concerns only this node's disk, so it is not part of the state that nodes have in common.
impl PartialEq for UndoLog {
    fn eq(&self, _: &UndoLog) -> bool {
        true
    }
}

impl UndoLog {
    /// Records how something was before the current command changes it.
    pub fn note(&mut self, out: &Effects, undo: Undo) {
        self.current.push((out.command(), undo));
    }

    /// The batch is applied. The records of commands that write nothing are dropped: they cannot fail.
    pub fn end_batch(&mut self, out: &Effects) {
        let current = self.current.drain(..).filter(|(command, _)| out.has_written(*command));
        self.records.extend(current.map(|(_, undo)| (out.batch, undo)));
    }

    /// Forgets what is committed: all up to and including `batch`.
    pub fn committed(&mut self, batch: u64) {
        while self.records.front().is_some_and(|(recorded, _)| *recorded <= batch) {
            self.records.pop_front();
        }
    }

    /// Takes the newest record of `batch` or later.
    pub fn take_from(&mut self, batch: u64) -> Option<Undo> {
        if self.records.back().is_some_and(|(recorded, _)| *recorded >= batch) {
            return self.records.pop_back().map(|(_, undo)| undo);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Operator};
    use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
    use crate::session::login::{Derived, Outcome};
    use crate::session_id::SessionId;
    use proto::scram::Keys;
    use store::{MemoryStore, Store};

    fn hub() -> Hub {
        let mut config = Config::default();
        config.server.guests = true;
        config.operator = vec![Operator {
            name: Some("boss".into()),
            password: Some("up".into()),
            ..Operator::default()
        }];
        let loaded = MemoryStore::new("test").load().expect("it is in memory");
        Hub::new(config.into(), loaded, 0).0
    }

    fn session(slot: u32) -> SessionId {
        SessionId { node: 0, shard: 0, slot, generation: 1 }
    }

    fn apply(hub: &mut Hub, input: Input) -> u64 {
        hub.apply(Stamped { now: 0, steady: 0, committed: 0, input }).batch
    }

    fn client_event(hub: &mut Hub, slot: u32, text: &str, event: ClientEvent) -> u64 {
        let events = vec![SessionEvent { session: session(slot), event }];
        apply(hub, Input::Batch(Batch { shard: 0, text: text.into(), events }))
    }

    fn open(hub: &mut Hub, slot: u32) {
        let address = "127.0.0.1".parse().expect("an address");
        client_event(hub, slot, "", ClientEvent::Opened { address, entropy: [0; 16] });
    }

    fn send(hub: &mut Hub, slot: u32, line: &str) -> u64 {
        client_event(hub, slot, line, ClientEvent::Line(0..line.len() as u32))
    }

    fn close(hub: &mut Hub, slot: u32) {
        client_event(hub, slot, "", ClientEvent::Closed { reason: "gone".into() });
    }

    fn log_in(hub: &mut Hub, slot: u32, name: &str, outcome: Outcome) {
        open(hub, slot);
        send(hub, slot, &format!("LOGIN {name} :secret"));
        apply(hub, Input::Derived(Derived { session: session(slot), outcome }));
    }

    fn guest(hub: &mut Hub, slot: u32, name: &str) {
        open(hub, slot);
        send(hub, slot, &format!("NICK {name}"));
        send(hub, slot, "USER u 0 * :real");
    }

    #[test]
    fn a_rollback_does_not_restore_a_guest_who_is_gone() {
        let mut hub = hub();
        for (slot, name) in [(1, "ann"), (2, "bob")] {
            guest(&mut hub, slot, name);
            send(&mut hub, slot, "JOIN #a");
            send(&mut hub, slot, "MARKREAD #a timestamp=1970-01-01T00:00:00.000Z");
        }
        let from = send(&mut hub, 1, "PART #a");
        send(&mut hub, 2, "PART #a");
        close(&mut hub, 1);
        apply(&mut hub, Input::Failed { from });
        let room = hub.state.room("#a").expect("its end was rolled back");
        let bob = hub.state.online("bob").expect("bob is here").id;
        assert_eq!(room.members.keys().copied().collect::<Vec<_>>(), [bob]);
        assert!(hub.state.remembered.is_empty(), "{:?}", hub.state.remembered);
        let markers: Vec<_> = hub.state.read_markers.iter().map(|(user, ..)| user).collect();
        assert_eq!(markers, [bob]);
    }

    #[test]
    fn an_account_that_could_not_be_renamed_has_its_name_everywhere() {
        let mut hub = hub();
        let keys =
            |n| Keys { salt: [7; 16], iterations: 1, stored_key: [n; 32], server_key: [2; 32] };
        log_in(&mut hub, 1, "ann", Outcome::Made(keys(1)));
        log_in(&mut hub, 2, "bob", Outcome::Made(keys(2)));
        for line in ["OPER boss up", "JOIN #a", "BAN #a bob 1d :Spam"] {
            send(&mut hub, 1, line);
        }
        let names = |hub: &Hub| {
            let state = &hub.state;
            let names: Vec<_> =
                state.accounts.values().map(|account| account.name.clone()).collect();
            let room = state.room("#a").expect("it is there");
            let looks = ["bob", "robert"].map(|name| state.account_skeletons.find(name, None));
            let online = ["bob", "robert"].map(|name| state.online(name).map(|user| user.id));
            let left: Vec<_> = state.left.iter().map(|left| left.nick.clone()).collect();
            let records: Vec<_> = state.records.all().collect();
            format!(
                "{names:?} {:?} {:?} {looks:?} {online:?} {left:?} {records:?}",
                room.settings, room.terms
            )
        };
        let before = names(&hub);
        let from = send(&mut hub, 1, "ACCOUNTS RENAME bob robert");
        assert_eq!(hub.state.online("robert").map(|user| user.id), Some(2));
        assert_eq!(hub.state.account("bob").map(|account| &*account.name), Some("robert"));
        assert_ne!(names(&hub), before);
        apply(&mut hub, Input::Failed { from });
        assert_eq!(names(&hub), before);
        assert_eq!(hub.state.source(2), "bob!bob@parlor");
    }

    #[test]
    fn a_rollback_does_not_put_an_offline_account_in_the_lobby() {
        let mut hub = hub();
        let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
        log_in(&mut hub, 1, "ann", Outcome::Made(keys));
        send(&mut hub, 1, "OPER boss up");
        let from = send(&mut hub, 1, "MODE #lobby +o ann");
        close(&mut hub, 1);
        apply(&mut hub, Input::Failed { from });
        assert!(hub.state.room("#lobby").expect("it stays").members.is_empty());
        log_in(&mut hub, 2, "ann", Outcome::Compared(true));
        assert_eq!(
            hub.state.online("ann").map(|ann| ann.rooms.clone()),
            hub.state.lobby.map(|id| vec![id])
        );
        close(&mut hub, 2);
        assert!(hub.state.users.is_empty());
    }
}
