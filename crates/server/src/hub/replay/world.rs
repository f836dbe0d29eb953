//! The hub and the real journal on one thread, over a store whose commits fail now and then.

use super::checks::check;
use super::nonsense;
use super::random::Random;
use crate::clock::Clock;
use crate::config::{Config, History};
use crate::effects::released::SettledBatch;
use crate::effects::{Effect, Effects, ReadKind, Task};
use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::journal::Journal;
use crate::metrics::{Metrics, Queue};
use crate::queue::{Receiver, bounded};
use crate::session_id::SessionId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use store::{AccountId, EventId, Failure, Loaded, MemoryStore, Reader, RoomId, Store, Write};

/// A store whose commits fail while `broken` is set.
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

    fn tidy_up(&mut self) -> Result<bool, Failure> {
        self.inner.tidy_up()
    }

    fn close(self: Box<Self>) -> Result<(), Failure> {
        Box::new(self.inner).close()
    }
}

/// The hub and the journal on one thread, with a delay between them.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) journal: Journal,
    pub(super) broken: Arc<AtomicBool>,
    pub(super) from_journal: Receiver<Input>,
    pub(super) queue: VecDeque<Effects>,
    pub(super) derivations: VecDeque<(SessionId, Task)>,
    pub(super) sessions: Vec<SessionId>,
    /// Sessions that have requested a reload of the config file.
    pub(super) reloads: Vec<SessionId>,
    /// The wall clock, which jumps now and then.
    pub(super) now: i64,
    pub(super) steady: i64,
    pub(super) opened: u32,
    pub(super) recorded: Vec<Stamped>,
    pub(super) output: Vec<String>,
    /// Which sessions the shards would deliver a room's lines to, by what was released.
    pub(super) entered: BTreeSet<(SessionId, RoomId)>,
    /// Probes not answered yet.
    pub(super) probes: usize,
    /// Events committed to the store.
    pub(super) stored: usize,
    /// Pending messages by account.
    pub(super) pending: BTreeSet<(AccountId, EventId)>,
    /// Those delivered to each session: the ones pending at its login, and those sent since.
    pub(super) shown: BTreeMap<SessionId, [Vec<EventId>; 2]>,
    /// Those acknowledged by a session.
    pub(super) acknowledged: BTreeSet<EventId>,
}

impl World {
    pub(super) fn new(config: &Arc<Config>) -> World {
        let broken = Arc::new(AtomicBool::new(false));
        let mut store = Faulty { inner: MemoryStore::new("test"), broken: broken.clone() };
        let loaded = store.load().unwrap();
        let (hub, first) = Hub::new(config.clone(), loaded, 0);
        store.commit(&mut first.iter()).unwrap();
        let metrics = Arc::new(Metrics::new(1));
        let damage = crate::damage::Watch::new(store.damage(), metrics.clone());
        let (to_hub, from_journal) = bounded(1024, metrics.waiting(Queue::Hub));
        let journal = Journal {
            store: Box::new(store),
            shards: Vec::new(),
            hub: to_hub,
            committed: Arc::new(AtomicU64::new(0)),
            epoch: 0,
            clock: Clock::going_on_from(0),
            steady: i64::MIN,
            every: std::time::Duration::from_secs(60),
            folder: None,
            history: History::default(),
            space: None,
            looked: std::time::Instant::now(),
            metrics,
            damage,
            pulse: Arc::default(),
            readers: channel().1,
            log: None,
            wake: sync_channel(1).0,
        };
        World {
            hub,
            journal,
            broken,
            from_journal,
            queue: VecDeque::new(),
            derivations: VecDeque::new(),
            sessions: Vec::new(),
            reloads: Vec::new(),
            now: 0,
            steady: 0,
            opened: 0,
            recorded: Vec::new(),
            output: Vec::new(),
            entered: BTreeSet::new(),
            probes: 0,
            stored: 0,
            pending: BTreeSet::new(),
            shown: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
        }
    }

    pub(super) fn advance(&mut self, millis: i64) {
        self.now += millis;
        self.steady += millis;
    }

    pub(super) fn apply(&mut self, input: Input) {
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

    pub(super) fn client_event(&mut self, session: SessionId, text: &str, event: ClientEvent) {
        let events = vec![SessionEvent { session, event }];
        self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }));
    }

    pub(super) fn send(&mut self, session: SessionId, line: &str) {
        self.client_event(session, line, ClientEvent::Line(0..line.len() as u32));
    }

    /// A stored message stays pending until a session has acknowledged it.
    fn track_pending(&mut self, settled: &SettledBatch) {
        let outcomes = settled.outcomes.iter().flatten();
        let writes = settled.effects.writes.iter().zip(outcomes);
        for (write, _) in writes.filter(|(_, outcome)| **outcome == store::Outcome::Stored) {
            match write {
                Write::Event { event, pending_for, .. } => {
                    self.pending.extend(pending_for.map(|account| (account, event.id)));
                }
                Write::Redact { event, .. } => {
                    self.pending.retain(|(_, pending)| Some(*pending) != event.about);
                }
                Write::PendingDelivered { account, after, up_to } => {
                    let acknowledged = &self.acknowledged;
                    self.pending.retain(|(of, event)| {
                        let removed = of == account && after < event && event <= up_to;
                        assert!(
                            !removed || acknowledged.contains(event),
                            "{event} is lost to {of}"
                        );
                        !removed
                    });
                }
                _ => {}
            }
        }
    }

    /// The journal takes up to `most` batches as one group.
    pub(super) fn settle(&mut self, random: &mut Random, most: usize) {
        let take = (1 + random.below(most.max(2))).min(self.queue.len());
        if take == 0 {
            return;
        }
        let group: Vec<Effects> = self.queue.drain(..take).collect();
        for settled in self.journal.settle(group).expect("it is known what is stored") {
            self.track_pending(&settled);
            let happening =
                settled.effects.list.iter().filter(|one| settled.happens(one.condition));
            for effect in happening {
                match &effect.effect {
                    Effect::Enter { session, room } => {
                        self.entered.insert((*session, *room));
                    }
                    Effect::Leave { session, room } => {
                        self.entered.remove(&(*session, *room));
                    }
                    Effect::Close { session } => self.entered.retain(|(open, _)| open != session),
                    Effect::TellOne { to, news, pending: true } => {
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
                    Effect::Reload { by } => self.reloads.push(*by),
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
        for by in std::mem::take(&mut self.reloads) {
            self.reload(random, by);
        }
        while let Ok(input) = self.from_journal.try_recv() {
            self.apply(input);
        }
    }
}
