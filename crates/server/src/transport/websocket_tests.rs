use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const CONTINUE: OpCode = OpCode::Data(Data::Continue);
const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);
const PING: OpCode = OpCode::Control(Control::Ping);
const PONG: OpCode = OpCode::Control(Control::Pong);
const CLOSE: OpCode = OpCode::Control(Control::Close);

/// A frame as clients send it.
fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { opcode, is_final, mask: Some(MASK), ..FrameHeader::default() };
    let mut bytes = Vec::new();
    header.format(payload.len() as u64, &mut bytes).unwrap();
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(TEXT, true, payload.as_bytes())
}

/// A frame as the server sends it.
fn answer(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(opcode, payload, &mut bytes);
    bytes
}

/// The result of these bytes: lines, answers, and how it ended.
fn receive(socket: &mut WebSocket, bytes: &[u8]) -> (Vec<u8>, Vec<u8>, Result<(), CloseReason>) {
    let (mut lines, mut answers) = (Vec::new(), Vec::new());
    let result = socket.receive(bytes, &mut lines, &mut answers);
    (lines, answers, result)
}

fn lines_of(bytes: &[u8]) -> String {
    let (lines, answers, result) = receive(&mut WebSocket::new(false), bytes);
    assert_eq!((answers, result), (vec![], Ok(())), "{bytes:?}");
    String::from_utf8(lines).unwrap()
}

/// The code with which these bytes close a connection, without leaving a line.
fn refused(bytes: &[u8]) -> u16 {
    let mut socket = WebSocket::new(false);
    let (lines, answers, result) = receive(&mut socket, bytes);
    let Err(CloseReason::Broken { code, reason }) = result else {
        panic!("{result:?} for {bytes:?}")
    };
    assert_eq!(lines, b"");
    let payload = [&u16::from(code).to_be_bytes(), reason.as_bytes()].concat();
    assert_eq!(answers, answer(CLOSE, &payload), "it is told");
    assert_eq!(receive(&mut socket, &text("PING a")), (vec![], vec![], result), "and no more");
    assert!(socket.unread.capacity() == 0 && socket.begun.is_none());
    u16::from(code)
}

#[test]
fn every_message_is_a_line_whatever_its_kind() {
    assert_eq!(lines_of(&text("PRIVMSG #a :é")), "PRIVMSG #a :é\n");
    assert_eq!(lines_of(&frame(BINARY, true, b"PING a")), "PING a\n");
    assert_eq!(
        lines_of(&[text("NICK a"), text("USER a"), text("")].concat()),
        "NICK a\nUSER a\n\n"
    );
    assert_eq!(lines_of(b""), "");
}

#[test]
fn trailing_line_ends_are_removed_and_inner_ones_invalidate_the_line() {
    for ending in ["", "\n", "\r\n", "\r", "\r\n\r\n"] {
        assert_eq!(lines_of(&text(&format!("PING a{ending}"))), "PING a\n", "{ending:?}");
        assert_eq!(lines_of(&text(ending)), "\n", "{ending:?}");
    }
    for within in ["PRIVMSG #a :b\nQUIT", "PRIVMSG #a :b\r\nQUIT\r\n", "\nQUIT"] {
        let lines = lines_of(&text(within));
        let (line, used) = proto::line::next_line(lines.as_bytes()).unwrap();
        assert_eq!(used, lines.len(), "{within:?} is one line");
        let refused = proto::line::check_line(line);
        assert_eq!(refused, Err(proto::line::LineError::InvalidByte), "{within:?}");
    }
}

#[test]
fn fragments_form_one_line_and_control_frames_may_come_between() {
    let mut socket = WebSocket::new(false);
    let snowman = "☃".as_bytes();
    let bytes = [
        frame(TEXT, false, &[b"PRIVMSG #a :", &snowman[..1]].concat()),
        frame(PING, true, b"still there?"),
        frame(CONTINUE, false, b""),
        frame(CONTINUE, false, &snowman[1..2]),
        frame(PONG, true, b"unasked"),
        frame(CONTINUE, true, &snowman[2..]),
        text("PING a"),
    ];
    let (lines, answers, result) = receive(&mut socket, &bytes.concat());
    assert_eq!(String::from_utf8(lines).unwrap(), "PRIVMSG #a :☃\nPING a\n");
    assert_eq!((answers, result), (answer(PONG, b"still there?"), Ok(())));
}

#[test]
fn an_idle_websocket_owns_no_buffer() {
    let mut socket = WebSocket::new(false);
    let bytes = [frame(TEXT, false, b"PING"), frame(CONTINUE, true, b" a")].concat();
    for byte in bytes {
        receive(&mut socket, &[byte]).2.unwrap();
    }
    assert!(socket.unread.capacity() == 0 && socket.begun.is_none());
}

#[test]
fn protocol_violations_close_with_1002() {
    let with_bit = |bit: u8| {
        let mut bytes = text("PING a");
        bytes[0] |= bit;
        bytes
    };
    let opcode = |code: u8| [&[0x80 | code, 0x80][..], &MASK].concat();
    for bad in [
        answer(TEXT, b"PING a"),
        answer(PING, b""),
        with_bit(0x40),
        with_bit(0x20),
        with_bit(0x10),
        opcode(3),
        opcode(7),
        opcode(11),
        opcode(15),
        frame(PING, false, b""),
        frame(CLOSE, false, b""),
        frame(PING, true, &[b'x'; WEBSOCKET_CONTROL_BYTES + 1])[..8].to_vec(),
        frame(CONTINUE, true, b"PING a"),
        frame(CONTINUE, false, b"PING a"),
        [frame(TEXT, false, b"PI"), frame(TEXT, true, b"NG a")].concat(),
        [frame(TEXT, false, b"PI"), frame(BINARY, false, b"NG a")].concat(),
        // Lengths in more bytes than necessary.
        [&[0x81, 0x80 | 126, 0, 1][..], &MASK, b"x"].concat(),
        [&[0x81, 0x80 | 127, 0, 0, 0, 0, 0, 0, 1, 0][..], &MASK, b"x"].concat(),
    ] {
        assert_eq!(refused(&bad), 1002, "{bad:?}");
    }
}

#[test]
fn invalid_utf_8_text_closes_with_1007_and_binary_continues() {
    assert_eq!(refused(&frame(TEXT, true, b"PRIVMSG #a :\xe9")), 1007);
    let fragments = [frame(TEXT, false, b"a\xe2\x98"), frame(CONTINUE, true, b"b\x83")].concat();
    assert_eq!(refused(&fragments), 1007);
    let (lines, _, result) =
        receive(&mut WebSocket::new(true), &frame(BINARY, true, b"PRIVMSG #a :\xe9"));
    assert_eq!((&lines[..], result), (&b"PRIVMSG #a :\xe9\n"[..], Ok(())));
}

#[test]
fn an_overlong_message_closes_with_1009_before_it_is_read() {
    let longest = "x".repeat(WEBSOCKET_MESSAGE_BYTES);
    assert_eq!(lines_of(&text(&longest)).len(), WEBSOCKET_MESSAGE_BYTES + 1);
    let head = |bytes: Vec<u8>| bytes[..8].to_vec();
    assert_eq!(refused(&head(text(&(longest.clone() + "x")))), 1009);
    let endless = [&[0x82, 0x80 | 127][..], &[0xff; 8], &MASK].concat();
    assert_eq!(refused(&endless), 1009);
    let start = frame(TEXT, false, longest.as_bytes());
    assert_eq!(refused(&[&start[..], &frame(CONTINUE, false, b"x")[..6]].concat()), 1009);
    let nothing_more = [start, frame(CONTINUE, true, b"")].concat();
    assert_eq!(lines_of(&nothing_more).len(), WEBSOCKET_MESSAGE_BYTES + 1);
}

#[test]
fn a_close_is_answered_with_its_code_and_ends_the_connection() {
    for payload in [&b""[..], b"\x03\xe8", b"\x03\xe9going away", b"\x0b\xb8", b"\x13\x87\xc3\xa9"]
    {
        let mut socket = WebSocket::new(false);
        let bytes = [text("QUIT"), frame(CLOSE, true, payload), text("PING a")].concat();
        let (lines, answers, result) = receive(&mut socket, &bytes);
        assert_eq!((&lines[..], result), (&b"QUIT\n"[..], Err(CloseReason::Closed)));
        assert_eq!(answers, answer(CLOSE, &payload[..payload.len().min(2)]));
        let mut out = Vec::new();
        socket.wrap(b"ERROR :Bye\r\n", &mut out);
        socket.close(CloseCode::Normal, "", &mut out);
        assert_eq!(out, b"", "nothing follows the close");
    }
}

#[test]
fn an_invalid_close_code_closes_with_1002_and_an_invalid_reason_with_1007() {
    assert_eq!(refused(&frame(CLOSE, true, b"\x03")), 1002);
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(refused(&frame(CLOSE, true, &code.to_be_bytes())), 1002, "{code}");
    }
    assert_eq!(refused(&frame(CLOSE, true, b"\x03\xe8\xff")), 1007);
}

#[test]
fn after_the_servers_close_only_the_peers_close_matters() {
    let mut socket = WebSocket::new(false);
    let mut out = Vec::new();
    socket.close(CloseCode::Away, &"é".repeat(100), &mut out);
    let reason = "é".repeat(61);
    assert_eq!(out, answer(CLOSE, &[b"\x03\xe9", reason.as_bytes()].concat()), "as much as fits");
    let bytes = [text("PING a"), frame(PING, true, b"x")].concat();
    assert_eq!(receive(&mut socket, &bytes), (vec![], vec![], Ok(())));
    let theirs = frame(CLOSE, true, b"\x03\xe9");
    assert_eq!(receive(&mut socket, &theirs), (vec![], vec![], Err(CloseReason::Closed)));
}

#[test]
fn each_line_is_sent_as_one_message_without_its_line_end() {
    let long = format!("@time=x :ann PRIVMSG #a :{}", "é".repeat(200));
    let lines = format!("PING a\r\n\r\n{long}\r\nlf\n");
    for (binary, opcode) in [(false, TEXT), (true, BINARY)] {
        let mut out = b"before".to_vec();
        WebSocket::new(binary).wrap(lines.as_bytes(), &mut out);
        let expected = [
            b"before".to_vec(),
            answer(opcode, b"PING a"),
            answer(opcode, b""),
            answer(opcode, long.as_bytes()),
            answer(opcode, b"lf"),
        ];
        assert_eq!(out, expected.concat());
    }
}

/// A frame, usually an allowed one.
fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        8 => Just(TEXT), 4 => Just(BINARY), 4 => Just(CONTINUE), 3 => Just(PING), 1 => Just(PONG),
        1 => Just(CLOSE)
    ];
    let payload = prop_oneof![
        6 => "[ -~é☃\r\n]{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..200),
        1 => vec(Just(b'x'), WEBSOCKET_MESSAGE_BYTES - 50..WEBSOCKET_MESSAGE_BYTES + 2),
    ];
    (opcode, proptest::bool::weighted(0.8), payload)
        .prop_map(|(opcode, is_final, payload)| frame(opcode, is_final, &payload))
}

/// Bytes, usually of frames, sometimes random.
fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => vec(some_frame(), 0..8).prop_map(|frames| frames.concat()),
        1 => vec(any::<u8>(), 0..300),
        1 => (vec(some_frame(), 1..4), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(frames, at, byte)| {
                let mut bytes = frames.concat();
                let at = at.index(bytes.len());
                bytes[at] = byte;
                bytes
            }
        ),
    ]
}

proptest! {
    #[test]
    fn input_is_parsed_the_same_however_it_is_split_and_within_bounds(
        bytes in some_bytes(),
        cuts in vec(1..700_usize, 1..20),
    ) {
        let whole = receive(&mut WebSocket::new(false), &bytes);
        let (mut socket, mut lines, mut answers) = (WebSocket::new(false), Vec::new(), Vec::new());
        let (mut left, mut result) = (&bytes[..], Ok(()));
        for cut in cuts.iter().cycle() {
            let (piece, rest) = left.split_at(left.len().min(*cut));
            left = rest;
            result = socket.receive(piece, &mut lines, &mut answers);
            prop_assert!(socket.unread.len() < WEBSOCKET_MESSAGE_BYTES + 14);
            let begun = socket.begun.as_ref().map_or(0, |message| message.payload.len());
            prop_assert!(begun <= WEBSOCKET_MESSAGE_BYTES);
            if left.is_empty() {
                break;
            }
        }
        prop_assert!(answers.len() <= bytes.len() + 2 + WEBSOCKET_CONTROL_BYTES);
        prop_assert!(lines.is_empty() || lines.ends_with(b"\n"));
        prop_assert_eq!((lines, answers, result), whole);
    }

    #[test]
    fn framed_lines_are_received_unchanged(
        lines in vec("[^\r\n]{0,300}", 0..10),
        binary in any::<bool>(),
    ) {
        let mut out = Vec::new();
        let sent: Vec<String> = lines.iter().map(|line| format!("{line}\r\n")).collect();
        wrap(binary, sent.concat().as_bytes(), &mut out);
        let mut left = &out[..];
        for line in &lines {
            let mut cursor = Cursor::new(left);
            let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            prop_assert_eq!(&header.mask, &None, "a server masks nothing");
            let (payload, rest) = left[cursor.position() as usize..].split_at(length as usize);
            left = rest;
            prop_assert_eq!(payload, line.as_bytes());
            let (got, _, _) =
                receive(&mut WebSocket::new(binary), &frame(header.opcode, true, payload));
            prop_assert_eq!(got, format!("{line}\n").into_bytes());
        }
        prop_assert!(left.is_empty());
    }

    #[test]
    fn unmasking_by_words_equals_unmasking_by_bytes(
        payload in vec(any::<u8>(), 0..100),
        mask in any::<[u8; 4]>(),
    ) {
        let mut words = payload.clone();
        unmask(&mut words, mask);
        let bytes: Vec<u8> =
            payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
        prop_assert_eq!(words, bytes);
    }
}
