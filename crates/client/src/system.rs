//! What only the system knows: the time, and random numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::failure::Failure;

/// 24 random characters of A-Z a-z 0-9 - _.
///
/// # Errors
/// If the system provides none.
pub(crate) fn random_text() -> Result<String, Failure> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A random byte.
///
/// # Errors
/// If the system provides none.
pub(crate) fn random_byte() -> Result<u8, Failure> {
    let mut byte = [0];
    getrandom::fill(&mut byte)?;
    Ok(byte[0])
}

/// The time of this computer, in milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
