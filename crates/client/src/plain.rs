//! The plain client: one line that names the four operations, again and again.

use crate::Outcome;
use crate::failure::Failure;
use crate::limits::{HISTORY_PAGE, LINES_UNASKED};
use crate::link::Leaving;
use crate::question::Question;
use crate::session::{End, Session};
use crate::show::harmless;
use crate::state::{Answer, Verdict};
use chat::outgoing::pieces;

const HELP: &str = "\
BM [text]                 send a message to everyone
PM [user [text]]          send a message to one user; PM alone lists them
PM #room [text]           send a message to a room you are in
CH [user or room] [count] show the latest messages (of one user or room)
FIND [words]              find messages with these words; also from:user
                          in:#room after:2026-01-31 before:2026-02-01 has:link
                          \"next to each other\" -without begin*
more                      show the previous page
ROOMS                     show the rooms of the server
JOIN #room                enter a room
PART #room                leave a room
PINS #room                show the messages pinned in a room
EX                        leave the chat

A pasted text may have several lines. Lines that begin with a space are not kept
in the input history.";

/// An operation as it was typed.
#[derive(Debug, PartialEq, Eq)]
enum Operation<'a> {
    Broadcast(&'a str),
    Private { user: &'a str, text: &'a str },
    History { target: &'a str, count: u32 },
    Find(&'a str),
    More,
    Rooms,
    Join(&'a str),
    Part(&'a str),
    Pins(&'a str),
    Help,
    Exit,
    Nothing,
    Unknown(&'a str),
}

impl<'a> Operation<'a> {
    fn parse(line: &'a str) -> Operation<'a> {
        let (word, rest) = split_word(line);
        match word.to_ascii_lowercase().as_str() {
            "bm" => Operation::Broadcast(rest),
            "pm" => {
                let (user, text) = split_word(rest);
                Operation::Private { user, text }
            }
            "ch" => {
                let (target, count) = split_word(rest);
                let (target, count) = match target {
                    "" => ("*", ""),
                    // No name and no room begins with a digit.
                    number if number.starts_with(|first: char| first.is_ascii_digit()) => {
                        ("*", number)
                    }
                    _ => (target, count),
                };
                match count.parse() {
                    Ok(count) => Operation::History { target, count },
                    Err(_) if count.is_empty() => {
                        Operation::History { target, count: HISTORY_PAGE }
                    }
                    Err(_) => Operation::Unknown(line),
                }
            }
            "find" => Operation::Find(rest),
            "more" => Operation::More,
            "rooms" if rest.is_empty() => Operation::Rooms,
            "join" if is_room(rest) => Operation::Join(rest),
            "part" if is_room(rest) => Operation::Part(rest),
            "pins" if is_room(rest) => Operation::Pins(rest),
            "help" | "?" => Operation::Help,
            "ex" => Operation::Exit,
            "" => Operation::Nothing,
            _ => Operation::Unknown(line),
        }
    }
}

fn is_room(word: &str) -> bool {
    word.starts_with('#') && !word.contains(char::is_whitespace)
}

/// The first word, and what follows it; a text may begin with a tab, or with a line end where it was pasted.
fn split_word(line: &str) -> (&str, &str) {
    let line = line.trim_start().trim_end_matches(' ');
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim_start_matches(' '))
}

/// Where the next older page ends.
enum Older {
    /// Of history.
    Page { target: String, count: u32, before: String },
    /// Of what was found.
    Found { words: String, before: String },
}

/// The plain client at work.
pub struct Plain<'s> {
    session: &'s mut Session,
    older: Option<Older>,
    /// Everything that was asked for was done, and every message confirmed.
    all_well: bool,
}

impl Plain<'_> {
    /// Does what the person says until the exit.
    ///
    /// # Errors
    /// If it cannot go on.
    pub fn run(session: &mut Session) -> Result<Outcome, Failure> {
        let mut plain = Plain { session, older: None, all_well: true };
        loop {
            let outcome = match plain.operation() {
                Err(End::Unusable(reason)) => {
                    let number = plain.session.inputs;
                    let sentence =
                        format!("Skipped: line {number} of the input is invalid: {reason}.");
                    plain.refuse(&sentence).map(|()| true)
                }
                outcome => outcome,
            };
            match outcome {
                Ok(true) => {}
                Err(End::Left(Leaving::Interrupted)) => return Ok(Outcome::Interrupted),
                Err(End::Left(Leaving::Terminated)) => return Ok(Outcome::Terminated),
                Ok(false) | Err(End::Left(_)) if plain.all_well => return Ok(Outcome::Done),
                Ok(false) | Err(End::Left(_)) => return Ok(Outcome::Undone),
                Err(End::Unusable(reason)) => return Err(Failure::Input(reason)),
                Err(End::Failed(failure)) => return Err(failure),
            }
        }
    }

    /// Asks for one operation and does it; false if it was the exit.
    fn operation(&mut self) -> Result<bool, End> {
        let line = self.session.ask(Question::Operation)?;
        match Operation::parse(&line) {
            Operation::Broadcast(text) => self.broadcast(text)?,
            Operation::Private { user, text } => self.private(user, text)?,
            Operation::History { target, count } => self.history(target, count, None)?,
            Operation::Find(words) => self.find(words)?,
            Operation::More => self.more()?,
            Operation::Rooms => self.rooms()?,
            Operation::Join(room) => self.join(room)?,
            Operation::Part(room) => self.part(room)?,
            Operation::Pins(room) => self.pins(room)?,
            Operation::Help => {
                for line in HELP.lines() {
                    self.session.console.status(line)?;
                }
            }
            Operation::Exit => return Ok(false),
            Operation::Nothing => {}
            Operation::Unknown(line) => {
                self.refuse(&format!("Unknown operation {}; try help.", harmless(line)))?;
            }
        }
        Ok(true)
    }

    fn broadcast(&mut self, text: &str) -> Result<(), End> {
        let asked;
        let text = if text.is_empty() {
            asked = self.detail(Question::Text)?;
            &asked
        } else {
            text
        };
        self.deliver(None, text)
    }

    fn private(&mut self, user: &str, text: &str) -> Result<(), End> {
        let asked_user;
        let user = if user.is_empty() {
            self.show_online()?;
            asked_user = self.detail(Question::Recipient)?;
            asked_user.trim()
        } else {
            user
        };
        if user.is_empty() || user.contains(char::is_whitespace) || user.starts_with(':') {
            return self.refuse("Nothing sent: that is not a user name.");
        }
        let asked_text;
        let text = if text.is_empty() {
            asked_text = self.detail(Question::Text)?;
            &asked_text
        } else {
            text
        };
        self.deliver(Some(user), text)
    }

    /// Asks for a part of an operation; input that ends before it leaves the operation undone.
    fn detail(&mut self, question: Question) -> Result<String, End> {
        let answer = self.session.ask(question);
        if let Err(End::Left(Leaving::EndOfInput)) = answer {
            self.refuse("Nothing sent: the input ended before the message was complete.")?;
        }
        self.all_well &= answer.is_ok();
        answer
    }

    fn show_online(&mut self) -> Result<(), End> {
        match self.session.request(|state, out| state.ask_online(out))? {
            Answer::Online(lines) => {
                for line in lines {
                    self.session.console.status(&format!("Online: {}", harmless(&line)))?;
                }
            }
            Answer::Refused { sentence, .. } => self.refuse(&sentence)?,
            _ => {}
        }
        Ok(())
    }

    fn deliver(&mut self, to: Option<&str>, text: &str) -> Result<(), End> {
        let limit = self.session.state.piece_bytes(to);
        let pieces = pieces(text, limit);
        if pieces.is_empty() {
            return self.refuse("Nothing sent: the message is empty.");
        }
        if !self.is_meant(text)? {
            return self.refuse("Nothing sent.");
        }
        let mut kept = false;
        for (index, piece) in pieces.iter().enumerate() {
            let delivered = self.session.deliver(to, piece);
            if delivered.is_err() {
                self.all_well = false;
                self.session.leave_unsent(to, &pieces[index + 1..]);
            }
            let verdict = delivered?;
            match verdict {
                Verdict::Sent => {}
                Verdict::Stored => kept = true,
                Verdict::Refused { code, sentence } => {
                    let why = match (code.as_str(), to) {
                        ("NO_SUCH_USER", Some(user)) => format!("there is no user {user}."),
                        _ => sentence,
                    };
                    let so_far = match index {
                        0 => String::new(),
                        _ => format!(" from piece {} of {} on", index + 1, pieces.len()),
                    };
                    return self.refuse(&format!("Not sent{so_far}: {why}"));
                }
            }
        }
        let parts =
            if pieces.len() > 1 { format!(" in {} pieces", pieces.len()) } else { String::new() };
        let sentence = match to {
            None => format!("Sent to everyone{parts}."),
            Some(user) if kept => {
                format!("Kept for {user}{parts}, who is offline and gets it at the next login.")
            }
            Some(user) => format!("Sent to {user}{parts}."),
        };
        Ok(self.session.aside(&sentence)?)
    }

    /// Somebody may have pasted more than they knew.
    fn is_meant(&mut self, text: &str) -> Result<bool, End> {
        let lines = text.lines().count();
        if !self.session.console.interactive || lines <= LINES_UNASKED {
            return Ok(true);
        }
        self.session.aside(&format!("This text has {lines} lines."))?;
        let answer = self.session.ask(Question::SendLines)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    fn rooms(&mut self) -> Result<(), End> {
        let rooms = match self.session.request(|state, out| state.ask_rooms(out))? {
            Answer::Rooms(rooms) => rooms,
            Answer::Refused { sentence, .. } => return self.refuse(&sentence),
            _ => return Ok(()),
        };
        for [name, members, topic] in &rooms {
            let topic = if topic.is_empty() { String::new() } else { format!(": {topic}") };
            let line = format!("{name} ({members} there){topic}");
            self.session.console.status(&harmless(&line))?;
        }
        let count = rooms.len();
        Ok(self.session.aside(&format!("{count} rooms; JOIN #room enters one."))?)
    }

    fn join(&mut self, room: &str) -> Result<(), End> {
        match self.session.request(|state, out| state.ask_join(room, out))? {
            Answer::Refused { sentence, .. } => self.refuse(&format!("Cannot join: {sentence}")),
            _ => {
                let sentence = format!("You are in {room}. PM {room} speaks there.");
                Ok(self.session.aside(&sentence)?)
            }
        }
    }

    fn part(&mut self, room: &str) -> Result<(), End> {
        match self.session.request(|state, out| state.ask_part(room, out))? {
            Answer::Refused { sentence, .. } => self.refuse(&format!("Cannot leave: {sentence}")),
            _ => Ok(self.session.aside(&format!("You left {room}."))?),
        }
    }

    fn pins(&mut self, room: &str) -> Result<(), End> {
        let pins = match self.session.request(|state, out| state.ask_pins(room, out))? {
            Answer::Pins(pins) => pins,
            Answer::Refused { sentence, .. } => return self.refuse(&sentence),
            _ => return Ok(()),
        };
        if pins.is_empty() {
            return Ok(self.session.aside(&format!("Nothing is pinned in {room}."))?);
        }
        for (msgid, by) in &pins {
            let answer = self.session.request(|state, out| state.ask_one(room, msgid, out))?;
            let entries = match answer {
                Answer::Page { entries, .. } => entries,
                Answer::Refused { sentence, .. } => return self.refuse(&sentence),
                _ => Vec::new(),
            };
            if entries.iter().all(|entry| entry.msgid.as_deref() != Some(&**msgid)) {
                self.session.aside(&format!("A message that {by} has pinned is gone."))?;
                continue;
            }
            for entry in &entries {
                let line = self.session.console.look.record(entry);
                self.session.console.message(&line)?;
            }
        }
        Ok(())
    }

    fn history(&mut self, target: &str, count: u32, before: Option<&str>) -> Result<(), End> {
        let answer =
            self.session.request(|state, out| state.ask_page(target, count, before, out))?;
        let (entries, oldest) = match answer {
            Answer::Page { entries, oldest, .. } => (entries, oldest),
            Answer::Refused { sentence, .. } => return self.refuse(&sentence),
            _ => return Ok(()),
        };
        for entry in &entries {
            let line = self.session.console.look.record(entry);
            self.session.console.message(&line)?;
        }
        let is_full = entries.len() >= count as usize;
        self.older = oldest.filter(|_| is_full).map(|before| Older::Page {
            target: target.to_owned(),
            count,
            before,
        });
        let sentence = match (&self.older, entries.is_empty(), before) {
            (Some(_), ..) => "Type more for earlier messages.",
            (None, true, None) => "There are no messages yet.",
            (None, ..) => "There are no older messages.",
        };
        Ok(self.session.aside(sentence)?)
    }

    fn find(&mut self, words: &str) -> Result<(), End> {
        let asked;
        let words = if words.is_empty() {
            asked = self.detail(Question::Words)?;
            &asked
        } else {
            words
        };
        self.show_found(words.trim(), None)
    }

    /// Shows what a search finds, or what it finds before a message.
    fn show_found(&mut self, words: &str, before: Option<&str>) -> Result<(), End> {
        let question = match before {
            Some(msgid) => format!("{words} before:{msgid}"),
            None => words.to_owned(),
        };
        let answer = self.session.request(|state, out| state.ask_find(&question, out))?;
        let (entries, next, sentence) = match answer {
            Answer::Found { entries, next, sentence } => (entries, next, sentence),
            Answer::Refused { sentence, .. } => return self.refuse(&sentence),
            _ => return Ok(()),
        };
        for entry in &entries {
            let line = self.session.console.look.hit(entry, words);
            self.session.console.message(&line)?;
        }
        let late = sentence.starts_with("Searched");
        let told = match (&next, entries.is_empty(), before) {
            (Some(_), ..) if late => format!("{sentence}; type more to go on."),
            (Some(_), ..) => "Type more for earlier messages.".to_owned(),
            (None, true, None) => "Nothing was found.".to_owned(),
            (None, ..) => "That is all.".to_owned(),
        };
        self.older = next.map(|before| Older::Found { words: words.to_owned(), before });
        Ok(self.session.aside(&told)?)
    }

    fn more(&mut self) -> Result<(), End> {
        match self.older.take() {
            Some(Older::Page { target, count, before }) => {
                self.history(&target, count, Some(&before))
            }
            Some(Older::Found { words, before }) => self.show_found(&words, Some(&before)),
            None => Ok(self.session.aside("There are no older messages; CH shows the newest.")?),
        }
    }

    /// Says that something was not done.
    fn refuse(&mut self, sentence: &str) -> Result<(), End> {
        self.all_well = false;
        Ok(self.session.aside(sentence)?)
    }
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
        assert_eq!(Operation::parse("Ex"), Operation::Exit);
        assert_eq!(Operation::parse("  "), Operation::Nothing);
    }

    #[test]
    fn the_help_fits_a_terminal() {
        assert!(HELP.lines().all(|line| line.len() <= 80), "{HELP}");
    }

    #[test]
    fn unknown_operations_are_not_guessed() {
        assert_eq!(Operation::parse("hello"), Operation::Unknown("hello"));
        assert_eq!(Operation::parse("part rust"), Operation::Unknown("part rust"));
        assert_eq!(Operation::parse("CH bob many"), Operation::Unknown("CH bob many"));
    }
}
