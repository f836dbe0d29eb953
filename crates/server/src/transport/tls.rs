//! TLS for one connection, by rustls without its buffers: a connection at rest owns none.

use proto::Fingerprint;
use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, WriteTraffic,
};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that a record has beyond what it carries: header, tag, and what TLS 1.2 adds.
const RECORD_OVERHEAD_BYTES: usize = 64;
/// Bytes that a record carries at most.
const RECORD_BYTES: usize = 16 * 1024;

/// What one hears who begins with TLS and is refused: the alert `access_denied`. A handshake in which
/// to say more would cost the server what the refusal is to spare it.
pub const REFUSAL: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

type Traffic<'a> = WriteTraffic<'a, ServerConnectionData>;

/// The server's end of a connection with TLS.
pub struct Tls {
    connection: UnbufferedServerConnection,
    /// What came and is not done with: part of a record, or of a message of several. rustls has
    /// marks in it, so it is shown again at each call.
    unread: Vec<u8>,
    /// It ended in an error; rustls is not to be asked again.
    failed: bool,
}

/// Whether the system's clock says a time that TLS knows; before 1970 rustls would panic when it
/// makes a ticket.
pub(super) fn has_clock() -> bool {
    SystemTime::now() >= UNIX_EPOCH
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// For a connection whose first byte says that it is TLS.
    ///
    /// # Errors
    /// When rustls cannot work with the config.
    pub fn new(config: Arc<ServerConfig>) -> Result<Tls, rustls::Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Tls { connection, unread: Vec::new(), failed: false })
    }

    /// Whether the handshake is still under way.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// What the client has shown of itself.
    pub fn certificate(&self) -> Option<Fingerprint> {
        self.connection.peer_certificates()?.first().map(|shown| Fingerprint::of(shown))
    }

    /// The protocol that the two have agreed on, by ALPN.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// What came and is not done with.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Takes a client's records, from [`Tls::unread`] on: appends what they carry to `plain`, and
    /// what the server has to answer to `answers`. `incoming` is worked on in place. True once the
    /// client has said that nothing more comes.
    ///
    /// # Errors
    /// When they are no TLS that can go on; what is still to be said of that is among the answers.
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
                // Early data is not allowed, so none comes.
                Ok(_) => {
                    used += status.discard;
                    break;
                }
                Err(error) => {
                    outcome = Err(error);
                    used += status.discard;
                    self.failed = true;
                    // The alert that says so to the client, behind what it needs to read that;
                    // and no call more, which would look at the same bytes again.
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

    /// Appends records that carry `plain` to `out`. False if nothing can be sent yet, because the
    /// handshake is not done. After an error nothing is sent any more: nobody could read it.
    ///
    /// # Errors
    /// When the keys are used up, which happens with TLS 1.2 only: the connection is over.
    pub fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<bool, EncryptError> {
        let room = plain.len() + plain.len().div_ceil(RECORD_BYTES) * RECORD_OVERHEAD_BYTES;
        self.with_traffic(out, |traffic, out| append(out, room, |out| traffic.encrypt(plain, out)))
    }

    /// Appends that nothing more comes. False if the handshake is not done.
    ///
    /// # Errors
    /// As [`Tls::send`].
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
            // All that came was dealt with when it came: nothing is done with here.
            match self.connection.process_tls_records(&mut self.unread).state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    write(&mut traffic, out)?;
                    return Ok(true);
                }
                // It has something to say itself first, such as that it changes its keys.
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

/// Lets `write` write to the end of `out`, where it needs about `room` bytes.
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
