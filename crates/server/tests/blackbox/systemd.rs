//! What passes between the server and the service manager that starts it.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Client, PATIENCE, Server, chatserver};

/// The manager's end: what receives notifications, and a folder for its socket.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Manager {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        Manager { socket, folder }
    }

    /// Starts a server that this manager watches; its patience is none for never.
    fn start(&self, config: &str, patience: Option<Duration>) -> Server {
        Server::start_by(config, |mut command| {
            command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
            if let Some(patience) = patience {
                command.env("WATCHDOG_USEC", patience.as_micros().to_string());
            }
            command
        })
    }

    /// The next notification; none if none comes within `patience`.
    fn receive(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).expect("a timeout");
        let mut buffer = [0; 4096];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Some(String::from_utf8(buffer[..length].to_vec()).expect("UTF-8")),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                None
            }
            Err(error) => panic!("the notification socket fails: {error}"),
        }
    }

    fn expect(&self, words: &[&str]) -> String {
        let notification =
            self.receive(PATIENCE).unwrap_or_else(|| panic!("{words:?} was not received"));
        for word in words {
            assert!(
                notification.lines().any(|line| line.starts_with(word)),
                "no {word} in {notification:?}"
            );
        }
        notification
    }
}

#[test]
fn systemd_is_notified_of_readiness_reloads_and_the_stop() {
    let manager = Manager::new();
    let mut server = manager.start("", None);
    let port = format!("STATUS=Serving on port {}", server.address().port());
    manager.expect(&["READY=1", &port]);
    for config in ["server.motd = \"x\"\n", "a mistake"] {
        server.write_config(config);
        server.hang_up();
        let notification = manager.expect(&["RELOADING=1", "MONOTONIC_USEC=", "STATUS="]);
        let clock = notification.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(clock.is_some_and(|clock| clock.parse::<u64>().is_ok()), "{notification}");
        manager.expect(&["READY=1", &port]);
    }
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
    manager.expect(&["STOPPING=1", "STATUS=Stopping"]);
    assert_eq!(manager.receive(Duration::from_millis(1)), None);
}

/// The disk does not answer, so the journal does not; then it does.
#[test]
fn the_watchdog_is_fed_only_while_messages_can_be_stored() {
    let manager = Manager::new();
    let server = manager.start("", Some(Duration::from_millis(200)));
    manager.expect(&["READY=1"]);
    let mut ann = server.log_in("ann");
    manager.expect(&["WATCHDOG=1"]);
    manager.expect(&["WATCHDOG=1"]);

    let database = rusqlite::Connection::open(server.data().join("parlor.db")).expect("it opens");
    database.busy_timeout(PATIENCE).expect("patience");
    database.execute_batch("BEGIN IMMEDIATE").expect("it is ours");
    ann.send("BM :is anybody there");
    let begin = Instant::now();
    while manager.receive(Duration::from_millis(800)).is_some() {
        assert!(begin.elapsed() < Duration::from_secs(4), "it says that it is alive");
    }
    database.execute_batch("ROLLBACK").expect("it is given back");
    manager.expect(&["WATCHDOG=1"]);
    ann.until(":parlor NOTE BM SENT *");
    manager.expect(&["WATCHDOG=1"]);
}

/// The usual command with `socket` as its file 3, as a manager hands it over.
fn with_socket(plain: &Command, socket: impl Into<OwnedFd>) -> Command {
    let mut shell = Command::new("sh");
    let script = "export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\" 3<&0 </dev/null";
    shell.args(["-c", script, "sh"]).stdin(Stdio::from(socket.into()));
    shell.arg(plain.get_program()).args(plain.get_args());
    shell
}

#[test]
fn a_socket_passed_by_systemd_is_used_with_its_waiting_clients() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address: SocketAddr = socket.local_addr().expect("an address");
    let mut early = Client::connect("early", address);
    let server = Server::start_by("", |plain| with_socket(&plain, socket));
    assert_eq!(server.address(), address);
    server.wait_for_log(|line| {
        line == "[WARN] The service manager listens; --port and --bind are ignored"
    });
    early.log_in("early");
    server.log_in("late");
    early.until(":late!late@parlor JOIN #lobby");
}

#[test]
fn a_passed_socket_that_does_not_listen_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut plain = chatserver();
    plain.arg("--data").arg(folder.path().join("data"));
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let output = with_socket(&plain, socket).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("does not listen for TCP"), "{said}");
}
