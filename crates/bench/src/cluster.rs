//! A cluster of our own server on this machine: three NATS servers, and so many nodes.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Context, Failure, Result};
use crate::server::{Bench, Kind, free_port, loopback, spawn, write};

/// Copies of the log, as many as NATS servers.
const COPIES: usize = 3;
/// How long each NATS server may take until it listens.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The log, and what nodes need to take part.
pub(crate) struct Log {
    /// The NATS servers.
    pub(crate) children: Vec<Child>,
    /// Each node's configuration, without its name.
    config: String,
}

impl Log {
    /// Starts the NATS servers and waits until they take connections.
    pub(crate) fn start(kind: &Kind, bench: &Bench, folder: &Path, settings: &str) -> Result<Self> {
        let mut ports = Vec::new();
        for _ in 0..2 * COPIES {
            ports.push(free_port()?);
        }
        let (clients, routes) = ports.split_at(COPIES);
        let among = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\""));
        let among = among.collect::<Vec<_>>().join(", ");
        let servers = clients.iter().map(|port| format!("\"nats://127.0.0.1:{port}\""));
        let servers = servers.collect::<Vec<_>>().join(", ");
        let key = folder.join("key");
        let key_file = key.display();
        let config = format!(
            "{settings}\n[cluster]\nname = \"bench\"\nservers = [{servers}]\nkey_file = \"{key_file}\"\n"
        );
        let mut log = Self { children: Vec::new(), config };
        for (at, (port, route)) in clients.iter().zip(routes).enumerate() {
            let store = folder.join(format!("nats-{at}"));
            let store = store.display();
            let text = format!(
                "server_name: n{at}\nlisten: \"127.0.0.1:{port}\"\n\
                 jetstream {{ store_dir: \"{store}\", sync_interval: always }}\n\
                 cluster {{ name: bench, listen: \"127.0.0.1:{route}\", routes: [{among}] }}\n"
            );
            let mut command = Command::new("nats-server");
            command.arg("-c").arg(write(folder, &format!("nats-{at}.conf"), &text)?);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            log.children.push(spawn(&mut command, kind, bench)?);
        }
        for port in clients {
            let start = Instant::now();
            while TcpStream::connect(loopback(*port)).is_err() {
                if start.elapsed() > TIMEOUT {
                    let why = format!("a NATS server does not listen after {TIMEOUT:?}");
                    return Err(Failure::Start { name: kind.name(), why });
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        run(bench, kind, |command| command.args(["cluster", "key"]).arg(&key))?;
        Ok(log)
    }

    /// Makes the cluster; its first node is `node-0`, with its data in this folder.
    pub(crate) fn create(&self, kind: &Kind, bench: &Bench, folder: &Path) -> Result<()> {
        let config = write(folder, "create.toml", &self.node("node-0"))?;
        let data = folder.join("node-0");
        run(bench, kind, |command| {
            command.args(["cluster", "create", "--config"]).arg(&config).arg("--data").arg(&data)
        })
    }

    /// The configuration of a node.
    pub(crate) fn node(&self, name: &str) -> String {
        format!("{}node = \"{name}\"\n", self.config)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        for child in &mut self.children {
            // An error means that it has ended already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs one command of our server. While the NATS servers do not agree yet, it waits for them.
fn run(bench: &Bench, kind: &Kind, options: impl Fn(&mut Command) -> &mut Command) -> Result<()> {
    let mut command = Command::new(&bench.chatserver);
    let output =
        options(&mut command).stdin(Stdio::null()).output().context("making the cluster")?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::Start { name: kind.name(), why })
}
