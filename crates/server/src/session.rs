//! A session is one connection: its identity across the threads.

use std::fmt;
use std::str::FromStr;

/// Names one connection for as long as the process lives: no two ever have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// The shard that owns the connection.
    pub shard: u8,
    /// Its place in that shard's table.
    pub slot: u32,
    /// Tells it from earlier connections in the same place.
    pub generation: u32,
}

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The lowest there can be.
    pub const FIRST: Fingerprint = Fingerprint([0; 32]);
    /// The highest there can be.
    pub const LAST: Fingerprint = Fingerprint([0xff; 32]);
}

/// Why something is no fingerprint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons between the pairs"
)]
pub struct NoFingerprint;

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Takes what both ways of writing give, in either case.
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
    /// As IRC writes it: 64 small hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Fingerprint {
    /// As `openssl x509 -fingerprint -sha256` writes it: pairs of hexadecimal digits with colons.
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

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_in_both_ways_and_in_either_case() {
        let mut bytes = [0xab; 32];
        (bytes[0], bytes[31]) = (0x01, 0xff);
        let fingerprint = Fingerprint(bytes);
        let (colons, digits) = (fingerprint.to_string(), format!("{fingerprint:x}"));
        assert!(colons.starts_with("01:AB:AB:") && colons.ends_with(":FF"), "{colons}");
        assert_eq!(digits, format!("01{}ff", "ab".repeat(30)));
        for text in [&colons, &digits, &colons.to_lowercase(), &digits.to_uppercase()] {
            assert_eq!(text.parse(), Ok(fingerprint), "{text}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_none() {
        let digits = "ab".repeat(32);
        let colons = Fingerprint([0xab; 32]).to_string();
        for text in [
            "",
            ":",
            &digits[1..],
            &format!("{digits}a"),
            &format!("+{}", &digits[1..]),
            &digits.replacen("ab", "é", 1),
            &digits.replacen('a', "g", 1),
            &colons[..colons.len() - 1],
            &format!("{colons}:"),
            &format!("{colons}:AB"),
            &colons.replacen(':', "-", 1),
            &format!("{}:{}", &digits[..1], &digits[1..]),
            &":".repeat(95),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
    }
}
