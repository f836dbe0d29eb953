//! What a person has set.

use crate::theme::Theme;
use jiff::tz::TimeZone;

/// What a person has set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Colours.
    pub theme: Theme,
    /// In which zone times are told.
    pub zone: TimeZone,
    /// Addresses can be clicked (OSC 8).
    pub links: bool,
    /// The terminal understands synchronized updates, so that it never shows half a frame.
    pub synchronized: bool,
    /// The mouse is the screen's; otherwise the terminal's own selection works.
    pub mouse: bool,
    /// The members of a room are shown where there is room for them.
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
