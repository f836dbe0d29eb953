//! Copies of a node's store: made for others, and fetched by a node that has none or is too late.

use super::{ClusterError, Found, RunError, seal};
use crate::cluster::jetstream::{CopyNews, Nats, Refusal};
use crate::cluster::seal::KEY_BYTES;
use crate::config::Cluster;
use crate::limits::{COPY_NEWS_MILLIS, COPY_WAIT_MILLIS, PROGRESS_LOG_SECONDS};
use crate::metrics::{Metrics, SnapshotOutcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use store::Progress;

/// What copies are sealed for.
const PURPOSE: &[u8] = b"copies";

/// What a node needs to make copies of its store for others, one at a time.
pub(in crate::run) struct Copies {
    pub(super) config: Cluster,
    pub(super) data: PathBuf,
    pub(super) key: [u8; KEY_BYTES],
    pub(super) making: Arc<AtomicBool>,
}

impl Copies {
    /// Makes a copy for whoever has asked for it, on a thread of its own.
    pub(in crate::run) fn make(&self, who: String, metrics: &Arc<Metrics>) {
        let (config, data, key) = (self.config.clone(), self.data.clone(), self.key);
        let (making, metrics) = (self.making.clone(), metrics.clone());
        let busy = making.swap(true, Ordering::AcqRel);
        let made = thread::Builder::new().name("copy".to_owned()).spawn(move || {
            let told = match busy {
                true => Nats::connect(&config)
                    .and_then(|nats| nats.tell(&who, &CopyNews::Busy))
                    .map_err(RunError::from),
                false => {
                    let made = make(&config, &data, &key, &who);
                    making.store(false, Ordering::Release);
                    let cluster = metrics.cluster().expect("it is a node of a cluster");
                    cluster.snapshot(match made {
                        Ok(()) => SnapshotOutcome::Written,
                        Err(_) => SnapshotOutcome::Failed,
                    });
                    made
                }
            };
            if let Err(error) = told {
                tracing::warn!(%error, "Cannot make the copy that another node has asked for");
            }
        });
        if let Err(error) = made {
            tracing::warn!(%error, "Cannot start a thread for the copy that another node has asked for");
            if !busy {
                self.making.store(false, Ordering::Release);
            }
        }
    }
}

impl From<Refusal> for RunError {
    fn from(refusal: Refusal) -> RunError {
        ClusterError::from(refusal).into()
    }
}

/// Makes a copy, and tells whoever has asked for it.
fn make(config: &Cluster, data: &Path, key: &[u8; KEY_BYTES], who: &str) -> Result<(), RunError> {
    let nats = Nats::connect(config)?;
    let file = data.join("copy-for-another-node.db");
    tracing::info!("Another node asks for a copy of all data; making it");
    let made = put(&nats, config, data, key, who, &file);
    let removed = remove(&file);
    let news = match &made {
        Ok(news) => news.clone(),
        Err(error) => CopyNews::Failed(error.to_string()),
    };
    nats.tell(who, &news)?;
    made?;
    removed?;
    tracing::info!("The copy is there");
    Ok(())
}

fn put(
    nats: &Nats,
    config: &Cluster,
    data: &Path,
    key: &[u8; KEY_BYTES],
    who: &str,
    file: &Path,
) -> Result<CopyNews, RunError> {
    remove(file)?;
    let mut id = [0; 8];
    getrandom::fill(&mut id)?;
    let news = |done, of| CopyNews::Making { node: config.node.clone(), done, of };
    let progress = Arc::<Progress>::default();
    nats.tell(who, &news(0, 0))?;
    thread::scope(|scope| {
        let backup = scope.spawn(|| store::backup(data, file, &[], &progress));
        let mut told = Instant::now();
        while !backup.is_finished() {
            thread::sleep(Duration::from_millis(10));
            if told.elapsed() >= Duration::from_millis(COPY_NEWS_MILLIS) {
                let (done, of) = progress.bytes();
                // If nobody hears it, the copy is made all the same.
                let _ = nats.tell(who, &news(done, of));
                told = Instant::now();
            }
        }
        backup.join().map_err(|_| RunError::Panic)
    })??;
    let of = fs::metadata(file)?.len();
    let mut told = Instant::now();
    let copy = nats.put_copy(u64::from_le_bytes(id), file, &mut seal(key, PURPOSE)?, |done| {
        if told.elapsed() >= Duration::from_millis(COPY_NEWS_MILLIS) {
            let _ = nats.tell(who, &news(done, of));
            told = Instant::now();
        }
    })?;
    Ok(CopyNews::Made(copy))
}

/// Removes a file that may not be there.
fn remove(file: &Path) -> std::io::Result<()> {
    match file.exists() {
        true => fs::remove_file(file),
        false => Ok(()),
    }
}

/// Says at most every few seconds how far something is.
struct Shown(Instant);

impl Shown {
    fn say(&mut self, what: &str, done: u64, of: u64) {
        if self.0.elapsed() >= Duration::from_secs(PROGRESS_LOG_SECONDS) {
            self.0 = Instant::now();
            let mib = |bytes: u64| bytes >> 20;
            tracing::info!("{what}: {} of {} MiB", mib(done), mib(of));
        }
    }
}

impl Found {
    /// Gets a copy of another node's store into a file, waiting until one can give it.
    pub(super) fn fetch_copy(&self, file: &Path) -> Result<(), RunError> {
        let mut shown = Shown(Instant::now());
        let mut waited = false;
        let copy = loop {
            let asked = self.nats.ask_for_copy(|news| {
                if let CopyNews::Making { node, done, of } = news {
                    shown.say(&format!("Node {node} makes a copy"), *done, *of);
                }
            });
            match asked {
                Err(why @ (Refusal::NoNode | Refusal::NodeBusy | Refusal::NoCopy(_))) => {
                    if !std::mem::replace(&mut waited, true) {
                        tracing::warn!("{why}; trying again until one does");
                    }
                    thread::sleep(Duration::from_millis(COPY_WAIT_MILLIS));
                }
                other => break other?,
            }
        };
        let seal = seal(&self.key, PURPOSE)?;
        self.nats.get_copy(copy, &seal, file, |done| shown.say("Fetching it", done, copy.bytes))?;
        Ok(())
    }

    /// Replaces the node's data by a copy of another node's. Its certificate stays.
    pub(super) fn replace(&self, data: &Path, progress: &Arc<Progress>) -> Result<(), RunError> {
        tracing::info!("Fetching a copy of another node's data");
        create_folder(data)?;
        let file = data.join("copy-of-another-node.db");
        self.fetch_copy(&file)?;
        for old in fs::read_dir(data)? {
            let old = old?;
            let name = old.file_name().to_string_lossy().into_owned();
            let ours = ["parlor.db", "search.db"].iter().any(|start| name.starts_with(start));
            if ours || name == "state" {
                fs::remove_file(old.path())?;
            }
        }
        store::restore(&file, data, &[], progress)?;
        remove(&file)?;
        tracing::info!("This node has a copy of another one's data");
        Ok(())
    }
}

fn create_folder(data: &Path) -> std::io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(data)
}
