//! A terminal that shows what it is told, and moves its text to fit when its size changes.

use std::sync::{Arc, Mutex};

use alacritty_terminal::Term;
use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Point};
use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::Processor;

pub(crate) struct Emulator {
    term: Term<Answers>,
    processor: Processor,
    answers: Answers,
}

/// What the terminal answers to questions about itself.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<String>>);

impl EventListener for Answers {
    fn send_event(&self, event: Event) {
        if let Event::PtyWrite(text) = event {
            self.0.lock().expect("nobody panics with it").push_str(&text);
        }
    }
}

#[derive(Clone, Copy)]
struct Size(usize, usize);

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.0
    }

    fn screen_lines(&self) -> usize {
        self.0
    }

    fn columns(&self) -> usize {
        self.1
    }
}

impl Emulator {
    pub(crate) fn new(rows: usize, columns: usize) -> Emulator {
        let answers = Answers::default();
        let term = Term::new(Config::default(), &Size(rows, columns), answers.clone());
        Emulator { term, processor: Processor::new(), answers }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.processor.advance(&mut self.term, bytes);
    }

    pub(crate) fn resize(&mut self, rows: usize, columns: usize) {
        self.term.resize(Size(rows, columns));
    }

    /// What it has answered since it was asked last.
    pub(crate) fn take_answers(&mut self) -> String {
        std::mem::take(&mut *self.answers.0.lock().expect("nobody panics with it"))
    }

    /// All rows with text, those that were scrolled away too; a line that was broken to fit is one.
    pub(crate) fn lines(&self) -> Vec<String> {
        let grid = self.term.grid();
        let (first, last) = (grid.topmost_line(), grid.bottommost_line());
        let text = self.term.bounds_to_string(
            Point::new(first, Column(0)),
            Point::new(last, Column(grid.columns() - 1)),
        );
        let mut lines: Vec<String> =
            text.split('\n').map(|line| line.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// What is before the cursor in its row.
    #[allow(dead_code)] // only the tests without a client need it
    pub(crate) fn before_cursor(&self) -> String {
        let cursor = self.term.grid().cursor.point;
        if cursor.column == Column(0) {
            return String::new();
        }
        let (from, to) =
            (Point::new(cursor.line, Column(0)), Point::new(cursor.line, cursor.column - 1));
        self.term.bounds_to_string(from, to).trim_end_matches('\n').to_owned()
    }

    /// Whether the other screen is shown, which leaves what was on the first one alone.
    pub(crate) fn is_other(&self) -> bool {
        self.term.mode().contains(TermMode::ALT_SCREEN)
    }

    /// Whether it tells of the mouse.
    pub(crate) fn tells_of_mouse(&self) -> bool {
        self.term.mode().intersects(TermMode::MOUSE_MODE)
    }

    /// Whether it marks pastes.
    pub(crate) fn marks_pastes(&self) -> bool {
        self.term.mode().contains(TermMode::BRACKETED_PASTE)
    }
}
