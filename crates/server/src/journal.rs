//! The journal: it owns the only write connection to the store, and has its own thread.
//!
//! It commits everything queued as one transaction, flushed to disk, and only then releases the
//! effects that depend on it. Effects without writes pass through in order: there is one order for
//! everything. When the server has little to do, the hub's thread does the journal's work without
//! waking it.

pub mod retention;

use crate::clock::{self, Clock};
use crate::cluster::queue::{LogCommand, ToLog};
use crate::config::History;
use crate::damage::Watch;
use crate::effects::Effects;
use crate::effects::released::{Released, SettledBatch};
use crate::hub::Input;
use crate::inbox::{Inbox, Item};
use crate::limits::{
    DISK_LOOK_MILLIS, JOURNAL_GROUP, JOURNAL_GROUP_BYTES, JOURNAL_QUEUE, WRITES_AT_ONCE,
};
use crate::metrics::{Metrics, Space};
use crate::priority::Foreground;
use crate::pulse::Pulse;
use crate::queue::{Receiver, Sender, bounded};
use crate::wake::Wake;
use prometheus_client::metrics::gauge::Gauge;
use retention::RetentionRound;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SendError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};
use store::{Failure, Keep, Outcome, Store, Write};

/// What the journal works with.
pub struct Journal {
    /// The store.
    pub store: Box<dyn Store>,
    /// The shards.
    pub shards: Vec<Inbox>,
    /// The hub, to be told of failures.
    pub hub: Sender<Input>,
    /// The newest committed batch, up to which the hub can drop its undo log.
    pub committed: Arc<AtomicU64>,
    /// Effects of an earlier epoch depend on something that could not be stored, and are refused.
    pub epoch: u32,
    /// The clock for the store's maintenance.
    pub clock: Clock,
    /// The time of the newest entry that a log has ordered, by the steady clock.
    pub steady: i64,
    /// The time between two rounds of maintenance.
    pub every: Duration,
    /// The data folder; none if nothing is stored on disk.
    pub folder: Option<PathBuf>,
    /// How long history is kept.
    pub history: History,
    /// The space on its disk, as last reported to the hub.
    pub space: Option<Space>,
    /// When the disk was last checked.
    pub looked: Instant,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The store's reports of damage.
    pub damage: Watch,
    /// Liveness checks.
    pub pulse: Arc<Pulse>,
    /// Closed by the store's last reader when it ends.
    pub readers: mpsc::Receiver<Infallible>,
    /// The log that orders what is stored, if this is a node of a cluster: it is told what is on disk.
    /// What goes from the store goes by its entries and their times, the same on all nodes.
    /// What cannot be stored ends the process then, for the others have stored it.
    pub log: Option<ToLog>,
    /// Ends the process if it is uncertain what is stored.
    pub wake: SyncSender<Wake>,
}

/// What the hub and the journal's thread share.
struct Shared {
    /// None once it has ended.
    journal: Mutex<Option<Journal>>,
    /// Effects that are queued for the journal's thread and not released yet.
    queued: AtomicUsize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().expect("a panic in either thread ends the process")
    }
}

/// The hub's end of the journal.
pub struct JournalHandle {
    queue: Sender<Effects>,
    shared: Arc<Shared>,
}

/// The journal's thread.
pub struct JournalThread {
    queue: Receiver<Effects>,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    clock: Clock,
    every: Duration,
    foreground: Arc<Foreground>,
}

/// Both ends of a journal. `waiting` is the gauge of effects queued for its thread, which is part
/// of the `foreground`.
pub fn split(
    journal: Journal,
    waiting: Gauge,
    foreground: Arc<Foreground>,
) -> (JournalHandle, JournalThread) {
    let (sender, queue) = bounded(JOURNAL_QUEUE, waiting);
    let (metrics, clock, every) = (journal.metrics.clone(), journal.clock, journal.every);
    let journal = Mutex::new(Some(journal));
    let shared = Arc::new(Shared { journal, queued: AtomicUsize::new(0) });
    let handle = JournalHandle { queue: sender, shared: shared.clone() };
    (handle, JournalThread { queue, shared, metrics, clock, every, foreground })
}

impl JournalHandle {
    /// Passes effects on; false if the journal has ended.
    ///
    /// Near idle, waking another thread and waiting for it takes longer than the commit. So if the
    /// hub has no input waiting (`idle`) and the journal's thread is idle too, they are committed
    /// and released on this thread.
    ///
    /// # Errors
    /// When it is uncertain what is stored, so nobody may be told anything.
    pub fn pass_on(&self, effects: Effects, idle: bool) -> Result<bool, Failure> {
        let few = effects.writes.len() <= WRITES_AT_ONCE;
        let plain = !effects.last && effects.history.is_none();
        // Only the hub adds to the queue, so everything earlier has been released.
        let first = self.shared.queued.load(Ordering::Acquire) == 0;
        if idle
            && few
            && plain
            && first
            && let Ok(mut shared) = self.shared.journal.try_lock()
        {
            let Some(journal) = &mut *shared else { return Ok(false) };
            let question = journal.pulse.question();
            let done = journal.carry_out(vec![effects], question);
            if done.is_err() {
                *shared = None;
            }
            return done.map(|()| true);
        }
        self.shared.queued.fetch_add(1, Ordering::AcqRel);
        Ok(self.queue.send(effects).is_ok())
    }
}

impl JournalThread {
    /// Runs until the last effects are released and the readers have ended, then closes the store.
    ///
    /// # Errors
    /// When it is uncertain what is stored, so nobody may be told anything; or when the store
    /// cannot be closed cleanly, although everything committed is safe.
    pub fn run(self) -> Result<(), Failure> {
        let mut maintained = Instant::now();
        if let Some(journal) = &mut *self.shared.lock() {
            journal.look_at_disk();
            journal.damage.look();
        }
        let mut retention = RetentionRound::begin(clock::wall(), self.clock.steady());
        loop {
            let first = match self.queue.recv_timeout(self.patience(maintained, &retention)) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // Whatever it does, the next commit waits for it.
            let _work = self.foreground.work();
            let mut shared = self.shared.lock();
            let Some(journal) = &mut *shared else { return Ok(()) };
            if maintained.elapsed() >= self.every {
                maintained = Instant::now();
                let now = if journal.log.is_some() { journal.steady } else { self.clock.steady() };
                if let Err(error) = journal.store.maintain(now) {
                    tracing::warn!(%error, "Store maintenance failed, will retry");
                }
            }
            let Some(first) = first else {
                journal.look_at_disk_when_due();
                journal.forget(&mut retention);
                continue;
            };
            let question = journal.pulse.question();
            let group = self.gather(first);
            let (outputs, last) = (group.len(), group.iter().any(|effects| effects.last));
            if let Some(history) = group.iter().rev().find_map(|effects| effects.history.clone()) {
                journal.history = history;
                retention.begin_soon(self.clock.steady());
            }
            journal.carry_out(group, question)?;
            self.shared.queued.fetch_sub(outputs, Ordering::AcqRel);
            if last {
                break;
            }
            if retention.is_late(self.clock.steady()) {
                journal.forget(&mut retention);
            }
        }
        let Some(mut journal) = self.shared.lock().take() else { return Ok(()) };
        journal.store.end_commits();
        // Readers prevent the last checkpoint. None is left: nothing is ever sent on this channel.
        let _ = journal.readers.recv();
        journal.store.close()
    }

    /// How long to wait for effects before something else is due.
    fn patience(&self, maintained: Instant, retention: &RetentionRound) -> Duration {
        let due = self.every.saturating_sub(maintained.elapsed());
        let look = Duration::from_millis(DISK_LOOK_MILLIS);
        // While writes are refused for lack of space, there may be no other input.
        let patience = if self.metrics.seen().scarce { look.min(due) } else { due };
        retention.patience(patience, self.clock.steady())
    }

    /// The effects that go into one transaction, starting with `first`.
    fn gather(&self, first: Effects) -> Vec<Effects> {
        let mut group = vec![first];
        let mut bytes = 0;
        while group.len() < JOURNAL_GROUP
            && bytes < JOURNAL_GROUP_BYTES
            && !group.last().is_some_and(forgets)
            && let Ok(next) = self.queue.try_recv()
        {
            bytes += next.text.len();
            group.push(next);
        }
        group
    }
}

/// Whether these effects remove some of the history: of what comes later, that must see nothing.
fn forgets(effects: &Effects) -> bool {
    effects.writes.iter().any(|write| matches!(write, Write::Forget(_)))
}

impl Journal {
    /// Stores what these batches write and releases them; then answers `question`.
    ///
    /// # Errors
    /// When it is uncertain what is stored, so nobody may be told anything.
    fn carry_out(&mut self, group: Vec<Effects>, question: u64) -> Result<(), Failure> {
        let probes = group.iter().any(|effects| effects.writes.contains(&Write::Probe));
        self.look_at_disk_when_due();
        let settled = self.settle(group).map_err(|failure| self.end_all(failure))?;
        if probes {
            self.look_at_disk();
        }
        self.release(settled);
        self.damage.look();
        self.pulse.answer(question);
        Ok(())
    }

    /// Stores what these batches write, in one transaction.
    ///
    /// # Errors
    /// When it is uncertain whether they are stored.
    pub(crate) fn settle(&mut self, group: Vec<Effects>) -> Result<Vec<SettledBatch>, Failure> {
        self.steady = group.iter().filter_map(|effects| effects.steady).fold(self.steady, i64::max);
        let epoch = self.epoch;
        let sound = |effects: &Effects| effects.writes.is_empty() || effects.epoch >= epoch;
        let has_writes = |effects: &&Effects| !effects.writes.is_empty() && sound(effects);
        let mut outcomes = Ok(Vec::new());
        if group.iter().any(|effects| has_writes(&effects)) {
            let writes: Vec<&Write> =
                group.iter().filter(has_writes).flat_map(|effects| &effects.writes).collect();
            let begun = Instant::now();
            outcomes = self.store.commit(&mut writes.iter().copied());
            match &outcomes {
                Ok(outcomes) => {
                    self.metrics.committed(begun.elapsed(), &writes, outcomes);
                    if outcomes.contains(&Outcome::More) {
                        // As for failures, its queue has room.
                        let _ = self.hub.send(Input::ForgetMore);
                    }
                }
                Err(_) => self.metrics.commit_failed(),
            }
        }
        let mut outcomes = match outcomes {
            Ok(outcomes) => Some(outcomes.into_iter()),
            Err(error @ Failure::Uncertain { .. }) => return Err(error),
            Err(error) if self.log.is_some() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "Nothing can be stored");
                None
            }
        };
        let mut failed = None;
        let mut settled = Vec::with_capacity(group.len());
        if let Some(log) = &self.log {
            for write in group.iter().flat_map(|effects| &effects.writes) {
                if let Write::Live { sequence, .. } = write {
                    log.send(LogCommand::LiveStored(*sequence));
                }
            }
        }
        for effects in group {
            let refused = !effects.writes.is_empty() && effects.epoch < epoch;
            let outcomes = match &mut outcomes {
                _ if effects.writes.is_empty() => Some(Vec::new()),
                Some(outcomes) if !refused => {
                    Some(outcomes.by_ref().take(effects.writes.len()).collect())
                }
                _ => None,
            };
            if outcomes.is_none() && !refused && failed.is_none() {
                failed = Some((effects.batch, effects.epoch));
            }
            if effects.epoch >= epoch && failed.is_none() {
                self.committed.store(effects.batch, Ordering::Release);
            }
            settled.push(SettledBatch { effects, outcomes });
        }
        if let Some((from, of)) = failed {
            self.epoch = of + 1;
            // The hub's queue has room for everything in flight. If the hub is gone, there is
            // nothing to undo.
            let _ = self.hub.send(Input::Failed { from });
        }
        Ok(settled)
    }

    /// Ends the process. Until then this thread blocks, and all others wait for it, so nobody is
    /// told anything. Only returns if the server is stopping anyway, and waits for this thread.
    fn end_all(&self, failure: Failure) -> Failure {
        if let Err(SendError(Wake::Failed(failure))) = self.wake.send(Wake::Failed(failure)) {
            return failure;
        }
        loop {
            thread::park();
        }
    }

    /// Removes some expired history, if a step is due.
    fn forget(&mut self, retention: &mut RetentionRound) {
        let (wall, steady) = (clock::wall(), self.clock.steady());
        if !retention.is_due(wall, steady) {
            return;
        }
        let History { keep_days, keep_per_room } = self.history;
        let keep = Keep { now: wall, days: keep_days, messages: keep_per_room };
        let more = if self.log.is_some() { self.store.tidy_up() } else { self.store.forget(&keep) };
        match more {
            Ok(more) => retention.done(more, self.clock.steady()),
            Err(error) => {
                tracing::warn!(%error, "Expired history cannot be removed, will retry");
                retention.done(false, steady);
            }
        }
    }

    fn look_at_disk_when_due(&mut self) {
        if self.looked.elapsed() >= Duration::from_millis(DISK_LOOK_MILLIS) {
            self.look_at_disk();
        }
    }

    /// Checks the disk, and reports to the hub if the space has changed.
    fn look_at_disk(&mut self) {
        self.looked = Instant::now();
        let Some(folder) = &self.folder else { return };
        let space = self.metrics.disk().look(folder, self.store.condition());
        if let Some(found) = space
            && self.space.replace(found) != space
        {
            // As for failures, its queue has room.
            let _ = self.hub.send(Input::Disk(found));
        }
    }

    fn release(&self, settled: Vec<SettledBatch>) {
        let released = Arc::new(Released { settled });
        // The first one last: once it has heard that the node takes part in its cluster, it accepts
        // connections for the others.
        for shard in self.shards.iter().rev() {
            // A shard is gone only when the server is stopping.
            shard.send(Item::Released(released.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HUB_QUEUE;
    use crate::metrics::Queue;
    use std::fs;
    use std::path::Path;
    use store::{Conversation, Event, EventKind, SqliteStore};

    fn event(id: u64, kind: EventKind, text: &str, about: Option<u64>) -> Arc<Event> {
        Arc::new(Event {
            id,
            conversation: Conversation::room(1),
            kind,
            account: 1,
            guest: false,
            userhost: None,
            bot: false,
            nick: "ann".into(),
            target: "".into(),
            time: 0,
            text: text.into(),
            tags: "".into(),
            about,
        })
    }

    /// Whether any file of a folder contains a word.
    fn is_in_files(folder: &Path, word: &str) -> bool {
        fs::read_dir(folder).unwrap().any(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            bytes.windows(word.len()).any(|window| window == word.as_bytes())
        })
    }

    fn until(what: &str, wanted: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !wanted() {
            assert!(Instant::now() < deadline, "{what} in vain");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Both ends of a journal whose store is in a folder, and its newest committed batch.
    fn journal(folder: &Path, every: Duration) -> (JournalHandle, JournalThread, Arc<AtomicU64>) {
        let store = Box::new(SqliteStore::open(folder, "test").unwrap());
        let metrics = Arc::new(Metrics::new(1));
        let waiting = metrics.waiting(Queue::Journal);
        let committed = Arc::new(AtomicU64::new(0));
        let journal = Journal {
            damage: Watch::new(store.damage(), metrics.clone()),
            store,
            shards: Vec::new(),
            hub: bounded(HUB_QUEUE, metrics.waiting(Queue::Hub)).0,
            committed: committed.clone(),
            epoch: 0,
            clock: Clock::going_on_from(0),
            steady: i64::MIN,
            every,
            folder: None,
            history: History::default(),
            space: None,
            looked: Instant::now(),
            metrics,
            pulse: Arc::default(),
            readers: mpsc::channel().1,
            log: None,
            wake: mpsc::sync_channel(1).0,
        };
        let (handle, thread) = split(journal, waiting, Arc::default());
        (handle, thread, committed)
    }

    fn output(batch: u64, write: Write) -> Effects {
        let mut effects = Effects::default();
        effects.batch = batch;
        effects.writes.push(write);
        effects
    }

    #[test]
    fn the_hub_commits_itself_only_when_idle_and_after_everything_queued() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, thread, committed) = journal(folder.path(), Duration::from_secs(60));
        let newest = || committed.load(Ordering::Acquire);
        assert!(handle.pass_on(output(1, Write::Probe), true).unwrap());
        assert_eq!(newest(), 1, "nobody else was there to commit it");
        assert!(handle.pass_on(output(2, Write::Probe), false).unwrap());
        assert_eq!(newest(), 1, "left to the thread");
        assert!(handle.pass_on(output(3, Write::Probe), true).unwrap());
        assert_eq!(newest(), 1, "it comes after the one that is queued");
        let thread = thread::spawn(|| thread.run());
        until("waited for the thread", || newest() == 3);
        drop(handle);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn its_thread_is_at_work_until_its_effects_are_released() {
        let folder = tempfile::tempdir().unwrap();
        let (handle, thread, committed) = journal(folder.path(), Duration::from_secs(60));
        let (shared, foreground) = (thread.shared.clone(), thread.foreground.clone());
        let thread = thread::spawn(|| thread.run());
        assert!(handle.pass_on(output(1, Write::Probe), false).unwrap());
        until("waited for the first commit", || committed.load(Ordering::Acquire) == 1);
        until("waited for the thread to rest", || !foreground.is_working());
        let held = shared.lock();
        assert!(handle.pass_on(output(2, Write::Probe), false).unwrap());
        until("waited for the thread to begin", || foreground.is_working());
        assert_eq!(committed.load(Ordering::Acquire), 1, "it waits for the store");
        drop(held);
        until("waited for the second commit", || committed.load(Ordering::Acquire) == 2);
        until("waited for the thread to rest again", || !foreground.is_working());
        drop(handle);
        thread.join().unwrap().unwrap();
    }

    /// In a server this takes up to [`crate::limits::MAINTAIN_SECONDS`], without any input.
    #[test]
    fn redacted_text_leaves_the_files_by_itself() {
        let (folder, word) = (tempfile::tempdir().unwrap(), "xyzzy-secret");
        let (handle, thread, committed) = journal(folder.path(), Duration::from_millis(20));
        let thread = thread::spawn(|| thread.run());
        let commit = |batch, write| {
            assert!(handle.pass_on(output(batch, write), false).unwrap());
            until("waited for a commit", || committed.load(Ordering::Acquire) == batch);
        };
        let said = event(1, EventKind::Message, word, None);
        commit(
            1,
            Write::Event { event: said, resend: None, pending_for: None, mentions: [].into() },
        );
        assert!(is_in_files(folder.path(), word));
        let event = event(2, EventKind::Redact, "", Some(1));
        commit(2, Write::Redact { event, anybodys: false, audit: None });
        until("waited for the text to go", || !is_in_files(folder.path(), word));
        drop(handle);
        thread.join().unwrap().unwrap();
    }
}
