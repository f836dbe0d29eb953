//! Text layout: the widths of characters, and where rows break.

use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The most cells of one character.
const CELLS: u16 = 8;

/// The characters (graphemes) of a text with their offsets and the cells they fill.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = (usize, &str, u16)> {
    let is_ascii = text.is_ascii();
    // Most text is ASCII, where each byte is a character.
    let bytes = is_ascii.then(|| (0..text.len()).map(|at| (at, &text[at..=at], 1)));
    let rest = (!is_ascii).then(|| text.grapheme_indices(true).map(|(at, g)| (at, g, width_of(g))));
    bytes.into_iter().flatten().chain(rest.into_iter().flatten())
}

/// The cells of one character. In some scripts it is made of several letters side by side.
fn width_of(grapheme: &str) -> u16 {
    u16::try_from(grapheme.width()).unwrap_or(u16::MAX).min(CELLS)
}

/// The cells of a text.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    characters(text).map(|(_, _, width)| usize::from(width)).sum()
}

/// The beginning of a text that fits this many cells, with `…` if it is shortened.
pub(crate) fn ellipsis(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut cut = String::new();
    for (_, grapheme, width) in characters(text) {
        let width = usize::from(width);
        if width > left {
            break;
        }
        left -= width;
        cut.push_str(grapheme);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// A text padded on the left, or cut, to this many cells.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let cut = ellipsis(text, columns);
    format!("{}{cut}", " ".repeat(columns - width(&cut)))
}

/// The same, padded on the right.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let cut = ellipsis(text, columns);
    let spaces = columns - width(&cut);
    format!("{cut}{}", " ".repeat(spaces))
}

/// The rows of a line of text: broken between words if possible, else between characters. The
/// spaces at a break belong to no row.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    let columns = columns.max(2);
    if text.is_ascii() && text.len() <= columns {
        return std::iter::once(0..text.len()).collect();
    }
    let mut rows = Vec::new();
    let (mut start, mut filled) = (0, 0);
    // The last break opportunity in this row: where the row may end, where the next begins, and the
    // cells up to there.
    let mut gap: Option<(usize, usize, usize)> = None;
    for (at, grapheme, cells) in characters(text) {
        let (cells, end) = (usize::from(cells), at + grapheme.len());
        if grapheme == " " {
            if filled < columns {
                filled += 1;
            }
            let from = match gap {
                Some((from, to, _)) if to == at => from,
                _ => at,
            };
            gap = Some((from, end, filled));
            continue;
        }
        if filled + cells > columns {
            match gap.take() {
                Some((from, to, up_to)) if from > start => {
                    rows.push(start..from);
                    (start, filled) = (to, filled - up_to);
                }
                _ => {
                    rows.push(start..at);
                    (start, filled) = (at, 0);
                }
            }
            if filled + cells > columns {
                rows.push(start..at);
                (start, filled) = (at, 0);
            }
        }
        filled += cells;
        if cells == 2 {
            // Languages without spaces break anywhere.
            gap = Some((end, end, filled));
        }
    }
    rows.push(start..text.len());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, columns: usize) -> Vec<&str> {
        wrap(text, columns).into_iter().map(|row| &text[row]).collect()
    }

    #[test]
    fn rows_break_between_words() {
        assert_eq!(rows("one two three", 8), ["one two", "three"]);
        assert_eq!(rows("one two three", 13), ["one two three"]);
        assert_eq!(rows("one   two", 4), ["one", "two"]);
        assert_eq!(rows("  indented", 20), ["  indented"]);
        assert_eq!(rows("", 10), [""]);
        assert_eq!(rows("abcdefghij xy", 4), ["abcd", "efgh", "ij", "xy"]);
        assert_eq!(rows("a abcdefghij", 6), ["a", "abcdef", "ghij"]);
    }

    #[test]
    fn wide_characters_break_anywhere_and_never_in_half() {
        assert_eq!(rows("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(rows("ab日本", 4), ["ab日", "本"]);
        assert_eq!(rows("👨‍👩‍👧👨‍👩‍👧", 2), ["👨‍👩‍👧", "👨‍👩‍👧"]);
        assert_eq!(rows("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
    }

    #[test]
    fn texts_are_cut_with_a_sign() {
        assert_eq!(ellipsis("abcdef", 4), "abc…");
        assert_eq!(ellipsis("日本語", 4), "日…");
        assert_eq!(ellipsis("abc", 0), "");
        assert_eq!(right("ab", 4), "  ab");
        assert_eq!(left("日本", 3), "日…");
    }

    proptest! {
        #[test]
        fn rows_fit_and_lose_nothing_but_spaces(text in "\\PC{0,60}", columns in 2usize..30) {
            let rows = rows(&text, columns);
            for row in &rows {
                let is_one = characters(row.trim_end()).count() == 1;
                prop_assert!(is_one || width(row.trim_end()) <= columns, "{:?}", row);
            }
            let strip = |text: &str| text.replace(' ', "");
            prop_assert_eq!(strip(&rows.concat()), strip(&text));
        }
    }
}
