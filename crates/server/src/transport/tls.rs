//! TLS for one connection, by rustls without its buffers: an idle connection owns none.

use proto::Fingerprint;
use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, WriteTraffic,
};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The overhead of a record in bytes: header, tag, and what TLS 1.2 adds.
const RECORD_OVERHEAD_BYTES: usize = 64;
/// The largest payload of a record, in bytes.
const RECORD_BYTES: usize = 16 * 1024;

/// Sent to a TLS client that is refused: the alert `access_denied`. Saying more would take a
/// handshake, whose cost the refusal is meant to save.
pub const REFUSAL: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

type Traffic<'a> = WriteTraffic<'a, ServerConnectionData>;

/// The server's end of a TLS connection.
pub struct Tls {
    connection: UnbufferedServerConnection,
    /// Input that is incomplete: part of a record, or of a message in several records. rustls
    /// remembers offsets in it, so it must be passed in again on every call.
    unread: Vec<u8>,
    /// It has failed; rustls must not be called again.
    failed: bool,
}

/// Whether the system clock shows a time that TLS can represent: before 1970, rustls would panic
/// when it creates a ticket.
pub(super) fn has_clock() -> bool {
    SystemTime::now() >= UNIX_EPOCH
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// For a connection whose first byte is that of a TLS handshake.
    ///
    /// # Errors
    /// When rustls rejects the config.
    pub fn new(config: Arc<ServerConfig>) -> Result<Tls, rustls::Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Tls { connection, unread: Vec::new(), failed: false })
    }

    /// Whether the handshake is still under way.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// The fingerprint of the client's certificate, if it presented one.
    pub fn certificate(&self) -> Option<Fingerprint> {
        self.connection.peer_certificates()?.first().map(|shown| Fingerprint::of(shown))
    }

    /// The protocol negotiated by ALPN.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// Input that is incomplete.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Processes records, starting with [`Tls::unread`]: appends their payload to `plain`, and the
    /// server's handshake messages and alerts to `answers`. Works on `incoming` in place. True once
    /// the client has said that it will send nothing more.
    ///
    /// # Errors
    /// When TLS has failed; an alert may be among the answers.
    pub fn receive(
        &mut self,
        incoming: &mut [u8],
        plain: &mut Vec<u8>,
        answers: &mut Vec<u8>,
    ) -> Result<bool, rustls::Error> {
        if self.is_handshaking() && !has_clock() {
            self.failed = true;
            return Err(rustls::Error::FailedToGetCurrentTime);
        }
        let mut outcome = Ok(false);
        let mut used = 0;
        while !self.failed {
            let status = self.connection.process_tls_records(&mut incoming[used..]);
            match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        plain.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, answers),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => outcome = Ok(true),
                // Early data is disabled.
                Ok(_) => {
                    used += status.discard;
                    break;
                }
                Err(error) => {
                    outcome = Err(error);
                    used += status.discard;
                    self.failed = true;
                    // The alert for the client, after the messages it needs to decrypt it; and no
                    // further call, which would process the same bytes again.
                    while self.connection.wants_write()
                        && let Ok(ConnectionState::EncodeTlsData(data)) =
                            self.connection.process_tls_records(&mut incoming[used..]).state
                    {
                        encode(data, answers);
                    }
                    break;
                }
            }
            used += status.discard;
        }
        self.unread = incoming[used..].to_vec();
        outcome
    }

    /// Appends records with `plain` as payload to `out`. False if the handshake is incomplete, so
    /// nothing can be sent yet. After an error nothing is sent: nobody could read it.
    ///
    /// # Errors
    /// When the keys are used up, which only happens with TLS 1.2: the connection is over.
    pub fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<bool, EncryptError> {
        let room = plain.len() + plain.len().div_ceil(RECORD_BYTES) * RECORD_OVERHEAD_BYTES;
        self.with_traffic(out, |traffic, out| append(out, room, |out| traffic.encrypt(plain, out)))
    }

    /// Appends `close_notify`. False if the handshake is incomplete.
    ///
    /// # Errors
    /// Like [`Tls::send`].
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<bool, EncryptError> {
        self.with_traffic(out, |traffic, out| {
            append(out, RECORD_OVERHEAD_BYTES, |out| traffic.queue_close_notify(out))
        })
    }

    fn with_traffic(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Traffic<'_>, &mut Vec<u8>) -> Result<(), EncryptError>,
    ) -> Result<bool, EncryptError> {
        while !self.failed {
            // All input was processed when it arrived.
            match self.connection.process_tls_records(&mut self.unread).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    write(&mut traffic, out)?;
                    return Ok(true);
                }
                // rustls has a message of its own to send first, such as a key update.
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => break,
            }
        }
        Ok(self.failed)
    }
}

fn encode(mut data: EncodeTlsData<'_, ServerConnectionData>, out: &mut Vec<u8>) {
    let start = out.len();
    let room = match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
            required_size
        }
        _ => return, // Nothing to encode.
    };
    out.resize(start + room, 0);
    data.encode(&mut out[start..]).expect("there is room");
}

/// Lets `write` append to `out`, which needs about `room` bytes.
fn append(
    out: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), EncryptError> {
    let start = out.len();
    out.resize(start + room, 0);
    loop {
        match write(&mut out[start..]) {
            Ok(bytes) => {
                out.truncate(start + bytes);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                out.resize(start + required_size, 0);
            }
            Err(error) => {
                out.truncate(start);
                return Err(error);
            }
        }
    }
}
