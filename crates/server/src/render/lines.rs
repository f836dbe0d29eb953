//! Multi-line messages: how their text is stored, and how they are sent, as a batch or as plain
//! lines.
//!
//! <https://ircv3.net/specs/extensions/multiline>

use super::{Author, Renderer, TagValues, Tagging, verb};
use crate::effects::{Lines, OneLine};
use crate::limits::CLIENT_TAGS_EACH_LINE_BYTES;
use proto::{Capabilities, Capability, Line};
use store::Event;

/// Separates lines in a stored text.
pub const NEW_LINE: char = '\n';
/// Separates lines in a stored text where the second continues the first.
pub const GOES_ON: char = '\r';

/// Whether a stored text has more than one line.
pub fn is_several(text: &str) -> bool {
    // No early exit, so that the compiler can vectorize the loop.
    text.bytes().fold(false, |found, byte| found | matches!(byte, b'\n' | b'\r'))
}

/// The lines of a stored text, each with whether it continues the one before.
pub fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut left = Some((false, text));
    std::iter::from_fn(move || {
        let (goes_on, rest) = left.take()?;
        let Some(end) = rest.find([NEW_LINE, GOES_ON]) else { return Some((goes_on, rest)) };
        left = Some((rest[end..].starts_with(GOES_ON), &rest[end + 1..]));
        Some((goes_on, &rest[..end]))
    })
}

/// Splits the lines of a stored text so that each has at most this many bytes.
pub fn parted(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / most.max(1));
    for (at, (goes_on, mut piece)) in pieces(text).enumerate() {
        if at > 0 {
            out.push(if goes_on { GOES_ON } else { NEW_LINE });
        }
        while piece.len() > most {
            let end = piece.floor_char_boundary(most);
            if end == 0 {
                break; // Not even one character fits.
            }
            out.push_str(&piece[..end]);
            out.push(GOES_ON);
            piece = &piece[end..];
        }
        out.push_str(piece);
    }
    out
}

impl Renderer {
    /// Writes the line that opens a message's batch, and all its lines, without tags.
    pub(super) fn body_of_several(&self, out: &mut Vec<u8>, event: &Event, target: &str) -> Lines {
        let source = self.source(Author::of(event));
        let reference = format!("M{}", event.id);
        let start = out.len();
        let line = Line::to(out).source(&source).verb("BATCH").param(&format!("+{reference}"));
        line.param(Capability::Multiline.name()).param(target).end();
        let opening = out.len() - start;
        let lines = pieces(&event.text)
            .map(|(goes_on, piece)| {
                let line = Line::to(out).source(&source).verb(verb(event.kind)).param(target);
                line.text(piece).end();
                OneLine { end: out.len() - start, goes_on, blank: piece.is_empty() }
            })
            .collect();
        Lines { reference, opening, lines }
    }

    /// Writes a multi-line message for one receiver.
    pub(super) fn several(
        &self,
        out: &mut Vec<u8>,
        values: &TagValues<'_>,
        tagging: Tagging<'_>,
        (lines, body): (&Lines, &[u8]),
    ) {
        // An enclosing batch, of history or of a labeled response.
        let outer = if tagging.tag.starts_with("batch=") { tagging.tag } else { "" };
        if !takes_batches(tagging.capabilities) {
            return self.plain_lines(out, values, tagging, outer, (lines, body));
        }
        self.tags(out, values, tagging);
        out.extend_from_slice(&body[..lines.opening]);
        let mut start = lines.opening;
        for line in &lines.lines {
            out.extend_from_slice(b"@batch=");
            out.extend_from_slice(lines.reference.as_bytes());
            if line.goes_on {
                out.extend_from_slice(b";draft/multiline-concat");
            }
            out.push(b' ');
            out.extend_from_slice(&body[start..line.end]);
            start = line.end;
        }
        let line = Line::to(out).raw_tags(outer).source(&self.server).verb("BATCH");
        line.param(&format!("-{}", lines.reference)).end();
    }

    /// The same without batches: the first line has all tags, the others those that belong on each
    /// line, which include the client's if they are short. Blank lines are left out.
    fn plain_lines(
        &self,
        out: &mut Vec<u8>,
        values: &TagValues<'_>,
        tagging: Tagging<'_>,
        outer: &str,
        (lines, body): (&Lines, &[u8]),
    ) {
        let few = values.client.len() <= CLIENT_TAGS_EACH_LINE_BYTES;
        let client = if few { values.client } else { "" };
        let further = TagValues { id: 0, client, ..*values };
        let mut tags = (values, tagging);
        let mut start = lines.opening;
        for line in &lines.lines {
            if !line.blank {
                self.tags(out, tags.0, tags.1);
                out.extend_from_slice(&body[start..line.end]);
                tags = (&further, Tagging { tag: outer, ..tagging });
            }
            start = line.end;
        }
    }
}

/// Whether a session with these capabilities receives multi-line messages as batches.
fn takes_batches(capabilities: Capabilities) -> bool {
    capabilities.contains(Capability::Multiline) && capabilities.contains(Capability::Batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// All lists of up to five lines, each blank or of one or two characters, joined in all
    /// combinations.
    fn all_joined() -> Vec<Vec<(bool, &'static str)>> {
        let one = [(false, ""), (false, "a"), (false, "\u{e9} "), (true, ""), (true, "bc")];
        let mut all: Vec<Vec<(bool, &str)>> = vec![vec![(false, "")], vec![(false, "a")]];
        for length in 1..5 {
            let shorter: Vec<_> =
                all.iter().filter(|lines| lines.len() == length).cloned().collect();
            for line in one {
                all.extend(shorter.iter().map(|lines| [&lines[..], &[line]].concat()));
            }
        }
        all
    }

    #[test]
    fn long_lines_continue_on_the_next() {
        assert_eq!(parted("abcdef\ng\r\u{e9}\u{e9}\u{e9}", 4), "abcd\ref\ng\r\u{e9}\u{e9}\r\u{e9}");
        assert_eq!(parted("abcd\n", 4), "abcd\n");
        assert_eq!(parted("a\u{e9}\u{e9}", 2), "a\r\u{e9}\r\u{e9}");
    }

    #[test]
    fn joining_and_splitting_lines_loses_nothing() {
        let mut texts = BTreeSet::new();
        for lines in all_joined() {
            let mut text = String::new();
            for (at, (goes_on, line)) in lines.iter().enumerate() {
                if at > 0 {
                    text.push(if *goes_on { GOES_ON } else { NEW_LINE });
                }
                text.push_str(line);
            }
            assert_eq!(is_several(&text), lines.len() > 1, "{text:?}");
            assert_eq!(pieces(&text).collect::<Vec<_>>(), lines, "{text:?}");
            assert!(texts.insert(text), "{lines:?} is joined as others are");
        }
        assert!(texts.len() > 1000);
    }
}
