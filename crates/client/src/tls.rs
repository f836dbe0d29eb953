//! Encryption: the TLS handshake, in which the server proves who it is, and then bytes to and from records.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use proto::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    OtherError, RootCertStore, SignatureScheme,
};

use crate::limits::{ANSWER_SHOWN, HANDSHAKE_TIMEOUT, READ_BYTES};
use crate::saved_login::SavedLogin;
use crate::show::harmless;
use crate::trust::{PresentedCertificate, Refusal, Trust, VerifyError};

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The server is not the right one.
    #[error(transparent)]
    Untrusted(#[from] Refusal),
    /// The peer does not speak TLS.
    #[error("{0}")]
    NoTls(String),
    /// It accepted the connection, and then said nothing.
    #[error("the server does not answer")]
    Silent,
    /// It closed the connection without a word.
    #[error("the server {0}")]
    Closed(&'static str),
    /// No agreement on the encryption.
    #[error(transparent)]
    Tls(rustls::Error),
    /// The server accepts no more connections.
    #[error("the server is not accepting more connections from here right now; try again later")]
    Full,
    /// A network error.
    #[error(transparent)]
    Broken(io::Error),
}

/// What each handshake with a server needs.
#[derive(Debug)]
pub struct Tls {
    /// What the server has to prove.
    pub trust: Arc<Trust>,
    name: Option<ServerName<'static>>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    timeout: Duration,
    saved_login: Option<Arc<SavedLogin>>,
}

impl Tls {
    /// For a server on `host`, which has to prove what `trust` says. Reads the system's CAs.
    /// Servers that request a certificate get that of the saved login.
    pub fn new(host: &str, trust: Trust, saved_login: Option<Arc<SavedLogin>>) -> Tls {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        // A damaged certificate could not vouch for a server.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build();
        Tls {
            trust: Arc::new(trust),
            name: ServerName::try_from(host.to_owned()).ok(),
            // No CAs, or none readable: then every server has to be known.
            authorities: authorities.ok(),
            provider,
            timeout: HANDSHAKE_TIMEOUT,
            saved_login,
        }
    }

    /// The same for another address, which has to prove what `trust` says, within `timeout`.
    pub fn to(&self, host: &str, trust: Trust, timeout: Duration) -> Tls {
        Tls {
            trust: Arc::new(trust),
            name: ServerName::try_from(host.to_owned()).ok(),
            authorities: self.authorities.clone(),
            provider: Arc::clone(&self.provider),
            timeout,
            saved_login: self.saved_login.clone(),
        }
    }

    /// Performs the handshake, and remembers the server if it is new; returns notices for the
    /// person.
    ///
    /// # Errors
    /// If the server cannot be trusted, does not speak TLS, or takes longer than [`HANDSHAKE_TIMEOUT`].
    pub fn handshake(
        &self,
        stream: &TcpStream,
    ) -> Result<(Encryption, Vec<String>), HandshakeError> {
        let verifier = Arc::new(CertificateVerifier {
            trust: Arc::clone(&self.trust),
            authorities: self.authorities.clone().filter(|_| self.name.is_some()),
            provider: Arc::clone(&self.provider),
            shown: OnceLock::new(),
        });
        let mut connection = self.connection(stream, Arc::clone(&verifier))?;
        let mut limited = Limited::new(stream, self.timeout);
        connection.complete_io(&mut limited).map_err(|error| why(error, &limited.first))?;
        let notices = match verifier.shown.get() {
            Some(shown) if !connection.is_handshaking() => self.trust.remember(shown)?,
            _ => return Err(HandshakeError::Tls(rustls::Error::HandshakeNotComplete)),
        };
        Ok((Encryption(Arc::new(Mutex::new(connection))), notices))
    }

    fn connection(
        &self,
        stream: &TcpStream,
        verifier: Arc<CertificateVerifier>,
    ) -> Result<ClientConnection, HandshakeError> {
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(HandshakeError::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.saved_login {
            Some(saved_login) => {
                let (certificates, key) = saved_login.for_handshake();
                config.with_client_auth_cert(certificates, key).map_err(HandshakeError::Tls)?
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"irc".to_vec()];
        // A resumed connection would present no certificate.
        config.resumption = Resumption::disabled();
        let name = match &self.name {
            Some(name) => name.clone(),
            // A name that no certificate can contain: nobody vouches for it.
            None => stream.peer_addr().map_err(HandshakeError::Broken)?.ip().into(),
        };
        ClientConnection::new(Arc::new(config), name).map_err(HandshakeError::Tls)
    }
}

/// Why the handshake failed, with a server whose first bytes were `first`.
fn why(error: io::Error, first: &[u8]) -> HandshakeError {
    // Every record of TLS begins with one of these bytes.
    let talks_otherwise = first.first().is_some_and(|byte| !(0x14..=0x17).contains(byte));
    let said = || HandshakeError::NoTls(format!("it said {:?}", beginning(first)));
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (
            Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))),
            _,
        ) => match inner.downcast_ref::<Refusal>() {
            Some(refusal) => HandshakeError::Untrusted(refusal.clone()),
            None => HandshakeError::Tls(rustls::Error::General(inner.to_string())),
        },
        (Some(rustls::Error::InvalidMessage(_)), _) => said(),
        (Some(rustls::Error::AlertReceived(AlertDescription::AccessDenied)), _) => {
            HandshakeError::Full
        }
        (Some(other), _) => HandshakeError::Tls(other.clone()),
        // Less than the head of a record, but enough to recognize.
        (None, _) if talks_otherwise => said(),
        (None, ErrorKind::UnexpectedEof) => HandshakeError::Closed("closed the connection"),
        (None, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            HandshakeError::Closed("broke the connection off")
        }
        (None, ErrorKind::TimedOut) => HandshakeError::Silent,
        (None, _) => HandshakeError::Broken(error),
    }
}

/// The beginning of the first line, as far as there is one: what speaks no TLS has mostly something to say.
fn beginning(first: &[u8]) -> String {
    let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    harmless(&String::from_utf8_lossy(line).chars().take(ANSWER_SHOWN).collect::<String>())
}

/// A connection with one deadline for all that is read and written.
pub(crate) struct Limited<'s> {
    stream: &'s TcpStream,
    until: Instant,
    /// What was read first.
    first: Vec<u8>,
}

impl<'s> Limited<'s> {
    /// One on which all has to be done within this time from now.
    pub(crate) fn new(stream: &'s TcpStream, time: Duration) -> Limited<'s> {
        Limited { stream, until: Instant::now() + time, first: Vec::new() }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

/// A timeout by its own name: rustls takes the other one, which sockets have for it, as a wish to be asked later.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        let count = self.stream.read(buffer).map_err(timed_out)?;
        if self.first.is_empty() {
            self.first.extend_from_slice(&buffer[..count]);
        }
        Ok(count)
    }
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes).map_err(timed_out)
    }

    /// All at once: of a refused server's alert nothing would be left for later.
    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write_vectored(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Verifies the certificate of a server.
#[derive(Debug)]
struct CertificateVerifier {
    trust: Arc<Trust>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    shown: OnceLock<PresentedCertificate>,
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let vouched = match &self.authorities {
            Some(authorities) => {
                let verified =
                    authorities.verify_server_cert(certificate, between, name, ocsp, now);
                verified.map(drop).map_err(|error| verify_error(&error))
            }
            None => Err(VerifyError::Unknown),
        };
        let shown = PresentedCertificate { fingerprint: Fingerprint::of(certificate), vouched };
        let refused = |refusal| OtherError(Arc::new(refusal));
        self.trust.check(&shown).map_err(|refusal| CertificateError::Other(refused(refusal)))?;
        // A handshake has one certificate.
        let _ = self.shown.set(shown);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why no CA vouches for the certificate, without names from the certificate.
fn verify_error(error: &rustls::Error) -> VerifyError {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, UnknownIssuer,
    };
    match error {
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => VerifyError::Expired,
        rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
            VerifyError::NotYetValid
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            VerifyError::OtherName
        }
        rustls::Error::InvalidCertificate(UnknownIssuer) => VerifyError::Unknown,
        _ => VerifyError::NotInOrder,
    }
}

/// The encryption of one connection, for the thread that reads and the one that writes: each does its own reading
/// and writing of the socket, and shares this only for as long as it computes.
#[derive(Clone, Debug)]
pub struct Encryption(Arc<Mutex<ClientConnection>>);

impl Encryption {
    /// The records that carry these bytes. Only one thread may encrypt, since records must be sent in their order.
    ///
    /// # Errors
    /// If the connection has come to its end.
    pub fn encrypt(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut connection = self.connection();
        let mut records = Vec::new();
        for piece in plain.chunks(READ_BYTES) {
            connection.writer().write_all(piece)?;
            take_records(&mut connection, &mut records)?;
        }
        Ok(records)
    }

    /// Appends what these received bytes carry; true once the server has said goodbye.
    ///
    /// # Errors
    /// If they are not what the server encrypted.
    pub fn decrypt(&self, mut received: &[u8], plain: &mut Vec<u8>) -> io::Result<bool> {
        let mut connection = self.connection();
        loop {
            if !received.is_empty() && connection.read_tls(&mut received)? == 0 {
                // After its goodbye nothing counts.
                return Ok(true);
            }
            let state = connection.process_new_packets().map_err(io::Error::other)?;
            let count = state.plaintext_bytes_to_read() as u64;
            connection.reader().take(count).read_to_end(plain)?;
            if received.is_empty() || state.peer_has_closed() {
                return Ok(state.peer_has_closed());
            }
        }
    }

    /// The last records: that there will be no more.
    pub fn goodbye(&self) -> Vec<u8> {
        let mut connection = self.connection();
        connection.send_close_notify();
        let mut records = Vec::new();
        // Writing to a vector succeeds.
        let _ = take_records(&mut connection, &mut records);
        records
    }

    fn connection(&self) -> MutexGuard<'_, ClientConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_records(connection: &mut ClientConnection, records: &mut Vec<u8>) -> io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(records)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
