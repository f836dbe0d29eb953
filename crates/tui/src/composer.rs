//! The text that is being written: several lines, the input history, cut and yank. Pure: acts in, text and cursor out.

use crate::keymap::Act;
use crate::limits::{COMPOSED_BYTES, INPUT_HISTORY};
use crate::motion::{self, can_be_typed};
use std::collections::VecDeque;
use unicode_segmentation::UnicodeSegmentation;

/// A text and its cursor.
#[derive(Clone, Debug, Default)]
pub struct Composer {
    text: String,
    /// In bytes, between two graphemes.
    cursor: usize,
    /// What was cut last; cuts that follow each other are one.
    cut: String,
    cutting: bool,
    /// The text's position in the input history; 0 is the draft.
    back: usize,
    /// The draft, while the text is from the input history.
    draft: String,
}

/// The input history, oldest first.
#[derive(Clone, Debug, Default)]
pub struct InputHistory(VecDeque<String>);

impl InputHistory {
    /// The history of earlier sessions, oldest first.
    pub fn new(lines: impl IntoIterator<Item = String>) -> InputHistory {
        let mut history = InputHistory::default();
        lines.into_iter().for_each(|line| history.add(&line));
        history
    }

    /// Adds a text, unless it begins with a space.
    pub fn add(&mut self, text: &str) {
        if text.trim().is_empty()
            || text.starts_with(' ')
            || self.0.back().is_some_and(|last| last == text)
        {
            return;
        }
        if self.0.len() >= INPUT_HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(text.to_owned());
    }

    fn get(&self, back: usize) -> Option<&str> {
        self.0.get(self.0.len().checked_sub(back)?).map(String::as_str)
    }
}

impl Composer {
    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor is, in bytes of the text.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Puts another text in place of this one, with the cursor at its end; false if its end did not fit.
    pub fn set(&mut self, text: &str) -> bool {
        self.text.clear();
        self.cursor = 0;
        self.back = 0;
        self.insert(text)
    }

    /// Takes the text, and empties the composer.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        self.back = 0;
        self.draft.clear();
        std::mem::take(&mut self.text)
    }

    /// Forgets what was cut, which may have been a password.
    pub fn forget_cut(&mut self) {
        self.cut.clear();
    }

    /// Inserts a text at the cursor: control characters are left out, and what there is no room for. False if there
    /// was no room for all of it.
    pub fn insert(&mut self, text: &str) -> bool {
        self.cutting = false;
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let typed: String = text.chars().filter(|new| can_be_typed(*new)).collect();
        let mut fits = COMPOSED_BYTES.saturating_sub(self.text.len()).min(typed.len());
        while !typed.is_char_boundary(fits) {
            fits -= 1;
        }
        self.text.insert_str(self.cursor, &typed[..fits]);
        // It may have joined with what follows to one grapheme.
        self.cursor = motion::at_or_after(&self.text, self.cursor + fits);
        fits == typed.len()
    }

    /// Inserts a paste without its last line end. False if there was no room for all of it.
    pub fn paste(&mut self, text: &str) -> bool {
        let text = text.strip_suffix('\n').unwrap_or(text);
        self.insert(text.strip_suffix('\r').unwrap_or(text))
    }

    /// Replaces some bytes of the text, and puts the cursor behind what is there now.
    pub fn replace(&mut self, from: usize, to: usize, text: &str) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.insert(text);
    }

    /// Does what a key means in a text; false if it means nothing here.
    pub fn act(&mut self, act: Act, history: &InputHistory) -> bool {
        let cutting = std::mem::take(&mut self.cutting);
        match act {
            Act::Left => self.cursor = motion::left(&self.text, self.cursor),
            Act::Right => self.cursor = motion::right(&self.text, self.cursor),
            Act::WordLeft => self.cursor = motion::word_left(&self.text, self.cursor),
            Act::WordRight => self.cursor = motion::word_right(&self.text, self.cursor),
            Act::LineStart => self.cursor = self.line_start(self.cursor),
            Act::LineEnd => self.cursor = self.line_end(self.cursor),
            Act::DeleteLeft => drop(self.take_out(motion::left(&self.text, self.cursor))),
            Act::DeleteRight => drop(self.take_out(motion::right(&self.text, self.cursor))),
            Act::CutWordLeft => self.cut_to(motion::space_left(&self.text, self.cursor), cutting),
            Act::CutWordRight => self.cut_to(motion::word_right(&self.text, self.cursor), cutting),
            Act::CutToStart => self.cut_to(self.line_start(self.cursor), cutting),
            Act::CutToEnd => self.cut_to(self.line_end(self.cursor), cutting),
            Act::Yank => {
                let cut = self.cut.clone();
                self.insert(&cut);
            }
            Act::NewLine => drop(self.insert("\n")),
            Act::Up if self.line_start(self.cursor) > 0 => self.line_above(),
            Act::Down if self.line_end(self.cursor) < self.text.len() => self.line_below(),
            Act::Up | Act::Older => self.recall(history, self.back + 1),
            Act::Down | Act::Newer => self.recall(history, self.back.saturating_sub(1)),
            _ => return false,
        }
        true
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |end| at + end)
    }

    fn line_above(&mut self) {
        let start = self.line_start(self.cursor);
        let column = self.text[start..self.cursor].graphemes(true).count();
        self.go_to_column(self.line_start(start - 1), column);
    }

    fn line_below(&mut self) {
        let start = self.line_start(self.cursor);
        let column = self.text[start..self.cursor].graphemes(true).count();
        self.go_to_column(self.line_end(self.cursor) + 1, column);
    }

    fn go_to_column(&mut self, start: usize, column: usize) {
        let line = &self.text[start..self.line_end(start)];
        self.cursor = start + line.graphemes(true).take(column).map(str::len).sum::<usize>();
    }

    /// Deletes what is between the cursor and `end`, and gives it.
    fn take_out(&mut self, end: usize) -> String {
        let (from, to) = (self.cursor.min(end), self.cursor.max(end));
        let taken = self.text.drain(from..to).collect();
        // What stood apart may have become one grapheme.
        self.cursor = motion::at_or_after(&self.text, from);
        taken
    }

    fn cut_to(&mut self, end: usize, cutting: bool) {
        let leftwards = end < self.cursor;
        let cut = self.take_out(end);
        self.cutting = cutting || !cut.is_empty();
        match (cutting, leftwards) {
            (false, _) if cut.is_empty() => {}
            (false, _) => self.cut = cut,
            (true, true) => self.cut.insert_str(0, &cut),
            (true, false) => self.cut.push_str(&cut),
        }
    }

    /// Shows the text sent `back` texts ago.
    fn recall(&mut self, history: &InputHistory, back: usize) {
        let text = match back {
            0 => Some(self.draft.clone()),
            _ => history.get(back).map(str::to_owned),
        };
        let Some(text) = text.filter(|_| back != self.back) else { return };
        if self.back == 0 {
            self.draft = std::mem::take(&mut self.text);
        }
        self.back = back;
        self.cursor = text.len();
        self.text = text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn composed(text: &str, acts: &[Act]) -> Composer {
        let mut composer = Composer::default();
        composer.set(text);
        acts.iter()
            .for_each(|act| assert!(composer.act(*act, &InputHistory::default()), "{act:?}"));
        composer
    }

    #[test]
    fn graphemes_are_never_cut() {
        let family = "👩‍👩‍👧";
        let composer = composed(&format!("a{family}e\u{301}"), &[Act::Left, Act::DeleteLeft]);
        assert_eq!((composer.text(), composer.cursor()), ("ae\u{301}", 1));
    }

    #[test]
    fn the_cursor_never_stands_in_a_grapheme_that_a_deletion_has_made() {
        let composer = composed("a\n\u{301}", &[Act::Left, Act::DeleteLeft]);
        assert_eq!((composer.text(), composer.cursor()), ("a\u{301}", 3));
    }

    #[test]
    fn keys_move_over_and_delete_words_and_lines() {
        use Act::{CutToEnd, CutToStart, CutWordLeft, CutWordRight, LineStart, WordLeft, Yank};
        assert_eq!(composed("one two", &[WordLeft]).cursor(), 4);
        assert_eq!(composed("one two", &[CutWordLeft]).text(), "one ");
        assert_eq!(composed("one two", &[LineStart, CutWordRight]).text(), " two");
        assert_eq!(composed("a\nb c", &[CutToStart]).text(), "a\n");
        assert_eq!(composed("a\nb c", &[WordLeft, CutToEnd]).text(), "a\nb ");
        // What is cut piece by piece comes back as a whole.
        assert_eq!(composed("one two", &[CutWordLeft, CutWordLeft, Yank]).text(), "one two");
    }

    #[test]
    fn up_and_down_go_through_lines_and_then_the_input_history() {
        let history =
            InputHistory::new(["first".to_owned(), " secret".to_owned(), "second".to_owned()]);
        let mut composer = Composer::default();
        composer.set("ab\ncd");
        composer.act(Act::Up, &history);
        assert_eq!(composer.cursor(), 2);
        composer.act(Act::Up, &history);
        assert_eq!(composer.text(), "second");
        composer.act(Act::Older, &history);
        assert_eq!(composer.text(), "first");
        composer.act(Act::Older, &history);
        assert_eq!(composer.text(), "first");
        composer.act(Act::Newer, &history);
        composer.act(Act::Down, &history);
        assert_eq!(composer.text(), "ab\ncd");
    }

    #[test]
    fn a_paste_keeps_its_lines_and_loses_control_characters() {
        let mut composer = Composer::default();
        assert!(composer.paste("one\r\ntwo\x1b[31m\tthree\r\n"));
        assert_eq!(composer.text(), "one\ntwo[31m\tthree");
        assert!(!composer.paste(&"x".repeat(2 * COMPOSED_BYTES)));
        assert_eq!(composer.text().len(), COMPOSED_BYTES);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_cursor_is_between_graphemes(
            steps in prop::collection::vec((0..17usize, "[a-z \n\u{301}\u{200d}👩é]{0,4}"), 0..60)
        ) {
            const ACTS: [Act; 16] = [
                Act::Left, Act::Right, Act::Up, Act::Down, Act::WordLeft, Act::WordRight,
                Act::LineStart, Act::LineEnd, Act::DeleteLeft, Act::DeleteRight, Act::CutWordLeft,
                Act::CutWordRight, Act::CutToStart, Act::CutToEnd, Act::Yank, Act::Older,
            ];
            let history = InputHistory::new(["👩 a".to_owned()]);
            let mut composer = Composer::default();
            for (at, text) in steps {
                match ACTS.get(at) {
                    Some(act) => drop(composer.act(*act, &history)),
                    None => drop(composer.insert(&text)),
                }
                let starts = composer.text.grapheme_indices(true).map(|(start, _)| start);
                let mut boundaries = starts.chain([composer.text.len()]);
                prop_assert!(boundaries.any(|boundary| boundary == composer.cursor));
                prop_assert!(composer.text.len() <= COMPOSED_BYTES);
            }
        }
    }
}
