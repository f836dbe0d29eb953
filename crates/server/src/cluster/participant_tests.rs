//! Tests of a node's part in a cluster.

use super::super::log::Extent;
use super::super::publication::Item;
use super::*;
use crate::limits::LEASE_HEARTBEATS;

fn seal(random: u8) -> Seal {
    Seal::new(&[1; 32], b"entries", [random; 16])
}

/// A log that delivers at once what a node publishes, and what another one does.
struct Log {
    node: Participant,
    other: Seal,
    last: u64,
    /// The lengths of the entries that the node has published.
    entries: Vec<usize>,
}

impl Log {
    fn store(&mut self, bytes: &[u8]) -> Vec<OrderedStep> {
        self.last += 1;
        let announcement = self.other.prove(self.last, bytes).into();
        let ordered =
            self.node.handle(Event::Announced(announcement), 0).expect("nothing is wrong");
        ordered.into_iter().flat_map(|ordered| ordered.steps).collect()
    }

    fn other_publishes(&mut self, publication: &Publication<'_>) -> Vec<OrderedStep> {
        let bytes = self.other.seal(&publication.write());
        self.store(&bytes)
    }

    /// Polls the node. Returns how many messages it has published.
    fn poll(&mut self) -> usize {
        let mut published = 0;
        for request in self.node.poll(0).0 {
            let Request::Publish { bytes, .. } = request else { continue };
            published += 1;
            let opened = self.other.open(&bytes).expect("it has the same key");
            if let Some(Publication::Batch { items, .. }) = Publication::read(&opened) {
                let length = |item: &Item<'_>| match item {
                    Item::Entry(bytes) => Some(bytes.len()),
                    _ => None,
                };
                self.entries.extend(items.iter().filter_map(length));
            }
            self.store(&bytes);
        }
        published
    }
}

fn join(name: &str, after: u64, nonce: u64) -> Publication<'_> {
    Publication::Join { name, version: VERSION, after, nonce, advertise: "" }
}

fn entry(length: usize) -> SentEntry {
    SentEntry { bytes: vec![0; length].into(), awaited: false }
}

/// Anybody who can reach NATS may announce anything there.
#[test]
fn only_announcements_with_a_nodes_proof_are_accepted() {
    let node = Participant::new("a", seal(1), Membership::default(), 0, 5);
    let mut log = Log { node, other: seal(2), last: 0, entries: Vec::new() };
    log.node.handle(Event::Connected(Extent { first: 1, last: 0 }), 0).expect("it fits");
    let sealed = log.other.seal(&join("b", 0, 6).write());
    let announcement = log.other.prove(1, &sealed);
    let elsewhere = |sequence: u64| [&sequence.to_le_bytes(), &announcement[8..]].concat();
    let forged = [b"no entry".to_vec(), sealed.clone(), elsewhere(2), elsewhere(u64::MAX)];
    for forged in &forged {
        log.node.handle(Event::Announced(forged[..].into()), 0).expect("nothing is wrong");
        assert_eq!((log.node.applied(), log.node.lag()), (0, 0));
    }
    log.store(&sealed);
    assert_eq!((log.node.applied(), log.node.roster().name(1)), (1, Some("b")));

    // The same again, when the next sequence is awaited.
    for forged in forged.iter().chain([&announcement]) {
        log.node.handle(Event::Announced(forged[..].into()), 0).expect("nothing is wrong");
        assert_eq!((log.node.applied(), log.node.lag()), (1, 0));
    }
    log.other_publishes(&join("c", 0, 7));
    assert_eq!((log.node.applied(), log.node.roster().name(2)), (2, Some("c")));
}

#[test]
fn acknowledged_publications_are_announced() {
    let node = Participant::new("a", seal(1), Membership::default(), 0, 5);
    let mut log = Log { node, other: seal(2), last: 0, entries: Vec::new() };
    log.node.handle(Event::Connected(Extent { first: 1, last: 0 }), 0).expect("it fits");
    log.node.publish(entry(1));
    // The join, a batch with the entry and a heartbeat.
    for sequence in 1..=2 {
        let [Request::Publish { attempt, bytes }] = &log.node.poll(0).0[..] else {
            panic!("it has something to publish")
        };
        let acknowledged = Event::Acknowledged { attempt: *attempt, sequence };
        log.node.handle(acknowledged, 0).expect("nothing is wrong");
        assert_eq!(log.node.applied(), sequence);
        let announcement = log.node.announcements.pop();
        let Some(Request::Announce(announcement)) = announcement else {
            panic!("nothing was announced")
        };
        assert_eq!(log.other.verify(&announcement), Some((sequence, &bytes[..])));
    }
    assert!(!log.node.has_undelivered());
}

#[test]
fn entries_of_ended_sessions_are_not_published_after_rejoining() {
    let node = Participant::new("a", seal(1), Membership::default(), 0, 5);
    let mut log = Log { node, other: seal(2), last: 0, entries: Vec::new() };
    log.node.handle(Event::Connected(Extent { first: 1, last: 0 }), 0).expect("it fits");
    log.node.publish(entry(1));
    while log.node.node().is_none() || log.node.has_undelivered() {
        assert!(log.poll() > 0);
    }
    assert_eq!(log.entries, [1], "an entry from before the join is not lost");

    // Another node declares it gone.
    log.other_publishes(&join("b", 0, 6));
    let incarnation = log.last;
    let mut items = vec![Item::Heartbeat { purgeable: 0 }];
    for counter in 0..=LEASE_HEARTBEATS as u64 {
        if counter == LEASE_HEARTBEATS as u64 {
            items = vec![Item::Gone { node: 1, incarnation: 1 }];
        }
        let items = items.clone();
        let batch = Publication::Batch { node: 2, incarnation, counter, items };
        let steps = log.other_publishes(&batch);
        use OrderedStep::{Names, NodeEnded, Nodes};
        let ended = matches!(steps[..], [NodeEnded(1), Nodes(_), Names(_)]);
        assert_eq!(ended, counter == LEASE_HEARTBEATS as u64);
    }

    // Its hub has not ended the sessions yet.
    log.node.publish(entry(2));
    assert_eq!((log.poll(), log.node.node()), (0, None), "it waits for its hub");
    log.node.all_sessions_ended();
    log.node.publish(entry(3));
    while log.node.node().is_none() || log.node.has_undelivered() {
        assert!(log.poll() > 0);
    }
    assert_eq!((log.entries, log.node.node()), (vec![1, 3], Some(1)));
}

#[test]
fn a_node_whose_name_another_node_takes_is_excluded() {
    let node = Participant::new("a", seal(1), Membership::default(), 0, 5);
    let mut log = Log { node, other: seal(2), last: 0, entries: Vec::new() };
    log.node.handle(Event::Connected(Extent { first: 1, last: 0 }), 0).expect("it fits");
    while log.node.node().is_none() {
        log.poll();
    }
    let join = join("a", log.last, 7).write();
    let sealed = log.other.seal(&join);
    let announcement = log.other.prove(log.last + 1, &sealed).into();
    let excluded =
        log.node.handle(Event::Announced(announcement), 0).expect_err("there are two of it");
    assert_eq!(excluded, Exclusion::Replaced("a".into()));
}
