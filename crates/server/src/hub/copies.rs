//! All nodes that apply the same entries in the same order have the same state and store the same.
//!
//! Random commands of sessions at two nodes become entries, which one log orders. Each node knows
//! its own sessions and nothing of the other's; a third one knows none and has only the entries. After
//! each entry the three states must be equal, and so must be what was stored. Nothing but entries
//! changes the state or is stored.

use super::input::{Ordered, OrderedStep};
use super::replay::lines::line;
use super::replay::random::Random;
use super::replay::steps;
use super::test_shards::TestShards;
use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::config::Config;
use crate::effects::{Effect, Effects, SentEntry, Task};
use crate::session::login::Derived;
use crate::session_id::SessionId;
use crate::state::State;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{MemoryStore, Store};

/// The number of nodes with sessions.
const NODES: u8 = 2;

/// A node: its copy of the state, and what its sessions receive.
struct Node {
    hub: Hub,
    shards: TestShards,
    sessions: Vec<SessionId>,
    derivations: VecDeque<(SessionId, Task)>,
    opened: u32,
}

struct Cluster {
    nodes: Vec<Node>,
    /// Entries that were sent and that not all nodes have applied.
    log: VecDeque<SentEntry>,
    now: i64,
    /// The number of entries applied.
    applied: usize,
}

impl Node {
    fn new(config: &Arc<Config>) -> Node {
        let mut store = MemoryStore::new("test");
        let (mut hub, writes) = Hub::new(config.clone(), store.load().unwrap(), 0);
        store.commit(&mut writes.iter()).unwrap();
        hub.node.entries_sent = Some(0);
        let (sessions, derivations) = (Vec::new(), VecDeque::new());
        Node { hub, shards: TestShards::new(Box::new(store)), sessions, derivations, opened: 0 }
    }

    fn carry_out(&mut self, effects: Effects) {
        for effect in &effects.list {
            match &effect.effect {
                Effect::Derive { session, job } => {
                    self.derivations.push_back((*session, job.task.clone()));
                }
                Effect::Close { session } => self.sessions.retain(|open| open != session),
                _ => {}
            }
        }
        self.shards.carry_out(&self.hub.state.renderer, effects);
    }
}

impl Cluster {
    /// An input at one node. Its commands go to the log; it stores nothing itself.
    fn apply(&mut self, at: usize, input: Input) {
        let node = &mut self.nodes[at];
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let before = format!("{input:?}");
            let stamped = Stamped { now: self.now, steady: self.now, committed: u64::MAX, input };
            let mut effects = node.hub.apply(stamped);
            assert!(effects.writes.is_empty(), "{before} stores {:?}", effects.writes);
            self.log.extend(effects.entries.drain(..));
            node.carry_out(effects);
            next = (node.hub.has_rest() || node.hub.has_turns()).then_some(Input::Continue);
        }
    }

    fn client_event(&mut self, session: SessionId, text: &str, event: ClientEvent) {
        let events = vec![SessionEvent { session, event }];
        let input = Input::Batch(Batch { shard: session.shard, text: text.into(), events });
        self.apply(usize::from(session.shard), input);
    }

    fn send(&mut self, session: SessionId, line: &str) {
        self.client_event(session, line, ClientEvent::Line(0..line.len() as u32));
    }

    /// The log delivers an entry to all nodes.
    fn deliver_next(&mut self) {
        let Some(sent) = self.log.pop_front() else { return };
        self.applied += 1;
        let mut written = Vec::new();
        for node in &mut self.nodes {
            let read = SentEntry::new(sent.bytes().into()).expect("just written");
            let steps = vec![OrderedStep::Entry(read)];
            let input = Input::Ordered(Ordered { sequence: 1, steps, roster: None });
            let stamped = Stamped { now: self.now, steady: self.now, committed: u64::MAX, input };
            let mut effects = node.hub.apply(stamped);
            self.log.extend(effects.entries.drain(..));
            written.push(format!("{:?}", effects.writes));
            node.carry_out(effects);
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at].hub.has_turns() {
                self.apply(at, Input::Continue);
            }
        }
        assert!(written.iter().all(|one| *one == written[0]), "{written:#?}");
        self.compare();
    }

    fn compare(&mut self) {
        for node in &mut self.nodes {
            // Each node reads its own clock; entries bring their own times.
            (node.hub.state.now, node.hub.state.steady) = (self.now, self.now);
        }
        let states: Vec<&State> = self.nodes.iter().map(|node| &node.hub.state).collect();
        for other in &states[1..] {
            assert!(*other == states[0], "{other:#?} is not {:#?}", states[0]);
        }
    }

    fn step(&mut self, random: &mut Random) {
        self.now += random.below(2000) as i64;
        if random.below(40) == 0 {
            self.now += random.below(3) as i64 * 86_400_000;
        }
        let at = random.below(usize::from(NODES));
        let some = |cluster: &Cluster, random: &mut Random| {
            let sessions = &cluster.nodes[at].sessions;
            (!sessions.is_empty()).then(|| sessions[random.below(sessions.len())])
        };
        match random.below(22) {
            0 | 1 => self.open(at, random),
            2 => {
                if let Some(session) = some(self, random).filter(|_| random.below(3) == 0) {
                    self.nodes[at].sessions.retain(|open| *open != session);
                    self.client_event(session, "", ClientEvent::Closed { reason: "gone".into() });
                }
            }
            3..=5 => {
                if let Some((session, task)) = self.nodes[at].derivations.pop_front() {
                    let outcome = steps::outcome(random, &task);
                    self.apply(at, Input::Derived(Derived { session, outcome }));
                }
            }
            6..=12 => self.deliver_next(),
            _ => {
                if let Some(session) = some(self, random) {
                    self.send(session, &line(random));
                }
            }
        }
    }

    fn open(&mut self, at: usize, random: &mut Random) {
        let node = &mut self.nodes[at];
        node.opened += 1;
        let (shard, slot) = (at as u8, node.opened);
        let session = SessionId { node: 0, shard, slot, generation: slot };
        node.sessions.push(session);
        node.shards.open(session);
        let entropy = u128::from(slot).to_le_bytes();
        let address = random.pick(&["127.0.0.1", "192.0.2.7"]).parse().unwrap();
        self.client_event(session, "", ClientEvent::Opened { address, entropy });
        let certificate = steps::certificate(random);
        self.client_event(session, "", ClientEvent::Encrypted { certificate });
    }
}

#[test]
fn two_nodes_and_one_without_sessions_have_the_same_state_after_each_entry() {
    let (mut applied, mut heard, mut failed) = (0, 0, Vec::new());
    for seed in 0..300 {
        let watched = std::panic::catch_unwind(|| {
            let mut random = Random::new(seed);
            let config = steps::config(&mut random);
            let nodes = (0..=NODES).map(|_| Node::new(&config)).collect();
            let mut cluster = Cluster { nodes, log: VecDeque::new(), now: 0, applied: 0 };
            for _ in 0..200 {
                cluster.step(&mut random);
            }
            while !cluster.log.is_empty() {
                cluster.deliver_next();
            }
            let heard = cluster.nodes.iter().flat_map(|node| node.shards.lines.values());
            (cluster.applied, heard.map(Vec::len).sum::<usize>())
        });
        match watched {
            Ok((entries, lines)) => (applied, heard) = (applied + entries, heard + lines),
            Err(_) => failed.push(seed),
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?} failed, see above");
    assert!(applied > 5000 && heard > 5000, "only {applied} entries, and {heard} lines heard");
}
