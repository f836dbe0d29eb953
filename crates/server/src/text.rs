//! Shortening texts.

/// The text, cut at a character to at most `most` bytes.
pub fn shorten(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
