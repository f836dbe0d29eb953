//! The second factor of an account: codes that change every half minute (TOTP, RFC 6238), and recovery
//! codes for those who have lost the device that shows them.

use crate::effects::Effects;
use crate::limits::{RECOVERY_CODE_CHARS, TOTP_DIGITS, TOTP_SECONDS, TOTP_SKEW};
use crate::secret;
use crate::state::State;
use crate::state::records;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use store::{AccountId, RecordKind};
use subtle::ConstantTimeEq;

/// A verified code, as an entry carries it: without anything by which somebody could log in.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum UsedCode {
    /// The code of this time step (half minute).
    Step(i64),
    /// The recovery code with this hash.
    Recovery(Box<str>),
}

/// The second factor of an account.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct SecondFactor {
    /// The secret shared with the device, in base32.
    pub secret: Box<str>,
    /// The account's owner has entered a code of it: logins need one from now on.
    pub confirmed: bool,
    /// The step of the last code used: no code of this or an earlier step is accepted again.
    #[serde(default)]
    pub last_step: i64,
    /// The hashes of the unused recovery codes.
    #[serde(default)]
    pub recovery: Vec<Box<str>>,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

impl SecondFactor {
    /// A second factor that is not confirmed yet.
    pub fn new(secret: &str) -> SecondFactor {
        let secret = secret.to_ascii_uppercase().into();
        SecondFactor { secret, confirmed: false, last_step: 0, recovery: Vec::new() }
    }

    /// Verifies a code at a time (milliseconds since the epoch).
    pub fn check(&self, code: &str, now: i64) -> Option<UsedCode> {
        let code = secret::normal(code);
        let found = match code.len() == TOTP_DIGITS as usize {
            true => self.step_of(&code, now).map(UsedCode::Step),
            false => Some(UsedCode::Recovery(recovery_hash(&code))),
        };
        found.filter(|used| self.is_unused(used))
    }

    /// The time step of a code, if that is within the allowed skew.
    fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let key = secret::decode(&self.secret)?;
        let step = now.div_euclid(1000 * TOTP_SECONDS);
        let right = |step: &i64| bool::from(totp(&key, *step).as_bytes().ct_eq(code.as_bytes()));
        (step - TOTP_SKEW..=step + TOTP_SKEW).find(right)
    }

    /// Whether a verified code has not been used meanwhile.
    fn is_unused(&self, used: &UsedCode) -> bool {
        match used {
            UsedCode::Step(step) => *step > self.last_step,
            UsedCode::Recovery(hash) => self.recovery.contains(hash),
        }
    }

    /// Uses up a code. False if it was used already.
    pub fn consume(&mut self, used: &UsedCode) -> bool {
        let unused = self.is_unused(used);
        match used {
            UsedCode::Step(step) => self.last_step = self.last_step.max(*step),
            UsedCode::Recovery(hash) => self.recovery.retain(|one| one != hash),
        }
        unused
    }

    /// Replaces the recovery codes.
    pub fn set_recovery(&mut self, hashes: &[Box<str>]) {
        self.recovery = hashes.to_vec();
    }

    /// The `otpauth` URI, for a QR code that authenticator apps read.
    pub fn uri(&self, server: &str, account: &str) -> String {
        let account: String = account.bytes().map(percent).collect();
        format!("otpauth://totp/{server}:{account}?secret={}&issuer={server}", self.secret)
    }
}

/// Percent-encodes a byte.
fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// The hashes of recovery codes, as they are stored.
pub fn hashes<'a>(codes: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
    codes.map(|code| recovery_hash(&secret::normal(code))).collect()
}

/// Recovery codes have 80 random bits, so a fast hash is enough.
fn recovery_hash(code: &str) -> Box<str> {
    let hash = Sha256::new().chain_update(b"parlor recovery code ").chain_update(code).finalize();
    STANDARD.encode(hash).into()
}

/// The code of a time step (RFC 4226, 5.3).
fn totp(key: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[hash.len() - 1] & 0xf);
    let four = [hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]];
    let code = u32::from_be_bytes(four) % 10_u32.pow(TOTP_DIGITS);
    format!("{code:0width$}", width = TOTP_DIGITS as usize)
}

/// The second factor of an account, confirmed or not.
pub fn of(state: &State, account: AccountId) -> Option<SecondFactor> {
    state.records.get(RecordKind::SecondFactor, account, "")
}

/// Whether logins to an account need a code.
pub fn is_on(state: &State, account: AccountId) -> bool {
    of(state, account).is_some_and(|factor| factor.confirmed)
}

/// Sets or removes an account's second factor.
pub fn set(state: &mut State, out: &mut Effects, account: AccountId, to: Option<&SecondFactor>) {
    records::set(state, out, (RecordKind::SecondFactor, account, ""), to);
}

/// Verifies a code for an account.
pub fn check(state: &State, account: AccountId, code: &str) -> Option<UsedCode> {
    of(state, account)?.check(code, state.now)
}

/// Uses up a code; false if it was used meanwhile. Nothing else depends on that write.
pub fn consume(state: &mut State, out: &mut Effects, account: AccountId, code: &UsedCode) -> bool {
    let Some(mut factor) = of(state, account) else { return false };
    let unused = factor.consume(code);
    if unused {
        let when = out.condition();
        set(state, out, account, Some(&factor));
        out.resume(when);
    }
    unused
}

/// Splits a code off a password, if the last word can be one.
pub fn split(password: &str) -> (&str, Option<&str>) {
    match password.rsplit_once(' ') {
        Some((password, code)) if is_code(code) && !password.is_empty() => (password, Some(code)),
        _ => (password, None),
    }
}

/// Whether a text has the form of a code.
fn is_code(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let code = secret::normal(text);
    digits && text.len() == TOTP_DIGITS as usize || code.len() == RECOVERY_CODE_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the examples of RFC 6238, "12345678901234567890".
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_rfc() {
        let key = secret::decode(SECRET).expect("it is base32");
        assert_eq!(key, b"12345678901234567890");
        // Appendix B, the last six digits of each.
        let examples = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in examples {
            assert_eq!(totp(&key, seconds / TOTP_SECONDS), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_accepted_once_and_within_the_clock_skew() {
        let at = |seconds: i64| seconds * 1000;
        let used = |factor: &mut SecondFactor, seconds| {
            factor.check("287 082", at(seconds)).is_some_and(|used| factor.consume(&used))
        };
        for seconds in [1, 30, 59, 89] {
            let mut factor = SecondFactor::new(SECRET);
            assert!(used(&mut factor, seconds), "{seconds}");
            assert!(!used(&mut factor, seconds), "a code is accepted once");
            assert!(!used(&mut factor, seconds + 1), "also later in its time step");
        }
        let mut factor = SecondFactor::new(SECRET);
        assert!(!used(&mut factor, 95), "too late");
        let mut factor = SecondFactor::new(SECRET);
        factor.last_step = 2;
        assert!(!used(&mut factor, 59), "a later one was used");
    }

    #[test]
    fn recovery_codes_are_accepted_once_however_they_are_typed() {
        let mut factor = SecondFactor::new(SECRET);
        factor.set_recovery(&hashes(["abcd-efgh-ijkl-mnop", "2345-6723-4567-2345"].into_iter()));
        assert_eq!(factor.check("abcd-efgh-ijkl-mnoq", 0), None);
        let used = factor.check("ABCDEFGH IJKLMNOP", 0).expect("it is one of them");
        assert!(factor.consume(&used));
        assert!(!factor.consume(&used), "another node may have used it first");
        assert_eq!(factor.check("abcd-efgh-ijkl-mnop", 0), None);
        assert_eq!(factor.recovery.len(), 1);
        assert!(!format!("{factor:?}").contains(SECRET));
    }

    #[test]
    fn a_password_and_a_code_are_told_apart() {
        assert_eq!(split("my password 123456"), ("my password", Some("123456")));
        let recovery = "abcd-efgh-ijkl-mnop";
        assert_eq!(split(&format!("secret {recovery}")), ("secret", Some(recovery)));
        for whole in ["123456", "secret 12345", "secret word", "secret abc456", " 123456"] {
            assert_eq!(split(whole), (whole, None));
        }
    }

    #[test]
    fn the_uri_names_server_and_account() {
        let uri = SecondFactor::new("abc").uri("chat.example", "a[b");
        assert_eq!(uri, "otpauth://totp/chat.example:a%5Bb?secret=ABC&issuer=chat.example");
    }
}
