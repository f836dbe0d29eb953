//! Work, in units of about ten nanoseconds of one core: see [`crate::limits`] for what each thing
//! costs.

/// Work that a command takes, in units, by who does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// By the hub.
    pub hub: u64,
    /// By the shards that carry out its effects.
    pub shards: u64,
    /// By the readers of history.
    pub readers: u64,
}
