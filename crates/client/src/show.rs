//! Turns entries into lines for people: dates, colours, and nothing that could harm a terminal.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::entry::{Entry, Place};

/// How lines look.
#[derive(Clone, Debug)]
pub struct Look {
    /// Whether to use the terminal's colours.
    pub colour: bool,
    /// In which zone times are told.
    pub zone: TimeZone,
}

/// Colours, as the parameters of the terminal's SGR sequence.
#[derive(Clone, Copy)]
enum Ink {
    Broadcast,
    Private,
    Room,
    Name,
    Quiet,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Broadcast => "36",
            Ink::Private => "35",
            Ink::Room => "32",
            Ink::Name => "1",
            Ink::Quiet => "90",
        }
    }
}

impl Look {
    /// A message that arrives: `[BM] 14:02 ann: hello`; with its date if that is not the day of `now_ms`
    /// (milliseconds since 1970 UTC).
    pub fn arrival(&self, entry: &Entry, now_ms: i64) -> String {
        let dated =
            entry.time_ms.is_some_and(|time| self.format(time, "%F") != self.format(now_ms, "%F"));
        let format = if dated { "%F %H:%M" } else { "%H:%M" };
        self.entry(entry, &self.format(entry.time_ms.unwrap_or(now_ms), format))
    }

    /// A message from history, always with its date: `[PM] 2026-11-22 14:02 ann: hello`.
    pub fn record(&self, entry: &Entry) -> String {
        let when = entry.time_ms.map_or("?".to_owned(), |time| self.format(time, "%F %H:%M"));
        self.entry(entry, &when)
    }

    /// Something that is no message: `* ann joined`.
    pub fn aside(&self, sentence: &str) -> String {
        self.paint(Ink::Quiet, &format!("* {}", harmless(sentence)))
    }

    fn entry(&self, entry: &Entry, when: &str) -> String {
        let (tag, ink) = match &entry.place {
            Place::Lobby => ("BM".to_owned(), Ink::Broadcast),
            Place::Private(_) => ("PM".to_owned(), Ink::Private),
            Place::Room(room) => (harmless(room), Ink::Room),
        };
        let mut who =
            self.paint(Ink::Name, &entry.author.as_deref().map_or("you".to_owned(), harmless));
        if let (Place::Private(other), None) = (&entry.place, &entry.author) {
            who = format!("{who} -> {}", self.paint(Ink::Name, &harmless(other)));
        }
        if entry.notice {
            who.push_str(" (notice)");
        }
        // "/me waves" of IRC clients.
        let action =
            entry.text.strip_prefix("\u{1}ACTION ").map(|text| text.trim_end_matches('\u{1}'));
        let said = match action {
            Some(text) => format!("* {who} {}", harmless(text)),
            None => format!("{who}: {}", harmless(&entry.text)),
        };
        format!("{} {} {said}", self.paint(ink, &format!("[{tag}]")), self.paint(Ink::Quiet, when))
    }

    fn format(&self, time_ms: i64, format: &str) -> String {
        // Times outside of jiff's years (-9999 to 9999) do not come from a clock.
        let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
        time.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", ink.code()) } else { text.to_owned() }
    }
}

/// The text as a sentence: with a capital, and a full stop if it ends with a word.
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(characters).collect();
    if text.ends_with(|last: char| last.is_alphanumeric() || matches!(last, ')' | '"' | '\'')) {
        sentence.push('.');
    }
    sentence
}

/// The text with everything visible that could move the cursor, change the terminal or turn the reading direction:
/// ESC becomes `^[`, a right-to-left override `<U+202E>`.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => out.push(' '),
            '\0'..='\x1f' => {
                out.push('^');
                out.push(char::from(character as u8 + b'@'));
            }
            '\x7f' => out.push_str("^?"),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "<U+{:04X}>", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: i64 = 1_795_348_800_000; // 2026-11-22 12:00:00 UTC

    fn plain() -> Look {
        Look { colour: false, zone: TimeZone::UTC }
    }

    fn entry(place: Place, author: Option<&str>, text: &str) -> Entry {
        Entry {
            place,
            author: author.map(str::to_owned),
            notice: false,
            time_ms: Some(NOON_MS + 2 * 60_000),
            msgid: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn arrivals_have_the_hour_and_minute() {
        let look = plain();
        let bob = || Place::Private("bob".to_owned());
        let line = |entry: &Entry| look.arrival(entry, NOON_MS);
        assert_eq!(line(&entry(Place::Lobby, Some("ann"), "hi")), "[BM] 12:02 ann: hi");
        assert_eq!(line(&entry(bob(), Some("bob"), "hi")), "[PM] 12:02 bob: hi");
        assert_eq!(line(&entry(Place::Lobby, None, "hi")), "[BM] 12:02 you: hi");
        assert_eq!(line(&entry(bob(), None, "hi")), "[PM] 12:02 you -> bob: hi");
        let room = Place::Room("#rust".to_owned());
        assert_eq!(line(&entry(room, Some("ann"), "hi")), "[#rust] 12:02 ann: hi");
    }

    #[test]
    fn messages_of_other_days_and_of_history_have_the_date() {
        let entry = entry(Place::Lobby, Some("ann"), "hi");
        assert_eq!(plain().arrival(&entry, NOON_MS + 86_400_000), "[BM] 2026-11-22 12:02 ann: hi");
        assert_eq!(plain().record(&entry), "[BM] 2026-11-22 12:02 ann: hi");
    }

    #[test]
    fn times_are_told_in_the_zone_of_the_person() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let look = Look { colour: false, zone };
        assert_eq!(
            look.arrival(&entry(Place::Lobby, Some("ann"), "hi"), NOON_MS),
            "[BM] 14:02 ann: hi"
        );
    }

    #[test]
    fn a_message_without_time_has_the_time_of_its_arrival() {
        let entry = Entry { time_ms: None, ..entry(Place::Lobby, Some("ann"), "hi") };
        assert_eq!(plain().arrival(&entry, NOON_MS), "[BM] 12:00 ann: hi");
    }

    #[test]
    fn actions_and_notices_are_told_apart() {
        let waves = entry(Place::Lobby, Some("ann"), "\u{1}ACTION waves\u{1}");
        assert_eq!(plain().arrival(&waves, NOON_MS), "[BM] 12:02 * ann waves");
        let notice = Entry { notice: true, ..entry(Place::Lobby, Some("bot"), "done") };
        assert_eq!(plain().arrival(&notice, NOON_MS), "[BM] 12:02 bot (notice): done");
    }

    #[test]
    fn colours_are_there_only_when_wanted() {
        let entry = entry(Place::Lobby, Some("ann"), "hi");
        let coloured = Look { colour: true, zone: TimeZone::UTC }.arrival(&entry, NOON_MS);
        assert_eq!(coloured, "\x1b[36m[BM]\x1b[0m \x1b[90m12:02\x1b[0m \x1b[1mann\x1b[0m: hi");
        assert!(!plain().arrival(&entry, NOON_MS).contains('\x1b'));
    }

    #[test]
    fn sentences_begin_with_a_capital_and_end_with_a_stop() {
        assert_eq!(sentence("wrong password"), "Wrong password.");
        assert_eq!(sentence("Not yet: nothing there (5)"), "Not yet: nothing there (5).");
        for whole in ["Sent.", "Connecting again …", "Really?", "Enter the user:", ""] {
            assert_eq!(sentence(whole), whole);
        }
    }

    #[test]
    fn nothing_that_others_send_reaches_the_terminal_as_a_control() {
        assert_eq!(harmless("\x1b[2Jx\x07\x7f\tz"), "^[[2Jx^G^? z");
        assert_eq!(harmless("a\u{9b}31m\u{202e}b"), "a<U+009B>31m<U+202E>b");
        assert_eq!(harmless("Grüße, 世界 👋🏽"), "Grüße, 世界 👋🏽");
        let everything: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(!harmless(&everything).chars().any(char::is_control));
        let evil = entry(Place::Room("#\x1b[31m".to_owned()), Some("a\x1b[0m"), "\x1b]0;pwned\x07");
        assert!(!plain().arrival(&evil, NOON_MS).chars().any(char::is_control));
        assert!(!plain().aside("\x1b[2J joined").chars().any(char::is_control));
    }
}
