//! The reference implementation: plain collections, and every query scans everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::keep::Rule;
use crate::query::counted_targets;
use crate::{
    Account, AccountId, Audit, Conversation, Damage, EVERYBODY, Event, EventId, EventKind,
    Exported, Failure, Fingerprint, Found, KEEP_DAYS, KEEP_MESSAGES, Keep, Loaded, Member, Outcome,
    Point, Query, RECENT_MESSAGES, RESEND_MS, Reached, Reader, Record, RecordKind, RecordOwner,
    Refused, Resend, Room, RoomId, Scope, Search, Select, Store, Subject, Unread, Unreads, Write,
    audit, departure, export, records, unread, write,
};

/// A store that lasts as long as the process, for tests and as a reference.
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
        Ok(writes.map(|write| contents.apply(write)).collect())
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
                let places = TimeSearch { events: &self.events, end: EventId::MAX, of: &|_| false };
                let up_to = places.before(Point::Time(time.saturating_add(1))).saturating_sub(1);
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
            Write::Probe => {}
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

impl Reader for MemoryReader {
    fn page(&mut self, query: &Query) -> Result<Vec<Event>, Failure> {
        let contents = lock(&self.contents);
        let end = query.up_to.saturating_add(1);
        let of = |of| in_scope(of, query.of);
        let places = TimeSearch { events: &contents.events, end, of: &of };
        let asked: Vec<&Event> = contents
            .events
            .iter()
            .filter(|event| event.id <= query.up_to && in_scope(event.conversation, query.of))
            .filter(|event| event.id > query.of.after())
            .filter(|event| event.kind != EventKind::Redacted)
            .filter(|event| query.kinds.contains(event.kind))
            .collect();
        Ok(select(&asked, &places, query.select, query.limit).into_iter().cloned().collect())
    }

    fn pending(
        &mut self,
        account: AccountId,
        up_to: EventId,
        limit: usize,
    ) -> Result<Vec<Event>, Failure> {
        let contents = lock(&self.contents);
        let waiting = |event: &&Event| {
            event.conversation.other(account).is_some()
                && contents.pending.contains(&(account, event.id))
        };
        let events = contents.events.iter().filter(|event| event.id <= up_to).filter(waiting);
        Ok(events.take(limit).cloned().collect())
    }

    fn targets(
        &mut self,
        account: AccountId,
        rooms: &[RoomId],
        first: i64,
        second: i64,
        limit: usize,
    ) -> Result<Vec<(Conversation, i64)>, Failure> {
        let contents = lock(&self.contents);
        let of = |talk: Conversation| {
            talk.other(account).is_some() || talk.as_room().is_some_and(|r| rooms.contains(&r))
        };
        let places = TimeSearch { events: &contents.events, end: EventId::MAX, of: &of };
        let within = places.after(Point::Time(first.min(second)))
            ..places.before(Point::Time(first.max(second)));
        let mut latest = BTreeMap::new();
        for event in contents.events.iter().filter(|event| event.kind.is_message()) {
            if of(event.conversation) {
                latest.insert(event.conversation, (event.id, event.time));
            }
        }
        let mut targets: Vec<_> =
            latest.into_iter().map(|(talk, (id, time))| (id, talk, time)).collect();
        targets.retain(|(id, ..)| within.contains(id));
        Ok(counted_targets(targets, first <= second, limit))
    }

    fn unread(&mut self, of: &Unreads) -> Result<Vec<Unread>, Failure> {
        let contents = lock(&self.contents);
        let events = contents.events.iter().map(|event| event.conversation);
        let directs = events.filter(|talk| {
            talk.other(of.account).is_some_and(|other| !of.ignored.contains(&other))
        });
        let mut from: BTreeMap<Conversation, EventId> = directs.map(|talk| (talk, 0)).collect();
        from.extend(of.rooms.iter().map(|(room, since)| (Conversation::room(*room), *since)));
        from.retain(|talk, _| of.asks(*talk));
        let (mut found, mut total) = (Vec::new(), 0);
        for (talk, since) in from {
            let marker = contents.read_markers.get(&(of.account, talk));
            let read = marker.map_or(of.unmarked, |(_, event)| *event).max(since);
            let unread = contents.unread(of, talk, read, unread::most(total));
            total += unread.map_or(0, |unread| unread.messages);
            found.extend(unread);
        }
        Ok(found)
    }

    fn audit(&mut self, before: u64, limit: usize) -> Result<Vec<(u64, Audit)>, Failure> {
        let contents = lock(&self.contents);
        let newest = contents.audit.range(..before).rev().take(limit);
        let mut found: Vec<_> = newest.map(|(id, entry)| (*id, entry.clone())).collect();
        found.reverse();
        Ok(found)
    }

    fn export(&mut self, account: AccountId, after: EventId) -> Result<Exported, Failure> {
        let contents = lock(&self.contents);
        let own = |event: &&Event| {
            event.id > after && event.kind != EventKind::Redacted && export::is_of(event, account)
        };
        Ok(Exported { events: contents.events.iter().filter(own).cloned().collect(), next: None })
    }

    fn search(
        &mut self,
        search: &Search,
        may_read: &dyn Fn(&Event) -> bool,
    ) -> Result<Found, Failure> {
        let contents = lock(&self.contents);
        let wanted = |event: &&Event| search.wants(event) && may_read(event);
        let found = contents.events.iter().filter(wanted).collect();
        let found = match search.oldest_first {
            true => oldest(found, search.limit),
            false => newest(found, search.limit),
        };
        let last = if search.oldest_first { found.last() } else { found.first() };
        let reached = |event: &&Event| Reached { id: event.id, time: event.time, late: false };
        let reached = last.filter(|_| found.len() == search.limit).map(reached);
        Ok(Found { reached, events: found.into_iter().cloned().collect() })
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
        Scope::Since { room, .. } => conversation == Conversation::room(room),
        Scope::Everything { account, room } => {
            conversation.other(account).is_some()
                || room.is_some_and(|room| conversation == Conversation::room(room))
        }
    }
}

/// Finds points among all events below `end`, for a query of the conversations `of`; see
/// [`Point::Time`].
struct TimeSearch<'e> {
    events: &'e [Event],
    end: EventId,
    of: &'e dyn Fn(Conversation) -> bool,
}

impl TimeSearch<'_> {
    /// Stretches of events with increasing times, each with the id at which it ends.
    fn stretches(&self) -> Vec<(&[Event], EventId)> {
        let below = self.events.partition_point(|event| event.id < self.end);
        let stretches = self.events[..below].chunk_by(|one, next| one.time <= next.time);
        stretches.map(|stretch| (stretch, stretch[stretch.len() - 1].id + 1)).collect()
    }

    fn has(&self, stretch: &[Event], time: i64) -> bool {
        stretch.iter().any(|event| event.time == time && (self.of)(event.conversation))
    }

    /// The first id at or after a point.
    fn before(&self, point: Point) -> EventId {
        let time = match point {
            Point::Id(id) => return id,
            Point::Time(time) => time,
        };
        let stretches = self.stretches();
        let exact = stretches.iter().rfind(|(stretch, _)| self.has(stretch, time));
        let older = || stretches.iter().rfind(|(stretch, _)| stretch[0].time < time);
        let Some((stretch, end)) = exact.or_else(older) else { return 0 };
        stretch.iter().find(|event| event.time >= time).map_or(*end, |event| event.id)
    }

    /// The first id after a point.
    fn after(&self, point: Point) -> EventId {
        let time = match point {
            Point::Id(id) => return id.saturating_add(1),
            Point::Time(time) => time,
        };
        let stretches = self.stretches();
        let exact = stretches.iter().find(|(stretch, _)| self.has(stretch, time));
        let newer = |(stretch, _): &&(&[Event], _)| stretch.iter().any(|event| event.time > time);
        let Some((stretch, end)) = exact.or_else(|| stretches.iter().find(newer)) else {
            return self.end;
        };
        stretch.iter().find(|event| event.time > time).map_or(*end, |event| event.id)
    }

    fn is_forwards(&self, first: Point, second: Point) -> bool {
        match (first, second) {
            (Point::Time(first), Point::Time(second)) => first <= second,
            _ => self.after(first) < self.before(second),
        }
    }
}

fn select<'e>(
    events: &[&'e Event],
    places: &TimeSearch<'_>,
    select: Select,
    limit: usize,
) -> Vec<&'e Event> {
    let within = |start: EventId, end: EventId| -> Vec<&'e Event> {
        events.iter().copied().filter(|event| event.id >= start && event.id < end).collect()
    };
    match select {
        Select::Latest => newest(events.to_vec(), limit),
        Select::LatestAfter(point) => newest(within(places.after(point), EventId::MAX), limit),
        Select::Before(point) => newest(within(0, places.before(point)), limit),
        Select::After(point) => oldest(within(places.after(point), EventId::MAX), limit),
        Select::Between(first, second) if places.is_forwards(first, second) => {
            oldest(within(places.after(first), places.before(second)), limit)
        }
        Select::Between(first, second) => {
            newest(within(places.after(second), places.before(first)), limit)
        }
        Select::Around(point) => {
            let middle = places.before(point);
            let mut page = newest(within(0, middle), limit / 2);
            page.extend(oldest(within(middle, EventId::MAX), limit - limit / 2));
            page
        }
    }
}

fn newest(mut events: Vec<&Event>, limit: usize) -> Vec<&Event> {
    events.split_off(events.len().saturating_sub(limit))
}

fn oldest(mut events: Vec<&Event>, limit: usize) -> Vec<&Event> {
    events.truncate(limit);
    events
}
