//! One sentence each for what cannot work.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::process::{Client, Outcome};

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

/// The one sentence that a client ended with.
pub(crate) fn sentence(outcome: &Outcome) -> &str {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    outcome.stderr.strip_prefix("chatclient: ").unwrap_or_else(|| panic!("{outcome:?}")).trim_end()
}

#[test]
fn an_unknown_host_is_named() {
    let outcome = Client::start(&["-hn", "nowhere..invalid", "-p", "9999"], "").finish();
    assert!(sentence(&outcome).starts_with("there is no host \"nowhere..invalid\""), "{outcome:?}");
}

#[test]
fn a_refused_connection_is_told_with_its_address() {
    // Bound and dropped: a port of this machine where nothing listens.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let outcome = Client::start(&["127.0.0.1", &port.to_string()], "").finish();
    assert!(
        sentence(&outcome).starts_with(&format!("nothing answers at 127.0.0.1:{port}")),
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
