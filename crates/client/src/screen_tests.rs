//! What a terminal shows of the screen's output.

use super::*;
use termina::Event;
use termina::escape::csi::{Csi, Cursor};
use tui::decoder::Decoder;

#[path = "../tests/client/emulator.rs"]
#[allow(dead_code)] // the tests with a whole client need more of it
mod emulator;

use emulator::Emulator;

const PROMPT: &str = "BM (to all), PM (to one), CH (history), EX (exit): ";

struct Both {
    screen: Screen,
    terminal: Emulator,
}

impl Both {
    fn new(rows: usize, columns: usize) -> Both {
        Both { screen: Screen::new(Size { rows, columns }), terminal: Emulator::new(rows, columns) }
    }

    fn apply(&mut self, act: impl FnOnce(&mut Screen, &mut String)) {
        let mut out = String::new();
        act(&mut self.screen, &mut out);
        self.terminal.feed(out.as_bytes());
    }

    fn draw(&mut self, text: &str, cursor: usize) {
        self.apply(|screen, out| screen.draw(&Line { prompt: PROMPT, text, cursor }, out));
    }

    fn print(&mut self, message: &str) {
        self.apply(|screen, out| screen.print_above(&[message.to_owned()], out));
    }

    /// The person pulls at the window; the terminal answers what it is asked if it can.
    fn resize(&mut self, rows: usize, columns: usize, answers: bool) {
        self.terminal.resize(rows, columns);
        self.apply(|screen, out| screen.resize(Size { rows, columns }, out));
        let answer = self.terminal.take_answers();
        if !self.screen.is_waiting() {
            return;
        }
        if !answers {
            self.screen.cursor_is_at(None);
            return;
        }
        let mut events = Vec::new();
        Decoder::default().feed(answer.as_bytes(), &mut events);
        let [Event::Csi(Csi::Cursor(Cursor::ActivePositionReport { col, .. }))] = events[..] else {
            panic!("{events:?}")
        };
        self.screen.cursor_is_at(Some(col.get_zero_based().into()));
    }

    /// The lines on the terminal without the spaces, which a line can end with or not.
    fn text(&self) -> String {
        self.terminal.lines().concat().replace(' ', "")
    }
}

/// Ten lines of messages as the terminal has them.
fn messages() -> (Vec<String>, String) {
    let messages: Vec<String> = (0..10).map(|number| format!("message-{number}")).collect();
    let text = messages.concat();
    (messages, text)
}

#[test]
fn the_line_is_drawn_where_it_stands_and_messages_appear_above_it() {
    let mut both = Both::new(24, 80);
    both.print("[BM] 12:02 bob: one");
    both.draw("", 0);
    both.draw("BM h", 4);
    both.draw("BM hello", 3);
    assert_eq!(both.terminal.lines(), ["[BM] 12:02 bob: one", &format!("{PROMPT}BM hello")]);
    assert_eq!(both.terminal.before_cursor(), format!("{PROMPT}BM "));
    both.print("[BM] 12:03 bob: two");
    both.draw("BM hello", 8);
    let lines = ["[BM] 12:02 bob: one", "[BM] 12:03 bob: two", &format!("{PROMPT}BM hello")];
    assert_eq!(both.terminal.lines(), lines);
    both.apply(|screen, out| {
        screen.finish(&Line { prompt: PROMPT, text: "BM hello", cursor: 0 }, out);
    });
    both.print("* Sent to everyone.");
    assert_eq!(both.terminal.lines()[3], "* Sent to everyone.");
}

#[test]
fn a_line_of_any_length_leaves_nothing_behind() {
    let text = "日本語 and e\u{301} and 👋 and so on, to the end of the row and beyond. ".repeat(4);
    let ends: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| text[*at..].starts_with(|c: char| c.is_ascii()))
        .collect();
    for columns in [20, 40, 53, 80] {
        let mut both = Both::new(60, columns);
        both.print("above");
        for end in ends.iter().chain(ends.iter().rev()).copied() {
            both.draw(
                &text[..end],
                end / 2
                    - (0..end / 2 + 1).find(|back| text.is_char_boundary(end / 2 - back)).unwrap(),
            );
            let expected = format!("above{PROMPT}{}", &text[..end]).replace(' ', "");
            assert_eq!(both.text(), expected, "{columns} columns, {end} bytes");
        }
        // The cursor is where the next character would be.
        both.draw(&text, ends[30]);
        let before = format!("{PROMPT}{}", &text[..ends[30]]);
        assert!(
            before.ends_with(&both.terminal.before_cursor()),
            "{}",
            both.terminal.before_cursor()
        );
    }
}

#[test]
fn a_line_that_is_larger_than_the_screen_shows_where_the_cursor_is() {
    let mut both = Both::new(5, 20);
    both.print("above");
    let text: String = (0..200).map(|number| format!("{number} ")).collect();
    for cursor in [text.len(), 0, 300, text.len()] {
        both.draw(&text, cursor);
        let row = both.terminal.before_cursor();
        let before = format!("{PROMPT}{}", &text[..cursor]);
        assert!(before.trim_end().ends_with(row.trim_end()), "{cursor}: {row:?}");
        assert_eq!(both.terminal.lines()[0], "above");
    }
    both.draw("", 0);
    assert_eq!(both.text(), format!("above{PROMPT}").replace(' ', ""));
}

#[test]
fn a_terminal_that_moves_its_text_to_fit_loses_no_message_and_has_one_question() {
    let (messages, above) = messages();
    let sizes = [80, 40, 120, 30, 33, 79, 20, 200, 60, 51, 50, 25, 81];
    for length in 0..100 {
        let mut both = Both::new(24, 80);
        messages.iter().for_each(|message| both.print(message));
        // Once in a while the first answer could mean either; from then on it is known what the terminal does.
        for columns in [30, 80] {
            both.draw("", 0);
            both.resize(24, columns, true);
        }
        let text: String = (0..length).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
        for (columns, cursor) in sizes.into_iter().zip([length, length / 2, 0].into_iter().cycle())
        {
            both.resize(24, columns, true);
            both.draw(&text, cursor);
            let expected = format!("{above}{PROMPT}{text}").replace(' ', "");
            assert_eq!(both.text(), expected, "{columns} columns, {length} characters, {cursor}");
        }
    }
}

#[test]
fn a_terminal_that_does_not_move_its_text_loses_no_message() {
    let (messages, above) = messages();
    for length in 0..100 {
        let mut both = Both::new(40, 80);
        // The alternate screen stays as it is.
        both.terminal.feed(b"\x1b[?1049h\x1b[H");
        messages.iter().for_each(|message| both.print(message));
        let text = "x".repeat(length);
        both.draw(&text, length);
        for columns in [120, 40, 200, 60] {
            both.resize(40, columns, true);
            both.draw(&text, length);
            let shown = both.text();
            assert!(shown.starts_with(&above), "{columns} columns, {length} characters: {shown}");
            assert!(shown.ends_with(&format!("{PROMPT}{text}").replace(' ', "")), "{shown}");
        }
    }
}

#[test]
fn a_terminal_that_does_not_say_where_its_cursor_is_loses_no_message() {
    let (messages, above) = messages();
    for length in 0..100 {
        let mut both = Both::new(40, 80);
        messages.iter().for_each(|message| both.print(message));
        let text = "x".repeat(length);
        both.draw(&text, length);
        for columns in [40, 120, 30, 80] {
            both.resize(40, columns, false);
            both.draw(&text, length);
            let shown = both.text();
            assert!(shown.starts_with(&above), "{columns} columns, {length} characters: {shown}");
        }
    }
}

#[test]
fn only_the_answer_about_the_last_size_counts() {
    let mut both = Both::new(24, 80);
    both.draw("and so on", 9);
    for columns in [40, 20] {
        both.terminal.resize(24, columns);
        both.apply(|screen, out| screen.resize(Size { rows: 24, columns }, out));
    }
    assert!(both.screen.is_waiting());
    both.screen.cursor_is_at(Some(5));
    assert!(both.screen.is_waiting());
    both.screen.cursor_is_at(Some(19));
    assert!(!both.screen.is_waiting());
}

#[test]
fn line_ends_tabs_and_what_a_terminal_would_obey_are_shown_as_signs() {
    let mut both = Both::new(24, 80);
    let text = "one\n\n\ttwo\u{202e}\u{9b}2J";
    both.draw(text, text.len());
    assert_eq!(both.terminal.lines(), [format!("{PROMPT}one↵↵→two\u{fffd}\u{fffd}2J")]);
}

#[test]
fn messages_break_between_words() {
    let mut both = Both::new(24, 20);
    both.print("[BM] 12:02 bob: words that go on");
    assert_eq!(both.terminal.lines(), ["[BM] 12:02 bob:", "  words that go on"]);
}
