//! Scenario `fanout`: rooms in which a few talk and all listen.

use std::time::Duration;

use clap::Args;

use crate::bare;
use crate::failure::Result;
use crate::report::{Better, Figure, MIB, figure, latency_figures};
use crate::server::{Bench, Kind};
use crate::traffic::{Measured, Pace, Traffic};

/// How long to talk.
#[derive(Debug, Clone, Args)]
pub struct Times {
    /// Seconds that are measured.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds of the same traffic before that.
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
}

/// The shape of the traffic.
#[derive(Debug, Clone, Args)]
pub struct Fanout {
    /// Rooms.
    #[arg(long, default_value_t = 1)]
    pub rooms: usize,
    /// Members of each room.
    #[arg(long, default_value_t = 500)]
    pub members: usize,
    /// Members of each room that publish; the last member never does, it paces them.
    #[arg(long, default_value_t = 1)]
    pub publishers: usize,
    /// Bytes of each text.
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
    /// Messages in flight of each publisher.
    #[arg(long, default_value_t = 64)]
    pub window: usize,
    /// Messages a second of all publishers together, instead of the window; latency counts from when each was due.
    #[arg(long)]
    pub rate: Option<f64>,
    /// IRCv3 capabilities of the members, separated by commas.
    #[arg(long, default_value = "")]
    pub caps: String,
    /// How many members in a hundred have the capabilities.
    #[arg(long, default_value_t = 100)]
    pub caps_share: usize,
    /// How long to talk.
    #[command(flatten)]
    pub times: Times,
}

impl Fanout {
    /// The traffic of these options, with some of each room's members stalled.
    #[must_use]
    pub fn traffic(&self, stalled: usize) -> Traffic {
        Traffic {
            rooms: self.rooms,
            members: self.members,
            publishers: self.publishers,
            bytes: self.bytes,
            window: self.window,
            rate: self.rate,
            stalled,
            caps: self.caps.replace(',', " "),
            caps_share: self.caps_share,
            pace: Pace::Watcher,
            warm_up: Duration::from_secs_f64(self.times.warm_up),
            duration: Duration::from_secs_f64(self.times.seconds),
        }
    }

    /// One run.
    ///
    /// # Errors
    /// Any failure of the server.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        let measured = self.traffic(0).run(kind, bench)?;
        let mut figures = figures(&measured);
        figures.extend(encryption_figures(&measured)?);
        Ok(figures)
    }
}

/// What no server can save that encrypts: each line by itself, or as many at once as a record holds.
fn encryption_figures(measured: &Measured) -> Result<Vec<Figure>> {
    let Some(cipher) = measured.cipher else { return Ok(Vec::new()) };
    let line_bytes = (measured.bytes / measured.deliveries.max(1)) as usize;
    let micros = |lines| -> Result<f64> {
        Ok(bare::encryption_time(cipher, line_bytes, lines)?.as_secs_f64() * 1e6)
    };
    let in_full_record = micros(bare::lines_in_a_record(line_bytes))?;
    Ok(vec![
        figure("encrypting one such line alone, µs", micros(1)?, Better::Neither),
        figure("the same in a full record, µs", in_full_record, Better::Neither),
    ])
}

fn figures(measured: &Measured) -> Vec<Figure> {
    let (cpu, elapsed) = (measured.cpu.as_secs_f64(), measured.elapsed.as_secs_f64());
    let (deliveries, bytes) = (measured.deliveries as f64, measured.bytes as f64);
    let wire_bytes = measured.wire_bytes as f64;
    let mut figures = vec![
        figure("server CPU per delivery, µs", cpu * 1e6 / deliveries, Better::Lower),
        figure("server CPU per byte, ns", cpu * 1e9 / bytes, Better::Lower),
        figure("bytes on the wire per delivery", wire_bytes / deliveries, Better::Lower),
        figure("deliveries per second", deliveries / elapsed, Better::Higher),
    ];
    figures.extend(latency_figures(&measured.latency));
    figures.extend(log_figures(measured));
    figures.extend([
        figure("server CPU, % of a core", 100.0 * cpu / elapsed, Better::Neither),
        figure("anonymous memory, MiB", measured.anonymous_bytes as f64 / MIB, Better::Neither),
        figure("messages sent in all", measured.sent_in_all as f64, Better::Neither),
        figure("deliveries in all", measured.delivered_in_all as f64, Better::Neither),
    ]);
    figures
}

/// What the NATS servers of a cluster take, all together.
pub(crate) fn log_figures(measured: &Measured) -> Option<Figure> {
    let micros = measured.log_cpu.as_secs_f64() * 1e6 / measured.paced as f64;
    (micros > 0.0).then(|| figure("CPU of NATS per message, µs", micros, Better::Lower))
}
