//! A NATS server of a test's own, with JetStream in a temporary folder. Also used by the black-box tests.
//!
//! The program is named by the environment variable `PARLOR_NATS_SERVER`; without it there is none, and
//! such a test says so and does nothing.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running NATS server.
pub(crate) struct NatsServer {
    folder: TempDir,
    program: String,
    child: Child,
    port: u16,
}

impl NatsServer {
    /// Starts one, if there is a program.
    pub(crate) fn start() -> Option<NatsServer> {
        NatsServer::start_with(true)
    }

    /// Starts one whose JetStream is not switched on, if there is a program.
    pub(crate) fn start_without_jetstream() -> Option<NatsServer> {
        NatsServer::start_with(false)
    }

    fn start_with(jetstream: bool) -> Option<NatsServer> {
        let Ok(program) = std::env::var("PARLOR_NATS_SERVER") else {
            println!("PARLOR_NATS_SERVER names no nats-server: this test has done nothing");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (child, port) = spawn(&program, folder.path(), None, jetstream);
        Some(NatsServer { folder, program, child, port })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is our own child");
        self.child.wait().expect("it ends");
    }

    /// Starts it again with what it has stored, at the same port.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.program, self.folder.path(), Some(self.port), true).0;
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server on a port, or on any free one. Returns the port once it accepts connections.
fn spawn(program: &str, folder: &Path, port: Option<u16>, jetstream: bool) -> (Child, u16) {
    let config = folder.join("nats.conf");
    let port = port.map_or(-1, i32::from);
    let ports = folder.join("ports");
    let mut text = format!("host: 127.0.0.1\nport: {port}\nports_file_dir: {ports:?}\n");
    if jetstream {
        let store = folder.join("jetstream");
        text += &format!("jetstream {{ store_dir: {store:?}, sync_interval: always }}\n");
    }
    fs::create_dir_all(&ports).expect("a folder");
    fs::write(&config, text).expect("the config is written");
    let mut command = Command::new(program);
    command.arg("-c").arg(&config).stdin(Stdio::null());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let file = ports.join(format!("nats-server_{}.ports", child.id()));
    let Some(port) = port_in(&file) else {
        child.kill().expect("it is our own child");
        child.wait().expect("it ends");
        panic!("nats-server has not said where it is");
    };
    (child, port)
}

/// Waits until a server has written its port.
fn port_in(file: &Path) -> Option<u16> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let text = fs::read_to_string(file).unwrap_or_default();
        let rest = text.split("nats://127.0.0.1:").nth(1);
        let digits = rest.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        if let Some(port) = digits.and_then(|digits| digits.parse().ok()) {
            return Some(port);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}
