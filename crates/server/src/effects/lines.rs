//! Where the lines of a multi-line message are in its body.

/// Where the lines of one message are in its body, which begins with the line that opens the batch.
#[derive(Debug)]
pub struct Lines {
    /// The batch's reference: the message's own, so that no receiver has two of the same open.
    pub reference: String,
    /// Bytes of the line that opens the batch.
    pub opening: usize,
    /// The lines.
    pub lines: Vec<OneLine>,
}

/// One of the lines.
#[derive(Debug)]
pub struct OneLine {
    /// Where it ends in the body.
    pub end: usize,
    /// It goes on with the line before.
    pub goes_on: bool,
    /// It has no text.
    pub blank: bool,
}
