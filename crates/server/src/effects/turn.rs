//! A turn of a session that has waited, as the effects that come of it know it.

use std::fmt;

/// A turn: over when it is dropped, which is when all shards have carried out its effects.
pub struct Turn(Box<dyn Fn() + Send + Sync>);

impl Turn {
    /// A turn at whose end something happens, on whichever thread that is.
    pub fn new(at_end: impl Fn() + Send + Sync + 'static) -> Turn {
        Turn(Box::new(at_end))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}
