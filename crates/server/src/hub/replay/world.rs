//! The hub and the real journal over a store that refuses writes now and then, on one thread.

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
    pub(super) bad_news: Receiver<Input>,
    pub(super) queue: VecDeque<Effects>,
    pub(super) derivations: VecDeque<(SessionId, Task)>,
    pub(super) sessions: Vec<SessionId>,
    /// Who wishes the config file to be read again.
    pub(super) wishes: Vec<SessionId>,
    /// The wall clock, which somebody sets now and then.
    pub(super) now: i64,
    pub(super) steady: i64,
    pub(super) opened: u32,
    pub(super) recorded: Vec<Stamped>,
    pub(super) output: Vec<String>,
    /// Who would be told of which room, if the shards did what was released.
    pub(super) told: BTreeSet<(SessionId, RoomId)>,
    /// How often somebody has asked whether the store can be written, and has not been told.
    pub(super) probes: usize,
    /// Events that the store has taken.
    pub(super) stored: usize,
    /// What is kept for whom.
    pub(super) kept: BTreeSet<(AccountId, EventId)>,
    /// What of it each session was told: what was kept when it came, and what came since.
    pub(super) shown: BTreeMap<SessionId, [Vec<EventId>; 2]>,
    /// What was told to a session that has answered since.
    pub(super) answered: BTreeSet<EventId>,
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
        let (to_hub, bad_news) = bounded(1024, metrics.waiting(Queue::Hub));
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

    pub(super) fn passes(&mut self, millis: i64) {
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

    pub(super) fn batch(&mut self, session: SessionId, event: ClientEvent, text: &str) {
        let events = vec![SessionEvent { session, event }];
        self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }));
    }

    pub(super) fn line(&mut self, session: SessionId, line: &str) {
        self.batch(session, ClientEvent::Line(0..line.len() as u32), line);
    }

    /// What was stored is kept until somebody who was told it has answered.
    fn keep(&mut self, settled: &SettledBatch) {
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
    pub(super) fn settle(&mut self, random: &mut Random, most: usize) {
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
}
