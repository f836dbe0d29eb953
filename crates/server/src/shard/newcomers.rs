//! Tests that a flood of connections, or of lines, leaves a shard time for others.

use crate::hub::{ClientEvent, Input, SessionEvent};
use crate::inbox;
use crate::limits::{EVENTS, NEWCOMER_EVENTS, NEWCOMER_MICROS, NEWCOMER_WAIT_MILLIS, UNREAD_BYTES};
use crate::listen;
use crate::shard::Shard;
use crate::shard::connection::{Connection, Stage};
use crate::shard::listeners::Listeners;
use crate::shard::memory::tests::shard;
use crate::transport::Transport;
use mio::Events;
use mio::net::TcpStream;
use std::io::Write;
use std::net::{TcpListener, TcpStream as Peer};
use std::time::{Duration, Instant};

/// So many connections that accepting them all takes far longer than a round allows.
const CROWD: usize = 200;

/// Adds a connection of this stage that has a line to read; its peer.
fn connect(shard: &mut Shard, stage: Stage) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, address) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let (stream, limits) = (TcpStream::from_std(stream), &shard.parts.config.limits);
    let mut connection = Connection::new(stream, 0, address.ip(), limits, Instant::now());
    (connection.transport, connection.stage) = (Transport::Plain, stage);
    let slot = shard.connections.insert(connection);
    shard.make_ready(slot);
    peer.write_all(b"PING :x\r\n").unwrap();
    peer
}

#[test]
fn a_flood_of_connections_is_accepted_in_steps_and_delays_nobody_else() {
    let (mut shard, (to_hub, ..)) = shard(0);
    let listener = listen::bind(Some("127.0.0.1"), 0).unwrap();
    let (address, (inbox, mut outlet)) =
        (listener.local_addr().unwrap(), inbox::new(Default::default()).unwrap());
    let mut listeners = Listeners::new(vec![listener], vec![inbox]);
    listeners.register(outlet.registry()).unwrap();
    shard.parts.listeners = Some(listeners);
    let _ann = connect(&mut shard, Stage::Ready);
    let crowd: Vec<Peer> = (0..CROWD).map(|_| Peer::connect(address).unwrap()).collect();
    let mut events = Events::with_capacity(EVENTS);
    let mut rounds = 0;
    while shard.connections.len() <= crowd.len() {
        shard.round(&mut outlet, &mut events).unwrap();
        shard.in_flight = false; // as if the hub had answered
        rounds += 1;
        if rounds == 1 {
            let Ok(Input::Batch(first)) = to_hub.try_recv() else { panic!("nothing at once") };
            let is_line = |event: &SessionEvent| matches!(event.event, ClientEvent::Line(_));
            assert!(first.events.iter().any(is_line));
        }
    }
    assert!(rounds > 1, "in one round");
}

#[test]
fn many_who_send_much_leave_room_in_the_batch_for_one_who_sends_little() {
    let (mut shard, _ends) = shard(0);
    let line = format!("PING :{}\r\n", "x".repeat(490));
    let crowd = || (0..60).map(|_| line.repeat(50));
    let _crowd: Vec<Peer> = crowd()
        .map(|lines| {
            let mut peer = connect(&mut shard, Stage::Ready);
            peer.write_all(lines.as_bytes()).unwrap();
            peer
        })
        .collect();
    let _ann = connect(&mut shard, Stage::Ready);
    shard.read_ready();
    let slots = || shard.batch.events.iter().map(|event| event.session.slot);
    assert!(slots().any(|slot| slot == 60), "there are two megabytes of lines before hers");
    assert!((0..60).all(|one| slots().any(|slot| slot == one)), "each has its share");
    // What is left over is copied in each round, so little more than the share is read.
    let most = shard.connections.iter().map(|(_, connection)| connection.unread.len()).max();
    assert!(most.is_some_and(|most| (1..=UNREAD_BYTES).contains(&most)), "{most:?} are left over");
}

#[test]
fn newcomers_are_read_within_their_time_budget() {
    let (mut shard, _ends) = shard(0);
    let _crowd: Vec<Peer> = (0..9).map(|_| connect(&mut shard, Stage::LoggingIn)).collect();
    let _ann = connect(&mut shard, Stage::Ready);
    shard.newcomers = Duration::from_micros(NEWCOMER_MICROS);
    shard.read_ready();
    let slots: Vec<u32> = shard.batch.events.iter().map(|event| event.session.slot).collect();
    assert_eq!(slots, [9], "they have had their time");
    assert_eq!(shard.ready, (0..9).collect::<Vec<_>>(), "and go first in the next round");
    shard.newcomers = Duration::ZERO;
    shard.newcomer_events = NEWCOMER_EVENTS - 1;
    shard.read_ready();
    assert_eq!(shard.batch.events.len(), 2, "the batch has room for one of them");
    assert!(shard.newcomers > Duration::ZERO, "it is counted");
    assert_eq!(shard.newcomer_events, NEWCOMER_EVENTS);
}

#[test]
fn a_flood_of_newcomers_leaves_half_a_core_to_others() {
    let (mut shard, _ends) = shard(0);
    let (_inbox, mut outlet) = inbox::new(Default::default()).unwrap();
    let _crowd: Vec<Peer> =
        (0..2 * NEWCOMER_EVENTS).map(|_| connect(&mut shard, Stage::LoggingIn)).collect();
    let mut events = Events::with_capacity(EVENTS);
    let begun = Instant::now();
    shard.round(&mut outlet, &mut events).unwrap();
    let until = shard.newcomers_wait.expect("some are left");
    assert!(until >= begun && until <= Instant::now() + begun.elapsed());
    // Others are served meanwhile.
    let _ann = connect(&mut shard, Stage::Ready);
    shard.newcomers_wait = Some(Instant::now() + Duration::from_secs(60));
    shard.round(&mut outlet, &mut events).unwrap();
    let is_anns = |event: &SessionEvent| event.session.slot == 2 * NEWCOMER_EVENTS as u32;
    assert_eq!(shard.batch.events.iter().filter(|event| is_anns(event)).count(), 1);
    assert_eq!(shard.batch.events.len(), 1, "and only they");
    shard.newcomers_wait = Some(Instant::now());
    shard.newcomer_events = 0;
    shard.round(&mut outlet, &mut events).unwrap();
    assert!(shard.batch.events.len() > 1, "then it is the turn of the rest");
}

#[test]
fn a_round_that_was_held_up_makes_nobody_wait_as_long_again() {
    let (mut shard, _ends) = shard(0);
    let _bob = connect(&mut shard, Stage::LoggingIn);
    shard.newcomers = Duration::from_micros(NEWCOMER_MICROS);
    let begun = Instant::now().checked_sub(Duration::from_secs(30)).unwrap();
    shard.pace_newcomers(begun);
    let until = shard.newcomers_wait.expect("one is left");
    assert!(until <= Instant::now() + Duration::from_millis(NEWCOMER_WAIT_MILLIS));
}
