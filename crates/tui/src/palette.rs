//! Rooms, people and commands by a few letters.

use crate::composer::Composer;

/// Rooms, people and commands by a few letters.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    /// What is typed.
    pub input: Composer,
    /// What fits it, the best first.
    pub hits: Vec<Hit>,
    /// Which one is chosen.
    pub selected: usize,
}

/// Something that fits what is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What is chosen: the name of a room or person, or a command.
    pub text: String,
    /// What it is.
    pub about: String,
}
