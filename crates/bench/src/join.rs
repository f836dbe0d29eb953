//! Scenario `join`: many log in to one lobby.

use std::time::Instant;

use clap::Args;

use crate::crowd;
use crate::dialect::{Dialect, Person};
use crate::failure::{Failure, Result};
use crate::report::{Better, Figure, figure};
use crate::server::{Bench, Kind, Server};

/// How many.
#[derive(Debug, Clone, Args)]
pub struct Join {
    /// People who log in and join the lobby.
    #[arg(long, default_value_t = 5_000)]
    pub users: usize,
}

impl Join {
    /// One run, from the first connection until everybody has received everything.
    ///
    /// # Errors
    /// Any failure of the server.
    pub fn run(&self, kind: &Kind, bench: &Bench) -> Result<Vec<Figure>> {
        if kind.dialect() == Dialect::Nats {
            return Err(Failure::Unsupported("it has no members".to_owned()));
        }
        let server = Server::start(kind, bench)?;
        let mut driver = server.driver()?;
        let person = |client| Person { nick: nick(client), ..Person::default() };
        let people: Vec<Person> = (0..self.users).map(person).collect();
        let (cpu, start) = (server.cpu_time()?, Instant::now());
        crowd::log_in(&mut driver, &people, server.logins_at_once())?;
        crowd::join(&mut driver, people.len(), |_| ["lobby".to_owned()])?;
        crowd::settle(&mut driver, people.len())?;
        let (elapsed, cpu) = (start.elapsed(), server.cpu_time()?.saturating_sub(cpu));
        let bytes = driver.received_bytes() as f64;
        Ok(vec![
            figure("time, s", elapsed.as_secs_f64(), Better::Lower),
            figure("server CPU, s", cpu.as_secs_f64(), Better::Lower),
            figure("bytes sent", bytes, Better::Lower),
            figure("to telling everybody", bytes / join_broadcast_bytes(self.users), Better::Lower),
            figure("users", self.users as f64, Better::Neither),
        ])
    }
}

fn nick(client: usize) -> String {
    format!("b{client}")
}

/// Bytes of the JOIN lines alone, if every join is sent to every member.
fn join_broadcast_bytes(users: usize) -> f64 {
    let line = |client| format!(":{0}!~{0}@127.0.0.1 JOIN #lobby\r\n", nick(client)).len();
    (0..users).map(|client| (line(client) * (client + 1)) as f64).sum()
}
