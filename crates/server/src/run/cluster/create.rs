//! `chatserver cluster create`: creates the log, and the data folder of the first node.

use super::founding::{Founding, PURPOSE};
use super::{ClusterError, RunError, connect, has_contents, read_key, seal};
use crate::clock;
use crate::cluster::jetstream::{Nats, Refusal, StreamInfo, stream_name};
use crate::cluster::key::hex;
use crate::cluster::seal::Seal;
use crate::config::Config;
use crate::run::shown::Shown;
use crate::run::tasks::BESIDE;
use crate::run::{IN_MEMORY, fresh_instance};
use crate::state::settings::Settings;
use std::fs;
use std::path::{Path, PathBuf};
use store::{SqliteStore, Staging, Store};

/// Creates the stream and the first node's data. If either fails, neither is left.
pub(super) fn run(file: &Path, data: Option<PathBuf>, from: Option<&Path>) -> Result<(), RunError> {
    let config = Config::read(file)?;
    let cluster = config.cluster.as_ref().ok_or(ClusterError::NotConfigured)?;
    let data = data.unwrap_or_else(|| config.server.data.clone());
    if data == Path::new(IN_MEMORY) {
        return Err(ClusterError::InMemory.into());
    }
    let (key, check) = read_key(cluster)?;
    let in_place = from.is_some_and(|from| is_same(from, &data));
    if has_contents(&data.join("parlor.db")) && !in_place {
        return Err(ClusterError::NotEmpty(data).into());
    }
    if let Some(from) = from {
        if !from.join("parlor.db").exists() {
            return Err(RunError::NoDatabase(from.to_owned()));
        }
        if store::live(from)?.is_some() {
            return Err(ClusterError::OfACluster(from.to_owned()).into());
        }
    }
    let nats = connect(cluster)?;
    match nats.info() {
        Err(Refusal::NoStream(_)) => {}
        Ok(_) => {
            return Err(
                ClusterError::from(Refusal::StreamExists(stream_name(&cluster.name))).into()
            );
        }
        Err(other) => return Err(ClusterError::from(other).into()),
    }
    let staging = match in_place {
        true => None,
        false => Some(Staging::begin(&data)?),
    };
    if let (Some(from), Some(staging)) = (from, &staging) {
        copy(from, staging)?;
    }
    let folder = staging.as_ref().map_or(&*data, Staging::folder);
    let (mut store, mut founding) = open(folder, from.is_none())?;
    founding.settings = Settings::from(&config);
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    let info = nats.create(&hex(&id), &check).map_err(ClusterError::from)?;
    let made = begin(&nats, &founding, &mut store, &key, &info).and_then(|()| match staging {
        Some(staging) => {
            store.close()?;
            Ok(staging.finish(BESIDE)?)
        }
        // What was committed is there, however the store is closed.
        None => {
            drop(store);
            Ok(())
        }
    });
    if let Err(error) = made {
        if let Err(why) = nats.delete() {
            let stream = stream_name(&cluster.name);
            eprintln!("{why}; so the stream {stream} is left: `nats stream rm` removes it");
        }
        return Err(error);
    }
    let (name, copies) = (stream_name(&cluster.name), info.config.num_replicas);
    println!(
        "The stream {name} is made, on {copies} NATS server(s), and {} is its first node.",
        data.display()
    );
    if from.is_some() {
        println!(
            "Start the node that has {} first: the others fetch a copy of its data.",
            data.display()
        );
    }
    Ok(())
}

fn begin(
    nats: &Nats,
    founding: &Founding,
    store: &mut SqliteStore,
    key: &[u8; 32],
    info: &StreamInfo,
) -> Result<(), RunError> {
    let identity = info.identity().map_err(ClusterError::from)?;
    let sealed = founding.seal(&mut seal(&Seal::key_of(key, &identity.id), PURPOSE)?);
    nats.publish_first(sealed).map_err(ClusterError::from)?;
    founding.initialize(store, &identity)?;
    Ok(())
}

/// Opens the data of the first node: new, or those of a single server.
fn open(data: &Path, is_new: bool) -> Result<(Box<SqliteStore>, Founding), RunError> {
    let instance = fresh_instance()?;
    let shown = Shown::start();
    let mut store = Box::new(SqliteStore::open_watched(data, &instance, false, shown.progress())?);
    drop(shown);
    let loaded = store.load()?;
    let mut cloak_key = [0; 32];
    match loaded.cloak_key {
        Some(key) => cloak_key = key,
        None => getrandom::fill(&mut cloak_key)?,
    }
    let (instance, now) = (loaded.instance, clock::wall());
    let settings = Settings::from(&Config::default());
    Ok((store, Founding { began_empty: is_new, instance, cloak_key, settings, now }))
}

/// Copies the data of a single server, which may be running.
fn copy(from: &Path, staging: &Staging) -> Result<(), RunError> {
    let shown = Shown::start_stoppable()?;
    let file = staging.backup();
    store::backup(from, &file, BESIDE, shown.progress())?;
    store::restore(&file, staging.folder(), BESIDE, shown.progress())?;
    Ok(fs::remove_file(&file)?)
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
