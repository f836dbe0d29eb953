//! Transports: what carries a connection's lines. Plain TCP, or layers of TLS, HTTP and WebSocket,
//! detected from the first bytes on every port. A plain connection bypasses all of this.
//!
//! In reading order, from the socket inwards. An idle connection owns no buffer here: only partial
//! input, and output that the socket has not accepted, is kept.

pub mod sniff;
pub mod proxy;
pub mod certificate;
pub mod expiry;
pub mod tls;
pub mod http;
pub mod websocket;
mod shared_lines;

pub use shared_lines::SharedLines;

use crate::browser::Browser;
use crate::config::Config;
use crate::limits::UNREAD_BYTES;
use crate::metrics::Kind;
use http::{Request, RequestContext, RequestTarget, Response, Status};
use proto::Fingerprint;
use proxy::Client;
use rustls::ServerConfig;
use sniff::{Protocol, sniff};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tls::Tls;
use websocket::{CloseCode, CloseReason, WebSocket};

/// What carries a connection's lines.
#[derive(Debug)]
pub enum Transport {
    /// Not enough bytes have arrived to detect it.
    Undetected {
        /// A PROXY header has arrived; what follows comes from the proxy's client.
        proxied: bool,
    },
    /// Plain TCP.
    Plain,
    /// TLS, HTTP or WebSocket.
    Layered(Box<Layers>),
}

/// The layers between a socket and its lines.
#[derive(Debug)]
pub struct Layers {
    /// Boxed, because it is large and a WebSocket behind a proxy has none.
    tls: Option<Box<Tls>>,
    inner: Inner,
    /// Bytes that the socket has not accepted yet.
    pub unsent: Vec<u8>,
    /// Each layer's closing message has been sent.
    finished: bool,
}

/// The protocol inside TLS, or on a connection without it.
#[derive(Debug)]
enum Inner {
    /// Not enough bytes have arrived to detect it: these.
    Unknown(Vec<u8>),
    /// Lines of IRC.
    Lines,
    /// Requests of HTTP.
    Http(http::Incoming),
    /// Lines of IRC, one per WebSocket message.
    WebSocket(WebSocket),
}

/// What connections are set up with.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The config file.
    pub config: &'a Config,
    /// The TLS settings.
    pub tls: &'a Arc<ServerConfig>,
    /// The address of the socket's peer.
    pub peer: IpAddr,
}

/// What was received besides lines, in this order.
#[derive(Debug, Default)]
pub struct Received {
    /// The client's address and whether it is encrypted up to the proxy, from a PROXY header.
    pub proxied: Option<(IpAddr, bool)>,
    /// The TLS handshake is complete; with the fingerprint of the client's certificate, if any.
    pub encrypted: Option<Option<Fingerprint>>,
    /// The bytes were part of a TLS handshake, which takes time.
    pub handshaking: bool,
    /// Like [`Received::proxied`], but from the headers of an HTTP request, so inside TLS.
    pub forwarded: Option<(IpAddr, bool)>,
    /// A WebSocket was opened; with the browser that a web page has opened it from.
    pub websocket: Option<Option<Browser>>,
    /// An HTTP request to respond to.
    pub request: Option<Request>,
    /// The peer will send nothing more.
    pub closed: bool,
    /// Why the connection must be closed.
    pub failure: Option<String>,
}

/// Buffers of a shard, shared by its connections.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Decrypted input.
    plain: Vec<u8>,
    /// Input as lines.
    pub lines: Vec<u8>,
    /// Lines as WebSocket frames.
    frames: Vec<u8>,
    /// Bytes for the socket.
    pub out: Vec<u8>,
}

impl Setup<'_> {
    fn is_from_proxy(&self) -> bool {
        self.config.server.proxies.contain(self.peer)
    }
}

impl Transport {
    /// Its label in the metrics.
    pub fn kind(&self) -> Kind {
        match self {
            Transport::Undetected { .. } => Kind::Unknown,
            Transport::Plain => Kind::Plain,
            Transport::Layered(layers) => match (&layers.inner, &layers.tls) {
                (Inner::Http(_), _) => Kind::Http,
                (Inner::WebSocket(_), None) => Kind::WebSocket,
                (Inner::WebSocket(_), Some(_)) => Kind::WebSocketTls,
                (Inner::Unknown(_) | Inner::Lines, Some(_)) => Kind::Tls,
                (Inner::Unknown(_) | Inner::Lines, None) => Kind::Plain,
            },
        }
    }

    /// Whether the next bytes may be part of a TLS handshake, which takes time.
    pub fn may_be_handshaking(&self) -> bool {
        match self {
            Transport::Undetected { .. } => true,
            Transport::Plain => false,
            Transport::Layered(layers) => layers.is_handshaking(),
        }
    }

    /// Whether a handshake or a request is incomplete.
    pub fn is_incomplete(&self, unknown: &[u8]) -> bool {
        match self {
            Transport::Undetected { .. } => !unknown.is_empty(),
            Transport::Plain => false,
            Transport::Layered(layers) => layers.is_handshaking() || layers.inner.is_incomplete(),
        }
    }

    /// Earlier input that is incomplete.
    pub fn unread<'a>(&'a self, unknown: &'a [u8]) -> &'a [u8] {
        match self {
            Transport::Undetected { .. } => unknown,
            Transport::Plain => &[],
            Transport::Layered(layers) => layers.tls.as_ref().map_or(&[], |tls| tls.unread()),
        }
    }

    /// The requests, if it is HTTP.
    pub fn requests(&self) -> Option<&http::Incoming> {
        match self {
            Transport::Layered(layers) => match &layers.inner {
                Inner::Http(incoming) => Some(incoming),
                Inner::Unknown(_) | Inner::Lines | Inner::WebSocket(_) => None,
            },
            Transport::Undetected { .. } | Transport::Plain => None,
        }
    }

    /// Whether its bytes are encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Transport::Layered(layers) if layers.tls.is_some())
    }

    /// Processes input of a connection that has layers, or may turn out to have some: what was
    /// [`Transport::unread`], followed by new bytes. Lines are appended to [`Scratch::lines`];
    /// incomplete input is kept, in `unknown` until the transport is detected.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        setup: &Setup<'_>,
        scratch: &mut Scratch,
        unknown: &mut Vec<u8>,
    ) -> Received {
        let mut received = Received::default();
        let mut used = 0;
        if let Transport::Undetected { .. } = self {
            *unknown = Vec::new();
            match self.detect(bytes, setup, &mut received) {
                Ok(header) => used = header,
                Err(reason) => {
                    received.failure = Some(reason);
                    return received;
                }
            }
        }
        let bytes = &mut bytes[used..];
        match self {
            Transport::Undetected { .. } => *unknown = bytes.to_vec(),
            Transport::Plain => scratch.lines.extend_from_slice(bytes),
            Transport::Layered(layers) => layers.receive(bytes, setup, scratch, &mut received),
        }
        received
    }

    /// Detects the transport from the first bytes. Returns how many of them are a PROXY header.
    fn detect(
        &mut self,
        bytes: &[u8],
        setup: &Setup<'_>,
        received: &mut Received,
    ) -> Result<usize, String> {
        let mut used = 0;
        let Transport::Undetected { proxied } = self else { return Ok(0) };
        if sniff(bytes) == Some(Protocol::Proxy) && !*proxied {
            if !setup.is_from_proxy() {
                return Err("The PROXY protocol is accepted only from the addresses in [server] \
                            proxies of the config file"
                    .to_owned());
            }
            match proxy::read(bytes) {
                proxy::Read::Absent | proxy::Read::Partial => return Ok(0),
                proxy::Read::Bad => return Err("Invalid PROXY protocol header".into()),
                proxy::Read::Whole { used: header, client } => {
                    used = header;
                    *proxied = true;
                    received.proxied = match client {
                        Client::Known { address, encrypted } => Some((address, encrypted)),
                        // Somebody remote, even if the proxy is on this machine.
                        Client::Unknown => Some((setup.peer, false)),
                        Client::TheProxy => None,
                    };
                }
            }
        }
        // Only a proxy's header can begin with an empty line.
        let empty_line = bytes.starts_with(b"\r") && !setup.is_from_proxy();
        match sniff(&bytes[used..]) {
            None if empty_line => *self = Transport::Plain,
            None => {}
            Some(Protocol::Lines | Protocol::Proxy) => *self = Transport::Plain,
            Some(Protocol::Http) => *self = Transport::http(),
            Some(Protocol::Tls) => {
                let tls = Tls::new(setup.tls.clone());
                let tls = tls.map_err(|error| format!("TLS cannot begin: {error}"))?;
                *self = Transport::layers(Some(tls), Inner::Unknown(Vec::new()));
            }
        }
        Ok(used)
    }

    /// HTTP, waiting for a request.
    pub fn http() -> Transport {
        Transport::layers(None, Inner::Http(http::Incoming::default()))
    }

    /// Processes what came after the last request; see [`http::Incoming::has_more`].
    pub fn resume(&mut self, setup: &Setup<'_>, scratch: &mut Scratch) -> Received {
        let mut received = Received::default();
        if let Transport::Layered(layers) = self {
            layers.receive_plain(&[], setup, &mut scratch.lines, &mut received);
        }
        received
    }

    fn layers(tls: Option<Tls>, inner: Inner) -> Transport {
        let tls = tls.map(Box::new);
        Transport::Layered(Box::new(Layers { tls, inner, unsent: Vec::new(), finished: false }))
    }
}

impl Layers {
    fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        setup: &Setup<'_>,
        scratch: &mut Scratch,
        received: &mut Received,
    ) {
        let Scratch { plain, lines, .. } = scratch;
        let Some(tls) = &mut self.tls else {
            return self.receive_plain(bytes, setup, lines, received);
        };
        let shakes = tls.is_handshaking();
        // Lines of IRC can go straight to the buffer for lines.
        let outcome = match self.inner {
            Inner::Lines => tls.receive(bytes, lines, &mut self.unsent),
            _ => tls.receive(bytes, plain, &mut self.unsent),
        };
        received.handshaking = shakes;
        match outcome {
            Err(error) => received.failure = Some(format!("TLS failed: {error}")),
            Ok(_) if tls.unread().len() > UNREAD_BYTES => {
                let reason = "TLS failed: a handshake message is too long";
                received.failure = Some(reason.into());
            }
            Ok(closed) => received.closed = closed,
        }
        if shakes && !tls.is_handshaking() {
            received.encrypted = Some(tls.certificate());
            if tls.protocol() == Some(b"irc") {
                self.inner = Inner::Lines;
            }
        }
        if !plain.is_empty() {
            let plain = std::mem::take(&mut scratch.plain);
            self.receive_plain(&plain, setup, &mut scratch.lines, received);
            scratch.plain = plain;
            scratch.plain.clear();
        }
    }

    /// Processes decrypted or unencrypted input.
    fn receive_plain(
        &mut self,
        bytes: &[u8],
        setup: &Setup<'_>,
        lines: &mut Vec<u8>,
        received: &mut Received,
    ) {
        match &mut self.inner {
            Inner::Unknown(before) => {
                before.extend_from_slice(bytes);
                let Some(protocol) = sniff(before) else { return };
                let before = std::mem::take(before);
                self.inner = match protocol {
                    Protocol::Http => Inner::Http(http::Incoming::default()),
                    Protocol::Lines | Protocol::Tls | Protocol::Proxy => Inner::Lines,
                };
                self.receive_plain(&before, setup, lines, received);
            }
            Inner::Lines => lines.extend_from_slice(bytes),
            Inner::Http(incoming) => {
                let config = setup.config;
                let peer = received.proxied.map_or(setup.peer, |(address, _)| address);
                let (proxies, origins) = (&config.server.proxies, &config.http.origins);
                let encrypted = self.tls.is_some();
                let context = RequestContext { peer, proxies, encrypted, origins };
                let Some(request) = incoming.receive(bytes, &context) else { return };
                if let RequestTarget::WebSocket { binary, browser, response } = &request.target {
                    let rest = std::mem::take(incoming).into_rest();
                    received.websocket = Some(*browser);
                    self.open(*binary, &request, &context, received);
                    self.send(response, received);
                    return self.receive_plain(&rest, setup, lines, received);
                }
                received.request = Some(request);
            }
            Inner::WebSocket(socket) => {
                let mut answers = Vec::new();
                let outcome = socket.receive(bytes, lines, &mut answers);
                match outcome {
                    Ok(()) => {}
                    Err(CloseReason::Closed) => received.closed = true,
                    Err(CloseReason::Broken { reason, .. }) => {
                        received.failure = Some(format!("WebSocket: {reason}"));
                    }
                }
                self.send(&answers, received);
            }
        }
    }

    /// A request has opened a WebSocket.
    fn open(
        &mut self,
        binary: bool,
        request: &Request,
        context: &RequestContext<'_>,
        received: &mut Received,
    ) {
        self.inner = Inner::WebSocket(WebSocket::new(binary));
        let (peer, by_proxy) = (context.peer, context.proxies.contain(context.peer));
        received.forwarded = match &request.forwarded {
            Some(by) => Some((by.address.unwrap_or(peer), by.encrypted)),
            // A proxy that names no client: somebody remote.
            None if by_proxy => Some((peer, false)),
            None if request.relayed => Some((peer, self.tls.is_some())),
            None => None,
        };
    }

    /// Sends a response; `keep`: another request may follow.
    ///
    /// # Errors
    /// When the connection is unusable.
    pub fn answer(&mut self, response: &[u8], keep: bool) -> io::Result<()> {
        if let Inner::Http(incoming) = &mut self.inner {
            incoming.answered(keep);
        }
        seal(&mut self.tls, response, &mut self.unsent).map(drop)
    }

    /// Sends bytes that are not lines.
    fn send(&mut self, bytes: &[u8], received: &mut Received) {
        if !bytes.is_empty()
            && let Err(error) = seal(&mut self.tls, bytes, &mut self.unsent)
        {
            received.failure = Some(error.to_string());
        }
    }

    /// Appends lines to [`Scratch::out`], framed and encrypted. False if nothing can be sent yet.
    ///
    /// # Errors
    /// When the connection is unusable.
    pub fn wrap(&mut self, lines: &[u8], scratch: &mut Scratch) -> io::Result<bool> {
        match &self.inner {
            Inner::Unknown(_) | Inner::Lines => seal(&mut self.tls, lines, &mut scratch.out),
            Inner::WebSocket(socket) => {
                scratch.frames.clear();
                socket.wrap(lines, &mut scratch.frames);
                seal(&mut self.tls, &scratch.frames, &mut scratch.out)
            }
            // HTTP carries no lines; its response says why the connection ends.
            Inner::Http(_) => Ok(true),
        }
    }

    /// Like [`Layers::wrap`], for lines that are sent to many connections.
    ///
    /// # Errors
    /// When the connection is unusable.
    pub fn wrap_shared(
        &mut self,
        lines: &mut SharedLines,
        scratch: &mut Scratch,
    ) -> io::Result<bool> {
        match &self.inner {
            Inner::WebSocket(socket) if !socket.is_closing() => {
                seal(&mut self.tls, lines.framed(socket.is_binary()), &mut scratch.out)
            }
            _ => self.wrap(&lines.bytes, scratch),
        }
    }

    /// Sends each layer's closing message; false if that was done before.
    ///
    /// # Errors
    /// When the connection is unusable.
    pub fn finish(&mut self) -> io::Result<bool> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(false);
        }
        let mut last = Vec::new();
        match &mut self.inner {
            Inner::WebSocket(socket) => socket.close(CloseCode::Normal, "", &mut last),
            Inner::Http(incoming) if incoming.is_incomplete() || incoming.awaits_response() => {
                let text = "The server is at its connection limit, or the request took too long; \
                            try again later.\n";
                last = Response { last: true, ..Response::text(Status::Unavailable, text) }.write();
            }
            Inner::Unknown(_) | Inner::Lines | Inner::Http(_) => {}
        }
        seal(&mut self.tls, &last, &mut self.unsent)?;
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.unsent).map_err(io::Error::other)?;
        }
        Ok(true)
    }
}

/// Appends bytes to `out`, encrypted if there is TLS. False if nothing can be sent yet.
fn seal(tls: &mut Option<Box<Tls>>, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
    match tls {
        Some(tls) => tls.send(bytes, out).map_err(io::Error::other),
        None => {
            out.extend_from_slice(bytes);
            Ok(true)
        }
    }
}

impl Inner {
    /// Whether the input so far is incomplete.
    fn is_incomplete(&self) -> bool {
        match self {
            Inner::Unknown(before) => !before.is_empty(),
            Inner::Http(incoming) => incoming.is_incomplete() || incoming.is_idle(),
            Inner::Lines | Inner::WebSocket(_) => false,
        }
    }
}
