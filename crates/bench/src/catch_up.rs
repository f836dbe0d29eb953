//! Scenario `catch-up`: a node of a cluster that was away while many messages were sent, and a new one without data.

use std::time::{Duration, Instant};

use clap::Args;

use crate::failure::{Failure, Result};
use crate::report::{Better, Figure, MIB, figure};
use crate::server::{Bench, Kind, Server};
use crate::traffic::{Pace, Traffic};

/// Rooms of two in which the messages are sent.
const ROOMS: usize = 32;
/// Messages of each sender that are not acknowledged yet.
const WINDOW: usize = 64;

/// How much a node missed.
#[derive(Debug, Clone, Args)]
pub struct CatchUp {
    /// Messages.
    #[arg(long, default_value_t = 1_000_000)]
    pub messages: u64,
    /// Bytes of each text.
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
}

impl CatchUp {
    /// One run.
    ///
    /// # Errors
    /// Any failure of a node.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        if !matches!(kind, Kind::Cluster(nodes) if nodes.get() > 1) {
            return Err(Failure::Unsupported("it takes a cluster of two nodes or more".to_owned()));
        }
        let mut server = Server::start(kind, bench)?;
        server.remove_node()?;
        let entries = || total(&server, "parlor_cluster_entries_total");
        let bytes = || total(&server, "parlor_cluster_read_bytes_total");
        let before = (entries()?, bytes()?);
        let (said, took) = self.traffic().say(&server, self.messages)?;
        let (entries, bytes) = (entries()? - before.0, bytes()? - before.1);
        let caught_up = add_node(&mut server, bench)?;
        let copied = add_node(&mut server, bench)?;
        let stored = server.stored_bytes(0)?;
        let per_second = |elapsed: Duration| entries / elapsed.as_secs_f64();
        Ok(vec![
            figure("messages", said as f64, Better::Neither),
            figure("sent and acknowledged, s", took.as_secs_f64(), Better::Lower),
            figure("entries", entries, Better::Neither),
            figure("bytes in the log per message", bytes / said as f64, Better::Lower),
            figure("caught up after, s", caught_up.as_secs_f64(), Better::Lower),
            figure("entries caught up per second", per_second(caught_up), Better::Higher),
            figure("node without data ready after, s", copied.as_secs_f64(), Better::Lower),
            figure("bytes of a node's files, MiB", stored as f64 / MIB, Better::Neither),
        ])
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            rooms: ROOMS,
            members: 2,
            publishers: 2,
            bytes: self.bytes,
            window: WINDOW,
            rate: None,
            stalled: 0,
            caps: "echo-message".to_owned(),
            caps_share: 100,
            pace: Pace::Echo,
            warm_up: Duration::ZERO,
            duration: Duration::ZERO,
        }
    }
}

/// Adds a node; how long it took to be ready for clients.
fn add_node(server: &mut Server, bench: &Bench) -> Result<Duration> {
    let start = Instant::now();
    server.add_node(bench)?;
    Ok(start.elapsed())
}

/// The sum of a metric's values.
fn total(server: &Server, name: &str) -> Result<f64> {
    Ok(server.metric(name)?.iter().map(|(_, value)| value).sum())
}
