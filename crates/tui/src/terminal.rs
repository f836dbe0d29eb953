//! The sequences around the frames: entering and leaving the screen, title, clipboard, notifications.

pub use crate::safe::{copy, title};

/// Takes over the terminal: alternate screen, no automatic wrapping, bracketed paste, focus reports.
pub(crate) fn enter(mouse: bool) -> String {
    let mouse = if mouse { "\x1b[?1002h\x1b[?1006h" } else { "" };
    format!("\x1b[?1049h\x1b[?7l\x1b[?2004h\x1b[?1004h{mouse}\x1b[H\x1b[2J")
}

/// Restores the terminal.
pub(crate) fn leave(mouse: bool) -> String {
    let mouse = if mouse { "\x1b[?1006l\x1b[?1002l" } else { "" };
    format!("\x1b[0m\x1b]8;;\x1b\\\x1b[r{mouse}\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l")
}

/// How to notify a person who is not looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notification {
    /// The bell.
    Bell,
    /// OSC 9 (iTerm2, Windows Terminal, ConEmu).
    Osc9,
    /// OSC 777 (urxvt, foot, WezTerm).
    Osc777,
    /// OSC 99 (kitty).
    Osc99,
}

/// The sequence for a notification.
pub fn notify(how: Notification, title: &str, text: &str) -> String {
    let (title, text) = (crate::safe::notice(title), crate::safe::notice(text));
    match how {
        Notification::Bell => "\x07".to_owned(),
        Notification::Osc9 => format!("\x1b]9;{title}: {text}\x1b\\"),
        Notification::Osc777 => format!("\x1b]777;notify;{title};{text}\x1b\\"),
        Notification::Osc99 => format!("\x1b]99;;{title}: {text}\x1b\\"),
    }
}
