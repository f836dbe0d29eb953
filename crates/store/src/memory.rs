//! The reference: plain collections, every question answered by looking at everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::{
    Account, AccountId, Conversation, Event, EventId, EventKind, Failure, Fingerprint, Loaded,
    Member, Outcome, Point, Query, RESEND_MS, Reader, Refused, Room, RoomId, Scope, Select, Store,
    Subject, Write,
};

/// A store that lasts as long as the process, for tests and as the measure of the other one.
pub struct MemoryStore {
    contents: Arc<Mutex<Contents>>,
}

struct MemoryReader {
    contents: Arc<Mutex<Contents>>,
}

#[derive(Default)]
struct Contents {
    instance: String,
    cloak_key: Option<[u8; 32]>,
    accounts: BTreeMap<AccountId, Account>,
    rooms: BTreeMap<RoomId, Room>,
    members: BTreeMap<(RoomId, AccountId), Member>,
    metadata: BTreeMap<(Subject, Box<str>), Box<str>>,
    read_markers: BTreeMap<(AccountId, Conversation), i64>,
    certificates: BTreeMap<Fingerprint, AccountId>,
    events: Vec<Event>,
    pending: BTreeSet<(AccountId, EventId)>,
    /// The event and its time that an author's resend id stands for.
    resends: HashMap<(AccountId, Box<str>), (EventId, i64)>,
    last_account: AccountId,
    last_room: RoomId,
}

impl MemoryStore {
    /// An empty store; `instance` begins its message ids, see [`Loaded::instance`].
    pub fn new(instance: &str) -> Self {
        let contents = Contents { instance: instance.to_owned(), ..Contents::default() };
        Self { contents: Arc::new(Mutex::new(contents)) }
    }
}

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().expect("a writer that panicked left the store half changed")
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, Failure> {
        let contents = lock(&self.contents);
        Ok(Loaded {
            accounts: contents.accounts.values().cloned().collect(),
            rooms: contents.rooms.values().cloned().collect(),
            members: contents.members.values().copied().collect(),
            metadata: contents
                .metadata
                .iter()
                .map(|((of, key), value)| (*of, key.clone(), value.clone()))
                .collect(),
            read_markers: contents
                .read_markers
                .iter()
                .map(|(&(account, conversation), &time)| (account, conversation, time))
                .collect(),
            certificates: contents.certificates.iter().map(|(of, id)| (*of, *id)).collect(),
            last_event: contents.events.last().map_or(0, |event| event.id),
            last_time: contents.events.last().map_or(0, |event| event.time),
            last_account: contents.last_account,
            last_room: contents.last_room,
            instance: contents.instance.clone(),
            cloak_key: contents.cloak_key,
        })
    }

    fn commit(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> Result<Vec<Outcome>, Failure> {
        let mut contents = lock(&self.contents);
        Ok(writes.map(|write| contents.apply(write)).collect())
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Failure> {
        Ok(Box::new(MemoryReader { contents: Arc::clone(&self.contents) }))
    }

    fn maintain(&mut self, now: i64) -> Result<(), Failure> {
        lock(&self.contents).resends.retain(|_, (_, time)| now.saturating_sub(*time) < RESEND_MS);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Contents {
    fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Event { event, resend, pending_for } => {
                return self.add(event, resend.as_deref(), *pending_for);
            }
            Write::Account(account) => {
                self.last_account = self.last_account.max(account.id);
                self.accounts.insert(account.id, account.clone());
            }
            Write::Room(room) => {
                self.last_room = self.last_room.max(room.id);
                self.rooms.insert(room.id, room.clone());
            }
            Write::RoomEnded(room) => {
                self.rooms.remove(room);
                self.members.retain(|(of, _), _| of != room);
                self.metadata.retain(|(of, _), _| *of != Subject::Room(*room));
                self.read_markers.retain(|(_, of), _| *of != Conversation::room(*room));
            }
            Write::Member(member) => {
                self.members.insert((member.room, member.account), *member);
            }
            Write::MemberGone { room, account } => {
                self.members.remove(&(*room, *account));
            }
            Write::PendingDelivered { account, after, up_to } => {
                self.pending.retain(|(of, event)| of != account || event <= after || event > up_to);
            }
            Write::Redact { event, anybodys } => return self.redact(event, *anybodys),
            Write::ReadMarker { account, conversation, time } => {
                self.read_markers.insert((*account, *conversation), *time);
            }
            Write::Metadata { of, key, value: Some(value) } => {
                self.metadata.insert((*of, key.clone()), value.clone());
            }
            Write::Metadata { of, key, value: None } => {
                self.metadata.remove(&(*of, key.clone()));
            }
            Write::Certificate { fingerprint, account: Some(account) } => {
                self.certificates.insert(*fingerprint, *account);
            }
            Write::Certificate { fingerprint, account: None } => {
                self.certificates.remove(fingerprint);
            }
            Write::CloakKey(key) => self.cloak_key = Some(*key),
            Write::Probe => {}
        }
        Outcome::Stored
    }

    fn add(
        &mut self,
        event: &Event,
        resend: Option<&str>,
        pending_for: Option<AccountId>,
    ) -> Outcome {
        if let Some(last) = self.events.last() {
            assert!(event.id > last.id, "event ids rise");
            assert!(event.time >= last.time, "event times do not fall");
        }
        assert!(event.kind != EventKind::Redacted, "only the store takes a text away");
        if let Some(resend) = resend {
            let key = (event.account, Box::from(resend));
            if let Some(&(id, time)) = self.resends.get(&key)
                && event.time - time < RESEND_MS
            {
                return Outcome::Duplicate { id, time };
            }
            self.resends.insert(key, (event.id, event.time));
        }
        if let Some(receiver) = pending_for {
            self.pending.insert((receiver, event.id));
        }
        let high = event.conversation.pair().map_or(0, |(_, high)| high);
        self.last_account = self.last_account.max(event.account).max(high);
        self.events.push(event.clone());
        Outcome::Stored
    }

    fn redact(&mut self, event: &Event, anybodys: bool) -> Outcome {
        assert!(event.kind == EventKind::Redact, "a redaction is stored as one");
        let about = event.about.expect("a redaction is about an event");
        let found = self.events.iter_mut().find(|found| {
            found.id == about && found.conversation == event.conversation && found.kind.is_said()
        });
        let Some(found) = found else { return Outcome::Refused(Refused::NoSuchEvent) };
        if !anybodys && found.account != event.account {
            return Outcome::Refused(Refused::NotTheirs);
        }
        (found.kind, found.text, found.tags) = (EventKind::Redacted, "".into(), "".into());
        self.pending.retain(|(_, event)| *event != about);
        self.add(event, None, None)
    }
}

impl Reader for MemoryReader {
    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure> {
        let contents = lock(&self.contents);
        let asked: Vec<&Event> = contents
            .events
            .iter()
            .filter(|event| event.id <= query.up_to && in_scope(event.conversation, query.of))
            .filter(|event| event.kind != EventKind::Redacted)
            .filter(|event| !query.messages_only || event.kind.is_message())
            .collect();
        Ok(select(&asked, query.select, query.limit).into_iter().cloned().collect())
    }

    fn pending(
        &mut self,
        account: AccountId,
        up_to: EventId,
        limit: usize,
    ) -> Result<Vec<Event>, Failure> {
        let contents = lock(&self.contents);
        let waiting = |event: &&Event| contents.pending.contains(&(account, event.id));
        let events = contents.events.iter().filter(|event| event.id <= up_to).filter(waiting);
        Ok(events.take(limit).cloned().collect())
    }

    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        after: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure> {
        let mut latest = BTreeMap::new();
        for event in lock(&self.contents).events.iter().filter(|event| event.kind.is_message()) {
            let talk = event.conversation;
            if talk.other(account).is_some() || talk.as_room().is_some_and(|r| rooms.contains(&r)) {
                latest.insert(talk, event.time);
            }
        }
        latest.retain(|_, time| after < *time && *time < before);
        let mut targets: Vec<_> = latest.into_iter().collect();
        targets.sort_by_key(|&(talk, time)| (time, talk));
        targets.truncate(limit);
        Ok(targets)
    }

    fn event_time(&mut self, id: EventId) -> Result<Option<(Conversation, i64)>, Failure> {
        let contents = lock(&self.contents);
        let found = contents.events.iter().find(|event| event.id == id);
        Ok(found.map(|event| (event.conversation, event.time)))
    }
}

fn in_scope(conversation: Conversation, scope: Scope) -> bool {
    match scope {
        Scope::One(one) => conversation == one,
        Scope::Everything { account, room } => {
            conversation.other(account).is_some()
                || room.is_some_and(|room| conversation == Conversation::room(room))
        }
    }
}

fn select<'e>(events: &[&'e Event], select: Select, limit: usize) -> Vec<&'e Event> {
    let those = |keep: &dyn Fn(&Event) -> bool| -> Vec<&'e Event> {
        events.iter().copied().filter(|event| keep(event)).collect()
    };
    match select {
        Select::Latest => newest(events.to_vec(), limit),
        Select::LatestAfter(point) => newest(those(&|event| is_newer(event, point)), limit),
        Select::Before(point) => newest(those(&|event| is_older(event, point)), limit),
        Select::After(point) => oldest(those(&|event| is_newer(event, point)), limit),
        Select::Between(first, second) => {
            // At most one of the two is not empty, whichever way the points lie.
            let forwards = those(&|event| is_newer(event, first) && is_older(event, second));
            let backwards = those(&|event| is_newer(event, second) && is_older(event, first));
            if forwards.is_empty() { newest(backwards, limit) } else { oldest(forwards, limit) }
        }
        Select::Around(point) => {
            let mut page = newest(those(&|event| is_older(event, point)), limit / 2);
            page.extend(oldest(those(&|event| !is_older(event, point)), limit - limit / 2));
            page
        }
    }
}

fn is_older(event: &Event, point: Point) -> bool {
    match point {
        Point::Id(id) => event.id < id,
        Point::Time(time) => event.time < time,
    }
}

fn is_newer(event: &Event, point: Point) -> bool {
    match point {
        Point::Id(id) => event.id > id,
        Point::Time(time) => event.time > time,
    }
}

fn newest(mut events: Vec<&Event>, limit: usize) -> Vec<&Event> {
    events.split_off(events.len().saturating_sub(limit))
}

fn oldest(mut events: Vec<&Event>, limit: usize) -> Vec<&Event> {
    events.truncate(limit);
    events
}
