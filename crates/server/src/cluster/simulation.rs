//! Three nodes in one process, under a log with all the faults of a real one. Nodes are killed, stand
//! still, lose their connections and the end of what they have stored; people go to other nodes and
//! send again what was not confirmed. A seed says what happens.
//!
//! After every step, nodes that have applied the same have the same state. In the end all have the
//! same history, and in it each confirmed message once, in the order in which it was sent; and
//! what anybody has heard, in the order in which they have.

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

/// Old history goes, and so do accounts that have said nothing.
const KEEPS: &str = "\
history.keep_days = 2
history.keep_per_room = 30
accounts.expire_days = 1
";

/// A day, and a little more: what happened before is old enough to go.
const DAY: u64 = 25 * 60 * 60 * 1000;

struct World {
    log: SimulatedLog,
    random: Random,
    nodes: Vec<Node>,
    /// Until when each node stands still.
    still: [u64; NODES],
    /// Until when each node is cut off from the log.
    cut: [u64; NODES],
    /// What arrives there meanwhile.
    backlog: [Vec<super::log::Event>; NODES],
    /// When each node starts again, unless it runs.
    starts: [u64; NODES],
    people: Vec<Person>,
    /// Connections that send anything.
    others: Vec<(usize, SessionId)>,
    /// What the state was after each sequence of the log.
    states: BTreeMap<u64, [u8; 32]>,
    /// Whether the log or a node is out for long now and then.
    outages: bool,
    /// Whether days pass, and what is old goes.
    keeps: bool,
    silences: usize,
    kills: usize,
    copies: usize,
}

impl World {
    fn new(seed: u64, real: bool) -> World {
        let mut random = Random::new(seed);
        let keeps = seed % 4 == 1;
        let config = [CONFIG, if keeps { KEEPS } else { "" }].concat();
        let config: Arc<Config> = Arc::new(toml::from_str(&config).expect("a config"));
        let mut log = SimulatedLog::new(NODES, seed ^ 0x5eed);
        let often = [0, 5, 50][random.below(3)];
        log.faults = Faults { lost: often, doubled: often, late: often * 2 };
        World {
            log,
            nodes: (0..NODES).map(|at| Node::new(at, &config, real, &mut random)).collect(),
            still: [0; NODES],
            cut: [0; NODES],
            backlog: Default::default(),
            starts: [0; NODES],
            people: (0..PEOPLE)
                .map(|number| Person::new(&format!("w{number}"), number % 2 == 0, number > 1))
                .collect(),
            others: Vec::new(),
            states: BTreeMap::new(),
            outages: seed.is_multiple_of(4),
            keeps,
            silences: 0,
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
            if self.nodes[at].running.is_none() && now >= self.starts[at] {
                self.nodes[at].start(&mut self.random);
            }
            if self.nodes[at].running.is_some() && now >= self.still[at] {
                self.node_acts(at);
            }
        }
        for at in 0..PEOPLE {
            self.person_acts(at, more);
        }
    }

    /// Whether the log or a node is out for long.
    fn is_out(&self) -> bool {
        let long = self.log.now + 9000;
        self.log.frozen > long || self.cut.iter().any(|until| *until > long)
    }

    fn node_acts(&mut self, at: usize) {
        let now = self.log.now;
        let running = self.nodes[at].running.as_mut().expect("it runs");
        for event in std::mem::take(&mut self.backlog[at]) {
            match running.participant.heed(event, now) {
                Ok(ordered) => running.inputs.extend(ordered.into_iter().map(Input::Ordered)),
                // The others have gone on without it for so long that it needs a copy of a disk.
                Err(Exclusion::Log(FollowError::TooLate { .. })) => return self.copy(at),
                Err(other) => panic!("node {at} is excluded: {other}"),
            }
        }
        let (requests, news) = running.participant.look(now);
        self.silences += usize::from(matches!(news, Some(Input::LogSilent(_))));
        running.inputs.extend(news);
        for request in requests {
            self.log.request(at, request);
        }
        if !self.log.is_connected(at) && now >= self.cut[at] && self.random.below(20) == 0 {
            self.log.connect(at);
        }
        // The hub is behind now and then.
        for _ in 0..[0, 3, 100][self.random.below(3)] {
            if self.nodes[at].running.as_ref().is_some_and(|running| running.inputs.is_empty()) {
                break;
            }
            if let Some(sequence) = self.nodes[at].deal(now, &mut self.random) {
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

    /// The state is what it was at any other node after the same sequence. Once in a while, for it takes
    /// time: a difference stays.
    fn compare(&mut self, at: usize, sequence: u64) {
        if !sequence.is_multiple_of(8) {
            return;
        }
        let running = self.nodes[at].running.as_mut().expect("it runs");
        let state: [u8; 32] = Sha256::digest(running.state()).into();
        let first = *self.states.entry(sequence).or_insert(state);
        assert!(first == state, "node {at} has another state after {sequence}");
    }

    fn person_acts(&mut self, at: usize, more: bool) {
        let now = self.log.now;
        let person = &mut self.people[at];
        let node = match &person.at {
            Some(at) => at.node,
            None if self.random.below(10) == 0 => self.random.below(NODES),
            None => return,
        };
        let Some(running) = self.nodes[node].running.as_mut().filter(|_| now >= self.still[node])
        else {
            return;
        };
        if person.at.is_some() {
            person.acts(running, more, now);
        } else if running.listens() {
            person.connects(node, running, now);
        }
    }

    /// Somebody else sends something.
    fn other_acts(&mut self) {
        let node = self.random.below(NODES);
        let Some(running) = &mut self.nodes[node].running else { return };
        if !running.listens() {
            return;
        }
        if self.others.len() < 3 {
            self.others.push((node, running.opens()));
            return;
        }
        let (node, session) = self.others[self.random.below(self.others.len())];
        let Some(running) = &mut self.nodes[node].running else { return };
        if running.shards.is_gone(session) {
            self.others.retain(|other| *other != (node, session));
        } else {
            running.says(session, &line(&mut self.random));
        }
    }

    fn something_fails(&mut self) {
        let (now, at) = (self.log.now, self.random.below(NODES));
        let long = self.random.below(6000) as u64;
        match self.random.below(1000) {
            0..=4 => self.kill(at, now + long),
            5 if self.random.below(4) == 0 => (0..NODES).for_each(|at| self.kill(at, now + long)),
            6..=9 => self.still[at] = now + long,
            10..=19 => self.log.disconnect(at),
            20 | 21 => self.log.freeze(long * 3 / 2),
            23..=25 if self.keeps => self.log.now += DAY,
            23 if self.outages => self.log.freeze(long + 20_000),
            24 if self.outages => {
                self.cut[at] = now + long + 20_000;
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
        (self.starts[at], self.still[at]) = (until, 0);
        self.kills += 1;
        self.others.retain(|(node, _)| *node != at);
        for person in &mut self.people {
            person.at.take_if(|there| there.node == at);
        }
    }

    /// Nothing fails any more, and everything comes to an end.
    fn heal(&mut self) {
        self.log.faults = Faults::default();
        if self.keeps {
            self.log.now += DAY;
        }
        let until = self.log.now + 200_000;
        while !self.is_whole() {
            assert!(self.log.now < until, "it does not come to an end: {}", self.shown());
            self.step(false);
        }
    }

    fn is_whole(&mut self) -> bool {
        let done = self.people.iter().all(Person::is_done);
        let idle = |running: &Running| {
            let participant = &running.participant;
            running.inputs.is_empty() && participant.node().is_some() && !participant.is_waiting()
        };
        let idle = |node: &Node| node.running.as_ref().is_some_and(idle);
        done && self.nodes.iter().all(idle) && {
            let mut states =
                self.nodes.iter_mut().map(|node| node.running.as_mut().unwrap().state());
            let first = states.next().expect("there is one");
            states.all(|state| state == first)
        }
    }

    fn shown(&self) -> String {
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

    /// Nobody is online by a connection that no node has.
    fn check_sessions(&self) {
        let running: Vec<_> = self.nodes.iter().flat_map(|node| &node.running).collect();
        for user in running[0].hub.state.users.values() {
            for session in &user.sessions {
                let there = running.iter().any(|node| node.hub.node.sessions.contains_key(session));
                assert!(there, "{} has {session:?}, which is nowhere", user.nick);
            }
        }
    }

    /// The promises, once nothing is under way. Returns how much was said.
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
        if self.keeps {
            return 0; // What was confirmed may have gone, and what is sent again may be new.
        }
        for person in &self.people {
            let of_theirs = history.iter().filter(|(name, _)| *name == person.name);
            let numbers: Vec<u64> = of_theirs.map(|(_, number)| *number).collect();
            let name = &person.name;
            if person.resends {
                let mut sorted = numbers.clone();
                if !person.refused.is_empty() {
                    // What is sent again after a refusal may come after what was sent next.
                    sorted.sort_unstable();
                }
                let all = 1..=numbers.len() as u64;
                assert!(sorted.into_iter().eq(all), "{name}: {numbers:?}");
            } else {
                let refused = person.refused.iter().find(|number| numbers.contains(number));
                assert_eq!(refused, None, "{name} was told that it is not there");
            }
            let mut of_connections: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
            for number in &numbers {
                of_connections.entry(person.connection(*number)).or_default().push(*number);
            }
            for sent in of_connections.values().filter(|_| !person.resends) {
                // What was given up may come after what was sent over the next connection.
                assert!(sent.is_sorted_by(|one, next| one < next), "{name} is there as {sent:?}");
            }
            let lost = person.confirmed.iter().find(|number| !numbers.contains(number));
            assert_eq!(lost, None, "{name} was told that it is there");
            let others: Vec<&Message> =
                history.iter().filter(|(name, _)| *name != person.name).collect();
            for heard in &person.heard {
                let Some(first) = heard.first() else { continue };
                let begin = others.iter().position(|message| *message == first);
                let begin = begin.expect("what was heard is in the history");
                let there = &others[begin..others.len().min(begin + heard.len())];
                let same = there.iter().copied().eq(heard);
                assert!(same, "{} has heard {heard:?} of {there:?}", person.name);
            }
        }
        history.len() as u64
    }
}

/// What came of some worlds, so that a test sees that something happened in them.
#[derive(Default)]
struct Outcome {
    messages: u64,
    /// How often a hub was told that the log does not answer, what was refused then, and how often
    /// somebody was told meanwhile that the server is there.
    silences: usize,
    refused: usize,
    reassured: usize,
    kills: usize,
    copies: usize,
    /// Events that were not kept.
    forgotten: u64,
}

fn run(seed: u64, real: bool, outcome: &mut Outcome) {
    let mut world = World::new(seed, real);
    let others = world.random.below(2) == 0;
    for _ in 0..1000 {
        world.step(true);
        world.something_fails();
        if others && world.random.below(5) == 0 {
            world.other_acts();
        }
    }
    world.heal();
    outcome.messages += world.check();
    if world.keeps {
        outcome.forgotten += world.nodes[0].forgotten();
    }
    outcome.silences += world.silences;
    outcome.refused += world.people.iter().map(|person| person.refused.len()).sum::<usize>();
    outcome.reassured += world.people.iter().map(|person| person.reassured).sum::<usize>();
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
    let Outcome { messages, silences, refused, reassured, kills, copies, forgotten } = outcome;
    let enough = messages > 10 * many && kills as u64 > many && copies as u64 * 10 > many;
    // One seed alone, to look at it, may have none of that.
    let silent = silences as u64 * 4 > many && refused as u64 * 4 > many;
    let told = format!(
        "{messages} messages, {kills} kills, {copies} copies, {silences} silences, {refused} refused, {reassured} reassured, {forgotten} forgotten"
    );
    let gone = forgotten > many;
    assert!(enough && gone && silent && reassured as u64 * 40 > many || many < 50, "only {told}");
    println!("{told}");
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
