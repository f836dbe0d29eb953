//! Scenario `stalled`: fanout, and the same with one member in a hundred who stopped reading.

use clap::Args;

use crate::failure::Result;
use crate::fanout::Fanout;
use crate::report::{Better, Figure, figure, latency_figures};
use crate::server::{Bench, Kind};

/// The traffic, and who does not read it.
#[derive(Debug, Clone, Args)]
pub struct Stalled {
    /// Members in a hundred that do not read, at least one in each room.
    #[arg(long, default_value_t = 1)]
    pub stalled_share: usize,
    /// The traffic.
    #[command(flatten)]
    pub fanout: Fanout,
}

impl Stalled {
    /// One run without and one with the stalled members, each on a fresh server.
    ///
    /// # Errors
    /// Any failure of the server, a reading member that loses a message among them.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        let stalled = (self.fanout.members * self.stalled_share / 100).max(1);
        let without = self.fanout.traffic(0).run(kind, bench)?;
        let with = self.fanout.traffic(stalled).run(kind, bench)?;
        let p99 = |measured: &crate::traffic::Measured| {
            measured.latency.value_at_quantile(0.99) as f64 / 1e6
        };
        let mut figures = vec![
            figure("p99 of the others to p99 without", p99(&with) / p99(&without), Better::Lower),
            figure("p99 without stalled members, ms", p99(&without), Better::Lower),
        ];
        figures.extend(latency_figures(&with.latency));
        let rate = with.deliveries as f64 / with.elapsed.as_secs_f64();
        figures.extend([
            figure("deliveries per second", rate, Better::Higher),
            figure("stalled members a room", stalled as f64, Better::Neither),
            figure("messages sent in all", with.sent_in_all as f64, Better::Neither),
            figure("deliveries in all", with.delivered_in_all as f64, Better::Neither),
        ]);
        Ok(figures)
    }
}
