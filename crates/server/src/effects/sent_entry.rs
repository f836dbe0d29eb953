//! An entry as it goes to a log that orders entries for several nodes, and comes back.

/// The bytes of one entry. `crate::command::ordered` makes and reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEntry {
    pub(crate) bytes: Box<[u8]>,
    /// Somebody waits for its answer, and can be told that there will be none.
    pub(crate) awaited: bool,
}

impl SentEntry {
    /// Its bytes, for the log.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether somebody waits for its answer. Then it need not get into the log: who waits can be told.
    pub fn is_awaited(&self) -> bool {
        self.awaited
    }
}
