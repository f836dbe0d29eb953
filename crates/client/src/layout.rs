//! Text layout on a terminal: which cells it fills, and where its rows break.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The indentation of the later rows of a wrapped message, if there is room.
const INDENT: usize = 2;
/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// A cell: its row, counted from the first of the text, and its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Rows below the first.
    pub row: usize,
    /// Columns right of the first.
    pub column: usize,
}

/// The cells of each character, as far as can be known without the terminal.
pub fn widths(text: &str) -> impl Iterator<Item = usize> {
    text.graphemes(true).map(width)
}

/// The cells of one character (a grapheme).
pub fn width(grapheme: &str) -> usize {
    grapheme.width().min(2)
}

/// Where the next character would be, on a terminal with this many columns.
pub fn position_after(widths: impl IntoIterator<Item = usize>, columns: usize) -> Position {
    let mut position = Position::default();
    for width in widths {
        // A wide character is never split between rows.
        if position.column + width > columns {
            position = Position { row: position.row + 1, column: 0 };
        }
        position.column += width;
    }
    if position.column >= columns {
        Position { row: position.row + 1, column: 0 }
    } else {
        position
    }
}

/// Breaks a line between words into rows of at most this many columns. Colours take no room. A word
/// that is too long for any row is left for the terminal to break, so that a link can be copied as
/// a whole, and a language without spaces does not begin a new row for each text. Tabs become
/// spaces.
pub fn wrap(line: &str, columns: usize) -> Vec<String> {
    let line = without_tabs(line);
    let indent = if columns >= 10 * INDENT { INDENT } else { 0 };
    let mut rows = vec![String::new()];
    let mut column = 0;
    for (at, word) in line.split(' ').enumerate() {
        let cells = visible_cells(word);
        if at > 0 {
            let fits_alone = indent + cells <= columns;
            if column + 1 + cells > columns && column > indent && fits_alone {
                rows.push(" ".repeat(indent));
                column = indent;
            } else if let Some(row) = rows.last_mut() {
                row.push(' ');
                column += 1;
            }
        }
        if let Some(row) = rows.last_mut() {
            row.push_str(word);
        }
        column += cells;
        if column > columns {
            column %= columns.max(1);
        }
    }
    rows
}

fn without_tabs(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for (at, part) in line.split('\t').enumerate() {
        if at > 0 {
            let column = visible_cells(&out);
            out.push_str(&" ".repeat(TAB - column % TAB));
        }
        out.push_str(part);
    }
    out
}

/// The cells of a text that may contain colours (`ESC [ … m`).
fn visible_cells(text: &str) -> usize {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or("", |(_, text)| text));
    std::iter::once(first).chain(rest).flat_map(widths).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str, columns: usize) -> (usize, usize) {
        let position = position_after(widths(text), columns);
        (position.row, position.column)
    }

    #[test]
    fn characters_have_the_width_that_terminals_give_them() {
        assert_eq!(position("", 10), (0, 0));
        assert_eq!(position("abc", 10), (0, 3));
        assert_eq!(position("abcdefghij", 10), (1, 0));
        assert_eq!(position("abcdefghijk", 10), (1, 1));
        // The last column is too narrow for it.
        assert_eq!(position("abcdefghi世", 10), (1, 2));
        assert_eq!(position("e\u{301}e\u{301}", 10), (0, 2));
        assert_eq!(position("👨‍👩‍👧x", 10), (0, 3));
    }

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(wrap("one two three", 80), ["one two three"]);
        let words = "the quick brown fox jumps over the lazy dog";
        assert_eq!(wrap(words, 22), ["the quick brown fox", "  jumps over the lazy", "  dog"]);
        assert_eq!(wrap("a  b", 80), ["a  b"]);
        assert_eq!(wrap("日本語 日本語 日本語 日本語", 20), ["日本語 日本語 日本語", "  日本語"]);
        let painted = "\x1b[36m[BM]\x1b[0m \x1b[90m12:02\x1b[0m ann: one two";
        assert_eq!(wrap(painted, 23), [painted]);
        assert_eq!(wrap(painted, 22).len(), 2);
    }

    #[test]
    fn a_word_that_is_too_long_stays_whole() {
        let address = format!("https://chat.example/{}", "x".repeat(30));
        let line = format!("see {address} now");
        assert_eq!(wrap(&line, 20), [line]);
        assert_eq!(
            wrap("[BM] 12:02 ann: 日本語日本語日本語", 17),
            ["[BM] 12:02 ann: 日本語日本語日本語"]
        );
        assert_eq!(wrap(&address, 20), [address]);
        assert_eq!(wrap("", 20), [""]);
    }

    #[test]
    fn tabs_go_to_their_stops() {
        assert_eq!(wrap("a\tb\t\tc", 80), ["a       b               c"]);
    }
}
