//! Encoding: appends lines to a buffer, piece by piece.
//!
//! Whatever the pieces contain, the result is one line: CR, LF and NUL are replaced.

use crate::tags::escape_value;

/// One line being appended to a buffer, in the order tags, source, verb, parameters, [`Line::end`].
///
/// ```
/// let mut out = Vec::new();
/// parlor_proto::Line::to(&mut out).tag("msgid", "7").source("ann").verb("PRIVMSG").param("bob").text("hi").end();
/// assert_eq!(out, b"@msgid=7 :ann PRIVMSG bob :hi\r\n");
/// ```
#[must_use = "a line is not complete before end()"]
#[derive(Debug)]
pub struct Line<'b> {
    out: &'b mut Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Start,
    Tags,
    Source,
    Params,
    Text,
}

impl<'b> Line<'b> {
    /// Begins a line at the end of `out`.
    pub fn to(out: &'b mut Vec<u8>) -> Line<'b> {
        Line { out, stage: Stage::Start }
    }

    /// A tag. The value is escaped, and left out if empty. Tags come first.
    pub fn tag(mut self, key: &str, value: &str) -> Line<'b> {
        self.begin_tag();
        push_word(self.out, key);
        if !value.is_empty() {
            self.out.push(b'=');
            escape_value(value, self.out);
        }
        self
    }

    /// Raw tags, `k=v;k2`, such as [`crate::Tags::client_only`] returns; nothing if empty.
    pub fn raw_tags(mut self, tags: &str) -> Line<'b> {
        if !tags.is_empty() {
            self.begin_tag();
            push_word(self.out, tags);
        }
        self
    }

    /// The source, without the colon.
    pub fn source(mut self, source: &str) -> Line<'b> {
        debug_assert!(
            matches!(self.stage, Stage::Start | Stage::Tags),
            "source after {:?}",
            self.stage
        );
        if self.stage == Stage::Tags {
            self.out.push(b' ');
        }
        self.out.push(b':');
        push_word(self.out, source);
        self.stage = Stage::Source;
        self
    }

    /// The verb or numeric.
    pub fn verb(mut self, verb: &str) -> Line<'b> {
        debug_assert!(
            !verb.is_empty() && self.stage < Stage::Params,
            "{verb:?} after {:?}",
            self.stage
        );
        if self.stage != Stage::Start {
            self.out.push(b' ');
        }
        push_word(self.out, verb);
        self.stage = Stage::Params;
        self
    }

    /// A parameter without spaces. It may be user input: an empty one is written as `*`, and a
    /// space, or a colon at the start, as `_`.
    pub fn param(self, param: &str) -> Line<'b> {
        debug_assert_eq!(self.stage, Stage::Params, "param {param:?} out of order");
        self.out.push(b' ');
        if param.is_empty() {
            self.out.push(b'*');
        }
        let start = self.out.len();
        push_word(self.out, param);
        if self.out.get(start) == Some(&b':') {
            self.out[start] = b'_';
        }
        self
    }

    /// The last parameter, always with a colon: any text, even an empty one.
    pub fn text(mut self, text: &str) -> Line<'b> {
        debug_assert_eq!(self.stage, Stage::Params, "text {text:?} out of order");
        self.out.extend_from_slice(b" :");
        push_clean(self.out, text);
        self.stage = Stage::Text;
        self
    }

    /// Ends the line with CRLF.
    pub fn end(self) {
        debug_assert!(self.stage >= Stage::Params, "a line without a verb");
        self.out.extend_from_slice(b"\r\n");
    }

    fn begin_tag(&mut self) {
        debug_assert!(
            matches!(self.stage, Stage::Start | Stage::Tags),
            "tag after {:?}",
            self.stage
        );
        self.out.push(if self.stage == Stage::Start { b'@' } else { b';' });
        self.stage = Stage::Tags;
    }
}

/// A complete line with CRLF. The last parameter gets a colon if it needs one; the others are like
/// [`Line::param`]. More than [`crate::limits::PARAMS`] parameters would not be parsed as such.
#[must_use]
pub fn message(
    tags: &[(&str, &str)],
    source: Option<&str>,
    verb: &str,
    params: &[&str],
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = Line::to(&mut out);
    for (key, value) in tags {
        line = line.tag(key, value);
    }
    if let Some(source) = source {
        line = line.source(source);
    }
    line = line.verb(verb);
    if let Some((last, words)) = params.split_last() {
        for word in words {
            line = line.param(word);
        }
        let needs_colon =
            last.is_empty() || last.starts_with(':') || last.contains([' ', '\r', '\n', '\0']);
        line = if needs_colon { line.text(last) } else { line.param(last) };
    }
    line.end();
    out
}

/// Appends text, replacing what would break the line with spaces.
fn push_clean(out: &mut Vec<u8>, text: &str) {
    push_replaced(out, text, |b| if matches!(b, 0 | b'\r' | b'\n') { b' ' } else { b });
}

/// Appends a word, replacing what would break the line or end the word with `_`.
fn push_word(out: &mut Vec<u8>, word: &str) {
    push_replaced(out, word, |b| if matches!(b, 0 | b'\r' | b'\n' | b' ') { b'_' } else { b });
}

/// Copies first and replaces in place, so that both loops can be vectorized.
fn push_replaced(out: &mut Vec<u8>, text: &str, replace: impl Fn(u8) -> u8) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    for byte in &mut out[start..] {
        *byte = replace(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(write: impl FnOnce(Line<'_>)) -> String {
        let mut out = Vec::new();
        write(Line::to(&mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn line_parts_are_written_in_order() {
        assert_eq!(line(|l| l.verb("PING").end()), "PING\r\n");
        assert_eq!(line(|l| l.verb("PING").text("").end()), "PING :\r\n");
        assert_eq!(
            line(|l| l.source("s").verb("001").param("ann").text("Hi you").end()),
            ":s 001 ann :Hi you\r\n"
        );
        assert_eq!(
            line(|l| l
                .tag("a", "")
                .tag("b", "x;y")
                .raw_tags("+c=1;+d")
                .raw_tags("")
                .verb("V")
                .end()),
            "@a;b=x\\:y;+c=1;+d V\r\n"
        );
        assert_eq!(line(|l| l.raw_tags("").verb("V").end()), "V\r\n");
        assert_eq!(line(|l| l.raw_tags("+c").source("s").verb("V").end()), "@+c :s V\r\n");
    }

    #[test]
    fn lines_are_appended_one_after_the_other() {
        let mut out = Vec::new();
        Line::to(&mut out).verb("A").end();
        Line::to(&mut out).verb("B").end();
        assert_eq!(out, b"A\r\nB\r\n");
    }

    #[test]
    fn no_part_can_start_another_line() {
        let evil = "x\r\nQUIT\0y";
        let written = line(|l| {
            l.tag(evil, evil).raw_tags(evil).source(evil).verb(evil).param(evil).text(evil).end();
        });
        assert_eq!(
            written,
            "@x__QUIT_y=x\\r\\nQUIT\\sy;x__QUIT_y :x__QUIT_y x__QUIT_y x__QUIT_y :x  QUIT y\r\n"
        );
    }

    #[test]
    fn invalid_parameters_are_made_valid() {
        assert_eq!(
            line(|l| l.verb("V").param("").param("a b").param(":c").end()),
            "V * a_b _c\r\n"
        );
    }
}
