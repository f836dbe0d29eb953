//! Whatever others write, the terminal gets no sequence that the screen did not write itself.

use crate::scene::Scene;
use chat::chat::Listed;
use proptest::prelude::*;
use tui::overlay::{Answer, List, Overlay, Question};
use tui::terminal::{Notification, copy, notify, title};

/// What is left of a frame that begins with a sequence of our own; an error if it begins with another.
fn after_sequence(bytes: &[u8]) -> Result<&[u8], String> {
    let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
    match bytes.get(1) {
        Some(b'[') => {
            let end = bytes[2..].iter().position(|byte| (0x40..0x7f).contains(byte));
            let end = 2 + end.ok_or_else(shown)?;
            let params = &bytes[2..end];
            let is_private = params.first() == Some(&b'?');
            let numbers = if is_private { &params[1..] } else { params };
            let known = match bytes[end] {
                b'h' | b'l' => {
                    let modes: [&[u8]; 2] = [b"25", b"2026"];
                    is_private && modes.contains(&numbers)
                }
                b'H' | b'C' | b'm' | b'r' | b'S' | b'T' | b'J' => !is_private,
                _ => false,
            };
            let are_numbers = numbers.iter().all(|byte| byte.is_ascii_digit() || *byte == b';');
            if known && are_numbers { Ok(&bytes[end + 1..]) } else { Err(shown()) }
        }
        Some(b']') => {
            let end = bytes.windows(2).position(|two| two == b"\x1b\\").ok_or_else(shown)?;
            let is_link = bytes[2..].starts_with(b"8;");
            let is_printable = bytes[2..end].iter().all(|byte| byte.is_ascii_graphic());
            if is_link && is_printable { Ok(&bytes[end + 2..]) } else { Err(shown()) }
        }
        _ => Err(shown()),
    }
}

/// Whether a frame has nothing but text and sequences of our own.
fn check(frame: &[u8]) -> Result<(), String> {
    let mut rest = frame;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        check_text(&rest[..at])?;
        rest = after_sequence(&rest[at..])?;
    }
    check_text(rest)
}

fn check_text(text: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    match text.chars().find(|c| tui::safe::is_harmful(*c)) {
        Some(c) => Err(format!("{c:?} in {text:?}")),
        None => Ok(()),
    }
}

/// Bytes that terminals and readers obey, among others.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\u{1b}]0;pwned\u{7}".to_owned()),
        Just("\u{1b}[2J".to_owned()),
        Just("\u{9b}31m".to_owned()),
        Just("\u{202e}evil\u{2066}".to_owned()),
        Just("https://a.example/\u{1b}]8;;x\u{7}\u{9c}?\u{202e}é".to_owned()),
        Just("\u{3}04,12\u{2}`code\u{1b}`".to_owned()),
        Just("e\u{301}\u{301}\u{301}👨‍👩‍👧日本\u{200b}\u{feff}".to_owned()),
        "\\PC{0,12}",
        prop::collection::vec(any::<u8>(), 0..16)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

/// A text as it could come in a line.
fn in_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], "")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn nothing_but_our_own_sequences_reaches_the_terminal(
        texts in prop::collection::vec(hostile(), 6),
        columns in 1u16..120,
        rows in 1u16..40,
    ) {
        let mut scene = Scene::new(columns, rows);
        let [name, topic, first, second, third, other] = &texts[..] else { unreachable!() };
        scene.join_room("#lobby", &in_line(topic), "ann bob");
        scene.end_welcome();
        scene.open("#lobby");
        let nick: String = in_line(name).chars().filter(|c| !c.is_whitespace()).collect();
        let nick = format!("x{}", nick.replace(['!', '@', ':'], ""));
        scene.room_event(&nick, "JOIN #lobby");
        let msgid = scene.message(&nick, "#lobby", &in_line(first));
        scene.message_with_tags("bob", "#lobby", &in_line(second), &format!(";+draft/reply={msgid}"));
        let emoji: String = in_line(third).chars().filter(|c| !matches!(c, ' ' | ';' | '\\')).collect();
        scene.receive(&format!("@+draft/reply={msgid};+draft/react={emoji} :bob!b@parlor TAGMSG #lobby"));
        scene.room_event("bob", &format!("TOPIC #lobby :{}", in_line(third)));
        scene.receive(&format!(":parlor FAIL * CODE :{}", in_line(other)));
        scene.chat.listed.push(Listed { name: other.clone(), members: 3, topic: topic.clone() });
        scene.chat.search.words.clone_from(third);
        let found = scene.chat.find_message("#lobby", &msgid).cloned();
        scene.chat.search.found.extend(found.map(|entry| (other.clone(), entry)));
        scene.chat.search.note.clone_from(second);
        scene.tui.composer().set(first);
        scene.tui.show_status(second, true);
        let mut list = List::default();
        list.input.set(third);
        let question = Question {
            title: first.clone(),
            text: second.clone(),
            prompt: third.clone(),
            answer: Answer::Text,
            input: list.input.clone(),
        };
        let overlays = [
            None,
            Some(Overlay::Rooms(List::default())),
            Some(Overlay::Search(list.clone())),
            Some(Overlay::Reactions(list)),
            Some(Overlay::Question(question)),
        ];
        for overlay in overlays {
            scene.tui.overlay = overlay;
            scene.draw();
            check(&scene.frame).map_err(TestCaseError::fail)?;
        }
    }

    #[test]
    fn titles_notifications_and_the_clipboard_are_one_sequence_each(text in hostile()) {
        let ours = [
            title(&text),
            copy(&text),
            notify(Notification::Osc9, &text, &text),
            notify(Notification::Osc777, &text, &text),
            notify(Notification::Osc99, &text, &text),
        ];
        for sequence in ours {
            let inner = sequence.strip_prefix("\x1b]").and_then(|rest| rest.strip_suffix("\x1b\\"));
            let inner = inner.ok_or_else(|| TestCaseError::fail(format!("{sequence:?}")))?;
            prop_assert!(!inner.chars().any(tui::safe::is_harmful), "{:?}", inner);
        }
    }
}
