//! Faulty servers are detected.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use parlor_bench::failure::Failure;
use parlor_bench::handshakes::Handshakes;
use parlor_bench::server::Kind;

use crate::{bench, one_room};

/// What is wrong with a server.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    LosesTheTenth,
    DoublesTheTenth,
    LetsNobodyIn,
    ClosesAtTheTenth,
}

/// A TLS server that is none.
#[test]
fn a_handshake_that_fails_does_not_count() {
    let handshakes = Handshakes { count: 3, at_once: 2 };
    let bench = bench("no-chatserver-is-needed".into());
    let failure = handshakes.run(&start(Fault::LosesTheTenth), &bench).unwrap_err();
    // In a client's first words there is a line feed, the number of an extension, and before it no UTF-8. So this server
    // closes, with bytes unread or not.
    assert!(matches!(failure, Failure::Closed { .. } | Failure::Io { .. }), "{failure}");
}

/// Everybody in the one room, by number, so that an author is not told.
type Members = Arc<Mutex<Vec<(usize, TcpStream)>>>;

/// A server with one room and one lie; its threads end with the test's clients.
fn start(fault: Fault) -> Kind {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let members = Members::default();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, members) = (stream.unwrap(), members.clone());
            thread::spawn(move || serve(number, stream, &members, fault));
        }
    });
    Kind::Running { address, pid: std::process::id() }
}

fn serve(number: usize, stream: TcpStream, members: &Members, fault: Fault) {
    let mut own = stream.try_clone().unwrap();
    let mut said = 0;
    for line in BufReader::new(stream).lines() {
        // The client is gone, as it is when the lie is found out.
        let Ok(line) = line else { return };
        let answer = match line.split(' ').next() {
            Some("USER") => ":faulty 001 b :Welcome\r\n",
            Some("PING") => ":faulty PONG faulty :bench\r\n",
            Some("JOIN") if fault == Fault::LetsNobodyIn => ":faulty 473 b #r0 :Invite only\r\n",
            Some("JOIN") => {
                members.lock().unwrap().push((number, own.try_clone().unwrap()));
                ":b!b@b JOIN #r0\r\n"
            }
            Some("PRIVMSG") => {
                said += 1;
                let times = match fault {
                    _ if said != 10 => 1,
                    Fault::ClosesAtTheTenth => {
                        return own.shutdown(std::net::Shutdown::Both).unwrap();
                    }
                    Fault::LosesTheTenth => 0,
                    Fault::DoublesTheTenth | Fault::LetsNobodyIn => 2,
                };
                let text = format!(":b!b@b {line}\r\n").repeat(times);
                for (_, member) in members.lock().unwrap().iter_mut().filter(|(m, _)| *m != number)
                {
                    if member.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
                continue;
            }
            _ => continue,
        };
        if own.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn failure_of(fault: Fault) -> Failure {
    one_room().run(&start(fault), &bench("no-chatserver-is-needed".into())).unwrap_err()
}

#[test]
fn a_loss_is_detected() {
    let failure = failure_of(Fault::LosesTheTenth);
    assert!(matches!(failure, Failure::Miscounted { got: 10, expected: 9, .. }), "{failure}");
}

#[test]
fn a_duplicate_is_detected() {
    let failure = failure_of(Fault::DoublesTheTenth);
    assert!(matches!(failure, Failure::Miscounted { got: 9, expected: 10, .. }), "{failure}");
}

#[test]
fn a_refusal_is_not_taken_for_a_room() {
    let failure = failure_of(Fault::LetsNobodyIn);
    assert!(matches!(failure, Failure::Refused(_)), "{failure}");
}

#[test]
fn a_closed_connection_is_detected() {
    let failure = failure_of(Fault::ClosesAtTheTenth);
    // Closing with bytes unread resets the connection, which the client may meet while sending.
    assert!(matches!(failure, Failure::Closed { .. } | Failure::Io { .. }), "{failure}");
}
