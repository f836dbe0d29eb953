//! One sentence each for what cannot work.

#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use crate::process::{Client, Computer, Outcome};
use crate::server::Server;

/// The client at a server that says `greeting` and then closes the connection.
fn at_server_that_says(greeting: &'static [u8]) -> Outcome {
    let listener = TcpListener::bind(("localhost", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first_words = [0; "CAP LS 302\r\n".len()];
        stream.read_exact(&mut first_words).unwrap();
        stream.write_all(greeting).unwrap();
    });
    let outcome = Client::start(&["localhost", &port, "--plaintext"], "ann\nsecret\n").finish();
    server.join().unwrap();
    outcome
}

/// The one sentence that a client ended with which could not begin.
pub(crate) fn sentence(outcome: &Outcome) -> &str {
    assert!(matches!(outcome.code, Some(1 | 4 | 5)), "{outcome:?}");
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    outcome.stderr.strip_prefix("chatclient: ").unwrap_or_else(|| panic!("{outcome:?}")).trim_end()
}

#[test]
fn an_unknown_host_is_named() {
    let outcome = Client::start(&["-hn", "nowhere..invalid", "-p", "9999"], "").finish();
    assert!(
        sentence(&outcome).starts_with("cannot resolve host \"nowhere..invalid\""),
        "{outcome:?}"
    );
}

#[test]
fn a_refused_connection_is_told_with_its_address() {
    // Bound and dropped: a port of this machine where nothing listens.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let outcome = Client::start(&["127.0.0.1", &port.to_string()], "").finish();
    assert!(
        sentence(&outcome).starts_with(&format!("cannot connect to 127.0.0.1:{port}")),
        "{outcome:?}"
    );
}

#[test]
fn other_servers_are_told_from_parlor() {
    for greeting in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a\xff\n",
        b":irc.example CAP * LS :multi-prefix sasl\r\n",
        b":irc.example 421 * CAP :Unknown command\r\n",
        b"",
    ] {
        let outcome = at_server_that_says(greeting);
        assert!(sentence(&outcome).starts_with("this is not a Parlor server ("), "{outcome:?}");
        assert!(!outcome.stderr.trim_end().chars().any(char::is_control), "{outcome:?}");
    }
}

#[test]
fn a_password_file_that_cannot_be_used_is_named() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [empty.path().to_str().unwrap(), "/nowhere/at/all"] {
        let outcome = Client::start(&["localhost", "1", "--password-file", path], "").finish();
        let start = format!("the password file \"{path}\" cannot be used: ");
        assert!(sentence(&outcome).starts_with(&start), "{outcome:?}");
    }
}

#[test]
fn a_wrong_command_line_is_told_apart_from_a_failure() {
    let outcome = Client::start(&["--nonsense"], "").finish();
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let help = Client::start(&["--help"], "").finish();
    assert!(help.code == Some(0) && help.stdout.contains("--password-file"), "{help:?}");
}

/// A script that says hello while bob does, with its output and errors to these; its exit code and what it
/// could still say on standard error.
#[cfg(target_os = "linux")]
fn say_hello_with(stdout: Stdio, stderr: Stdio) -> (Option<i32>, String) {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let mut command = computer.chatclient();
    command.args(["localhost", &server.port.to_string(), "-u", "ann"]);
    let mut client =
        command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().expect("it starts");
    let mut stdin = client.stdin.take().expect("piped");
    stdin.write_all(b"secret\nBM hello\nEX\n").expect("the pipe has room");
    let mut peer = server.accept_ann();
    peer.expect_message("BM :hello");
    peer.send(":bob!bob@parlor PRIVMSG #lobby :hi ann");
    peer.confirm("m1");
    peer.drain();
    let output = client.wait_with_output().expect("it is our child");
    (output.status.code(), String::from_utf8(output.stderr).expect("the client writes UTF-8"))
}

#[cfg(target_os = "linux")]
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("Linux has it").into()
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_is_not_taken_keeps_no_message_from_being_confirmed() {
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    for stdout in [full(), closed.into()] {
        let (code, stderr) = say_hello_with(stdout, Stdio::piped());
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains("* Sent to everyone."), "{stderr}");
        assert!(stderr.contains("chatclient: cannot use the terminal or output: "), "{stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("not confirmed"), "{stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn where_nobody_can_be_told_all_is_done_nevertheless() {
    for (stdout, expected) in [(Stdio::null(), 0), (full(), 1)] {
        assert_eq!(say_hello_with(stdout, full()).0, Some(expected));
    }
    // Before anything is connected, too.
    let mut command = Computer::new().chatclient();
    command.args(["nowhere..invalid"]).stdin(Stdio::null()).stdout(full()).stderr(full());
    assert_eq!(command.status().expect("it starts").code(), Some(4));
}

#[test]
fn a_line_that_is_not_utf_8_is_refused_and_the_next_ones_are_done() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let mut command = computer.chatclient();
    command.args(["localhost", &server.port.to_string(), "-u", "ann"]);
    let mut client = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = client.stdin.take().expect("piped");
    stdin.write_all(b"secret\nBM caf\xe9\nBM after it\n").expect("the pipe has room");
    drop(stdin);
    let mut peer = server.accept_ann();
    peer.expect_message("BM :after it");
    peer.confirm("m1");
    peer.goodbye();
    let output = client.wait_with_output().expect("it is our child");
    assert_eq!(output.status.code(), Some(1), "one line was not done");
    let stderr = String::from_utf8(output.stderr).expect("the client writes UTF-8");
    assert!(
        stderr.contains("* Skipped: line 2 of the input is invalid: it is not UTF-8."),
        "{stderr}"
    );
}
