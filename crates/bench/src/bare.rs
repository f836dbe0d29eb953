//! What TLS costs by itself: both ends in memory, one thread, the server's part timed alone. No server that uses
//! rustls can be cheaper.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::failure::{Failure, Result};
use crate::tls::{self, ClientEnd, RECORD_BYTES, ServerEnd};

/// Handshakes that give a median.
const HANDSHAKES: usize = 500;
/// Lines that are encrypted between two looks at the clock, and how often.
const LINES: usize = 2_000;
const ROUNDS: usize = 101;

/// A server's and a client's settings.
pub struct Pair {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// A handshake that is done.
pub struct Handshake {
    /// The server's end.
    pub server: ServerEnd,
    /// The client's end.
    pub client: ClientEnd,
    /// How long the server took for its part.
    pub server_time: Duration,
}

impl Pair {
    /// A server with a certificate of its own making, as ours has one by default, and a client for it.
    ///
    /// # Errors
    /// [`Failure::Tls`] if rustls does not want it so, or the certificate cannot be made.
    pub fn new(version: &'static SupportedProtocolVersion, resumption: Resumption) -> Result<Self> {
        Self::with_ciphers(version, resumption, ring::default_provider().cipher_suites)
    }

    fn with_ciphers(
        version: &'static SupportedProtocolVersion,
        resumption: Resumption,
        cipher_suites: Vec<SupportedCipherSuite>,
    ) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = rustls::crypto::CryptoProvider { cipher_suites, ..ring::default_provider() };
        let server = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::from(key))?;
        let client = tls::client_config(&[version], "irc", resumption)?;
        Ok(Self { server: Arc::new(server), client })
    }

    /// The server's settings.
    #[must_use]
    pub fn server_config(&self) -> &Arc<ServerConfig> {
        &self.server
    }

    /// One handshake.
    ///
    /// # Errors
    /// What rustls says.
    pub fn handshake(&self) -> Result<Handshake> {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let mut client = ClientEnd::connect(&self.client, &mut to_server)?;
        let start = Instant::now();
        let mut server = ServerEnd::accept(&self.server)?;
        let mut server_time = start.elapsed();
        let mut nothing = Vec::new();
        while !to_server.is_empty() {
            let start = Instant::now();
            server.receive(&mut to_server, &mut nothing, &mut to_client)?;
            server_time += start.elapsed();
            to_server.clear();
            client.receive(&mut to_client, &mut nothing, &mut to_server)?;
            to_client.clear();
        }
        if !server.is_established() || !client.is_established() {
            return Err(Failure::Tls(rustls::Error::HandshakeNotComplete));
        }
        Ok(Handshake { server, client, server_time })
    }
}

/// What a server's part of a handshake takes, the median of many.
///
/// # Errors
/// What rustls says; [`Failure::Unexpected`] if handshakes that should are not resumed.
pub fn handshake_time(
    version: &'static SupportedProtocolVersion,
    resumed: bool,
) -> Result<Duration> {
    let resumption =
        if resumed { Resumption::in_memory_sessions(1) } else { Resumption::disabled() };
    let pair = Pair::new(version, resumption)?;
    pair.handshake()?;
    let mut times = Vec::with_capacity(HANDSHAKES);
    for _ in 0..HANDSHAKES {
        let shaken = pair.handshake()?;
        if shaken.client.is_resumed() != resumed {
            return Err(Failure::Unexpected("a handshake of another kind".to_owned()));
        }
        times.push(shaken.server_time);
    }
    Ok(median(&mut times))
}

/// What encrypting a line takes, `lines_per_record` of them at once: the median of many rounds.
///
/// # Errors
/// What rustls says.
pub fn encryption_time(
    cipher: SupportedCipherSuite,
    line_bytes: usize,
    lines_per_record: usize,
) -> Result<Duration> {
    let pair = Pair::with_ciphers(cipher.version(), Resumption::disabled(), vec![cipher])?;
    let mut server = pair.handshake()?.server;
    let plain = vec![b'x'; line_bytes * lines_per_record];
    let mut wire = Vec::new();
    let records = (LINES / lines_per_record).max(1);
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..records {
            wire.clear();
            server.send(black_box(&plain), &mut wire)?;
            black_box(&wire);
        }
        times.push(start.elapsed());
    }
    Ok(median(&mut times) / u32::try_from(records * lines_per_record).unwrap_or(u32::MAX))
}

/// Lines of this length that a record holds.
#[must_use]
pub fn lines_in_a_record(line_bytes: usize) -> usize {
    (RECORD_BYTES / line_bytes.max(1)).max(1)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::version::{TLS12, TLS13};

    /// Both directions, byte by byte, and more than a record at once.
    #[test]
    fn data_arrives_however_it_is_split() {
        for version in [&TLS12, &TLS13] {
            let pair = Pair::new(version, Resumption::disabled()).unwrap();
            let Handshake { mut server, mut client, .. } = pair.handshake().unwrap();
            let said = b"hello\r\n".repeat(3 * RECORD_BYTES / 7);
            let mut wire = Vec::new();
            server.send(&said, &mut wire).unwrap();
            server.send(b"bye\r\n", &mut wire).unwrap();
            let (mut received, mut answer) = (Vec::new(), Vec::new());
            for byte in &wire {
                let mut bytes = [client.held(), &[*byte]].concat();
                client.receive(&mut bytes, &mut received, &mut answer).unwrap();
            }
            assert_eq!(received, [&said[..], b"bye\r\n"].concat());
            assert!(answer.is_empty() && client.held().is_empty());

            client.send(&said, &mut answer).unwrap();
            client.close(&mut answer).unwrap();
            let mut received = Vec::new();
            server.receive(&mut answer, &mut received, &mut wire).unwrap();
            assert_eq!(received, said);
        }
    }

    #[test]
    fn handshakes_are_full_or_resumed_as_they_are_meant_to_be() {
        for version in [&TLS12, &TLS13] {
            for (resumption, resumed) in
                [(Resumption::disabled(), false), (Resumption::in_memory_sessions(1), true)]
            {
                let pair = Pair::new(version, resumption).unwrap();
                assert!(!pair.handshake().unwrap().client.is_resumed());
                let second = pair.handshake().unwrap();
                assert_eq!(second.client.is_resumed(), resumed);
                assert!(second.server_time > Duration::ZERO);
                assert_eq!(second.client.cipher().unwrap().version(), version);
            }
        }
    }

    /// Tickets come after the handshake, here in records of a few bytes.
    #[test]
    fn lines_may_go_out_while_half_a_ticket_is_there() {
        let mut pair = Pair::new(&TLS13, Resumption::in_memory_sessions(1)).unwrap();
        Arc::get_mut(&mut pair.server).unwrap().max_fragment_size = Some(64);
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let (mut received, mut nothing) = (Vec::new(), Vec::new());
        let mut client = ClientEnd::connect(&pair.client, &mut to_server).unwrap();
        let mut server = ServerEnd::accept(&pair.server).unwrap();
        let mut lines = 0;
        while !to_server.is_empty() {
            server
                .receive(&mut std::mem::take(&mut to_server), &mut received, &mut to_client)
                .unwrap();
            for byte in std::mem::take(&mut to_client) {
                let mut bytes = [client.held(), &[byte]].concat();
                client.receive(&mut bytes, &mut nothing, &mut to_server).unwrap();
                if client.is_established() && server.is_established() {
                    client.send(b"hello\r\n", &mut to_server).unwrap();
                    lines += 1;
                }
            }
        }
        assert!(lines > 64, "no ticket came");
        assert_eq!(received, b"hello\r\n".repeat(lines));
    }

    #[test]
    fn nothing_is_encrypted_before_the_handshake() {
        let pair = Pair::new(&TLS13, Resumption::disabled()).unwrap();
        let mut client = ClientEnd::connect(&pair.client, &mut Vec::new()).unwrap();
        let failure = client.send(b"too soon\r\n", &mut Vec::new()).unwrap_err();
        assert!(matches!(failure, Failure::Tls(rustls::Error::HandshakeNotComplete)), "{failure}");
    }
}
