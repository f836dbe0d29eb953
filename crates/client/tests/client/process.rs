//! The client as a process.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::identity::Authority;
use crate::server::{PASSWORD, Server};

/// No test's client needs so long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A computer with what its clients keep and believe: at first nothing and nobody.
pub(crate) struct Computer(TempDir);

impl Computer {
    pub(crate) fn new() -> Computer {
        let computer = Computer(tempfile::tempdir().expect("a temporary folder"));
        std::fs::write(computer.authorities(), "").expect("the folder takes files");
        computer
    }

    /// One whose clients have met this server before.
    pub(crate) fn that_knows(server: &Server) -> Computer {
        let computer = Computer::new();
        std::fs::create_dir(computer.state().join("parlor")).expect("a new folder");
        let line = format!("localhost:{} {}\n", server.port, server.fingerprint());
        std::fs::write(computer.known_hosts(), line).expect("the folder takes files");
        computer
    }

    /// Believes the authority from now on.
    pub(crate) fn believe(&self, authority: &Authority) {
        std::fs::write(self.authorities(), authority.pem()).expect("the folder takes files");
    }

    /// The folder that is `XDG_STATE_HOME`.
    pub(crate) fn state(&self) -> &Path {
        self.0.path()
    }

    /// The file that is `SSL_CERT_FILE`.
    pub(crate) fn authorities(&self) -> PathBuf {
        self.0.path().join("authorities.pem")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.state().join("parlor/known_hosts")
    }

    /// What the clients remember of servers.
    pub(crate) fn remembered(&self) -> String {
        self.known_lines().filter(|line| !line.contains('@')).collect()
    }

    /// What the clients remember of accounts.
    pub(crate) fn remembered_accounts(&self) -> String {
        self.known_lines().filter(|line| line.contains('@')).collect()
    }

    fn known_lines(&self) -> impl Iterator<Item = String> {
        let text = std::fs::read_to_string(self.known_hosts()).unwrap_or_default();
        text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    /// The client on this computer, not started yet.
    pub(crate) fn chatclient(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatclient"));
        command.env("XDG_STATE_HOME", self.state()).env("SSL_CERT_FILE", self.authorities());
        command.env("XDG_DATA_HOME", self.state().join("data"));
        command.env("XDG_CONFIG_HOME", self.state().join("config"));
        command.env_remove("SSL_CERT_DIR").env("TZ", "UTC").env_remove("NO_COLOR");
        command
    }

    /// The client, to log in at a server that it knows as ann with a password file.
    pub(crate) fn script(&self, server: &Server) -> Command {
        let password = self.state().join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).expect("the folder takes files");
        let mut command = self.chatclient();
        command.args(["-hn", "localhost", "-p", &server.port.to_string(), "-u", "ann"]);
        command.env("PARLOR_PASSWORD_FILE", &password);
        command
    }

    /// Starts the client, to log in at `port` of this machine as ann with the password "secret", and then to have `input`.
    pub(crate) fn ann(&self, port: u16, more_args: &[&str], input: &str) -> Client {
        let mut command = self.chatclient();
        command.args(["localhost", &port.to_string(), "-u", "ann"]).args(more_args);
        Client::run(command, &format!("secret\n{input}"))
    }
}

/// A running client.
pub(crate) struct Client {
    /// It is there for as long as the client is.
    _computer: Option<Computer>,
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// What a client left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Client {
    /// Starts the client with these arguments and this standard input.
    pub(crate) fn start(args: &[&str], input: &str) -> Client {
        Client::start_on(Computer::new(), args, input)
    }

    /// Starts the client on a computer that has met the server, with these arguments after its host and port.
    pub(crate) fn at(server: &Server, args: &[&str], input: &str) -> Client {
        let port = server.port.to_string();
        let args = [&["-hn", "localhost", "-p", &*port], args].concat();
        Client::start_on(Computer::that_knows(server), &args, input)
    }

    /// Logs in at a known server as ann with the password "secret", and then has `input`.
    pub(crate) fn ann(server: &Server, input: &str) -> Client {
        Client::at(server, &["-u", "ann"], &format!("secret\n{input}"))
    }

    fn start_on(computer: Computer, args: &[&str], input: &str) -> Client {
        let mut command = computer.chatclient();
        command.args(args);
        Client::run_on(computer, command, input)
    }

    /// Runs the client with this standard input; the computer is there for as long as it is.
    pub(crate) fn run_on(computer: Computer, command: Command, input: &str) -> Client {
        Client { _computer: Some(computer), ..Client::run(command, input) }
    }

    /// Runs the client with this standard input.
    pub(crate) fn run(mut command: Command, input: &str) -> Client {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the client starts");
        let mut stdin = child.stdin.take().expect("piped");
        match stdin.write_all(input.as_bytes()) {
            // It has ended already, as it has nobody to talk to.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.expect("the pipe has room for a test's input"),
        }
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        Client { _computer: None, child, stdout, stderr }
    }

    /// Sends it a signal, by its name; that of Ctrl-C is INT.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Outcome {
        let outputs = [&self.stdout, &self.stderr].map(|output| output.recv_timeout(TIMEOUT));
        if outputs.iter().any(Result::is_err) {
            self.child.kill().expect("a client that does not end can be killed");
        }
        let code = self.child.wait().expect("it is our child").code();
        let [stdout, stderr] = outputs.map(|output| output.expect("the client ends by itself"));
        Outcome { code, stdout, stderr }
    }
}

#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let arguments = ["-s", name, &child.id().to_string()];
    let sent = Command::new("kill").args(arguments).status().expect("the system has kill");
    assert!(sent.success());
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("the client writes UTF-8");
        // The test may have failed already.
        let _ = send.send(text);
    });
    receive
}
