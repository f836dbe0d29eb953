//! A client's end of TLS, which takes any certificate and remembers which.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use rustls::{SupportedProtocolVersion, version};
use sha2::{Digest, Sha256};

/// A client with TLS 1.3 and 1.2 that shows no certificate of its own.
pub(crate) fn any() -> ClientConfig {
    of_version(&[&version::TLS13, &version::TLS12])
}

/// A client with these versions only.
pub(crate) fn of_version(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .expect("versions that rustls has")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth()
}

/// A client with these versions only, which shows a certificate that it has just made; and the
/// certificate's fingerprint, as IRC writes it.
pub(crate) fn with_certificate(
    versions: &[&'static SupportedProtocolVersion],
) -> (ClientConfig, String) {
    let made = rcgen::generate_simple_self_signed(vec!["ann".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let mut config = of_version(versions);
    let provider = config.crypto_provider();
    let shown = CertifiedKey::from_der(vec![made.cert.der().clone()], key, provider);
    let shown = shown.expect("a key of its certificate");
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    let digest = Sha256::digest(made.cert.der());
    (config, digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A client that shows somebody's certificate, of which it does not have the key.
pub(crate) fn with_stolen_certificate(
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let made = rcgen::generate_simple_self_signed(vec!["ann".to_owned()]).expect("a certificate");
    let key = rcgen::KeyPair::generate().expect("a key");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let mut config = of_version(versions);
    let key = config.crypto_provider().key_provider.load_private_key(key).expect("a key");
    let shown = CertifiedKey::new(vec![made.cert.der().clone()], key);
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    config
}

/// A connection that has not sent anything yet.
pub(crate) fn begin(config: ClientConfig) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a config that can be used")
}

/// The fingerprint of the certificate that the server has shown, as the server writes it.
pub(crate) fn fingerprint(connection: &ClientConnection) -> String {
    let certificates = connection.peer_certificates().expect("a certificate");
    let pairs: Vec<String> =
        Sha256::digest(&certificates[0]).iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
