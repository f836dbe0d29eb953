//! What sessions send while something of theirs is in flight, and what they may send.

use super::World;
use crate::hub::input::{Ordered, OrderedStep};
use crate::hub::{ClientEvent, Input};
use crate::limits::{LINE_FRAME_BYTES, SESSION_IN_FLIGHT};
use crate::session::delivery::Watermarks;
use proto::line::LineError;

/// A session may have acknowledged something while a command of its own is in flight.
#[test]
fn a_node_declared_gone_ends_sessions_that_have_acknowledged_messages() {
    let mut world = World::new();
    let [bob, ann] = [world.account(1, "bob", ""), world.account(2, "ann", "")];
    world.exec(ann, "PM bob :hi");
    world.send(bob, "JOIN #a");
    let live = world.hubs[0].state.last_event();
    world.client_event(bob, "", ClientEvent::Acknowledged(Watermarks { pending: 0, live }));
    world.send(bob, "PING 1");
    let steps = vec![OrderedStep::NodeEnded(1)];
    world.apply(0, Input::Ordered(Ordered { sequence: 100, steps, roster: None }));
    assert!(world.is_gone(bob));
    assert_eq!(world.hubs[0].node.in_flight_bytes, 0);
}

/// The outage ends with the first entry delivered; the rest follows.
#[test]
fn what_a_session_changed_during_an_outage_applies_to_entries_delivered_later() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "");
    world.send(ann, "PRIVMSG #lobby :one");
    world.send(ann, "PRIVMSG #lobby :two");
    world.apply(0, Input::LogUnavailable(Vec::new()));
    world.send(ann, "CAP REQ :echo-message");
    world.apply(0, Input::LogAvailable);
    world.take_output(ann);
    world.deliver_all();
    assert_eq!((world.take_output(ann).as_str(), world.lobby(0).len()), ("", 2));
    assert_eq!(world.exec(ann, "PRIVMSG #lobby :three").lines().count(), 1);
}

#[test]
fn a_session_that_acknowledges_messages_during_an_outage_does_not_wait_for_the_log() {
    let mut world = World::new();
    let [bob, eve] = ["bob", "eve"].map(|name| world.account(1, name, ""));
    let ann = world.account(2, "ann", "");
    world.send(bob, "PRIVMSG #lobby :one");
    let one = world.log.pop_front().expect("it was sent");
    world.apply(0, Input::LogUnavailable(Vec::new()));
    for number in 1..=3 {
        world.exec(ann, "PM bob :hi");
        world.exec(ann, "PM eve :hi");
        for session in [bob, eve] {
            world.take_output(session);
            let live = world.hubs[0].state.last_event();
            world.client_event(
                session,
                "",
                ClientEvent::Acknowledged(Watermarks { pending: 0, live }),
            );
            for _ in 0..2 {
                world.send(session, &format!("PING {number}"));
                assert!(world.take_output(session).contains(" PONG "), "{number}");
            }
            assert!(world.hubs[0].node.sessions[&session].extras().in_flight.len() <= 2);
        }
    }
    world.log.push_front(one);
    world.apply(0, Input::LogAvailable);
    world.deliver_all();
    for session in [bob, eve] {
        world.take_output(session);
        assert!(world.exec(session, "PING last").contains(" PONG "));
    }
    assert_eq!(world.hubs[0].node.in_flight_bytes, 0);
}

/// A message is charged when it is delivered: until then others must not add up.
#[test]
fn few_expensive_messages_of_a_session_are_pipelined() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "");
    let lobby = world.hubs[0].state.lobby.expect("there is one");
    for hub in &mut world.hubs {
        hub.state.rooms.get_mut(&lobby).expect("it exists").online += 10_000;
    }
    for number in 0..10 {
        world.send(ann, &format!("PRIVMSG ,,,,#lobby :{number}"));
    }
    assert_eq!(world.log.len(), 2);
    world.deliver_all();
    assert_eq!(world.lobby(1).len(), 10);
}

#[test]
fn one_address_cannot_fill_an_outbox_by_messages_in_flight() {
    let mut world = World::new();
    let bob = world.account(2, "bob", "");
    let guests: Vec<_> = (0..100).map(|n| world.guest(1, &format!("guest{n}"))).collect();
    world.take_output(bob);
    for number in 0..SESSION_IN_FLIGHT {
        for guest in &guests {
            world.send(*guest, &format!("PRIVMSG bob :\x01{number}\x01"));
        }
    }
    world.deliver_all();
    let received =
        world.take_output(bob).lines().filter(|line| line.contains(" PRIVMSG bob ")).count();
    let bytes = received * LINE_FRAME_BYTES;
    let outbox = world.hubs[0].node.config.limits.outbox_bytes;
    assert!(bytes > outbox / 4 && bytes < outbox / 2, "{bytes} of {outbox}");
}

/// An invalid line takes effect at its place.
#[test]
fn an_invalid_line_does_not_overtake_the_batch_that_waits_before_it() {
    let mut world = World::new();
    let ann = world.account(1, "ann", "batch message-tags draft/multiline");
    world.take_output(ann);
    world.send(ann, "JOIN #a");
    world.send(ann, "BATCH +r draft/multiline #lobby");
    world.send(ann, "@batch=r PRIVMSG #lobby :one");
    let head = "@batch=r PRIVMSG #lobby :";
    let bad = ClientEvent::BadLine(LineError::InvalidUtf8, 0..head.len() as u32);
    world.client_event(ann, head, bad);
    world.send(ann, "BATCH -r");
    world.deliver_all();
    let output = world.take_output(ann);
    assert!(output.contains("the batch was not sent"), "{output}");
    assert!(output.find(" JOIN ") < output.find("INVALID_UTF8"), "{output}");
    assert_eq!(world.lobby(1), []);
}
