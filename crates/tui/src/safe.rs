//! The one place where other people's text is made safe for a terminal: nothing passes that could
//! move the cursor, change the terminal, reverse the reading direction or grow without limit.

use crate::limits::{CELL_BYTES, COPY_BYTES, LINK_BYTES, NOTICE_BYTES, TITLE_BYTES};
use base64::Engine;
use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal might act on a character, or a reader be misled by it. Directional marks
/// (U+200E, U+200F) are allowed: Arabic and Hebrew need them, and they affect only adjacent
/// characters.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        // Line and paragraph separators, interlinear annotation, tag characters.
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// What is shown in place of a harmful character.
fn shown(c: char) -> char {
    match c {
        '\t' | '\u{2028}' | '\u{2029}' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        _ => '\u{fffd}',
    }
}

/// A text with harmful characters replaced by a sign.
pub fn text(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) {
        Cow::Owned(text.chars().map(|c| if is_harmful(c) { shown(c) } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A character (grapheme) as a cell can hold it.
pub fn cell(grapheme: &str) -> Cow<'_, str> {
    if grapheme.len() <= CELL_BYTES {
        return text(grapheme);
    }
    Cow::Owned(text(cut(grapheme, CELL_BYTES)).into_owned())
}

/// The beginning of a text, at most this many bytes.
pub fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A link for OSC 8: printable ASCII, the rest percent-encoded. None if it is too long.
pub fn link(address: &str) -> Option<String> {
    let mut link = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            link.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(link, "%{byte:02X}");
        }
    }
    (link.len() <= LINK_BYTES).then_some(link)
}

/// The sequence that sets the window title.
pub fn title(title: &str) -> String {
    format!("\x1b]2;{}\x1b\\", cut(&text(title), TITLE_BYTES))
}

/// The sequence that puts a text into the clipboard (OSC 52), cut at the limit.
pub fn copy(text: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(cut(text, COPY_BYTES));
    format!("\x1b]52;c;{encoded}\x1b\\")
}

/// A text as an argument of a notification, in which `;` would end it.
pub fn notice(notice: &str) -> String {
    cut(&text(notice), NOTICE_BYTES).replace(';', ",")
}
