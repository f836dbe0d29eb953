//! Fingerprints of certificates.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Fingerprint(pub [u8; 32]);

/// Why a text is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons between the pairs"
)]
pub struct NoFingerprint;

impl Fingerprint {
    /// The lowest possible value.
    pub const FIRST: Fingerprint = Fingerprint([0; 32]);
    /// The highest possible value.
    pub const LAST: Fingerprint = Fingerprint([0xff; 32]);

    /// The fingerprint of a certificate (its DER).
    pub fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Accepts both notations, in either case.
    fn from_str(text: &str) -> Result<Fingerprint, NoFingerprint> {
        let step = if text.contains(':') { "00:".len() } else { "00".len() };
        let mut bytes = [0; 32];
        let whole = text.len() == bytes.len() * step - (step - "00".len());
        let digits = text.bytes().enumerate().all(|(at, byte)| match at % step {
            2 => byte == b':',
            _ => byte.is_ascii_hexdigit(),
        });
        if !whole || !digits {
            return Err(NoFingerprint);
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = &text[at * step..at * step + "00".len()];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoFingerprint)?;
        }
        Ok(Fingerprint(bytes))
    }
}

impl fmt::LowerHex for Fingerprint {
    /// In IRC's notation: 64 lowercase hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Fingerprint {
    /// In the notation of `openssl x509 -fingerprint -sha256`: pairs of hexadecimal digits with
    /// colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
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

    /// `printf abc | openssl dgst -sha256 -c`, in uppercase.
    const ABC: &str = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
        B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";

    #[test]
    fn fingerprints_are_formatted_like_openssl_and_like_irc() {
        let abc = Fingerprint::of(b"abc");
        assert_eq!(abc.to_string(), ABC);
        assert_eq!(format!("{abc:x}"), ABC.replace(':', "").to_lowercase());
    }

    #[test]
    fn fingerprints_are_parsed_with_and_without_colons_in_either_case() {
        let bare = ABC.replace(':', "");
        for text in [ABC, &ABC.to_lowercase(), &bare, &bare.to_lowercase()] {
            assert_eq!(text.parse(), Ok(Fingerprint::of(b"abc")), "{text}");
        }
    }

    #[test]
    fn invalid_fingerprints_are_refused() {
        let bare = ABC.replace(':', "");
        let wrong = [
            "",
            ":",
            &":".repeat(95),
            &ABC[1..],
            &ABC[..ABC.len() - 1],
            &format!("{ABC}:"),
            &format!("{ABC}:00"),
            &bare[1..],
            &bare[2..],
            &format!("{bare}0"),
            &format!("{bare}00"),
            &format!("+{}", &bare[1..]),
            &format!("{}:{}", &bare[..1], &bare[1..]),
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
