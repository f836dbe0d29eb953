//! Scenario `durable`: pairs who write to each other, each message acknowledged by its echo. With our server that says
//! that the message is on disk; no peer keeps messages, so none is measured.

use std::time::Duration;

use clap::Args;

use crate::failure::{Failure, Result};
use crate::fanout::{Times, log_figures};
use crate::report::{Better, Figure, figure, latency_figures};
use crate::server::{Bench, Kind};
use crate::traffic::{Pace, Traffic};

/// Who writes, and how fast.
#[derive(Debug, Clone, Args)]
pub struct Durable {
    /// Senders, an even number: two in a room.
    #[arg(long, default_value_t = 64)]
    pub senders: usize,
    /// Messages of each sender that are not acknowledged yet.
    #[arg(long, default_value_t = 64)]
    pub window: usize,
    /// Bytes of each text.
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
    /// Messages a second of all senders together, instead of the window; latency counts from when each was due.
    #[arg(long)]
    pub rate: Option<f64>,
    /// How long to write.
    #[command(flatten)]
    pub times: Times,
}

impl Durable {
    /// One run.
    ///
    /// # Errors
    /// Any failure of the server.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        if kind.is_floor() || kind.is_peer() {
            return Err(Failure::Unsupported("it keeps no messages".to_owned()));
        }
        if !self.senders.is_multiple_of(2) {
            return Err(Failure::Options("an even number of senders, please".to_owned()));
        }
        let traffic = Traffic {
            rooms: self.senders / 2,
            members: 2,
            publishers: 2,
            bytes: self.bytes,
            window: self.window,
            rate: self.rate,
            stalled: 0,
            caps: "echo-message".to_owned(),
            caps_share: 100,
            pace: Pace::Echo,
            warm_up: Duration::from_secs_f64(self.times.warm_up),
            duration: Duration::from_secs_f64(self.times.seconds),
        };
        let measured = traffic.run(kind, bench)?;
        let (cpu, elapsed) = (measured.cpu.as_secs_f64(), measured.elapsed.as_secs_f64());
        let acknowledged = measured.paced as f64;
        let mut figures =
            vec![figure("acknowledged per second", acknowledged / elapsed, Better::Higher)];
        figures.extend(latency_figures(&measured.latency));
        figures.extend(log_figures(&measured));
        figures.extend([
            figure("server CPU per message, µs", cpu * 1e6 / acknowledged, Better::Lower),
            figure("server CPU, % of a core", 100.0 * cpu / elapsed, Better::Neither),
            figure("messages sent in all", measured.sent_in_all as f64, Better::Neither),
            figure("deliveries in all", measured.delivered_in_all as f64, Better::Neither),
        ]);
        let (part, lag) = measured.indexing.map_or((0.0, 0.0), |of| (of.part, of.lag_p99));
        figures.extend([
            figure("in the search index at the end, %", 100.0 * part, Better::Neither),
            figure("index lag p99, at most, s", lag, Better::Neither),
        ]);
        Ok(figures)
    }
}
