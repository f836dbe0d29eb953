//! Where the lines of a multi-line message are in its body.

/// The positions of a message's lines in its body, which begins with the line that opens the batch.
#[derive(Debug)]
pub struct Lines {
    /// The batch's reference, which is derived from the msgid, so that no receiver has two open
    /// batches with the same one.
    pub reference: String,
    /// The length of the line that opens the batch, in bytes.
    pub opening: usize,
    /// The lines.
    pub lines: Vec<OneLine>,
}

/// A line.
#[derive(Debug)]
pub struct OneLine {
    /// Its end in the body.
    pub end: usize,
    /// It continues the line before.
    pub goes_on: bool,
    /// It has no text.
    pub blank: bool,
}
