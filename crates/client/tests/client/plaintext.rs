//! Servers without encryption, and clients that do without.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::net::TcpListener;
use std::thread;

use crate::failures::sentence;
use crate::process::{Client, Computer, Outcome};
use crate::server::Server;

/// Logs in at a server without encryption as ann.
fn plain_ann(server: &Server, input: &str) -> Client {
    Computer::new().ann(server.port, &["--plaintext"], input)
}

#[test]
fn plaintext_goes_as_it_always_went() {
    let server = Server::start_plain();
    let client = plain_ann(&server, "BM hello\n");
    let mut peer = server.accept_ann();
    let id = peer.expect_message("BM :hello");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    assert_eq!(peer.expect_message("BM :hello"), id);
    peer.confirm_again("#lobby", "m1");
    peer.nothing_missed();
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!outcome.stderr.contains("encrypted"), "on the same machine it is no matter");
}

#[test]
fn plaintext_needs_no_folder_to_remember_in() {
    let server = Server::start_plain();
    let mut command = Computer::new().chatclient();
    command.args(["localhost", &server.port.to_string(), "-u", "ann", "--plaintext"]);
    command.env_remove("XDG_STATE_HOME").env_remove("HOME");
    let client = Client::run(command, "secret\nEX\n");
    server.accept_ann().goodbye();
    assert_eq!(client.finish().code, Some(0));
}

/// What the client says of a server that answers its TLS with `answer` and then closes the connection.
fn at_server_without_tls(computer: &Computer, answer: &'static [u8], known: bool) -> Outcome {
    let listener = TcpListener::bind(("localhost", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    if known {
        std::fs::create_dir_all(computer.known_hosts().parent().unwrap()).unwrap();
        std::fs::write(computer.known_hosts(), format!("localhost:{port} authority\n")).unwrap();
    }
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // The length of the record is in its head.
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut record).unwrap();
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // All that it has to say in answer is an alert.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest[0] == 0x15, "{rest:?}");
    });
    let outcome = computer.ann(port, &[], "").finish();
    server.join().unwrap();
    outcome
}

const ANSWERS: [(&[u8], &str); 4] = [
    (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "it said \"HTTP/1.1 400 Bad Request\""),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "it said \"SSH-2.0-OpenSSH_9.2\""),
    (
        b"ERROR :Too many \x1b[1m \xff connections\r\n",
        "it said \"ERROR :Too many ^[[1m \u{fffd} connections\"",
    ),
    (b"\r\n\x07\r\n", "it said \"\""),
];

#[test]
fn a_server_that_only_closes_the_connection_is_no_reason_to_do_without_tls() {
    for known in [false, true] {
        let outcome = at_server_without_tls(&Computer::new(), b"", known);
        let told = sentence(&outcome);
        let end = "closed the connection during the TLS handshake";
        assert!(told.ends_with(end) && !told.contains("--plaintext"), "{told}");
    }
}

#[test]
fn a_server_without_tls_is_told_of_with_the_word_that_does_without() {
    for (answer, why) in ANSWERS {
        let outcome = at_server_without_tls(&Computer::new(), answer, false);
        let told = sentence(&outcome);
        assert!(told.starts_with("localhost:"), "{told}");
        let end =
            format!("does not speak TLS ({why}). To connect without encryption, use --plaintext");
        assert!(told.ends_with(&end), "{told}");
    }
}

#[test]
fn a_known_server_that_stops_to_speak_tls_is_no_reason_to_do_without() {
    for (answer, why) in ANSWERS {
        let outcome = at_server_without_tls(&Computer::new(), answer, true);
        let told = sentence(&outcome);
        assert!(told.contains(why) && told.contains("although it did before"), "{told}");
        assert!(!told.contains("--plaintext"), "{told}");
    }
}

#[test]
fn a_server_that_breaks_the_handshake_off_in_tls_is_quoted() {
    // A fatal alert: handshake failure.
    let answer = b"\x15\x03\x03\x00\x02\x02\x28";
    let outcome = at_server_without_tls(&Computer::new(), answer, false);
    let told = sentence(&outcome);
    assert!(told.starts_with("cannot set up encryption with localhost:"), "{told}");
    assert!(told.ends_with(": received fatal alert: HandshakeFailure"), "{told}");
}

#[test]
fn a_server_that_wants_no_password_in_plaintext_has_its_say() {
    let server = Server::start_plain();
    let port = server.port.to_string();
    let args = ["localhost", &port, "--plaintext", "--register"];
    let client = Client::start(&args, "zoe\nopen sesame\n");
    let mut peer = server.accept();
    peer.negotiate();
    peer.expect("LOGIN zoe");
    peer.send(":parlor FAIL LOGIN ENCRYPTION_REQUIRED :No passwords without encryption from afar");
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let end = "chatclient: No passwords without encryption from afar. Try without --plaintext.\n";
    assert!(outcome.stderr.ends_with(end), "{outcome:?}");
}

#[test]
fn a_server_that_wants_encryption_is_obeyed() {
    let server = Server::start_plain();
    let client = plain_ann(&server, "EX\n");
    let mut peer = server.accept();
    peer.expect("CAP LS 302");
    peer.send(":parlor CAP * LS :sts=duration=1,port=6697 sasl=SCRAM-SHA-256 batch");
    let outcome = client.finish();
    let told = sentence(&outcome);
    assert_eq!(
        told,
        "The server accepts only encrypted connections: omit --plaintext and use port 6697."
    );
}

#[test]
fn a_command_line_that_contradicts_itself_is_refused() {
    let fingerprint = "00".repeat(32);
    for args in [
        &["--plaintext", "--fingerprint", &fingerprint][..],
        &["--fingerprint", "00:11"],
        &["--fingerprint"],
    ] {
        let outcome = Client::start(args, "").finish();
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
    }
}
