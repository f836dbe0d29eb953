//! Retention holds: they keep the log for nodes that fetch a copy of this node's store and will
//! continue from there.
//!
//! A node reports in its heartbeats up to where it needs nothing any more; while it has a hold, it
//! reports no more than up to there. A hold expires after some time, or after some bytes of the log.

use crate::limits::{COPY_HOLD_BYTES, COPY_HOLD_MILLIS};

/// The holds, one per node that fetches a copy. Bounded by the number of nodes.
#[derive(Default)]
pub struct Holds(Vec<Hold>);

struct Hold {
    node: Box<str>,
    /// It needs everything after this sequence.
    after: u64,
    /// When it expires.
    expires: u64,
    /// Bytes that the log has grown by since.
    bytes: u64,
}

impl Holds {
    /// A node requests a copy, which will include everything up to `after`. Replaces its earlier hold.
    pub fn place(&mut self, node: &str, after: u64, now: u64) {
        self.release(node);
        let expires = now.saturating_add(COPY_HOLD_MILLIS);
        self.0.push(Hold { node: node.into(), after, expires, bytes: 0 });
    }

    /// A node has joined, and reports for itself.
    pub fn release(&mut self, node: &str) {
        self.0.retain(|hold| *hold.node != *node);
    }

    /// The log has grown by so many bytes.
    pub fn log_grew(&mut self, bytes: usize) {
        self.0.iter_mut().for_each(|hold| hold.bytes += bytes as u64);
    }

    /// The sequence up to which neither this node, which needs nothing up to `own`, nor a hold needs
    /// anything.
    pub fn purgeable(&mut self, own: u64, now: u64) -> u64 {
        self.0.retain(|hold| now < hold.expires && hold.bytes < COPY_HOLD_BYTES);
        self.0.iter().map(|hold| hold.after).fold(own, u64::min)
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

    /// Another node's announcement that the log has these bytes at this sequence.
    fn announcement(sequence: u64, bytes: &[u8]) -> Event {
        let mut other = Seal::new(&[1; 32], b"entries", [4; 16]);
        Event::Announced(other.prove(sequence, bytes).into())
    }

    /// The purgeable sequence that a node reports in its next heartbeat.
    fn heartbeat(node: &mut Participant, sequence: &mut u64, now: u64) -> u64 {
        let seal = Seal::new(&[1; 32], b"entries", [2; 16]);
        let mut reported = None;
        for request in node.poll(now).0 {
            let Request::Publish { bytes, .. } = request else { continue };
            let opened = seal.open(&bytes).expect("it has the key");
            if let Some(Publication::Batch { items, .. }) = Publication::read(&opened) {
                reported = items.iter().find_map(|item| match item {
                    Item::Heartbeat { purgeable } => Some(*purgeable),
                    _ => None,
                });
            }
            *sequence += 1;
            node.handle(announcement(*sequence, &bytes), now).expect("nothing is wrong");
        }
        reported.expect("a heartbeat is due")
    }

    #[test]
    fn the_log_is_retained_for_a_node_that_fetches_a_copy() {
        let seal = |random| Seal::new(&[1; 32], b"entries", [random; 16]);
        let mut node = Participant::new("a", seal(1), Membership::default(), 0, 5);
        let join = |name, after, nonce| {
            let (version, advertise) = (VERSION, "");
            seal(3).seal(&Publication::Join { name, version, after, nonce, advertise }.write())
        };
        node.handle(Event::Connected(Extent { first: 1, last: 0 }), 0).expect("it fits");
        node.poll(0);
        node.handle(announcement(1, &join("a", 0, 5)), 0).expect("nothing is wrong");
        let mut last = 1;
        node.live_stored(50);
        assert_eq!(heartbeat(&mut node, &mut last, 0), 50);
        node.place_hold("b", 300);
        node.live_stored(80);
        assert_eq!(heartbeat(&mut node, &mut last, 300), 50);
        last += 1;
        node.handle(announcement(last, &join("b", 0, 6)), 600).expect("nothing is wrong");
        assert_eq!(heartbeat(&mut node, &mut last, 600), 80, "it reports for itself");
        node.place_hold("c", 900);
        node.live_stored(90);
        assert_eq!(heartbeat(&mut node, &mut last, 900), 80);
        assert_eq!(heartbeat(&mut node, &mut last, 900 + COPY_HOLD_MILLIS), 90, "it never joined");
    }

    #[test]
    fn a_hold_lasts_until_the_node_joins_or_it_expires() {
        let mut holds = Holds::default();
        holds.place("b", 50, 0);
        holds.place("c", 70, 0);
        assert_eq!((holds.purgeable(60, 1), holds.purgeable(90, 1)), (50, 50));
        holds.release("b");
        assert_eq!(holds.purgeable(90, 1), 70);
        holds.place("c", 90, 1);
        assert_eq!(holds.purgeable(100, COPY_HOLD_MILLIS), 90, "it was replaced");
        assert_eq!(holds.purgeable(100, COPY_HOLD_MILLIS + 1), 100, "it never joined");
        holds.place("b", 100, 0);
        holds.log_grew(COPY_HOLD_BYTES as usize - 1);
        assert_eq!(holds.purgeable(200, 1), 100);
        holds.log_grew(1);
        assert_eq!(holds.purgeable(200, 1), 200, "the log would be full");
    }
}
