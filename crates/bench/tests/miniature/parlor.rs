//! The scenarios against our own server.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use clap::ValueEnum;

use parlor_bench::durable::Durable;
use parlor_bench::failure::Failure;
use parlor_bench::fanout::Fanout;
use parlor_bench::handshakes::Handshakes;
use parlor_bench::history::History;
use parlor_bench::idle::Idle;
use parlor_bench::join::Join;
use parlor_bench::server::{Bench, Kind};
use parlor_bench::stalled::Stalled;
use parlor_bench::transport::Transport;

use crate::{TIMES, each_message_reaches, each_received_its_join, one_room, small_fanout, value};

pub(crate) fn bench() -> Bench {
    crate::bench(chatserver().clone())
}

fn by(transport: Transport) -> Bench {
    Bench { transport, ..bench() }
}

/// The server from the same build as this test; built if it is not there, as when this package is tested alone.
fn chatserver() -> &'static PathBuf {
    static CHATSERVER: OnceLock<PathBuf> = OnceLock::new();
    CHATSERVER.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_BIN_EXE_bench")).with_file_name("chatserver");
        if !path.exists() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "-p", "parlor-server", "--bin", "chatserver"]);
            cargo.args((!cfg!(debug_assertions)).then_some("--release"));
            assert!(cargo.status().unwrap().success());
        }
        path
    })
}

#[test]
fn fanout_counts_each_delivery() {
    each_message_reaches(&small_fanout().run(&Kind::Parlor, &bench()).unwrap(), 4.0);
}

/// The encrypted ones have what encrypting alone takes beside them.
#[test]
fn fanout_counts_each_delivery_by_every_transport() {
    for &transport in Transport::value_variants() {
        let figures = small_fanout().run(&Kind::Parlor, &by(transport)).unwrap();
        each_message_reaches(&figures, 4.0);
        let encrypting = figures.iter().find(|f| f.name == "encrypting one such line alone, µs");
        assert_eq!(encrypting.is_some_and(|figure| figure.value > 0.0), transport.is_encrypted());
    }
}

#[test]
fn members_with_echo_message_get_their_own_too() {
    let caps = "server-time,message-tags,account-tag,echo-message".to_owned();
    // One publisher: making an account is slow on purpose.
    let fanout = Fanout { caps, ..one_room() };
    each_message_reaches(&fanout.run(&Kind::Parlor, &bench()).unwrap(), 6.0);
}

#[test]
fn stalled_members_are_not_waited_for() {
    let stalled = Stalled { stalled_share: 1, fanout: one_room() };
    each_message_reaches(&stalled.run(&Kind::Parlor, &bench()).unwrap(), 4.0);
}

#[test]
fn durable_counts_both_the_echo_and_the_delivery() {
    let durable = Durable { senders: 4, window: 8, bytes: 40, rate: None, times: TIMES };
    let figures = durable.run(&Kind::Parlor, &bench()).unwrap();
    each_message_reaches(&figures, 2.0);
    assert!(value(&figures, "acknowledged per second") > 0.0);
}

#[test]
fn idle_logs_everybody_in() {
    let figures = Idle { connections: 120, seconds: 0.1 }.run(&Kind::Parlor, &bench()).unwrap();
    assert_eq!(value(&figures, "connections"), 120.0);
    assert!(value(&figures, "logins per second") > 0.0);
}

#[test]
fn idle_logs_everybody_in_by_every_transport() {
    for &transport in Transport::value_variants() {
        let idle = Idle { connections: 70, seconds: 0.1 };
        let figures = idle.run(&Kind::Parlor, &by(transport)).unwrap();
        assert_eq!(value(&figures, "connections"), 70.0);
    }
}

#[test]
fn handshakes_of_each_kind_are_counted() {
    let figures = Handshakes { count: 20, at_once: 4 }.run(&Kind::Parlor, &bench()).unwrap();
    for kind in ["TLS 1.3 handshakes", "TLS 1.2 handshakes", "connections without TLS"] {
        assert!(value(&figures, &format!("{kind} per second")) > 0.0);
    }
    assert_eq!(value(&figures, "of these resumed, %"), 100.0);
}

#[test]
fn join_counts_what_the_lobby_costs() {
    each_received_its_join(&Join { users: 100 }.run(&Kind::Parlor, &bench()).unwrap());
}

#[test]
fn history_fills_a_store_once_and_reads_whole_pages_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History {
        events: 3_000,
        store: folder.path().join("store"),
        page: 10,
        readers: 1,
        seconds: 0.2,
        warm_up: 0.05,
    };
    for _filled_then_reused in 0..2 {
        let figures = history.run(&Kind::Parlor, &bench()).unwrap();
        assert!(value(&figures, "pages read") > 0.0);
    }
    history.events = 4_000;
    let other_size = history.run(&Kind::Parlor, &bench()).unwrap_err();
    assert!(matches!(other_size, Failure::Options(_)), "{other_size}");
}
