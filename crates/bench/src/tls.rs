//! TLS without a socket: bytes in, bytes out, and nothing kept between them but an unfinished record.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

use crate::failure::Result;

/// Plain bytes of a record at most.
pub const RECORD_BYTES: usize = 16 * 1024;
/// What a record is larger than its plain bytes, at most, whatever the cipher.
const RECORD_OVERHEAD: usize = 64;

/// rustls' two kinds of connection, which have their one method each for itself.
pub trait Machine {
    /// What tells the kinds apart.
    type Side;

    /// Goes on until there is something to do.
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Side>;
}

impl Machine for UnbufferedClientConnection {
    type Side = rustls::client::ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Side> {
        self.process_tls_records(incoming)
    }
}

impl Machine for UnbufferedServerConnection {
    type Side = rustls::server::ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Side> {
        self.process_tls_records(incoming)
    }
}

/// One end of a connection.
pub struct End<M> {
    machine: M,
    /// The beginning of a record, or of a handshake message, whose rest has not come.
    held: Vec<u8>,
    established: bool,
}

/// The end that the clients of a scenario have.
pub type ClientEnd = End<UnbufferedClientConnection>;

/// The end that a server has: for tests, and for what TLS costs by itself.
pub type ServerEnd = End<UnbufferedServerConnection>;

impl ClientEnd {
    /// A client, whose first words are appended to `wire`.
    ///
    /// # Errors
    /// What rustls says.
    pub fn connect(config: &Arc<ClientConfig>, wire: &mut Vec<u8>) -> Result<Self> {
        let name = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        let machine = UnbufferedClientConnection::new(Arc::clone(config), name)?;
        let mut end = End { machine, held: Vec::new(), established: false };
        end.receive(&mut [], &mut Vec::new(), wire)?;
        Ok(end)
    }

    /// What was agreed on; `None` as long as it is not.
    #[must_use]
    pub fn cipher(&self) -> Option<rustls::SupportedCipherSuite> {
        self.machine.negotiated_cipher_suite()
    }

    /// Whether the handshake went on from an earlier one.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.machine.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }
}

impl ServerEnd {
    /// A server, which waits for the client's first words.
    ///
    /// # Errors
    /// What rustls says.
    pub fn accept(config: &Arc<ServerConfig>) -> Result<Self> {
        let machine = UnbufferedServerConnection::new(Arc::clone(config))?;
        Ok(End { machine, held: Vec::new(), established: false })
    }
}

impl<M: Machine> End<M> {
    /// Whether the handshake is done, and plain bytes may be sent.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// What must stand before the next bytes from the wire.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes bytes from the wire, [`End::held`] before them; appends what they say to `plain`, and what there is to
    /// answer to `wire`.
    ///
    /// # Errors
    /// What rustls says.
    pub fn receive(
        &mut self,
        incoming: &mut [u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<()> {
        let mut at = 0;
        loop {
            let status = self.machine.process(&mut incoming[at..]);
            at += status.discard;
            match status.state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        plain.extend_from_slice(record.payload);
                        at += record.discard;
                    }
                    continue;
                }
                ConnectionState::EncodeTlsData(data) => {
                    encode(data, wire)?;
                    continue;
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    continue;
                }
                ConnectionState::WriteTraffic(_) => self.established = true,
                _ => {}
            }
            self.held.clear();
            self.held.extend_from_slice(&incoming[at..]);
            return Ok(());
        }
    }

    /// Appends plain bytes to `wire`, encrypted.
    ///
    /// # Errors
    /// What rustls says, for example that the handshake is not done.
    pub fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<()> {
        let records = plain.len().div_ceil(RECORD_BYTES);
        self.write(wire, plain.len() + records * RECORD_OVERHEAD, |state, room| {
            encrypted(state.encrypt(plain, room))
        })
    }

    /// Appends the goodbye to `wire`.
    ///
    /// # Errors
    /// What rustls says, for example that the handshake is not done.
    pub fn close(&mut self, wire: &mut Vec<u8>) -> Result<()> {
        self.write(wire, 2 + RECORD_OVERHEAD, |state, room| {
            encrypted(state.queue_close_notify(room))
        })
    }

    fn write(
        &mut self,
        wire: &mut Vec<u8>,
        room: usize,
        mut fill: impl FnMut(&mut WriteTraffic<'_, M::Side>, &mut [u8]) -> Filled,
    ) -> Result<()> {
        loop {
            // With what is held: rustls counts on it.
            match self.machine.process(&mut self.held).state? {
                ConnectionState::EncodeTlsData(data) => encode(data, wire)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(mut state) => {
                    return append(wire, room, |room| fill(&mut state, room));
                }
                _ => return Err(Error::HandshakeNotComplete.into()),
            }
        }
    }
}

fn encode<S>(mut data: EncodeTlsData<'_, S>, wire: &mut Vec<u8>) -> Result<()> {
    append(wire, 1024, |room| match data.encode(room) {
        Err(EncodeError::InsufficientSize(size)) => Err(Some(size.required_size)),
        encoded => encoded.map_err(|_| None),
    })
}

/// How many bytes were written; or how many are needed, if it is a matter of room.
type Filled = std::result::Result<usize, Option<usize>>;

fn encrypted(result: std::result::Result<usize, EncryptError>) -> Filled {
    match result {
        Err(EncryptError::InsufficientSize(size)) => Err(Some(size.required_size)),
        result => result.map_err(|_| None),
    }
}

/// Lets `fill` write behind `wire`: into `room` bytes, or as many as it then says it needs.
fn append(
    wire: &mut Vec<u8>,
    mut room: usize,
    mut fill: impl FnMut(&mut [u8]) -> Filled,
) -> Result<()> {
    let start = wire.len();
    loop {
        wire.resize(start + room, 0);
        let filled = fill(&mut wire[start..]);
        wire.truncate(start + *filled.as_ref().unwrap_or(&0));
        match filled {
            Ok(_) => return Ok(()),
            Err(Some(required)) => room = required,
            Err(None) => return Err(Error::EncryptError.into()),
        }
    }
}

/// A client's settings: any certificate will do, as this program measures and trusts nobody.
///
/// # Errors
/// What rustls says.
pub fn client_config(
    versions: &[&'static SupportedProtocolVersion],
    alpn: &str,
    resumption: Resumption,
) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.into()];
    config.resumption = resumption;
    Ok(Arc::new(config))
}

/// Believes everybody, and does not even check the signature: that would be the clients' time.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
