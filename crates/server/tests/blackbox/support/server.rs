//! A server process with a folder of its own, ended and removed when the test is over.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Client, PATIENCE, with_open_doors};

/// Where the server keeps its data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Start {
    /// In a folder, by SQLite.
    OnDisk,
    /// In memory, gone at the end.
    InMemory,
}

/// The program under test, with no arguments yet.
pub(crate) fn chatserver() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.stdin(Stdio::null());
    command
}

/// A running server. The folder outlives the process, so it can be started again on the same data.
pub(crate) struct Server {
    folder: TempDir,
    start: Start,
    child: Child,
    port: u16,
    log: Arc<Log>,
}

/// What the server has written, each line once.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Server {
    /// Starts on an empty folder, with `config` completed by open doors (see [`with_open_doors`]).
    pub(crate) fn start(config: &str) -> Server {
        Server::start_as(Start::OnDisk, config)
    }

    pub(crate) fn start_as(start: Start, config: &str) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_config(folder.path(), config);
        let (child, port, log) = spawn(command(folder.path(), start, LOOPBACK));
        Server { folder, start, child, port, log }
    }

    /// Starts with `--bind bind`; what it listens on may be another address than [`Server::address`].
    pub(crate) fn start_bound_to(bind: &str) -> Server {
        let (folder, start) = (tempfile::tempdir().expect("a temporary folder"), Start::InMemory);
        write_config(folder.path(), "");
        let (child, port, log) = spawn(command(folder.path(), start, bind));
        Server { folder, start, child, port, log }
    }

    /// Starts in another way: `change` makes another command of the usual one.
    pub(crate) fn start_by(config: &str, change: impl FnOnce(Command) -> Command) -> Server {
        let (folder, start) = (tempfile::tempdir().expect("a temporary folder"), Start::OnDisk);
        write_config(folder.path(), config);
        let (child, port, log) = spawn(change(command(folder.path(), start, LOOPBACK)));
        Server { folder, start, child, port, log }
    }

    /// Starts so that writes beyond a file size limit fail instead of ending the process (see `setrlimit`).
    pub(crate) fn start_on_small_disk(config: &str) -> Server {
        Server::start_by(config, |plain| {
            let mut shell = Command::new("sh");
            shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).stdin(Stdio::null());
            shell.arg(plain.get_program()).args(plain.get_args());
            shell
        })
    }

    /// Starts again on the same folder and config, on a new port.
    pub(crate) fn restart(&mut self) {
        self.stop_by(Signal::KILL);
        let (child, port, log) = spawn(command(self.folder.path(), self.start, LOOPBACK));
        (self.child, self.port, self.log) = (child, port, log);
    }

    /// SIGKILL; returns when the process is gone. A process already gone is fine.
    pub(crate) fn kill(&mut self) {
        self.stop_by(Signal::KILL);
    }

    fn stop_by(&mut self, signal: Signal) {
        if self.child.try_wait().expect("the child's state").is_none() {
            self.signal(signal);
            self.child.wait().expect("the child ends");
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("our own child takes a signal");
    }

    /// Writes the config file anew; the server does not know of it yet.
    pub(crate) fn write_config(&self, config: &str) {
        write_config(self.folder.path(), config);
    }

    /// SIGHUP: the server reads its config file again.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// SIGTERM, and how the process ended, which must happen in time, and how long it took.
    pub(crate) fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        self.signal(Signal::TERM);
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("the child's state") {
                return (status, begin.elapsed());
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the server did not end by SIGTERM; its log:\n{}", self.log());
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// KiB of memory by a line of the process's status: `VmRSS`, what it has now, or `VmHWM`, the
    /// most it had.
    pub(crate) fn memory_kib(&self, which: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(path).expect("the process's status");
        let line = status.lines().find(|line| line.starts_with(which)).expect("it is there");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child's state").is_none()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub(crate) fn data(&self) -> PathBuf {
        data(self.folder.path())
    }

    pub(crate) fn connect(&self, name: &str) -> Client {
        Client::connect(name, self.address())
    }

    /// A new connection, logged in by name with the password `secret`.
    pub(crate) fn log_in(&self, name: &str) -> Client {
        let mut client = self.connect(name);
        client.log_in(name);
        client
    }

    /// A new connection of a guest; needs `server.guests = true`.
    pub(crate) fn guest(&self, name: &str) -> Client {
        let mut client = self.connect(name);
        client.be_guest(name);
        client
    }

    /// All that the server has written on its terminal since it started.
    pub(crate) fn log(&self) -> String {
        self.log.lines.lock().expect("no panic holds the log").join("\n")
    }

    /// Waits until a line of the log satisfies `wanted`.
    pub(crate) fn wait_for_log(&self, wanted: impl Fn(&str) -> bool) {
        self.log.wait_for(1, wanted);
    }

    /// Waits until `times` lines of the log satisfy `wanted`.
    pub(crate) fn wait_for_logs(&self, times: usize, wanted: impl Fn(&str) -> bool) {
        self.log.wait_for(times, wanted);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            println!("the server's log:\n{}", self.log());
        }
    }
}

impl Log {
    /// Waits until the log has the `nth` line (counted from 1) that satisfies `wanted`.
    fn wait_for(&self, nth: usize, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.lines.lock().expect("no panic holds the log");
        loop {
            if let Some(line) = lines.iter().filter(|line| wanted(line)).nth(nth - 1) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the awaited line is not in the log:\n{}", lines.join("\n"));
            lines = self.grown.wait_timeout(lines, left).expect("no panic holds the log").0;
        }
    }

    /// Takes over all lines of `output` until it ends.
    fn follow(self: Arc<Log>, output: impl Read + Send + 'static) {
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let line = without_time(line.expect("the server writes UTF-8"));
                self.lines.lock().expect("no panic holds the log").push(line);
                self.grown.notify_all();
            }
        });
    }
}

/// A line of the log without the time before it, if it has one.
fn without_time(line: String) -> String {
    match line.split_once(' ') {
        Some((time, rest)) if proto::time::parse_server_time(time).is_some() => rest.to_owned(),
        _ => line,
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn write_config(folder: &Path, config: &str) {
    std::fs::write(folder.join("parlor.toml"), with_open_doors(config))
        .expect("the config is written");
}

const LOOPBACK: &str = "127.0.0.1";

fn command(folder: &Path, start: Start, bind: &str) -> Command {
    let mut command = chatserver();
    command.args(["--bind", bind, "-p", "0", "--config"]).arg(folder.join("parlor.toml"));
    command.arg("--data");
    match start {
        Start::OnDisk => command.arg(data(folder)),
        Start::InMemory => command.arg(":memory:"),
    };
    command
}

fn spawn(mut command: Command) -> (Child, u16, Arc<Log>) {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the server starts");
    let log = Arc::new(Log::default());
    log.clone().follow(child.stdout.take().expect("stdout is piped"));
    log.clone().follow(child.stderr.take().expect("stderr is piped"));
    let line = log.wait_for(1, |line| line.contains("Waiting for connection on port "));
    let port = line.rsplit("port ").next().and_then(|end| end.split('.').next()?.parse().ok());
    (child, port.unwrap_or_else(|| panic!("no port in `{line}`")), log)
}
