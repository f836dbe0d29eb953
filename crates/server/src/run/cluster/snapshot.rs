//! `chatserver cluster snapshot`: a backup of the cluster, made by one of its nodes.

use super::{ClusterError, RunError, find_log};
use crate::cluster::jetstream::CopyDestination;
use crate::config::Config;
use crate::run::shown::Shown;
use std::path::Path;

/// Fetches a copy of a node's data into a file, which `chatserver restore` takes.
pub(super) fn run(config: &Path, file: &Path) -> Result<(), RunError> {
    let config = Config::read(config)?;
    let cluster = config.cluster.as_ref().ok_or(ClusterError::NotConfigured)?;
    if file.symlink_metadata().is_ok() {
        return Err(ClusterError::FileExists(file.to_owned()).into());
    }
    let found = find_log(cluster)?;
    let shown = Shown::start_stoppable()?;
    let fetched = found.fetch_copy(file, &CopyDestination::File, 1, shown.progress());
    drop(shown);
    fetched?;
    println!(
        "All data of the cluster are in {}; `chatserver restore` makes a data folder of it.",
        file.display()
    );
    Ok(())
}
