//! What lies between a client's socket and its lines: TLS, a WebSocket, or a WebSocket inside TLS.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::failure::Result;
use crate::tls::{self, ClientEnd};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// The layers of one client.
pub struct Layers {
    tls: Option<ClientEnd>,
    websocket: Option<WebSocket>,
    /// The WebSocket's request has gone out.
    asked: bool,
    /// What the socket is to take.
    pub wire: Vec<u8>,
}

/// Buffers that all clients share.
#[derive(Default)]
pub struct Scratch {
    /// What came out of, or goes into, TLS.
    clear: Vec<u8>,
    /// Lines that came out of all layers.
    pub lines: Vec<u8>,
}

/// The TLS settings shared by all clients of a transport. Every handshake is a full one.
///
/// # Errors
/// What rustls says.
pub fn client_config(transport: Transport) -> Result<Option<Arc<ClientConfig>>> {
    if !transport.is_encrypted() {
        return Ok(None);
    }
    let alpn = if transport.messages().is_some() { "http/1.1" } else { "irc" };
    tls::client_config(rustls::ALL_VERSIONS, alpn, Resumption::disabled()).map(Some)
}

impl Layers {
    /// The layers of a transport, with their first bytes in [`Layers::wire`]; `None` for plain.
    ///
    /// # Errors
    /// What rustls says.
    pub fn new(transport: Transport, config: Option<&Arc<ClientConfig>>) -> Result<Option<Self>> {
        if transport == Transport::Plain {
            return Ok(None);
        }
        let mut wire = Vec::new();
        let tls = config.map(|config| ClientEnd::connect(config, &mut wire)).transpose()?;
        let websocket = transport.messages().map(WebSocket::new);
        let mut layers = Self { tls, websocket, asked: false, wire };
        layers.ask()?;
        Ok(Some(layers))
    }

    /// The bytes to put before the next ones from the socket.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        match (&self.tls, &self.websocket) {
            (Some(tls), _) => tls.held(),
            (None, Some(websocket)) => websocket.held(),
            (None, None) => &[],
        }
    }

    /// Whether all handshakes are done, and lines may go out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tls.as_ref().is_none_or(ClientEnd::is_established)
            && self.websocket.as_ref().is_none_or(WebSocket::is_open)
    }

    /// The cipher, if there is one yet.
    #[must_use]
    pub fn cipher(&self) -> Option<rustls::SupportedCipherSuite> {
        self.tls.as_ref()?.cipher()
    }

    /// Takes bytes from the socket, [`Layers::held`] before them. Afterwards [`Scratch::lines`] has `partial` and
    /// behind it the lines that came.
    ///
    /// # Errors
    /// What TLS or the WebSocket say.
    pub fn receive(
        &mut self,
        incoming: &mut [u8],
        partial: &[u8],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { clear, lines } = scratch;
        lines.clear();
        lines.extend_from_slice(partial);
        let Some(websocket) = &mut self.websocket else {
            return match &mut self.tls {
                Some(tls) => tls.receive(incoming, lines, &mut self.wire),
                None => unreachable!("plain has no layers"),
            };
        };
        let mut answers = Vec::new();
        match &mut self.tls {
            Some(tls) => {
                clear.clear();
                clear.extend_from_slice(websocket.held());
                tls.receive(incoming, clear, &mut self.wire)?;
                websocket.receive(clear, lines, &mut answers)?;
            }
            None => websocket.receive(incoming, lines, &mut answers)?,
        }
        self.put(&answers)?;
        self.ask()
    }

    /// Moves whole lines into [`Layers::wire`], if they may go out.
    ///
    /// # Errors
    /// What TLS says.
    pub fn send(&mut self, lines: &mut Vec<u8>, scratch: &mut Scratch) -> Result<()> {
        if lines.is_empty() || !self.is_open() {
            return Ok(());
        }
        match &self.websocket {
            None => self.put(lines)?,
            Some(websocket) => {
                scratch.clear.clear();
                websocket.send(lines, &mut scratch.clear);
                self.put(&scratch.clear)?;
            }
        }
        lines.clear();
        Ok(())
    }

    /// Sends the WebSocket's request as soon as it can go out.
    fn ask(&mut self) -> Result<()> {
        let request = match &self.websocket {
            Some(websocket) if !self.asked => websocket.request(),
            _ => return Ok(()),
        };
        if self.tls.as_ref().is_none_or(ClientEnd::is_established) {
            self.asked = true;
            self.put(request.as_bytes())?;
        }
        Ok(())
    }

    /// Sends bytes through TLS, if there is TLS.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.tls {
            Some(_) if bytes.is_empty() => Ok(()),
            Some(tls) => tls.send(bytes, &mut self.wire),
            None => {
                self.wire.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bare::Pair;
    use crate::tls::ServerEnd;
    use crate::transport::Messages;
    use clap::ValueEnum;
    use rustls::version::TLS13;

    /// A server's end that sends its lines once it has received the one line of the client.
    struct Server {
        tls: Option<ServerEnd>,
        messages: Option<Messages>,
        received: Vec<u8>,
    }

    /// What the client says, as a line and as the RFC's masked frame; and what the server says.
    const CLIENT_LINE: &[u8] = b"Hello\r\n";
    const CLIENT_PAYLOAD: &[u8] = &[0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    const SERVER_LINES: &[u8] = b"one\r\ntwo\r\n";
    const SERVER_FRAMES: &[u8] = b"\x82\x03one\x89\x00\x01\x01t\x80\x02wo";

    impl Server {
        /// Takes what the client sends, and gives what goes back.
        fn answer(&mut self, bytes: &mut [u8]) -> Vec<u8> {
            let mut wire = Vec::new();
            match &mut self.tls {
                Some(tls) => tls.receive(bytes, &mut self.received, &mut wire).unwrap(),
                None => self.received.extend_from_slice(bytes),
            }
            let opcode = if self.messages == Some(Messages::Text) { 0x81 } else { 0x82 };
            let frame = [&[opcode, 0x85], CLIENT_PAYLOAD].concat();
            let reply = match self.messages {
                Some(messages) if self.received.ends_with(b"\r\n\r\n") => {
                    assert!(self.received.starts_with(b"GET / HTTP/1.1\r\n"));
                    let subprotocol = messages.subprotocol();
                    format!(
                        "HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                         Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
                    )
                    .into_bytes()
                }
                Some(_) if self.received == frame => SERVER_FRAMES.to_vec(),
                None if self.received == CLIENT_LINE => SERVER_LINES.to_vec(),
                _ => return wire,
            };
            self.received.clear();
            match &mut self.tls {
                Some(tls) => tls.send(&reply, &mut wire).unwrap(),
                None => wire.extend_from_slice(&reply),
            }
            wire
        }
    }

    /// What the client receives, and its final state, if the server's bytes arrive in pieces.
    fn talk(transport: Transport, piece_bytes: usize) -> (Vec<u8>, Layers) {
        let pair = Pair::new(&TLS13, Resumption::disabled()).unwrap();
        let tls =
            transport.is_encrypted().then(|| ServerEnd::accept(pair.server_config()).unwrap());
        let mut server = Server { tls, messages: transport.messages(), received: Vec::new() };
        let config = client_config(transport).unwrap();
        let mut client = Layers::new(transport, config.as_ref()).unwrap().unwrap();
        let (mut scratch, mut outgoing) = (Scratch::default(), CLIENT_LINE.to_vec());
        let mut received = Vec::new();
        while !received.ends_with(b"two\n") && !received.ends_with(b"two\r\n") {
            client.send(&mut outgoing, &mut scratch).unwrap();
            let answer = server.answer(&mut std::mem::take(&mut client.wire));
            assert!(!answer.is_empty(), "nobody has anything to say");
            for piece in answer.chunks(piece_bytes) {
                let mut incoming = [client.held(), piece].concat();
                client.receive(&mut incoming, &received, &mut scratch).unwrap();
                received.clone_from(&scratch.lines);
            }
        }
        (received, client)
    }

    #[test]
    fn every_transport_carries_lines_both_ways_however_they_are_split() {
        for transport in
            Transport::value_variants().iter().filter(|transport| **transport != Transport::Plain)
        {
            for piece_bytes in [1, 7, usize::MAX] {
                let (received, client) = talk(*transport, piece_bytes);
                let with_websocket = transport.messages().is_some();
                let lines = if with_websocket { &b"one\ntwo\n"[..] } else { SERVER_LINES };
                assert_eq!(received, lines, "{transport}, {piece_bytes} bytes a piece");
                // The answer to the ping among the frames.
                assert_eq!(!client.wire.is_empty(), with_websocket);
                assert_eq!(client.cipher().is_some(), transport.is_encrypted());
            }
        }
    }
}
