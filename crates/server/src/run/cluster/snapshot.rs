//! `chatserver cluster snapshot`: a backup of the cluster, made by one of its nodes.

use super::{ClusterError, RunError, find};
use crate::config::Config;
use std::path::Path;

/// Fetches a copy of a node's data into a file, which `chatserver restore` takes.
pub(super) fn run(config: &Path, file: &Path) -> Result<(), RunError> {
    let config = Config::read(config)?;
    let cluster = config.cluster.as_ref().ok_or(ClusterError::NotConfigured)?;
    if file.exists() {
        return Err(ClusterError::FileExists(file.to_owned()).into());
    }
    find(cluster)?.fetch_copy(file)?;
    println!(
        "All data of the cluster are in {}; `chatserver restore` makes a data folder of it.",
        file.display()
    );
    Ok(())
}
