//! The cluster's members: the same on every node that has read the log up to the same sequence.
//!
//! A node is a member for one *incarnation*, from its [`Publication::Join`] until it leaves, joins
//! again, or is declared gone. Of an incarnation only the batch with the next counter is valid, so
//! duplicate or reordered messages change nothing.
//!
//! Leases need no clock. Each node sends heartbeats, the next only after the last was delivered; when
//! a node has sent nothing during [`LEASE_HEARTBEATS`] of another node, its lease has expired, and it
//! is gone once that node declares it so. While the log is stalled, no lease expires.

use super::publication::{Item, Publication, VERSION};
use crate::config::cluster::is_node_name;
use crate::limits::{LEASE_HEARTBEATS, NODES};
use proto::node::Node;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// All nodes that have ever joined.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Roster {
    nodes: Vec<NodeRecord>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct NodeRecord {
    name: Box<str>,
    /// The sequence at which it last joined or left.
    changed: u64,
    live: Option<LiveNode>,
}

/// A member.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LiveNode {
    /// The sequence at which it joined.
    pub incarnation: u64,
    /// How many of its batches were valid.
    pub counter: u64,
    /// The sequence of the last of them.
    last: u64,
    /// How many heartbeats it has sent.
    pub heartbeats: u64,
    /// The sequences of the latest ones.
    recent_heartbeats: VecDeque<u64>,
    /// It needs nothing up to this sequence any more.
    pub purgeable: u64,
    /// The address for clients, as [`proto::node::Node`] writes it; empty if there is none.
    pub advertise: Box<str>,
}

/// The effect of a publication.
#[derive(Clone, Debug, PartialEq)]
pub enum RosterEvent<'a> {
    /// An entry to apply.
    Entry(&'a [u8]),
    /// A node is no longer a member in its incarnation: its sessions have ended.
    Ended(u16),
    /// A node is a member from here on.
    Joined {
        /// Its number.
        node: u16,
        /// The nonce by which it recognizes its own message.
        nonce: u64,
    },
}

impl Roster {
    /// Applies the publication at this sequence, and returns its effects.
    pub fn apply<'a>(
        &mut self,
        sequence: u64,
        publication: &Publication<'a>,
    ) -> Vec<RosterEvent<'a>> {
        match publication {
            Publication::Join { name, version, after, nonce, advertise } if *version == VERSION => {
                self.join(sequence, name, (*after, *nonce), advertise)
            }
            Publication::Join { .. } => Vec::new(),
            Publication::Batch { node, incarnation, counter, items } => {
                let Some(live) = self.live_mut(*node, *incarnation) else { return Vec::new() };
                if *counter != live.counter {
                    return Vec::new();
                }
                (live.counter, live.last) = (counter + 1, sequence);
                items.iter().filter_map(|item| self.item(sequence, *node, item)).collect()
            }
        }
    }

    fn join<'a>(
        &mut self,
        sequence: u64,
        name: &str,
        (after, nonce): (u64, u64),
        advertise: &str,
    ) -> Vec<RosterEvent<'a>> {
        let known = self.nodes.iter().position(|node| *node.name == *name);
        let at = known.unwrap_or(self.nodes.len());
        let stale = known.is_some_and(|at| self.nodes[at].changed > after);
        if stale || at == NODES || !is_node_name(name) {
            return Vec::new();
        }
        let (live, incarnation) = (None, sequence);
        if known.is_none() {
            self.nodes.push(NodeRecord { name: name.into(), changed: 0, live });
        }
        let node = u16::try_from(at + 1).expect("there are few");
        let mut steps = Vec::new();
        if self.nodes[at].live.is_some() {
            steps.push(RosterEvent::Ended(node));
        }
        // Addresses that clients could not use are dropped.
        let advertise =
            advertise.parse().map_or(Box::default(), |node: Node| node.to_string().into());
        let live = LiveNode {
            incarnation,
            counter: 0,
            last: sequence,
            heartbeats: 0,
            recent_heartbeats: VecDeque::new(),
            purgeable: 0,
            advertise,
        };
        (self.nodes[at].changed, self.nodes[at].live) = (sequence, Some(live));
        steps.push(RosterEvent::Joined { node, nonce });
        steps
    }

    fn item<'a>(&mut self, sequence: u64, author: u16, item: &Item<'a>) -> Option<RosterEvent<'a>> {
        match item {
            Item::Entry(bytes) => Some(RosterEvent::Entry(bytes)),
            Item::Heartbeat { purgeable } => {
                // Items after the node's own end in the same batch are ignored.
                let live = self.node_mut(author)?.live.as_mut()?;
                live.heartbeats += 1;
                live.recent_heartbeats.push_back(sequence);
                if live.recent_heartbeats.len() > LEASE_HEARTBEATS {
                    live.recent_heartbeats.pop_front();
                }
                live.purgeable = live.purgeable.max(*purgeable);
                None
            }
            Item::Gone { node, incarnation } => {
                let lease_start = self.lease_start(author, *node)?;
                let live = self.live_mut(*node, *incarnation)?;
                if live.last >= lease_start {
                    return None;
                }
                self.end(sequence, *node)
            }
            Item::Leave => self.end(sequence, author),
        }
    }

    fn end<'a>(&mut self, sequence: u64, number: u16) -> Option<RosterEvent<'a>> {
        let node = self.node_mut(number)?;
        node.live.take()?;
        node.changed = sequence;
        Some(RosterEvent::Ended(number))
    }

    /// The sequence from which on `node` must have sent something: of the first of the recent
    /// heartbeats of `author`. None if there are too few.
    fn lease_start(&self, author: u16, node: u16) -> Option<u64> {
        let heartbeats = &self.live(author)?.recent_heartbeats;
        let enough = heartbeats.len() == LEASE_HEARTBEATS && author != node;
        heartbeats.front().copied().filter(|_| enough)
    }

    /// The nodes, with their incarnations, whose lease has expired as `author` may declare.
    pub fn expired(&self, author: u16) -> Vec<(u16, u64)> {
        let expired = |(number, live): (u16, &LiveNode)| {
            let lease_start = self.lease_start(author, number)?;
            (live.last < lease_start).then_some((number, live.incarnation))
        };
        self.members().filter_map(expired).collect()
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (u16, &LiveNode)> {
        self.nodes.iter().zip(1u16..).filter_map(|(node, number)| {
            let live = node.live.as_ref()?;
            Some((number, live))
        })
    }

    /// A node, if it is a member.
    pub fn live(&self, number: u16) -> Option<&LiveNode> {
        self.nodes.get(usize::from(number).checked_sub(1)?)?.live.as_ref()
    }

    /// The names of all nodes that have ever been in the cluster, by number, from 1 on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| &*node.name)
    }

    /// The name of a node.
    pub fn name(&self, number: u16) -> Option<&str> {
        Some(&self.nodes.get(usize::from(number).checked_sub(1)?)?.name)
    }

    /// The addresses for clients of all members.
    pub fn advertised(&self) -> impl Iterator<Item = &str> {
        self.members().map(|(_, live)| &*live.advertise).filter(|place| !place.is_empty())
    }

    /// The sequence up to which no member needs anything any more.
    pub fn purgeable(&self) -> u64 {
        self.members().map(|(_, live)| live.purgeable).min().unwrap_or(0)
    }

    fn node_mut(&mut self, number: u16) -> Option<&mut NodeRecord> {
        self.nodes.get_mut(usize::from(number).checked_sub(1)?)
    }

    fn live_mut(&mut self, number: u16, incarnation: u64) -> Option<&mut LiveNode> {
        let live = self.node_mut(number)?.live.as_mut()?;
        (live.incarnation == incarnation).then_some(live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(name: &str, after: u64) -> Publication<'_> {
        Publication::Join { name, version: VERSION, after, nonce: 5, advertise: "" }
    }

    fn batch(node: u16, incarnation: u64, counter: u64, item: Item<'_>) -> Publication<'_> {
        Publication::Batch { node, incarnation, counter, items: vec![item] }
    }

    const HEARTBEAT: Item<'_> = Item::Heartbeat { purgeable: 0 };

    #[test]
    fn a_batch_is_valid_once_and_only_after_the_one_before_it() {
        let mut roster = Roster::default();
        assert_eq!(roster.apply(1, &join("a", 0)), [RosterEvent::Joined { node: 1, nonce: 5 }]);
        let batch_of = |counter, word: &'static [u8]| batch(1, 1, counter, Item::Entry(word));
        assert_eq!(roster.apply(2, &batch_of(1, b"second")), []);
        assert_eq!(roster.apply(3, &batch_of(0, b"first")), [RosterEvent::Entry(b"first")]);
        assert_eq!(roster.apply(4, &batch_of(0, b"first")), []);
        assert_eq!(roster.apply(5, &batch_of(1, b"second")), [RosterEvent::Entry(b"second")]);
        assert_eq!(roster.apply(6, &batch(1, 2, 2, Item::Entry(b"later"))), []);
        assert_eq!(roster.apply(7, &batch(2, 1, 0, Item::Entry(b"nobody"))), []);
        assert_eq!(roster.apply(8, &batch(0, 1, 0, Item::Entry(b"nobody"))), []);
    }

    #[test]
    fn rejoining_ends_the_old_incarnation_and_old_copies_of_messages_are_ignored() {
        let mut roster = Roster::default();
        roster.apply(1, &join("a", 0));
        let again = [RosterEvent::Ended(1), RosterEvent::Joined { node: 1, nonce: 5 }];
        assert_eq!(roster.apply(2, &join("a", 0)), [], "it has not read the first");
        assert_eq!(roster.apply(3, &join("a", 1)), again);
        assert_eq!(roster.apply(4, &join("a", 1)), [], "sent twice");
        assert_eq!(
            roster.apply(5, &batch(1, 1, 0, Item::Entry(b"x"))),
            [],
            "of the old incarnation"
        );
        assert_eq!(roster.apply(6, &batch(1, 3, 0, Item::Leave)), [RosterEvent::Ended(1)]);
        assert_eq!(roster.apply(7, &join("a", 3)), [], "from before it left");
        assert_eq!(roster.apply(8, &join("a", 7)), [RosterEvent::Joined { node: 1, nonce: 5 }]);
        assert_eq!(roster.apply(9, &join("b", 0)), [RosterEvent::Joined { node: 2, nonce: 5 }]);
        let version = VERSION + 1;
        let other = Publication::Join { name: "c", version, after: 9, nonce: 5, advertise: "" };
        assert_eq!(roster.apply(10, &other), [], "another version");
        assert_eq!(roster.apply(11, &join("C", 10)), [], "an invalid name");
        assert_eq!((roster.name(2), roster.name(3), roster.name(0)), (Some("b"), None, None));
    }

    #[test]
    fn a_lease_expires_after_ten_heartbeats_of_another_node() {
        let mut roster = Roster::default();
        roster.apply(1, &join("a", 0));
        roster.apply(2, &join("b", 0));
        let gone = Item::Gone { node: 2, incarnation: 2 };
        for counter in 0..LEASE_HEARTBEATS as u64 {
            assert_eq!(roster.expired(1), []);
            let declared = roster.clone().apply(3 + counter, &batch(1, 1, counter, gone.clone()));
            assert_eq!(declared, [], "after {counter}");
            roster.apply(3 + counter, &batch(1, 1, counter, HEARTBEAT));
        }
        assert_eq!(roster.expired(1), [(2, 2)]);
        assert_eq!(roster.expired(2), [], "it has sent no heartbeats itself");
        let declare = batch(1, 1, 10, gone);
        let mut alive = roster.clone();
        alive.apply(20, &batch(2, 2, 0, HEARTBEAT));
        assert_eq!(alive.apply(21, &declare), [], "it has sent something meanwhile");
        assert_eq!(roster.apply(20, &declare), [RosterEvent::Ended(2)]);
        assert_eq!(roster.apply(21, &batch(2, 2, 0, HEARTBEAT)), []);
        assert_eq!((roster.expired(1), roster.live(2)), (vec![], None));
        let itself = batch(1, 1, 11, Item::Gone { node: 1, incarnation: 1 });
        assert_eq!(roster.apply(22, &itself), [], "a node cannot declare itself gone");
    }

    #[test]
    fn clients_are_told_of_members_that_advertise_an_address() {
        let mut roster = Roster::default();
        let join = |name, advertise| {
            let (version, after, nonce) = (VERSION, 0, 5);
            Publication::Join { name, version, after, nonce, advertise }
        };
        let joins = [("a", "A.example:1"), ("b", ""), ("c", "no place"), ("d", "d.example:2")];
        for (sequence, (name, advertise)) in (1..).zip(joins) {
            roster.apply(sequence, &join(name, advertise));
        }
        assert_eq!(roster.advertised().collect::<Vec<_>>(), ["a.example:1", "d.example:2"]);
        roster.apply(5, &batch(1, 1, 0, Item::Leave));
        assert_eq!(roster.advertised().collect::<Vec<_>>(), ["d.example:2"]);
    }

    #[test]
    fn the_log_is_retained_for_the_node_that_needs_most_of_it() {
        let mut roster = Roster::default();
        assert_eq!(roster.purgeable(), 0);
        roster.apply(1, &join("a", 0));
        roster.apply(2, &join("b", 0));
        roster.apply(3, &batch(1, 1, 0, Item::Heartbeat { purgeable: 70 }));
        assert_eq!(roster.purgeable(), 0);
        roster.apply(4, &batch(2, 2, 0, Item::Heartbeat { purgeable: 50 }));
        assert_eq!(roster.purgeable(), 50);
        roster.apply(5, &batch(2, 2, 1, Item::Leave));
        assert_eq!(roster.purgeable(), 70);
    }
}
