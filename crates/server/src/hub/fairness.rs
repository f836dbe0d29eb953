//! Nobody can monopolize the hub: work is done in turns, and charged for. Tested without sockets
//! and clocks, so the bounds are exact.

use super::replay::random::Random;
use super::{Batch, ClientEvent, Effects, Hub, Input, SessionEvent, Stamped};
use crate::config::Config;
use crate::effects::{Effect, Rooms};
use crate::hub::replay::nonsense;
use crate::limits::{ADDRESS_TURN_WORK, EFFECTS_BYTES, TELL_WORK, TURN_WORK};
use crate::session_id::SessionId;
use std::net::Ipv4Addr;
use std::sync::Arc;
use store::{MemoryStore, Store};

/// How far one command may exceed its turn: it always finishes the current row, room or line.
const SLACK: u64 = TURN_WORK / 2;

const CONFIG: &str = "server.guests = true\nlimits.rooms_per_user = 0\nlimits.large_room = 20\n";

struct World {
    hub: Hub,
    now: i64,
}

fn session(slot: u32) -> SessionId {
    SessionId { node: 0, shard: 0, slot, generation: 1 }
}

/// A batch of lines.
fn batch(lines: &[(u32, &str)]) -> Input {
    let mut batch = Batch::default();
    for (slot, line) in lines {
        let start = batch.text.len() as u32;
        batch.text.extend_from_slice(line.as_bytes());
        let event = ClientEvent::Line(start..batch.text.len() as u32);
        batch.events.push(SessionEvent { session: session(*slot), event });
    }
    Input::Batch(batch)
}

impl World {
    fn new(config: &str) -> World {
        let mut config: Config = toml::from_str(config).expect("a config");
        config.port = 9999;
        let loaded = MemoryStore::new("test").load().expect("it is in memory");
        World { hub: Hub::new(Arc::new(config), loaded, 0).0, now: 0 }
    }

    fn apply(&mut self, input: Input) -> Effects {
        self.hub.apply(Stamped { now: self.now, steady: self.now, committed: 0, input })
    }

    /// A guest connects, from an address of its own.
    fn open(&mut self, slot: u32, nick: &str) {
        let address = Ipv4Addr::from(0xc000_0200 + slot).into();
        let event = ClientEvent::Opened { address, entropy: [0; 16] };
        let events = vec![SessionEvent { session: session(slot), event }];
        self.apply(Input::Batch(Batch { events, ..Batch::default() }));
        self.exec(&[(slot, &format!("NICK {nick}")), (slot, "USER u 0 * :Somebody")]);
    }

    /// Sends lines; returns all their effects, input by input.
    fn exec(&mut self, lines: &[(u32, &str)]) -> Vec<Effects> {
        let mut effects = vec![self.apply(batch(lines))];
        while self.hub.has_rest() || self.hub.has_turns() {
            effects.push(self.apply(Input::Continue));
        }
        effects
    }

    /// Creates many rooms of which `slot` is the only member.
    fn create_rooms(&mut self, slot: u32, rooms: usize) {
        for first in (0..rooms).step_by(20) {
            let names: Vec<String> = (first..first + 20).map(|n| format!("#{n:a>12}")).collect();
            self.exec(&[(slot, &format!("JOIN {}", names.join(",")))]);
            self.now += 1000;
        }
    }
}

/// The lines sent to a session.
fn replies(effects: &Effects, slot: u32) -> Vec<&str> {
    let mut lines = Vec::new();
    for effect in &effects.list {
        if let Effect::Reply { to, text } = &effect.effect
            && *to == session(slot)
        {
            let text = &effects.text[text.start as usize..text.end as usize];
            lines.extend(std::str::from_utf8(text).expect("UTF-8").lines());
        }
    }
    lines
}

fn numeric(line: &str) -> Option<&str> {
    line.split(' ').find(|word| !word.starts_with(['@', ':']))
}

const EVE: u32 = 1;
const ANN: u32 = 2;
/// Rooms besides the lobby: more than fit in one turn.
const ROOMS: usize = 5000;
/// A mask compared with each room's whole name many times.
const COSTLY: &str =
    "LIST *aaaaaaaab,*aaaaaaab,*aaaaaab,*aaaaab,*aaaab,*aaab,*aab,*ab !*aaaaaaaab,!*aab";

fn crowded() -> World {
    let mut world = World::new(CONFIG);
    world.open(EVE, "eve");
    world.open(ANN, "ann");
    world.create_rooms(EVE, ROOMS);
    world.now += 1_000_000;
    world
}

#[test]
fn cheap_commands_are_answered_before_expensive_ones_finish() {
    let mut world = crowded();
    let mut lines = vec![(EVE, COSTLY); 30];
    lines.push((ANN, "PING :well?"));
    let first = world.apply(batch(&lines));
    assert_eq!(replies(&first, ANN).len(), 1, "in the same input");
    assert!(first.work_done <= TURN_WORK + SLACK, "{}", first.work_done);
    let mut ends = 0;
    while world.hub.has_turns() {
        let next = world.apply(Input::Continue);
        assert!(next.work_done <= TURN_WORK + SLACK, "{}", next.work_done);
        let ended = |line: &&str| matches!(numeric(line), Some("323" | "263"));
        ends += replies(&next, EVE).into_iter().filter(ended).count();
        // Commands that arrive in between are answered at once.
        assert_eq!(replies(&world.apply(batch(&[(ANN, "PING :well?")])), ANN).len(), 1);
    }
    assert_eq!(ends, 30, "each is answered, or refused");
}

#[test]
fn an_answer_spread_over_turns_is_complete_and_in_order() {
    let mut world = crowded();
    let all = world.exec(&[(EVE, "LIST"), (EVE, "PING :done")]);
    assert!(all.len() >= 2, "{} turns", all.len());
    let lines: Vec<&str> = all.iter().flat_map(|effects| replies(effects, EVE)).collect();
    let numerics: Vec<_> = lines.iter().filter_map(|line| numeric(line)).collect();
    assert_eq!(numerics.first(), Some(&"321"));
    assert_eq!(numerics[numerics.len() - 2..], ["323", "PONG"]);
    assert_eq!(numerics.iter().filter(|numeric| **numeric == "322").count(), ROOMS + 1);
}

#[test]
fn an_answer_spread_over_turns_is_one_labeled_batch() {
    let mut world = crowded();
    world.exec(&[(EVE, "CAP REQ :batch labeled-response")]);
    let all = world.exec(&[(EVE, "@label=x LIST"), (EVE, "@label=y PING :done")]);
    let lines: Vec<&str> = all.iter().flat_map(|effects| replies(effects, EVE)).collect();
    let start = lines[0].strip_prefix("@label=x :parlor BATCH +").expect(lines[0]);
    let reference = start.strip_suffix(" labeled-response").expect(start);
    let tag = format!("@batch={reference} ");
    let inside = lines.iter().filter(|line| line.starts_with(&tag)).count();
    assert_eq!(inside, ROOMS + 1 + 2, "all between start and end");
    assert_eq!(lines[inside + 1], format!(":parlor BATCH -{reference}"));
    assert!(lines[inside + 2].starts_with("@label=y "));
    assert_eq!(lines.len(), inside + 3);
}

#[test]
fn work_is_charged_to_the_requester_and_paid_back_over_time() {
    let mut world = crowded();
    let mut refused = None;
    for _ in 0..2000 {
        let all = world.exec(&[(EVE, COSTLY)]);
        let last = all.iter().flat_map(|effects| replies(effects, EVE)).last().map(str::to_owned);
        refused = last.filter(|line| numeric(line) == Some("263"));
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("a loop is refused");
    let expected = ":parlor 263 eve LIST :You, or others at your address, have made too many expensive requests; try again in ";
    assert!(refused.starts_with(expected), "{refused}");
    for free in ["PING :x", "PONG"] {
        assert!(!world.exec(&[(EVE, free)]).iter().any(|effects| effects.work_done > TURN_WORK));
    }
    let others = world.exec(&[(ANN, "LIST")]);
    let last = others.iter().flat_map(|effects| replies(effects, ANN)).last();
    assert_eq!(last.and_then(numeric), Some("323"), "others are not refused");
    world.now += 60_000;
    let all = world.exec(&[(EVE, COSTLY)]);
    let last = all.iter().flat_map(|effects| replies(effects, EVE)).last();
    assert_eq!(last.and_then(numeric), Some("323"), "a minute later");
}

/// The work of the shards for deliveries to rooms.
fn tell_work(world: &World, effects: &Effects) -> u64 {
    let members = |room: &store::RoomId| world.hub.state.rooms[room].members.len() as u64;
    let work = effects.list.iter().map(|effect| match &effect.effect {
        Effect::Tell { rooms: Rooms::One(room), .. } => members(room) * TELL_WORK,
        _ => 0,
    });
    work.sum()
}

#[test]
fn a_payer_deep_in_debt_causes_little_shard_work_per_turn() {
    let mut world = World::new(&format!("{CONFIG}limits.work_millis = 5\n"));
    let rooms: Vec<String> = (0..30).map(|room| format!("#room{room}")).collect();
    let (join, part) = (format!("JOIN {}", rooms.join(",")), format!("PART {}", rooms.join(",")));
    for slot in 1..=18 {
        world.open(slot, &format!("guest{slot}"));
        world.exec(&[(slot, &join)]);
    }
    world.now += 60_000;
    let lines: Vec<(u32, &str)> =
        (0..60).map(|at| (EVE, if at % 2 == 0 { &*part } else { &join })).collect();
    let (mut inputs, mut all) = (0, 0);
    let mut effects = world.apply(batch(&lines));
    loop {
        let work = tell_work(&world, &effects);
        assert!(work <= 2 * TURN_WORK, "{work}");
        (inputs, all) = (inputs + 1, all + work);
        if !world.hub.has_turns() {
            break;
        }
        effects = world.apply(Input::Continue);
    }
    assert!(all > 10 * TURN_WORK && inputs > 5, "{all} units, {inputs} inputs");
}

#[test]
fn ordinary_use_is_never_refused() {
    let mut world = World::new(CONFIG);
    let people: Vec<u32> = (1..=100).collect();
    for slot in &people {
        world.open(*slot, &format!("guest{slot}"));
    }
    // Clients that join fifty rooms at login, and ask for everything that some clients ask for.
    for slot in &people[..20] {
        let rooms: Vec<String> = (0..50).map(|room| format!("#room{room}")).collect();
        world.exec(&[(*slot, &format!("JOIN {}", rooms.join(",")))]);
        for room in &rooms {
            let lines = [format!("MODE {room}"), format!("WHO {room}"), format!("MODE {room} +b")];
            for line in &lines {
                let all = world.exec(&[(*slot, line)]);
                let mut lines = all.iter().flat_map(|effects| replies(effects, *slot));
                assert!(lines.all(|line| numeric(line) != Some("263")), "{line}");
            }
        }
    }
    // A paste, as fast as lines may arrive.
    for _ in 0..100 {
        let all = world.exec(&[(1, "PRIVMSG #room0 :one line of a hundred")]);
        let refused = all.iter().flat_map(|effects| replies(effects, 1)).next();
        assert_eq!(refused, None);
        world.now += 100;
    }
}

#[test]
fn whatever_is_sent_one_input_makes_bounded_work_and_output() {
    for seed in 1..=3 {
        let mut random = Random::new(seed);
        let mut world = crowded();
        for slot in 3..60 {
            world.open(slot, &format!("guest{slot}"));
            world.exec(&[(slot, "JOIN #a,#b,#c")]);
        }
        for _ in 0..1500 {
            world.now += random.below(300) as i64;
            let line = nonsense::line(&mut random);
            let slot = 1 + random.below(58) as u32;
            for effects in world.exec(&[(slot, &line)]) {
                assert!(effects.work_done <= TURN_WORK + SLACK, "{} for {line}", effects.work_done);
                assert!(effects.text.len() <= EFFECTS_BYTES, "{} for {line}", effects.text.len());
            }
            if !world.hub.node.sessions.contains_key(&session(slot)) {
                world.open(slot, &format!("guest{slot}"));
            }
        }
        const { assert!(TURN_WORK + SLACK < ADDRESS_TURN_WORK) };
    }
}
