//! The server's certificate, configured or generated at the first start, and the TLS settings that
//! use it.

use super::expiry;
use crate::config;
use crate::files;
use crate::transport::tls;
use proto::Fingerprint;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName as Subject, ServerConfig, SignatureScheme};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of the generated certificate, in the data folder.
pub const CERTIFICATE_FILE: &str = "tls-certificate.pem";
/// The file of its private key.
pub const KEY_FILE: &str = "tls-key.pem";

/// The UTF-8 byte order mark.
const UTF8_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; the server needs a certificate and its key in PEM")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The system clock is before 1970, so no certificate can be valid.
    #[error("the system clock is before 1970, which rules out TLS; set the clock")]
    NoClock,
    /// The key does not match the certificate, or rustls rejects them.
    #[error("the certificate {path} and its key cannot be used: {source}")]
    Unusable {
        /// The file of the certificate.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The certificate cannot be generated.
    #[error("cannot make a certificate: {0}")]
    NotMade(#[from] rcgen::Error),
    /// The certificate cannot be generated from the existing key.
    #[error("cannot make a certificate from the key in {path}: {source}")]
    UnusableKey {
        /// The file of the key.
        path: PathBuf,
        /// What is wrong with it.
        source: rcgen::Error,
    },
    /// The generated certificate cannot be saved.
    #[error("cannot keep the certificate in {path}: {source}")]
    NotKept {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// A certificate, ready to use.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The TLS settings that use it.
    pub config: Arc<ServerConfig>,
    /// The fingerprint, by which people can compare it.
    pub fingerprint: Fingerprint,
    /// Whether it is signed by somebody else; otherwise clients can only remember it.
    pub vouched: bool,
    /// When the first certificate of the chain expires (seconds since the epoch), if it can be
    /// parsed.
    pub expires: Option<i64>,
}

impl Certificate {
    /// The configured certificate; else the one in the data folder, which is generated if there is
    /// none; else, without a folder, one for this run only.
    ///
    /// # Errors
    /// [`CertificateError`], whose text names the file.
    pub fn load(
        config: &config::Tls,
        data: Option<&Path>,
    ) -> Result<Certificate, CertificateError> {
        if let (Some(certificate), Some(key)) = (&config.certificate, &config.key) {
            return Certificate::read(certificate, key);
        }
        let Some(folder) = data else {
            let key = KeyPair::generate()?;
            let certificate = make(&key)?;
            let key = PrivateKeyDer::try_from(key.serialize_der()).expect("just written");
            return Certificate::new(
                vec![certificate.der().clone()],
                key,
                Path::new("of this run"),
            );
        };
        let (certificate, key) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        if !is_there(&certificate)? {
            // The key first, then the certificate: where there is a certificate, there is a key. An
            // existing key is reused, since clients may have remembered it.
            let own_key = match is_there(&key)? {
                true => read_key(&key)?,
                false => {
                    let made = KeyPair::generate()?;
                    keep(&key, &made.serialize_pem())?;
                    made
                }
            };
            keep(&certificate, &make(&own_key)?.pem())?;
        }
        Certificate::read(&certificate, &key)
    }

    fn read(certificate: &Path, key: &Path) -> Result<Certificate, CertificateError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Unreadable { path, source }
        };
        let text = read_pem(certificate)?;
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(unreadable(certificate))?;
        if chain.is_empty() {
            return Err(unreadable(certificate)(rustls::pki_types::pem::Error::NoItemsFound));
        }
        let private = PrivateKeyDer::from_pem_slice(&read_pem(key)?).map_err(unreadable(key))?;
        Certificate::new(chain, private, certificate)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        path: &Path,
    ) -> Result<Certificate, CertificateError> {
        if !tls::has_clock() {
            return Err(CertificateError::NoClock);
        }
        let (fingerprint, vouched) = (Fingerprint::of(&chain[0]), is_vouched(&chain[0]));
        let expires = expiry::of(&chain);
        let unusable = |source| CertificateError::Unusable { path: path.to_owned(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_client_cert_verifier(Arc::new(AnyCertificate(provider)))
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"irc".to_vec(), b"http/1.1".to_vec()];
        // Returning clients resume without a full handshake, and the server stores nothing for it.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(unusable)?;
        Ok(Certificate { config: Arc::new(config), fingerprint, vouched, expires })
    }
}

/// Whether somebody else has signed it. One that cannot be parsed cannot be verified.
fn is_vouched(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|one| one.issuer() != one.subject())
}

/// A self-signed certificate: clients remember it, like `ssh` does.
fn make(key: &KeyPair) -> Result<rcgen::Certificate, rcgen::Error> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Parlor");
    // Names and dates are chosen so that being self-signed is the only reason to refuse it.
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name = name;
    params.self_signed(key)
}

/// Whether there is a file or a link, even a dangling one. One that cannot be inspected is not
/// replaced.
fn is_there(path: &Path) -> Result<bool, CertificateError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn unreadable(path: &Path, error: io::Error) -> CertificateError {
    let source = rustls::pki_types::pem::Error::Io(error);
    CertificateError::Unreadable { path: path.to_owned(), source }
}

/// Reads a PEM file, without the byte order mark that some editors add, which would hide the first
/// line.
fn read_pem(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = files::read(path).map_err(|error| unreadable(path, error))?;
    if bytes.starts_with(UTF8_MARK) {
        bytes.drain(..UTF8_MARK.len());
    }
    Ok(bytes)
}

/// The key left by an interrupted start, or of a certificate that somebody has deleted.
fn read_key(path: &Path) -> Result<KeyPair, CertificateError> {
    let text = read_pem(path)?;
    let unusable = |source| CertificateError::UnusableKey { path: path.to_owned(), source };
    KeyPair::from_pem(&String::from_utf8_lossy(&text)).map_err(unusable)
}

/// Writes a file that only its owner may read, atomically.
fn keep(path: &Path, text: &str) -> Result<(), CertificateError> {
    let partial = path.with_extension("partial");
    let write = || {
        let mut file = store::create_private(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // So that the name, too, survives a power failure.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(|source| CertificateError::NotKept { path: path.to_owned(), source })
}

/// Accepts any client certificate whose key the client has; its fingerprint says whose it is (SASL
/// EXTERNAL). Clients without one are accepted, too.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[Subject] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn own(folder: &Path) -> Certificate {
        Certificate::load(&config::Tls::default(), Some(folder)).unwrap()
    }

    #[test]
    fn the_certificate_is_generated_once_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = own(folder.path()).fingerprint;
        assert_eq!(own(folder.path()).fingerprint, first);
        for file in [CERTIFICATE_FILE, KEY_FILE] {
            let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let other = tempfile::tempdir().unwrap();
        assert_ne!(own(other.path()).fingerprint, first);
    }

    #[test]
    fn a_start_interrupted_between_key_and_certificate_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        own(folder.path());
        let key = fs::read(folder.path().join(KEY_FILE)).unwrap();
        fs::remove_file(folder.path().join(CERTIFICATE_FILE)).unwrap();
        own(folder.path());
        assert_eq!(fs::read(folder.path().join(KEY_FILE)).unwrap(), key, "it may be pinned");
    }

    #[test]
    fn unreadable_files_are_reported_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join(CERTIFICATE_FILE), folder.path().join(KEY_FILE));
        let refused = || {
            let own = config::Tls::default();
            Certificate::load(&own, Some(folder.path())).unwrap_err().to_string()
        };
        std::os::unix::fs::symlink("nowhere", &file).unwrap();
        assert!(refused().contains(CERTIFICATE_FILE));
        assert!(!key.exists() && file.is_symlink());
        fs::remove_file(&file).unwrap();
        fs::write(&key, "no key").unwrap();
        assert!(refused().contains(KEY_FILE));
        assert_eq!(fs::read(&key).unwrap(), b"no key");
    }

    #[test]
    fn a_link_in_place_of_the_new_key_is_not_followed() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let elsewhere = other.path().join("file");
        fs::write(&elsewhere, "precious").unwrap();
        for name in ["tls-key.partial", "tls-certificate.partial"] {
            std::os::unix::fs::symlink(&elsewhere, folder.path().join(name)).unwrap();
        }
        own(folder.path());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
        let key = folder.path().join(KEY_FILE).symlink_metadata().unwrap();
        assert!(key.is_file(), "the key is no link");
    }

    #[test]
    fn files_may_begin_with_a_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        let first = own(folder.path()).fingerprint;
        let (file, key) = (folder.path().join(CERTIFICATE_FILE), folder.path().join(KEY_FILE));
        for file in [&file, &key] {
            let marked = [UTF8_MARK, &fs::read(file).unwrap()].concat();
            fs::write(file, marked).unwrap();
        }
        assert_eq!(own(folder.path()).fingerprint, first);
        // Also where the certificate is to be made anew from the key.
        fs::remove_file(&file).unwrap();
        own(folder.path());
    }

    #[test]
    fn a_certificate_with_the_wrong_key_is_refused_by_name() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        own(folder.path());
        own(other.path());
        let config = config::Tls {
            certificate: Some(folder.path().join(CERTIFICATE_FILE)),
            key: Some(other.path().join(KEY_FILE)),
            vouched: false,
        };
        let error = Certificate::load(&config, None).unwrap_err().to_string();
        assert!(error.contains(CERTIFICATE_FILE), "{error}");
    }
}
