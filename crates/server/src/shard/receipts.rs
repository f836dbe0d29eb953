//! Acknowledgements: what a connection was sent counts as received only when the connection sends a
//! line after all of it was written.

use crate::session::delivery::Watermarks;

/// What a connection has not acknowledged yet. An idle one owns no memory.
#[derive(Debug, Default)]
pub struct Receipts(Option<Box<Unacknowledged>>);

#[derive(Debug, Default)]
struct Unacknowledged {
    /// Everything.
    told: Watermarks,
    /// The part that the next line acknowledges.
    written: Watermarks,
}

impl Receipts {
    /// More is being sent.
    pub fn tell(&mut self, more: Watermarks) {
        let told = &mut self.0.get_or_insert_default().told;
        told.kept = told.kept.max(more.kept);
        told.live = told.live.max(more.live);
    }

    /// All of it is written, and earlier input is read.
    pub fn written(&mut self) {
        if let Some(awaited) = &mut self.0 {
            awaited.written = awaited.told;
        }
    }

    /// A line has arrived: returns what it newly acknowledges, if anything.
    pub fn answered(&mut self) -> Option<Watermarks> {
        let awaited = self.0.as_mut()?;
        let answered = std::mem::take(&mut awaited.written);
        if answered == awaited.told {
            self.0 = None;
        }
        (answered != Watermarks::default()).then_some(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_acknowledges_what_was_written_before_it_once() {
        let live = |live| Watermarks { kept: 0, live };
        let mut receipts = Receipts::default();
        assert_eq!(receipts.answered(), None);
        receipts.tell(live(3));
        assert_eq!(receipts.answered(), None, "it may have been sent before");
        receipts.written();
        receipts.tell(live(5));
        assert_eq!(receipts.answered(), Some(live(3)));
        assert_eq!(receipts.answered(), None);
        receipts.tell(Watermarks { kept: 2, live: 0 });
        receipts.written();
        assert_eq!(receipts.answered(), Some(Watermarks { kept: 2, live: 5 }));
        assert!(receipts.0.is_none());
    }
}
