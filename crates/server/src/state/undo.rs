//! Taking back what could not be stored.
//!
//! The hub does not wait for the disk: it applies a command at once and goes on. When the disk
//! refuses a batch, nothing that depended on it has left the process, but the live state is ahead
//! of the store. So each change of something that is stored leaves a note here of how it was
//! before, until the journal has committed it; on a failure the notes are applied backwards, from
//! the newest to the batch that failed. The journal refuses all that the hub did in between (it
//! knows by the epoch).

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
    /// The account was here last on this day and had said nothing; or it had said something.
    Unheard(AccountId, Option<u32>),
    /// These messages were kept for the account.
    AllKept(AccountId, VecDeque<(EventId, AccountId)>),
    /// The message was not kept for the user.
    Kept(UserId, EventId),
}

/// The notes, oldest first, each with the batch it belongs to.
#[derive(Debug, Default)]
pub struct UndoLog {
    notes: VecDeque<(u64, Undo)>,
    /// Those of the batch at hand, each with the number of its command.
    current: Vec<(u32, Undo)>,
}

/// It is about this node's disk, and so not among what nodes have in common.
impl PartialEq for UndoLog {
    fn eq(&self, _: &UndoLog) -> bool {
        true
    }
}

impl UndoLog {
    /// Notes how something was before the command at hand changes it.
    pub fn note(&mut self, out: &Effects, undo: Undo) {
        self.current.push((out.command(), undo));
    }

    /// The batch is applied. The notes of commands that write nothing are dropped: they cannot fail.
    pub fn end_batch(&mut self, out: &Effects) {
        let current = self.current.drain(..).filter(|(command, _)| out.has_written(*command));
        self.notes.extend(current.map(|(_, undo)| (out.batch, undo)));
    }

    /// Forgets what is committed: all up to and including `batch`.
    pub fn committed(&mut self, batch: u64) {
        while self.notes.front().is_some_and(|(noted, _)| *noted <= batch) {
            self.notes.pop_front();
        }
    }

    /// Takes the newest note of `batch` or later.
    pub fn take_from(&mut self, batch: u64) -> Option<Undo> {
        if self.notes.back().is_some_and(|(noted, _)| *noted >= batch) {
            return self.notes.pop_back().map(|(_, undo)| undo);
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

    fn does(hub: &mut Hub, slot: u32, text: &str, event: ClientEvent) -> u64 {
        let events = vec![SessionEvent { session: session(slot), event }];
        apply(hub, Input::Batch(Batch { shard: 0, text: text.into(), events }))
    }

    fn opens(hub: &mut Hub, slot: u32) {
        let address = "127.0.0.1".parse().expect("an address");
        does(hub, slot, "", ClientEvent::Opened { address, entropy: [0; 16] });
    }

    fn says(hub: &mut Hub, slot: u32, line: &str) -> u64 {
        does(hub, slot, line, ClientEvent::Line(0..line.len() as u32))
    }

    fn goes(hub: &mut Hub, slot: u32) {
        does(hub, slot, "", ClientEvent::Closed { reason: "gone".into() });
    }

    fn logs_in(hub: &mut Hub, slot: u32, name: &str, outcome: Outcome) {
        opens(hub, slot);
        says(hub, slot, &format!("LOGIN {name} :secret"));
        apply(hub, Input::Derived(Derived { session: session(slot), outcome }));
    }

    fn is_guest(hub: &mut Hub, slot: u32, name: &str) {
        opens(hub, slot);
        says(hub, slot, &format!("NICK {name}"));
        says(hub, slot, "USER u 0 * :real");
    }

    #[test]
    fn a_guest_who_is_gone_is_not_put_back_anywhere() {
        let mut hub = hub();
        for (slot, name) in [(1, "ann"), (2, "bob")] {
            is_guest(&mut hub, slot, name);
            says(&mut hub, slot, "JOIN #a");
            says(&mut hub, slot, "MARKREAD #a timestamp=1970-01-01T00:00:00.000Z");
        }
        let from = says(&mut hub, 1, "PART #a");
        says(&mut hub, 2, "PART #a");
        goes(&mut hub, 1);
        apply(&mut hub, Input::Failed { from });
        let room = hub.state.room("#a").expect("its end was taken back");
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
        logs_in(&mut hub, 1, "ann", Outcome::Made(keys(1)));
        logs_in(&mut hub, 2, "bob", Outcome::Made(keys(2)));
        for line in ["OPER boss up", "JOIN #a", "BAN #a bob 1d :Spam"] {
            says(&mut hub, 1, line);
        }
        let named = |hub: &Hub| {
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
        let before = named(&hub);
        let from = says(&mut hub, 1, "ACCOUNTS RENAME bob robert");
        assert_eq!(hub.state.online("robert").map(|user| user.id), Some(2));
        assert_eq!(hub.state.account("bob").map(|account| &*account.name), Some("robert"));
        assert_ne!(named(&hub), before);
        apply(&mut hub, Input::Failed { from });
        assert_eq!(named(&hub), before);
        assert_eq!(hub.state.source(2), "bob!bob@parlor");
    }

    #[test]
    fn who_is_gone_is_not_in_the_lobby_twice_when_coming_back() {
        let mut hub = hub();
        let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
        logs_in(&mut hub, 1, "ann", Outcome::Made(keys));
        says(&mut hub, 1, "OPER boss up");
        let from = says(&mut hub, 1, "MODE #lobby +o ann");
        goes(&mut hub, 1);
        apply(&mut hub, Input::Failed { from });
        assert!(hub.state.room("#lobby").expect("it stays").members.is_empty());
        logs_in(&mut hub, 2, "ann", Outcome::Compared(true));
        assert_eq!(
            hub.state.online("ann").map(|ann| ann.rooms.clone()),
            hub.state.lobby.map(|id| vec![id])
        );
        goes(&mut hub, 2);
        assert!(hub.state.users.is_empty());
    }
}
