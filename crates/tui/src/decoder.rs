//! Decodes a terminal's bytes into keys. The stream is split here into characters, key sequences
//! and pastes, so that an incomplete, broken or unknown sequence never swallows anything else;
//! `termina` interprets each complete sequence.

use std::time::Duration;

use termina::event::{KeyCode, KeyEvent, Modifiers};
use termina::{Event, Parser};

use crate::limits::{KEY_TIMEOUT, PASTE_BYTES, PASTE_TIMEOUT, SEQUENCE_BYTES};

const ESCAPE: u8 = 0x1b;
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// Splits what a terminal sends into keys.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of something incomplete.
    rest: Vec<u8>,
    /// An unfinished paste.
    paste: Option<Vec<u8>>,
    parser: Parser,
}

/// What some bytes begin with.
enum Piece {
    /// A character or a key sequence of this many bytes.
    Key(usize),
    /// This many bytes mean nothing.
    Broken(usize),
    /// This many bytes are not UTF-8.
    NoText(usize),
    /// More bytes are needed to decide.
    Unfinished,
}

impl Decoder {
    /// Decodes bytes, and appends the events.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        self.rest.extend_from_slice(bytes);
        while !self.rest.is_empty() {
            let done =
                if self.paste.is_some() { self.go_on_pasting(events) } else { self.key(events) };
            if !done {
                return;
            }
        }
    }

    /// How long to wait for the rest of something incomplete before [`Decoder::give_up`]; none if
    /// nothing is.
    pub fn timeout(&self) -> Option<Duration> {
        match (&self.paste, self.rest.is_empty()) {
            (Some(_), _) => Some(PASTE_TIMEOUT),
            (None, false) => Some(KEY_TIMEOUT),
            (None, true) => None,
        }
    }

    /// Nothing more comes: what is incomplete is decoded as it is.
    pub fn give_up(&mut self, events: &mut Vec<Event>) {
        if let Some(mut pasted) = self.paste.take() {
            pasted.append(&mut self.rest);
            events.push(paste(&pasted));
            return;
        }
        let rest = std::mem::take(&mut self.rest);
        match rest.as_slice() {
            [] => {}
            [ESCAPE] => events.push(Event::Key(KeyCode::Escape.into())),
            // Half a key sequence: which key it was is unknown.
            [ESCAPE, b'[' | b'O', ..] => {}
            // Alt with a key that would begin a string; what follows was typed.
            [ESCAPE, key, typed @ ..] if is_string(*key) => {
                let key = KeyEvent::new(KeyCode::Char(char::from(*key)), Modifiers::ALT);
                events.push(Event::Key(key));
                self.feed(typed, events);
                self.give_up(events);
            }
            // Half a character.
            _ => events.push(unreadable()),
        }
    }

    /// Decodes one key from the beginning of the rest; false if it is incomplete.
    fn key(&mut self, events: &mut Vec<Event>) -> bool {
        let length = match piece(&self.rest) {
            Piece::Unfinished if self.rest.len() < SEQUENCE_BYTES => return false,
            Piece::Unfinished => SEQUENCE_BYTES,
            Piece::Broken(length) => length,
            Piece::NoText(length) => {
                events.push(unreadable());
                length
            }
            Piece::Key(length) => {
                let sequence = &self.rest[..length];
                if sequence == PASTE_BEGINS {
                    self.paste = Some(Vec::new());
                } else {
                    self.parser.parse(sequence, false);
                    match self.parser.pop() {
                        Some(event) => events.push(event),
                        // It may have kept the unknown bytes.
                        None => self.parser = Parser::default(),
                    }
                }
                length
            }
        };
        self.rest.drain(..length);
        true
    }

    /// Looks for the end of the paste; false if it has not arrived.
    fn go_on_pasting(&mut self, events: &mut Vec<Event>) -> bool {
        let Some(pasted) = &mut self.paste else { return false };
        let end = self.rest.windows(PASTE_ENDS.len()).position(|bytes| bytes == PASTE_ENDS);
        // Without an end, the last bytes may be the beginning of one.
        let kept = end.unwrap_or(self.rest.len().saturating_sub(PASTE_ENDS.len() - 1));
        let fits = kept.min(PASTE_BYTES.saturating_sub(pasted.len()));
        pasted.extend_from_slice(&self.rest[..fits]);
        if end.is_none() {
            self.rest.drain(..kept);
            return false;
        }
        events.push(paste(pasted));
        self.paste = None;
        self.rest.drain(..kept + PASTE_ENDS.len());
        true
    }
}

/// What the bytes begin with; there is at least one.
fn piece(bytes: &[u8]) -> Piece {
    match bytes {
        [ESCAPE] => Piece::Unfinished,
        [ESCAPE, b'[', ..] => control_sequence(bytes),
        [ESCAPE, b'O'] => Piece::Unfinished,
        [ESCAPE, b'O', 0x20..=0x7e, ..] => Piece::Key(3),
        [ESCAPE, b'O', ..] => Piece::Broken(2),
        [ESCAPE, key, ..] if is_string(*key) => string(bytes),
        // Esc twice, or Esc before the sequence of another key.
        [ESCAPE, ESCAPE, ..] => Piece::Key(1),
        // Alt with another key.
        [ESCAPE, rest @ ..] => match character(rest) {
            Piece::Key(length) => Piece::Key(1 + length),
            Piece::NoText(length) => Piece::NoText(1 + length),
            other => other,
        },
        _ => character(bytes),
    }
}

/// Whether the key after Esc begins a string: DCS, SOS, OSC, PM, APC.
fn is_string(key: u8) -> bool {
    matches!(key, b'P' | b'X' | b']' | b'^' | b'_')
}

fn control_sequence(bytes: &[u8]) -> Piece {
    // The Linux console has function keys like ESC [ [ A.
    if bytes.get(2) == Some(&b'[') {
        return if bytes.len() > 3 { Piece::Key(4) } else { Piece::Unfinished };
    }
    match bytes.iter().skip(2).position(|byte| !matches!(byte, 0x20..=0x3f)) {
        None => Piece::Unfinished,
        Some(at) if matches!(bytes[2 + at], 0x40..=0x7e) => Piece::Key(2 + at + 1),
        // Something else begins inside it.
        Some(at) => Piece::Broken(2 + at),
    }
}

fn string(bytes: &[u8]) -> Piece {
    let bell = bytes.iter().position(|byte| *byte == 0x07).map(|at| at + 1);
    let terminator = bytes.windows(2).skip(1).position(|pair| pair == b"\x1b\\").map(|at| at + 3);
    match [bell, terminator].into_iter().flatten().min() {
        Some(length) => Piece::Key(length),
        None => Piece::Unfinished,
    }
}

fn character(bytes: &[u8]) -> Piece {
    let most = &bytes[..bytes.len().min(4)];
    let valid = match str::from_utf8(most) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            str::from_utf8(&most[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => return error.error_len().map_or(Piece::Unfinished, Piece::NoText),
    };
    Piece::Key(valid.chars().next().map_or(1, char::len_utf8))
}

fn paste(bytes: &[u8]) -> Event {
    Event::Paste(String::from_utf8_lossy(bytes).into_owned())
}

/// What replaces bytes that are not text.
fn unreadable() -> Event {
    Event::Key(KeyCode::Char(char::REPLACEMENT_CHARACTER).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        Decoder::default().feed(bytes, &mut events);
        events
    }

    /// Characters as they are, other keys by their names.
    fn names(events: &[Event]) -> String {
        let name = |event: &Event| match event {
            Event::Key(key) => {
                let alt = if key.modifiers.contains(Modifiers::ALT) { "A-" } else { "" };
                let control = if key.modifiers.contains(Modifiers::CONTROL) { "C-" } else { "" };
                match key.code {
                    KeyCode::Char(character) => format!("{alt}{control}{character}"),
                    other => format!("<{alt}{control}{other:?}>"),
                }
            }
            Event::Paste(text) => format!("<paste {text:?}>"),
            other => format!("<{other:?}>"),
        };
        events.iter().map(name).collect()
    }

    #[test]
    fn characters_and_keys_are_told_apart() {
        assert_eq!(names(&decode("aä世👋".as_bytes())), "aä世👋");
        assert_eq!(names(&decode(b"\x01\x1a\x1c\r\x7f\t")), "C-aC-zC-4<Enter><Backspace><Tab>");
        assert_eq!(
            names(&decode(b"\x1b[A\x1bOB\x1b[3~\x1b[H\x1b[4~")),
            "<Up><Down><Delete><Home><End>"
        );
        assert_eq!(names(&decode(b"\x1b[1;5C\x1bb\x1b\x7f")), "<C-Right>A-b<A-Backspace>");
        assert_eq!(names(&decode(b"\x1b[[A")), "<Function(1)>");
    }

    #[test]
    fn keys_may_come_byte_by_byte() {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for byte in "\x1b[1;5Dä\x1b[200~x\ny\x1b[201~!".as_bytes() {
            decoder.feed(&[*byte], &mut events);
        }
        assert_eq!(names(&events), "<C-Left>ä<paste \"x\\ny\">!");
        assert_eq!(decoder.timeout(), None);
    }

    #[test]
    fn an_incomplete_sequence_swallows_nothing_else() {
        for (cut, meaning) in [
            ("\x1b", "<Escape>"),
            ("\x1b[", ""),
            ("\x1b[1;", ""),
            ("\x1bO", ""),
            ("\x1b]", "A-]"),
            ("\x1b]hello", "A-]hello"),
            ("\x1bP", "A-P"),
        ] {
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            decoder.feed(cut.as_bytes(), &mut events);
            assert!(events.is_empty() && decoder.timeout().is_some(), "{cut:?}");
            decoder.give_up(&mut events);
            decoder.feed(b"next", &mut events);
            assert_eq!(names(&events), format!("{meaning}next"), "{cut:?}");
        }
        // Also without a pause.
        assert_eq!(names(&decode(b"\x1b\x1b[A")), "<Escape><Up>");
        assert_eq!(names(&decode(b"\x1b[1;\x1b[Ax")), "<Up>x");
        assert_eq!(names(&decode(b"\x1b[9\x03")), "C-c");
        assert_eq!(names(&decode(b"\x1b[999;999;999qx")), "x");
    }

    #[test]
    fn invalid_bytes_are_replaced() {
        assert_eq!(names(&decode(b"a\xffb\xe4 \xf0\x9f\x91x")), "a\u{fffd}b\u{fffd} \u{fffd}x");
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        decoder.feed(b"\xc3", &mut events);
        decoder.give_up(&mut events);
        assert_eq!(names(&events), "\u{fffd}");
    }

    #[test]
    fn an_unterminated_paste_is_a_paste_and_a_huge_one_is_cut() {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        decoder.feed(b"\x1b[200~one\ntwo\x1b[2", &mut events);
        assert_eq!(decoder.timeout(), Some(PASTE_TIMEOUT));
        decoder.give_up(&mut events);
        assert_eq!(names(&events), "<paste \"one\\ntwo\\u{1b}[2\">");
        let mut huge = PASTE_BEGINS.to_vec();
        huge.resize(3 * PASTE_BYTES, b'x');
        huge.extend_from_slice(PASTE_ENDS);
        let events = decode(&huge);
        assert!(matches!(&events[..], [Event::Paste(text)] if text.len() == PASTE_BYTES));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_buffer_without_limit() {
        // A linear congruential generator; every third byte is one that sequences are made of.
        let mut seed: u32 = 7;
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for round in 0..200_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = (seed >> 24) as u8;
            let special = b"\x1b[]OP?;:<>~0129uRyncMm\x07\\";
            let byte =
                if seed & 1 == 0 { byte } else { special[usize::from(byte) % special.len()] };
            decoder.feed(&[byte], &mut events);
            if round % 50 == 0 {
                decoder.give_up(&mut events);
                assert_eq!(decoder.timeout(), None);
            }
            assert!(decoder.rest.len() <= SEQUENCE_BYTES);
        }
        assert!(!events.is_empty());
    }
}
