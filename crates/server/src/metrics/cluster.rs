//! The metrics of a cluster node about its log. Only such a node shows them.

use super::labels::Row;
use super::number;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// The histogram's upper bounds for an entry's time through the log, in seconds.
const THROUGH_SECONDS: [f64; 16] = [
    5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7.5e-3, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
    15.0,
];

/// The metrics of a cluster node.
#[derive(Debug)]
pub struct Cluster {
    entries: Counter,
    read: Counter,
    published: Counter,
    publications: Counter,
    resent: Counter,
    through: Histogram,
    lag: Gauge,
    window: Gauge,
    nodes: Gauge,
    available: Gauge,
    gaps: Counter,
    snapshots: Row<Counter>,
    heartbeats_missed: Counter,
}

/// What happened to a snapshot of a node's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// This node has written one for others.
    Written,
    /// This node has started from another's.
    Fetched,
    /// One could not be written or used.
    Failed,
}

impl SnapshotOutcome {
    /// All labels, in order.
    pub(super) const WORDS: &[&str] = &["written", "fetched", "failed"];
}

/// What a node has counted since it was last added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterCounts {
    /// Counted entries of all nodes, delivered by the log.
    pub entries: u64,
    /// Bytes of the messages delivered by the log.
    pub read_bytes: u64,
    /// Batches published, including resent ones.
    pub publications: u64,
    /// Their bytes.
    pub published_bytes: u64,
    /// Batches sent again.
    pub resent: u64,
    /// How often something was missing and had to be fetched.
    pub gaps: u64,
    /// Heartbeats that were due before the previous one was delivered.
    pub heartbeats_missed: u64,
}

/// A node's relation to its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterGauges {
    /// Known messages of the log that were not read yet.
    pub lag: u64,
    /// Published batches that were not delivered yet.
    pub window: usize,
    /// The number of members, including this node if it is one.
    pub nodes: usize,
    /// Whether the log answers.
    pub available: bool,
}

impl Cluster {
    /// All zero.
    pub(super) fn new() -> Cluster {
        Cluster {
            entries: Counter::default(),
            read: Counter::default(),
            published: Counter::default(),
            publications: Counter::default(),
            resent: Counter::default(),
            through: Histogram::new(THROUGH_SECONDS),
            lag: Gauge::default(),
            window: Gauge::default(),
            nodes: Gauge::default(),
            available: Gauge::default(),
            gaps: Counter::default(),
            snapshots: Row::of("outcome", SnapshotOutcome::WORDS),
            heartbeats_missed: Counter::default(),
        }
    }

    pub(super) fn register(&self, own: &mut Registry) {
        let about = "Entries of all nodes that the log has brought";
        own.register("cluster_entries", about, self.entries.clone());
        let about = "Bytes that the log has brought";
        own.register_with_unit("cluster_read", about, Unit::Bytes, self.read.clone());
        let about = "Batches of entries published by this node, with those sent again";
        own.register("cluster_publications", about, self.publications.clone());
        let about = "Bytes published by this node, with those sent again";
        own.register_with_unit("cluster_published", about, Unit::Bytes, self.published.clone());
        let about = "Batches sent again, because it was unknown whether the log has them";
        own.register("cluster_resent", about, self.resent.clone());
        let about = "From when this node has an entry for the log to when it has come back";
        own.register_with_unit("cluster_through", about, Unit::Seconds, self.through.clone());
        let about = "Messages that the log is known to have and this node has not read";
        own.register("cluster_lag_messages", about, self.lag.clone());
        let about = "Batches published by this node that have not come back";
        own.register("cluster_window_used", about, self.window.clone());
        own.register("cluster_nodes", "Nodes that take part", self.nodes.clone());
        let about = "1 while the log answers, else 0";
        own.register("cluster_log_available", about, self.available.clone());
        let about = "Times that the log had not told something, and it was asked for";
        own.register("cluster_gaps", about, self.gaps.clone());
        let about = "Snapshots of a node's store, by outcome";
        own.register("cluster_snapshots", about, self.snapshots.clone());
        let about = "Heartbeats that were late, because the one before had not come back";
        own.register("cluster_heartbeats_missed", about, self.heartbeats_missed.clone());
    }

    /// Adds what a node has counted, and resets its counts.
    pub fn add(&self, tally: &mut ClusterCounts) {
        let counted = std::mem::take(tally);
        for (counter, count) in [
            (&self.entries, counted.entries),
            (&self.read, counted.read_bytes),
            (&self.publications, counted.publications),
            (&self.published, counted.published_bytes),
            (&self.resent, counted.resent),
            (&self.gaps, counted.gaps),
            (&self.heartbeats_missed, counted.heartbeats_missed),
        ] {
            counter.inc_by(count);
        }
    }

    /// Sets the gauges.
    pub fn set(&self, gauges: ClusterGauges) {
        self.lag.set(i64::try_from(gauges.lag).unwrap_or(i64::MAX));
        self.window.set(number(gauges.window));
        self.nodes.set(number(gauges.nodes));
        self.available.set(i64::from(gauges.available));
    }

    /// Whether the log answers, as last shown.
    pub fn is_available(&self) -> bool {
        self.available.get() == 1
    }

    /// An entry of this node was delivered.
    pub fn entry_delivered(&self, took: Duration) {
        self.through.observe(took.as_secs_f64());
    }

    /// Counts a snapshot.
    pub fn snapshot(&self, outcome: SnapshotOutcome) {
        self.snapshots.at(outcome as usize).inc();
    }
}
