//! The contract of a log, with a node's publisher and follower: tested on the simulated log, and on
//! JetStream where there is a NATS server.

use super::identity::Membership;
use super::jetstream::{Nats, Refusal};
use super::log::{Event, Log, Request};
use super::nats_server::NatsServer;
use super::participant::Participant;
use super::seal::Seal;
use super::simulated::{Faults, SimulatedLog};
use crate::command::entry::{Entry, Request as Asked};
use crate::config::Cluster;
use crate::effects::SentEntry;
use crate::hub::input::OrderedStep;
use crate::limits::{NATS_ASK_AGAIN_MILLIS, PUBLICATION_WINDOW};
use crate::state::requester::Requester;
use futures_util::Stream as _;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A log that nodes can connect to.
trait World {
    fn connect(&mut self) -> Box<dyn Log>;
    /// Milliseconds.
    fn now(&self) -> u64;
    fn membership(&self) -> Membership;
    /// The sequence that a new node has read.
    fn begin(&self) -> u64;
}

/// The simulated log, and what has arrived at each node.
struct Simulated(Rc<RefCell<(SimulatedLog, Vec<VecDeque<Event>>)>>, usize);

struct SimulatedLink(Rc<RefCell<(SimulatedLog, Vec<VecDeque<Event>>)>>, usize);

const NODES: usize = 3;

impl Simulated {
    fn new(often: usize) -> Simulated {
        let mut log = SimulatedLog::new(NODES, 7);
        log.faults = Faults { lost: often, doubled: often, late: often };
        Simulated(Rc::new(RefCell::new((log, vec![VecDeque::new(); NODES]))), 0)
    }
}

impl World for Simulated {
    fn connect(&mut self) -> Box<dyn Log> {
        let node = self.1;
        self.1 += 1;
        self.0.borrow_mut().0.connect(node);
        Box::new(SimulatedLink(self.0.clone(), node))
    }

    fn now(&self) -> u64 {
        self.0.borrow().0.now
    }

    fn membership(&self) -> Membership {
        Membership::default()
    }

    fn begin(&self) -> u64 {
        0
    }
}

impl Log for SimulatedLink {
    fn request(&mut self, request: Request) {
        self.0.borrow_mut().0.request(self.1, request);
    }

    fn next(&mut self, timeout: Duration) -> Option<Event> {
        let (log, arrived) = &mut *self.0.borrow_mut();
        if arrived[self.1].is_empty() {
            log.now += timeout.as_millis() as u64;
            for (node, event) in log.arrivals() {
                arrived[node].push_back(event);
            }
        }
        arrived[self.1].pop_front()
    }
}

/// JetStream, on one server.
struct OnNats {
    server: NatsServer,
    membership: Membership,
    begun: Instant,
}

impl OnNats {
    fn new() -> Option<OnNats> {
        let server = NatsServer::start()?;
        let nats = Nats::connect(&config(&server)).expect("it is there");
        let info = nats.create("test", "key").expect("it is new");
        info.check("test", "key", true).expect("as it was made");
        nats.publish_first(b"beginning".to_vec()).expect("it is empty");
        let again = nats.publish_first(b"beginning".to_vec());
        again.expect_err("there is only one beginning");
        let membership =
            Membership { identity: info.identity().expect("it is ours"), ..Membership::default() };
        Some(OnNats { server, membership, begun: Instant::now() })
    }
}

fn config(server: &NatsServer) -> Cluster {
    Cluster {
        name: "test".into(),
        node: "node".into(),
        servers: vec![server.url()],
        allow_single_log: true,
        ..Cluster::default()
    }
}

impl World for OnNats {
    fn connect(&mut self) -> Box<dyn Log> {
        let nats = Nats::connect(&config(&self.server)).expect("it is there");
        Box::new(nats.follow(self.membership.identity.clone()).expect("it is there"))
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn membership(&self) -> Membership {
        self.membership.clone()
    }

    fn begin(&self) -> u64 {
        1
    }
}

/// A node that publishes numbers, and records all that are delivered to it.
struct Node {
    log: Box<dyn Log>,
    participant: Participant,
    /// The number and the sequence of each delivered entry.
    delivered: Vec<(u64, u64)>,
    /// Attempts that are not acknowledged, since it last went back.
    unacknowledged: BTreeSet<u64>,
    /// Everything that it has published: when it sends one of these again, it has gone back.
    published: BTreeMap<*const u8, Arc<[u8]>>,
    most_unacknowledged: usize,
    resending: bool,
    /// Every so-many-th announcement is lost; 0 for none.
    drop_every: u64,
    announcements: u64,
    fetches: usize,
}

impl Node {
    fn new(world: &mut dyn World, name: &str, applied: u64) -> Node {
        let random = name.bytes().next().expect("a name");
        let seal = Seal::new(&[1; 32], b"entries", [random; 16]);
        let nonce = u64::from(random);
        Node {
            log: world.connect(),
            participant: Participant::new(name, seal, world.membership(), applied, nonce),
            delivered: Vec::new(),
            unacknowledged: BTreeSet::new(),
            published: BTreeMap::new(),
            most_unacknowledged: 0,
            resending: false,
            drop_every: 0,
            announcements: 0,
            fetches: 0,
        }
    }

    fn publish(&mut self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let (requester, request) = (Requester::of(None), Asked::ClockSet);
            let entry = Entry { now: 0, steady: 0, requester, request };
            let bytes = postcard::to_stdvec(&(number, entry)).expect("all lengths are known");
            self.participant.publish(SentEntry::new(bytes.into()).expect("it can be read"));
        }
    }

    /// Handles one event at most, and does what is due.
    fn step(&mut self, world: &dyn World) {
        let event = self.log.next(Duration::from_millis(1));
        self.announcements += u64::from(matches!(event, Some(Event::Announced(_))));
        let lost = self.drop_every > 0 && self.announcements.is_multiple_of(self.drop_every);
        match event {
            Some(Event::Announced(_)) if lost => {}
            Some(event) => {
                if let Event::Acknowledged { attempt, .. } | Event::Refused { attempt } = event {
                    self.unacknowledged.remove(&attempt);
                }
                let ordered = self.participant.handle(event, world.now()).expect("it goes on");
                for ordered in ordered {
                    for step in ordered.steps {
                        if let OrderedStep::Entry(entry) = step {
                            let (number, _) =
                                postcard::take_from_bytes(entry.bytes()).expect("read");
                            self.delivered.push((number, ordered.sequence));
                        }
                    }
                }
            }
            None => {}
        }
        for request in self.participant.poll(world.now()).0 {
            match &request {
                Request::Publish { attempt, bytes } => {
                    let before = self.published.insert(bytes.as_ptr(), bytes.clone());
                    if before.is_some() && !self.resending {
                        self.unacknowledged.clear();
                    }
                    self.resending = before.is_some();
                    self.unacknowledged.insert(*attempt);
                }
                Request::Fetch { .. } => self.fetches += 1,
                Request::Purge { .. } | Request::Announce(_) => {}
            }
            self.log.request(request);
        }
        self.most_unacknowledged = self.most_unacknowledged.max(self.unacknowledged.len());
    }

    fn numbers(&self) -> Vec<u64> {
        self.delivered.iter().map(|(number, _)| *number).collect()
    }
}

/// Steps the nodes until a condition holds.
fn run_until(world: &dyn World, nodes: &mut [&mut Node], wanted: impl Fn(&[&mut Node]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !wanted(nodes) {
        assert!(Instant::now() < deadline, "in vain");
        nodes.iter_mut().for_each(|node| node.step(world));
    }
}

/// All nodes get the same entries, each once, and those of one node in its order.
fn all_get_the_same_in_order_and_once(world: &mut dyn World) {
    let begin = world.begin();
    let (mut a, mut b) = (Node::new(world, "a", begin), Node::new(world, "b", begin));
    for part in 0..10 {
        a.publish(part * 50..part * 50 + 50);
        b.publish(1000 + part * 50..1050 + part * 50);
        for _ in 0..10 {
            a.step(world);
            b.step(world);
        }
    }
    run_until(world, &mut [&mut a, &mut b], |nodes| {
        nodes.iter().all(|it| it.delivered.len() >= 1000)
    });
    assert_eq!(a.delivered, b.delivered);
    let of = |range: std::ops::Range<u64>| -> Vec<u64> {
        a.numbers().into_iter().filter(|number| range.contains(number)).collect()
    };
    assert!(of(0..1000).into_iter().eq(0..500), "{:?}", of(0..1000));
    assert!(of(1000..2000).into_iter().eq(1000..1500), "{:?}", of(1000..2000));
}

/// A node that misses announcements fetches the messages.
fn gaps_are_fetched(world: &mut dyn World) {
    let begin = world.begin();
    let (mut a, mut b) = (Node::new(world, "a", begin), Node::new(world, "b", begin));
    b.drop_every = 3;
    for part in 0..20 {
        a.publish(part * 5..part * 5 + 5);
        for _ in 0..20 {
            a.step(world);
            b.step(world);
        }
    }
    run_until(world, &mut [&mut a, &mut b], |nodes| {
        nodes.iter().all(|it| it.delivered.len() >= 100)
    });
    assert!(b.numbers().into_iter().eq(0..100), "{:?}", b.numbers());
    assert!(
        b.fetches > 0 && b.announcements > 10,
        "{} fetches, {} announcements",
        b.fetches,
        b.announcements
    );
}

/// The leader returns the messages that it has.
fn the_leader_answers(world: &mut dyn World) {
    let begin = world.begin();
    let mut a = Node::new(world, "a", begin);
    a.publish(0..10);
    run_until(world, &mut [&mut a], |nodes| nodes[0].delivered.len() >= 10);
    let last = a.participant.applied();
    let mut fetch = |from| {
        a.log.request(Request::Fetch { from, leader: true });
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "in vain");
            if let Some(Event::Fetched { messages, .. }) = a.log.next(Duration::from_millis(5)) {
                return messages.iter().map(|message| message.sequence).collect::<Vec<_>>();
            }
        }
    };
    assert_eq!(fetch(last), [last]);
    assert!(fetch(begin + 1).into_iter().eq(begin + 1..=last));
    assert!(fetch(last + 1).is_empty());
}

/// Unacknowledged publications are bounded, however many entries there are.
fn unacknowledged_publications_are_bounded(world: &mut dyn World) {
    let begin = world.begin();
    let mut a = Node::new(world, "a", begin);
    a.publish(0..20_000);
    run_until(world, &mut [&mut a], |nodes| nodes[0].delivered.len() >= 20_000);
    assert!(a.numbers().into_iter().eq(0..20_000));
    assert!(
        (2..=PUBLICATION_WINDOW).contains(&a.most_unacknowledged),
        "{} at once",
        a.most_unacknowledged
    );
}

/// A node that restarts at some sequence gets everything after it, and nothing else.
fn a_node_continues_from_where_it_stopped(world: &mut dyn World) {
    let begin = world.begin();
    let (mut a, mut b) = (Node::new(world, "a", begin), Node::new(world, "b", begin));
    a.publish(0..100);
    run_until(world, &mut [&mut a, &mut b], |nodes| {
        nodes.iter().all(|it| it.delivered.len() >= 100)
    });
    let stopped = b.participant.applied();
    let membership = Membership { roster: b.participant.roster().clone(), ..world.membership() };
    drop(b);
    a.publish(100..300);
    run_until(world, &mut [&mut a], |nodes| nodes[0].delivered.len() >= 300);
    let seal = Seal::new(&[1; 32], b"entries", [9; 16]);
    let mut again = Node::new(world, "b", stopped);
    again.participant = Participant::new("b", seal, membership, stopped, 99);
    let wanted = |nodes: &[&mut Node]| {
        let node = &nodes[1];
        node.delivered.len() >= 200 && node.participant.node().is_some()
    };
    run_until(world, &mut [&mut a, &mut again], wanted);
    assert!(again.numbers().into_iter().eq(100..300), "{:?}", again.numbers());
    assert!(again.delivered.iter().all(|(_, sequence)| *sequence > stopped));
}

macro_rules! contract {
    ($($name:ident),*) => {
        mod simulated {
            $(
                #[test]
                fn $name() {
                    super::$name(&mut super::Simulated::new(0));
                    super::$name(&mut super::Simulated::new(30));
                }
            )*
        }
        mod jetstream {
            $(
                #[test]
                fn $name() {
                    let Some(mut world) = super::OnNats::new() else { return };
                    super::$name(&mut world);
                }
            )*
        }
    };
}

contract!(
    all_get_the_same_in_order_and_once,
    gaps_are_fetched,
    unacknowledged_publications_are_bounded,
    a_node_continues_from_where_it_stopped,
    the_leader_answers
);

/// Publications in flight when the server is killed are resent, and delivered once.
#[test]
fn a_restarted_nats_server_is_followed_again() {
    let Some(mut world) = OnNats::new() else { return };
    let mut a = Node::new(&mut world, "a", 1);
    a.publish(0..2000);
    run_until(&world, &mut [&mut a], |nodes| nodes[0].delivered.len() >= 1000);
    world.server.kill();
    a.publish(2000..3000);
    for _ in 0..200 {
        a.step(&world);
    }
    world.server.restart();
    run_until(&world, &mut [&mut a], |nodes| nodes[0].delivered.len() >= 3000);
    assert!(a.numbers().into_iter().eq(0..3000), "{:?}", a.numbers());
}

/// A server that has just started has no JetStream for a moment; one without JetStream is reported as such.
#[test]
fn jetstream_may_come_a_moment_after_its_server() {
    let Some(server) = NatsServer::start_without_jetstream() else { return };
    let nats = Nats::connect(&config(&server)).expect("it is there");
    let refusal = nats.info().expect_err("there is no JetStream");
    assert!(matches!(refusal, Refusal::NoJetStream), "{refusal}");
    let answer = r#"{"error": {"err_code": 10059}}"#;
    let answered = answer_later(&server, "$JS.API.STREAM.INFO.parlor_test", answer);
    let refusal = nats.info().expect_err("that is the answer");
    assert!(matches!(refusal, Refusal::NoStream(_)), "{refusal}");
    answered.join().expect("it has answered");
}

/// The servers tell each other of a new stream after it was created, so for a moment the one that a node is
/// connected to says that nobody receives its messages.
#[test]
fn a_new_stream_may_be_known_a_moment_later() {
    let Some(server) = NatsServer::start_without_jetstream() else { return };
    let nats = Nats::connect(&config(&server)).expect("it is there");
    let answered =
        answer_later(&server, "parlor.test.log", r#"{"stream": "parlor_test", "seq": 1}"#);
    nats.publish_first(b"the first".to_vec()).expect("the stream takes it");
    answered.join().expect("it has answered");
    let answered = answer_later(&server, "$JS.API.DIRECT.GET.parlor_test", "");
    assert!(nats.get(1).expect("an answer").is_none());
    answered.join().expect("it has answered");
}

/// Answers the first request on a subject that comes after a moment.
fn answer_later(
    server: &NatsServer,
    subject: &'static str,
    answer: &'static str,
) -> JoinHandle<()> {
    let url = server.url();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            tokio::time::sleep(Duration::from_millis(NATS_ASK_AGAIN_MILLIS / 2)).await;
            let client = async_nats::connect(url).await.expect("the server runs");
            let subscribed = client.subscribe(subject).await;
            let mut requests = subscribed.expect("everybody may subscribe");
            let request = poll_fn(|context| Pin::new(&mut requests).poll_next(context)).await;
            let reply_to = request.expect("a request").reply.expect("a subject for the reply");
            client.publish(reply_to, answer.into()).await.expect("the server runs");
            client.flush().await.expect("the server runs");
        });
    })
}
