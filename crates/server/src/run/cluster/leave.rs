//! `chatserver cluster leave`: makes a single server's data of a node's.

use super::{ClusterError, ClusterLog, Member, RunError, find_log, open};
use crate::clock;
use crate::cluster::jetstream::Nats;
use crate::cluster::log::Log;
use crate::config::Config;
use crate::hub::{Input, Stamped};
use crate::limits::LOG_POLL_MILLIS;
use crate::run::shown::Shown;
use crate::run::tasks::BESIDE;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{SqliteStore, Staging, Store, Write};

/// Copies a node's data, with all that the log has, into a new folder that is a single server's. The
/// node must not run; its own data stay as they are, except that they catch up with the log.
pub(super) fn run(
    config: &Path,
    data: Option<PathBuf>,
    to: &Path,
    without_log: bool,
) -> Result<(), RunError> {
    let config = Arc::new(Config::read(config)?);
    let cluster = config.cluster.as_ref().ok_or(ClusterError::NotConfigured)?;
    let data = data.unwrap_or_else(|| config.server.data.clone());
    if !data.join("parlor.db").exists() {
        return Err(RunError::NoDatabase(data));
    }
    if store::live(&data)?.is_none() {
        return Err(ClusterError::Single(data).into());
    }
    let staging = Staging::begin(to)?;
    let shown = Shown::start();
    if !without_log {
        // Unlike a node that starts, it does not wait for the log: that may be gone.
        Nats::connect(cluster).and_then(|nats| nats.info()).map_err(ClusterError::NoLog)?;
        let found = find_log(cluster)?;
        let mut store = Box::new(found.open_stored(&data, shown.progress())?);
        catch_up(found, &mut store, &config, &data)?;
        store.close()?;
    }
    let file = staging.backup();
    store::backup(&data, &file, BESIDE, shown.progress())?;
    store::restore(&file, staging.folder(), BESIDE, shown.progress())?;
    fs::remove_file(&file)?;
    let mut single = open(staging.folder(), "", shown.progress())?;
    single.commit(&mut [Write::LogLeft].iter())?;
    single.close()?;
    staging.finish(BESIDE)?;
    drop(shown);
    println!("{} is a single server's data; leave [cluster] out of its config file.", to.display());
    Ok(())
}

/// Applies and stores all that the log has.
fn catch_up(
    log: ClusterLog,
    store: &mut SqliteStore,
    config: &Arc<Config>,
    data: &Path,
) -> Result<(), RunError> {
    let (mut hub, clock, member) = log.load(store, config, data)?;
    let Member { mut log, mut participant, .. } = member;
    participant.set_read_only();
    let begun = Instant::now();
    while !participant.is_up_to_date() {
        let now = begun.elapsed().as_millis() as u64;
        if let Some(event) = log.next(Duration::from_millis(LOG_POLL_MILLIS)) {
            let ordered = participant
                .handle(event, now)
                .map_err(|excluded| ClusterError::Excluded(excluded.to_string()))?;
            for ordered in ordered {
                let (now, steady) = (clock::wall(), clock.steady());
                let input = Input::Ordered(ordered);
                let effects = hub.apply(Stamped { now, steady, committed: u64::MAX, input });
                store.commit(&mut effects.writes.iter())?;
            }
        }
        let (requests, _) = participant.poll(now);
        requests.into_iter().for_each(|request| log.request(request));
    }
    Ok(())
}
