//! Certificates for the servers that the tests play, and an authority for some.

use std::fmt::Write;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// What a server proves itself with.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    /// Of a server that made its certificate itself.
    pub(crate) fn self_made() -> Identity {
        Identity::signed(&params("localhost"), None)
    }

    /// The same, but long ago.
    pub(crate) fn expired() -> Identity {
        Identity::signed(&long_ago(params("localhost")), None)
    }

    fn signed(params: &CertificateParams, by: Option<&Authority>) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = match by {
            Some(authority) => params.signed_by(&key, &authority.0),
            None => params.self_signed(&key),
        };
        let certificate = certificate.expect("a certificate").der().clone();
        Identity { certificate, key: key.serialize_der() }
    }

    /// The same certificate with somebody else's key.
    pub(crate) fn stolen(&self) -> Identity {
        Identity { certificate: self.certificate.clone(), key: Identity::self_made().key }
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// As `openssl x509 -fingerprint -sha256` writes it.
    pub(crate) fn fingerprint(&self) -> String {
        let mut text = String::new();
        for byte in Sha256::digest(&self.certificate) {
            write!(text, "{byte:02X}:").expect("a string takes all");
        }
        text.pop();
        text
    }
}

/// Somebody who vouches for servers.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// A server that the authority knows by this name.
    pub(crate) fn vouch(&self, name: &str) -> Identity {
        Identity::signed(&params(name), Some(self))
    }

    /// The same, but long ago.
    pub(crate) fn vouched_once(&self, name: &str) -> Identity {
        Identity::signed(&long_ago(params(name)), Some(self))
    }

    /// The certificate for the list of those who are trusted.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("a name")
}

fn long_ago(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2001, 2, 3);
    params.not_after = date_time_ymd(2002, 2, 3);
    params
}
