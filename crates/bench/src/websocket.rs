//! A WebSocket client without a socket (RFC 6455): a line is a message.

use crate::failure::{Failure, Result};
use crate::transport::Messages;

/// The RFC's own example, always the same: what it protects from does not happen here.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer that belongs to it.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The same for the mask: unmasking costs the server what any other costs.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Lengths in the second byte that say that the length follows in two or eight bytes.
const IN_TWO_BYTES: u8 = 126;
const IN_EIGHT_BYTES: u8 = 127;

/// The client's end.
pub struct WebSocket {
    messages: Messages,
    /// The beginning of the response or of a frame whose rest has not come.
    held: Vec<u8>,
    /// The server agreed.
    open: bool,
}

impl WebSocket {
    /// A client that has to send [`WebSocket::request`] first.
    #[must_use]
    pub fn new(messages: Messages) -> Self {
        Self { messages, held: Vec::new(), open: false }
    }

    /// The request that begins it.
    #[must_use]
    pub fn request(&self) -> String {
        let subprotocol = self.messages.subprotocol();
        format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        )
    }

    /// Whether the server agreed, and lines may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// What must stand before the next bytes.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes bytes, [`WebSocket::held`] before them; appends the lines in them to `lines`, and what there is to answer to
    /// `answers`.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the server does not agree or closes, [`Failure::Unexpected`] if it breaks the RFC.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        lines: &mut Vec<u8>,
        answers: &mut Vec<u8>,
    ) -> Result<()> {
        if !self.open
            && let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n")
        {
            self.check_response(&String::from_utf8_lossy(&bytes[..end]))?;
            self.open = true;
            bytes = &bytes[end + 4..];
        }
        while self.open
            && let Some((frame, rest)) = Frame::parse(bytes)?
        {
            bytes = rest;
            match frame.opcode {
                PING => put_frame(PONG, frame.payload, answers),
                PONG => {}
                CLOSE => return Err(closed(frame.payload)),
                _ => {
                    lines.extend_from_slice(frame.payload);
                    lines.extend(frame.is_final.then_some(b'\n'));
                }
            }
        }
        self.held.clear();
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends whole lines to `frames`, a message each.
    pub fn send(&self, lines: &[u8], frames: &mut Vec<u8>) {
        let opcode = if self.messages == Messages::Text { TEXT } else { BINARY };
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            put_frame(opcode, line.strip_suffix(b"\r").unwrap_or(line), frames);
            start = end + 1;
        }
    }

    fn check_response(&self, response: &str) -> Result<()> {
        let mut lines = response.split("\r\n");
        let agreed = lines.next().is_some_and(|status| status.starts_with("HTTP/1.1 101"));
        let says = |name: &str, value: &str| {
            lines.clone().any(|line| {
                let header = line.split_once(':');
                header.is_some_and(|(n, v)| n.eq_ignore_ascii_case(name) && v.trim() == value)
            })
        };
        let subprotocol = self.messages.subprotocol();
        if !agreed {
            Err(Failure::Refused(response.to_owned()))
        } else if !says("Sec-WebSocket-Accept", ACCEPT)
            || !says("Sec-WebSocket-Protocol", subprotocol)
        {
            Err(Failure::Unexpected(response.to_owned()))
        } else {
            Ok(())
        }
    }
}

fn closed(payload: &[u8]) -> Failure {
    let (code, reason) = payload.split_at_checked(2).unwrap_or((&[0, 0], &[]));
    let code = u16::from_be_bytes([code[0], code[1]]);
    Failure::Refused(format!("closed with {code}: {}", String::from_utf8_lossy(reason)))
}

/// What a server sends.
struct Frame<'a> {
    opcode: u8,
    is_final: bool,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The first frame and what is behind it; `None` if it is not all there.
    fn parse(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if second & MASKED != 0 {
            return Err(Failure::Unexpected("a masked frame from a server".to_owned()));
        }
        let length = match second {
            IN_TWO_BYTES => rest
                .split_first_chunk()
                .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest)),
            IN_EIGHT_BYTES => {
                rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))
            }
            short => Some((u64::from(short), rest)),
        };
        let payload = length.and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(length).unwrap_or(usize::MAX))
        });
        let frame = |(payload, rest)| {
            (Frame { opcode: first & 0x0f, is_final: first & FINAL != 0, payload }, rest)
        };
        Ok(payload.map(frame))
    }
}

/// Appends a masked frame.
fn put_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    match payload.len() {
        short @ 0..126 => out.push(MASKED | short as u8),
        middle @ 126..0x1_0000 => {
            out.push(MASKED | IN_TWO_BYTES);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | IN_EIGHT_BYTES);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC's, with the subprotocol of the binary messages.
    const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: binary.ircv3.net\r\n\r\n";
    /// Section 5.7: a masked text message "Hello", and the same in one unmasked frame and in two.
    const MASKED_HELLO: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    const HELLO: &[u8] = b"\x81\x05Hello";
    const HELLO_IN_TWO: &[u8] = b"\x01\x03Hel\x80\x02lo";

    fn open() -> WebSocket {
        let mut client = WebSocket::new(Messages::Binary);
        client.receive(RESPONSE.as_bytes(), &mut Vec::new(), &mut Vec::new()).unwrap();
        assert!(client.is_open() && client.held().is_empty());
        client
    }

    /// What is received and answered if the bytes come one by one.
    fn receive(client: &mut WebSocket, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let (mut lines, mut answers) = (Vec::new(), Vec::new());
        for byte in bytes {
            let bytes = [client.held(), &[*byte]].concat();
            client.receive(&bytes, &mut lines, &mut answers)?;
        }
        Ok((lines, answers))
    }

    #[test]
    fn frames_are_those_of_the_rfc() {
        let mut sent = Vec::new();
        WebSocket::new(Messages::Text).send(b"Hello\r\nHello\r\n", &mut sent);
        assert_eq!(sent, [MASKED_HELLO, MASKED_HELLO].concat());
        let mut client = open();
        let (lines, answers) = receive(&mut client, &[HELLO, HELLO_IN_TWO].concat()).unwrap();
        assert_eq!((lines.as_slice(), answers.as_slice()), (&b"Hello\nHello\n"[..], &b""[..]));
        // A ping, answered with the same words.
        let (lines, answers) = receive(&mut client, b"\x89\x05Hello").unwrap();
        assert!(lines.is_empty());
        assert_eq!(answers, [&[0x8a], &MASKED_HELLO[1..]].concat());
    }

    #[test]
    fn lengths_have_three_forms_in_both_directions() {
        for (length, head) in [
            (125, &[0x82, 125][..]),
            (126, &[0x82, 126, 0, 126]),
            (256, &[0x82, 126, 1, 0]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let mut lines = Vec::new();
            let frame = [head, payload.as_slice()].concat();
            open().receive(&frame, &mut lines, &mut Vec::new()).unwrap();
            assert_eq!(lines.len(), length + 1);
            let mut sent = Vec::new();
            WebSocket::new(Messages::Binary).send(&lines, &mut sent);
            let mut masked_head = head.to_vec();
            masked_head[1] |= 0x80;
            assert_eq!(sent.len(), head.len() + 4 + length);
            assert!(sent.starts_with(&masked_head));
        }
    }

    #[test]
    fn the_first_frame_may_come_with_the_response() {
        let mut client = WebSocket::new(Messages::Binary);
        let bytes = [RESPONSE.as_bytes(), HELLO].concat();
        assert_eq!(receive(&mut client, &bytes).unwrap().0, b"Hello\n");
        let mut client = WebSocket::new(Messages::Binary);
        let mut lines = Vec::new();
        client.receive(&bytes, &mut lines, &mut Vec::new()).unwrap();
        assert_eq!(lines, b"Hello\n");
    }

    #[test]
    fn a_server_that_breaks_the_rfc_is_detected() {
        let response = |response: &str| {
            let mut client = WebSocket::new(Messages::Binary);
            client.receive(response.as_bytes(), &mut Vec::new(), &mut Vec::new()).unwrap_err()
        };
        let refused = response("HTTP/1.1 404 Not Found\r\n\r\n");
        assert!(matches!(refused, Failure::Refused(_)), "{refused}");
        for wrong in [RESPONSE.replace("binary", "text"), RESPONSE.replace("s3p", "S3p")] {
            assert!(matches!(response(&wrong), Failure::Unexpected(_)));
        }
        let masked = receive(&mut open(), MASKED_HELLO).unwrap_err();
        assert!(matches!(masked, Failure::Unexpected(_)), "{masked}");
        let closed = receive(&mut open(), b"\x88\x06\x03\xf0slow").unwrap_err();
        assert_eq!(closed.to_string(), "the server refused: closed with 1008: slow");
    }
}
