//! A session's commands take effect in the order sent, also when a log orders them first and they
//! are applied later.
//!
//! Random commands of several sessions become entries that are delivered after random delays. All
//! sessions must receive what they would receive without delays, given the commands in the order in
//! which they took effect.

use super::input::{Ordered, OrderedStep};
use super::replay::random::Random;
use super::test_shards::TestShards;
use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::config::Config;
use crate::effects::{Effect, SentEntry, Task};
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use crate::state::{State, records};
use proto::scram::Keys;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use store::{MemoryStore, RecordKind, Store};

const CONFIG: &str = "\
server.guests = true
server.plaintext_login = true
limits.work_millis = 0
limits.connects_per_minute = 0
operator = [{ name = \"boss\", password = \"up\" }]
";

const SESSIONS: u32 = 5;
const NAMES: [&str; 7] = ["ann", "bob", "cem", "dee", "eve", "fay", "gus"];
const ROOMS: [&str; 3] = ["#a", "#b", "#lobby"];

/// Something sent: a line, or nothing more because the connection is gone.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Line(String),
    Gone,
}

struct World {
    hub: Hub,
    shards: TestShards,
    log: VecDeque<SentEntry>,
}

fn session(slot: u32) -> SessionId {
    SessionId { node: 0, shard: 0, slot, generation: 1 }
}

impl World {
    /// Everybody is online; from here on entries go to a log, if `ordered`.
    fn new(ordered: bool) -> World {
        let config: Config = toml::from_str(CONFIG).expect("a config");
        let mut store = MemoryStore::new("test");
        let (mut hub, writes) = Hub::new(Arc::new(config), store.load().unwrap(), 0);
        store.commit(&mut writes.iter()).unwrap();
        hub.node.entries_sent = ordered.then_some(0);
        let mut world =
            World { hub, shards: TestShards::new(Box::new(store)), log: VecDeque::new() };
        for (slot, name) in (0..SESSIONS).zip(NAMES) {
            world.shards.open(session(slot));
            let address = "127.0.0.1".parse().unwrap();
            world.client_event(slot, "", ClientEvent::Opened { address, entropy: [0; 16] });
            let capabilities = [
                "",
                "labeled-response",
                "labeled-response batch echo-message",
                "labeled-response batch message-tags draft/multiline away-notify",
                "message-tags draft/read-marker draft/metadata-3 extended-join setname",
            ];
            // Two sessions of one account, and guests.
            let login = match slot {
                3 | 4 => vec!["LOGIN dee :secret".to_owned()],
                _ => vec![format!("NICK {name}"), "USER u 0 * :Somebody".to_owned()],
            };
            let wants = format!("CAP REQ :{}", capabilities[slot as usize]);
            for line in [wants, "CAP END".to_owned()].iter().chain(&login) {
                world.send(slot, line);
                world.deliver_all();
            }
        }
        world
    }

    fn apply(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let stamped = Stamped { now: 1_000_000, steady: 1_000_000, committed: 0, input };
            let mut effects = self.hub.apply(stamped);
            self.log.extend(effects.entries.drain(..));
            for effect in &effects.list {
                if let Effect::Derive { session, job } = &effect.effect {
                    let outcome = derived(&job.task);
                    inputs.push_back(Input::Derived(Derived { session: *session, outcome }));
                }
            }
            self.shards.carry_out(&self.hub.state.renderer, effects);
            if inputs.is_empty() && (self.hub.has_rest() || self.hub.has_turns()) {
                inputs.push_back(Input::Continue);
            }
        }
    }

    fn client_event(&mut self, slot: u32, text: &str, event: ClientEvent) {
        let events = vec![SessionEvent { session: session(slot), event }];
        self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }));
    }

    fn send(&mut self, slot: u32, line: &str) {
        self.client_event(slot, line, ClientEvent::Line(0..line.len() as u32));
    }

    fn perform(&mut self, slot: u32, sent: &Sent) {
        match sent {
            Sent::Line(line) => self.send(slot, line),
            Sent::Gone => {
                self.shards.close(session(slot));
                self.client_event(slot, "", ClientEvent::Closed { reason: "gone".into() });
            }
        }
    }

    /// The log delivers an entry.
    fn deliver_next(&mut self) {
        if let Some(sent) = self.log.pop_front() {
            let read = SentEntry::new(sent.bytes().into()).expect("it was just written");
            let steps = vec![OrderedStep::Entry(read)];
            self.apply(Input::Ordered(Ordered { sequence: 1, steps, roster: None }));
        }
    }

    fn deliver_all(&mut self) {
        while !self.log.is_empty() {
            self.deliver_next();
        }
    }

    /// How many of a session's commands have not taken effect.
    fn behind(&self, slot: u32) -> usize {
        let id = session(slot);
        let online = self.hub.state.users.values().any(|user| user.sessions.contains(&id));
        match self.hub.node.sessions.get(&id) {
            Some(known) => {
                let closing = usize::from(known.extras().closed.is_some());
                known.extras().lines.len() + known.extras().in_flight.len() + closing
            }
            // It has ended here, and elsewhere not yet.
            None => usize::from(online),
        }
    }
}

fn derived(task: &Task) -> Outcome {
    let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
    match task {
        Task::Make { .. } => Outcome::Made(keys),
        Task::Compare { .. } => Outcome::Compared(true),
        _ => Outcome::Waited,
    }
}

/// Lines that a session sends one after another.
fn lines(random: &mut Random, number: usize) -> Vec<String> {
    let (room, name) = (random.pick(&ROOMS), random.pick(&NAMES));
    let one = match random.below(48) {
        0..=3 => format!("PRIVMSG {room} :{number}"),
        4 => format!("PRIVMSG {room},{name} :{number}"),
        5 => format!("NOTICE {name} :{number}"),
        6..=9 => format!("JOIN {room}"),
        10 => format!("PART {room} :bye {number}"),
        11 | 12 => format!("TOPIC {room} :{number}"),
        13 => format!("TOPIC {room}"),
        14 | 15 => format!("NAMES {room}"),
        16 => format!("WHO {room}"),
        17 => format!("WHOIS {name}"),
        18 => random.pick(&["LIST", "LUSERS", "BM", "PM", "AWAY", "MONITOR S"]).to_owned(),
        19 => format!("AWAY :{number}"),
        20 | 21 => format!("NICK {name}"),
        22 => format!("MODE {room} {} {name}", random.pick(&["+o", "-o", "+v", "+b"])),
        23 => format!("MODE {room} {}", random.pick(&["+m", "-m", "+s", "b", "+k key"])),
        24 => format!("KICK {room} {name} :{number}"),
        25 => format!("INVITE {name} {room}"),
        26 => format!("MARKREAD {room} timestamp=1970-01-01T00:00:0{}.000Z", random.below(3)),
        27 => format!("METADATA * SET url :{number}"),
        28 => format!("CAP REQ :{}echo-message", random.pick(&["", "-"])),
        29 => format!("PING {number}"),
        30 => format!("PM {name} :{number}"),
        31 => format!("MONITOR + {name}"),
        32 => format!("SETNAME :{number}"),
        33 => format!("CHATHISTORY LATEST {room} * 5"),
        34..=40 => {
            return (0..3).map(|at| format!("PRIVMSG {room} :{number}.{at}")).collect();
        }
        41 => format!("TAGMSG {room},{name}"),
        42 => "PRIVMSG".to_owned(),
        43 => format!("PRIVMSG *playback,{name} :PLAY * {number}"),
        44 => format!("@batch=none PRIVMSG {room} :{number}"),
        45 => format!("RENAME {room} {}", random.pick(&["#b", "#c"])),
        _ => {
            let batch = "BATCH +r draft/multiline";
            return vec![
                format!("@label=m{number} {batch} {room}"),
                format!("@batch=r PRIVMSG {room} :{number}"),
                format!("@batch=r PRIVMSG {room} :and more"),
                "BATCH -r".to_owned(),
            ];
        }
    };
    if random.below(2) == 0 { vec![format!("@label=l{number} {one}")] } else { vec![one] }
}

/// What a run made happen.
#[derive(Default)]
struct Seen {
    /// Commands sent before earlier ones had taken effect.
    early: usize,
    /// Commands that were in flight behind another one of their session.
    pipelined: usize,
}

/// Runs random commands with random delays. Returns the world, and the order in which commands took
/// effect.
fn delayed(seed: u64) -> (World, Vec<(u32, Sent)>, Seen) {
    let mut random = Random::new(seed);
    let mut world = World::new(true);
    let (mut sent, mut order) = (BTreeMap::<u32, Vec<Sent>>::new(), Vec::new());
    let (mut done, mut seen) = (BTreeMap::<u32, usize>::new(), Seen::default());
    let patience = 1 + random.below(8);
    for step in 0..150 {
        let slot = random.below(SESSIONS as usize) as u32;
        let open = world
            .hub
            .node
            .sessions
            .get(&session(slot))
            .is_some_and(|s| s.extras().closed.is_none());
        let last = sent.get(&slot).and_then(|sent| sent.last());
        let open = open && last != Some(&Sent::Line("QUIT :bye".into()));
        let mut todo = Vec::new();
        if open && step < 140 && random.below(patience) == 0 {
            let more = lines(&mut random, step).into_iter().map(Sent::Line);
            todo.extend(more.map(|one| Some((slot, one))));
        } else if open && random.below(60) == 0 {
            let end = [Sent::Line("QUIT :bye".into()), Sent::Gone];
            todo.push(Some((slot, end[random.below(2)].clone())));
        }
        todo.extend((0..random.below(3)).map(|_| None));
        for one in todo {
            match one {
                Some((slot, what)) => {
                    seen.early += usize::from(world.behind(slot) > 0);
                    let sent = sent.entry(slot).or_default();
                    if what == Sent::Gone {
                        // What still waits is dropped, as if it had not arrived.
                        let known = &world.hub.node.sessions[&session(slot)];
                        sent.truncate(sent.len() - known.extras().lines.len());
                    }
                    sent.push(what.clone());
                    world.perform(slot, &what);
                    let known = world.hub.node.sessions.get(&session(slot));
                    seen.pipelined +=
                        usize::from(known.is_some_and(|s| s.extras().in_flight.len() > 1));
                }
                None => world.deliver_next(),
            }
            took_effect(&world, &sent, &mut done, &mut order);
        }
    }
    while !world.log.is_empty() {
        world.deliver_next();
        took_effect(&world, &sent, &mut done, &mut order);
    }
    (world, order, seen)
}

/// Records what has taken effect: at most one session's commands, in the order sent.
fn took_effect(
    world: &World,
    sent: &BTreeMap<u32, Vec<Sent>>,
    done: &mut BTreeMap<u32, usize>,
    order: &mut Vec<(u32, Sent)>,
) {
    for (slot, sent) in sent {
        let before = done.entry(*slot).or_default();
        let now = sent.len() - world.behind(*slot);
        order.extend(sent[*before..now].iter().map(|one| (*slot, one.clone())));
        *before = now;
    }
}

/// Lines with batch references renumbered: they depend on the number of bytes written before. Without
/// those about connections, of which only their own node knows: it may have closed them already.
fn normal(lines: &[String]) -> Vec<String> {
    let mut references = Vec::new();
    let mut normal = Vec::new();
    for line in lines.iter().filter(|line| !line.contains(" 671 ")) {
        let mut line = line.clone();
        if let Some((_, rest)) = line.split_once(" BATCH +") {
            references.push(rest.split(' ').next().unwrap_or_default().to_owned());
        }
        for (at, reference) in references.iter().enumerate().rev() {
            for before in ["batch=", "BATCH +", "BATCH -"] {
                line = line.replace(&format!("{before}{reference}"), &format!("{before}({at})"));
            }
        }
        normal.push(line);
    }
    normal
}

/// These depend on the newest event when a line arrived, not when it took effect.
fn forget_last_logins(state: &mut State) {
    let all = state.records.all().filter(|record| record.kind == RecordKind::LastLogin);
    for record in all.collect::<Vec<_>>() {
        records::put(state, record.kind, record.owner, &record.key, None);
    }
}

#[test]
fn delayed_commands_keep_their_order_and_nobody_sees_a_difference() {
    let mut all = Seen::default();
    for seed in 0..300 {
        let (late, order, seen) = delayed(seed);
        all.early += seen.early;
        all.pipelined += seen.pipelined;
        let mut soon = World::new(false);
        for (slot, sent) in &order {
            soon.perform(*slot, sent);
        }
        for (id, lines) in &late.shards.lines {
            let (late_lines, soon_lines) = (normal(lines), normal(&soon.shards.lines[id]));
            if late.hub.node.sessions.contains_key(id) {
                assert_eq!(late_lines, soon_lines, "seed {seed}, {id:?}, {order:#?}");
                continue;
            }
            // A session that has left receives nothing more, though others may not know it yet.
            let last = late_lines.iter().rposition(|line| !line.starts_with("ERROR")).unwrap_or(0);
            let (heard, all) = (&late_lines[..=last], &soon_lines);
            assert!(all.starts_with(heard), "seed {seed}, {id:?}: {heard:#?} and {all:#?}");
        }
        let (mut late, mut soon) = (late.hub.state, soon.hub.state);
        forget_last_logins(&mut late);
        forget_last_logins(&mut soon);
        soon.ordered = late.ordered; // Only what a log brings has these times.
        assert!(late == soon, "seed {seed}");
    }
    assert!(all.early > 1000, "only {} commands came early", all.early);
    assert!(all.pipelined > 1000, "only {} were pipelined", all.pipelined);
}

#[test]
fn with_the_capability_a_client_gets_the_nodes_after_the_welcome_and_on_change() {
    let mut world = World::new(true);
    let lines_to = |world: &World, slot| -> Vec<String> {
        let lines = world.shards.lines[&session(slot)].iter();
        lines.filter(|line| line.contains("NODES")).cloned().collect()
    };
    let set = |world: &mut World, nodes: &[&str]| {
        let steps = vec![OrderedStep::Nodes(nodes.iter().map(|&node| node.into()).collect())];
        world.apply(Input::Ordered(Ordered { sequence: 1, steps, roster: None }));
    };
    world.send(0, "CAP REQ :parlor/nodes");
    set(&mut world, &["a:1", "b:2"]);
    set(&mut world, &["a:1", "b:2"]);
    assert_eq!(lines_to(&world, 0), [":parlor NODES a:1 b:2"], "once");
    assert_eq!(lines_to(&world, 1), [""; 0], "it has not asked");
    set(&mut world, &[]);
    assert_eq!(lines_to(&world, 0)[1..], [":parlor NODES"]);

    let fingerprint = "0".repeat(64);
    let long = |at| format!("{}.{at}.example:9999={fingerprint}", "n".repeat(80));
    let long: Vec<String> = (0..5).map(long).collect();
    set(&mut world, &long.iter().map(String::as_str).collect::<Vec<_>>());
    let (at, address) = (SESSIONS, "127.0.0.1".parse().unwrap());
    world.shards.open(session(at));
    world.client_event(at, "", ClientEvent::Opened { address, entropy: [0; 16] });
    for line in ["CAP REQ :parlor/nodes", "CAP END", "NICK zoe", "USER u 0 * :Zoe"] {
        world.send(at, line);
        world.deliver_all();
    }
    let lines = lines_to(&world, at).into_iter().filter(|line| line.contains(" NODES "));
    let lines: Vec<String> = lines.collect();
    let expected = [
        format!(":parlor NODES * {} {} {}", long[0], long[1], long[2]),
        format!(":parlor NODES {} {}", long[3], long[4]),
    ];
    assert_eq!(lines, expected);
}
