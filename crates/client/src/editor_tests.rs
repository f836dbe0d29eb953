//! Keys and the line they make.

use super::*;
use tui::decoder::Decoder;

/// Types the bytes into a new line; the text with `|` for the cursor.
fn typed(bytes: &str) -> String {
    typed_with(bytes, Kind::Text, &InputHistory::for_now())
}

fn typed_with(bytes: &str, kind: Kind, history: &InputHistory) -> String {
    let mut editor = Editor::default();
    let mut events = Vec::new();
    Decoder::default().feed(bytes.as_bytes(), &mut events);
    for event in events {
        match event {
            Event::Key(key) => assert_eq!(editor.press(key, kind, history), Act::Edited, "{key:?}"),
            Event::Paste(text) => assert!(editor.paste(&text)),
            other => panic!("{other:?}"),
        }
    }
    let (before, after) = editor.text().split_at(editor.cursor());
    format!("{before}|{after}")
}

#[test]
fn keys_of_emacs_move_and_cut() {
    for (keys, expected) in [
        ("hello", "hello|"),
        ("hello\x01\x06", "h|ello"),
        ("hello\x01X\x05Y", "XhelloY|"),
        ("hello\x1b[D\x1b[D\x1b[C", "hell|o"),
        ("hello\x1b[H\x1b[3~", "|ello"),
        ("hello\x1bOH\x1bOF", "hello|"),
        ("hello\x02\x02\x0b", "hel|"),
        ("one two\x15", "|"),
        ("one two\x17", "one |"),
        ("one two\x17\x19\x19", "one twotwo|"),
        ("one two-three\x1bb", "one two-|three"),
        ("one two\x1bb\x1bb\x1bf", "one| two"),
        ("one two\x01\x1bd", "| two"),
        ("one two\x1b[1;5D", "one |two"),
        ("one two\x1b\x7f", "one |"),
        ("hello\x7f\x08", "hel|"),
        ("ab\x01\x04", "|b"),
        // Nothing happens, and nothing waits for the next key.
        ("a\x16b\x18c\x1b[20~d", "abcd|"),
    ] {
        assert_eq!(typed(keys), expected, "{keys:?}");
    }
}

#[test]
fn characters_are_what_people_see() {
    assert_eq!(typed("e\u{301}x\x02\x02"), "|e\u{301}x");
    assert_eq!(typed("👨‍👩‍👧\x7f"), "|");
    assert_eq!(typed("世界\x02\x7f"), "|界");
    assert_eq!(typed("e\x01\x06\u{301}"), "e\u{301}|");
    assert_eq!(typed("a\u{fffd}b"), "a\u{fffd}b|");
    // A deletion makes one of two; and a wide space has three bytes.
    assert_eq!(typed("\x1b[200~a\n\u{301}\x1b[201~\x02\x7f"), "a\u{301}|");
    assert_eq!(typed("日本\u{3000}語\x17"), "日本\u{3000}|");
}

#[test]
fn what_was_typed_before_comes_back_and_the_new_line_with_it() {
    let mut history = InputHistory::for_now();
    history.add("BM one").unwrap();
    history.add("BM two").unwrap();
    let typed = |keys| typed_with(keys, Kind::Text, &history);
    assert_eq!(typed("new\x1b[A"), "BM two|");
    assert_eq!(typed("new\x1b[A\x1b[A\x1b[A"), "BM one|");
    assert_eq!(typed("new\x10\x10\x0e"), "BM two|");
    assert_eq!(typed("new\x1b[A\x1b[A\x1b[B\x1b[B\x1b[B"), "new|");
    assert_eq!(typed_with("new\x1b[A\x10", Kind::Word, &history), "new|");
}

#[test]
fn pastes_keep_blank_lines_and_tabs_and_lose_their_last_line_end() {
    let paste = |text: &str| typed(&format!("BM \x1b[200~{text}\x1b[201~"));
    assert_eq!(paste("one\n\n\ttwo\n"), "BM one\n\n\ttwo|");
    assert_eq!(paste("one\r\ntwo\rthree\r\n"), "BM one\ntwo\nthree|");
    assert_eq!(paste("\x1b[2J\x07x"), "BM [2Jx|");
}

#[test]
fn where_words_are_asked_for_each_pasted_line_is_one() {
    let mut editor = Editor::default();
    let mut answers = Vec::new();
    for event in lines_as_keys("ann\r\nsecret\n") {
        let Event::Key(key) = event else { panic!("{event:?}") };
        if editor.press(key, Kind::Word, &InputHistory::for_now()) == Act::Done {
            answers.push(editor.take());
        }
    }
    assert_eq!((answers, editor.text()), (vec!["ann".to_owned()], "secret"));
}

#[test]
fn some_keys_mean_more() {
    let press = |bytes: &[u8]| {
        let mut events = Vec::new();
        Decoder::default().feed(bytes, &mut events);
        let Some(Event::Key(key)) = events.pop() else { panic!("{bytes:?}") };
        Editor::default().press(key, Kind::Word, &InputHistory::for_now())
    };
    for (bytes, act) in [
        (&b"\r"[..], Act::Done),
        (b"\n", Act::Done),
        (b"\x03", Act::Interrupt),
        (b"\x04", Act::EndOfInput),
        (b"\x0c", Act::ClearScreen),
        (b"\x1a", Act::Suspend),
        (b"\x1c", Act::Quit),
    ] {
        assert_eq!(press(bytes), act, "{bytes:?}");
    }
}

#[test]
fn a_line_has_an_end() {
    let mut editor = Editor::default();
    // Line ends of two bytes are one to us.
    assert!(editor.paste(&"\r\n".repeat(TYPED_BYTES + 1)));
    assert_eq!(editor.take().len(), TYPED_BYTES);
    assert!(!editor.paste(&"ä".repeat(TYPED_BYTES)));
    assert_eq!(editor.text().len(), TYPED_BYTES);
    assert!(!editor.paste("x"));
}
