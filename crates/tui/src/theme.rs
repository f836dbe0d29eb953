//! Colours: how each kind of thing looks on this terminal.

use proto::name::fold;
use ratatui_core::style::{Color, Modifier, Style};

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// None (`NO_COLOR`, or a terminal without colours): only bold and the like.
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

/// A kind of thing that looks the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Secondary: times, events, hints.
    Quiet,
    /// Headings, new messages.
    Strong,
    /// What needs attention: mentions, unread lines.
    Call,
    /// Failures.
    Bad,
    /// Success.
    Good,
    /// The top line.
    Bar,
    /// Selected: the open conversation, the focused message, an item of a list.
    Chosen,
    /// A link.
    Link,
    /// Code.
    Code,
    /// A searched word.
    Found,
}

// Readable (a contrast of at least 4.5) on dark and light backgrounds, as a test checks.
const ON_DARK: [u8; 24] = [
    39, 43, 74, 78, 80, 108, 110, 111, 114, 117, 140, 141, 149, 173, 174, 175, 176, 179, 182, 185,
    203, 209, 212, 215,
];
const ON_LIGHT: [u8; 20] =
    [22, 24, 25, 26, 54, 55, 57, 61, 62, 88, 89, 90, 92, 94, 96, 124, 125, 127, 130, 160];
const ANSI_ON_DARK: [Color; 6] = [
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
];
const ANSI_ON_LIGHT: [Color; 4] = [Color::Red, Color::Blue, Color::Magenta, Color::Green];

/// The first 16 mIRC colours as the terminal's.
const MIRC: [u8; 16] = [15, 0, 4, 2, 9, 1, 5, 3, 11, 10, 6, 14, 12, 13, 8, 7];

impl Theme {
    /// The style of a kind of thing.
    pub(crate) fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let (dark, light, ansi, weight) = match role {
            Role::Quiet => (245, 242, None, Modifier::DIM),
            Role::Strong => return plain.add_modifier(Modifier::BOLD),
            Role::Call => (215, 130, Some(Color::Yellow), Modifier::BOLD),
            Role::Bad => (203, 160, Some(Color::Red), Modifier::BOLD),
            Role::Good => (114, 28, Some(Color::Green), Modifier::empty()),
            Role::Link => (75, 25, Some(Color::Blue), Modifier::UNDERLINED),
            Role::Code => (180, 94, Some(Color::Cyan), Modifier::empty()),
            Role::Bar => return self.on(237, 253, plain),
            Role::Chosen => return self.on(239, 251, plain),
            Role::Found => return plain.add_modifier(Modifier::REVERSED),
        };
        let colour = match (self.depth, self.background) {
            (Depth::None, _) => None,
            (Depth::Ansi, _) => ansi,
            (Depth::Indexed, Background::Dark) => Some(Color::Indexed(dark)),
            (Depth::Indexed, Background::Light) => Some(Color::Indexed(light)),
        };
        // A colour makes bold superfluous, except where both are meant.
        let weight = match (role, colour) {
            (Role::Quiet, Some(_)) => Modifier::empty(),
            _ => weight,
        };
        let style = plain.add_modifier(weight);
        colour.map_or(style, |colour| style.fg(colour))
    }

    fn on(self, dark: u8, light: u8, style: Style) -> Style {
        match (self.depth, self.background) {
            (Depth::Indexed, Background::Dark) => style.bg(Color::Indexed(dark)),
            (Depth::Indexed, Background::Light) => style.bg(Color::Indexed(light)),
            _ => style.add_modifier(Modifier::REVERSED),
        }
    }

    /// The colour of a name, always the same.
    pub(crate) fn name(self, name: &str) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let pick = |count: usize| stable_hash(&fold(name)) as usize % count;
        match (self.depth, self.background) {
            (Depth::None, _) => bold,
            (Depth::Ansi, Background::Dark) => bold.fg(ANSI_ON_DARK[pick(ANSI_ON_DARK.len())]),
            (Depth::Ansi, Background::Light) => bold.fg(ANSI_ON_LIGHT[pick(ANSI_ON_LIGHT.len())]),
            (Depth::Indexed, Background::Dark) => {
                bold.fg(Color::Indexed(ON_DARK[pick(ON_DARK.len())]))
            }
            (Depth::Indexed, Background::Light) => {
                bold.fg(Color::Indexed(ON_LIGHT[pick(ON_LIGHT.len())]))
            }
        }
    }

    /// A mIRC colour (0 to 98), chosen by the author for their own background. White and black
    /// alone are ignored: they would be invisible on half of all screens.
    pub(crate) fn mirc(self, number: u8) -> Option<Color> {
        match (self.depth, number) {
            (Depth::None, _) | (_, 99..) => None,
            (_, 0..16) => Some(ansi(MIRC[usize::from(number)])),
            (Depth::Ansi, _) => None,
            // 16 to 87 are seven rows of twelve hues, 88 to 98 greys.
            (Depth::Indexed, 88..) => Some(Color::Indexed(232 + (number - 88) * 23 / 10)),
            (Depth::Indexed, _) => Some(Color::Indexed(hue(number - 16))),
        }
    }
}

/// The terminal's own 16 colours by number.
fn ansi(number: u8) -> Color {
    const NAMED: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    NAMED[usize::from(number & 15)]
}

/// The colour of the terminal's cube for one of mIRC's hues.
fn hue(number: u8) -> u8 {
    // Red, orange, yellow, lime, green, teal, cyan, azure, blue, violet, magenta, pink: each
    // component out of five.
    const HUES: [(u8, u8, u8); 12] = [
        (5, 0, 0),
        (5, 2, 0),
        (5, 5, 0),
        (3, 5, 0),
        (0, 5, 0),
        (0, 5, 2),
        (0, 5, 5),
        (0, 2, 5),
        (0, 0, 5),
        (3, 0, 5),
        (5, 0, 5),
        (5, 0, 2),
    ];
    let (row, column) = (number / 12, usize::from(number % 12));
    let (r, g, b) = HUES[column];
    let level = |part: u8| match row {
        // From dark to full, then from full to pale.
        0..=3 => part * (row + 2) / 5,
        _ => part + (5 - part) * (row - 3).min(3) / 4,
    };
    16 + 36 * level(r) + 6 * level(g) + level(b)
}

/// FNV-1a: the same on every machine and in every version.
fn stable_hash(text: &str) -> u32 {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = text.bytes().fold(0x811c_9dc5, mix);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance (WCAG 2) of a colour of the cube.
    fn luminance(index: u8) -> f64 {
        let part = |step: u8| {
            let value = f64::from([0, 95, 135, 175, 215, 255][usize::from(step)]) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let cube = index - 16;
        0.2126 * part(cube / 36) + 0.7152 * part(cube / 6 % 6) + 0.0722 * part(cube % 6)
    }

    #[test]
    fn nick_colours_are_readable_on_the_background() {
        // A dark grey (#1e1e1e) is harder than black.
        let dark = 0.013;
        for index in ON_DARK {
            let contrast = (luminance(index) + 0.05) / (dark + 0.05);
            assert!(contrast >= 4.5, "{index}: {contrast:.1} on dark");
        }
        for index in ON_LIGHT {
            let contrast = 1.05 / (luminance(index) + 0.05);
            assert!(contrast >= 4.5, "{index}: {contrast:.1} on white");
        }
    }

    #[test]
    fn a_name_keeps_its_colour_in_any_case() {
        let theme = Theme::default();
        assert_eq!(theme.name("Ann"), theme.name("ann"));
        let names = ["ann", "bob", "eve", "carol", "dave", "mallory"];
        let mut colours: Vec<_> =
            names.iter().map(|name| format!("{:?}", theme.name(name))).collect();
        colours.sort();
        colours.dedup();
        assert!(colours.len() >= 5, "{colours:?}");
    }

    #[test]
    fn every_mirc_colour_maps_to_a_terminal_colour() {
        let theme = Theme::default();
        assert!((0..99).all(|number| theme.mirc(number).is_some()));
        assert_eq!(theme.mirc(99), None);
        assert_eq!(theme.mirc(4), Some(Color::LightRed));
        assert_eq!(Theme { depth: Depth::None, ..theme }.mirc(4), None);
    }
}
