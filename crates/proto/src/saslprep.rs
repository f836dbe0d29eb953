//! SASLprep (RFC 4013): a normal form for passwords, however a keyboard or a client composes them.

use crate::limits::NEW_PASSWORD_BYTES;
use std::borrow::Cow;

/// The form of a password from which both sides derive keys. It makes `é` the same in one character
/// or in two, a no-break space a space, and a soft hyphen nothing.
///
/// What SASLprep rejects (control characters, mixed text directions, anything newer than Unicode
/// 3.2, such as most emoji), and what it would leave empty, stays unchanged, so any password can be
/// used, and other clients that do the same, such as PostgreSQL's, can log in.
#[must_use]
pub fn prepare(password: &str) -> Cow<'_, str> {
    match stringprep::saslprep(password) {
        Ok(prepared) if !prepared.is_empty() => prepared,
        _ => Cow::Borrowed(password),
    }
}

/// Whether a new password is long enough. Only its prepared form counts: soft hyphens do not make
/// it harder to guess.
#[must_use]
pub fn is_long_enough(password: &str) -> bool {
    prepare(password).len() >= NEW_PASSWORD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(prepare("I\u{ad}X"), "IX");
        assert_eq!(prepare("user"), "user");
        assert_eq!(prepare("USER"), "USER");
        assert_eq!(prepare("\u{aa}"), "a");
        assert_eq!(prepare("\u{2168}"), "IX");
    }

    #[test]
    fn passwords_typed_alike_are_equal() {
        assert_eq!(prepare("passwort\u{b2}"), "passwort2");
        assert_eq!(prepare("e\u{301}t\u{e9}"), prepare("\u{e9}te\u{301}"));
        assert_eq!(prepare("two\u{a0}words\u{3000}here"), "two words here");
        assert_eq!(prepare("\u{fb01}n"), "fin");
    }

    #[test]
    fn unpreparable_passwords_are_used_as_they_are() {
        for as_it_is in ["\u{7}bell", "\u{627}1", "\u{1f600}e\u{301}", "\u{e000}", "\u{ad}", ""] {
            assert_eq!(prepare(as_it_is), as_it_is);
        }
    }

    #[test]
    fn a_new_passwords_length_is_measured_after_preparation() {
        for long in ["1234", "\u{e9}\u{e9}", "\u{1f600}", "a\u{ad}bcd"] {
            assert!(is_long_enough(long), "{long}");
        }
        for short in ["", "123", "\u{e9}1", "a\u{ad}\u{ad}b", "\u{b2}\u{b2}\u{b2}"] {
            assert!(!is_long_enough(short), "{short}");
        }
    }
}
