//! A log in memory for several nodes, with its own clock and all the faults of a real one: requests
//! and answers arrive late, twice, in another order or never; the log stalls for a while; connections
//! break. A seed decides what happens.
//!
//! What it has stored stays, as [`super::log`] guarantees.

use super::log::{Event, Extent, Message, Request};
use crate::hub::replay::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often things go wrong, each out of a thousand times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// A packet is lost.
    pub(crate) lost: usize,
    /// It arrives twice.
    pub(crate) doubled: usize,
    /// It arrives late, after others.
    pub(crate) late: usize,
}

/// The log, and the connections of all nodes to it. Times are in milliseconds.
pub(crate) struct SimulatedLog {
    pub(crate) now: u64,
    pub(crate) faults: Faults,
    pub(crate) random: Random,
    stored: Vec<Arc<[u8]>>,
    /// The first sequence that it retains.
    first: u64,
    /// It is stalled until then.
    pub(crate) stalled_until: u64,
    /// The number of each node's connection, while it has one.
    links: Vec<Option<u64>>,
    /// What the replica that answers each node has; everything if it does not lag behind.
    replicas: Vec<Option<usize>>,
    connections: u64,
    /// What is on its way, by when it arrives.
    in_flight: BTreeMap<(u64, u64), Packet>,
    packets: u64,
}

/// Something on its way over one connection of a node.
#[derive(Clone, Debug)]
struct Packet {
    node: usize,
    connection: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    ToLog(Request),
    ToNode(Event),
}

/// How many messages one answer has at most.
const ANSWER: usize = 20;

impl SimulatedLog {
    pub(crate) fn new(nodes: usize, seed: u64) -> SimulatedLog {
        SimulatedLog {
            now: 0,
            faults: Faults::default(),
            random: Random::new(seed),
            stored: Vec::new(),
            first: 1,
            stalled_until: 0,
            links: vec![None; nodes],
            replicas: vec![None; nodes],
            connections: 0,
            in_flight: BTreeMap::new(),
            packets: 0,
        }
    }

    pub(crate) fn extent(&self) -> Extent {
        Extent { first: self.first, last: self.stored.len() as u64 }
    }

    /// A node sends a request. It is lost if the node is not connected.
    pub(crate) fn request(&mut self, node: usize, request: Request) {
        self.send(node, &Content::ToLog(request));
    }

    /// A node connects, or connects again.
    pub(crate) fn connect(&mut self, node: usize) {
        self.connections += 1;
        self.links[node] = Some(self.connections);
        let connected = Event::Connected(self.extent());
        self.push(1, node, self.connections, Content::ToNode(connected));
    }

    /// A node is no longer connected. What it has sent may still arrive.
    pub(crate) fn disconnect(&mut self, node: usize) {
        self.links[node] = None;
    }

    pub(crate) fn is_connected(&self, node: usize) -> bool {
        self.links[node].is_some()
    }

    /// From now on, the replica that answers a node lags behind: it receives nothing new.
    pub(crate) fn stop_replica(&mut self, node: usize) {
        self.replicas[node] = Some(self.stored.len());
    }

    /// It stalls for so long; requests that arrive meanwhile are answered afterwards, if at all.
    pub(crate) fn stall(&mut self, millis: u64) {
        self.stalled_until = self.now + millis;
    }

    /// What has arrived at nodes by now.
    pub(crate) fn arrivals(&mut self) -> Vec<(usize, Event)> {
        let mut arrived = Vec::new();
        while let Some(first) = self.in_flight.first_entry() {
            if first.key().0 > self.now {
                break;
            }
            let packet = first.remove();
            match packet.content {
                Content::ToNode(event) => {
                    if self.links[packet.node] == Some(packet.connection) {
                        arrived.push((packet.node, event));
                    }
                }
                Content::ToLog(_) if self.stalled_until > self.now => {
                    if self.random.below(3) > 0 {
                        let wait = self.stalled_until - self.now + self.random.below(20) as u64;
                        self.push(wait, packet.node, packet.connection, packet.content);
                    }
                }
                Content::ToLog(request) => self.handle(packet.node, packet.connection, request),
            }
        }
        arrived
    }

    fn handle(&mut self, node: usize, connection: u64, request: Request) {
        match request {
            Request::Publish { attempt, bytes } => {
                self.stored.push(bytes);
                let sequence = self.stored.len() as u64;
                let answer = match self.random.below(1000) < self.faults.lost {
                    true => Event::Refused { attempt }, // A timeout: nobody knows.
                    false => Event::Acknowledged { attempt, sequence },
                };
                if self.links[node] == Some(connection) {
                    self.send(node, &Content::ToNode(answer));
                }
            }
            Request::Announce(bytes) => {
                for other in (0..self.links.len()).filter(|other| *other != node) {
                    self.send(other, &Content::ToNode(Event::Announced(bytes.clone())));
                }
            }
            Request::Fetch { from, leader } => {
                let extent = self.extent();
                let begin = from.max(extent.first) as usize - 1;
                let has = self.replicas[node].filter(|_| !leader).unwrap_or(self.stored.len());
                let known = self.stored.iter().zip(1u64..).take(has).skip(begin).take(ANSWER);
                let messages = known
                    .map(|(bytes, sequence)| Message { sequence, bytes: bytes.clone() })
                    .collect();
                self.send(node, &Content::ToNode(Event::Fetched { messages, extent }));
            }
            Request::Purge { before } => self.first = self.first.max(before),
        }
    }

    /// Sends something over a node's connection, which may fail.
    fn send(&mut self, node: usize, content: &Content) {
        let Some(connection) = self.links[node] else { return };
        let mut fails = |per_mille: usize| self.random.below(1000) < per_mille;
        let (lost, doubled) = (fails(self.faults.lost), fails(self.faults.doubled));
        let late = fails(self.faults.late);
        for _ in 0..usize::from(!lost) + usize::from(doubled) {
            let delay = 1 + self.random.below(if late { 900 } else { 3 }) as u64;
            self.push(delay, node, connection, content.clone());
        }
    }

    fn push(&mut self, delay: u64, node: usize, connection: u64, content: Content) {
        self.packets += 1;
        let packet = Packet { node, connection, content };
        self.in_flight.insert((self.now + delay, self.packets), packet);
    }
}
