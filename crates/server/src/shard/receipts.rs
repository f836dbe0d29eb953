//! Acknowledgements: what a connection was sent counts as received only when the connection sends a
//! line after all of it was written.

use crate::session::delivery::Watermarks;

/// What a connection has not acknowledged yet. An idle one owns no memory.
#[derive(Debug, Default)]
pub struct Receipts(Option<Box<Unacknowledged>>);

#[derive(Debug, Default)]
struct Unacknowledged {
    /// Everything sent.
    sent: Watermarks,
    /// The part that the next line acknowledges.
    written: Watermarks,
}

impl Receipts {
    /// More is being sent.
    pub fn send(&mut self, more: Watermarks) {
        let sent = &mut self.0.get_or_insert_default().sent;
        sent.pending = sent.pending.max(more.pending);
        sent.live = sent.live.max(more.live);
    }

    /// All of it is written, and earlier input is read.
    pub fn written(&mut self) {
        if let Some(unacknowledged) = &mut self.0 {
            unacknowledged.written = unacknowledged.sent;
        }
    }

    /// A line has arrived: returns what it newly acknowledges, if anything.
    pub fn acknowledge(&mut self) -> Option<Watermarks> {
        let unacknowledged = self.0.as_mut()?;
        let acknowledged = std::mem::take(&mut unacknowledged.written);
        if acknowledged == unacknowledged.sent {
            self.0 = None;
        }
        (acknowledged != Watermarks::default()).then_some(acknowledged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_acknowledges_what_was_written_before_it_once() {
        let live = |live| Watermarks { pending: 0, live };
        let mut receipts = Receipts::default();
        assert_eq!(receipts.acknowledge(), None);
        receipts.send(live(3));
        assert_eq!(receipts.acknowledge(), None, "it may have been sent before");
        receipts.written();
        receipts.send(live(5));
        assert_eq!(receipts.acknowledge(), Some(live(3)));
        assert_eq!(receipts.acknowledge(), None);
        receipts.send(Watermarks { pending: 2, live: 0 });
        receipts.written();
        assert_eq!(receipts.acknowledge(), Some(Watermarks { pending: 2, live: 5 }));
        assert!(receipts.0.is_none());
    }
}
