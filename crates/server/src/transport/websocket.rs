//! WebSocket (RFC 6455), the server's side: frames to lines and back. As in IRCv3
//! (<https://ircv3.net/specs/extensions/websocket>), a message is one line without its line end.
//!
//! Where the specification leaves a choice:
//! - Line ends at the end of a message are removed, for clients that send them all the same.
//! - A line end within a message does not split it: otherwise, whoever gets a page to send text
//!   with line ends could send commands in its user's name. Each LF becomes a CR, so the line is
//!   refused as a whole (`FAIL * INVALID_LINE`).
//! - Both text and binary messages are accepted, whatever was negotiated. Binary messages that are
//!   not UTF-8 are refused like lines of a plain connection; such text messages close it (1007).

use crate::limits::{WEBSOCKET_CONTROL_BYTES, WEBSOCKET_MESSAGE_BYTES};
use memchr::memchr;
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
pub use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// One WebSocket. An idle one owns no buffer.
#[derive(Debug, Default)]
pub struct WebSocket {
    /// Lines are sent as binary messages, not as text.
    binary: bool,
    /// A close frame was sent, after which nothing may be sent.
    closing: bool,
    /// Why no more input is processed.
    ended: Option<CloseReason>,
    /// The start of an incomplete frame.
    unread: Vec<u8>,
    /// The start of a message whose final frame has not arrived.
    begun: Option<Message>,
}

/// The fragments of a message so far.
#[derive(Debug)]
struct Message {
    text: bool,
    payload: Vec<u8>,
}

/// Why a WebSocket has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed it.
    Closed,
    /// The peer violated the protocol.
    Broken {
        /// The close code sent.
        code: CloseCode,
        /// The reason sent.
        reason: &'static str,
    },
}

impl WebSocket {
    /// A newly opened one, whose lines are sent as binary or as text messages.
    pub fn new(binary: bool) -> WebSocket {
        WebSocket { binary, ..WebSocket::default() }
    }

    /// Processes input: appends each message to `lines`, followed by a line feed, and the frames to
    /// send to `answers`: never more bytes than the input has, plus one close frame. An incomplete
    /// frame is kept, up to the longest one allowed.
    ///
    /// # Errors
    /// When it has ended: earlier messages are in `lines`, and the last answer is a close frame.
    /// Later input is ignored.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        lines: &mut Vec<u8>,
        answers: &mut Vec<u8>,
    ) -> Result<(), CloseReason> {
        if let Some(ended) = self.ended {
            return Err(ended);
        }
        let mut unread = std::mem::take(&mut self.unread);
        let mut left = if unread.is_empty() {
            bytes
        } else {
            unread.extend_from_slice(bytes);
            &unread
        };
        let ended = loop {
            match self.take_frame(left, lines, answers) {
                Ok(Some(used)) => left = &left[used..],
                Ok(None) => {
                    self.unread = left.to_vec();
                    return Ok(());
                }
                Err(ended) => break ended,
            }
        };
        if let CloseReason::Broken { code, reason } = ended {
            self.close(code, reason, answers);
        }
        self.begun = None;
        self.ended = Some(ended);
        Err(ended)
    }

    /// Whether its lines are sent as binary messages.
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// Whether nothing more can be sent.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Appends one frame per line, without its line end, to `out`; nothing once it is closing.
    pub fn wrap(&self, lines: &[u8], out: &mut Vec<u8>) {
        if !self.closing {
            wrap(self.binary, lines, out);
        }
    }

    /// Appends a close frame, unless one was sent before. The reason is truncated to fit.
    pub fn close(&mut self, code: CloseCode, reason: &str, out: &mut Vec<u8>) {
        let reason = &reason[..reason.floor_char_boundary(WEBSOCKET_CONTROL_BYTES - 2)];
        let code = u16::from(code).to_be_bytes();
        self.close_with(&[&code, reason.as_bytes()], out);
    }

    fn close_with(&mut self, payload: &[&[u8]], out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.closing, true) {
            write_frame(OpCode::Control(Control::Close), &payload.concat(), out);
        }
    }

    /// Processes the first frame. Returns its length, or none if it is incomplete.
    fn take_frame(
        &mut self,
        bytes: &[u8],
        lines: &mut Vec<u8>,
        answers: &mut Vec<u8>,
    ) -> Result<Option<usize>, CloseReason> {
        let mut cursor = Cursor::new(bytes);
        let header = FrameHeader::parse(&mut cursor).map_err(|_| protocol("unknown opcode"))?;
        let Some((header, length)) = header else { return Ok(None) };
        let start = cursor.position() as usize;
        let mask = self.check(&header, length, start)?;
        let end = start + length as usize;
        let Some(payload) = bytes.get(start..end) else { return Ok(None) };
        match header.opcode {
            OpCode::Control(kind) => {
                let mut all = [0; WEBSOCKET_CONTROL_BYTES];
                let unmasked = &mut all[..payload.len()];
                unmasked.copy_from_slice(payload);
                unmask(unmasked, mask);
                self.take_control(kind, unmasked, answers)?;
            }
            OpCode::Data(kind) => {
                self.take_data(kind == Data::Text, header.is_final, payload, mask, lines)?;
            }
        }
        Ok(Some(end))
    }

    /// Whether a frame with this header is allowed now; returns its mask.
    fn check(
        &self,
        header: &FrameHeader,
        length: u64,
        bytes: usize,
    ) -> Result<[u8; 4], CloseReason> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(protocol("no extension was agreed on"));
        }
        if bytes != header.len(length) {
            return Err(protocol("a length in more bytes than it takes"));
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final => {
                return Err(protocol("a control frame in fragments"));
            }
            OpCode::Control(_) if length > WEBSOCKET_CONTROL_BYTES as u64 => {
                return Err(protocol("a control frame of more than 125 bytes"));
            }
            OpCode::Data(Data::Continue) if self.begun.is_none() => {
                return Err(protocol("nothing to continue"));
            }
            OpCode::Data(Data::Text | Data::Binary) if self.begun.is_some() => {
                return Err(protocol("a message within a message"));
            }
            _ => {}
        }
        let Some(mask) = header.mask else { return Err(protocol("a frame without a mask")) };
        let before = self.begun.as_ref().map_or(0, |message| message.payload.len());
        let is_data = matches!(header.opcode, OpCode::Data(_));
        if is_data && length > (WEBSOCKET_MESSAGE_BYTES - before) as u64 {
            let reason = "a message longer than the longest line";
            return Err(CloseReason::Broken { code: CloseCode::Size, reason });
        }
        Ok(mask)
    }

    fn take_data(
        &mut self,
        text: bool,
        is_final: bool,
        payload: &[u8],
        mask: [u8; 4],
        lines: &mut Vec<u8>,
    ) -> Result<(), CloseReason> {
        let append = |to: &mut Vec<u8>| {
            let start = to.len();
            to.extend_from_slice(payload);
            unmask(&mut to[start..], mask);
        };
        if !is_final {
            let begun = self.begun.get_or_insert(Message { text, payload: Vec::new() });
            append(&mut begun.payload);
            return Ok(());
        }
        let start = lines.len();
        let begun = self.begun.take();
        let text = begun.as_ref().map_or(text, |message| message.text);
        lines.extend_from_slice(begun.as_ref().map_or(&[], |message| &message.payload));
        append(lines);
        if text && std::str::from_utf8(&lines[start..]).is_err() {
            lines.truncate(start);
            return Err(CloseReason::Broken {
                code: CloseCode::Invalid,
                reason: "text is not UTF-8",
            });
        }
        if self.closing {
            lines.truncate(start); // Nobody is there any more to hear it.
        } else {
            end_line(lines, start);
        }
        Ok(())
    }

    fn take_control(
        &mut self,
        kind: Control,
        payload: &[u8],
        answers: &mut Vec<u8>,
    ) -> Result<(), CloseReason> {
        match kind {
            Control::Ping if !self.closing => {
                write_frame(OpCode::Control(Control::Pong), payload, answers);
            }
            Control::Close => {
                let code = check_close(payload)?;
                self.close_with(&[code], answers);
                return Err(CloseReason::Closed);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Appends one frame per line, without its line end, to `out`. It depends on nothing else, so lines
/// sent to many are framed once per kind.
pub fn wrap(binary: bool, lines: &[u8], out: &mut Vec<u8>) {
    let opcode = OpCode::Data(if binary { Data::Binary } else { Data::Text });
    out.reserve(lines.len());
    let mut left = lines;
    while !left.is_empty() {
        let end = memchr(b'\n', left).unwrap_or(left.len());
        let line = &left[..end];
        left = left.get(end + 1..).unwrap_or_default();
        write_frame(opcode, line.strip_suffix(b"\r").unwrap_or(line), out);
    }
}

fn write_frame(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(payload.len() as u64, out).expect("a Vec takes everything");
    out.extend_from_slice(payload);
}

/// Turns what was appended to `lines` from `start` on into one line.
fn end_line(lines: &mut Vec<u8>, start: usize) {
    let message = &lines[start..];
    let without_end = message.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    lines.truncate(start + without_end.map_or(0, |last| last + 1));
    for byte in &mut lines[start..] {
        if *byte == b'\n' {
            *byte = b'\r';
        }
    }
    lines.push(b'\n');
}

/// Checks the payload of a close frame; returns its code, if any, to be echoed.
fn check_close(payload: &[u8]) -> Result<&[u8], CloseReason> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(payload) } else { Err(protocol("half a close code")) };
    };
    if !CloseCode::from(u16::from_be_bytes(*code)).is_allowed() {
        return Err(protocol("a close code that cannot be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(CloseReason::Broken { code: CloseCode::Invalid, reason: "text is not UTF-8" });
    }
    Ok(code)
}

fn protocol(reason: &'static str) -> CloseReason {
    CloseReason::Broken { code: CloseCode::Protocol, reason }
}

/// Removes the mask (or applies it), eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
