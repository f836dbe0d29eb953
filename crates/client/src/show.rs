//! Turns entries into lines for people: dates, colours, and nothing that could harm a terminal.

use std::fmt::Write;

use chat::Chat;
use chat::conversation::Member;
use chat::entry::{Delivery, Entry, Kind};
use chat::outgoing::Outgoing;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proto::name::same;

use crate::find::marked;

/// Where a message was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// The room that everybody is in.
    Lobby,
    /// Another room, by its name.
    Room(&'a str),
    /// Between this person and the named one.
    Private(&'a str),
}

impl<'a> Place<'a> {
    /// What the conversation of this name is.
    pub fn of(chat: &Chat, name: &'a str) -> Place<'a> {
        if chat.lobby().is_some_and(|lobby| same(lobby, name)) {
            Place::Lobby
        } else if chat.server.is_room(name) {
            Place::Room(name)
        } else {
            Place::Private(name)
        }
    }
}

/// How lines look.
#[derive(Clone, Debug)]
pub struct LineStyle {
    /// Whether to use the terminal's colours.
    pub colour: bool,
    /// The time zone in which times are shown.
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

impl LineStyle {
    /// A message that arrives: `[BM] 14:02 ann: hello`; with its date if that is not the day of `now_ms`
    /// (milliseconds since 1970 UTC). What this person said elsewhere is said by "you". A message of several
    /// lines is so many lines.
    pub fn arrival(&self, place: Place<'_>, entry: &Entry, now_ms: i64) -> Vec<String> {
        let dated = self.format(entry.time_ms, "%F") != self.format(now_ms, "%F");
        let format = if dated { "%F %H:%M" } else { "%H:%M" };
        let author = if entry.mine { "you" } else { &entry.from };
        self.entry(place, entry, author, &self.format(entry.time_ms, format))
    }

    /// A message from history, always with its date and everybody's name: `[PM] 2026-11-22 14:02 ann -> bob: hello`.
    pub fn record(&self, place: Place<'_>, entry: &Entry) -> Vec<String> {
        self.entry(place, entry, &entry.from, &self.format(entry.time_ms, "%F %H:%M"))
    }

    /// The same of a message that was searched for, with the words marked if there are colours.
    pub fn hit(&self, place: Place<'_>, entry: &Entry, words: &str) -> Vec<String> {
        if !self.colour {
            return self.record(place, entry);
        }
        self.record(place, &Entry { text: marked(&entry.text, words), ..entry.clone() })
    }

    /// A status line, such as `* ann joined`. It is dimmed as a whole, so formatting codes are dropped.
    pub fn status_line(&self, sentence: &str) -> String {
        self.paint(Ink::Quiet, &format!("* {}", formatted(sentence, false)))
    }

    fn entry(&self, place: Place<'_>, entry: &Entry, author: &str, when: &str) -> Vec<String> {
        let (tag, ink) = match place {
            Place::Lobby => ("BM".to_owned(), Ink::Broadcast),
            Place::Private(_) => ("PM".to_owned(), Ink::Private),
            Place::Room(room) => (harmless(room), Ink::Room),
        };
        let mut who = self.paint(Ink::Name, &harmless(author));
        if let (Place::Private(other), true) = (place, entry.mine) {
            who = format!("{who} -> {}", self.paint(Ink::Name, &harmless(other)));
        }
        let before =
            format!("{} {}", self.paint(ink, &format!("[{tag}]")), self.paint(Ink::Quiet, when));
        if let Some(by) = &entry.redacted_by {
            let by = if *by == entry.from { "" } else { &format!(" by {}", harmless(by)) };
            let gone = self.paint(Ink::Quiet, &format!("(taken back{by})"));
            return vec![format!("{before} {who}: {gone}")];
        }
        let line = |text: &str| {
            let text = formatted(text, self.colour);
            match entry.kind {
                Kind::Action => format!("{before} * {who} {text}"),
                Kind::Notice => format!("{before} {who} (notice): {text}"),
                _ => format!("{before} {who}: {text}"),
            }
        };
        entry.text.split('\n').map(line).collect()
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

/// A member of a room: the marks and name, and what is known besides.
pub fn member(chat: &Chat, member: &Member) -> String {
    let mut text = format!("{}{}", member.marks, member.nick);
    if member.away {
        text.push_str(" (away)");
    }
    let metadata = chat.people.metadata(&member.nick).cloned().unwrap_or_default();
    if let Some(name) = metadata.display_name {
        text.push_str(", called ");
        text.push_str(&name);
    }
    if let Some(status) = metadata.status {
        text.push_str(", status: ");
        text.push_str(&status);
    }
    harmless(&text)
}

/// How to describe a message that will not be confirmed any more; none if the server has refused it, which was
/// reported.
pub fn not_confirmed(outgoing: &Outgoing) -> Option<&'static str> {
    match outgoing.delivery {
        Delivery::Failed { .. } => None,
        _ if outgoing.sent || outgoing.resent => Some("Possibly sent, but not confirmed"),
        _ => Some("Not sent"),
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

/// The text, harmless, with the formatting of IRC clients as the terminal's own, or without it: bold, italics,
/// underlined, struck through, reversed. Colours are left out: they are chosen for somebody else's background.
pub fn formatted(text: &str, as_terminal: bool) -> String {
    const CODES: [(char, &str); 5] =
        [('\x02', "1"), ('\x1d', "3"), ('\x1f', "4"), ('\x1e', "9"), ('\x16', "7")];
    let mut out = String::with_capacity(text.len());
    let mut on: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_formatting) {
        out.push_str(&harmless(&rest[..at]));
        let mut characters = rest[at..].chars();
        let code = characters.next().unwrap_or_default();
        rest = characters.as_str();
        match code {
            '\x03' => rest = without_colours(rest, 2, |digit| digit.is_ascii_digit()),
            '\x04' => rest = without_colours(rest, 6, |digit| digit.is_ascii_hexdigit()),
            '\x0f' => on.clear(),
            _ => {
                let code = CODES.iter().find(|(known, _)| *known == code).map(|(_, sgr)| *sgr);
                match code.and_then(|code| on.iter().position(|other| *other == code)) {
                    Some(at) => drop(on.remove(at)),
                    None => on.extend(code),
                }
            }
        }
        if as_terminal {
            out.push_str("\x1b[0m");
            on.iter().for_each(|code| {
                // Writing to a String cannot fail.
                let _ = write!(out, "\x1b[{code}m");
            });
        }
    }
    out.push_str(&harmless(rest));
    if as_terminal && !on.is_empty() {
        out.push_str("\x1b[0m");
    }
    out
}

/// Bold, colours, off, monospace, reversed, italics, struck through, underlined.
fn is_formatting(code: char) -> bool {
    matches!(code, '\x02'..='\x04' | '\x0f' | '\x11' | '\x16' | '\x1d'..='\x1f')
}

/// What follows the numbers of a colour and of its background.
fn without_colours(text: &str, digits: usize, is_digit: fn(&char) -> bool) -> &str {
    let number = |text: &str| text.chars().take(digits).take_while(is_digit).count();
    let rest = &text[number(text)..];
    match rest.strip_prefix(',') {
        Some(background) if rest.len() < text.len() && number(background) > 0 => {
            &background[number(background)..]
        }
        _ => rest,
    }
}

/// The text with everything visible that could move the cursor, change the terminal or turn the reading direction:
/// ESC becomes `^[`, a right-to-left override `<U+202E>`. Tabs stay; a terminal gets them as spaces.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => out.push('\t'),
            '\0'..='\x1f' => {
                out.push('^');
                out.push(char::from(character as u8 + b'@'));
            }
            '\x7f' => out.push_str("^?"),
            _ if is_harmful(character) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "<U+{:04X}>", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

/// The same of a text of several lines.
pub fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal could obey the character instead of showing it.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: i64 = 1_795_348_800_000; // 2026-11-22 12:00:00 UTC

    fn plain() -> LineStyle {
        LineStyle { colour: false, zone: TimeZone::UTC }
    }

    const BOB: Place<'_> = Place::Private("bob");

    /// Without an author it is this person's, who is called me.
    fn entry(author: Option<&str>, text: &str) -> Entry {
        let from = author.unwrap_or("me");
        let mine = author.is_none();
        Entry { mine, ..Entry::new(Kind::Message, from, NOON_MS + 2 * 60_000, text) }
    }

    fn arrival(place: Place<'_>, entry: &Entry) -> String {
        plain().arrival(place, entry, NOON_MS).join("\n")
    }

    #[test]
    fn arrivals_have_the_hour_and_minute() {
        assert_eq!(arrival(Place::Lobby, &entry(Some("ann"), "hi")), "[BM] 12:02 ann: hi");
        assert_eq!(arrival(BOB, &entry(Some("bob"), "hi")), "[PM] 12:02 bob: hi");
        assert_eq!(arrival(Place::Lobby, &entry(None, "hi")), "[BM] 12:02 you: hi");
        assert_eq!(arrival(BOB, &entry(None, "hi")), "[PM] 12:02 you -> bob: hi");
        let rust = arrival(Place::Room("#rust"), &entry(Some("ann"), "hi"));
        assert_eq!(rust, "[#rust] 12:02 ann: hi");
    }

    #[test]
    fn each_line_of_a_message_names_its_author() {
        let two = arrival(Place::Lobby, &entry(Some("ann"), "one\ntwo"));
        assert_eq!(two, "[BM] 12:02 ann: one\n[BM] 12:02 ann: two");
    }

    #[test]
    fn messages_of_other_days_and_of_history_have_the_date() {
        let entry = entry(Some("ann"), "hi");
        let dated = ["[BM] 2026-11-22 12:02 ann: hi"];
        assert_eq!(plain().arrival(Place::Lobby, &entry, NOON_MS + 86_400_000), dated);
        assert_eq!(plain().record(Place::Lobby, &entry), dated);
    }

    #[test]
    fn in_history_everybody_has_a_name() {
        let mine = entry(None, "hi");
        assert_eq!(plain().record(BOB, &mine), ["[PM] 2026-11-22 12:02 me -> bob: hi"]);
        assert_eq!(plain().record(Place::Lobby, &mine), ["[BM] 2026-11-22 12:02 me: hi"]);
    }

    #[test]
    fn times_are_shown_in_the_zone_of_the_person() {
        let look = LineStyle { colour: false, zone: TimeZone::fixed(jiff::tz::offset(2)) };
        let lines = look.arrival(Place::Lobby, &entry(Some("ann"), "hi"), NOON_MS);
        assert_eq!(lines, ["[BM] 14:02 ann: hi"]);
    }

    #[test]
    fn actions_and_notices_are_told_apart() {
        let waves = Entry { kind: Kind::Action, ..entry(Some("ann"), "waves") };
        assert_eq!(arrival(Place::Lobby, &waves), "[BM] 12:02 * ann waves");
        let notice = Entry { kind: Kind::Notice, ..entry(Some("bot"), "done") };
        assert_eq!(arrival(Place::Lobby, &notice), "[BM] 12:02 bot (notice): done");
    }

    #[test]
    fn a_redacted_message_keeps_its_place_and_author() {
        let line = |by: &str| {
            let mut message = entry(Some("bob"), "oops");
            message.redact(by);
            arrival(Place::Lobby, &message)
        };
        assert_eq!(line("bob"), "[BM] 12:02 bob: (taken back)");
        assert_eq!(line("eve"), "[BM] 12:02 bob: (taken back by eve)");
    }

    #[test]
    fn formatting_is_the_terminals_or_none() {
        let text =
            "\x02bold\x02 \x1d\x1fboth\x0f \x0304,12red\x03, \x04ff0000hex \x11mono\x11 \x16r";
        assert_eq!(formatted(text, false), "bold both red, hex mono r");
        assert_eq!(
            formatted("a\x02b\x02c\x1dd", true),
            "a\x1b[0m\x1b[1mb\x1b[0mc\x1b[0m\x1b[3md\x1b[0m"
        );
        // Digits that belong to the text, and a comma that does.
        assert_eq!(formatted("\x03051 \x033,x \x03,1", false), "1 ,x ,1");
        assert_eq!(formatted("\x02\x1b[2J", false), "^[[2J");
        // In topics, notices and reasons, too.
        assert_eq!(plain().status_line("the topic: \x02tea\x02 \x0304now"), "* the topic: tea now");
    }

    #[test]
    fn colours_are_there_only_when_wanted() {
        let entry = entry(Some("ann"), "hi");
        let look = LineStyle { colour: true, zone: TimeZone::UTC };
        let coloured = look.arrival(Place::Lobby, &entry, NOON_MS);
        assert_eq!(coloured, ["\x1b[36m[BM]\x1b[0m \x1b[90m12:02\x1b[0m \x1b[1mann\x1b[0m: hi"]);
        assert!(!arrival(Place::Lobby, &entry).contains('\x1b'));
    }

    #[test]
    fn sentences_begin_with_a_capital_and_end_with_a_stop() {
        assert_eq!(sentence("wrong password"), "Wrong password.");
        assert_eq!(sentence("Not yet: nothing there (5)"), "Not yet: nothing there (5).");
        for whole in ["Sent.", "Reconnecting …", "Really?", "Enter the user:", ""] {
            assert_eq!(sentence(whole), whole);
        }
    }

    #[test]
    fn control_characters_from_others_never_reach_the_terminal() {
        assert_eq!(harmless("\x1b[2Jx\x07\x7f\tz"), "^[[2Jx^G^?\tz");
        assert_eq!(harmless("a\u{9b}31m\u{202e}b"), "a<U+009B>31m<U+202E>b");
        assert_eq!(harmless("Grüße, 世界 👋🏽"), "Grüße, 世界 👋🏽");
        let everything: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert!(!harmless(&everything).chars().any(|seen| seen != '\t' && is_harmful(seen)));
        assert!(
            !formatted(&everything, false).chars().any(|seen| seen != '\t' && is_harmful(seen))
        );
        let evil = entry(Some("a\x1b[0m"), "\x1b]0;pwned\x07");
        assert!(!arrival(Place::Room("#\x1b[31m"), &evil).chars().any(char::is_control));
        assert!(!plain().status_line("\x1b[2J joined").chars().any(char::is_control));
    }
}
