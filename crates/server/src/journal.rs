//! The journal: one thread that owns the only write connection to the store.
//!
//! It commits whatever has queued up as one transaction, flushed to disk, and only then releases
//! what depends on it. What stores nothing passes through in its place: one order holds for all.

use crate::clock::{self, Clock};
use crate::config::History;
use crate::damage::Watch;
use crate::effects::Effects;
use crate::effects::released::{Released, Settled};
use crate::hub::Input;
use crate::inbox::{Inbox, Item};
use crate::limits::{DISK_LOOK_MILLIS, JOURNAL_GROUP, JOURNAL_GROUP_BYTES};
use crate::metrics::{Metrics, Space};
use crate::queue::{Receiver, Sender};
use crate::retention::Forgetting;
use crate::systemd::Pulse;
use crate::wake::Wake;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SendError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};
use store::{Failure, Keep, Store, Write};

/// What the journal works with.
pub struct Journal {
    /// The store.
    pub store: Box<dyn Store>,
    /// What the hub wants done.
    pub queue: Receiver<Effects>,
    /// The shards.
    pub shards: Vec<Inbox>,
    /// The way back to the hub, for bad news.
    pub hub: Sender<Input>,
    /// The newest batch that is committed; the hub forgets what it kept to undo it.
    pub committed: Arc<AtomicU64>,
    /// Effects of an earlier epoch build upon something that could not be stored, and are refused.
    pub epoch: u32,
    /// What the store's housekeeping goes by.
    pub clock: Clock,
    /// Between two rounds of it.
    pub every: Duration,
    /// The data folder; none if nothing is kept.
    pub folder: Option<PathBuf>,
    /// How long what happened is kept.
    pub history: History,
    /// The space on its disk, as the hub knows it.
    pub space: Option<Space>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// What the store finds damaged.
    pub damage: Watch,
    /// Who asks whether it is alive.
    pub pulse: Arc<Pulse>,
    /// Closed by the last reader of the store when it ends.
    pub readers: mpsc::Receiver<Infallible>,
    /// Who ends the process, if nobody knows what is stored.
    pub wake: SyncSender<Wake>,
}

impl Journal {
    /// Runs until the last effects are released and the readers have ended, then closes the store.
    ///
    /// # Errors
    /// When nobody knows what is stored, and nobody may be told anything; or when the store cannot be
    /// closed in good order, and all that was committed is safe all the same.
    pub fn run(mut self) -> Result<(), Failure> {
        let (mut maintained, mut looked) = (Instant::now(), Instant::now());
        self.look_at_disk();
        self.damage.look();
        let mut retention = Forgetting::begin(clock::wall(), self.clock.steady());
        loop {
            let due = self.every.saturating_sub(maintained.elapsed());
            let look = Duration::from_millis(DISK_LOOK_MILLIS);
            // As long as writes are refused for want of space, nothing else may come by.
            let patience = if self.metrics.seen().scarce { look.min(due) } else { due };
            let patience = retention.patience(patience, self.clock.steady());
            let first = match self.queue.recv_timeout(patience) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if maintained.elapsed() >= self.every {
                maintained = Instant::now();
                if let Err(error) = self.store.maintain(self.clock.steady()) {
                    tracing::warn!(%error, "Store maintenance failed, will retry");
                }
            }
            if looked.elapsed() >= look {
                looked = Instant::now();
                self.look_at_disk();
            }
            let Some(first) = first else {
                self.forget(&mut retention);
                continue;
            };
            let question = self.pulse.question();
            let mut group = vec![first];
            let mut bytes = 0;
            while group.len() < JOURNAL_GROUP
                && bytes < JOURNAL_GROUP_BYTES
                && let Ok(next) = self.queue.try_recv()
            {
                bytes += next.text.len();
                group.push(next);
            }
            let last = group.iter().any(|effects| effects.last);
            if let Some(history) = group.iter().rev().find_map(|effects| effects.history.clone()) {
                self.history = history;
                retention.begin_soon(self.clock.steady());
            }
            let probes = group.iter().any(|effects| effects.writes.contains(&Write::Probe));
            let settled = match self.settle(group) {
                Ok(settled) => settled,
                Err(failure) => return self.end_all(failure),
            };
            if probes {
                self.look_at_disk();
            }
            self.release(settled);
            self.damage.look();
            self.pulse.answer(question);
            if last {
                break;
            }
            if retention.is_late(self.clock.steady()) {
                self.forget(&mut retention);
            }
        }
        // Who reads keeps the log from being moved into the database. None is left: nobody sends.
        let _ = self.readers.recv();
        self.store.close()
    }

    /// Stores what a group of batches asks for, in one transaction.
    ///
    /// # Errors
    /// When nobody knows whether it is stored.
    pub(crate) fn settle(&mut self, group: Vec<Effects>) -> Result<Vec<Settled>, Failure> {
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
                Ok(outcomes) => self.metrics.committed(begun.elapsed(), &writes, outcomes),
                Err(_) => self.metrics.commit_failed(),
            }
        }
        let mut outcomes = match outcomes {
            Ok(outcomes) => Some(outcomes.into_iter()),
            Err(error @ Failure::Uncertain { .. }) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "Nothing can be stored");
                None
            }
        };
        let mut failed = None;
        let mut settled = Vec::with_capacity(group.len());
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
            settled.push(Settled { effects, outcomes });
        }
        if let Some((from, of)) = failed {
            self.epoch = of + 1;
            // The hub's queue is larger than all that can be in flight. If the hub is gone, there
            // is nothing to undo.
            let _ = self.hub.send(Input::Failed { from });
        }
        Ok(settled)
    }

    /// Has the process ended. Until then this thread stands still, and all others wait for it: nobody
    /// is told anything any more.
    fn end_all(self, failure: Failure) -> Result<(), Failure> {
        if let Err(SendError(Wake::Failed(failure))) = self.wake.send(Wake::Failed(failure)) {
            return Err(failure); // The server stops already, and waits for this thread.
        }
        loop {
            thread::park();
        }
    }

    /// Removes some of what is not kept any longer, if it is time to.
    fn forget(&mut self, retention: &mut Forgetting) {
        let (wall, steady) = (clock::wall(), self.clock.steady());
        if !retention.is_due(wall, steady) {
            return;
        }
        let History { keep_days, keep_per_room } = self.history;
        let keep = Keep { now: wall, days: keep_days, messages: keep_per_room };
        match self.store.forget(&keep) {
            Ok(more) => retention.done(more, self.clock.steady()),
            Err(error) => {
                tracing::warn!(%error, "Expired history cannot be removed, will retry");
                retention.done(false, steady);
            }
        }
    }

    /// Looks at the disk, and tells the hub if it has other space than it knows of.
    fn look_at_disk(&mut self) {
        let Some(folder) = &self.folder else { return };
        let space = self.metrics.disk().look(folder, self.store.condition());
        if let Some(found) = space
            && self.space.replace(found) != space
        {
            // As for bad news, its queue has room.
            let _ = self.hub.send(Input::Disk(found));
        }
    }

    fn release(&self, settled: Vec<Settled>) {
        let released = Arc::new(Released { settled });
        for shard in &self.shards {
            // A shard is gone only when the server stops.
            shard.send(Item::Released(released.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{HUB_QUEUE, JOURNAL_QUEUE};
    use crate::metrics::Queue;
    use crate::queue::bounded;
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

    /// Whether a word is in any file of a folder.
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

    /// In a server it takes [`crate::limits::MAINTAIN_SECONDS`], and nobody need say anything.
    #[test]
    fn what_was_taken_back_leaves_the_files_by_itself() {
        let (folder, word) = (tempfile::tempdir().unwrap(), "xyzzy-secret");
        let store = Box::new(SqliteStore::open(folder.path(), "test").unwrap());
        let metrics = Arc::new(Metrics::new(1));
        let (hub, _to_hub) = bounded(HUB_QUEUE, metrics.waiting(Queue::Hub));
        let (sender, queue) = bounded(JOURNAL_QUEUE, metrics.waiting(Queue::Journal));
        let committed = Arc::new(AtomicU64::new(0));
        let journal = Journal {
            damage: Watch::new(store.damage(), metrics.clone()),
            store,
            queue,
            shards: Vec::new(),
            hub,
            committed: committed.clone(),
            epoch: 0,
            clock: Clock::going_on_from(0),
            every: Duration::from_millis(20),
            folder: None,
            history: History::default(),
            space: None,
            metrics,
            pulse: Arc::default(),
            readers: mpsc::channel().1,
            wake: mpsc::sync_channel(1).0,
        };
        let journal = thread::spawn(|| journal.run());
        let commit = |batch, write| {
            let mut effects = Effects::default();
            effects.batch = batch;
            effects.writes.push(write);
            assert!(sender.send(effects).is_ok());
            until("waited for a commit", || committed.load(Ordering::Acquire) == batch);
        };
        let said = event(1, EventKind::Message, word, None);
        commit(
            1,
            Write::Event { event: said, resend: None, pending_for: None, mentions: [].into() },
        );
        assert!(is_in_files(folder.path(), word));
        let event = event(2, EventKind::Redact, "", Some(1));
        commit(2, Write::Redact { event, anybodys: false });
        until("waited for the text to go", || !is_in_files(folder.path(), word));
        drop(sender);
        journal.join().unwrap().unwrap();
    }
}
