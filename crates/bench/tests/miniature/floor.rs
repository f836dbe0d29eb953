//! The scenarios against the floor.

use parlor_bench::durable::Durable;
use parlor_bench::failure::Failure;
use parlor_bench::fanout::Fanout;
use parlor_bench::handshakes::Handshakes;
use parlor_bench::idle::Idle;
use parlor_bench::join::Join;
use parlor_bench::server::{Bench, Kind};
use parlor_bench::stalled::Stalled;
use parlor_bench::transport::Transport;

use crate::{TIMES, each_message_reaches, each_received_its_join, one_room, small_fanout, value};

fn bench() -> Bench {
    crate::bench("no-chatserver-is-needed".into())
}

#[test]
fn fanout_counts_each_delivery() {
    each_message_reaches(&small_fanout().run(&Kind::Floor, &bench()).unwrap(), 4.0);
}

#[test]
fn a_floor_that_stores_relays_the_same() {
    each_message_reaches(&small_fanout().run(&Kind::StoringFloor, &bench()).unwrap(), 4.0);
}

#[test]
fn fanout_sends_at_the_rate_it_is_given() {
    let fanout = Fanout { rate: Some(100.0), ..small_fanout() };
    let figures = fanout.run(&Kind::Floor, &bench()).unwrap();
    each_message_reaches(&figures, 4.0);
    // 25 are due in a quarter of a second, and one at its beginning; a late machine sends fewer, none sends more.
    assert!(value(&figures, "messages sent in all") <= 26.0);
}

#[test]
fn a_server_without_the_capabilities_is_skipped() {
    let fanout = Fanout { caps: "server-time".to_owned(), ..small_fanout() };
    let failure = fanout.run(&Kind::Floor, &bench()).unwrap_err();
    assert!(matches!(failure, Failure::Unsupported(_)), "{failure}");
}

#[test]
fn a_server_without_the_transport_is_skipped() {
    let bench = Bench { transport: Transport::Tls, ..bench() };
    let failure = small_fanout().run(&Kind::Floor, &bench).unwrap_err();
    assert!(matches!(failure, Failure::Unsupported(_)), "{failure}");
    let handshakes = Handshakes { count: 1, at_once: 1 };
    let failure = handshakes.run(&Kind::Floor, &bench).unwrap_err();
    assert!(matches!(failure, Failure::Unsupported(_)), "{failure}");
}

#[test]
fn a_room_without_a_listener_is_refused() {
    let fanout = Fanout { members: 2, publishers: 2, ..small_fanout() };
    let failure = fanout.run(&Kind::Floor, &bench()).unwrap_err();
    assert!(matches!(failure, Failure::Options(_)), "{failure}");
}

#[test]
fn stalled_members_are_not_waited_for() {
    let stalled = Stalled { stalled_share: 1, fanout: one_room() };
    let figures = stalled.run(&Kind::Floor, &bench()).unwrap();
    assert_eq!(value(&figures, "stalled members a room"), 1.0);
    each_message_reaches(&figures, 4.0);
}

#[test]
fn idle_logs_everybody_in() {
    let figures = Idle { connections: 120, seconds: 0.1 }.run(&Kind::Floor, &bench()).unwrap();
    assert_eq!(value(&figures, "connections"), 120.0);
    assert!(value(&figures, "logins per second") > 0.0);
}

#[test]
fn join_counts_what_the_lobby_costs() {
    each_received_its_join(&Join { users: 100 }.run(&Kind::Floor, &bench()).unwrap());
}

#[test]
fn durable_skips_servers_that_store_nothing() {
    let durable = Durable { senders: 4, window: 8, bytes: 40, rate: None, times: TIMES };
    let failure = durable.run(&Kind::Floor, &bench()).unwrap_err();
    assert!(matches!(failure, Failure::Unsupported(_)), "{failure}");
}
