//! Names of users and rooms: which ones are valid, and when two are the same (`CASEMAPPING=ascii`).

use crate::limits::{NAME_BYTES, ROOM_BYTES};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Why a user's name is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty.
    #[error("A name needs at least one character")]
    Empty,
    /// More than [`NAME_BYTES`].
    #[error("A name has at most {NAME_BYTES} characters")]
    TooLong,
    /// It begins with a digit or a hyphen.
    #[error("A name cannot begin with {0:?}, only with a letter or one of _ [ ] \\ ` ^ {{ }} |")]
    FirstCharacter(char),
    /// An invalid character.
    #[error(
        "A name cannot have {} in it, only the letters a to z, digits and - _ [ ] \\ ` ^ {{ }} |", shown(*.0)
    )]
    Character(char),
    /// Reserved by the server, unless it is an account's already.
    #[error("This name is reserved; choose another")]
    Reserved,
}

/// Why a room's name is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomNameError {
    /// It does not begin with `#`.
    #[error("The name of a room begins with #")]
    NoHash,
    /// Nothing after the `#`.
    #[error("The name of a room needs at least one character after the #")]
    Empty,
    /// More than [`ROOM_BYTES`].
    #[error("The name of a room has at most {ROOM_BYTES} bytes")]
    TooLong,
    /// A comma, a colon, or an invisible character.
    #[error("The name of a room cannot have {} in it", shown(*.0))]
    Character(char),
}

/// Checks a user's name: 1 to [`NAME_BYTES`] letters, digits and the characters ``- _ [ ] \ ` ^ { }
/// |``, not beginning with a digit or `-`.
///
/// # Errors
/// The violated rule, in words for users.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let first = name.chars().next().ok_or(NameError::Empty)?;
    if first.is_ascii_digit() || first == '-' {
        return Err(NameError::FirstCharacter(first));
    }
    if let Some(c) = name.chars().find(|&c| !in_name(c)) {
        return Err(NameError::Character(c));
    }
    if name.len() > NAME_BYTES {
        return Err(NameError::TooLong);
    }
    Ok(())
}

/// Whether a character may be in a user's name.
#[must_use]
pub fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_' | '[' | ']' | '\\' | '`' | '^' | '{' | '}' | '|')
}

/// Checks a room's name: a `#`, then at least one character, up to [`ROOM_BYTES`] in all; no comma,
/// no colon, and no invisible characters, with which different names would look the same.
///
/// # Errors
/// The violated rule, in words for users.
pub fn check_room(name: &str) -> Result<(), RoomNameError> {
    let after = name.strip_prefix('#').ok_or(RoomNameError::NoHash)?;
    if after.is_empty() {
        return Err(RoomNameError::Empty);
    }
    if name.len() > ROOM_BYTES {
        return Err(RoomNameError::TooLong);
    }
    match after.chars().find(|&c| matches!(c, ',' | ':') || is_invisible(c)) {
        Some(c) => Err(RoomNameError::Character(c)),
        None => Ok(()),
    }
}

/// Whether a character is invisible: controls, formats, separators, private and unassigned ones,
/// and the letters and marks among the default-ignorable ones (Unicode's DerivedCoreProperties),
/// such as variation selectors.
fn is_invisible(c: char) -> bool {
    let group = c.general_category_group();
    matches!(group, GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator)
        || matches!(c,
            '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' |
            '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

/// A character in quotes, or the code of an invisible one.
fn shown(c: char) -> String {
    if c != ' ' && is_invisible(c) { format!("U+{:04X}", u32::from(c)) } else { format!("{c:?}") }
}

/// The name as a key: two names are the same if their folded forms are equal.
#[must_use]
pub fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether two names are the same: ASCII letters without case, everything else exactly.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_letters_digits_and_marks_are_allowed() {
        for name in ["a", "Ann", "ann2", "_x-", "[a]{b}|^`\\", &"n".repeat(32)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_refused_name_comes_with_its_reason() {
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(check_name(&"n".repeat(33)), Err(NameError::TooLong));
        assert_eq!(check_name("1ann"), Err(NameError::FirstCharacter('1')));
        assert_eq!(check_name("-ann"), Err(NameError::FirstCharacter('-')));
        assert_eq!(check_name("an n"), Err(NameError::Character(' ')));
        assert_eq!(check_name("J\u{f6}rg"), Err(NameError::Character('\u{f6}')));
        assert_eq!(check_name("*"), Err(NameError::Character('*')));
        assert_eq!(check_name("#room"), Err(NameError::Character('#')));
    }

    #[test]
    fn a_reason_never_carries_a_control_character() {
        let reason = check_name("a\r\nb").unwrap_err().to_string();
        assert!(reason.starts_with("A name cannot have U+000D in it"), "{reason}");
        assert!(!reason.contains(char::is_control));
    }

    #[test]
    fn rooms_begin_with_a_hash_and_keep_to_one_word() {
        for room in ["#a", "##", "#\u{fc}ber-1", &format!("#{}", "r".repeat(63))] {
            assert_eq!(check_room(room), Ok(()), "{room}");
        }
        assert_eq!(check_room(""), Err(RoomNameError::NoHash));
        assert_eq!(check_room("lobby"), Err(RoomNameError::NoHash));
        assert_eq!(check_room("#"), Err(RoomNameError::Empty));
        assert_eq!(check_room(&format!("#{}", "r".repeat(64))), Err(RoomNameError::TooLong));
        for c in [' ', ',', ':', '\u{7}', '\0', '\n'] {
            assert_eq!(check_room(&format!("#a{c}b")), Err(RoomNameError::Character(c)));
        }
    }

    #[test]
    fn nothing_in_the_name_of_a_room_is_invisible() {
        for c in "\u{200b}\u{a0}\u{ad}\u{202e}\u{2028}\u{2060}\u{feff}\u{3000}\u{e0041}\u{fe0f}\u{e0100}\u{200d}\
            \u{34f}\u{115f}\u{3164}\u{ffa0}\u{17b4}\u{180e}\u{2800}\u{1}\u{85}\u{e000}\u{378}\u{fff9}\u{10ffff}"
            .chars()
        {
            let error = check_room(&format!("#lob{c}by")).unwrap_err();
            assert_eq!(error, RoomNameError::Character(c));
            let code = format!("U+{:04X}", u32::from(c));
            assert!(error.to_string().ends_with(&format!("{code} in it")), "{error}");
        }
        for room in [
            "#\u{fc}ber",
            "#\u{65e5}\u{672c}\u{8a9e}",
            "#\u{915}\u{93f}",
            "#\u{2615}",
            "#e\u{301}t",
        ] {
            assert_eq!(check_room(room), Ok(()), "{room}");
        }
    }

    #[test]
    fn only_ascii_letters_lose_their_case() {
        assert_eq!(fold("ANN[\u{c4}]"), "ann[\u{c4}]");
        assert!(same("Ann", "aNN"));
        assert!(!same("a[", "a{"));
        assert!(!same("\u{c4}", "\u{e4}"));
    }
}
