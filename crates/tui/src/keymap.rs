//! Which key does what.

/// Which key does what.
#[derive(Clone, Debug, Default)]
pub struct Keymap {}

impl Keymap {
    /// The help: headings with their rows of keys and what they do.
    pub fn help(&self) -> Vec<(String, Vec<(String, String)>)> {
        Vec::new()
    }

    /// What can be done with a message, and by which keys.
    pub fn menu(&self, _message: Has) -> String {
        String::new()
    }
}

/// What is known of a message for its menu.
#[derive(Clone, Copy, Debug)]
pub struct Has {
    /// It was refused: it can be sent again, edited, discarded.
    pub failed: bool,
    /// The server knows it: it can be answered, reacted to.
    pub msgid: bool,
    /// It is this person's own.
    pub mine: bool,
    /// It answers another.
    pub reply: bool,
}
