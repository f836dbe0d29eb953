//! Colours: what each kind of thing looks like on this terminal.

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// None (`NO_COLOR`, or a terminal without): weight and lines only.
    None,
    /// The 16 of the terminal's own palette.
    Ansi,
    /// 256.
    #[default]
    Indexed,
}

/// What the terminal's background is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// How many there are.
    pub depth: Depth,
    /// What they must be readable on.
    pub background: Background,
}
