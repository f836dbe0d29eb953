//! Which key does what.

/// Which key does what.
#[derive(Clone, Debug, Default)]
pub struct Keymap {}

impl Keymap {
    /// The help: headings with their rows of keys and what they do.
    pub fn help(&self) -> Vec<(String, Vec<(String, String)>)> {
        Vec::new()
    }
}
