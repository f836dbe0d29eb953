//! Copies of a node's store: made for others, and fetched by a node that has none or is too late.

use super::starting::Starting;
use super::{ClusterError, ClusterLog, RunError, random, seal};
use crate::clock;
use crate::cluster::jetstream::{
    COPIES, CopyDestination, CopyReply, CopyRequest, Nats, NodeStatus, Refusal, unwritable,
};
use crate::cluster::seal::{KEY_BYTES, Seal};
use crate::config::Cluster;
use crate::config::cluster::is_node_name;
use crate::limits::{
    CLOCKS_APART_MILLIS, COPY_PROGRESS_MILLIS, COPY_REQUESTS, COPY_WAIT_MILLIS, DISK_FREE_LEAST,
    Limits,
};
use crate::metrics::{Metrics, SnapshotOutcome, Space};
use std::collections::VecDeque;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use store::{Progress, Stage, Staging};

/// What a node needs to make copies of its store for others, one at a time.
pub(in crate::run) struct Copies {
    maker: Maker,
    seal: Seal,
    making: Arc<AtomicBool>,
    /// The latest requests that were handled.
    handled: VecDeque<u64>,
}

/// What it takes to make one.
#[derive(Clone)]
struct Maker {
    config: Cluster,
    limits: Limits,
    data: PathBuf,
    key: [u8; KEY_BYTES],
}

/// What became of a request.
pub(in crate::run) enum CopyOutcome {
    /// It is not of this cluster, or a duplicate; or no thread can be started for it.
    Ignored,
    /// The reply to it: one is being made already.
    Busy((String, Vec<u8>)),
    /// It is being made, for a node of this name, or for none.
    Making(Option<String>),
}

impl Copies {
    pub(super) fn new(
        config: Cluster,
        limits: Limits,
        data: PathBuf,
        key: [u8; KEY_BYTES],
    ) -> Result<Copies, RunError> {
        let (making, handled) = (Arc::default(), VecDeque::new());
        let maker = Maker { config, limits, data, key };
        Ok(Copies { maker, seal: seal(&key, COPIES)?, making, handled })
    }

    /// Bytes of the database, and so of a copy.
    pub(in crate::run) fn bytes(&self) -> u64 {
        bytes_of(&self.maker.data)
    }

    /// Handles a request: makes a copy on a thread of its own.
    pub(in crate::run) fn handle(&mut self, sealed: &[u8], metrics: &Arc<Metrics>) -> CopyOutcome {
        let request = CopyRequest::open(&self.seal, sealed);
        let Some(request) = request.filter(|it| self.is_new(it, clock::wall())) else {
            return CopyOutcome::Ignored;
        };
        if self.handled.len() == COPY_REQUESTS {
            self.handled.pop_front();
        }
        self.handled.push_back(request.id);
        if self.making.swap(true, Ordering::AcqRel) {
            return CopyOutcome::Busy(request.reply(CopyReply::Busy, &mut self.seal));
        }
        let node = match &request.destination {
            CopyDestination::Node(name) => Some(name.clone()),
            CopyDestination::File => None,
        };
        let (maker, making, metrics) = (self.maker.clone(), self.making.clone(), metrics.clone());
        let spawned = thread::Builder::new().name("copy".to_owned()).spawn(move || {
            let made = maker.make(&request);
            making.store(false, Ordering::Release);
            let cluster = metrics.cluster().expect("it is a node of a cluster");
            cluster.snapshot(match made {
                Ok(()) => SnapshotOutcome::Written,
                Err(_) => SnapshotOutcome::Failed,
            });
            if let Err(error) = made {
                tracing::warn!(%error, "Cannot make the copy that was asked for");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "Cannot start a thread for the copy that was asked for");
            self.making.store(false, Ordering::Release);
            return CopyOutcome::Ignored;
        }
        CopyOutcome::Making(node)
    }

    /// Whether a request is for this node, and did not come before: whoever records one could send it
    /// again and again.
    fn is_new(&self, request: &CopyRequest, now: i64) -> bool {
        let age = now.saturating_sub(request.at).saturating_abs();
        request.maker == self.maker.config.node
            && age <= 2 * CLOCKS_APART_MILLIS
            && !self.handled.contains(&request.id)
    }
}

impl Maker {
    /// Makes a copy, and replies to whoever has requested it.
    fn make(&self, request: &CopyRequest) -> Result<(), RunError> {
        let nats = Nats::connect(&self.config)?;
        let mut seal = seal(&self.key, COPIES)?;
        tracing::info!("Making a copy of all data, as another node or an operator asks");
        let made = self.put(&nats, &mut seal, request);
        if made.is_err() {
            // The pieces expire.
            let _ = nats.remove_copies(&request.destination, &request.maker);
        }
        let reply = match &made {
            Ok(reply) => reply.clone(),
            Err(error) => CopyReply::Failed(error.to_string()),
        };
        nats.reply(request.reply(reply, &mut seal))?;
        made?;
        tracing::info!("The copy is there");
        Ok(())
    }

    fn put(
        &self,
        nats: &Nats,
        seal: &mut Seal,
        request: &CopyRequest,
    ) -> Result<CopyReply, RunError> {
        let report = |done, total, seal: &mut Seal| {
            nats.reply(request.reply(CopyReply::Making { done, total }, seal))
        };
        report(0, 0, seal)?;
        // A new request replaces what was made before.
        nats.remove_copies(&request.destination, &request.maker)?;
        check_space(&self.data, bytes_of(&self.data), |total| self.limits.reserve(total))?;
        let file = TemporaryCopy::new(&self.data)?;
        let progress = Arc::<Progress>::default();
        thread::scope(|scope| {
            let backup = scope.spawn(|| store::backup(&self.data, &file.0, &[], &progress));
            let mut last_report = Instant::now();
            while !backup.is_finished() {
                thread::sleep(Duration::from_millis(10));
                if last_report.elapsed() >= Duration::from_millis(COPY_PROGRESS_MILLIS) {
                    let (done, total) = progress.bytes();
                    // If the report is lost, the copy is made all the same.
                    let _ = report(done, total, seal);
                    last_report = Instant::now();
                }
            }
            backup.join().map_err(|_| RunError::Panic)
        })??;
        let total = fs::metadata(&file.0)?.len();
        let mut last_report = Instant::now();
        let copy = nats.upload_copy(request, &file.0, seal, |done, seal| {
            if last_report.elapsed() >= Duration::from_millis(COPY_PROGRESS_MILLIS) {
                let _ = report(done, total, seal);
                last_report = Instant::now();
            }
        })?;
        Ok(CopyReply::Made(copy))
    }
}

/// The file of a copy for others, removed when it is dropped.
struct TemporaryCopy(PathBuf);

impl TemporaryCopy {
    fn new(data: &Path) -> Result<TemporaryCopy, RunError> {
        let file = TemporaryCopy(store::passing(data)?.join("copy.db"));
        file.remove()?;
        Ok(file)
    }

    fn remove(&self) -> std::io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for TemporaryCopy {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(file = %self.0.display(), %error, "A copy for others cannot be removed");
        }
    }
}

impl From<Refusal> for RunError {
    fn from(refusal: Refusal) -> RunError {
        ClusterError::from(refusal).into()
    }
}

/// Bytes of a folder's database with its log.
fn bytes_of(data: &Path) -> u64 {
    let bytes = |name| data.join(name).metadata().map_or(0, |file| file.len());
    bytes("parlor.db") + bytes("parlor.db-wal")
}

/// Checks that a folder has space for so many bytes, and what is to stay free on a disk of its size.
fn check_space(
    folder: &Path,
    bytes: u64,
    spare: impl FnOnce(u64) -> u64,
) -> Result<(), ClusterError> {
    let Some(space) = Space::of(folder) else { return Ok(()) };
    let needed = bytes.saturating_add(spare(space.total));
    match space.free < needed {
        true => Err(ClusterError::NoSpace {
            folder: folder.to_owned(),
            needed: needed >> 20,
            free: space.free >> 20,
        }),
        false => Ok(()),
    }
}

/// Whether another node, or the same one later, may give the copy.
fn is_retryable(error: &RunError) -> bool {
    let RunError::Cluster(ClusterError::Refusal(refusal)) = error else { return false };
    use Refusal::{
        CopyGone, NoCopy, NoJetStream, NoNode, NodeBusy, NodeSilent, Silent, Unreachable,
    };
    matches!(
        refusal,
        NoNode
            | NodeSilent(_)
            | NodeBusy(_)
            | NoCopy { .. }
            | CopyGone
            | Silent
            | NoJetStream
            | Unreachable { .. }
    )
}

impl ClusterLog {
    /// Fetches a copy of another node's store into a new file, waiting until one can give it. `times`:
    /// the space that it takes in the end, in copies.
    pub(super) fn fetch_copy(
        &self,
        file: &Path,
        destination: &CopyDestination,
        times: u64,
        progress: &Progress,
    ) -> Result<(), RunError> {
        let mut last_reason = String::new();
        let mut seal = seal(&self.key, COPIES)?;
        loop {
            let why = match self.fetch_from_any(file, destination, times, &mut seal, progress) {
                Err(why) if is_retryable(&why) => why.to_string(),
                other => return other,
            };
            if last_reason != why {
                super::warn(&format!("{why}; trying again until one does"));
                last_reason = why;
            }
            progress.begin(Stage::Waiting, 0);
            let waited = Instant::now();
            while waited.elapsed() < Duration::from_millis(COPY_WAIT_MILLIS) {
                progress.reach(0)?;
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Asks one member after another. Returns the last error.
    fn fetch_from_any(
        &self,
        file: &Path,
        destination: &CopyDestination,
        times: u64,
        seal: &mut Seal,
        progress: &Progress,
    ) -> Result<(), RunError> {
        let mut nodes = self.nats.node_statuses()?;
        // Anybody with access to NATS can answer.
        nodes.retain(|node| node.joined && is_node_name(&node.node));
        nodes.dedup_by(|one, other| one.node == other.node);
        if !nodes.is_empty() {
            let first = random()? % nodes.len() as u64;
            nodes.rotate_left(first as usize);
        }
        let mut last = Refusal::NoNode.into();
        for node in &nodes {
            let folder = file.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
            check_space(folder, node.store_bytes.saturating_mul(times), |_| DISK_FREE_LEAST)?;
            let fetched = self.fetch_from(node, file, destination, seal, progress);
            // What is left there expires.
            let _ = self.nats.remove_copies(destination, &node.node);
            match fetched {
                Err(why) if is_retryable(&why) => last = why,
                other => return other,
            }
        }
        Err(last)
    }

    fn fetch_from(
        &self,
        node: &NodeStatus,
        file: &Path,
        destination: &CopyDestination,
        seal: &mut Seal,
        progress: &Progress,
    ) -> Result<(), RunError> {
        let request = (random()?, clock::wall());
        progress.begin(Stage::Copying, 0);
        let copy =
            self.nats.request_copy(request, (&node.node, destination), seal, |done, total| {
                if progress.bytes().1 != total {
                    progress.begin(Stage::Copying, total);
                }
                Ok::<_, RunError>(progress.reach(done)?)
            })?;
        progress.begin(Stage::Fetching, copy.bytes);
        store::write_new(file, |out| {
            let mut done = 0;
            self.nats.download_copy(copy, seal, |bytes| {
                out.write_all(bytes).map_err(unwritable(file))?;
                done += bytes.len() as u64;
                Ok(progress.reach(done)?)
            })
        })
    }

    /// Fills a data folder with a copy of another node's data. Its certificate stays.
    pub(super) fn fetch(
        &mut self,
        staging: Staging,
        progress: &Arc<Progress>,
    ) -> Result<(), RunError> {
        tracing::info!("Fetching a copy of another node's data");
        let _starting = Starting::begin(progress);
        let (file, destination) =
            (staging.backup(), CopyDestination::Node(self.config.node.clone()));
        // Space for the copy, and for the database restored from it.
        self.fetch_copy(&file, &destination, 2, progress)?;
        store::restore(&file, staging.folder(), &[], progress)?;
        self.check_ours(staging.folder())?;
        staging.finish(&[])?;
        tracing::info!("This node has a copy of another one's data");
        self.is_copy = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_accepted_once_for_a_while_and_by_the_node_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let config: Cluster = toml::from_str(
            "name = \"chat\"\nnode = \"a\"\nservers = [\"nats://127.0.0.1:9\"]\nkey_file = \"k\"",
        )
        .unwrap();
        let data = folder.path().to_owned();
        let mut copies = Copies::new(config, Limits::default(), data, [1; 32]).unwrap();
        let request = |id: u64, at: i64, of: &str| {
            let destination = CopyDestination::Node("b".to_owned());
            CopyRequest::new((id, at), of.to_owned(), destination, "answer".to_owned())
        };
        assert!(copies.is_new(&request(1, 1000, "a"), 1000));
        assert!(!copies.is_new(&request(1, 1000, "b"), 1000), "another node's");
        assert!(!copies.is_new(&request(1, 1000, "a"), 1000 + 200_000), "from long ago");
        copies.handled.push_back(1);
        assert!(!copies.is_new(&request(1, 1000, "a"), 1000), "sent again");

        let metrics = Arc::new(Metrics::in_cluster(1));
        let mut other = Seal::new(&[2; 32], COPIES, [0; 16]);
        let forged = request(2, clock::wall(), "a").seal(&mut other);
        assert!(matches!(copies.handle(&forged, &metrics), CopyOutcome::Ignored));
        copies.making.store(true, Ordering::Release);
        let mut ours = Seal::new(&[1; 32], COPIES, [0; 16]);
        let sealed = request(3, clock::wall(), "a").seal(&mut ours);
        assert!(matches!(copies.handle(&sealed, &metrics), CopyOutcome::Busy(_)));
        assert!(matches!(copies.handle(&sealed, &metrics), CopyOutcome::Ignored), "sent again");
    }

    #[test]
    fn a_copy_that_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        check_space(folder.path(), 1, |_| 0).expect("a byte fits");
        let none = check_space(folder.path(), u64::MAX / 2, |_| 0).expect_err("too much");
        assert!(none.to_string().contains("MiB are free"), "{none}");
        assert!(check_space(folder.path(), 0, |total| total + 1).is_err());
    }
}
