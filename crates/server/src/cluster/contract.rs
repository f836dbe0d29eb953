//! What holds of a log and of the two sides that a node has of it, whichever log it is: the simulated
//! one, and JetStream where there is a NATS server.

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
use std::time::{Duration, Instant};

/// A log that nodes can connect to.
trait World {
    fn connect(&mut self) -> Box<dyn Log>;
    /// Milliseconds.
    fn now(&self) -> u64;
    fn membership(&self) -> Membership;
    /// Up to where a node that has just been made has read.
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

    fn next(&mut self, patience: Duration) -> Option<Event> {
        let (log, arrived) = &mut *self.0.borrow_mut();
        if arrived[self.1].is_empty() {
            log.now += patience.as_millis() as u64;
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

/// A node that says numbers, and writes down all that it hears.
struct Node {
    log: Box<dyn Log>,
    participant: Participant,
    /// The number of each entry, and where the log has it.
    heard: Vec<(u64, u64)>,
    /// Publications that are sent and not acknowledged, since it last went back.
    out: BTreeSet<u64>,
    /// All that it has published: who sends one of them again goes back.
    published: BTreeMap<*const u8, Arc<[u8]>>,
    out_most: usize,
    goes_back: bool,
    /// Of what it is told every so-many-th is lost on the way; 0 for none.
    deaf: u64,
    told: u64,
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
            heard: Vec::new(),
            out: BTreeSet::new(),
            published: BTreeMap::new(),
            out_most: 0,
            goes_back: false,
            deaf: 0,
            told: 0,
            fetches: 0,
        }
    }

    fn say(&mut self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let (requester, request) = (Requester::of(None), Asked::ClockSet);
            let entry = Entry { now: 0, steady: 0, requester, request };
            let bytes = postcard::to_stdvec(&(number, entry)).expect("all lengths are known");
            self.participant.say(SentEntry::new(bytes.into()).expect("it can be read"));
        }
    }

    /// Does what is due, and hears one thing at most.
    fn turn(&mut self, world: &dyn World) {
        let event = self.log.next(Duration::from_millis(1));
        self.told += u64::from(matches!(event, Some(Event::Told(_))));
        let lost = self.deaf > 0 && self.told.is_multiple_of(self.deaf);
        match event {
            Some(Event::Told(_)) if lost => {}
            Some(event) => {
                if let Event::Acknowledged { ticket, .. } | Event::Refused { ticket } = event {
                    self.out.remove(&ticket);
                }
                let ordered = self.participant.heed(event, world.now()).expect("it goes on");
                for ordered in ordered {
                    for step in ordered.steps {
                        if let OrderedStep::Entry(entry) = step {
                            let (number, _) =
                                postcard::take_from_bytes(entry.bytes()).expect("read");
                            self.heard.push((number, ordered.sequence));
                        }
                    }
                }
            }
            None => {}
        }
        for request in self.participant.look(world.now()).0 {
            match &request {
                Request::Publish { ticket, bytes } => {
                    let before = self.published.insert(bytes.as_ptr(), bytes.clone());
                    if before.is_some() && !self.goes_back {
                        self.out.clear();
                    }
                    self.goes_back = before.is_some();
                    self.out.insert(*ticket);
                }
                Request::Fetch { .. } => self.fetches += 1,
                Request::Purge { .. } | Request::Tell(_) => {}
            }
            self.log.request(request);
        }
        self.out_most = self.out_most.max(self.out.len());
    }

    fn numbers(&self) -> Vec<u64> {
        self.heard.iter().map(|(number, _)| *number).collect()
    }
}

/// Lets nodes act until something is so.
fn until(world: &dyn World, nodes: &mut [&mut Node], wanted: impl Fn(&[&mut Node]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !wanted(nodes) {
        assert!(Instant::now() < deadline, "in vain");
        nodes.iter_mut().for_each(|node| node.turn(world));
    }
}

/// All nodes hear the same, each entry once, and what one has said in its order.
fn all_hear_the_same_in_order_and_once(world: &mut dyn World) {
    let begin = world.begin();
    let (mut a, mut b) = (Node::new(world, "a", begin), Node::new(world, "b", begin));
    for part in 0..10 {
        a.say(part * 50..part * 50 + 50);
        b.say(1000 + part * 50..1050 + part * 50);
        for _ in 0..10 {
            a.turn(world);
            b.turn(world);
        }
    }
    until(world, &mut [&mut a, &mut b], |nodes| nodes.iter().all(|it| it.heard.len() >= 1000));
    assert_eq!(a.heard, b.heard);
    let of = |range: std::ops::Range<u64>| -> Vec<u64> {
        a.numbers().into_iter().filter(|number| range.contains(number)).collect()
    };
    assert!(of(0..1000).into_iter().eq(0..500), "{:?}", of(0..1000));
    assert!(of(1000..2000).into_iter().eq(1000..1500), "{:?}", of(1000..2000));
}

/// A node that is not told everything asks for it.
fn gaps_are_noticed(world: &mut dyn World) {
    let begin = world.begin();
    let (mut a, mut b) = (Node::new(world, "a", begin), Node::new(world, "b", begin));
    b.deaf = 3;
    for part in 0..20 {
        a.say(part * 5..part * 5 + 5);
        for _ in 0..20 {
            a.turn(world);
            b.turn(world);
        }
    }
    until(world, &mut [&mut a, &mut b], |nodes| nodes.iter().all(|it| it.heard.len() >= 100));
    assert!(b.numbers().into_iter().eq(0..100), "{:?}", b.numbers());
    assert!(b.fetches > 0 && b.told > 10, "{} fetches, {} told", b.fetches, b.told);
}

/// The leader returns what it has, and does not what it has not.
fn the_leader_answers(world: &mut dyn World) {
    let begin = world.begin();
    let mut a = Node::new(world, "a", begin);
    a.say(0..10);
    until(world, &mut [&mut a], |nodes| nodes[0].heard.len() >= 10);
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

/// What is sent and not acknowledged is bounded, however much there is to say.
fn a_node_that_says_much_waits_for_the_log(world: &mut dyn World) {
    let begin = world.begin();
    let mut a = Node::new(world, "a", begin);
    a.say(0..20_000);
    until(world, &mut [&mut a], |nodes| nodes[0].heard.len() >= 20_000);
    assert!(a.numbers().into_iter().eq(0..20_000));
    assert!((2..=PUBLICATION_WINDOW).contains(&a.out_most), "{} at once", a.out_most);
}

/// A node that starts again at some sequence hears all that came after it, and nothing else.
fn a_node_goes_on_from_where_it_stopped(world: &mut dyn World) {
    let begin = world.begin();
    let (mut a, mut b) = (Node::new(world, "a", begin), Node::new(world, "b", begin));
    a.say(0..100);
    until(world, &mut [&mut a, &mut b], |nodes| nodes.iter().all(|it| it.heard.len() >= 100));
    let stopped = b.participant.applied();
    let membership = Membership { roster: b.participant.roster().clone(), ..world.membership() };
    drop(b);
    a.say(100..300);
    until(world, &mut [&mut a], |nodes| nodes[0].heard.len() >= 300);
    let seal = Seal::new(&[1; 32], b"entries", [9; 16]);
    let mut again = Node::new(world, "b", stopped);
    again.participant = Participant::new("b", seal, membership, stopped, 99);
    let wanted = |nodes: &[&mut Node]| {
        let node = &nodes[1];
        node.heard.len() >= 200 && node.participant.node().is_some()
    };
    until(world, &mut [&mut a, &mut again], wanted);
    assert!(again.numbers().into_iter().eq(100..300), "{:?}", again.numbers());
    assert!(again.heard.iter().all(|(_, sequence)| *sequence > stopped));
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
    all_hear_the_same_in_order_and_once,
    gaps_are_noticed,
    a_node_that_says_much_waits_for_the_log,
    a_node_goes_on_from_where_it_stopped,
    the_leader_answers
);

/// A server that is killed and comes back: what was under way is said again, and heard once.
#[test]
fn a_restarted_nats_server_is_followed_again() {
    let Some(mut world) = OnNats::new() else { return };
    let mut a = Node::new(&mut world, "a", 1);
    a.say(0..2000);
    until(&world, &mut [&mut a], |nodes| nodes[0].heard.len() >= 1000);
    world.server.kill();
    a.say(2000..3000);
    for _ in 0..200 {
        a.turn(&world);
    }
    world.server.restart();
    until(&world, &mut [&mut a], |nodes| nodes[0].heard.len() >= 3000);
    assert!(a.numbers().into_iter().eq(0..3000), "{:?}", a.numbers());
}

/// A server that has just started does not know its JetStream yet; one without JetStream is named as such.
#[test]
fn jetstream_may_come_a_moment_after_its_server() {
    let Some(server) = NatsServer::start_without_jetstream() else { return };
    let nats = Nats::connect(&config(&server)).expect("it is there");
    let refusal = nats.info().expect_err("there is no JetStream");
    assert!(matches!(refusal, Refusal::NoJetStream), "{refusal}");
    let url = server.url();
    let begun = Instant::now();
    let comes = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            tokio::time::sleep(Duration::from_millis(NATS_ASK_AGAIN_MILLIS / 2)).await;
            let client = async_nats::connect(url).await.expect("it is there");
            let asked = client.subscribe("$JS.API.STREAM.INFO.parlor_test").await;
            let mut asked = asked.expect("it may");
            let question = poll_fn(|context| Pin::new(&mut asked).poll_next(context)).await;
            let whom = question.expect("it is asked").reply.expect("with a place for the answer");
            let answer = r#"{"error": {"err_code": 10059}}"#;
            client.publish(whom, answer.into()).await.expect("it is there");
            client.flush().await.expect("it is there");
        });
    });
    let refusal = nats.info().expect_err("that is the answer");
    assert!(matches!(refusal, Refusal::NoStream(_)), "{refusal}");
    assert!(begun.elapsed() >= Duration::from_millis(NATS_ASK_AGAIN_MILLIS / 2));
    comes.join().expect("it has answered");
}
