//! At the end, the state is what a restart would find in the store.

use super::checks::check_looks;
use super::random::Random;
use super::world::World;
use crate::config::Config;
use crate::hub::{Hub, Stamped};
use crate::state::State;
use crate::state::room::Room;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{AccountId, Conversation, EventId, Record, RecordOwner};

impl World {
    /// Everything is committed, and the state is what a restart would find.
    pub(super) fn finish(
        mut self,
        random: &mut Random,
        config: &Arc<Config>,
    ) -> (Vec<Stamped>, Vec<String>) {
        self.broken.store(false, Ordering::Relaxed);
        while !self.queue.is_empty() {
            self.settle(random, 8);
        }
        let users = self.hub.state.users.values();
        let in_rooms: BTreeSet<_> = users
            .flat_map(|user| user.sessions.iter().map(move |session| (session, user)))
            .flat_map(|(session, user)| user.rooms.iter().map(move |room| (*session, *room)))
            .collect();
        check_looks(&self.hub.state);
        assert_eq!(self.probes, 0, "each probe is answered once");
        let mut reader = self.journal.store.reader().unwrap();
        for account in self.hub.state.accounts.values() {
            let of = |(of, event): &(AccountId, EventId)| (*of == account.id).then_some(*event);
            let expected: Vec<_> = self.pending.iter().filter_map(of).collect();
            let pending = reader.pending(account.id, EventId::MAX >> 1, usize::MAX).unwrap();
            assert_eq!(pending.iter().map(|event| event.id).collect::<Vec<_>>(), expected);
        }
        let counted = self.journal.metrics.sum("parlor_events_stored_total");
        assert_eq!(counted, self.stored as f64, "what was stored is counted");
        // A shard forgets a connection that closed, whatever is still released for it.
        self.entered.retain(|(session, _)| self.hub.node.sessions.contains_key(session));
        assert_eq!(self.entered, in_rooms, "exactly the members of a room receive its lines");
        let restarted =
            Hub::new(config.clone(), self.journal.store.load().unwrap(), self.now).0.state;
        assert_eq!(self.hub.state.accounts, restarted.accounts);
        // A guest's metadata and markers end with the guest; everybody else's are as they were.
        let guest = |id: &u32| self.hub.state.users.get(id).is_some_and(|user| user.guest);
        let ended = |of: &Conversation| {
            of.as_room().is_some_and(|room| !restarted.rooms.contains_key(&room))
        };
        let markers = self.hub.state.read_markers.iter();
        let markers = markers.filter(|(user, of, _)| !guest(user) && !ended(of));
        let kept = restarted.read_markers.iter();
        assert_eq!(markers.collect::<Vec<_>>(), kept.collect::<Vec<_>>());
        let days = self.hub.state.dormant.days.iter().filter(|(id, _)| !guest(id));
        assert_eq!(days.collect::<Vec<_>>(), restarted.dormant.days.iter().collect::<Vec<_>>());
        let certificates = |state: &State| -> Vec<_> {
            let all = state.certificates.iter();
            all.map(|(certificate, owner)| (certificate, owner.account, owner.proved)).collect()
        };
        assert_eq!(certificates(&self.hub.state), certificates(&restarted));
        let mut metadata = self.hub.state.metadata.users.clone();
        metadata.retain(|id, _| !guest(id));
        assert_eq!(metadata, restarted.metadata.users);
        // So do the records of rooms that only guests are in.
        let ends = |record: &Record| match record.kind.owner() {
            RecordOwner::Account => guest(&record.owner),
            RecordOwner::Room => !restarted.rooms.contains_key(&record.owner),
            RecordOwner::Server => false,
        };
        let records = self.hub.state.records.all().filter(|record| !ends(record));
        assert!(records.eq(restarted.records.all()), "records are as they are stored");
        if config.server.remember_rooms {
            // Rooms that only guests are in end with a restart; all others are as they were.
            for room in self.hub.state.rooms.values() {
                let lobby = Some(room.id) == self.hub.state.lobby;
                let guest = |id: &u32| self.hub.state.users.get(id).is_some_and(|user| user.guest);
                let members: Vec<_> = room
                    .members
                    .iter()
                    .filter(|(id, _)| !lobby && !guest(id))
                    .map(|(id, member)| (*id, member.standing()))
                    .collect();
                let Some(kept) = restarted.rooms.get(&room.id) else {
                    assert!(members.is_empty(), "{} is lost", room.name);
                    continue;
                };
                assert_eq!(room.settings, kept.settings, "{}", room.name);
                assert_eq!(room.name, kept.name);
                assert_eq!(room.metadata, kept.metadata, "{}", room.name);
                let own = |room: &Room| {
                    (room.founder, room.roles.clone(), room.rules, room.terms.clone())
                };
                assert_eq!(own(room), own(kept), "{}", room.name);
                let kept: Vec<_> =
                    kept.members.iter().map(|(id, member)| (*id, member.standing())).collect();
                assert_eq!(members, kept, "{}", room.name);
            }
        }
        (self.recorded, self.output)
    }
}
