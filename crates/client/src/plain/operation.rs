//! What a line asks for.

use crate::limits::HISTORY_PAGE;

/// The text of `help`.
pub(super) const HELP: &str = "\
BM [text]                 send a message to everyone
PM [user [text]]          send a message to one user; PM alone lists them
PM #room [text]           send a message to a room you are in
REPLY [user [text]]       answer the newest message of a user
REACT [user [emoji]]      react to it: 👍 or :tada:; once more takes that back
REDACT [user]             take back your newest message, or that of a user
UNREAD                    list what is unread
READ [user or room]       show what is unread there
CH [user or room] [count] show the latest messages (of one user or room)
FIND [words]              find messages with these words; also from:user
                          in:#room after:2026-01-31 before:2026-02-01 has:link
                          \"next to each other\" -without begin*
more                      show the previous page
ROOMS                     show the rooms of the server
JOIN #room                enter a room
PART #room                leave a room
WHO [user or room]        show who somebody is, or who is in a room
PINS #room                show the messages pinned in a room
GO [letters]              find a room, person or command by a few letters
/command                  anything else, as /topic #room text; /help lists all
EX                        leave the chat

A pasted text may have several lines. Lines that begin with a space are not kept
in the input history.";

/// What `help` adds where numbers are answers.
pub(super) const NUMBERED_HELP: &str = "\
number                    choose from the list that came last
Tab                       complete a word; if several fit, add a number and Tab";

/// An operation as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Broadcast(&'a str),
    Private { user: &'a str, text: &'a str },
    Reply { user: &'a str, text: &'a str },
    React { user: &'a str, text: &'a str },
    TakeBack(&'a str),
    Unread,
    Read(&'a str),
    History { target: &'a str, count: usize },
    Find(&'a str),
    More,
    Rooms,
    Join(&'a str),
    Part(&'a str),
    Who(&'a str),
    Pins(&'a str),
    Go(&'a str),
    Slash(&'a str),
    Number(usize),
    Help,
    Exit,
    Nothing,
    Unknown(&'a str),
}

impl<'a> Operation<'a> {
    /// Whether it is answered by a list, or by something else to look through.
    pub(super) fn lists(&self) -> bool {
        match self {
            Operation::Private { user, .. } | Operation::Reply { user, .. } => user.is_empty(),
            Operation::React { user, text } => user.is_empty() || text.is_empty(),
            Operation::TakeBack(user) => user.is_empty(),
            Operation::Broadcast(_) | Operation::Join(_) | Operation::Part(_) => false,
            Operation::Number(_) | Operation::Help | Operation::Exit => false,
            Operation::Nothing | Operation::Unknown(_) => false,
            _ => true,
        }
    }

    pub(super) fn parse(line: &'a str) -> Operation<'a> {
        let (word, rest) = split_word(line);
        let (first, text) = split_word(rest);
        let is_one = text.is_empty();
        match word.to_ascii_lowercase().as_str() {
            "bm" => Operation::Broadcast(rest),
            "pm" => Operation::Private { user: first, text },
            "reply" => Operation::Reply { user: first, text },
            "react" => Operation::React { user: first, text },
            "redact" if is_one => Operation::TakeBack(first),
            "unread" if rest.is_empty() => Operation::Unread,
            "read" if is_one => Operation::Read(first),
            "ch" => {
                let (target, count) = match first {
                    "" => ("*", ""),
                    // No name and no room begins with a digit.
                    number if number.starts_with(|first: char| first.is_ascii_digit()) => {
                        ("*", number)
                    }
                    _ => (first, text),
                };
                match count.parse() {
                    Ok(count) if count > 0 => Operation::History { target, count },
                    Err(_) if count.is_empty() => {
                        Operation::History { target, count: HISTORY_PAGE }
                    }
                    _ => Operation::Unknown(line),
                }
            }
            "find" => Operation::Find(rest),
            "more" => Operation::More,
            "rooms" if rest.is_empty() => Operation::Rooms,
            "join" if is_room(rest) => Operation::Join(rest),
            "part" if is_room(rest) => Operation::Part(rest),
            "who" if is_one && !first.contains(',') => Operation::Who(first),
            "pins" if is_room(rest) => Operation::Pins(rest),
            "go" => Operation::Go(rest),
            "help" | "?" => Operation::Help,
            "ex" => Operation::Exit,
            "" => Operation::Nothing,
            slash if slash.starts_with('/') => Operation::Slash(line.trim()),
            _ => line.trim().parse().map_or(Operation::Unknown(line), Operation::Number),
        }
    }
}

fn is_room(word: &str) -> bool {
    word.starts_with('#') && !word.contains(|c: char| c == ',' || c.is_whitespace())
}

/// The first word, and what follows it; a text may begin with a tab, or with a line end where it was pasted.
pub(super) fn split_word(line: &str) -> (&str, &str) {
    let line = line.trim_start().trim_end_matches(' ');
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_understood_alone_and_whole_in_any_case() {
        assert_eq!(Operation::parse("BM"), Operation::Broadcast(""));
        assert_eq!(Operation::parse(" bm  hello  all "), Operation::Broadcast("hello  all"));
        assert_eq!(Operation::parse("Pm"), Operation::Private { user: "", text: "" });
        assert_eq!(Operation::parse("pm bob"), Operation::Private { user: "bob", text: "" });
        assert_eq!(
            Operation::parse("PM bob hi you"),
            Operation::Private { user: "bob", text: "hi you" }
        );
        assert_eq!(Operation::parse("ch"), Operation::History { target: "*", count: HISTORY_PAGE });
        assert_eq!(
            Operation::parse("CH bob"),
            Operation::History { target: "bob", count: HISTORY_PAGE }
        );
        assert_eq!(
            Operation::parse("CH #rust 50"),
            Operation::History { target: "#rust", count: 50 }
        );
        assert_eq!(Operation::parse("CH 50"), Operation::History { target: "*", count: 50 });
        assert_eq!(Operation::parse("MORE"), Operation::More);
        assert_eq!(Operation::parse("rooms"), Operation::Rooms);
        assert_eq!(Operation::parse("Join #rust"), Operation::Join("#rust"));
        assert_eq!(Operation::parse("part #rust "), Operation::Part("#rust"));
        assert_eq!(Operation::parse("Pins #rust"), Operation::Pins("#rust"));
        assert_eq!(Operation::parse("BM \tone\n\n two"), Operation::Broadcast("\tone\n\n two"));
        assert_eq!(Operation::parse("react bob 👍"), Operation::React { user: "bob", text: "👍" });
        assert_eq!(Operation::parse("Redact"), Operation::TakeBack(""));
        assert_eq!(Operation::parse("WHO #rust"), Operation::Who("#rust"));
        assert_eq!(Operation::parse(" /topic a  b "), Operation::Slash("/topic a  b"));
        assert_eq!(Operation::parse("go de"), Operation::Go("de"));
        assert_eq!(Operation::parse(" 12 "), Operation::Number(12));
        assert_eq!(Operation::parse("Ex"), Operation::Exit);
        assert_eq!(Operation::parse("  "), Operation::Nothing);
    }

    #[test]
    fn the_help_fits_a_terminal() {
        let lines = HELP.lines().chain(NUMBERED_HELP.lines());
        assert!(lines.clone().all(|line| line.chars().count() <= 80), "{HELP}");
    }

    #[test]
    fn unknown_operations_are_not_guessed() {
        for line in [
            "hello",
            "part rust",
            "join #a,#b",
            "who #a,#b",
            "CH bob many",
            "CH bob 0",
            "read the book",
        ] {
            assert_eq!(Operation::parse(line), Operation::Unknown(line));
        }
    }
}
