//! Scenario `attack`: what hostile people do to a server with default limits, and what an innocent pair that says
//! one message a second notices of it; beside the same pair on a quiet server.

mod horde;
mod kind;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use crate::failure::Result;
use crate::report::markdown;
use crate::server::{Bench, Server};
use horde::Horde;
pub use kind::Kind;

const CONFIG: &str = include_str!("../attack.toml");
/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What the pair's p99 stays under, whatever is done.
const LATENCY_MOST: Duration = Duration::from_millis(250);
/// What it stays under in multiples of the quiet run's, unless that is next to nothing.
const LATENCY_RATIO_MOST: f64 = 5.0;
/// What a login stays under.
const LOGIN_MOST: Duration = Duration::from_secs(2);
/// What the server's memory stays under.
const MEMORY_MOST: u64 = 512 << 20;

/// Which attacks, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Attack {
    /// The attacks, by commas or repeated; all if none is named.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Kind>,
    /// Seconds of each.
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Of everybody and everything so many percent, for a small machine.
    #[arg(long, default_value_t = 100)]
    pub percent: usize,
    /// Messages a second of the innocent pair.
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// More lines for the server's config.
    #[arg(long, default_value = "")]
    pub config: String,
}

/// What came of one attack.
#[derive(Debug, Clone)]
pub struct Row {
    /// The attack; none: the quiet run.
    pub kind: Option<Kind>,
    /// The innocent pair's p99.
    pub latency: Duration,
    /// The slowest innocent login.
    pub login: Duration,
    /// The server's anonymous memory at its most, in bytes.
    pub memory: u64,
    /// Lines of the attackers that were taken to the server, and how many answers refused something.
    pub sent: u64,
    /// Refusals.
    pub refused: u64,
    /// What the attack was aimed at stands.
    pub stands: bool,
}

impl Row {
    /// Whether all stayed within its bounds.
    #[must_use]
    pub fn is_held(&self, quiet: Duration) -> bool {
        let calm = self.latency.as_secs_f64() <= LATENCY_RATIO_MOST * quiet.as_secs_f64();
        calm && self.latency < LATENCY_MOST
            && self.login < LOGIN_MOST
            && self.memory < MEMORY_MOST
            && self.stands
    }
}

impl Attack {
    /// The quiet run and all attacks, each on a fresh server.
    ///
    /// # Errors
    /// Any failure of the server.
    pub fn run(&self, bench: &Bench) -> Result<Vec<Row>> {
        let all = <Kind as clap::ValueEnum>::value_variants();
        let kinds = if self.only.is_empty() { all } else { &self.only };
        std::iter::once(None)
            .chain(kinds.iter().copied().map(Some))
            .map(|kind| self.one(bench, kind))
            .collect()
    }

    fn one(&self, bench: &Bench, kind: Option<Kind>) -> Result<Row> {
        let folder = tempfile::tempdir().map_err(|source| crate::failure::Failure::Io {
            what: "making a temporary folder".to_owned(),
            source,
        })?;
        let config = format!("{CONFIG}{}", self.config);
        let server = Server::start_parlor(bench, &folder.path().join("data"), &config)?;
        let mut horde = Horde::new(server.address());
        if let Some(kind) = kind {
            kind.prepare(&mut horde, self.percent)?;
        }
        let innocents = Innocents::come(server.address())?;
        let over = AtomicBool::new(false);
        let (latency, login, memory) = std::thread::scope(|scope| -> Result<_> {
            let talk = scope.spawn(|| innocents.talk(self.rate, &over));
            let logins = scope.spawn(|| log_in_again_and_again(server.address(), &over));
            let memory = self.attack(kind, &mut horde, &server);
            over.store(true, Ordering::Relaxed);
            let latency = talk.join().expect("it does not panic")?;
            let login = logins.join().expect("it does not panic")?;
            Ok((latency, login, memory?))
        })?;
        let stands = kind.map_or(Ok(true), |kind| kind.has_failed(&mut horde))?;
        let attackers = horde.peers().iter().filter(|peer| peer.attacks);
        let (sent, refused) =
            attackers.fold((0, 0), |sum, peer| (sum.0 + peer.sent, sum.1 + peer.refused));
        Ok(Row { kind, latency, login, memory, sent, refused, stands })
    }

    /// Attacks for as long as is asked for; the most memory that the server had.
    fn attack(&self, kind: Option<Kind>, horde: &mut Horde, server: &Server) -> Result<u64> {
        let start = Instant::now();
        let (mut memory, mut looked, mut turn) = (0, None::<Instant>, 0);
        while start.elapsed() < Duration::from_secs_f64(self.seconds) {
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                memory = memory.max(server.anonymous_bytes()?);
            }
            let Some(kind) = kind else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            kind.go_on(horde, turn)?;
            turn += 1;
            let attackers = horde.peers().iter_mut().enumerate();
            for (number, peer) in attackers.filter(|(_, peer)| peer.attacks && peer.is_done()) {
                if let Some(line) = kind.line(number, peer.sent) {
                    peer.say(&line);
                    peer.sent += 1;
                }
            }
            horde.turn(|_, line| kind.answer(line));
            horde.reconnect();
        }
        Ok(memory)
    }
}

/// The two who only want to talk.
struct Innocents {
    horde: Horde,
    ann: usize,
    bob: usize,
}

impl Innocents {
    fn come(server: SocketAddr) -> Result<Self> {
        let mut horde = Horde::new(server);
        let ann = horde.guest(Ipv4Addr::new(192, 0, 2, 1), "ann")?;
        let bob = horde.guest(Ipv4Addr::new(192, 0, 2, 2), "bob")?;
        for innocent in [ann, bob] {
            horde.send(innocent, "JOIN #garden");
            horde.settle(innocent)?;
        }
        Ok(Self { horde, ann, bob })
    }

    /// Says something at each tick until it is over; the p99 of how long it took from when it was due.
    fn talk(mut self, rate: f64, over: &AtomicBool) -> Result<Duration> {
        let start = Instant::now();
        let mut took = Vec::new();
        for number in 0_u32.. {
            let due = start + Duration::from_secs_f64(f64::from(number) / rate);
            while Instant::now() < due && !over.load(Ordering::Relaxed) {
                self.horde.turn(|_, _| None);
            }
            if over.load(Ordering::Relaxed) && number > 0 {
                break;
            }
            self.horde.send(self.ann, &format!("PRIVMSG #garden :number {number}."));
            self.horde.until(self.bob, &format!(":number {number}."))?;
            took.push(due.elapsed());
        }
        took.sort_unstable();
        Ok(took[(took.len() * 99).div_ceil(100) - 1])
    }
}

/// Somebody logs in each second; the longest that it took.
fn log_in_again_and_again(server: SocketAddr, over: &AtomicBool) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    let mut is_made = false;
    while !over.load(Ordering::Relaxed) || !is_made {
        let start = Instant::now();
        let mut horde = Horde::new(server);
        let carol = horde.device(Ipv4Addr::new(192, 0, 2, 3), "carol")?;
        longest = longest.max(start.elapsed());
        is_made = true;
        horde.send(carol, "QUIT");
        while !horde.peer(carol).closed {
            horde.turn(|_, _| None);
        }
        std::thread::sleep(Duration::from_secs(1).saturating_sub(start.elapsed()));
    }
    Ok(longest)
}

/// A Markdown table of what came of each attack.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let quiet = rows.first().map_or(Duration::ZERO, |row| row.latency);
    let head = [
        "attack",
        "p99, ms",
        "to quiet",
        "slowest login, s",
        "memory, MiB",
        "lines",
        "refused",
        "held",
    ];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        cells.push(vec![
            row.kind.map_or("none".to_owned(), Kind::name),
            format!("{:.1}", row.latency.as_secs_f64() * 1e3),
            format!("{:.1} ×", row.latency.as_secs_f64() / quiet.as_secs_f64()),
            format!("{:.2}", row.login.as_secs_f64()),
            format!("{:.0}", row.memory as f64 / f64::from(1 << 20)),
            row.sent.to_string(),
            row.refused.to_string(),
            (if row.is_held(quiet) { "yes" } else { "no" }).to_owned(),
        ]);
    }
    markdown(&cells)
}
