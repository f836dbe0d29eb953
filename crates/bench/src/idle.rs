//! Scenario `idle`: many who are logged in, and say nothing.

use std::time::{Duration, Instant};

use clap::Args;

use crate::crowd;
use crate::dialect::Person;
use crate::failure::Result;
use crate::report::{Better, Figure, figure};
use crate::server::{Bench, Kind, Server};

/// Members of each of the two rooms that everybody is in besides the one that all share.
const ROOM_MEMBERS: usize = 50;

/// How many, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Idle {
    /// Connections, each in one room with all the others and in two smaller ones.
    #[arg(long, default_value_t = 15_000)]
    pub connections: usize,
    /// Seconds of silence that are measured.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
}

impl Idle {
    /// One run.
    ///
    /// # Errors
    /// Any failure of the server.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        let server = Server::start(kind, bench)?;
        let mut driver = server.driver()?;
        let person = |client| Person { nick: format!("b{client}"), ..Person::default() };
        let people: Vec<Person> = (0..self.connections).map(person).collect();
        let count = self.connections as f64;

        let (bytes, cpu, start) = (server.anonymous_bytes()?, server.cpu_time()?, Instant::now());
        crowd::log_in(&mut driver, &people, server.logins_at_once())?;
        let (login_time, login_cpu) = (start.elapsed(), server.cpu_time()?.saturating_sub(cpu));
        crowd::join(&mut driver, people.len(), |client| rooms(client, people.len()))?;
        crowd::settle(&mut driver, people.len())?;

        let (cpu, start) = (server.cpu_time()?, Instant::now());
        let duration = Duration::from_secs_f64(self.seconds);
        while let Some(left) = duration.checked_sub(start.elapsed()) {
            driver.poll(left, |_, _, _| Ok(()))?;
        }
        let (idle_time, idle_cpu) = (start.elapsed(), server.cpu_time()?.saturating_sub(cpu));
        let used = server.anonymous_bytes()?.saturating_sub(bytes) as f64;
        let idle_share = 100.0 * idle_cpu.as_secs_f64() / idle_time.as_secs_f64();
        Ok(vec![
            figure("anonymous memory per connection, bytes", used / count, Better::Lower),
            figure("CPU while idle, % of a core", idle_share, Better::Lower),
            figure("logins per second", count / login_time.as_secs_f64(), Better::Higher),
            figure("CPU per login, µs", login_cpu.as_secs_f64() * 1e6 / count, Better::Lower),
            figure("connections", count, Better::Neither),
        ])
    }
}

fn rooms(client: usize, clients: usize) -> [String; 3] {
    let near = client / ROOM_MEMBERS;
    // As large as the first, with other people in it.
    let far = client % clients.div_ceil(ROOM_MEMBERS);
    ["lobby".to_owned(), format!("near{near}"), format!("far{far}")]
}
