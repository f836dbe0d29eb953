//! What the log is kept for besides its members: nodes that fetch a copy of this node's store, and go
//! on from there.
//!
//! A node says in its heartbeats up to where it needs nothing any more; while it holds the log for others, it
//! says no more than it did before. A node that never comes ends that after a while, by time or by
//! what the log has taken since.

use crate::limits::{COPY_HOLD_BYTES, COPY_HOLD_MILLIS};

/// The nodes that fetch a copy of this node's store. Bounded by the number of nodes.
#[derive(Default)]
pub struct Holds(Vec<Hold>);

struct Hold {
    node: Box<str>,
    /// It needs everything after this sequence.
    after: u64,
    /// When it has had time enough.
    until: u64,
    /// Bytes that the log has taken since.
    bytes: u64,
}

impl Holds {
    /// A node asks for a copy, which will not be older than `kept`. What it asked for before it has
    /// given up.
    pub fn begin(&mut self, node: &str, kept: u64, now: u64) {
        self.end(node);
        let until = now.saturating_add(COPY_HOLD_MILLIS);
        self.0.push(Hold { node: node.into(), after: kept, until, bytes: 0 });
    }

    /// A node takes part, and speaks for itself.
    pub fn end(&mut self, node: &str) {
        self.0.retain(|hold| *hold.node != *node);
    }

    /// The log has taken so many bytes.
    pub fn read(&mut self, bytes: usize) {
        self.0.iter_mut().for_each(|hold| hold.bytes += bytes as u64);
    }

    /// Up to where nothing is needed any more, of what this node itself does not need.
    pub fn kept(&mut self, kept: u64, now: u64) -> u64 {
        self.0.retain(|hold| now < hold.until && hold.bytes < COPY_HOLD_BYTES);
        self.0.iter().map(|hold| hold.after).fold(kept, u64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::identity::Membership;
    use crate::cluster::log::{Event, Extent, Request};
    use crate::cluster::participant::Participant;
    use crate::cluster::publication::{Item, Publication, VERSION};
    use crate::cluster::seal::Seal;

    /// What another node tells: the log has these bytes at this sequence.
    fn told_at(sequence: u64, bytes: &[u8]) -> Event {
        let mut teller = Seal::new(&[1; 32], b"entries", [4; 16]);
        Event::Told(teller.prove(sequence, bytes).into())
    }

    /// Up to where a node says that it needs nothing, in its next heartbeat.
    fn heartbeat(node: &mut Participant, sequence: &mut u64, now: u64) -> u64 {
        let seal = Seal::new(&[1; 32], b"entries", [2; 16]);
        let mut told = None;
        for request in node.look(now).0 {
            let Request::Publish { bytes, .. } = request else { continue };
            let opened = seal.open(&bytes).expect("it has the key");
            if let Some(Publication::Batch { items, .. }) = Publication::read(&opened) {
                told = items.iter().find_map(|item| match item {
                    Item::Heartbeat { kept } => Some(*kept),
                    _ => None,
                });
            }
            *sequence += 1;
            node.heed(told_at(*sequence, &bytes), now).expect("nothing is wrong");
        }
        told.expect("a heartbeat is due")
    }

    #[test]
    fn a_node_holds_the_log_for_one_that_fetches_its_copy() {
        let seal = |random| Seal::new(&[1; 32], b"entries", [random; 16]);
        let mut node = Participant::new("a", seal(1), Membership::default(), 0, 5);
        let join = |name, after, nonce| {
            let (version, advertise) = (VERSION, "");
            seal(3).seal(&Publication::Join { name, version, after, nonce, advertise }.write())
        };
        node.heed(Event::Connected(Extent { first: 1, last: 0 }), 0).expect("it fits");
        node.look(0);
        node.heed(told_at(1, &join("a", 0, 5)), 0).expect("nothing is wrong");
        let mut last = 1;
        node.kept(50);
        assert_eq!(heartbeat(&mut node, &mut last, 0), 50);
        node.hold_for("b", 300);
        node.kept(80);
        assert_eq!(heartbeat(&mut node, &mut last, 300), 50);
        last += 1;
        node.heed(told_at(last, &join("b", 0, 6)), 600).expect("nothing is wrong");
        assert_eq!(heartbeat(&mut node, &mut last, 600), 80, "it speaks for itself");
        node.hold_for("c", 900);
        node.kept(90);
        assert_eq!(heartbeat(&mut node, &mut last, 900), 80);
        assert_eq!(heartbeat(&mut node, &mut last, 900 + COPY_HOLD_MILLIS), 90, "it never came");
    }

    #[test]
    fn the_log_is_held_until_the_node_takes_part_or_has_had_enough() {
        let mut holds = Holds::default();
        holds.begin("b", 50, 0);
        holds.begin("c", 70, 0);
        assert_eq!((holds.kept(60, 1), holds.kept(90, 1)), (50, 50));
        holds.end("b");
        assert_eq!(holds.kept(90, 1), 70);
        holds.begin("c", 90, 1);
        assert_eq!(holds.kept(100, COPY_HOLD_MILLIS), 90, "it has begun again");
        assert_eq!(holds.kept(100, COPY_HOLD_MILLIS + 1), 100, "it never came");
        holds.begin("b", 100, 0);
        holds.read(COPY_HOLD_BYTES as usize - 1);
        assert_eq!(holds.kept(200, 1), 100);
        holds.read(1);
        assert_eq!(holds.kept(200, 1), 200, "the log would be full");
    }
}
