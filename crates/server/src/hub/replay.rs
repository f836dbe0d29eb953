//! Promise 4: live state is the fold of what the hub applied, and replaying a recorded sequence
//! gives the same bytes out.
//!
//! Random sequences of what connections do run through the hub and the real journal, over a store
//! that refuses writes now and then. After each step the state must be consistent, and what anybody
//! is told must be lines that fit; at the end the state must equal what the store would give a
//! restart.

pub(super) mod nonsense;

use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::clock::Clock;
use crate::config::{Config, History, Operator};
use crate::effects::released::Settled;
use crate::effects::{Effect, Effects, ReadKind, Task};
use crate::hub::reload::Reload;
use crate::journal::Journal;
use crate::metrics::{Metrics, Queue, Space};
use crate::queue::{Receiver, bounded};
use crate::secret::Secret;
use crate::session::budget::Payer;
use crate::session::delivered::Delivered;
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use crate::state::State;
use crate::state::lookalikes::Looks;
use crate::state::room::Room;
use crate::state::terms;
use proto::Fingerprint;
use proto::scram::Keys;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use store::{
    AccountId, Conversation, EventId, Failure, ListEntry, Loaded, MemoryStore, Reader, Record,
    RecordOwner, RoomId, Store, Write,
};

/// SplitMix64: small, and the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// A store that refuses to commit while told so.
struct Faulty {
    inner: MemoryStore,
    broken: Arc<AtomicBool>,
}

impl Store for Faulty {
    fn load(&mut self) -> Result<Loaded, Failure> {
        self.inner.load()
    }

    fn commit(
        &mut self,
        writes: &mut dyn Iterator<Item = &Write>,
    ) -> Result<Vec<store::Outcome>, Failure> {
        if self.broken.load(Ordering::Relaxed) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(Failure::Io { path: "test".into(), source });
        }
        self.inner.commit(writes)
    }

    fn damage(&self) -> Arc<store::Damage> {
        self.inner.damage()
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Failure> {
        self.inner.reader()
    }

    fn maintain(&mut self, now: i64) -> Result<(), Failure> {
        self.inner.maintain(now)
    }

    fn forget(&mut self, keep: &store::Keep) -> Result<bool, Failure> {
        self.inner.forget(keep)
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        Box::new(self.inner).close()
    }
}

/// The hub and the journal on one thread, with a delay between them.
struct World {
    hub: Hub,
    journal: Journal,
    broken: Arc<AtomicBool>,
    bad_news: Receiver<Input>,
    queue: VecDeque<Effects>,
    derivations: VecDeque<(SessionId, Task)>,
    sessions: Vec<SessionId>,
    /// Who wishes the config file to be read again.
    wishes: Vec<SessionId>,
    /// The wall clock, which somebody sets now and then.
    now: i64,
    steady: i64,
    opened: u32,
    recorded: Vec<Stamped>,
    output: Vec<String>,
    /// Who would be told of which room, if the shards did what was released.
    told: BTreeSet<(SessionId, RoomId)>,
    /// How often somebody has asked whether the store can be written, and has not been told.
    probes: usize,
    /// Events that the store has taken.
    stored: usize,
    /// What is kept for whom.
    kept: BTreeSet<(AccountId, EventId)>,
    /// What of it each session was told: what was kept when it came, and what came since.
    shown: BTreeMap<SessionId, [Vec<EventId>; 2]>,
    /// What was told to a session that has answered since.
    answered: BTreeSet<EventId>,
}

/// By how much the clock is set: to and fro, days and less than a second.
const CLOCK_SET: [i64; 6] = [86_400_000, -86_400_000, -3_600_000, 40_000, -900, -1500];
const NAMES: [&str; 7] = ["ann", "bob", "b0b", "cem", "dee", "eve", "fay"];
const ROOMS: [&str; 5] = ["#a", "#b", "#lobby", "#c", "#\u{430}"];
/// This machine, others, and a reverse proxy.
const ADDRESSES: [&str; 5] = ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::1", PROXY];
const PROXY: &str = "198.51.100.1";

fn config(random: &mut Random) -> Arc<Config> {
    let proxies = format!("server.proxies = [{PROXY:?}]");
    let mut config: Config = toml::from_str(&proxies).expect("a config");
    config.server.guests = random.below(2) == 0;
    config.server.plaintext_login = random.below(2) == 0;
    config.limits.connections_per_address = [0, 0, 3][random.below(3)];
    config.server.remember_rooms = random.below(3) > 0;
    if random.below(3) == 0 {
        config.server.lobby = String::new();
    }
    config.limits.large_room = random.below(4);
    if random.below(3) == 0 {
        config.server.name = nonsense::SERVER.into();
    }
    config.limits.failed_logins = 0;
    config.limits.connects_per_minute = 0;
    config.accounts.expire_days = random.below(3) as u32;
    config.operator = vec![Operator {
        name: Some("boss".into()),
        password: Some("up".into()),
        ..Operator::default()
    }];
    config.file = Some("parlor.toml".into());
    Arc::new(config)
}

impl World {
    fn new(config: &Arc<Config>) -> World {
        let broken = Arc::new(AtomicBool::new(false));
        let mut store = Faulty { inner: MemoryStore::new("test"), broken: broken.clone() };
        let loaded = store.load().unwrap();
        let (hub, first) = Hub::new(config.clone(), loaded, 0);
        store.commit(&mut first.iter()).unwrap();
        let metrics = Arc::new(Metrics::new(1));
        let damage = crate::damage::Watch::new(store.damage(), metrics.clone());
        let (to_hub, bad_news) = bounded(1024, metrics.waiting(Queue::Hub));
        let journal = Journal {
            store: Box::new(store),
            shards: Vec::new(),
            hub: to_hub,
            committed: Arc::new(AtomicU64::new(0)),
            epoch: 0,
            clock: Clock::going_on_from(0),
            every: std::time::Duration::from_secs(60),
            folder: None,
            history: History::default(),
            space: None,
            looked: std::time::Instant::now(),
            metrics,
            damage,
            pulse: Arc::default(),
            readers: channel().1,
            wake: sync_channel(1).0,
        };
        World {
            hub,
            journal,
            broken,
            bad_news,
            queue: VecDeque::new(),
            derivations: VecDeque::new(),
            sessions: Vec::new(),
            wishes: Vec::new(),
            now: 0,
            steady: 0,
            opened: 0,
            recorded: Vec::new(),
            output: Vec::new(),
            told: BTreeSet::new(),
            probes: 0,
            stored: 0,
            kept: BTreeSet::new(),
            shown: BTreeMap::new(),
            answered: BTreeSet::new(),
        }
    }

    fn passes(&mut self, millis: i64) {
        self.now += millis;
        self.steady += millis;
    }

    fn apply(&mut self, input: Input) {
        let committed = self.journal.committed.load(Ordering::Relaxed);
        let stamped = Stamped { now: self.now, steady: self.steady, committed, input };
        self.recorded.push(stamped.clone());
        let effects = self.hub.apply(stamped);
        self.output.push(format!("{effects:?}"));
        nonsense::check(&effects);
        for effect in &effects.list {
            match &effect.effect {
                Effect::Derive { session, job } => {
                    self.derivations.push_back((*session, job.task.clone()));
                }
                Effect::Close { session } => self.sessions.retain(|open| open != session),
                _ => {}
            }
        }
        self.queue.push_back(effects);
        check(&self.hub);
        if self.hub.has_rest() || self.hub.has_turns() {
            self.apply(Input::Continue);
        }
    }

    fn batch(&mut self, session: SessionId, event: ClientEvent, text: &str) {
        let events = vec![SessionEvent { session, event }];
        self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }));
    }

    fn step(&mut self, random: &mut Random) {
        self.passes(random.below(2000) as i64);
        if random.below(30) == 0 {
            self.now += CLOCK_SET[random.below(CLOCK_SET.len())];
        }
        if random.below(30) == 0 {
            self.passes(random.below(5) as i64 * 86_400_000);
        }
        match random.below(22) {
            0 | 1 => {
                self.opened += 1;
                let session = SessionId { shard: 0, slot: self.opened, generation: self.opened };
                self.opens(random, session);
            }
            2 if !self.sessions.is_empty() => {
                let session = self.sessions.swap_remove(random.below(self.sessions.len()));
                self.batch(session, ClientEvent::Closed { reason: "gone".into() }, "");
            }
            3..=5 => self.settle(random, 1),
            6 => self.broken.store(random.below(4) == 0, Ordering::Relaxed),
            7 | 8 => {
                if let Some((session, task)) = self.derivations.pop_front() {
                    let keys = Keys {
                        salt: [7; 16],
                        iterations: 1,
                        stored_key: [1; 32],
                        server_key: [2; 32],
                    };
                    let stored_key = [random.below(9) as u8; 32];
                    let outcome = match random.below(6) {
                        _ if matches!(task, Task::Make { .. }) => Outcome::Made(keys),
                        1 if matches!(task, Task::Change { .. }) => Outcome::Compared(false),
                        _ if matches!(task, Task::Change { .. }) => {
                            Outcome::Made(Keys { stored_key, ..keys })
                        }
                        _ if matches!(task, Task::Draw { .. }) => drawn(random, &task, keys),
                        _ if matches!(task, Task::Wait) => Outcome::Waited,
                        0 => Outcome::Compared(false),
                        1 => Outcome::Renewed(Keys { stored_key, ..keys }),
                        _ => Outcome::Compared(true),
                    };
                    self.apply(Input::Derived(Derived { session, outcome }));
                }
            }
            9 if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                self.several_lines(random, session);
            }
            10 if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                self.line(session, &nonsense::line(random));
            }
            12 if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                let first = ["PING :x", "MODE ann +B", "MODE bob -B", "AWAY *", "AWAY", "QUIT"];
                self.answers(session, random.pick(&first));
            }
            11 => {
                if random.below(3) == 0 {
                    let free = random.below(100) as u64;
                    self.apply(Input::Disk(Space { free, total: 1000 }));
                }
                // Also by one who is not there.
                let slot = 1 + random.below(9) as u32;
                self.probes += 1;
                let session = SessionId { shard: 0, slot, generation: slot };
                self.batch(session, ClientEvent::Probe, "");
            }
            _ if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                self.line(session, &line(random));
            }
            _ => {}
        }
    }

    /// Somebody connects, maybe by a proxy, maybe encrypted, maybe for a page.
    fn opens(&mut self, random: &mut Random, session: SessionId) {
        self.sessions.push(session);
        let from = random.pick(&ADDRESSES);
        let address = from.parse().unwrap();
        let entropy = u128::from(random.next()).to_le_bytes();
        if random.below(10) == 0 {
            return self.batch(session, ClientEvent::OpenedByAdmin { entropy }, "");
        }
        self.batch(session, ClientEvent::Opened { address, entropy }, "");
        let encrypted = ClientEvent::Encrypted { certificate: certificate(random) };
        let mut ways = vec![encrypted];
        if from == PROXY {
            let address = random.pick(&ADDRESSES).parse().unwrap();
            ways.push(ClientEvent::Forwarded { address, encrypted: random.below(2) == 0 });
        }
        if random.below(2) == 0 {
            ways.reverse();
        }
        ways.truncate(random.below(ways.len() + 1));
        for way in ways {
            self.batch(session, way, "");
        }
        if random.below(10) == 0 {
            self.sessions.retain(|open| *open != session);
            self.batch(session, ClientEvent::Served, "");
        }
    }

    /// The config file is read again: it has a mistake, or another limit and other capabilities.
    fn reload(&mut self, random: &mut Random, by: SessionId) {
        let mut config = Config::clone(&self.hub.state.config);
        config.limits.large_room = random.below(4);
        let off = ["batch", "sasl", "setname", "sts"];
        config.server.capabilities_off = vec![random.pick(&off).into()];
        config.server.plaintext_login = random.below(2) == 0;
        config.tls.vouched = true;
        config.tls.certificate = (random.below(2) == 0).then(|| "c.pem".into());
        let outcome = match random.below(3) {
            0 => Err("a mistake".into()),
            _ => Ok((Arc::new(config), vec!["server.name"])),
        };
        self.apply(Input::Reload(Reload { by: Some(by), outcome }));
    }

    fn line(&mut self, session: SessionId, line: &str) {
        self.batch(session, ClientEvent::Line(0..line.len() as u32), line);
    }

    /// Sends a message of several lines, mostly as it must be.
    fn several_lines(&mut self, random: &mut Random, session: SessionId) {
        let target = random.pick(&["#lobby", "#a", "@#a", "ann", "bob"]);
        self.line(session, "CAP REQ :draft/multiline batch echo-message labeled-response");
        let id = random.below(3);
        self.line(
            session,
            &format!("@label=y;+parlor/resend=m{id} BATCH +r draft/multiline {target}"),
        );
        for text in ["one", "", "two"] {
            self.passes(random.below(100) as i64);
            let tags = random.pick(&["batch=r", "batch=r", "batch=r;draft/multiline-concat"]);
            self.line(session, &format!("@{tags} PRIVMSG {target} :{text}"));
        }
        let last = random.pick(&["BATCH -r", "BATCH -r", "BATCH -r", "BATCH -s", "QUIT", ""]);
        self.line(session, last);
    }

    /// A session sends a line after all that it was told was written to it.
    fn answers(&mut self, session: SessionId, line: &str) {
        let shown = self.shown.remove(&session).unwrap_or_default();
        let [kept, live] = [0, 1].map(|at: usize| shown[at].last().copied().unwrap_or_default());
        self.answered.extend(shown.into_iter().flatten());
        self.batch(session, ClientEvent::Answered(Delivered { kept, live }), "");
        self.line(session, line);
    }

    /// What was stored is kept until somebody who was told it has answered.
    fn keep(&mut self, settled: &Settled) {
        let outcomes = settled.outcomes.iter().flatten();
        let writes = settled.effects.writes.iter().zip(outcomes);
        for (write, _) in writes.filter(|(_, outcome)| **outcome == store::Outcome::Stored) {
            match write {
                Write::Event { event, pending_for, .. } => {
                    self.kept.extend(pending_for.map(|account| (account, event.id)));
                }
                Write::Redact { event, .. } => {
                    self.kept.retain(|(_, kept)| Some(*kept) != event.about);
                }
                Write::PendingDelivered { account, after, up_to } => {
                    let answered = &self.answered;
                    self.kept.retain(|(of, event)| {
                        let taken = of == account && after < event && event <= up_to;
                        assert!(!taken || answered.contains(event), "{event} is lost to {of}");
                        !taken
                    });
                }
                _ => {}
            }
        }
    }

    /// The journal takes up to `most` batches as one group.
    fn settle(&mut self, random: &mut Random, most: usize) {
        let take = (1 + random.below(most.max(2))).min(self.queue.len());
        if take == 0 {
            return;
        }
        let group: Vec<Effects> = self.queue.drain(..take).collect();
        for settled in self.journal.settle(group).expect("it is known what is stored") {
            self.keep(&settled);
            let happening =
                settled.effects.list.iter().filter(|one| settled.happens(one.condition));
            for effect in happening {
                match &effect.effect {
                    Effect::Enter { session, room } => {
                        self.told.insert((*session, *room));
                    }
                    Effect::Leave { session, room } => {
                        self.told.remove(&(*session, *room));
                    }
                    Effect::Close { session } => self.told.retain(|(told, _)| told != session),
                    Effect::TellOne { to, news, kept: true } => {
                        let id = settled.effects.news[*news as usize].id;
                        self.shown.entry(*to).or_default()[1].push(id);
                    }
                    Effect::Read { session, request, .. } => {
                        if let ReadKind::Pending { up_to, .. } = request.what {
                            let mut reader = self.journal.store.reader().unwrap();
                            let events = reader.pending(request.me.0, up_to, usize::MAX).unwrap();
                            let kept = events.into_iter().map(|event| event.id).collect();
                            self.shown.entry(*session).or_default()[0] = kept;
                        }
                    }
                    Effect::Reload { by } => self.wishes.push(*by),
                    Effect::Probed { ok, .. } => {
                        assert_eq!(*ok, settled.outcomes.is_some());
                        self.probes -= 1;
                    }
                    _ => {}
                }
            }
            let outcomes = settled.outcomes.into_iter().flatten();
            let stored = settled.effects.writes.iter().zip(outcomes).filter(|(write, outcome)| {
                let event = matches!(write, Write::Event { .. } | Write::Redact { .. });
                event && *outcome == store::Outcome::Stored
            });
            self.stored += stored.count();
        }
        for by in std::mem::take(&mut self.wishes) {
            self.reload(random, by);
        }
        while let Ok(input) = self.bad_news.try_recv() {
            self.apply(input);
        }
    }

    /// Everything is committed, and the state is what a restart would find.
    fn finish(mut self, random: &mut Random, config: &Arc<Config>) -> (Vec<Stamped>, Vec<String>) {
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
        assert_eq!(self.probes, 0, "each who asks is told, and once");
        let mut reader = self.journal.store.reader().unwrap();
        for account in self.hub.state.accounts.values() {
            let of = |(of, event): &(AccountId, EventId)| (*of == account.id).then_some(*event);
            let kept: Vec<_> = self.kept.iter().filter_map(of).collect();
            let pending = reader.pending(account.id, EventId::MAX >> 1, usize::MAX).unwrap();
            assert_eq!(pending.iter().map(|event| event.id).collect::<Vec<_>>(), kept);
        }
        let counted = self.journal.metrics.sum("parlor_events_stored_total");
        assert_eq!(counted, self.stored as f64, "what was stored is counted");
        // A shard forgets a connection that closed, whatever is still released for it.
        self.told.retain(|(session, _)| self.hub.node.sessions.contains_key(session));
        assert_eq!(self.told, in_rooms, "who is told of a room is in it");
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

/// Secrets as the threads that derive keys draw them.
fn drawn(random: &mut Random, task: &Task, keys: Keys) -> Outcome {
    let Task::Draw { count, chars, keys: wanted } = task else { return Outcome::Busy };
    let first = if random.below(2) == 0 { "a" } else { "b" };
    let mut draw = || -> String {
        let rest = (4..*chars).map(|_| random.pick(&["a", "b"]));
        std::iter::once(first.repeat(4).as_str()).chain(rest).collect()
    };
    let secrets = (0..*count).map(|_| Secret::new(&draw())).collect();
    Outcome::Drawn(secrets, wanted.map(|_| keys))
}

/// One of a few, if any.
fn certificate(random: &mut Random) -> Option<Fingerprint> {
    let which = random.below(4) as u8;
    (which > 0).then_some(Fingerprint([which; 32]))
}

fn line(random: &mut Random) -> String {
    let (name, other, room) = (random.pick(&NAMES), random.pick(&NAMES), random.pick(&ROOMS));
    match random.below(44) {
        0..=4 => format!("LOGIN {name} :secret"),
        5 => format!("NICK {name}\r").trim_end().to_owned(),
        6 => "USER u 0 * :real".into(),
        7 => format!("LOGIN {name}"),
        8 => "PM".into(),
        9..=12 => format!("JOIN {room}"),
        13 => format!("JOIN {room} key"),
        14 | 15 => format!("PART {room} :bye"),
        16 => format!("TOPIC {room} :about {other}"),
        17 => format!(
            "MODE {room} +{}{} {other} {name}",
            random.pick(&["o", "h", "v", "b", "e", "I", "q"]),
            random.pick(&["o", "h", "v", "m", "i", "C", "R"])
        ),
        18 => format!(
            "MODE {room} -{} {other}",
            random.pick(&["o", "h", "v", "b", "e", "q", "i", "k", "l", "n", "R"])
        ),
        19 => {
            format!("MODE {room} +{} {}", random.pick(&["k", "l"]), random.pick(&["3", "key", "0"]))
        }
        20 => format!("KICK {room} {other},{name} :out"),
        21 => format!("INVITE {other} {room}"),
        22 => format!("PRIVMSG {room},{other},{}{room} :hello", random.pick(&["@", "%", "+"])),
        23 => "BM :to all".into(),
        24 => format!("PM {other} :psst"),
        25 => random
            .pick(&["QUIT", "EX", "", "CH", "WHO * o%tnaf,1", "LIST >1,!*b", "AWAY :lunch", "AWAY"])
            .into(),
        26 => random
            .pick(&[
                "CAP LS 302",
                "CAP REQ :echo-message message-tags batch labeled-response",
                "CAP REQ :draft/channel-rename labeled-response",
                "CAP REQ :chghost account-notify extended-join away-notify draft/pre-away",
                "CAP REQ :draft/pre-away",
                "CAP REQ :message-tags draft/message-redaction draft/read-marker",
                "CAP END",
            ])
            .into(),
        27 => format!("@label=x;+parlor/resend={} PRIVMSG {room} :again", random.below(3)),
        28 => random
            .pick(&["REGISTER * * secret", "REGISTER * * secret", "SETNAME :other", "AWAY *"])
            .into(),
        29 => random
            .pick(&["WHOIS {other}", "MODE {name} +Bi-w", "MODE {name} -B+w", "WHOWAS {name}"])
            .replace("{name}", name)
            .replace("{other}", other),
        30 => format!("REDACT {room} test-{} :sorry", 1 + random.below(30)),
        31 => format!("MARKREAD {room} timestamp=1970-01-01T00:0{}:00.000Z", random.below(3)),
        32 => format!("RENAME {room} {} :better", random.pick(&ROOMS)),
        33 => format!("@label=r RENAME {room} {}", random.pick(&["#A", "#d", "#a", "#B"])),
        34 => server_commands(random, name, other),
        35 => format!(
            "METADATA {} {}",
            random.pick(&["*", room, name]),
            random.pick(&["SET url :x", "SET url :y", "SET url", "SET avatar :z", "CLEAR", "LIST"])
        ),
        36 => random
            .pick(&[
                "CAP REQ :batch draft/metadata-3",
                "CAP REQ :batch draft/metadata-2",
                "CAP REQ :-draft/metadata-3 -draft/metadata-2",
                "METADATA * SUB url avatar",
                "METADATA * UNSUB url",
                "METADATA *ALL SYNC",
                "METADATA #a SYNC",
            ])
            .into(),
        37 => certificates(random),
        38..=40 => rooms_and_people(random, room, name, other),
        41 => account(random, name),
        42 => invitations(random),
        _ => format!("NAMES {room}"),
    }
}

/// What one does to keep order in rooms.
fn rooms_and_people(random: &mut Random, room: &str, name: &str, other: &str) -> String {
    let msgid = format!("test-{}", 1 + random.below(30));
    match random.below(14) {
        0 => format!("ROOM {room}"),
        1 => format!("ROOM {room} founder {}", random.pick(&[name, other, "*"])),
        2 => format!(
            "ROOM {room} {}",
            random.pick(&["slow 1", "slow off", "announce on", "announce off", "invite members"])
        ),
        3 => format!(
            "ROOM {room} {}",
            random.pick(&["history none", "history all", "description :x", "registered-only on"])
        ),
        4 => format!("PIN {room} {msgid}"),
        5 => format!("UNPIN {room} {msgid}"),
        6 | 7 => format!(
            "BAN {room} {other} {}",
            random.pick(&["", "1s", "1h :why", "take-back=1h :out", "1d take-back=1s"])
        ),
        8 => format!("{} {room} {other}", random.pick(&["UNBAN", "UNQUIET", "MODE"])),
        9 => format!("QUIET {room} *!*@* {}", random.pick(&["1s :hush", "2d", ""])),
        10 => format!("SILENCE {}{other}", random.pick(&["+", "-"])),
        11 => format!("REPORT {} :rude", random.pick(&[&msgid, other])),
        12 => random.pick(&["REPORTS", "REPORTS CLOSE 1 :done", "REPORTS CLOSE 2"]).into(),
        _ => random.pick(&["BAN #a", "QUIET #b", "PIN #a", "SILENCE", "REPORTS ALL"]).into(),
    }
}

/// What one does with one's account.
fn account(random: &mut Random, name: &str) -> String {
    let what = match random.below(12) {
        0 => "PASSWORD secreter",
        1 => "PASSWORD secret secreter",
        2 => "TOKEN ADD phone",
        3 => "TOKEN DEL phone",
        4 => "2FA ON",
        5 => "STRICT ON",
        6 => "PMS nobody",
        7 => "END ALL",
        8 => "EXPORT",
        9 => return format!("ACCOUNT DELETE {name}"),
        10 => "SESSIONS",
        _ => "STRICT OFF",
    };
    format!("ACCOUNT {what}")
}

/// What one does with invitations; all their codes are alike here.
fn invitations(random: &mut Random) -> String {
    let all = ["ADD rooms=#a", "ADD uses=2 expires=1s", "USE aaaa", "DEL aaaa", "LIST"];
    format!("INVITATION {}", random.pick(&all))
}

/// What one does with certificates.
fn certificates(random: &mut Random) -> String {
    let certificate = Fingerprint([random.below(4) as u8; 32]);
    match random.below(6) {
        0 => format!("CERT ADD {certificate}"),
        1 => format!("CERT DEL {certificate:x}"),
        2 => random.pick(&["CERT ADD", "CERT LIST", "CAP REQ :sasl"]).into(),
        3 => "AUTHENTICATE EXTERNAL".into(),
        4 => "AUTHENTICATE PLAIN".into(),
        // Nobody in particular, ann, bob; and with a password.
        _ => format!(
            "AUTHENTICATE {}",
            random.pick(&["+", "YW5u", "Ym9i", "AGFubgBzZWNyZXQ=", "AGJvYgBzZWNyZXQ="])
        ),
    }
}

/// What one asks of the server itself, or of others across all rooms.
fn server_commands(random: &mut Random, name: &str, other: &str) -> String {
    match random.below(8) {
        0 | 1 => format!("MONITOR + {name},{other}"),
        2 => format!("MONITOR - {other}"),
        3 => random.pick(&["MONITOR C", "MONITOR S", "STATS m", "HELP", "ISUPPORT"]).into(),
        4 | 5 => "OPER boss up".into(),
        6 => format!("@label=y KILL {other} :out"),
        _ => {
            let rare = ["REHASH", "MODE ann +w", "WALLOPS :all", "AUDIT", "SERVERBAN LIST"];
            match random.below(9) {
                0 => format!("SERVERBAN ADD {name} 2s :out"),
                1 => format!("SERVERBAN ADD {name}*!*@* 2s :out"),
                2 => format!("SERVERBAN DEL {}", random.below(4)),
                3 => format!("ACCOUNTS SUSPEND {other} 2s :out"),
                4 => format!("ACCOUNTS RESUME {other}"),
                _ => random.pick(&rare).into(),
            }
        }
    }
}

/// What names look like is known, and none looks like another. Too slow to be looked at after each step.
fn check_looks(state: &State) {
    let (mut accounts, mut rooms) = (Looks::default(), Looks::default());
    state.accounts.values().for_each(|account| accounts.add(&account.name, account.id));
    state.rooms.values().for_each(|room| rooms.add(&room.name, room.id));
    assert_eq!(state.account_looks, accounts, "what looks like an account is known");
    assert_eq!(state.room_looks, rooms, "what looks like a room is known");
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

/// What is kept ready to use is as the records have it.
fn check_rooms(state: &State) {
    let (mut founders, mut ends) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new());
    for room in state.rooms.values() {
        if let Some(founder) = room.founder {
            let account = state.accounts.values().any(|account| account.id == founder);
            assert!(account, "whose a room is has an account");
            founders.entry(founder).or_default().insert(room.id);
        }
        for (key, terms) in &room.terms {
            let same = |entry: &ListEntry| terms::key(entry.mode, &entry.mask) == **key;
            assert!(room.settings.lists.iter().any(same), "terms are of an entry");
            ends.extend(terms.until.map(|until| (until, room.id, key.clone())));
        }
    }
    assert_eq!(state.founders, founders, "whose which rooms are is known");
    assert_eq!(state.ends, ends, "when what ends is known");
}

/// What must hold after every step.
fn check(hub: &Hub) {
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
                assert!(state.config.server.remember_rooms && Some(*id) != state.lobby);
                assert!(state.accounts.values().any(|account| account.id == *user));
            }
        }
    }
}

fn run(seed: u64, steps: usize) -> (Arc<Config>, Vec<Stamped>, Vec<String>) {
    let mut random = Random(seed);
    let config = config(&mut random);
    let mut world = World::new(&config);
    for _ in 0..steps {
        world.step(&mut random);
    }
    let (recorded, output) = world.finish(&mut random, &config);
    (config, recorded, output)
}

#[test]
fn a_recorded_sequence_replayed_gives_the_same_bytes_and_state_stays_consistent() {
    for seed in 0..2000 {
        // A failure names its seed: the panic's message is behind this line.
        let watched = std::panic::catch_unwind(|| run(seed, 120));
        let Ok((config, recorded, output)) = watched else {
            panic!("seed {seed} failed, see above")
        };
        let loaded = MemoryStore::new("test").load().unwrap();
        let mut hub = Hub::new(config, loaded, 0).0;
        for (stamped, expected) in recorded.into_iter().zip(&output) {
            assert_eq!(format!("{:?}", hub.apply(stamped)), *expected, "seed {seed}");
        }
    }
}
