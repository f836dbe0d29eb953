//! What nodes publish is sealed under the cluster's key: the log cannot read, change or forge it.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// Bytes of a cluster's key.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const PREFIX_BYTES: usize = 16;

/// Seals and opens under one key, for one purpose.
pub struct Seal {
    cipher: XChaCha20Poly1305,
    purpose: &'static [u8],
    /// Makes nonces unique: random bytes of this process.
    prefix: [u8; PREFIX_BYTES],
    used: u64,
    check: [u8; 8],
}

impl Seal {
    /// `random` must be new random bytes each time. What is sealed for one purpose cannot be opened
    /// for another.
    pub fn new(key: &[u8; KEY_BYTES], purpose: &'static [u8], random: [u8; PREFIX_BYTES]) -> Seal {
        let hash = Sha256::new().chain_update(b"parlor cluster key").chain_update(key).finalize();
        let check = *hash.first_chunk().expect("a hash is longer");
        let cipher = XChaCha20Poly1305::new(&Key::from(*key));
        Seal { cipher, purpose, prefix: random, used: 0, check }
    }

    /// Identifies the key without revealing it.
    pub fn check(&self) -> [u8; 8] {
        self.check
    }

    /// Seals.
    pub fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..].copy_from_slice(&self.used.to_le_bytes());
        self.used += 1;
        let payload = Payload { msg: bytes, aad: self.purpose };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        [&nonce[..], &sealed.expect("far shorter than the cipher's limit")].concat()
    }

    /// Opens; none if it was not sealed under this key for this purpose, or was changed.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: self.purpose };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open_unchanged_bytes() {
        let mut seal = Seal::new(&[1; 32], b"entries", [7; 16]);
        let sealed = seal.seal(b"a few words");
        assert!(!sealed.windows(3).any(|piece| piece == b"few"));
        assert_eq!(seal.open(&sealed).as_deref(), Some(&b"a few words"[..]));
        assert_ne!(seal.seal(b"a few words"), sealed, "each time with another nonce");
        let other = Seal::new(&[2; 32], b"entries", [7; 16]);
        assert_eq!(other.open(&sealed), None);
        assert_ne!(other.check(), seal.check());
        assert_eq!(Seal::new(&[1; 32], b"copies", [7; 16]).open(&sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&changed), None, "changed at {at}");
            assert_eq!(seal.open(&sealed[..at]), None, "cut at {at}");
        }
    }
}
