//! What this person says: cut into pieces that fit a line, and kept until it is confirmed.

use proto::Line;

/// A message on its way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The user it is for; none for a broadcast.
    pub to: Option<String>,
    /// What it says; fits one line.
    pub text: String,
    /// The id that makes sending it again harmless (`+parlor/resend`).
    pub resend_id: String,
}

impl Outgoing {
    /// The verb that sends it, which is also the one the server's answer names.
    pub fn verb(&self) -> &'static str {
        if self.to.is_some() { "PM" } else { "BM" }
    }

    /// The operation that a person would type for it.
    pub fn operation(&self) -> String {
        match &self.to {
            Some(user) => format!("PM {user} {}", self.text),
            None => format!("BM {}", self.text),
        }
    }

    /// Appends the line that sends it, the same each time.
    pub fn write(&self, out: &mut Vec<u8>) {
        let line = Line::to(out).tag("+parlor/resend", &self.resend_id).verb(self.verb());
        let line = match &self.to {
            Some(user) => line.param(user),
            None => line,
        };
        line.text(&self.text).end();
    }
}

/// How many bytes of text fit the line that the server relays, which has the author's name twice
/// and the server's name (up to 63 bytes) before the text: see "TEXT_TOO_LONG" in docs/protocol.md.
pub fn piece_bytes(author: &str, target: &str) -> usize {
    const SERVER_NAME_BYTES: usize = 63;
    let around = ":!@".len() + " PRIVMSG ".len() + " :".len() + "\r\n".len();
    let names = 2 * author.len() + SERVER_NAME_BYTES + target.len();
    // Names have limits that leave far more room than this; a target typed too long is the server's to refuse.
    proto::limits::LINE_BYTES.saturating_sub(around + names).max(64)
}

/// Cuts a text into pieces of at most `limit` bytes: at its line ends, else between words, else between characters.
/// Of blank lines those in its midst stay, as a space each, since nothing can be sent that is empty.
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

/// Where to cut a text longer than `limit` bytes; always more than 0, so that cutting comes to an end.
fn cut(text: &str, limit: usize) -> usize {
    let mut most = limit;
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    match text[..most].rfind(' ') {
        // Spaces that the text begins with are no place to cut: nothing would be cut off.
        Some(space) if !text[..space].trim_start().is_empty() => space + 1,
        _ if most > 0 => most,
        _ => text.chars().next().map_or(text.len(), char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_carries_the_resend_id_and_the_text_as_it_is() {
        let mut out = Vec::new();
        Outgoing { to: None, text: ":) hi".to_owned(), resend_id: "a.1".to_owned() }
            .write(&mut out);
        Outgoing { to: Some("bob".to_owned()), text: "hi".to_owned(), resend_id: "a.2".to_owned() }
            .write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "@+parlor/resend=a.1 BM ::) hi\r\n@+parlor/resend=a.2 PM bob :hi\r\n"
        );
    }

    #[test]
    fn a_piece_fits_the_line_that_is_relayed() {
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
    fn pasted_lines_are_pieces_of_their_own_and_blank_ones_stay_between_them() {
        assert_eq!(pieces("\none\r\n\n\t two\n \n", 100), ["one", " ", "\t two"]);
        assert!(pieces(" \n ", 100).is_empty());
    }
}
