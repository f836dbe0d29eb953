//! Three nodes in one process, on a log with all the faults of a real one. Nodes are killed, paused,
//! disconnected, and lose the last of what they have stored; people move to other nodes and resend
//! what was not confirmed. A seed decides what happens.
//!
//! After every step, nodes that have applied the same have the same state. In the end all have the
//! same history, with each confirmed message once, in the order in which it was sent, and what
//! anybody has received, in the order received.

mod disk;
mod node;
mod people;

use super::follower::FollowError;
use super::participant::Exclusion;
use super::simulated::{Faults, SimulatedLog};
use crate::config::Config;
use crate::hub::Input;
use crate::hub::replay::lines::line;
use crate::hub::replay::random::Random;
use crate::session_id::SessionId;
use node::{Node, Running};
use people::{Message, Person};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use store::{Conversation, Kinds, Query, Scope, Select};

const NODES: usize = 3;
const PEOPLE: usize = 4;

const CONFIG: &str = "\
server.guests = true
server.plaintext_login = true
limits.work_millis = 0
limits.connects_per_minute = 0
limits.connections_per_address = 0
limits.sessions_per_account = 0
";

/// Old history expires, and so do accounts that have said nothing.
const RETENTION: &str = "\
history.keep_days = 2
history.keep_per_room = 30
accounts.expire_days = 1
";

/// A little more than a day: everything before is old enough to expire.
const DAY: u64 = 25 * 60 * 60 * 1000;

struct World {
    log: SimulatedLog,
    random: Random,
    nodes: Vec<Node>,
    /// Until when each node is paused.
    paused_until: [u64; NODES],
    /// Until when each node is cut off from the log.
    cut_off_until: [u64; NODES],
    /// The events that arrive there meanwhile.
    backlog: [Vec<super::log::Event>; NODES],
    /// When each node restarts, unless it runs.
    restart_at: [u64; NODES],
    people: Vec<Person>,
    /// Connections that send random lines.
    others: Vec<(usize, SessionId)>,
    /// What the state was after each sequence of the log.
    states: BTreeMap<u64, [u8; 32]>,
    /// Whether the log or a node is sometimes unavailable for long.
    outages: bool,
    /// Whether days pass, and old history expires.
    expires: bool,
    unavailable: usize,
    kills: usize,
    copies: usize,
}

impl World {
    fn new(seed: u64, real: bool) -> World {
        let mut random = Random::new(seed);
        let expires = seed % 4 == 1;
        let config = [CONFIG, if expires { RETENTION } else { "" }].concat();
        let config: Arc<Config> = Arc::new(toml::from_str(&config).expect("a config"));
        let mut log = SimulatedLog::new(NODES, seed ^ 0x5eed);
        let often = [0, 5, 50][random.below(3)];
        log.faults = Faults { lost: often, doubled: often, late: often * 2 };
        World {
            log,
            nodes: (0..NODES).map(|at| Node::new(at, &config, real, &mut random)).collect(),
            paused_until: [0; NODES],
            cut_off_until: [0; NODES],
            backlog: Default::default(),
            restart_at: [0; NODES],
            people: (0..PEOPLE)
                .map(|number| Person::new(&format!("w{number}"), number % 2 == 0, number > 1))
                .collect(),
            others: Vec::new(),
            states: BTreeMap::new(),
            outages: seed.is_multiple_of(4),
            expires,
            unavailable: 0,
            kills: 0,
            copies: 0,
            random,
        }
    }

    fn step(&mut self, more: bool) {
        let most = if self.is_out() { 300 } else { 30 };
        self.log.now += self.random.below(most) as u64;
        let now = self.log.now;
        for (at, event) in self.log.arrivals() {
            self.backlog[at].push(event);
        }
        for at in 0..NODES {
            if self.nodes[at].running.is_none() && now >= self.restart_at[at] {
                self.nodes[at].start(&mut self.random);
            }
            if self.nodes[at].running.is_some() && now >= self.paused_until[at] {
                self.step_node(at);
            }
        }
        for at in 0..PEOPLE {
            self.step_person(at, more);
        }
    }

    /// Whether the log or a node is unavailable for long.
    fn is_out(&self) -> bool {
        let long = self.log.now + 9000;
        self.log.stalled_until > long || self.cut_off_until.iter().any(|until| *until > long)
    }

    fn step_node(&mut self, at: usize) {
        let now = self.log.now;
        let running = self.nodes[at].running.as_mut().expect("it runs");
        for event in std::mem::take(&mut self.backlog[at]) {
            match running.participant.handle(event, now) {
                Ok(ordered) => running.inputs.extend(ordered.into_iter().map(Input::Ordered)),
                // The log was purged beyond what it has: it needs a copy of a disk.
                Err(Exclusion::Log(FollowError::TooLate { .. })) => return self.copy(at),
                Err(other) => panic!("node {at} is excluded: {other}"),
            }
        }
        let (requests, input) = running.participant.poll(now);
        self.unavailable += usize::from(matches!(input, Some(Input::LogUnavailable(_))));
        running.inputs.extend(input);
        for request in requests {
            self.log.request(at, request);
        }
        if !self.log.is_connected(at) && now >= self.cut_off_until[at] && self.random.below(20) == 0
        {
            self.log.connect(at);
        }
        // The hub lags behind now and then.
        for _ in 0..[0, 3, 100][self.random.below(3)] {
            if self.nodes[at].running.as_ref().is_some_and(|running| running.inputs.is_empty()) {
                break;
            }
            if let Some(sequence) = self.nodes[at].apply_next(now, &mut self.random) {
                self.compare(at, sequence);
            }
        }
    }

    fn copy(&mut self, at: usize) {
        self.kill(at, self.log.now);
        let has = |from: &usize| *from != at && self.nodes[*from].running.is_some();
        if let Some(from) = (0..NODES).find(has) {
            let (other, node) = if from < at {
                let (before, after) = self.nodes.split_at_mut(at);
                (&before[from], &mut after[0])
            } else {
                let (before, after) = self.nodes.split_at_mut(from);
                (&after[0], &mut before[at])
            };
            node.copy(other);
            self.copies += 1;
        }
    }

    /// The state is the same as at any other node after the same sequence. Checked now and then, since
    /// it takes time and a difference stays.
    fn compare(&mut self, at: usize, sequence: u64) {
        if !sequence.is_multiple_of(8) {
            return;
        }
        let running = self.nodes[at].running.as_mut().expect("it runs");
        let state: [u8; 32] = Sha256::digest(running.state()).into();
        let first = *self.states.entry(sequence).or_insert(state);
        assert!(first == state, "node {at} has another state after {sequence}");
    }

    fn step_person(&mut self, at: usize, more: bool) {
        let now = self.log.now;
        let person = &mut self.people[at];
        let node = match &person.at {
            Some(at) => at.node,
            None if self.random.below(10) == 0 => self.random.below(NODES),
            None => return,
        };
        let Some(running) =
            self.nodes[node].running.as_mut().filter(|_| now >= self.paused_until[node])
        else {
            return;
        };
        if person.at.is_some() {
            person.step(running, more, now);
        } else if running.accepts_connections() {
            person.connect(node, running, now);
        }
    }

    /// Somebody sends a random line.
    fn step_other(&mut self) {
        let node = self.random.below(NODES);
        let Some(running) = &mut self.nodes[node].running else { return };
        if !running.accepts_connections() {
            return;
        }
        if self.others.len() < 3 {
            self.others.push((node, running.open()));
            return;
        }
        let (node, session) = self.others[self.random.below(self.others.len())];
        let Some(running) = &mut self.nodes[node].running else { return };
        if running.shards.is_gone(session) {
            self.others.retain(|other| *other != (node, session));
        } else {
            running.send(session, &line(&mut self.random));
        }
    }

    fn inject_fault(&mut self) {
        let (now, at) = (self.log.now, self.random.below(NODES));
        let long = self.random.below(6000) as u64;
        match self.random.below(1000) {
            0..=4 => self.kill(at, now + long),
            5 if self.random.below(4) == 0 => (0..NODES).for_each(|at| self.kill(at, now + long)),
            6..=9 => self.paused_until[at] = now + long,
            10..=19 => self.log.disconnect(at),
            20 | 21 => self.log.stall(long * 3 / 2),
            23..=25 if self.expires => self.log.now += DAY,
            23 if self.outages => self.log.stall(long + 20_000),
            24 if self.outages => {
                self.cut_off_until[at] = now + long + 20_000;
                self.log.disconnect(at);
            }
            26 if self.random.below(10) == 0 => self.log.stop_replica(at),
            22 => self.nodes[at].wall += self.random.below(6000) as i64 - 3000,
            _ => {}
        }
    }

    fn kill(&mut self, at: usize, until: u64) {
        let torn = [0, 0, 1, 5][self.random.below(4)];
        self.nodes[at].kill(torn, &mut self.random);
        self.log.disconnect(at);
        self.backlog[at].clear();
        (self.restart_at[at], self.paused_until[at]) = (until, 0);
        self.kills += 1;
        self.others.retain(|(node, _)| *node != at);
        for person in &mut self.people {
            person.at.take_if(|there| there.node == at);
        }
    }

    /// Runs without faults until everything has settled.
    fn heal(&mut self) {
        self.log.faults = Faults::default();
        if self.expires {
            self.log.now += DAY;
        }
        let until = self.log.now + 200_000;
        while !self.is_settled() {
            assert!(self.log.now < until, "it does not settle: {}", self.summary());
            self.step(false);
        }
    }

    fn is_settled(&mut self) -> bool {
        let done = self.people.iter().all(Person::is_done);
        let idle = |running: &Running| {
            let participant = &running.participant;
            running.inputs.is_empty()
                && participant.node().is_some()
                && !participant.has_undelivered()
        };
        let idle = |node: &Node| node.running.as_ref().is_some_and(idle);
        done && self.nodes.iter().all(idle) && {
            let mut states =
                self.nodes.iter_mut().map(|node| node.running.as_mut().unwrap().state());
            let first = states.next().expect("there is one");
            states.all(|state| state == first)
        }
    }

    fn summary(&self) -> String {
        let nodes = self.nodes.iter().map(|node| {
            let running = node.running.as_ref();
            running.map(|it| (it.participant.node(), it.participant.applied(), it.inputs.len()))
        });
        let people =
            self.people.iter().map(|it| (it.confirmed.len(), it.is_done(), it.at.is_some()));
        let (nodes, people): (Vec<_>, Vec<_>) = (nodes.collect(), people.collect());
        format!("{nodes:?} {people:?} {:?}", self.log.extent())
    }

    fn history(&mut self, at: usize) -> Vec<Message> {
        let lobby = self.nodes[at].running.as_ref().and_then(|it| it.hub.state.lobby);
        let of = Scope::One(Conversation::room(lobby.expect("there is one")));
        let (select, limit, up_to) = (Select::Latest, 100_000, u64::MAX);
        let query = Query { of, select, limit, up_to, kinds: Kinds::MESSAGES };
        let page = self.nodes[at].reader().page(&query).expect("it is in memory");
        page.iter().filter_map(|event| people::read(&event.text)).collect()
    }

    /// Every session in the state exists at some node.
    fn check_sessions(&self) {
        let running: Vec<_> = self.nodes.iter().flat_map(|node| &node.running).collect();
        for user in running[0].hub.state.users.values() {
            for session in &user.sessions {
                let there = running.iter().any(|node| node.hub.node.sessions.contains_key(session));
                assert!(there, "{} has {session:?}, which no node has", user.nick);
            }
        }
    }

    /// Checks the promises once everything has settled. Returns the number of messages.
    fn check(&mut self) -> u64 {
        self.check_sessions();
        let contents = self.nodes[0].contents();
        let history = self.history(0);
        for at in 1..NODES {
            let other = self.nodes[at].contents();
            let first = contents.lines().zip(other.lines()).find(|(one, other)| one != other);
            assert!(other == contents, "node {at} has stored something else: {first:?}");
            assert_eq!(self.history(at), history, "node {at}");
        }
        if self.expires {
            return 0; // Confirmed messages may have expired, and resent ones may be new.
        }
        for person in &self.people {
            let of_theirs = history.iter().filter(|(name, _)| *name == person.name);
            let numbers: Vec<u64> = of_theirs.map(|(_, number)| *number).collect();
            let name = &person.name;
            if person.resends {
                let mut sorted = numbers.clone();
                if !person.refused.is_empty() {
                    // A message resent after a refusal may come after later ones.
                    sorted.sort_unstable();
                }
                let all = 1..=numbers.len() as u64;
                assert!(sorted.into_iter().eq(all), "{name}: {numbers:?}");
            } else {
                let refused = person.refused.iter().find(|number| numbers.contains(number));
                assert_eq!(refused, None, "{name}: the history has a message that was refused");
            }
            let mut of_connections: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
            for number in &numbers {
                of_connections.entry(person.connection(*number)).or_default().push(*number);
            }
            for sent in of_connections.values().filter(|_| !person.resends) {
                // A message given up may come after those of the next connection.
                assert!(
                    sent.is_sorted_by(|one, next| one < next),
                    "{name}: out of order: {sent:?}"
                );
            }
            let lost = person.confirmed.iter().find(|number| !numbers.contains(number));
            assert_eq!(lost, None, "{name}: the history lacks a message that was confirmed");
            let others: Vec<&Message> =
                history.iter().filter(|(name, _)| *name != person.name).collect();
            for received in &person.received {
                let Some(first) = received.first() else { continue };
                let begin = others.iter().position(|message| *message == first);
                let begin = begin.expect("what was received is in the history");
                let expected = &others[begin..others.len().min(begin + received.len())];
                let same = expected.iter().copied().eq(received);
                assert!(same, "{} has received {received:?} instead of {expected:?}", person.name);
            }
        }
        history.len() as u64
    }
}

/// Counts of what happened in some worlds: a test checks that enough happened.
#[derive(Default)]
struct Outcome {
    messages: u64,
    /// How often the log was reported to a hub as unavailable, the messages refused then, and the
    /// pings answered meanwhile.
    unavailable: usize,
    refused: usize,
    pongs: usize,
    kills: usize,
    copies: usize,
    /// Events that have expired.
    forgotten: u64,
}

fn run(seed: u64, real: bool, outcome: &mut Outcome) {
    let mut world = World::new(seed, real);
    let others = world.random.below(2) == 0;
    for _ in 0..1000 {
        world.step(true);
        world.inject_fault();
        if others && world.random.below(5) == 0 {
            world.step_other();
        }
    }
    world.heal();
    outcome.messages += world.check();
    if world.expires {
        outcome.forgotten += world.nodes[0].forgotten();
    }
    outcome.unavailable += world.unavailable;
    outcome.refused += world.people.iter().map(|person| person.refused.len()).sum::<usize>();
    outcome.pongs += world.people.iter().map(|person| person.pongs).sum::<usize>();
    outcome.kills += world.kills;
    outcome.copies += world.copies;
}

fn run_all(seeds: std::ops::Range<u64>, real: bool) {
    let many = seeds.end - seeds.start;
    let mut outcome = Outcome::default();
    for seed in seeds {
        // A failure names its seed: the panic's message is behind this line.
        let watched = AssertUnwindSafe(|| run(seed, real, &mut outcome));
        assert!(std::panic::catch_unwind(watched).is_ok(), "seed {seed} failed, see above");
    }
    let Outcome { messages, unavailable, refused, pongs, kills, copies, forgotten } = outcome;
    let enough = messages > 10 * many && kills as u64 > many && copies as u64 * 10 > many;
    // A single seed may have none of that.
    let outages = unavailable as u64 * 4 > many && refused as u64 * 4 > many;
    let counts = format!(
        "{messages} messages, {kills} kills, {copies} copies, {unavailable} outages, {refused} refused, \
         {pongs} pongs, {forgotten} expired"
    );
    let gone = forgotten > many;
    assert!(enough && gone && outages && pongs as u64 * 40 > many || many < 50, "only {counts}");
    println!("{counts}");
}

#[test]
fn whatever_fails_no_confirmed_message_is_lost_doubled_or_moved_and_all_states_are_equal() {
    run_all(0..60, false);
}

#[test]
fn whatever_fails_the_same_holds_on_the_store_that_a_real_node_has() {
    run_all(1000..1012, true);
}

#[test]
#[ignore = "takes minutes"]
fn whatever_fails_the_same_holds_for_many_seeds() {
    let wish = |name, usual| std::env::var(name).map_or(usual, |it| it.parse().expect("a number"));
    let (first, seeds) = (wish("FIRST", 1_000_000), wish("SEEDS", 10_000));
    run_all(first..first + seeds, std::env::var("REAL").is_ok());
}
