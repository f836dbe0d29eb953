//! SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides, without channel binding.
//!
//! Passwords are prepared on both sides ([`crate::saslprep`]). Names are ASCII and need no
//! preparation.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::FixedOutput;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::limits::{SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN};
use crate::name::same;
use crate::sasl::SaslError;
use crate::saslprep::prepare;

type Key = [u8; 32];

/// Rounds of PBKDF2 between two calls of `on_progress`.
const ROUNDS_PER_STEP: u32 = 256;

/// What a server stores instead of a password: enough to check it, not enough to log in.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Keys {
    /// Random bytes, new for each password.
    pub salt: [u8; 16],
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// The hash of the client's key.
    pub stored_key: [u8; 32],
    /// The key with which the server proves that it knows the account.
    pub server_key: [u8; 32],
}

impl Keys {
    /// Derives the keys of a password; deliberately slow, in proportion to `iterations` (see
    /// [`crate::limits::OWASP_ITERATIONS`]).
    #[must_use]
    pub fn derive(password: &str, salt: [u8; 16], iterations: u32) -> Keys {
        Keys::derive_with_progress(password, salt, iterations, &mut || {})
    }

    /// The same, and calls `on_progress` about every 50 µs. It may wait there to let others have the
    /// processor.
    #[must_use]
    pub fn derive_with_progress(
        password: &str,
        salt: [u8; 16],
        iterations: u32,
        on_progress: &mut dyn FnMut(),
    ) -> Keys {
        Keys::derive_raw(&prepare(password), salt, iterations, on_progress)
    }

    fn derive_raw(
        password: &str,
        salt: [u8; 16],
        iterations: u32,
        on_progress: &mut dyn FnMut(),
    ) -> Keys {
        let salted = salted_password(password, &salt, iterations, on_progress);
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key")).into();
        Keys { salt, iterations, stored_key, server_key: hmac(&salted, b"Server Key") }
    }

    /// Whether these are the same keys, in constant time.
    #[must_use]
    pub fn are(&self, others: &Keys) -> bool {
        self.stored_key.ct_eq(&others.stored_key).into()
    }

    /// Whether the password matches; as slow as [`Keys::derive_with_progress`], and compared in constant
    /// time.
    #[must_use]
    pub fn verify(&self, password: &str, on_progress: &mut dyn FnMut()) -> bool {
        self.verify_raw(&prepare(password), on_progress)
    }

    /// Whether these keys were derived from the unprepared password, before SASLprep was applied,
    /// and so must be renewed. Returns false at once if preparation changes nothing.
    #[must_use]
    pub fn verify_unprepared(&self, password: &str, on_progress: &mut dyn FnMut()) -> bool {
        prepare(password) != password && self.verify_raw(password, on_progress)
    }

    fn verify_raw(&self, password: &str, on_progress: &mut dyn FnMut()) -> bool {
        let keys = Keys::derive_raw(password, self.salt, self.iterations, on_progress);
        keys.stored_key.ct_eq(&self.stored_key).into()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// The server's side of one exchange: [`start`](ScramServer::start), [`challenge`](ScramServer::challenge),
/// [`finish`](ScramServer::finish).
pub struct ScramServer {
    user: String,
    gs2_header: String,
    client_first_bare: String,
    client_nonce: String,
    challenged: Option<Challenged>,
    proven: Option<Box<str>>,
    code: Option<Box<str>>,
}

struct Challenged {
    server_first: String,
    nonce: String,
    salt: [u8; 16],
    iterations: u32,
    candidates: Vec<Candidate>,
}

/// Keys whose password the client may know.
struct Candidate {
    name: Option<Box<str>>,
    stored_key: Key,
    server_key: Key,
}

impl ScramServer {
    /// Parses the client's first message.
    ///
    /// # Errors
    /// [`SaslError::Unsupported`] for channel binding and mandatory extensions, [`SaslError::OtherIdentity`] if
    /// the client wants to act as another user, else what is wrong with the message.
    pub fn start(client_first: &[u8]) -> Result<ScramServer, SaslError> {
        let text = utf8(client_first)?;
        let (flag, rest) = text.split_once(',').ok_or(SaslError::Malformed)?;
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(SaslError::Unsupported),
            _ => return Err(SaslError::Malformed),
        }
        let (authzid, bare) = rest.split_once(',').ok_or(SaslError::Malformed)?;
        let mut attributes = bare.split(',');
        let user = unescape_name(attribute(attributes.next(), "n=")?)?;
        let client_nonce = attribute(attributes.next(), "r=")?;
        if user.is_empty() || !is_nonce(client_nonce) {
            return Err(SaslError::Malformed);
        }
        if !authzid.is_empty() && !same(&unescape_name(attribute(Some(authzid), "a=")?)?, &user) {
            return Err(SaslError::OtherIdentity);
        }
        Ok(ScramServer {
            gs2_header: text[..text.len() - bare.len()].to_owned(),
            client_first_bare: bare.to_owned(),
            client_nonce: client_nonce.to_owned(),
            challenged: None,
            proven: None,
            code: None,
            user,
        })
    }

    /// The user's name, as written by the client.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The server's first message. `server_nonce` is fresh random text, printable ASCII without
    /// commas. For a nonexistent user, pass fake keys, so that nobody can tell.
    #[must_use]
    pub fn challenge(&mut self, keys: &Keys, server_nonce: &str) -> Vec<u8> {
        debug_assert!(is_nonce(server_nonce), "not a nonce: {server_nonce:?}");
        let nonce = [&self.client_nonce, server_nonce].concat();
        let server_first =
            format!("r={nonce},s={},i={}", STANDARD.encode(keys.salt), keys.iterations);
        let message = server_first.clone().into_bytes();
        let Keys { salt, iterations, stored_key, server_key } = *keys;
        let candidates = vec![Candidate { name: None, stored_key, server_key }];
        self.challenged = Some(Challenged { server_first, nonce, salt, iterations, candidates });
        message
    }

    /// After the challenge, also accepts another password, if its keys have the challenge's salt
    /// and iterations; returns whether they do. [`proven`](ScramServer::proven) returns `name` for
    /// it.
    pub fn accept(&mut self, name: &str, keys: &Keys) -> bool {
        let Some(challenged) = &mut self.challenged else { return false };
        let fits = (keys.salt, keys.iterations) == (challenged.salt, challenged.iterations);
        if fits {
            let Keys { stored_key, server_key, .. } = *keys;
            challenged.candidates.push(Candidate {
                name: Some(name.into()),
                stored_key,
                server_key,
            });
        }
        fits
    }

    /// Which of the accepted passwords the client has proven to know; none for that of the
    /// challenge.
    #[must_use]
    pub fn proven(&self) -> Option<&str> {
        self.proven.as_deref()
    }

    /// The second-factor code sent with the client's proof (`o=`, an extension that other servers
    /// ignore).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Checks the client's proof and returns the server's final message, which authenticates the
    /// server. Each challenge allows one attempt.
    ///
    /// # Errors
    /// [`SaslError::WrongPassword`] if the proof is wrong, else what is wrong with the message.
    pub fn finish(&mut self, client_final: &[u8]) -> Result<Vec<u8>, SaslError> {
        let challenged = self.challenged.take().ok_or(SaslError::OutOfOrder)?;
        let text = utf8(client_final)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(SaslError::Malformed)?;
        let mut attributes = without_proof.split(',');
        let binding = decode(attribute(attributes.next(), "c=")?)?;
        let nonce = attribute(attributes.next(), "r=")?;
        if binding != self.gs2_header.as_bytes() {
            return Err(SaslError::Malformed);
        }
        if nonce != challenged.nonce {
            return Err(SaslError::WrongNonce);
        }
        let proof: Key = decode(proof)?.try_into().map_err(|_| SaslError::Malformed)?;
        let auth = auth_message(&self.client_first_bare, &challenged.server_first, without_proof);
        let proves = |candidate: &Candidate| {
            let client_key = xor(proof, hmac(&candidate.stored_key, &auth));
            let stored_key: Key = Sha256::digest(client_key).into();
            bool::from(stored_key.ct_eq(&candidate.stored_key))
        };
        let mut candidates = challenged.candidates.into_iter();
        let known = candidates.find(proves).ok_or(SaslError::WrongPassword)?;
        self.code = attributes.find_map(|one| one.strip_prefix("o=")).map(Box::from);
        self.proven = known.name;
        Ok(format!("v={}", STANDARD.encode(hmac(&known.server_key, &auth))).into_bytes())
    }
}

// Debug output shows only the names: the rest is secret, or would help to guess it.
impl fmt::Debug for ScramServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramServer").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The client's side of one exchange: [`first`](ScramClient::first), [`respond`](ScramClient::respond),
/// [`verify`](ScramClient::verify). The password itself never leaves.
pub struct ScramClient {
    user: String,
    password: String,
    nonce: String,
    code: Option<String>,
    server_signature: Option<Key>,
}

/// No channel binding, and no other identity.
const GS2_HEADER: &str = "n,,";

impl ScramClient {
    /// `nonce`: fresh random text, printable ASCII without commas.
    #[must_use]
    pub fn new(user: &str, password: &str, nonce: &str) -> ScramClient {
        debug_assert!(is_nonce(nonce), "not a nonce: {nonce:?}");
        ScramClient {
            user: user.to_owned(),
            password: prepare(password).into_owned(),
            nonce: nonce.to_owned(),
            code: None,
            server_signature: None,
        }
    }

    /// Also sends a second-factor code; only its letters and digits count.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> ScramClient {
        self.code = Some(code.chars().filter(char::is_ascii_alphanumeric).collect());
        self
    }

    /// The client's first message.
    #[must_use]
    pub fn first(&self) -> Vec<u8> {
        [GS2_HEADER, &self.first_bare()].concat().into_bytes()
    }

    /// Responds to the server's first message with the client's final one; deliberately slow, see
    /// [`Keys::derive`].
    ///
    /// # Errors
    /// [`SaslError::WrongNonce`] if the server's nonce does not extend ours, [`SaslError::Iterations`] if they
    /// are outside of [`SCRAM_ITERATIONS_MIN`] to [`SCRAM_ITERATIONS_MAX`], else what is wrong with the message.
    pub fn respond(&mut self, server_first: &[u8]) -> Result<Vec<u8>, SaslError> {
        let text = utf8(server_first)?;
        let mut attributes = text.split(',');
        let nonce = attribute(attributes.next(), "r=")?;
        let salt = decode(attribute(attributes.next(), "s=")?)?;
        let iterations = attribute(attributes.next(), "i=")?;
        let iterations: u32 = iterations.parse().map_err(|_| SaslError::Malformed)?;
        if !nonce.strip_prefix(&self.nonce).is_some_and(is_nonce) {
            return Err(SaslError::WrongNonce);
        }
        if !(SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&iterations) {
            return Err(SaslError::Iterations);
        }
        if salt.is_empty() {
            return Err(SaslError::Malformed);
        }
        let code = self.code.as_ref().map(|code| format!(",o={code}")).unwrap_or_default();
        let without_proof = format!("c={},r={nonce}{code}", STANDARD.encode(GS2_HEADER));
        let auth = auth_message(&self.first_bare(), text, &without_proof);
        let salted = salted_password(&self.password, &salt, iterations, &mut || {});
        let client_key = hmac(&salted, b"Client Key");
        let stored_key = Sha256::digest(client_key);
        let proof = xor(client_key, hmac(&stored_key, &auth));
        self.server_signature = Some(hmac(&hmac(&salted, b"Server Key"), &auth));
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }

    /// Checks the server's final message, which only a server with this account's keys can make.
    ///
    /// # Errors
    /// [`SaslError::WrongPassword`] if it is the server's refusal (`e=…`), [`SaslError::WrongServer`] if the
    /// signature is wrong, else what is wrong with the message.
    pub fn verify(&self, server_final: &[u8]) -> Result<(), SaslError> {
        let expected = self.server_signature.ok_or(SaslError::OutOfOrder)?;
        let first = utf8(server_final)?.split(',').next();
        if attribute(first, "e=").is_ok() {
            return Err(SaslError::WrongPassword);
        }
        let signature = decode(attribute(first, "v=")?)?;
        if bool::from(signature.ct_eq(&expected)) { Ok(()) } else { Err(SaslError::WrongServer) }
    }

    fn first_bare(&self) -> String {
        format!("n={},r={}", escape_name(&self.user), self.nonce)
    }
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramClient").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The iteration count in the server's first message, if any.
#[must_use]
pub fn iterations(server_first: &[u8]) -> Option<u32> {
    let attributes = utf8(server_first).ok()?.split(',');
    attributes
        .filter_map(|attribute| attribute.strip_prefix("i="))
        .find_map(|count| count.parse().ok())
}

/// `Hi` of RFC 5802, that is, PBKDF2 with one block of output. Calls `on_progress` after every
/// [`ROUNDS_PER_STEP`].
fn salted_password(
    password: &str,
    salt: &[u8],
    iterations: u32,
    on_progress: &mut dyn FnMut(),
) -> Key {
    let keyed = Hmac::<Sha256>::new_from_slice(password.as_bytes());
    let keyed = keyed.expect("HMAC takes keys of any length");
    let first = keyed.clone().chain_update(salt).chain_update(1_u32.to_be_bytes());
    let mut block: Key = first.finalize().into_bytes().into();
    let mut salted = block;
    for round in 1..iterations {
        if round.is_multiple_of(ROUNDS_PER_STEP) {
            on_progress();
        }
        let mut next = keyed.clone();
        next.update(&block);
        next.finalize_into((&mut block).into());
        salted = xor(salted, block);
    }
    salted
}

fn hmac(key: &[u8], data: &[u8]) -> Key {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

fn xor(mut a: Key, b: Key) -> Key {
    a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
    a
}

fn auth_message(client_first_bare: &str, server_first: &str, without_proof: &str) -> Vec<u8> {
    [client_first_bare, server_first, without_proof].join(",").into_bytes()
}

fn utf8(bytes: &[u8]) -> Result<&str, SaslError> {
    std::str::from_utf8(bytes).map_err(|_| SaslError::InvalidUtf8)
}

fn decode(base64: &str) -> Result<Vec<u8>, SaslError> {
    STANDARD.decode(base64).map_err(|_| SaslError::InvalidBase64)
}

/// The value of the attribute required here. `m=` is a mandatory extension.
fn attribute<'a>(attribute: Option<&'a str>, key: &str) -> Result<&'a str, SaslError> {
    let attribute = attribute.ok_or(SaslError::Malformed)?;
    if attribute.starts_with("m=") {
        return Err(SaslError::Unsupported);
    }
    attribute.strip_prefix(key).ok_or(SaslError::Malformed)
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

fn escape_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescape_name(name: &str) -> Result<String, SaslError> {
    let mut parts = name.split('=');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (escaped, plain) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(plain), _) => (',', plain),
            (_, Some(plain)) => ('=', plain),
            _ => return Err(SaslError::Malformed),
        };
        out.push(escaped);
        out.push_str(plain);
    }
    Ok(out)
}
