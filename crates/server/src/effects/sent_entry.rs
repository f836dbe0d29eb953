//! An entry as it goes to a log that orders entries for several nodes, and comes back.

/// The bytes of one entry. `crate::command::ordered` makes and reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEntry(pub(crate) Box<[u8]>);
