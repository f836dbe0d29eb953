//! `bench`: measures chat servers. See `bench --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use parlor_bench::attack::{self, Attack};
use parlor_bench::catch_up::CatchUp;
use parlor_bench::durable::Durable;
use parlor_bench::failure::{Failure, Result};
use parlor_bench::fanout::Fanout;
use parlor_bench::handshakes::Handshakes;
use parlor_bench::history::History;
use parlor_bench::idle::Idle;
use parlor_bench::join::Join;
use parlor_bench::report::{self, Figure, Outcome};
use parlor_bench::screen::Screen;
use parlor_bench::search::Search;
use parlor_bench::server::{Bench, Kind};
use parlor_bench::stalled::Stalled;
use parlor_bench::transport::Transport;
use parlor_bench::unread::Unread;
use parlor_bench::{floor, proc};

/// Measures chat servers: CPU time per delivery, latency, memory; ours, a floor, and peers.
#[derive(Debug, Parser)]
#[command(version, name = "bench")]
struct Options {
    /// The server to measure: parlor, parlor=PATH for an older program of it, unindexed for one without a search index, cluster:NODES for several nodes with their log on three NATS servers, floor, storing-floor, ngircd, inspircd, nats, or a running IRC
    /// server as ADDRESS:PORT@PID. Several, by commas or repeated: the first is compared with the others.
    #[arg(long, global = true, value_delimiter = ',', default_value = "parlor")]
    server: Vec<Kind>,
    /// Runs of each server, alternating; the table shows the medians.
    #[arg(long, global = true, default_value_t = 1)]
    runs: usize,
    /// The clients' transport. Several, by commas or repeated: the first is compared with the others.
    #[arg(long, global = true, value_delimiter = ',', default_value = "plain")]
    transport: Vec<Transport>,
    /// Prints all runs as JSON instead of the table.
    #[arg(long, global = true)]
    json: bool,
    /// The server's core and the clients' core; "none" leaves both to the system.
    #[arg(long, global = true, default_value = "0,1", value_parser = parse_cores)]
    cores: Cores,
    /// Our server's program; default: `chatserver` beside this program.
    #[arg(long, global = true)]
    chatserver: Option<PathBuf>,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Clone, Copy)]
struct Cores(Option<(usize, usize)>);

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Rooms where a few members talk and all listen.
    Fanout(Fanout),
    /// Fanout with members that stopped reading, and without.
    Stalled(Stalled),
    /// Messages acknowledged when they are on disk.
    Durable(Durable),
    /// A node of a cluster (--server cluster:2) that was away while messages were sent, and a new one without data.
    CatchUp(CatchUp),
    /// Connections that are logged in and silent.
    Idle(Idle),
    /// TLS connections opened and closed; ignores --transport.
    Handshakes(Handshakes),
    /// Many who log in to one lobby.
    Join(Join),
    /// Pages at random places of a large store, which is filled at the first run and kept.
    History(History),
    /// What somebody has not read in a thousand rooms, asked of a large store, which is filled at the first run and kept.
    Unread(Unread),
    /// Searches for words in a store of its own.
    Search(Search),
    /// The client's full screen: frames while scrolling, bytes of a new message, memory. No server takes part.
    Screen(Screen),
    /// Attacks on our server with default limits, and what innocent people notice of them.
    Attack(Attack),
    /// The floor itself, on a free port: what the scenarios start for it.
    FloorServer {
        /// A file to put each line into, flushed to disk, before it is sent.
        #[arg(long)]
        log: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if let Scenario::FloorServer { log } = &options.scenario {
        return floor::serve(log.as_deref());
    }
    proc::allow_many_files()?;
    let own = std::env::current_exe()
        .map_err(|source| Failure::Io { what: "finding this program".to_owned(), source })?;
    let chatserver = options.chatserver.clone().unwrap_or_else(|| own.with_file_name("chatserver"));
    let bench =
        Bench { chatserver, bench: own, cores: options.cores.0, transport: Transport::Plain };
    if let Scenario::Attack(attack) = &options.scenario {
        let rows = attack.run(&bench)?;
        print!("{}", attack::table(&rows));
        return rows.into_iter().try_for_each(|row| row.seen.map(drop));
    }
    let outcomes = measure(options, &bench)?;
    if options.json {
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        println!("{:#}", report::json(&command, &outcomes));
    } else {
        print!("{}", report::table(&outcomes));
    }
    Ok(())
}

/// Alternates between servers and transports, so that other load on the machine affects all of them.
fn measure(options: &Options, bench: &Bench) -> Result<Vec<Outcome>> {
    let outcome = |kind: &Kind, transport| Outcome {
        kind: kind.clone(),
        transport,
        runs: Vec::new(),
        skipped: None,
    };
    let by_all_transports =
        |kind| options.transport.iter().map(move |transport| outcome(kind, *transport));
    let mut outcomes: Vec<Outcome> = options.server.iter().flat_map(by_all_transports).collect();
    for _ in 0..options.runs {
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.skipped.is_none()) {
            let bench = Bench { transport: outcome.transport, ..bench.clone() };
            match one_run(&options.scenario, &outcome.kind, &bench) {
                Ok(figures) => outcome.runs.push(figures),
                Err(Failure::Unsupported(why)) => outcome.skipped = Some(why),
                // The failure of a peer is reported, but must not hide the other results.
                Err(failure) if outcome.kind.is_peer() => {
                    outcome.runs.clear();
                    outcome.skipped = Some(failure.to_string());
                }
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(outcomes)
}

fn one_run(scenario: &Scenario, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
    match scenario {
        Scenario::Fanout(fanout) => fanout.run(kind, bench),
        Scenario::Stalled(stalled) => stalled.run(kind, bench),
        Scenario::Durable(durable) => durable.run(kind, bench),
        Scenario::CatchUp(catch_up) => catch_up.run(kind, bench),
        Scenario::Idle(idle) => idle.run(kind, bench),
        Scenario::Handshakes(handshakes) => handshakes.run(kind, bench),
        Scenario::Join(join) => join.run(kind, bench),
        Scenario::History(history) => history.run(kind, bench),
        Scenario::Unread(unread) => unread.run(kind),
        Scenario::Search(search) => search.run(kind),
        Scenario::Screen(screen) => screen.run(kind),
        Scenario::Attack(_) | Scenario::FloorServer { .. } => unreachable!("they have no figures"),
    }
}

fn parse_cores(text: &str) -> std::result::Result<Cores, String> {
    if text == "none" {
        return Ok(Cores(None));
    }
    let cores = text.split_once(',').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    Ok(Cores(Some(cores.ok_or("two numbers as in 0,1, or none")?)))
}
