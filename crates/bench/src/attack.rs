//! Scenario `attack`: what hostile people do to a server with default limits, and what an innocent pair that says
//! one message a second notices of it; beside the same pair on a quiet server. There are several such pairs, so that a
//! p99 is one.

mod horde;
mod kind;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use crate::driver::TIMEOUT;
use crate::failure::{Failure, Result};
use crate::proc;
use crate::report::markdown;
use crate::server::{Bench, Server};
use horde::Horde;
pub use kind::Kind;

const CONFIG: &str = include_str!("../attack.toml");
/// How often the server's memory is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What the pair's p99 stays under, whatever is done.
const LATENCY_MAX: Duration = Duration::from_millis(250);
/// What it stays under in multiples of the quiet run's.
const LATENCY_RATIO_MAX: f64 = 5.0;
/// What a login stays under.
const LOGIN_MAX: Duration = Duration::from_secs(2);
/// What the server's memory stays under.
const MEMORY_MAX: u64 = 512 << 20;

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
    /// Messages a second of each innocent pair.
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// Innocent pairs; they speak one after the other.
    #[arg(long, default_value_t = 10)]
    pub pairs: usize,
    /// More lines for the server's config.
    #[arg(long, default_value = "")]
    pub config: String,
}

/// The result of one attack.
#[derive(Debug)]
pub struct Row {
    /// The attack; none: the quiet run.
    pub kind: Option<Kind>,
    /// What was seen; or why there is nothing.
    pub seen: Result<Seen>,
}

/// What was seen of one attack.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The innocent pair's p99.
    pub latency: Duration,
    /// Its slowest message.
    pub slowest: Duration,
    /// The slowest innocent login.
    pub login: Duration,
    /// The server's anonymous memory at its most, in bytes.
    pub memory: u64,
    /// The part of a core that the server took during the attack.
    pub cpu: f64,
    /// Lines of the attackers that were taken to the server, and how many answers refused something.
    pub sent: u64,
    /// Refusals.
    pub refused: u64,
    /// The target of the attack is intact.
    pub target_intact: bool,
}

impl Seen {
    /// Whether everything stayed within its limits.
    #[must_use]
    pub fn is_within_limits(&self, quiet: Duration) -> bool {
        let calm = self.latency.as_secs_f64() <= LATENCY_RATIO_MAX * quiet.as_secs_f64();
        calm && self.latency < LATENCY_MAX
            && self.login < LOGIN_MAX
            && self.memory < MEMORY_MAX
            && self.target_intact
    }

    fn cells(&self, quiet: Duration) -> [String; 9] {
        let millis = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        [
            millis(self.latency),
            format!("{:.1} ×", self.latency.as_secs_f64() / quiet.as_secs_f64()),
            millis(self.slowest),
            format!("{:.2}", self.login.as_secs_f64()),
            format!("{:.0}", self.memory as f64 / f64::from(1 << 20)),
            format!("{:.0}", self.cpu * 100.0),
            self.sent.to_string(),
            self.refused.to_string(),
            (if self.is_within_limits(quiet) { "yes" } else { "no" }).to_owned(),
        ]
    }
}

impl Attack {
    /// The quiet run and all attacks, each on a fresh server. An attack that cannot be made has a row that says why.
    ///
    /// # Errors
    /// Why there is no quiet run.
    pub fn run(&self, bench: &Bench) -> Result<Vec<Row>> {
        let all = <Kind as clap::ValueEnum>::value_variants();
        let kinds = if self.only.is_empty() { all } else { &self.only };
        std::iter::once(None)
            .chain(kinds.iter().copied().map(Some))
            .map(|kind| match (kind, self.one(bench, kind)) {
                // Without it there is nothing to compare with.
                (None, Err(failure)) => Err(failure),
                (kind, seen) => Ok(Row { kind, seen }),
            })
            .collect()
    }

    fn one(&self, bench: &Bench, kind: Option<Kind>) -> Result<Seen> {
        let folder = tempfile::tempdir().map_err(|source| Failure::Io {
            what: "making a temporary folder".to_owned(),
            source,
        })?;
        let config = format!("{CONFIG}{}", self.config);
        let server = Server::start_parlor(bench, &folder.path().join("data"), &config)?;
        let mut horde = Horde::new(server.address());
        if let Some(kind) = kind {
            kind.prepare(&mut horde, self.percent)?;
        }
        let innocents = Innocents::come(server.address(), self.pairs)?;
        let over = AtomicBool::new(false);
        let (talk, login, (memory, cpu)) = std::thread::scope(|scope| -> Result<_> {
            let talk = scope.spawn(|| innocents.talk(self.rate, &over));
            let logins = scope.spawn(|| measure_logins(server.address(), &over));
            // A thread of its own, so that the others stand before it on the clients' core.
            let attack = scope.spawn(|| {
                let seen =
                    proc::lower_priority().and_then(|()| self.attack(kind, &mut horde, &server));
                over.store(true, Ordering::Relaxed);
                seen
            });
            let attack = attack.join().expect("it does not panic");
            let talk = talk.join().expect("it does not panic")?;
            let login = logins.join().expect("it does not panic")?;
            Ok((talk, login, attack?))
        })?;
        let target_intact = kind.map_or(Ok(true), |kind| kind.has_failed(&mut horde))?;
        let attackers = horde.peers().iter().filter(|peer| peer.attacks);
        let (sent, refused) =
            attackers.fold((0, 0), |sum, peer| (sum.0 + peer.sent, sum.1 + peer.refused));
        let latency = talk[(talk.len() * 99).div_ceil(100) - 1];
        let slowest = talk[talk.len() - 1];
        Ok(Seen { latency, slowest, login, memory, cpu, sent, refused, target_intact })
    }

    /// Attacks for as long as is asked for; the most memory that the server had, and the part of a core that it took.
    fn attack(&self, kind: Option<Kind>, horde: &mut Horde, server: &Server) -> Result<(u64, f64)> {
        let (start, cpu) = (Instant::now(), server.cpu_time()?);
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
            kind.open_connections(horde, turn)?;
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
        let cpu = (server.cpu_time()? - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
        Ok((memory, cpu))
    }
}

/// Those who only want to talk, two in a room.
struct Innocents {
    horde: Horde,
    pairs: usize,
}

impl Innocents {
    fn come(server: SocketAddr, pairs: usize) -> Result<Self> {
        let mut horde = Horde::new(server);
        for number in 0..2 * pairs {
            let address = Ipv4Addr::from(0xc000_0201 + u32::try_from(number).unwrap_or(0));
            let innocent = horde.guest(address, &format!("innocent{number}"))?;
            horde.send(innocent, &format!("JOIN #garden{}", number / 2));
            horde.settle(innocent)?;
        }
        Ok(Self { horde, pairs })
    }

    /// Each pair says something at each of its ticks until it is over; how long the messages took from when they were
    /// due, the slowest last.
    fn talk(mut self, rate: f64, over: &AtomicBool) -> Result<Vec<Duration>> {
        let start = Instant::now();
        let due = |number: usize| {
            start + Duration::from_secs_f64(number as f64 / (rate * self.pairs as f64))
        };
        let (mut said, mut took) = (0_usize, Vec::new());
        let mut heard_last = start;
        while !over.load(Ordering::Relaxed) || said == 0 || took.len() < said {
            if Instant::now() >= due(said) && (said == 0 || !over.load(Ordering::Relaxed)) {
                let pair = said % self.pairs;
                self.horde.send(2 * pair, &format!("PRIVMSG #garden{pair} :number {said}."));
                said += 1;
            }
            self.horde.turn(|peer, line| {
                let number = line.split_once(" :number ")?.1.strip_suffix('.')?.parse().ok()?;
                if peer % 2 == 1 {
                    took.push(due(number).elapsed());
                    heard_last = Instant::now();
                }
                None
            });
            if took.len() < said && heard_last.elapsed() > TIMEOUT {
                let what = "a message of an innocent pair".to_owned();
                return Err(Failure::Silent { what, seconds: TIMEOUT.as_secs() });
            }
        }
        took.sort_unstable();
        Ok(took)
    }
}

/// Logs in once a second; returns the longest time it took.
fn measure_logins(server: SocketAddr, over: &AtomicBool) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    let mut is_made = false;
    while !over.load(Ordering::Relaxed) || !is_made {
        let start = Instant::now();
        let mut horde = Horde::new(server);
        let carol = horde.device(Ipv4Addr::new(192, 0, 2, 201), "carol")?;
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

/// A Markdown table of the results.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let quiet = rows
        .first()
        .and_then(|row| row.seen.as_ref().ok())
        .map_or(Duration::ZERO, |seen| seen.latency);
    let head = [
        "attack",
        "p99, ms",
        "to quiet",
        "slowest, ms",
        "slowest login, s",
        "memory, MiB",
        "server's CPU, %",
        "lines",
        "refused",
        "held",
    ];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let mut line = vec![row.kind.map_or("none".to_owned(), Kind::name)];
        match &row.seen {
            Ok(seen) => line.extend(seen.cells(quiet)),
            Err(failure) => {
                line.extend(head[1..head.len() - 1].iter().map(|_| "—".to_owned()));
                line.push(format!("not measured: {failure}"));
            }
        }
        cells.push(line);
    }
    markdown(&cells)
}
