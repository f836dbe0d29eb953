//! A client's end of WebSocket, by hand, so that a test can send any frame.

/// The key of each handshake here and the server's proof that it has read it (RFC 6455, 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const CONTINUE: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// An open WebSocket, and what it has heard besides lines.
#[derive(Debug, Default)]
pub(crate) struct WebSocket {
    /// The subprotocol that the server has chosen.
    pub(crate) subprotocol: Option<String>,
    /// The kinds of messages that came, each once, in their order.
    pub(crate) kinds: Vec<u8>,
    /// What came back of pings.
    pub(crate) pongs: Vec<Vec<u8>>,
    /// With which code the server has closed it; 0 if with none.
    pub(crate) closed: Option<u16>,
    unread: Vec<u8>,
}

/// The request that opens one.
pub(crate) fn request(headers: &str) -> String {
    format!(
        "GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
}

/// A frame that ends its message.
pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    part(0x80 | opcode, payload)
}

/// A frame with this first byte; without 0x80 it does not end its message.
pub(crate) fn part(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Each line as a message of its own.
pub(crate) fn frames(lines: &[u8]) -> Vec<u8> {
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines).split(|byte| *byte == b'\n');
    lines.flat_map(|line| frame(TEXT, line.strip_suffix(b"\r").unwrap_or(line))).collect()
}

impl WebSocket {
    /// After this answer to [`request`].
    pub(crate) fn opened(head: &str) -> WebSocket {
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let value = |name: &str| {
            let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}: "));
            head.lines().find(named).map(|line| line[name.len() + 2..].to_owned())
        };
        assert_eq!(value("sec-websocket-accept").as_deref(), Some(PROOF), "{head}");
        WebSocket { subprotocol: value("sec-websocket-protocol"), ..WebSocket::default() }
    }

    /// Takes bytes of the server; appends each message to `lines`, with a line end behind it.
    pub(crate) fn take(&mut self, bytes: &[u8], lines: &mut Vec<u8>) {
        self.unread.extend_from_slice(bytes);
        let mut unread = std::mem::take(&mut self.unread);
        while let Some((header, payload)) = length(&unread) {
            let Some(bytes) = unread.get(header..header + payload) else { break };
            assert_eq!(self.closed, None, "nothing follows the end: {unread:?}");
            self.take_frame(unread[0], bytes, lines);
            unread.drain(..header + payload);
        }
        self.unread = unread;
    }

    fn take_frame(&mut self, first: u8, payload: &[u8], lines: &mut Vec<u8>) {
        match first.checked_sub(0x80).expect("the server sends whole messages") {
            kind @ (TEXT | BINARY) => {
                assert!(!payload.contains(&b'\n') && !payload.contains(&b'\r'), "one line");
                if !self.kinds.contains(&kind) {
                    self.kinds.push(kind);
                }
                lines.extend_from_slice(payload);
                lines.extend_from_slice(b"\r\n");
            }
            CLOSE => {
                let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                self.closed = Some(code);
            }
            PONG => self.pongs.push(payload.to_vec()),
            other => panic!("a frame of kind {other:#x}: {payload:?}"),
        }
    }
}

/// The lengths of the first frame's header and payload, if its header is there.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    Some(match *bytes.get(1)? {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => {
            assert!(short < 126, "the server masks nothing");
            (2, short.into())
        }
    })
}
