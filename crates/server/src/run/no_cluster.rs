//! In place of `cluster`, in a program that was built without it: such a server is no node.
//!
//! Nothing can make a [`ClusterLog`] or a [`Member`] here.

use super::RunError;
use super::hub_thread::LogQueues;
use crate::args::ClusterCommand;
use crate::clock::Clock;
use crate::config::{Cluster, Config, NO_CLUSTER};
use crate::hub::{Hub, Input};
use crate::metrics::Metrics;
use crate::queue::Sender;
use crate::wake::Wake;
use proto::node::Node as Place;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use store::Store;
use thiserror::Error;

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// It is to be a node.
    #[error("{NO_CLUSTER}")]
    NotBuilt,
    /// The data folder belongs to a node.
    #[error("the data in {0} are of a node of a cluster, and {NO_CLUSTER}")]
    OfACluster(PathBuf),
    /// A change of a node's data that the other nodes would not make.
    #[error(
        "the data in {0} are of a node of a cluster, where a change must reach all nodes by the log, and {NO_CLUSTER}"
    )]
    OnlyByTheLog(PathBuf),
    /// The node is no longer a member.
    #[error("{0}")]
    Excluded(String),
}

/// A node that has found its cluster.
pub(super) enum ClusterLog {}

/// What a node has in addition to a single server.
pub(super) enum Member {}

/// Refuses the commands about the cluster.
pub(super) fn run(_: ClusterCommand) -> Result<bool, RunError> {
    Err(ClusterError::NotBuilt.into())
}

/// Refuses to open the store of a node.
pub(super) fn open_store(_: &Cluster, _: &Path) -> Result<(Box<dyn Store>, ClusterLog), RunError> {
    Err(ClusterError::NotBuilt.into())
}

impl ClusterLog {
    pub(super) fn load(
        self,
        _: &mut dyn Store,
        _: &Arc<Config>,
        _: &Path,
    ) -> Result<(Hub, Clock, Member), RunError> {
        match self {}
    }
}

impl Member {
    pub(super) fn into_log_thread(
        self,
        _: Option<&Place>,
        _: Sender<Input>,
        _: Arc<Metrics>,
        _: SyncSender<Wake>,
    ) -> Result<(LogQueues, fn() -> Result<(), RunError>), RunError> {
        match self {}
    }
}
