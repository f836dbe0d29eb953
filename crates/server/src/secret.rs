//! Secrets that the server draws: app passwords, recovery codes, invitations. They are of the letters and
//! digits of base32, so nobody takes one of them for another, and a second factor's is one, too.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The letters and digits, in their order in base32 (RFC 4648).
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// How many of them stand together.
const GROUP: usize = 4;

/// A secret on its way to its owner: it is never written anywhere else.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub struct Secret(Box<str>);

impl Secret {
    /// Something secret.
    pub fn new(text: &str) -> Secret {
        Secret(text.into())
    }

    /// What it is.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Draws a secret of so many characters, in groups with hyphens between them.
///
/// # Errors
/// When the system has no randomness.
pub fn draw(chars: usize) -> Result<Secret, getrandom::Error> {
    let mut bytes = vec![0; chars];
    getrandom::fill(&mut bytes)?;
    Ok(Secret(written(&bytes)))
}

fn written(bytes: &[u8]) -> Box<str> {
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    let groups = bytes.chunks(GROUP).map(|group| group.iter().map(letter).collect::<String>());
    groups.collect::<Vec<_>>().join("-").into()
}

/// A secret without hyphens as it was drawn, with them.
pub fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups = letters.chunks(GROUP).map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

/// A secret without what only helps to read and type it: hyphens, spaces and capitals. What is not of
/// the alphabet, but looks like a character of it, is that one; digits alone stay as they are.
pub fn normal(typed: &str) -> String {
    let typed: String = typed.chars().filter(|c| !"- ".contains(*c)).collect();
    if typed.bytes().all(|byte| byte.is_ascii_digit()) {
        return typed;
    }
    let meant = |c: char| match c.to_ascii_lowercase() {
        '0' => 'o',
        '1' => 'l',
        '8' => 'b',
        other => other,
    };
    typed.chars().map(meant).collect()
}

/// The bytes that base32 stands for; none if it is no base32.
pub fn decode(base32: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in normal(base32).bytes() {
        let value = ALPHABET.iter().position(|one| *one == byte)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_of_groups_and_each_is_another() {
        let (one, other) = (draw(16).expect("randomness"), draw(16).expect("randomness"));
        assert_ne!(one, other);
        let text = one.reveal();
        assert_eq!(text.len(), 16 + 3);
        assert!(text.split('-').all(|group| group.len() == 4));
        assert!(text.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)));
        assert_eq!(format!("{one:?}"), "Secret(..)");
    }

    #[test]
    fn all_characters_are_drawn_alike() {
        let all: Vec<u8> = (0..=255).collect();
        let text = normal(&written(&all));
        for letter in ALPHABET {
            assert_eq!(text.bytes().filter(|byte| byte == letter).count(), 8);
        }
    }

    #[test]
    fn what_is_typed_by_hand_is_understood() {
        assert_eq!(normal("ABCD-efgh 0123"), "abcdefghol23");
        assert_eq!(normal("018 456"), "018456");
        assert_eq!(decode("MZXW6YTB").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(decode("mzxw6").as_deref(), Some(&b"foo"[..]));
        assert_eq!(decode("m!"), None);
    }
}
