//! What all tests here stand on: a server process, a client, patterns for lines, and chance by seed.

mod client;
pub(crate) mod http;
mod pattern;
pub(crate) mod proxy;
mod random;
mod server;
pub(crate) mod tls;
pub(crate) mod websocket;

pub(crate) use client::Client;
pub(crate) use pattern::{Captures, matches};
pub(crate) use random::Random;
pub(crate) use server::{Server, Start, chatserver};

use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

/// How long a test waits for what must come; only a broken server lets it pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Settings under which nothing but the subject of a test stops its clients or takes its time.
pub(crate) const OPEN_DOORS: &[(&str, &str)] = &[
    ("limits.connections_per_address", "0"),
    ("limits.connects_per_minute", "0"),
    ("limits.commands_per_second", "0"),
    ("limits.failed_logins", "0"),
    ("limits.work_millis", "0"),
    ("limits.stored_bytes_per_hour", "0"),
    ("server.password_iterations", "4096"),
];

/// `config`, lines of `table.key = value`, completed by those of [`OPEN_DOORS`] that it does not set.
pub(crate) fn with_open_doors(config: &str) -> String {
    let mut full = String::new();
    for (key, value) in OPEN_DOORS {
        if !config.lines().any(|line| line.split('=').next().unwrap_or("").trim() == *key) {
            full.push_str(&format!("{key} = {value}\n"));
        }
    }
    full + config
}

/// Lets this process have as many connections as the system gives it.
pub(crate) fn allow_many_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the soft limit may be raised to the hard one");
}

/// A server, Ann, who founded the room #garden, and Bob, both in it.
pub(crate) fn ann_and_bob_in_garden(config: &str) -> (Server, Client, Client) {
    let server = Server::start(config);
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    for (client, name) in [(&mut ann, "ann"), (&mut bob, "bob")] {
        client.send("JOIN #garden");
        client.until(&format!(":parlor 366 {name} #garden :*"));
    }
    ann.until_answered();
    (server, ann, bob)
}
