//! The second factor of an account: codes that change every half minute (TOTP, RFC 6238), and recovery
//! codes for who has lost the device that shows them.

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

/// A code that was found to be good, as an entry has it: it says nothing by which anybody could log
/// in.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum UsedCode {
    /// The code of this half minute.
    Step(i64),
    /// The recovery code of this hash.
    Recovery(Box<str>),
}

/// The second factor of an account.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct SecondFactor {
    /// The secret that the device shares, in base32.
    pub secret: Box<str>,
    /// The account's owner has shown that the device knows it: codes are asked for.
    pub confirmed: bool,
    /// The step of the last code that was good: neither it nor an earlier one is good again.
    #[serde(default)]
    pub last_step: i64,
    /// The hashes of the recovery codes that were not used yet.
    #[serde(default)]
    pub recovery: Vec<Box<str>>,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

impl SecondFactor {
    /// One that is not confirmed yet.
    pub fn new(secret: &str) -> SecondFactor {
        let secret = secret.to_ascii_uppercase().into();
        SecondFactor { secret, confirmed: false, last_step: 0, recovery: Vec::new() }
    }

    /// Whether a code is good now (milliseconds since the epoch), and as what it is taken.
    pub fn check(&self, code: &str, now: i64) -> Option<UsedCode> {
        let code = secret::normal(code);
        let found = match code.len() == TOTP_DIGITS as usize {
            true => self.step_of(&code, now).map(UsedCode::Step),
            false => Some(UsedCode::Recovery(recovery_hash(&code))),
        };
        found.filter(|used| self.is_good(used))
    }

    /// The half minute to which a code belongs, if that is about now.
    fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let key = secret::decode(&self.secret)?;
        let step = now.div_euclid(1000 * TOTP_SECONDS);
        let right = |step: &i64| bool::from(totp(&key, *step).as_bytes().ct_eq(code.as_bytes()));
        (step - TOTP_SKEW..=step + TOTP_SKEW).find(right)
    }

    /// Whether what was found to be good still is.
    fn is_good(&self, used: &UsedCode) -> bool {
        match used {
            UsedCode::Step(step) => *step > self.last_step,
            UsedCode::Recovery(hash) => self.recovery.contains(hash),
        }
    }

    /// Takes a code: it is not good a second time. False if it is good no more.
    pub fn take(&mut self, used: &UsedCode) -> bool {
        let good = self.is_good(used);
        match used {
            UsedCode::Step(step) => self.last_step = self.last_step.max(*step),
            UsedCode::Recovery(hash) => self.recovery.retain(|one| one != hash),
        }
        good
    }

    /// Puts new recovery codes in the place of those there were.
    pub fn set_recovery(&mut self, hashes: &[Box<str>]) {
        self.recovery = hashes.to_vec();
    }

    /// What a QR code tells the program that shows the codes.
    pub fn uri(&self, server: &str, account: &str) -> String {
        let account: String = account.bytes().map(percent).collect();
        format!("otpauth://totp/{server}:{account}?secret={}&issuer={server}", self.secret)
    }
}

/// A byte as a URI has it.
fn percent(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// What is kept of recovery codes.
pub fn hashes<'a>(codes: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
    codes.map(|code| recovery_hash(&secret::normal(code))).collect()
}

/// Recovery codes are drawn with 80 random bits, so no slow derivation has to protect them.
fn recovery_hash(code: &str) -> Box<str> {
    let hash = Sha256::new().chain_update(b"parlor recovery code ").chain_update(code).finalize();
    STANDARD.encode(hash).into()
}

/// The code of one step (RFC 4226, 5.3).
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

/// Whether codes are asked for when somebody logs in to an account.
pub fn is_on(state: &State, account: AccountId) -> bool {
    of(state, account).is_some_and(|factor| factor.confirmed)
}

/// Sets or removes it.
pub fn set(state: &mut State, out: &mut Effects, account: AccountId, to: Option<&SecondFactor>) {
    records::set(state, out, (RecordKind::SecondFactor, account, ""), to);
}

/// Whether a code is good for an account now, and as what it is taken.
pub fn check(state: &State, account: AccountId, code: &str) -> Option<UsedCode> {
    of(state, account)?.check(code, state.now)
}

/// Takes a code; false if it was used meanwhile. Nothing else depends on that being stored.
pub fn take(state: &mut State, out: &mut Effects, account: AccountId, code: &UsedCode) -> bool {
    let Some(mut factor) = of(state, account) else { return false };
    let good = factor.take(code);
    if good {
        let when = out.condition();
        set(state, out, account, Some(&factor));
        out.resume(when);
    }
    good
}

/// A password and the code behind it, if it ends in a space and what can be one.
pub fn split(password: &str) -> (&str, Option<&str>) {
    match password.rsplit_once(' ') {
        Some((password, code)) if is_code(code) && !password.is_empty() => (password, Some(code)),
        _ => (password, None),
    }
}

/// Whether something can be a code.
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
    fn a_code_is_good_once_and_for_as_long_as_a_clock_may_be_wrong() {
        let at = |seconds: i64| seconds * 1000;
        let take = |factor: &mut SecondFactor, seconds| {
            factor.check("287 082", at(seconds)).is_some_and(|used| factor.take(&used))
        };
        for good in [1, 30, 59, 89] {
            let mut factor = SecondFactor::new(SECRET);
            assert!(take(&mut factor, good), "{good}");
            assert!(!take(&mut factor, good), "a code is good once");
            assert!(!take(&mut factor, good + 1), "also later in its half minute");
        }
        let mut factor = SecondFactor::new(SECRET);
        assert!(!take(&mut factor, 95), "too late");
        let mut factor = SecondFactor::new(SECRET);
        factor.last_step = 2;
        assert!(!take(&mut factor, 59), "a later one was used");
    }

    #[test]
    fn recovery_codes_are_good_once_however_they_are_typed() {
        let mut factor = SecondFactor::new(SECRET);
        factor.set_recovery(&hashes(["abcd-efgh-ijkl-mnop", "2345-6723-4567-2345"].into_iter()));
        assert_eq!(factor.check("abcd-efgh-ijkl-mnoq", 0), None);
        let used = factor.check("ABCDEFGH IJKLMNOP", 0).expect("it is one of them");
        assert!(factor.take(&used));
        assert!(!factor.take(&used), "another node may have taken it first");
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
