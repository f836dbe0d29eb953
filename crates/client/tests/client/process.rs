//! The client as a process.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// No test's client needs so long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running client.
pub(crate) struct Client {
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatclient"));
        command.args(args).env("TZ", "UTC").env_remove("NO_COLOR");
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the client starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("the pipe has room for a test's input");
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        Client { child, stdout, stderr }
    }

    /// Logs in at `port` as ann with the password "secret", and then has `input`.
    pub(crate) fn ann(port: u16, input: &str) -> Client {
        let port = port.to_string();
        Client::start(&["localhost", &port, "-u", "ann"], &format!("secret\n{input}"))
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
