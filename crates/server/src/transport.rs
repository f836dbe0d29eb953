//! By which way a connection's lines come and go: as they are, or through TLS, HTTP and WebSocket.
//! The first bytes tell, on every port alike. A plain connection passes by all of this.
//!
//! In reading order, from the socket inwards. Nothing here owns a buffer at rest: what comes half is
//! kept until the rest is there, and what the socket does not take until it does.

pub mod sniff;
pub mod proxy;
pub mod certificate;
pub mod expiry;
pub mod tls;
pub mod http;
pub mod websocket;
mod shared_lines;

pub use shared_lines::SharedLines;

use crate::config::Config;
use crate::limits::UNREAD_BYTES;
use crate::metrics::Kind;
use http::{Answer, Request, Rules, Status, Wants};
use proto::Fingerprint;
use proxy::Client;
use rustls::ServerConfig;
use sniff::{Speech, sniff};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tls::Tls;
use websocket::{CloseCode, Ended, WebSocket};

/// By which way a connection's lines come and go.
#[derive(Debug)]
pub enum Way {
    /// Too little has come to tell.
    Unknown {
        /// A proxy has said for whom it is; what follows is its client's.
        proxied: bool,
    },
    /// As they are.
    Lines,
    /// Through what stands between.
    Layers(Box<Layers>),
}

/// What stands between a socket and its lines.
#[derive(Debug)]
pub struct Layers {
    /// Boxed, because it is large and a WebSocket behind a proxy has none.
    tls: Option<Box<Tls>>,
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
    /// HTTP, a request of which is coming.
    Http(http::Incoming),
    /// HTTP, a request of which is to be answered.
    Asked,
    /// HTTP, done with.
    Answered,
    /// Lines of IRC, each in a message of its own.
    WebSocket(WebSocket),
}

/// By what a connection is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// What the config file says.
    pub config: &'a Config,
    /// What clients with TLS are served with.
    pub tls: &'a Arc<ServerConfig>,
    /// From where the connection comes.
    pub peer: IpAddr,
}

/// What came of a connection's bytes, apart from lines; in this order.
#[derive(Debug, Default)]
pub struct Received {
    /// A proxy says for whom the connection is, and whether they are encrypted up to there: before
    /// all else, by the PROXY protocol.
    pub proxied: Option<(IpAddr, bool)>,
    /// It is encrypted from here on; the fingerprint of the certificate its client has shown.
    pub encrypted: Option<Option<Fingerprint>>,
    /// A step of a TLS handshake was made, which takes time.
    pub shook_hands: bool,
    /// As [`Received::proxied`], but by the headers of a request, and so within the encryption.
    pub forwarded: Option<(IpAddr, bool)>,
    /// It asks for something other than to chat, and is to be answered.
    pub request: Option<Request>,
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
    /// Lines as frames of WebSocket.
    frames: Vec<u8>,
    /// What goes to the socket.
    pub out: Vec<u8>,
}

impl Judge<'_> {
    fn is_of_proxy(&self) -> bool {
        self.config.server.proxies.contain(self.peer)
    }
}

impl Way {
    /// How metrics have it.
    pub fn kind(&self) -> Kind {
        match self {
            Way::Unknown { .. } => Kind::Unknown,
            Way::Lines => Kind::Plain,
            Way::Layers(layers) => match (&layers.web, &layers.tls) {
                (Web::Http(_) | Web::Asked | Web::Answered, _) => Kind::Http,
                (Web::WebSocket(_), None) => Kind::WebSocket,
                (Web::WebSocket(_), Some(_)) => Kind::WebSocketTls,
                (Web::Unknown(_) | Web::Lines, Some(_)) => Kind::Tls,
                (Web::Unknown(_) | Web::Lines, None) => Kind::Plain,
            },
        }
    }

    /// Whether the next bytes may be part of a TLS handshake, which takes time.
    pub fn may_shake_hands(&self) -> bool {
        match self {
            Way::Unknown { .. } => true,
            Way::Lines => false,
            Way::Layers(layers) => layers.is_handshaking(),
        }
    }

    /// Whether its peer has begun something that it should end soon.
    pub fn is_half_open(&self, unknown: &[u8]) -> bool {
        match self {
            Way::Unknown { .. } => !unknown.is_empty(),
            Way::Lines => false,
            Way::Layers(layers) => layers.is_handshaking() || layers.web.is_half(),
        }
    }

    /// What came before and was not whole.
    pub fn unread<'a>(&'a self, unknown: &'a [u8]) -> &'a [u8] {
        match self {
            Way::Unknown { .. } => unknown,
            Way::Lines => &[],
            Way::Layers(layers) => layers.tls.as_ref().map_or(&[], |tls| tls.unread()),
        }
    }

    /// Whether a request of its peer is to be answered.
    pub fn awaits_answer(&self) -> bool {
        matches!(self, Way::Layers(layers) if matches!(layers.web, Web::Asked))
    }

    /// Whether its bytes are encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Way::Layers(layers) if layers.tls.is_some())
    }

    /// Takes the bytes of a connection that has layers, or of which it is not known yet whether it
    /// has: those that were [`Way::unread`], and what came after them. Lines are appended to
    /// [`Scratch::lines`]; what is not whole is kept, in `unknown` as long as the way is.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        judge: &Judge<'_>,
        scratch: &mut Scratch,
        unknown: &mut Vec<u8>,
    ) -> Received {
        let mut received = Received::default();
        let mut used = 0;
        if let Way::Unknown { .. } = self {
            *unknown = Vec::new();
            match self.find_out(bytes, judge, &mut received) {
                Ok(header) => used = header,
                Err(reason) => {
                    received.failure = Some(reason);
                    return received;
                }
            }
        }
        let bytes = &mut bytes[used..];
        match self {
            Way::Unknown { .. } => *unknown = bytes.to_vec(),
            Way::Lines => scratch.lines.extend_from_slice(bytes),
            Way::Layers(layers) => layers.receive(bytes, judge, scratch, &mut received),
        }
        received
    }

    /// Looks which way it is, as far as the first bytes tell; how many of them are for nobody else.
    fn find_out(
        &mut self,
        bytes: &[u8],
        judge: &Judge<'_>,
        received: &mut Received,
    ) -> Result<usize, String> {
        let mut used = 0;
        let Way::Unknown { proxied } = self else { return Ok(0) };
        if sniff(bytes) == Some(Speech::Proxy) && !*proxied {
            if !judge.is_of_proxy() {
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
                        // Somebody's, and not this machine's own, even if the proxy is on it.
                        Client::Unknown => Some((judge.peer, false)),
                        Client::TheProxy => None,
                    };
                }
            }
        }
        // An empty line is no beginning of anything but from a proxy.
        let empty_line = bytes.starts_with(b"\r") && !judge.is_of_proxy();
        match sniff(&bytes[used..]) {
            None if empty_line => *self = Way::Lines,
            None => {}
            Some(Speech::Lines | Speech::Proxy) => *self = Way::Lines,
            Some(Speech::Http) => *self = Way::http(),
            Some(Speech::Tls) => {
                let tls = Tls::new(judge.tls.clone());
                let tls = tls.map_err(|error| format!("TLS cannot begin: {error}"))?;
                *self = Way::layers(Some(tls), Web::Unknown(Vec::new()));
            }
        }
        Ok(used)
    }

    /// HTTP, a request of which is coming.
    pub fn http() -> Way {
        Way::layers(None, Web::Http(http::Incoming::default()))
    }

    fn layers(tls: Option<Tls>, web: Web) -> Way {
        let tls = tls.map(Box::new);
        Way::Layers(Box::new(Layers { tls, web, unsent: Vec::new(), finished: false }))
    }
}

impl Layers {
    fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    fn receive(
        &mut self,
        bytes: &mut [u8],
        judge: &Judge<'_>,
        scratch: &mut Scratch,
        received: &mut Received,
    ) {
        let Scratch { plain, lines, .. } = scratch;
        let Some(tls) = &mut self.tls else {
            return self.receive_plain(bytes, judge, lines, received);
        };
        let shakes = tls.is_handshaking();
        // Once it is lines that come, they need no second look.
        let outcome = match self.web {
            Web::Lines => tls.receive(bytes, lines, &mut self.unsent),
            _ => tls.receive(bytes, plain, &mut self.unsent),
        };
        received.shook_hands = shakes;
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
                self.web = Web::Lines;
            }
        }
        if !plain.is_empty() {
            let plain = std::mem::take(&mut scratch.plain);
            self.receive_plain(&plain, judge, &mut scratch.lines, received);
            scratch.plain = plain;
            scratch.plain.clear();
        }
    }

    /// Takes what came within TLS, or without it.
    fn receive_plain(
        &mut self,
        bytes: &[u8],
        judge: &Judge<'_>,
        lines: &mut Vec<u8>,
        received: &mut Received,
    ) {
        match &mut self.web {
            Web::Unknown(before) => {
                before.extend_from_slice(bytes);
                let Some(speech) = sniff(before) else { return };
                let before = std::mem::take(before);
                self.web = match speech {
                    Speech::Http => Web::Http(http::Incoming::default()),
                    Speech::Lines | Speech::Tls | Speech::Proxy => Web::Lines,
                };
                self.receive_plain(&before, judge, lines, received);
            }
            Web::Lines => lines.extend_from_slice(bytes),
            Web::Http(incoming) => {
                let config = judge.config;
                let peer = received.proxied.map_or(judge.peer, |(address, _)| address);
                let (proxies, origins) = (&config.server.proxies, &config.http.origins);
                let rules = Rules { peer, proxies, origins };
                let Some((request, used)) = incoming.receive(bytes, &rules) else { return };
                self.asked(request, &rules, received);
                self.receive_plain(&bytes[used..], judge, lines, received);
            }
            Web::Asked | Web::Answered => {}
            Web::WebSocket(socket) => {
                let mut answers = Vec::new();
                let outcome = socket.receive(bytes, lines, &mut answers);
                match outcome {
                    Ok(()) => {}
                    Err(Ended::Closed) => received.closed = true,
                    Err(Ended::Broken { reason, .. }) => {
                        received.failure = Some(format!("WebSocket: {reason}"));
                    }
                }
                self.say(&answers, received);
            }
        }
    }

    /// The head of a request has come.
    fn asked(&mut self, request: Request, rules: &Rules<'_>, received: &mut Received) {
        if let Wants::WebSocket { binary, response } = &request.wants {
            self.web = Web::WebSocket(WebSocket::new(*binary));
            let (peer, by_proxy) = (rules.peer, rules.proxies.contain(rules.peer));
            received.forwarded = match &request.forwarded {
                Some(by) => Some((by.address.unwrap_or(peer), by.encrypted)),
                // A proxy that does not say for whom: for somebody, who is not this machine.
                None if by_proxy => Some((peer, false)),
                None if request.relayed => Some((peer, self.tls.is_some())),
                None => None,
            };
            self.say(response, received);
        } else {
            self.web = Web::Asked;
            received.request = Some(request);
        }
    }

    /// Answers the request; nothing comes after it.
    ///
    /// # Errors
    /// When the connection cannot be used any more.
    pub fn answer(&mut self, response: &[u8]) -> io::Result<()> {
        self.web = Web::Answered;
        seal(&mut self.tls, response, &mut self.unsent).map(drop)
    }

    /// Sends what is no line.
    fn say(&mut self, bytes: &[u8], received: &mut Received) {
        if !bytes.is_empty()
            && let Err(error) = seal(&mut self.tls, bytes, &mut self.unsent)
        {
            received.failure = Some(error.to_string());
        }
    }

    /// Appends to [`Scratch::out`] what the socket is to be sent for these lines. False if it can
    /// be sent nothing yet.
    ///
    /// # Errors
    /// When the connection cannot be used any more.
    pub fn wrap(&mut self, lines: &[u8], scratch: &mut Scratch) -> io::Result<bool> {
        match &self.web {
            Web::Unknown(_) | Web::Lines => seal(&mut self.tls, lines, &mut scratch.out),
            Web::WebSocket(socket) => {
                scratch.frames.clear();
                socket.wrap(lines, &mut scratch.frames);
                seal(&mut self.tls, &scratch.frames, &mut scratch.out)
            }
            // They speak another language; how it ends is said by its answer.
            Web::Http(_) | Web::Asked | Web::Answered => Ok(true),
        }
    }

    /// As [`Layers::wrap`], for lines that others are told, too.
    ///
    /// # Errors
    /// When the connection cannot be used any more.
    pub fn wrap_shared(
        &mut self,
        lines: &mut SharedLines,
        scratch: &mut Scratch,
    ) -> io::Result<bool> {
        match &self.web {
            Web::WebSocket(socket) if !socket.is_closing() => {
                seal(&mut self.tls, lines.framed(socket.is_binary()), &mut scratch.out)
            }
            _ => self.wrap(&lines.bytes, scratch),
        }
    }

    /// Appends the last word of each layer to what is sent; true if that was not done before.
    ///
    /// # Errors
    /// When the connection cannot be used any more.
    pub fn finish(&mut self) -> io::Result<bool> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(false);
        }
        let mut last = Vec::new();
        match &mut self.web {
            Web::WebSocket(socket) => socket.close(CloseCode::Normal, "", &mut last),
            Web::Http(_) | Web::Asked => {
                let text = "The server is at its connection limit, or the request took too long; \
                            try again later.\n";
                last = Answer::text(Status::Unavailable, text).write();
            }
            Web::Unknown(_) | Web::Lines | Web::Answered => {}
        }
        seal(&mut self.tls, &last, &mut self.unsent)?;
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.unsent).map_err(io::Error::other)?;
        }
        Ok(true)
    }
}

/// Appends bytes to `out`, encrypted if they are to be. False if nothing can be sent yet.
fn seal(tls: &mut Option<Box<Tls>>, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
    match tls {
        Some(tls) => tls.send(bytes, out).map_err(io::Error::other),
        None => {
            out.extend_from_slice(bytes);
            Ok(true)
        }
    }
}

impl Web {
    /// Whether something was begun that is not whole.
    fn is_half(&self) -> bool {
        match self {
            Web::Unknown(before) => !before.is_empty(),
            Web::Http(_) => true,
            Web::Lines | Web::Asked | Web::Answered | Web::WebSocket(_) => false,
        }
    }
}
