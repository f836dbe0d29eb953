//! Which servers the client talks to, and which it leaves without a word.

use std::thread;

use crate::identity::{Authority, Identity};
use crate::process::{Client, Computer, Outcome};
use crate::server::Server;

/// The lines in which the client reports about its connection.
fn status_lines(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().filter(|line| line.starts_with("* ")).collect()
}

/// Lets ann in at the server, on this computer, and out again.
fn visit(computer: &Computer, server: &Server, more_args: &[&str]) -> Outcome {
    let client = computer.ann(server.port, more_args, "EX\n");
    server.accept_ann().goodbye();
    let outcome = client.finish();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome:?}");
    outcome
}

/// Nothing is reported about the connection.
fn visit_silently(computer: &Computer, server: &Server) {
    let outcome = visit(computer, server, &[]);
    assert_eq!(status_lines(&outcome), [""; 0], "{outcome:?}");
}

/// The client leaves before it has said anything, with all this in its last words, and remembers what it remembered.
fn refuse(computer: &Computer, server: &Server, more_args: &[&str], parts: &[&str]) {
    let before = computer.remembered();
    let client = computer.ann(server.port, more_args, "EX\n");
    server.be_refused();
    let outcome = client.finish();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(4), ""), "{outcome:?}");
    assert!(outcome.stderr.starts_with("chatclient: "), "nothing was asked: {outcome:?}");
    for part in parts {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
    assert_eq!(computer.remembered(), before);
}

fn remembered(server: &Server) -> String {
    format!("localhost:{} {}\n", server.port, server.fingerprint())
}

fn by_authority(server: &Server) -> String {
    format!("localhost:{} authority\n", server.port)
}

#[test]
fn the_first_sight_shows_the_fingerprint_and_the_next_times_nothing() {
    let (computer, server) = (Computer::new(), Server::start());
    let outcome = visit(&computer, &server, &[]);
    let lines = status_lines(&outcome);
    assert_eq!(lines.len(), 1, "{outcome:?}");
    let start = format!("* The certificate of localhost:{} cannot be verified ", server.port);
    let end = format!(
        "and the server is new here. From now on only this certificate is accepted, with the fingerprint {}.",
        server.fingerprint()
    );
    assert!(lines[0].starts_with(&start) && lines[0].ends_with(&end), "{lines:?}");
    assert_eq!(computer.remembered(), remembered(&server));
    visit_silently(&computer, &server);
    assert_eq!(computer.remembered(), remembered(&server));
}

#[test]
fn another_certificate_than_before_is_refused_before_anything_is_said() {
    let (computer, server) = (Computer::new(), Server::start());
    visit(&computer, &server, &[]);
    let before = server.fingerprint();
    server.show(&Identity::self_made());
    let known = format!("\n  known: {before}\n");
    let shown = format!("\n  shown: {}\n", server.fingerprint());
    let remedy = format!("or delete line 1 of {}", computer.known_hosts().display());
    let parts = [
        "presents a different certificate than before, so nothing was sent to it",
        "Either the server was reinstalled, or someone in between is trying to eavesdrop.",
        &known,
        &shown,
        "Compare it with the fingerprint the server prints on startup",
        "connect once with --fingerprint",
        &remedy,
    ];
    refuse(&computer, &server, &[], &parts);
}

#[test]
fn a_changed_certificate_that_is_right_is_confirmed_by_its_fingerprint() {
    let (computer, server) = (Computer::new(), Server::start());
    visit(&computer, &server, &[]);
    server.show(&Identity::self_made());
    refuse(&computer, &server, &[], &[]);
    // In another spelling than it is shown.
    let given = server.fingerprint().replace(':', "").to_lowercase();
    let outcome = visit(&computer, &server, &["--fingerprint", &given]);
    assert!(status_lines(&outcome)[0].contains(&server.fingerprint()), "{outcome:?}");
    assert_eq!(computer.remembered(), remembered(&server));
    visit_silently(&computer, &server);
}

#[test]
fn deleting_the_line_makes_it_a_first_sight_again() {
    let (computer, server) = (Computer::new(), Server::start());
    visit(&computer, &server, &[]);
    server.show(&Identity::self_made());
    std::fs::write(computer.known_hosts(), "").unwrap();
    visit(&computer, &server, &[]);
    assert_eq!(computer.remembered(), remembered(&server));
}

#[test]
fn a_server_that_an_authority_vouches_for_is_let_through_without_a_word() {
    let (computer, authority) = (Computer::new(), Authority::new("Mine"));
    computer.believe(&authority);
    let server = Server::start_as(&authority.vouch("localhost"));
    visit_silently(&computer, &server);
    assert_eq!(computer.remembered(), by_authority(&server));
    // Its next certificate has another fingerprint.
    server.show(&authority.vouch("localhost"));
    visit_silently(&computer, &server);
    // And nobody believes in an authority that is not on the list.
    server.show(&Authority::new("Mine").vouch("localhost"));
    refuse(&computer, &server, &[], &["(it is invalid)"]);
    server.show(&Authority::new("Other").vouch("localhost"));
    refuse(&computer, &server, &[], &["(it is self-signed, or from an unknown CA)"]);
}

#[test]
fn an_authority_vouches_for_addresses_too() {
    let (computer, authority) = (Computer::new(), Authority::new("Mine"));
    computer.believe(&authority);
    let server = Server::start_as(&authority.vouch("127.0.0.1"));
    let mut command = computer.chatclient();
    command.args(["127.0.0.1", &server.port.to_string(), "-u", "ann"]);
    let client = Client::run(command, "secret\nEX\n");
    server.accept_ann().goodbye();
    assert_eq!(client.finish().code, Some(0));
    assert_eq!(computer.remembered(), format!("127.0.0.1:{} authority\n", server.port));
}

#[test]
fn an_authority_that_vouches_for_another_name_does_not_count() {
    let (computer, authority) = (Computer::new(), Authority::new("Mine"));
    computer.believe(&authority);
    let server = Server::start_as(&authority.vouch("other.example"));
    let outcome = visit(&computer, &server, &[]);
    assert!(status_lines(&outcome)[0].contains("(it is for a different name)"), "{outcome:?}");
    assert_eq!(computer.remembered(), remembered(&server));
    server.show(&authority.vouch("other.example"));
    refuse(&computer, &server, &[], &["presents a different certificate than before"]);
}

#[test]
fn a_server_that_had_an_authority_may_not_come_back_with_something_self_made() {
    let (computer, authority) = (Computer::new(), Authority::new("Mine"));
    computer.believe(&authority);
    let server = Server::start_as(&authority.vouch("localhost"));
    visit_silently(&computer, &server);
    server.show(&Identity::self_made());
    let shown = format!("\n  shown: {}\n", server.fingerprint());
    let parts = ["used to have a certificate from a known CA", &shown, "or delete line 1 of "];
    refuse(&computer, &server, &[], &parts);
    server.show(&authority.vouched_once("localhost"));
    refuse(&computer, &server, &[], &["(it has expired)"]);
    server.show(&authority.vouch("other.example"));
    refuse(&computer, &server, &[], &["(it is for a different name)"]);
}

#[test]
fn a_server_that_gets_an_authority_is_known_by_that_from_then_on() {
    let (computer, authority) = (Computer::new(), Authority::new("Mine"));
    computer.believe(&authority);
    let server = Server::start();
    visit(&computer, &server, &[]);
    server.show(&authority.vouch("localhost"));
    let outcome = visit(&computer, &server, &[]);
    assert!(
        status_lines(&outcome)[0].contains("now has a certificate from a known CA"),
        "{outcome:?}"
    );
    assert_eq!(computer.remembered(), by_authority(&server));
}

#[test]
fn a_wrong_fingerprint_is_refused_whatever_else_speaks_for_the_server() {
    let (computer, authority) = (Computer::new(), Authority::new("Mine"));
    computer.believe(&authority);
    let other = Identity::self_made().fingerprint();
    let given = format!("\n  given: {other}\n");
    for server in [Server::start(), Server::start_as(&authority.vouch("localhost"))] {
        visit(&computer, &server, &[]);
        let shown = format!("\n  shown: {}\n", server.fingerprint());
        refuse(&computer, &server, &["--fingerprint", &other], &[&given, &shown]);
    }
}

#[test]
fn an_expired_certificate_is_as_good_as_a_self_made_one() {
    let (computer, server) = (Computer::new(), Server::start_as(&Identity::expired()));
    computer.believe(&Authority::new("Mine"));
    let outcome = visit(&computer, &server, &[]);
    assert!(status_lines(&outcome)[0].contains("(it has expired)"), "{outcome:?}");
    visit_silently(&computer, &server);
    server.show(&Identity::expired());
    refuse(&computer, &server, &[], &["presents a different certificate than before"]);
}

#[test]
fn the_same_holds_by_tls_1_2() {
    let (computer, server) = (Computer::new(), Server::start_old());
    visit(&computer, &server, &[]);
    assert_eq!(computer.remembered(), remembered(&server));
    visit_silently(&computer, &server);
    let other = Identity::self_made().fingerprint();
    refuse(&computer, &server, &["--fingerprint", &other], &["required by --fingerprint"]);
}

#[test]
fn a_server_whose_key_is_not_that_of_its_certificate_is_refused() {
    let (own, server) = (Identity::self_made(), Server::start_plain());
    let ways: [fn(&Server, &Identity); 2] = [Server::show, Server::show_in_old_way];
    for show in ways {
        show(&server, &own.stolen());
        for computer in [Computer::new(), Computer::that_knows(&server)] {
            refuse(&computer, &server, &[], &["cannot set up encryption with ", "BadSignature"]);
        }
    }
}

#[test]
fn after_a_break_the_same_certificate_goes_on_and_another_one_is_the_end() {
    let (computer, server) = (Computer::new(), Server::start());
    let client = computer.ann(server.port, &[], "BM hello\n");
    let mut peer = server.accept_ann();
    let id = peer.expect_message("BM :hello");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    assert_eq!(peer.expect_message("BM :hello"), id);
    peer.break_off();
    server.show(&Identity::self_made());
    server.be_refused();
    let outcome = client.finish();
    assert_eq!(outcome.code, Some(3), "the message was never confirmed");
    assert_eq!(outcome.stderr.matches("the server is new here").count(), 1, "{outcome:?}");
    assert!(outcome.stderr.contains("\nchatclient: localhost:"), "{outcome:?}");
    assert!(outcome.stderr.contains("a different certificate than before"), "{outcome:?}");
}

#[test]
fn a_connection_that_is_cut_is_told_from_one_that_the_server_closed() {
    let server = Server::start();
    let client = Client::ann(&server, "CH bob\n");
    let mut peer = server.accept_ann();
    peer.expect_history("bob");
    peer.break_off();
    let mut peer = server.accept_ann_again();
    peer.nothing_missed();
    peer.expect_history("bob");
    peer.close();
    let mut peer = server.accept_ann_again();
    peer.nothing_missed();
    peer.expect_history("bob");
    peer.page_of("bob", &[]);
    peer.goodbye();
    let outcome = client.finish();
    assert_eq!(
        status_lines(&outcome)[..4],
        [
            "* The connection broke (it was cut off without a proper close). Reconnecting …",
            "* Connected again.",
            "* The connection broke (the server closed it). Reconnecting …",
            "* Connected again.",
        ]
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn two_clients_that_start_at_once_remember_the_server_once() {
    let (computer, server) = (Computer::new(), Server::start());
    let clients = [1, 2].map(|_| computer.ann(server.port, &[], "EX\n"));
    let peers = [server.accept(), server.accept()];
    thread::scope(|scope| {
        for mut peer in peers {
            scope.spawn(move || {
                peer.let_ann_come();
                peer.goodbye();
            });
        }
    });
    for client in clients {
        let outcome = client.finish();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    assert_eq!(computer.remembered(), remembered(&server));
}

#[test]
fn what_cannot_be_remembered_is_refused_but_with_its_fingerprint() {
    let (computer, server) = (Computer::new(), Server::start());
    let below_a_file = computer.authorities();
    let client = |args: &[&str], homeless: bool| {
        let mut command = computer.chatclient();
        command.args(["localhost", &server.port.to_string(), "-u", "ann"]).args(args);
        match homeless {
            true => command.env_remove("XDG_STATE_HOME").env_remove("HOME"),
            false => command.env("XDG_STATE_HOME", &below_a_file),
        };
        Client::run(command, "secret\nEX\n")
    };
    let fingerprint = server.fingerprint();
    for (homeless, why) in [(true, "neither XDG_STATE_HOME nor HOME"), (false, "authorities.pem")] {
        let refused = client(&[], homeless);
        server.be_refused();
        let outcome = refused.finish();
        assert_eq!(outcome.code, Some(4), "{outcome:?}");
        for part in [why, ", so nothing was sent", &fingerprint] {
            assert!(outcome.stderr.contains(part), "no {part:?} in {outcome:?}");
        }
        let given = client(&["--fingerprint", &fingerprint], homeless);
        server.accept_ann().goodbye();
        let outcome = given.finish();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(status_lines(&outcome)[0].contains("annot save the certificate of"), "{outcome:?}");
    }
}

#[test]
fn damaged_lines_of_the_file_are_named_and_stay() {
    let server = Server::start();
    let computer = Computer::that_knows(&server);
    let with_more = format!("what is this\n{}", computer.remembered());
    std::fs::write(computer.known_hosts(), &with_more).unwrap();
    let outcome = visit(&computer, &server, &[]);
    let path = computer.known_hosts();
    assert_eq!(status_lines(&outcome), [format!("* Line 1 of {} is invalid.", path.display())]);
    assert_eq!(computer.remembered(), with_more);
}
