//! Motions in a text that is being written: to the next grapheme, word or space. Positions are in bytes, between two
//! graphemes; so are the results.

use unicode_segmentation::UnicodeSegmentation;

/// The first place between two graphemes that is not before `at`.
pub fn at_or_after(text: &str, at: usize) -> usize {
    let mut ends = text.grapheme_indices(true).map(|(start, part)| start + part.len());
    if at == 0 { 0 } else { ends.find(|end| *end >= at).unwrap_or(text.len()) }
}

/// One grapheme to the left.
pub fn left(text: &str, at: usize) -> usize {
    text[..at].grapheme_indices(true).next_back().map_or(0, |(start, _)| start)
}

/// One grapheme to the right.
pub fn right(text: &str, at: usize) -> usize {
    at + text[at..].graphemes(true).next().map_or(0, str::len)
}

/// To the beginning of the word to the left.
pub fn word_left(text: &str, at: usize) -> usize {
    let before = text[..at].trim_end_matches(|c: char| !c.is_alphanumeric());
    at_or_after(text, before.trim_end_matches(char::is_alphanumeric).len())
}

/// To the end of the word to the right.
pub fn word_right(text: &str, at: usize) -> usize {
    let after = text[at..].trim_start_matches(|c: char| !c.is_alphanumeric());
    let rest = after.trim_start_matches(char::is_alphanumeric);
    at_or_after(text, text.len() - rest.len())
}

/// Behind the space to the left, over the spaces between.
pub fn space_left(text: &str, at: usize) -> usize {
    let before = text[..at].trim_end();
    let space = before.char_indices().rev().find(|(_, c)| c.is_whitespace());
    at_or_after(text, space.map_or(0, |(start, c)| start + c.len_utf8()))
}

/// Whether a character can be part of such a text.
pub fn can_be_typed(character: char) -> bool {
    !character.is_control() || matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motions_end_between_graphemes() {
        let text = "a👩‍👩‍👧e\u{301} b";
        let end = text.len();
        assert_eq!(left(text, end - 2), 1 + "👩‍👩‍👧".len());
        assert_eq!(right(text, 1), 1 + "👩‍👩‍👧".len());
        assert_eq!(at_or_after(text, 3), 1 + "👩‍👩‍👧".len());
        assert_eq!((left("", 0), right("", 0)), (0, 0));
    }

    #[test]
    fn words_and_spaces_of_every_script_are_moved_over() {
        assert_eq!(word_left("one two-three", 13), 8);
        assert_eq!(word_right("one two", 0), 3);
        assert_eq!(space_left("one two-three", 13), 4);
        // An ideographic space has three bytes.
        let wide = "日本\u{3000}語";
        assert_eq!(space_left(wide, wide.len()), "日本\u{3000}".len());
        assert_eq!(space_left("one", 3), 0);
    }
}
