//! By which way a connection's lines come and go: as they are, or through TLS, HTTP and WebSocket.
//! The first bytes tell, on every port alike. A plain connection passes by all of this.
//!
//! In reading order, from the socket inwards. Nothing here owns a buffer at rest: what comes half is
//! kept until the rest is there, and what the socket does not take until it does.

pub mod sniff;
pub mod certificate;
pub mod tls;
pub mod proxy;
pub mod websocket;

use crate::limits::UNREAD_BYTES;
use crate::session::Fingerprint;
use rustls::ServerConfig;
use sniff::{Speech, sniff};
use std::sync::Arc;
use tls::Tls;

/// By which way a connection's lines come and go.
#[derive(Debug)]
pub enum Way {
    /// Too little has come to tell.
    Unknown,
    /// As they are.
    Lines,
    /// Through what stands between.
    Layers(Box<Layers>),
}

/// What stands between a socket and its lines.
#[derive(Debug)]
pub struct Layers {
    tls: Option<Tls>,
    web: Web,
    /// What the socket has not taken yet.
    pub unsent: Vec<u8>,
    /// The last word of each layer is among what was sent.
    finished: bool,
}

/// What is spoken within TLS, or without it.
#[derive(Debug)]
enum Web {
    /// Too little has come to tell: this.
    Unknown(Vec<u8>),
    /// Lines of IRC.
    Lines,
}

/// What came of a connection's bytes, apart from lines; in this order.
#[derive(Debug, Default)]
pub struct Received {
    /// It is encrypted from here on; the fingerprint of the certificate its client has shown.
    pub encrypted: Option<Option<Fingerprint>>,
    /// A step of a TLS handshake was made, which takes time.
    pub shook_hands: bool,
    /// Its peer will send nothing more.
    pub closed: bool,
    /// It has to end, and why.
    pub failure: Option<String>,
}

/// Buffers of a shard, for whichever connection is at hand.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What came, decrypted.
    plain: Vec<u8>,
    /// What came, as lines.
    pub lines: Vec<u8>,
    /// What goes to the socket.
    pub out: Vec<u8>,
}

impl Way {
    /// Whether the next bytes may be part of a TLS handshake, which takes time.
    pub fn may_shake_hands(&self) -> bool {
        match self {
            Way::Unknown => true,
            Way::Lines => false,
            Way::Layers(layers) => layers.tls.as_ref().is_some_and(Tls::is_handshaking),
        }
    }

    /// Whether its peer has begun something that it should end soon.
    pub fn is_half_open(&self, unread: &[u8]) -> bool {
        match self {
            Way::Unknown => !unread.is_empty(),
            Way::Lines => false,
            Way::Layers(layers) => {
                layers.tls.as_ref().is_some_and(Tls::is_handshaking) || layers.web.is_half()
            }
        }
    }

    /// What came before and was not whole.
    pub fn unread<'a>(&'a self, unknown: &'a [u8]) -> &'a [u8] {
        match self {
            Way::Unknown => unknown,
            Way::Lines => &[],
            Way::Layers(layers) => layers.tls.as_ref().map_or(&[], Tls::unread),
        }
    }

    /// Takes the bytes of a connection that has layers, or of which it is not known yet whether it
    /// has: those that were [`Way::unread`], and what came after them. Lines are appended to
    /// [`Scratch::lines`]; what is not whole is kept, in `unknown` as long as the way is.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        tls: &Arc<ServerConfig>,
        scratch: &mut Scratch,
        unknown: &mut Vec<u8>,
    ) -> Received {
        if let Way::Unknown = self {
            *unknown = Vec::new();
            match sniff(bytes) {
                None => *unknown = bytes.to_vec(),
                Some(Speech::Lines | Speech::Proxy | Speech::Http) => {
                    *self = Way::Lines;
                    scratch.lines.extend_from_slice(bytes);
                }
                Some(Speech::Tls) => match Tls::new(tls.clone()) {
                    Ok(tls) => *self = Way::Layers(Box::new(Layers::new(Some(tls)))),
                    Err(error) => {
                        let failure = Some(format!("TLS cannot begin: {error}"));
                        return Received { failure, ..Received::default() };
                    }
                },
            }
        }
        match self {
            Way::Layers(layers) => layers.receive(bytes, scratch),
            Way::Unknown | Way::Lines => Received::default(),
        }
    }
}

impl Layers {
    fn new(tls: Option<Tls>) -> Layers {
        let web = Web::Unknown(Vec::new());
        Layers { tls, web, unsent: Vec::new(), finished: false }
    }

    fn receive(&mut self, bytes: &mut [u8], scratch: &mut Scratch) -> Received {
        let mut received = Received::default();
        let Scratch { plain, lines, .. } = scratch;
        let Some(tls) = &mut self.tls else {
            self.web.receive(bytes, lines);
            return received;
        };
        let shakes = tls.is_handshaking();
        let taken = match self.web {
            Web::Lines => tls.receive(bytes, lines, &mut self.unsent),
            _ => tls.receive(bytes, plain, &mut self.unsent),
        };
        received.shook_hands = shakes;
        received.closed = taken.closed;
        if let Err(error) = taken.outcome {
            received.failure = Some(format!("TLS failed: {error}"));
        } else if tls.unread().len() > UNREAD_BYTES {
            received.failure =
                Some("TLS failed: a message of the handshake is too long".to_owned());
        }
        if shakes && !tls.is_handshaking() {
            received.encrypted = Some(tls.certificate());
            if tls.protocol() == Some(b"irc") {
                self.web = Web::Lines;
            }
        }
        self.web.receive(plain, lines);
        plain.clear();
        received
    }

    /// Appends to `out` what the socket is to be sent for these lines. False if it can be sent
    /// nothing yet.
    ///
    /// # Errors
    /// When the connection cannot be used any more.
    pub fn wrap(&mut self, lines: &[u8], out: &mut Vec<u8>) -> std::io::Result<bool> {
        match &mut self.tls {
            Some(tls) => tls.send(lines, out).map_err(std::io::Error::other),
            None => {
                out.extend_from_slice(lines);
                Ok(true)
            }
        }
    }

    /// Appends the last word of each layer to what is sent; true if that was not done before.
    ///
    /// # Errors
    /// When the connection cannot be used any more.
    pub fn finish(&mut self) -> std::io::Result<bool> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(false);
        }
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.unsent).map_err(std::io::Error::other)?;
        }
        Ok(true)
    }
}

impl Web {
    fn is_half(&self) -> bool {
        matches!(self, Web::Unknown(unread) if !unread.is_empty())
    }

    fn receive(&mut self, plain: &[u8], lines: &mut Vec<u8>) {
        if let Web::Unknown(unread) = self {
            unread.extend_from_slice(plain);
            if sniff(unread).is_some() {
                lines.append(unread);
                *self = Web::Lines;
            }
        } else {
            lines.extend_from_slice(plain);
        }
    }
}
