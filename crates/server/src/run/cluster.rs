//! A cluster node: what it needs before it can serve, and the commands for clusters.

mod copy;
mod create;
mod founding;
mod leave;
mod log_thread;
mod snapshot;
mod starting;
mod status;

use super::shown::Shown;
use super::{IN_MEMORY, RunError, fresh_instance};
use crate::args::ClusterCommand;
use crate::clock::{self, Clock};
use crate::cluster::identity::{Identity, Membership};
use crate::cluster::jetstream::{JetStream, Nats, Refusal, stream_name};
use crate::cluster::key::{self, KeyError};
use crate::cluster::participant::Participant;
use crate::cluster::seal::{KEY_BYTES, Seal};
use crate::config::{Cluster, Config};
use crate::hub::{Hub, live};
use crate::limits::NATS_WAIT_MILLIS;
use crate::state::snapshot::SnapshotError;
use copy::{Copies, CopyOutcome};
use founding::Founding;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use store::{Progress, SqliteStore, Staging, Store};
use thiserror::Error;

/// Why a node cannot join its cluster: a sentence that says what to do.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The log.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The config file has no cluster.
    #[error(
        "the config file has no [cluster]; it names the cluster, this node and the NATS servers"
    )]
    NotConfigured,
    /// A node must store on disk.
    #[error("a node of a cluster needs a data folder; name one with --data")]
    InMemory,
    /// The data folder belongs to a single server.
    #[error(
        "the data in {0} are of a single server; `chatserver cluster create --from {0}` makes a cluster of them"
    )]
    Single(PathBuf),
    /// The data folder belongs to a node, and the config file to a single server.
    #[error(
        "the data in {0} are of a node of a cluster, and the config file has no [cluster]; \
         `chatserver cluster leave --to DIR` makes a single server of them"
    )]
    OfACluster(PathBuf),
    /// A new cluster needs an empty data folder.
    #[error("{0} has a database already; to make a cluster of it, name it with --from")]
    NotEmpty(PathBuf),
    /// A change of a node's data that the other nodes would not make.
    #[error(
        "the data in {0} are of a node of a cluster, where a change must reach all nodes by the log; start the node \
         and use `chatserver admin`: `accounts reset NAME` gives somebody a new password"
    )]
    OnlyByTheLog(PathBuf),
    /// There is only a part of a database.
    #[error(
        "{0} has the write-ahead log of a database, and not the database; put that back, or remove the log, \
         and the node fetches a copy of another one's data"
    )]
    OnlyTheLog(PathBuf),
    /// The log no longer has what comes after the stored data.
    #[error(
        "the log no longer has all that came after the data in {0}; start the node, which fetches a copy of \
         another one's data, stop it, and try again"
    )]
    TooLate(PathBuf),
    /// The log cannot be read to its end.
    #[error("{0}; if the log is lost for good, --without-log takes only what this node has stored")]
    NoLog(Refusal),
    /// A copy does not fit on the disk.
    #[error("a copy needs {needed} MiB in {folder}, where {free} MiB are free; make room for it")]
    NoSpace {
        /// Where it would be.
        folder: PathBuf,
        /// What is needed.
        needed: u64,
        /// What is free.
        free: u64,
    },
    /// A copy would overwrite something.
    #[error("{0} exists; name a file that does not")]
    FileExists(PathBuf),
    /// The stored live state cannot be read.
    #[error("the data folder cannot be used in a cluster: {0}")]
    Unreadable(#[from] SnapshotError),
    /// The data beside it cannot be read.
    #[error(
        "the data folder is of another version of Parlor's clusters; run the same release on all nodes"
    )]
    OtherForm,
    /// The node is no longer a member.
    #[error("{0}")]
    Excluded(String),
}

/// The log of a cluster, found and checked.
pub(super) struct ClusterLog {
    config: Cluster,
    nats: Nats,
    identity: Identity,
    key: [u8; KEY_BYTES],
    /// The first sequence that the log has.
    first: u64,
    /// The node's data are a copy of another node's that was just fetched.
    is_copy: bool,
}

/// What a node has in addition to a single server.
pub(super) struct Member {
    log: JetStream,
    participant: Participant,
    copies: Copies,
    /// Its data are a copy of another node's that was just fetched.
    is_copy: bool,
}

/// Runs one of the commands about the cluster. False: something is wrong with it.
pub(super) fn run(command: ClusterCommand) -> Result<bool, RunError> {
    match command {
        ClusterCommand::Key { file } => {
            key::create(&file).map_err(ClusterError::from)?;
            println!("{} contains a new key; copy it to all nodes, in secret.", file.display());
            Ok(true)
        }
        ClusterCommand::Status { config, json } => status::run(&config, json),
        ClusterCommand::Leave { config, data, to, without_log } => {
            leave::run(&config, data, &to, without_log).map(|()| true)
        }
        ClusterCommand::Snapshot { config, to } => snapshot::run(&config, &to).map(|()| true),
        ClusterCommand::Create { config, data, from } => {
            create::run(&config, data, from.as_deref()).map(|()| true)
        }
    }
}

/// The key, and what identifies it.
fn read_key(config: &Cluster) -> Result<([u8; KEY_BYTES], String), ClusterError> {
    let key = key::read(&config.key_file)?;
    let check = key::hex(&Seal::new(&key, ENTRIES, [0; 16]).check());
    Ok((key, check))
}

/// The purpose that publications are sealed for.
const ENTRIES: &[u8] = b"entries";

/// A seal with a prefix that no other process has.
fn seal(key: &[u8; KEY_BYTES], purpose: &'static [u8]) -> Result<Seal, RunError> {
    let mut prefix = [0; 16];
    getrandom::fill(&mut prefix)?;
    Ok(Seal::new(key, purpose, prefix))
}

/// A random number.
fn random() -> Result<u64, RunError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Finds the log of the cluster, waiting for NATS as long as necessary, and checks that a node may
/// use it.
fn find_log(config: &Cluster) -> Result<ClusterLog, RunError> {
    let (key, check) = read_key(config)?;
    let nats = connect(config)?;
    let info = retry(|| nats.info())?;
    let checked = info
        .check(&config.name, &check, config.allow_single_log)
        .and_then(|()| info.check_clock(clock::wall()))
        .and_then(|()| nats.check_synced());
    let unknown = checked.map_err(ClusterError::from)?;
    if !unknown.is_empty() {
        tracing::warn!(
            servers = unknown.join(", "),
            "Cannot see whether NATS waits for its disk: check that its config has `sync_interval: always` in the \
             jetstream block, or switch on its monitoring (http_port: 8222)"
        );
    }
    if config.allow_single_log && info.config.num_replicas == 1 {
        tracing::warn!(
            "The log is on ONE NATS server, as allow_single_log allows: if its disk is lost, so is what no node has \
             stored, and while it is down nobody can say anything"
        );
    }
    let identity = info.identity().map_err(ClusterError::from)?;
    let key = Seal::key_of(&key, &identity.id);
    Ok(ClusterLog {
        config: config.clone(),
        nats,
        identity,
        key,
        first: info.extent().first,
        is_copy: false,
    })
}

/// Connects to NATS, waiting as long as necessary.
fn connect(config: &Cluster) -> Result<Nats, ClusterError> {
    retry(|| Nats::connect(config))
}

/// Repeats an attempt as long as it may still succeed: after a power cut everything starts at the
/// same time.
fn retry<T>(mut attempt: impl FnMut() -> Result<T, Refusal>) -> Result<T, ClusterError> {
    let mut told = false;
    loop {
        match attempt() {
            Err(refusal @ (Refusal::Unreachable { .. } | Refusal::Silent)) => {
                if !std::mem::replace(&mut told, true) {
                    warn(&format!("{refusal}; trying again until it can"));
                }
                thread::sleep(Duration::from_millis(NATS_WAIT_MILLIS));
            }
            other => return Ok(other?),
        }
    }
}

/// Warns whoever starts a node or runs one of the commands at a terminal.
fn warn(sentence: &str) {
    match tracing::dispatcher::has_been_set() {
        true => tracing::warn!("{sentence}"),
        false => eprintln!("{sentence}"),
    }
}

/// Finds the cluster, and opens the store of its node.
pub(super) fn open_store(
    cluster: &Cluster,
    data: &Path,
) -> Result<(Box<dyn Store>, ClusterLog), RunError> {
    if data == Path::new(IN_MEMORY) {
        return Err(ClusterError::InMemory.into());
    }
    let (mut found, shown) = (find_log(cluster)?, Shown::start());
    let store = found.open_store(data, shown.progress())?;
    Ok((Box::new(store), found))
}

/// Opens a node's store. What it has lost in a crash of the machine, the log has.
fn open(data: &Path, instance: &str, progress: &Progress) -> Result<Box<SqliteStore>, RunError> {
    Ok(Box::new(SqliteStore::open_watched(data, instance, true, progress)?))
}

/// Whether a file has anything in it.
fn has_contents(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.len() > 0)
}

impl ClusterLog {
    /// Opens the node's store. If there is none, or the log does not go on from it any more, it is made
    /// from the log's beginning, or is a copy of another node's.
    fn open_store(
        &mut self,
        data: &Path,
        progress: &Arc<Progress>,
    ) -> Result<SqliteStore, RunError> {
        if has_contents(&data.join("parlor.db")) {
            if self.continues_after(self.check_ours(data)?) {
                return self.open_existing(data, progress);
            }
            warn("The log has gone on without this node for too long");
            self.fetch(Staging::replacing(data)?, progress)?;
        } else if has_contents(&data.join("parlor.db-wal")) {
            return Err(ClusterError::OnlyTheLog(data.to_owned()).into());
        } else {
            match self.founding()?.filter(|founding| founding.began_empty) {
                Some(founding) => founding.create(data, &self.identity, progress)?,
                None => self.fetch(Staging::begin(data)?, progress)?,
            }
        }
        self.open_existing(data, progress)
    }

    /// Opens the store that the node has, if the log goes on from it.
    fn open_stored(&self, data: &Path, progress: &Progress) -> Result<SqliteStore, RunError> {
        match self.continues_after(self.check_ours(data)?) {
            true => self.open_existing(data, progress),
            false => Err(ClusterError::TooLate(data.to_owned()).into()),
        }
    }

    fn open_existing(&self, data: &Path, progress: &Progress) -> Result<SqliteStore, RunError> {
        let mut store = open(data, &fresh_instance()?, progress)?;
        store.relax()?;
        Ok(*store)
    }

    /// Checks that data are of this cluster, before anything is done to them. Returns the sequence
    /// after which they go on.
    fn check_ours(&self, data: &Path) -> Result<u64, RunError> {
        let Some((sequence, bytes)) = store::live(data)? else {
            return Err(ClusterError::Single(data.to_owned()).into());
        };
        self.check_membership(live::roster(&bytes).map_err(ClusterError::from)?)?;
        Ok(sequence)
    }

    /// Checks that what is stored beside a live state is of this cluster.
    fn check_membership(&self, membership: &[u8]) -> Result<Membership, ClusterError> {
        let membership = Membership::read(membership).map_err(|_| ClusterError::OtherForm)?;
        if membership.identity != self.identity {
            return Err(Refusal::OtherCluster(stream_name(&self.config.name)).into());
        }
        Ok(membership)
    }

    /// Whether the log has everything after a sequence.
    fn continues_after(&self, sequence: u64) -> bool {
        sequence.saturating_add(1) >= self.first
    }

    /// How the cluster was founded, if the log still has that.
    fn founding(&self) -> Result<Option<Founding>, RunError> {
        let first = retry(|| self.nats.get(1))?;
        let seal = seal(&self.key, founding::PURPOSE)?;
        Ok(first.and_then(|first| Founding::open(&seal, &first.bytes)))
    }

    /// The hub with the stored live state, the clock that continues from it, and what makes the
    /// server a node.
    pub(super) fn load(
        self,
        store: &mut dyn Store,
        config: &Arc<Config>,
        data: &Path,
    ) -> Result<(Hub, Clock, Member), RunError> {
        let loaded = store.load()?;
        crate::log::loaded(&loaded);
        let Some((sequence, bytes)) = loaded.live else {
            return Err(ClusterError::Single(data.to_owned()).into());
        };
        let (membership, state) = live::read(&bytes).map_err(ClusterError::from)?;
        let membership = self.check_membership(membership)?;
        let participant = Participant::new(
            &self.config.node,
            seal(&self.key, ENTRIES)?,
            membership,
            sequence,
            random()?,
        );
        let clock = Clock::going_on_from(state.ordered.1);
        let hub = Hub::resume(config.clone(), state, loaded.applied, clock::wall());
        let limits = config.limits.clone();
        let copies = Copies::new(self.config, limits, data.to_owned(), self.key)?;
        let log = self.nats.follow(self.identity).map_err(ClusterError::from)?;
        let is_copy = self.is_copy;
        Ok((hub, clock, Member { log, participant, copies, is_copy }))
    }
}
