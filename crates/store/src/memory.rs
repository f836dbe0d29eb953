//! The reference implementation: plain collections, and every query scans everything.

mod reader;

use reader::{MemoryReader, TimeSearch};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::keep::Rule;
use crate::{
    Account, AccountId, Audit, Conversation, Damage, EVERYBODY, Event, EventId, EventKind, Failure,
    Fingerprint, KEEP_DAYS, KEEP_MESSAGES, Keep, Loaded, Member, Outcome, Point, RECENT_MESSAGES,
    RESEND_MS, Reader, Record, RecordKind, RecordOwner, Refused, Resend, Room, RoomId, Store,
    Subject, Unread, Unreads, Write, audit, departure, records, write,
};

/// A store that lasts as long as the process, for tests and as a reference.
pub struct MemoryStore {
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
    /// The time, and the event read up to.
    read_markers: BTreeMap<(AccountId, Conversation), (i64, EventId)>,
    records: BTreeMap<(RecordKind, u32, Box<str>), Box<str>>,
    audit: BTreeMap<u64, Audit>,
    /// The mentions of events.
    mentions: BTreeMap<EventId, Box<[AccountId]>>,
    certificates: BTreeMap<Fingerprint, (AccountId, bool)>,
    unheard: BTreeMap<AccountId, u32>,
    events: Vec<Event>,
    reads_from: BTreeMap<(RoomId, AccountId), EventId>,
    /// Tagmsgs that were redacted.
    tagmsgs: BTreeSet<EventId>,
    pending: BTreeSet<(AccountId, EventId)>,
    /// The event for an author's resend id, its time, and when the id arrived.
    resends: HashMap<(AccountId, Box<str>), (EventId, i64, i64)>,
    last_account: AccountId,
    last_room: RoomId,
    applied: u64,
    live: Option<(u64, Arc<[u8]>)>,
}

impl MemoryStore {
    /// An empty store; `instance` is the prefix of its msgids, see [`Loaded::instance`].
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
            reads_from: contents.reads_from.iter().map(|(of, id)| (of.0, of.1, *id)).collect(),
            metadata: contents
                .metadata
                .iter()
                .map(|((of, key), value)| (*of, key.clone(), value.clone()))
                .collect(),
            read_markers: contents
                .read_markers
                .iter()
                .map(|(&(account, conversation), &(time, _))| (account, conversation, time))
                .collect(),
            records: contents
                .records
                .iter()
                .map(|((kind, owner, key), value)| Record {
                    kind: *kind,
                    owner: *owner,
                    key: key.clone(),
                    value: value.clone(),
                })
                .collect(),
            certificates: contents
                .certificates
                .iter()
                .map(|(of, (id, proved))| (*of, *id, *proved))
                .collect(),
            unheard: contents.unheard.iter().map(|(of, day)| (*of, *day)).collect(),
            pending: contents.pending.iter().filter_map(|of| contents.waits(*of)).collect(),
            recent_messages: {
                let newest = contents.events.len().saturating_sub(RECENT_MESSAGES);
                contents.events[newest..].iter().filter_map(Event::as_recent_message).collect()
            },
            events: contents.events.len() as u64,
            last_event: contents.events.last().map_or(0, |event| event.id),
            last_time: contents.events.last().map_or(0, |event| event.time),
            last_resend: contents.resends.values().map(|&(_, _, at)| at).max().unwrap_or(0),
            last_account: contents.last_account,
            last_room: contents.last_room,
            instance: contents.instance.clone(),
            cloak_key: contents.cloak_key,
            applied: contents.applied,
            live: contents.live.clone(),
        })
    }

    fn commit(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> Result<Vec<Outcome>, Failure> {
        let mut contents = lock(&self.contents);
        let mut forget = None;
        let outcomes = writes.map(|write| {
            if let Write::Forget(keep) = write {
                forget = Some(*keep);
            }
            contents.apply(write)
        });
        let outcomes = outcomes.collect();
        if let Some(keep) = forget {
            contents.forget(&keep);
        }
        Ok(outcomes)
    }

    fn damage(&self) -> Arc<Damage> {
        Arc::default() // There is nothing that could be.
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Failure> {
        Ok(Box::new(MemoryReader { contents: Arc::clone(&self.contents) }))
    }

    fn maintain(&mut self, now: i64) -> Result<(), Failure> {
        lock(&self.contents).resends.retain(|_, (_, _, at)| now.saturating_sub(*at) < RESEND_MS);
        Ok(())
    }

    fn forget(&mut self, keep: &Keep) -> Result<bool, Failure> {
        lock(&self.contents).forget(keep);
        Ok(false)
    }

    fn tidy_up(&mut self) -> Result<bool, Failure> {
        Ok(false)
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Contents {
    /// A pending event as receiver, event and author.
    fn waits(
        &self,
        (receiver, id): (AccountId, EventId),
    ) -> Option<(AccountId, EventId, AccountId)> {
        let at = self.events.binary_search_by_key(&id, |event| event.id).ok()?;
        let event = &self.events[at];
        event.conversation.other(receiver)?;
        Some((receiver, id, if event.guest { 0 } else { event.account }))
    }

    fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Event { event, resend, pending_for, mentions } => {
                let outcome = self.add(event, resend.as_ref(), *pending_for);
                if !mentions.is_empty() && outcome == Outcome::Stored {
                    write::assert_mentions(event, mentions);
                    self.mentions.insert(event.id, mentions.clone());
                }
                return outcome;
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
                self.reads_from.retain(|(of, _), _| of != room);
                self.metadata.retain(|(of, _), _| *of != Subject::Room(*room));
                self.remove_records(RecordOwner::Room, *room);
                self.read_markers.retain(|(_, of), _| *of != Conversation::room(*room));
            }
            Write::Member(member) => {
                self.members.insert((member.room, member.account), *member);
            }
            Write::MemberGone { room, account } => {
                self.members.remove(&(*room, *account));
                self.reads_from.remove(&(*room, *account));
            }
            Write::ReadsFrom { room, account, since } => {
                self.reads_from.insert((*room, *account), *since);
            }
            Write::PendingDelivered { account, after, up_to } => {
                self.pending.retain(|(of, event)| of != account || event <= after || event > up_to);
            }
            Write::Redact { event, anybodys, audit } => {
                return self.redact(event, *anybodys, audit.as_ref());
            }
            Write::ReadMarker { account, conversation, time } => {
                let times = TimeSearch { events: &self.events, end: EventId::MAX, of: &|_| false };
                let up_to = times.before(Point::Time(time.saturating_add(1))).saturating_sub(1);
                self.read_markers.insert((*account, *conversation), (*time, up_to));
            }
            Write::Metadata { of, key, value: Some(value) } => {
                self.metadata.insert((*of, key.clone()), value.clone());
            }
            Write::Metadata { of, key, value: None } => {
                self.metadata.remove(&(*of, key.clone()));
            }
            Write::Certificate { fingerprint, account: Some(account), proved } => {
                self.certificates.insert(*fingerprint, (*account, *proved));
            }
            Write::Certificate { fingerprint, account: None, .. } => {
                self.certificates.remove(fingerprint);
            }
            Write::Unheard { account, day: Some(day) } => {
                self.unheard.insert(*account, *day);
            }
            Write::Unheard { account, day: None } => {
                self.unheard.remove(account);
            }
            Write::AccountGone(account) => self.account_gone(*account),
            Write::DeleteAccount { id, messages } => self.delete_account(*id, *messages),
            Write::Record { kind, owner, key, value } => {
                records::assert_sound(*kind, *owner, key, value.as_deref());
                let key = (*kind, *owner, key.clone());
                match value {
                    Some(value) => drop(self.records.insert(key, value.clone())),
                    None => drop(self.records.remove(&key)),
                }
            }
            Write::Audit(entry) => self.add_audit(entry),
            Write::CloakKey(key) => self.cloak_key = Some(*key),
            Write::Applied(sequence) => self.applied = *sequence,
            Write::Live { sequence, bytes } => self.live = Some((*sequence, Arc::clone(bytes))),
            Write::LogLeft => (self.applied, self.live) = (0, None),
            Write::Forget(_) | Write::Probe => {}
        }
        Outcome::Stored
    }

    fn add(
        &mut self,
        event: &Event,
        resend: Option<&Resend>,
        pending_for: Option<AccountId>,
    ) -> Outcome {
        if let Some(last) = self.events.last() {
            assert!(event.id > last.id, "event ids rise");
        }
        assert!(event.kind != EventKind::Redacted, "only the store takes a text away");
        assert!(event.kind != EventKind::Damaged, "only a reader shows damage");
        if let Some(resend) = resend {
            let key = (event.account, resend.id.clone());
            if let Some(&(id, time, at)) = self.resends.get(&key)
                && resend.at.saturating_sub(at) < RESEND_MS
                && self.events.binary_search_by_key(&id, |event| event.id).is_ok()
            {
                return Outcome::Duplicate { id, time };
            }
            self.resends.insert(key, (event.id, event.time, resend.at));
        }
        if let Some(receiver) = pending_for {
            self.pending.insert((receiver, event.id));
        }
        let high = event.conversation.pair().map_or(0, |(_, high)| high);
        self.last_account = self.last_account.max(event.account).max(high);
        self.events.push(event.clone());
        Outcome::Stored
    }

    fn account_gone(&mut self, account: AccountId) {
        self.accounts.remove(&account);
        self.unheard.remove(&account);
        self.certificates.retain(|_, (of, _)| *of != account);
        self.metadata.retain(|(of, _), _| *of != Subject::Account(account));
        self.read_markers.retain(|(of, _), _| *of != account);
        self.members.retain(|(_, of), _| *of != account);
        self.reads_from.retain(|(_, of), _| *of != account);
        self.pending.retain(|(of, _)| *of != account);
        self.remove_records(RecordOwner::Account, account);
        for accounts in self.mentions.values_mut() {
            *accounts = accounts.iter().copied().filter(|of| *of != account).collect();
        }
    }

    fn remove_records(&mut self, of: RecordOwner, id: u32) {
        self.records.retain(|(kind, owner, _), _| kind.owner() != of || *owner != id);
    }

    fn delete_account(&mut self, account: AccountId, messages: bool) {
        self.account_gone(account);
        self.resends.retain(|(of, _), _| *of != account);
        for event in &mut self.events {
            let was = event.kind;
            departure::mask(event, account, messages);
            if event.kind != was {
                if !was.is_message() {
                    self.tagmsgs.insert(event.id);
                }
                self.mentions.remove(&event.id);
                self.pending.retain(|(_, waits)| *waits != event.id);
            }
        }
    }

    /// The messages that `of` has not read of a conversation read up to an event.
    fn unread(
        &self,
        of: &Unreads,
        conversation: Conversation,
        read: EventId,
        most: usize,
    ) -> Option<Unread> {
        let counts = |event: &&Event| {
            event.conversation == conversation
                && event.id > read
                && event.kind.is_message()
                && event.account != of.account
        };
        let unread: Vec<&Event> = self.events.iter().filter(counts).collect();
        let mentioned = |event: &&&Event| {
            let mentions = self.mentions.get(&event.id);
            mentions.is_some_and(|all| all.contains(&of.account) || all.contains(&EVERYBODY))
        };
        let messages = unread.len().min(most);
        let more = messages == most;
        let mentions = unread.iter().filter(mentioned).count().min(messages);
        let first = unread.first()?.id;
        Some(Unread { conversation, messages, more, mentions, first })
    }

    fn forget(&mut self, keep: &Keep) {
        let newest = self.events.last().map_or(0, |event| event.id);
        let mut conversations = BTreeMap::<Conversation, Vec<&Event>>::new();
        for event in &self.events {
            conversations.entry(event.conversation).or_default().push(event);
        }
        let mut gone = BTreeSet::new();
        for (of, events) in conversations {
            let rule = self.rule(keep, of, events[events.len() - 1].time);
            let messages = events.iter().rev().filter(|event| self.counts(event));
            let oldest = rule.messages.and_then(|count| messages.map(|m| m.id).nth(count - 1));
            let goes = |event: &&&Event| {
                event.id != newest && rule.goes(event.id, event.time, oldest.unwrap_or(0))
            };
            gone.extend(events.iter().take_while(goes).map(|event| event.id));
        }
        self.events.retain(|event| !gone.contains(&event.id));
        self.pending.retain(|(_, event)| !gone.contains(event));
        self.mentions.retain(|event, _| !gone.contains(event));
        let newest = self.audit.last_key_value().map_or(0, |(id, _)| *id);
        while let Some((id, entry)) = self.audit.first_key_value()
            && audit::goes(*id, newest, entry.time, keep)
        {
            self.audit.pop_first();
        }
    }

    fn rule(&self, keep: &Keep, of: Conversation, last: i64) -> Rule {
        let Some(room) = of.as_room() else { return keep.of_pair() };
        if !self.rooms.contains_key(&room) {
            return keep.of_ended(last);
        }
        let says = |key: &str| self.metadata.get(&(Subject::Room(room), key.into()));
        let (days, messages) = (says(KEEP_DAYS), says(KEEP_MESSAGES));
        keep.of_room(days.map(|days| &**days), messages.map(|messages| &**messages))
    }

    /// Whether an event is a message, or was one before it was redacted.
    fn counts(&self, event: &Event) -> bool {
        event.kind.is_message()
            || event.kind == EventKind::Redacted && !self.tagmsgs.contains(&event.id)
    }

    fn add_audit(&mut self, entry: &Audit) {
        let newest = self.audit.last_key_value().map_or(0, |(id, _)| *id);
        self.audit.insert(newest + 1, entry.clone());
    }

    fn redact(&mut self, event: &Event, anybodys: bool, audit: Option<&Audit>) -> Outcome {
        assert!(event.kind == EventKind::Redact, "a redaction is stored as one");
        let about = event.about.expect("a redaction is about an event");
        let found = self.events.iter_mut().find(|found| {
            found.id == about && found.conversation == event.conversation && found.kind.is_said()
        });
        let Some(found) = found else { return Outcome::Refused(Refused::NoSuchEvent) };
        if !anybodys && found.account != event.account {
            return Outcome::Refused(Refused::NotTheirs);
        }
        if !found.kind.is_message() {
            self.tagmsgs.insert(about);
        }
        (found.kind, found.text, found.tags) = (EventKind::Redacted, "".into(), "".into());
        let audit = audit.filter(|_| found.account != event.account);
        self.pending.retain(|(_, event)| *event != about);
        self.mentions.remove(&about);
        if let Some(entry) = audit {
            self.add_audit(entry);
        }
        self.add(event, None, None)
    }
}
