//! SASL over `AUTHENTICATE` (IRCv3 SASL 3.1): chunks of base64, and the mechanisms
//! EXTERNAL (RFC 4422) and PLAIN (RFC 4616).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::limits::{SASL_BYTES, SASL_CHUNK_BYTES};

/// Why a SASL exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// A chunk is too long (numeric 905).
    #[error("A part of the SASL message is too long")]
    ChunkTooLong,
    /// The chunks are too long in all (numeric 904).
    #[error("The SASL message is too long")]
    TooLong,
    /// Not base64.
    #[error("The SASL message is not base64")]
    InvalidBase64,
    /// Not UTF-8.
    #[error("The SASL message is not UTF-8")]
    InvalidUtf8,
    /// Malformed for the mechanism.
    #[error("The SASL message is malformed")]
    Malformed,
    /// The other side requires something unsupported: channel binding or an extension.
    #[error("The SASL message asks for something that is not supported")]
    Unsupported,
    /// Logging in as one user to act as another.
    #[error("Nobody can act as another user")]
    OtherIdentity,
    /// The nonce of another exchange.
    #[error("The nonce does not belong to this exchange")]
    WrongNonce,
    /// The server's iteration count is so low as to be unsafe, or so high as to be an attack.
    #[error("The server asks for an unreasonable number of iterations")]
    Iterations,
    /// The proof does not match: the password is wrong.
    #[error("Wrong password")]
    WrongPassword,
    /// The server does not have the account's keys, so it is not the server it claims to be.
    #[error("The server could not prove that it knows the account")]
    WrongServer,
    /// A step was taken out of order, which is a bug of the caller.
    #[error("The steps of the SASL exchange are out of order")]
    OutOfOrder,
}

/// The contents of a PLAIN message.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// Whom to act as; empty for the same as `authcid`. To be compared by the caller.
    pub authzid: String,
    /// Who logs in; not empty.
    pub authcid: String,
    /// The password; not empty.
    pub password: String,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain")
            .field("authzid", &self.authzid)
            .field("authcid", &self.authcid)
            .finish_non_exhaustive()
    }
}

/// Parses a PLAIN message: `[authzid] NUL authcid NUL password`.
///
/// # Errors
/// [`SaslError::InvalidUtf8`], or [`SaslError::Malformed`] if a required part is missing or empty.
pub fn decode_plain(bytes: &[u8]) -> Result<Plain, SaslError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SaslError::InvalidUtf8)?;
    let (authzid, rest) = text.split_once('\0').ok_or(SaslError::Malformed)?;
    let (authcid, password) = rest.split_once('\0').ok_or(SaslError::Malformed)?;
    if authcid.is_empty() || password.is_empty() || password.contains('\0') {
        return Err(SaslError::Malformed);
    }
    Ok(Plain { authzid: authzid.into(), authcid: authcid.into(), password: password.into() })
}

/// Parses an EXTERNAL message (RFC 4422, appendix A): whom to act as; empty for the proven
/// identity.
///
/// # Errors
/// [`SaslError::InvalidUtf8`], or [`SaslError::Malformed`] if it has a NUL.
pub fn decode_external(bytes: &[u8]) -> Result<&str, SaslError> {
    let authzid = std::str::from_utf8(bytes).map_err(|_| SaslError::InvalidUtf8)?;
    if authzid.contains('\0') { Err(SaslError::Malformed) } else { Ok(authzid) }
}

/// Assembles the chunks of a SASL message.
#[derive(Clone, Default)]
pub struct Chunks {
    base64: String,
}

/// The result of a chunk.
#[derive(Clone, PartialEq, Eq)]
pub enum Progress {
    /// More chunks follow.
    More,
    /// The message is complete: its decoded bytes.
    Done(Vec<u8>),
}

impl Chunks {
    /// Adds the parameter of an `AUTHENTICATE`, except `*`, which aborts and is up to the caller.
    /// After [`Progress::Done`] or an error, the next chunk begins a new message.
    ///
    /// # Errors
    /// [`SaslError::ChunkTooLong`] beyond [`SASL_CHUNK_BYTES`], [`SaslError::TooLong`] beyond [`SASL_BYTES`] all
    /// together; [`SaslError::InvalidBase64`].
    pub fn push(&mut self, param: &str) -> Result<Progress, SaslError> {
        let chunk = if param == "+" { "" } else { param };
        let error = match chunk.len() {
            bytes if bytes > SASL_CHUNK_BYTES => Some(SaslError::ChunkTooLong),
            bytes if self.base64.len() + bytes > SASL_BYTES => Some(SaslError::TooLong),
            _ => None,
        };
        if let Some(error) = error {
            self.base64.clear();
            return Err(error);
        }
        self.base64.push_str(chunk);
        if chunk.len() == SASL_CHUNK_BYTES {
            return Ok(Progress::More);
        }
        let base64 = std::mem::take(&mut self.base64);
        STANDARD.decode(base64).map(Progress::Done).map_err(|_| SaslError::InvalidBase64)
    }

    /// The number of bytes of base64 held; never more than [`SASL_BYTES`].
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.base64.len()
    }
}

// Both may hold a password.
impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("held_bytes", &self.held_bytes()).finish()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::More => f.write_str("More"),
            Progress::Done(bytes) => write!(f, "Done({} bytes)", bytes.len()),
        }
    }
}

/// The parameters of the `AUTHENTICATE` lines for `bytes`, in order; at least one.
#[must_use]
pub fn encode_chunks(bytes: &[u8]) -> Vec<String> {
    let base64 = STANDARD.encode(bytes);
    let mut chunks = Vec::with_capacity(base64.len() / SASL_CHUNK_BYTES + 1);
    let mut left = base64.as_str();
    while left.len() >= SASL_CHUNK_BYTES {
        let (chunk, rest) = left.split_at(SASL_CHUNK_BYTES);
        chunks.push(chunk.to_owned());
        left = rest;
    }
    // A full chunk is never the last; `+` is an empty chunk.
    chunks.push(if left.is_empty() { "+".to_owned() } else { left.to_owned() });
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_has_three_parts() {
        let plain = decode_plain(b"\0ann\0se cret").unwrap();
        assert_eq!((plain.authzid.as_str(), plain.authcid.as_str()), ("", "ann"));
        assert_eq!(plain.password, "se cret");
        assert_eq!(decode_plain(b"bob\0ann\0x").unwrap().authzid, "bob");
        for malformed in [&b""[..], b"ann", b"\0ann", b"\0\0x", b"\0ann\0", b"\0a\0b\0c"] {
            assert_eq!(decode_plain(malformed), Err(SaslError::Malformed), "{malformed:?}");
        }
        assert_eq!(decode_plain(b"\0ann\0\xff"), Err(SaslError::InvalidUtf8));
    }

    #[test]
    fn external_has_one_part_which_may_be_empty() {
        assert_eq!(decode_external(b""), Ok(""));
        assert_eq!(decode_external(b"ann"), Ok("ann"));
        assert_eq!(decode_external(b"\0ann"), Err(SaslError::Malformed));
        assert_eq!(decode_external(b"\xff"), Err(SaslError::InvalidUtf8));
    }

    #[test]
    fn a_password_never_shows_in_debug_output() {
        let plain = decode_plain(b"\0ann\0hunter2").unwrap();
        assert!(!format!("{plain:?}").contains("hunter2"));
        assert_eq!(format!("{:?}", Progress::Done(b"hunter2".to_vec())), "Done(7 bytes)");
    }

    #[test]
    fn a_full_chunk_is_followed_by_another() {
        assert_eq!(encode_chunks(b""), ["+"]);
        assert_eq!(encode_chunks(b"a"), ["YQ=="]);
        let exactly_one = encode_chunks(&[0; 300]);
        assert_eq!(exactly_one.iter().map(String::len).collect::<Vec<_>>(), [400, 1]);
        let mut chunks = Chunks::default();
        assert_eq!(chunks.push(&exactly_one[0]), Ok(Progress::More));
        assert_eq!(chunks.push(&exactly_one[1]), Ok(Progress::Done(vec![0; 300])));
    }

    #[test]
    fn an_overlong_sasl_message_is_refused_and_the_next_starts_fresh() {
        let mut chunks = Chunks::default();
        assert_eq!(chunks.push(&"A".repeat(401)), Err(SaslError::ChunkTooLong));
        for _ in 0..10 {
            assert_eq!(chunks.push(&"A".repeat(400)), Ok(Progress::More));
        }
        assert_eq!(chunks.push(&"A".repeat(400)), Err(SaslError::TooLong));
        assert_eq!(chunks.held_bytes(), 0);
        assert_eq!(chunks.push("?"), Err(SaslError::InvalidBase64));
        assert_eq!(chunks.push("YQ=="), Ok(Progress::Done(b"a".to_vec())));
    }
}
