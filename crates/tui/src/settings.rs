//! A person's settings.

use crate::theme::Theme;
use jiff::tz::TimeZone;

/// A person's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Colours.
    pub theme: Theme,
    /// The time zone for displayed times.
    pub zone: TimeZone,
    /// Links can be clicked (OSC 8).
    pub links: bool,
    /// The terminal understands synchronized updates, so that it never shows half a frame.
    pub synchronized: bool,
    /// The screen uses the mouse; otherwise the terminal's own selection works.
    pub mouse: bool,
    /// Show the members of a room where there is space.
    pub members: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            theme: Theme::default(),
            zone: TimeZone::UTC,
            links: true,
            synchronized: true,
            mouse: true,
            members: true,
        }
    }
}
