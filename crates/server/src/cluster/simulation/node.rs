//! A node that may be killed at any moment: it loses its memory, and maybe the last transactions on
//! its disk.

use crate::cluster::identity::Membership;
use crate::cluster::participant::Participant;
use crate::cluster::seal::Seal;
use crate::config::Config;
use crate::effects::{Effect, Effects, Task};
use crate::hub::input::Ordered;
use crate::hub::replay::random::Random;
use crate::hub::replay::steps;
use crate::hub::test_shards::TestShards;
use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped, live};
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use proto::scram::Keys;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Conversation, Kinds, MemoryStore, Point, Query, Scope, Select, Store, Write};

use super::disk::Disk;

/// After so many messages of the log a node writes its live state.
const LIVE_EVERY: u64 = 40;
/// The log retains so many messages that no member needs.
const LOG_RETAINED: u64 = 10;

pub(super) const KEY: [u8; 32] = [9; 32];

pub(super) struct Node {
    pub(super) name: String,
    config: Arc<Config>,
    disk: Disk,
    /// By how much its clocks are ahead.
    pub(super) wall: i64,
    steady: i64,
    pub(super) running: Option<Running>,
}

/// What it has in memory.
pub(super) struct Running {
    pub(super) participant: Participant,
    pub(super) hub: Hub,
    pub(super) shards: TestShards,
    /// Input that the hub has not applied.
    pub(super) inputs: VecDeque<Input>,
    opened: u32,
}

/// What every node's disk has when the cluster is made.
pub(super) fn founding(config: &Arc<Config>) -> Vec<Vec<Write>> {
    let mut store = MemoryStore::new("test");
    let (hub, writes) = Hub::new(config.clone(), store.load().unwrap(), 0);
    let bytes = live::write(&Membership::default().write(), &hub.state).into();
    vec![writes, vec![Write::Live { sequence: 0, bytes }]]
}

impl Node {
    pub(super) fn new(at: usize, config: &Arc<Config>, real: bool, random: &mut Random) -> Node {
        Node {
            name: format!("node-{at}"),
            config: config.clone(),
            disk: Disk::new(real, founding(config)),
            wall: random.below(3000) as i64,
            steady: random.below(100_000) as i64,
            running: None,
        }
    }

    pub(super) fn start(&mut self, random: &mut Random) {
        let mut store = self.disk.open();
        let loaded = store.load().expect("it can be read");
        let (sequence, bytes) = loaded.live.expect("it was founded with one");
        let (membership, state) = live::read(&bytes).expect("just written");
        let membership = Membership::read(membership).expect("just written");
        let hub = Hub::resume(self.config.clone(), state, loaded.applied, 0);
        let prefix = u128::from(random.next()).to_le_bytes();
        let seal = Seal::new(&KEY, b"entries", prefix);
        let mut participant =
            Participant::new(&self.name, seal, membership, sequence, random.next());
        (participant.live_every, participant.log_retained) = (LIVE_EVERY, LOG_RETAINED);
        let (shards, inputs) = (TestShards::new(store), VecDeque::new());
        self.running = Some(Running { participant, hub, shards, inputs, opened: 0 });
        // It may run on another machine.
        self.steady = random.below(100_000) as i64;
    }

    /// It gets a copy of what another node's disk has.
    pub(super) fn copy(&mut self, other: &Node) {
        self.disk.copy(&other.disk);
    }

    /// Kills it. Its disk may lose the last transactions, but none that it has waited for.
    pub(super) fn kill(&mut self, torn: usize, random: &mut Random) {
        // The files are taken as they are, before the store could do anything about its end.
        let crash = self.running.is_some().then(|| self.disk.crash(torn, random));
        self.running = None;
        if let Some(crash) = crash {
            self.disk = crash;
        }
    }

    /// Its hub applies its next input. Returns the input's sequence in the log, if it has one.
    pub(super) fn apply_next(&mut self, now: u64, random: &mut Random) -> Option<u64> {
        let input = self.running.as_mut()?.inputs.pop_front()?;
        let sequence = match &input {
            Input::Ordered(Ordered { sequence, .. }) => Some(*sequence),
            _ => None,
        };
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let (now, steady) = (1_000_000 + now as i64, now as i64);
            let (now, steady) = (now + self.wall, steady + self.steady);
            let stamped = Stamped { now, steady, committed: u64::MAX, input };
            let running = self.running.as_mut().expect("it runs");
            let effects = running.hub.apply(stamped);
            if !effects.writes.is_empty() {
                assert!(sequence.is_some(), "only what the log orders is stored: {effects:?}");
                self.disk.commits(&effects.writes);
            }
            let writes = effects.writes.clone();
            running.carry_out(effects, random);
            self.disk.committed(&writes);
            let more = running.hub.has_rest() || running.hub.has_turns();
            next = more.then_some(Input::Continue);
        }
        sequence
    }

    /// The contents of its disk as text, to compare.
    pub(super) fn contents(&mut self) -> String {
        let mut loaded = self.store().load().expect("it can be read");
        // How many events there are is only known roughly after a crash.
        (loaded.live, loaded.applied, loaded.events) = (None, 0, 0);
        // Each node removes expired resend ids at a time of its own.
        loaded.last_resend = 0;
        let lobby = self.running.as_ref().and_then(|it| it.hub.state.lobby);
        let of = Scope::One(Conversation::room(lobby.expect("there is one")));
        let (select, limit, up_to, kinds) = (Select::Latest, 100_000, u64::MAX, Kinds::ALL);
        let query = Query { of, select, limit, up_to, kinds };
        let page = self.reader().page(&query).expect("it can be read");
        format!("{loaded:#?} {page:#?}")
    }

    /// About how many events have expired.
    pub(super) fn forgotten(&mut self) -> u64 {
        let lobby = self.running.as_ref().and_then(|it| it.hub.state.lobby);
        let of = Scope::One(Conversation::room(lobby.expect("there is one")));
        let select = Select::After(Point::Id(0));
        let oldest = Query { of, select, limit: 1, up_to: u64::MAX, kinds: Kinds::ALL };
        let first = self.reader().page(&oldest).expect("it can be read");
        first.first().map_or(0, |event| event.id)
    }

    pub(super) fn reader(&mut self) -> Box<dyn store::Reader> {
        self.store().reader().expect("it can be read")
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut *self.running.as_mut().expect("it runs").shards.store
    }
}

impl Running {
    fn carry_out(&mut self, mut effects: Effects, random: &mut Random) {
        if effects.all_sessions_ended {
            self.participant.all_sessions_ended();
        }
        effects.entries.drain(..).for_each(|entry| self.participant.publish(entry));
        for write in &effects.writes {
            if let Write::Live { sequence, .. } = write {
                self.participant.live_stored(*sequence);
            }
        }
        for effect in &effects.list {
            if let Effect::Derive { session, job } = &effect.effect {
                let outcome = derived(&job.task, random);
                self.inputs.push_back(Input::Derived(Derived { session: *session, outcome }));
            }
        }
        if let Some(steady) = effects.steady.filter(|_| random.below(50) == 0) {
            self.shards.store.maintain(steady).expect("there is room");
        }
        let outcomes = self.shards.carry_out(&self.hub.state.renderer, effects);
        if outcomes.contains(&store::Outcome::More) {
            self.inputs.push_back(Input::ForgetMore);
        }
    }

    /// Whether its node is or was a member, as far as its hub knows.
    pub(super) fn accepts_connections(&self) -> bool {
        self.hub.node.sessions.node > 0
    }

    /// Somebody connects.
    pub(super) fn open(&mut self) -> SessionId {
        self.opened += 1;
        let (node, slot) = (self.hub.node.sessions.node, self.opened);
        let session = SessionId { node, shard: 0, slot, generation: slot };
        self.shards.open(session);
        let address = "192.0.2.7".parse().unwrap();
        self.client_event(session, "", ClientEvent::Opened { address, entropy: [0; 16] });
        session
    }

    pub(super) fn send(&mut self, session: SessionId, line: &str) {
        self.client_event(session, line, ClientEvent::Line(0..line.len() as u32));
    }

    /// Somebody's connection breaks.
    pub(super) fn close(&mut self, session: SessionId) {
        self.shards.close(session);
        self.client_event(session, "", ClientEvent::Closed { reason: "gone".into() });
    }

    fn client_event(&mut self, session: SessionId, text: &str, event: ClientEvent) {
        let events = vec![SessionEvent { session, event }];
        self.inputs.push_back(Input::Batch(Batch { shard: 0, text: text.into(), events }));
    }

    /// The state, as bytes, without what the clocks here show.
    pub(super) fn state(&mut self) -> Vec<u8> {
        let state = &mut self.hub.state;
        let shown = (state.now, state.steady);
        (state.now, state.steady) = state.ordered;
        let bytes = state.write();
        (state.now, state.steady) = shown;
        bytes
    }
}

/// Everybody knows the password.
fn derived(task: &Task, random: &mut Random) -> Outcome {
    let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
    match task {
        Task::Make { .. } => Outcome::Made(keys),
        Task::Compare { .. } => Outcome::Compared(true),
        _ => steps::outcome(random, task),
    }
}
