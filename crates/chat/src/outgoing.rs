//! Messages this person sends: split to fit a line if necessary, and kept until confirmed.

use crate::entry::{Delivery, Entry, Kind};
use proto::Line;

/// Why a piece of a text was not sent: the one before it was refused, and a text must not have holes.
pub const HELD_BACK: &str = "The part before it was refused";

/// A message that is not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number on this client, also the label of its line.
    pub number: u64,
    /// Which text it is a piece of: the number of its first piece.
    pub text_id: u64,
    /// The id that makes resending harmless (`+parlor/resend`).
    pub resend_id: String,
    /// The room or person it is for.
    pub to: String,
    /// Its text; several lines are separated by `\n`.
    pub text: String,
    /// It is an action: `/me`.
    pub action: bool,
    /// The msgid of the message it replies to.
    pub reply_to: Option<String>,
    /// When it was written, in milliseconds since 1970 UTC.
    pub time_ms: i64,
    /// Its progress.
    pub delivery: Delivery,
    /// It was sent on this connection.
    pub sent: bool,
    /// It was also sent on an earlier connection, so the server may have had it for a while.
    pub resent: bool,
    /// When to resend it, if the server asked to wait.
    pub retry_at_ms: Option<i64>,
}

/// What the server supports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abilities {
    /// Tags, and so replies and resend ids.
    pub tags: bool,
    /// Labels.
    pub labels: bool,
    /// Multi-line messages: the most bytes and lines, if supported.
    pub multiline: Option<(usize, usize)>,
}

impl Outgoing {
    /// Appends the lines that send it, always the same. `author` is this person's name.
    pub fn write(&self, author: &str, abilities: Abilities, out: &mut Vec<u8>) {
        let most = piece_bytes(author, &self.to);
        let lines: Vec<Vec<&str>> =
            self.text.split('\n').map(|line| cut_line(line, most)).collect();
        if let [line] = &lines[..]
            && let [_] = &line[..]
        {
            let line = self.tags(abilities, out).verb("PRIVMSG").param(&self.to);
            if self.action {
                line.text(&format!("\x01ACTION {}\x01", self.text)).end();
            } else {
                line.text(&self.text).end();
            }
            return;
        }
        let batch = format!("m{}", self.number);
        let opened = format!("+{batch}");
        let line = self.tags(abilities, out).verb("BATCH").param(&opened);
        line.param("draft/multiline").param(&self.to).end();
        for line in lines {
            for (number, piece) in line.into_iter().enumerate() {
                let to = Line::to(out).tag("batch", &batch);
                let to = if number > 0 { to.tag("draft/multiline-concat", "") } else { to };
                to.verb("PRIVMSG").param(&self.to).text(piece).end();
            }
        }
        Line::to(out).verb("BATCH").param(&format!("-{batch}")).end();
    }

    fn tags<'a>(&self, abilities: Abilities, out: &'a mut Vec<u8>) -> Line<'a> {
        let mut line = Line::to(out);
        if abilities.labels {
            line = line.tag("label", &self.number.to_string());
        }
        if abilities.tags {
            line = line.tag("+parlor/resend", &self.resend_id);
            if let Some(msgid) = &self.reply_to {
                line = line.tag("+draft/reply", msgid);
            }
        }
        line
    }

    /// Whether it was refused, or held back.
    pub fn has_failed(&self) -> bool {
        matches!(self.delivery, Delivery::Failed { .. })
    }

    /// Whether it was not sent because of another piece of its text.
    pub fn is_held_back(&self) -> bool {
        matches!(&self.delivery, Delivery::Failed { reason } if reason == HELD_BACK)
    }

    /// The row that shows it until the server has stored it.
    pub fn entry(&self, me: &str) -> Entry {
        let kind = if self.action { Kind::Action } else { Kind::Message };
        Entry {
            mine: true,
            reply_to: self.reply_to.clone(),
            delivery: Some(self.delivery.clone()),
            outgoing: Some(self.number),
            ..Entry::new(kind, me, self.time_ms, &self.text)
        }
    }
}

/// How many bytes of text fit the line that the server relays, which has the author's name twice
/// and the server's name (up to 63 bytes) before the text.
pub fn piece_bytes(author: &str, target: &str) -> usize {
    const SERVER_NAME_BYTES: usize = 63;
    let around = ":!@".len() + " PRIVMSG ".len() + " :".len() + "\r\n".len();
    let names = 2 * author.len() + SERVER_NAME_BYTES + target.len();
    // Names have limits that leave far more room than this; an overlong target is for the server to
    // refuse.
    proto::limits::LINE_BYTES.saturating_sub(around + names).max(64)
}

/// Splits a text into messages. If multi-line messages are supported, each has as many lines as
/// allowed.
pub fn messages(text: &str, limit: usize, multiline: Option<(usize, usize)>) -> Vec<String> {
    let Some((bytes, lines)) = multiline else {
        return pieces(text, limit).into_iter().map(str::to_owned).collect();
    };
    let mut messages: Vec<String> = Vec::new();
    let mut count = 0;
    for line in text.trim_end().split('\n').map(str::trim_end).skip_while(|line| line.is_empty()) {
        let takes = cut_line(line, limit).len();
        match messages.last_mut() {
            Some(last) if count + takes <= lines && last.len() + line.len() < bytes => {
                last.push('\n');
                last.push_str(line);
                count += takes;
            }
            // A line too long for one message is split.
            _ if line.len() > bytes || takes > lines => {
                let most = bytes.min(limit * lines / 2).max(limit);
                messages.extend(pieces(line, most).into_iter().map(str::to_owned));
                count = lines;
            }
            _ => {
                messages.push(line.to_owned());
                count = takes;
            }
        }
    }
    messages
}

/// Splits a line into pieces of at most `limit` bytes that yield the line when joined.
fn cut_line(line: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while rest.len() > limit {
        let (piece, after) = rest.split_at(cut(rest, limit));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// Splits a text into pieces of at most `limit` bytes: at line ends, else between words, else
/// between characters. Blank lines inside become a space each, since nothing empty can be sent.
pub fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    for line in text.split('\n') {
        let mut rest = line.trim_end();
        while rest.len() > limit {
            let end = cut(rest, limit);
            pieces.push(rest[..end].trim_end());
            rest = rest[end..].trim_start();
        }
        pieces.push(rest);
    }
    let is_blank = |piece: &&str| piece.trim().is_empty();
    let Some(first) = pieces.iter().position(|piece| !is_blank(piece)) else { return Vec::new() };
    let last = pieces.iter().rposition(|piece| !is_blank(piece)).unwrap_or(first);
    let whole = pieces[first..=last].iter();
    whole.map(|piece| if is_blank(piece) { " " } else { *piece }).collect()
}

/// Where to split a text longer than `limit` bytes; always more than 0, so that splitting ends.
fn cut(text: &str, limit: usize) -> usize {
    let mut most = limit;
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    match text[..most].rfind(' ') {
        // Leading spaces are no place to split: the first piece would be blank.
        Some(space) if !text[..space].trim_start().is_empty() => space + 1,
        _ if most > 0 => most,
        _ => text.chars().next().map_or(text.len(), char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_lines_become_one_multiline_message_if_supported() {
        assert_eq!(messages("a\nb\n\nc", 100, None), ["a", "b", " ", "c"]);
        assert_eq!(messages("\na\nb\n\nc\n", 100, Some((1000, 100))), ["a\nb\n\nc"]);
        assert_eq!(messages("a\nb\nc", 100, Some((1000, 2))), ["a\nb", "c"]);
        assert_eq!(messages("one two three", 8, Some((12, 9))), ["one two", "three"]);
        assert!(messages(" \n ", 100, None).is_empty());
        assert!(messages(" \n ", 100, Some((1000, 100))).is_empty());
    }

    #[test]
    fn receivers_reassemble_long_lines() {
        let text = format!("{} end\nlast", "word ".repeat(200));
        let outgoing = Outgoing {
            number: 7,
            text_id: 7,
            resend_id: "r.7".to_owned(),
            to: "#lobby".to_owned(),
            text: text.clone(),
            action: false,
            reply_to: None,
            time_ms: 0,
            delivery: Delivery::Pending,
            sent: false,
            resent: false,
            retry_at_ms: None,
        };
        let mut out = Vec::new();
        let abilities = Abilities { tags: true, labels: true, multiline: Some((16_384, 100)) };
        outgoing.write("ann", abilities, &mut out);
        let sent = String::from_utf8(out).unwrap();
        assert!(
            sent.starts_with("@label=7;+parlor/resend=r.7 BATCH +m7 draft/multiline #lobby\r\n")
        );
        assert!(sent.ends_with("BATCH -m7\r\n"));
        let mut joined = String::new();
        for line in sent.lines().filter(|line| line.contains("PRIVMSG")) {
            let message = proto::Message::parse(line).unwrap();
            if !joined.is_empty() && message.tags.get("draft/multiline-concat").is_none() {
                joined.push('\n');
            }
            joined.push_str(message.param(1).unwrap());
        }
        assert_eq!(joined, text);
    }

    #[test]
    fn every_piece_fits_the_relayed_line() {
        let author = "a".repeat(32);
        let target = format!("#{}", "l".repeat(63));
        let text = "x".repeat(piece_bytes(&author, &target));
        let relayed = format!(":{author}!{author}@{} PRIVMSG {target} :{text}\r\n", "s".repeat(63));
        assert_eq!(relayed.len(), 512);
    }

    #[test]
    fn long_texts_are_cut_between_words() {
        assert_eq!(pieces("one two three", 8), ["one two", "three"]);
        assert_eq!(pieces("one two", 7), ["one two"]);
        assert_eq!(pieces("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    #[test]
    fn characters_are_never_cut_in_two() {
        for limit in 1..12 {
            let pieces = pieces("äöü ßßß 日本語 x", limit);
            let without_spaces: String = pieces.concat().split(' ').collect();
            assert_eq!(without_spaces, "äöüßßß日本語x", "limit {limit}");
            assert!(pieces.iter().all(|piece| piece.len() <= limit.max(3)), "{pieces:?}");
        }
    }

    #[test]
    fn pasted_lines_are_separate_pieces_and_blank_ones_are_kept_between_them() {
        assert_eq!(pieces("\none\r\n\n\t two\n \n", 100), ["one", " ", "\t two"]);
        assert!(pieces(" \n ", 100).is_empty());
    }
}
