//! What nodes publish is sealed under the cluster's key: the log cannot read, change or forge it.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// Bytes of a cluster's key.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const PREFIX_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

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

    /// The key of one cluster: what was sealed for another, whose log had the same key, is not opened.
    pub fn key_of(key: &[u8; KEY_BYTES], cluster_id: &str) -> [u8; KEY_BYTES] {
        let hash = Sha256::new()
            .chain_update(b"parlor key of one cluster")
            .chain_update(key)
            .chain_update(cluster_id);
        hash.finalize().into()
    }

    /// Identifies the key without revealing it.
    pub fn check(&self) -> [u8; 8] {
        self.check
    }

    /// Seals.
    pub fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        let nonce = self.nonce();
        let payload = Payload { msg: bytes, aad: self.purpose };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        [&nonce[..], &sealed.expect("far shorter than the cipher's limit")].concat()
    }

    /// An announcement to the other nodes that the log has these sealed bytes: the bytes, with a
    /// proof that they are at this sequence and nowhere else.
    pub fn prove(&mut self, sequence: u64, sealed: &[u8]) -> Vec<u8> {
        let nonce = self.nonce();
        let aad = self.proved(sequence, sealed);
        let tag = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: &[], aad: &aad });
        let tag = tag.expect("far shorter than the cipher's limit");
        [&sequence.to_le_bytes()[..], &nonce, &tag, sealed].concat()
    }

    /// The sequence and the sealed bytes of an announcement; none if its proof is not a node's.
    pub fn verify<'a>(&self, announcement: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let (sequence, rest) = announcement.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (tag, sealed) = rest.split_first_chunk::<TAG_BYTES>()?;
        let sequence = u64::from_le_bytes(*sequence);
        let aad = self.proved(sequence, sealed);
        let payload = Payload { msg: &tag[..], aad: &aad };
        let proof = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        proof.is_ok().then_some((sequence, sealed))
    }

    /// The bytes that a proof is about.
    fn proved(&self, sequence: u64, sealed: &[u8]) -> Vec<u8> {
        [self.purpose, b" at ", &sequence.to_le_bytes(), sealed].concat()
    }

    fn nonce(&mut self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..].copy_from_slice(&self.used.to_le_bytes());
        self.used += 1;
        nonce
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
        let of = |id| Seal::new(&Seal::key_of(&[1; 32], id), b"entries", [7; 16]);
        let (sealed, announced) = (of("old").seal(b"said"), of("old").prove(5, b"sealed"));
        assert_eq!(of("old").open(&sealed).as_deref(), Some(&b"said"[..]));
        assert_eq!(of("new").open(&sealed), None, "a new log under the same key");
        assert!(of("old").verify(&announced).is_some() && of("new").verify(&announced).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&changed), None, "changed at {at}");
            assert_eq!(seal.open(&sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_proof_holds_for_one_sequence_and_unchanged_bytes() {
        let mut seal = Seal::new(&[1; 32], b"entries", [7; 16]);
        let sealed = seal.seal(b"a few words");
        let announced = seal.prove(9, &sealed);
        assert_eq!(seal.verify(&announced), Some((9, &sealed[..])));
        assert_eq!(Seal::new(&[2; 32], b"entries", [7; 16]).verify(&announced), None);
        assert_eq!(Seal::new(&[1; 32], b"copies", [7; 16]).verify(&announced), None);
        assert_eq!((seal.verify(&sealed), seal.open(&announced)), (None, None));
        for at in 0..announced.len() {
            let mut changed = announced.clone();
            changed[at] ^= 1;
            assert_eq!(seal.verify(&changed), None, "changed at {at}");
            assert_eq!(seal.verify(&announced[..at]), None, "cut at {at}");
        }
    }
}
