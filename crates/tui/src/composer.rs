//! The line, or lines, that a person writes.

/// The line, or lines, that a person writes.
#[derive(Clone, Debug, Default)]
pub struct Composer {
    text: String,
    cursor: usize,
}

impl Composer {
    /// What is written; lines are separated by `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor is, in bytes of the text.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Nothing is written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes this instead; the cursor is at its end.
    pub fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.cursor = text.len();
    }
}
