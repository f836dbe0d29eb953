//! Fingerprints of certificates, as `openssl x509 -fingerprint -sha256` writes them.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// What was given is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 32 pairs of hexadecimal digits, with colons between them or without")]
pub struct NoFingerprint;

impl Fingerprint {
    /// The fingerprint of a certificate (its DER).
    pub fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Reads pairs of hexadecimal digits, with colons between them or without, in any case.
    fn from_str(text: &str) -> Result<Fingerprint, NoFingerprint> {
        let width = if text.contains(':') { 3 } else { 2 };
        let mut fingerprint = [0; 32];
        // One colon more makes all pairs alike.
        let text = if width == 3 { format!("{text}:") } else { text.to_owned() };
        if text.len() != fingerprint.len() * width {
            return Err(NoFingerprint);
        }
        for (byte, pair) in fingerprint.iter_mut().zip(text.as_bytes().chunks(width)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(NoFingerprint);
            if width == 3 && pair[2] != b':' {
                return Err(NoFingerprint);
            }
            *byte = (digit(0)? * 16 + digit(1)?) as u8;
        }
        Ok(Fingerprint(fingerprint))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | openssl dgst -sha256 -c`, in capitals.
    const ABC: &str = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
        B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";

    #[test]
    fn it_is_written_as_openssl_does() {
        assert_eq!(Fingerprint::of(b"abc").to_string(), ABC);
    }

    #[test]
    fn it_is_read_with_and_without_colons_in_any_case() {
        let bare = ABC.replace(':', "");
        for text in [ABC, &ABC.to_lowercase(), &bare, &bare.to_lowercase()] {
            assert_eq!(text.parse(), Ok(Fingerprint::of(b"abc")), "{text}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let bare = ABC.replace(':', "");
        let wrong = [
            "",
            ":",
            &ABC[1..],
            &ABC[..ABC.len() - 1],
            &format!("{ABC}:"),
            &format!("{ABC}:00"),
            &bare[2..],
            &format!("{bare}00"),
            &ABC.replacen('B', "G", 1),
            &ABC.replacen("BA:", "BA-", 1),
            &ABC.replacen("BA:78", "BA78:", 1),
            &ABC.replacen("BA", "ä", 1),
            &bare.replacen("BA78", "ä€", 1),
            &ABC.replacen("BA:", "+A:", 1),
        ];
        for text in wrong {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text:?}");
        }
    }
}
