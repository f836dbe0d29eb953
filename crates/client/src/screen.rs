//! Draws the question and its answer on the terminal. Pure: it returns the bytes to write, and
//! never clears anything above the first row of the question.

use std::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;

use crate::layout::{Position, position_after, width, wrap};

/// Asks the terminal where the cursor is.
const WHERE: &str = "\x1b[6n";
/// Clears from the cursor to the end of the screen.
const CLEAR_BELOW: &str = "\x1b[J";

/// The terminal's rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many rows it has.
    pub rows: usize,
    /// How many columns it has.
    pub columns: usize,
}

/// A question with its answer so far.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The question.
    pub prompt: &'a str,
    /// The visible part of the answer so far.
    pub text: &'a str,
    /// Where the cursor is, in bytes of the text.
    pub cursor: usize,
}

/// What is drawn.
#[derive(Debug)]
struct DrawnPrompt {
    prompt: String,
    text: String,
    /// In bytes of the text.
    cursor: usize,
    /// The cells of each character before the cursor, those of the prompt included.
    before: Vec<usize>,
    /// The rows from the first to the cursor's.
    rows: usize,
    /// The cursor's column.
    column: usize,
}

/// The part of the terminal that the question occupies.
#[derive(Debug)]
pub struct Screen {
    size: Size,
    /// None if there is no question: then the cursor is at the beginning of a row.
    drawn: Option<DrawnPrompt>,
    /// Set after a resize, until the cursor's column shows whether the terminal has rewrapped the
    /// text.
    resized: Option<ResizedCursor>,
    /// Whether the terminal rewraps its rows, once known.
    rewraps: Option<bool>,
    /// What was drawn may be gone.
    stale: bool,
}

#[derive(Debug)]
struct ResizedCursor {
    /// Where the cursor is if the rows were not rewrapped.
    stayed: Position,
    /// Where it may be if they were.
    rewrapped: Vec<Position>,
    /// How often the terminal was asked; only the last answer is about its current size.
    asked: usize,
}

impl Screen {
    /// A terminal of this size, with the cursor at the beginning of a row.
    pub fn new(size: Size) -> Screen {
        Screen { size, drawn: None, resized: None, rewraps: None, stale: false }
    }

    /// Whether nothing may be written until [`Screen::cursor_is_at`] was called.
    pub fn is_waiting(&self) -> bool {
        self.resized.is_some()
    }

    /// Draws the line unless it is on the screen already.
    pub fn draw_changes(&mut self, line: &Line<'_>, out: &mut String) {
        let is_same = self.drawn.as_ref().is_some_and(|drawn| {
            drawn.prompt == line.prompt && drawn.text == line.text && drawn.cursor == line.cursor
        });
        if !is_same || self.stale {
            self.draw(line, out);
        }
    }

    /// Draws the line in its place, or at the cursor if it has none yet.
    pub fn draw(&mut self, line: &Line<'_>, out: &mut String) {
        self.go_to_first_row(out);
        let shown = VisibleLine::of(line, self.size);
        out.push_str(&shown.text);
        let end = position_after(shown.widths.iter().copied(), self.size.columns);
        if end.row > 0 && end.column == 0 {
            // The terminal wraps only at the next character.
            out.push_str(" \r");
        }
        out.push_str(CLEAR_BELOW);
        let before = shown.widths[..shown.cursor].to_vec();
        let rest = shown.widths[shown.cursor..].iter().copied();
        let cursor = position_of_next(&before, rest, self.size.columns);
        up(end.row - cursor.row.min(end.row), out);
        to_column(cursor.column, out);
        self.stale = false;
        self.drawn = Some(DrawnPrompt {
            prompt: line.prompt.to_owned(),
            text: line.text.to_owned(),
            cursor: line.cursor,
            before,
            rows: cursor.row,
            column: cursor.column,
        });
    }

    /// Writes lines above the question, which is erased; [`Screen::draw`] redraws it.
    pub fn print_above(&mut self, lines: &[String], out: &mut String) {
        self.erase(out);
        for line in lines {
            for row in line.split('\n').flat_map(|line| wrap(line, self.size.columns)) {
                out.push_str(&row);
                out.push_str("\r\n");
            }
        }
    }

    /// Erases the question; the cursor is where it began.
    pub fn erase(&mut self, out: &mut String) {
        if self.drawn.is_some() {
            self.go_to_first_row(out);
            out.push_str(CLEAR_BELOW);
        }
        self.drawn = None;
    }

    /// The answer is complete: leaves it on the screen, and moves to the row below.
    pub fn finish(&mut self, line: &Line<'_>, out: &mut String) {
        self.draw(&Line { cursor: line.text.len(), ..*line }, out);
        out.push_str("\r\n");
        self.drawn = None;
    }

    /// Other output is below the question: it is redrawn in the cursor's row.
    pub fn start_over(&mut self) {
        self.resized = None;
        self.stale = true;
        if let Some(drawn) = &mut self.drawn {
            drawn.rows = 0;
        }
    }

    /// Clears the whole screen.
    pub fn clear(&mut self, out: &mut String) {
        out.push_str("\x1b[H\x1b[2J");
        self.drawn = None;
        self.resized = None;
    }

    /// The terminal was resized. It may have to be asked for the cursor's position; then nothing
    /// can be drawn before the answer.
    pub fn resize(&mut self, size: Size, out: &mut String) {
        let columns = std::mem::replace(&mut self.size, size).columns;
        self.stale = true;
        let Some(drawn) = self.drawn.as_ref().filter(|_| columns != size.columns) else { return };
        let stayed =
            Position { row: drawn.rows, column: drawn.column.min(size.columns.saturating_sub(1)) };
        let rewrapped = position_after(drawn.before.iter().copied(), size.columns);
        let mut rewrapped = vec![rewrapped];
        if let [Position { row: 1.., column: 0 }] = rewrapped[..] {
            // After a full row, terminals differ in where the cursor is.
            rewrapped.push(Position {
                row: rewrapped[0].row - 1,
                column: size.columns.saturating_sub(1),
            });
        }
        if rewrapped.iter().all(|position| position.row == stayed.row) {
            self.resized = None;
            return;
        }
        let asked = self.resized.as_ref().map_or(0, |resized| resized.asked) + 1;
        self.resized = Some(ResizedCursor { stayed, rewrapped, asked });
        out.push_str(WHERE);
    }

    /// The terminal has reported the cursor's column (from 0), or not answered (none). If in doubt
    /// the question is assumed to have fewer rows, so that nothing else is cleared.
    pub fn cursor_is_at(&mut self, column: Option<usize>) {
        let Some(mut resized) = self.resized.take() else { return };
        resized.asked = resized.asked.saturating_sub(1);
        if column.is_some() && resized.asked > 0 {
            self.resized = Some(resized);
            return;
        }
        let ResizedCursor { stayed, rewrapped, .. } = resized;
        let is_there = |position: &&Position| Some(position.column) == column;
        let if_stayed = Some(&stayed).filter(is_there).map(|position| position.row);
        let if_flowed = rewrapped.iter().filter(is_there).map(|position| position.row).min();
        match (if_stayed, if_flowed) {
            _ if rewrapped.len() > 1 => {}
            (Some(_), None) => self.rewraps = Some(false),
            (None, Some(_)) => self.rewraps = Some(true),
            _ => {}
        }
        let rows = match (self.rewraps, if_stayed, if_flowed) {
            (Some(true), _, Some(row)) | (Some(false), Some(row), _) => Some(row),
            (_, Some(row), Some(other)) => Some(row.min(other)),
            (_, row, other) => row.or(other),
        };
        let fewest = rewrapped.iter().map(|position| position.row).fold(stayed.row, usize::min);
        if let Some(drawn) = &mut self.drawn {
            drawn.rows = rows.unwrap_or(fewest);
        }
    }

    fn go_to_first_row(&mut self, out: &mut String) {
        if let Some(drawn) = self.drawn.take() {
            up(drawn.rows, out);
            out.push('\r');
        }
    }
}

/// Where the next character goes, possibly to the next row.
fn position_of_next(
    before: &[usize],
    rest: impl Iterator<Item = usize>,
    columns: usize,
) -> Position {
    let position = position_after(before.iter().copied(), columns);
    match rest.into_iter().next() {
        Some(next) if position.column + next > columns => {
            Position { row: position.row + 1, column: 0 }
        }
        _ => position,
    }
}

/// The visible part of a line: all of it if it fits.
struct VisibleLine {
    text: String,
    /// The cells of each of its characters.
    widths: Vec<usize>,
    /// How many characters are before the cursor.
    cursor: usize,
}

impl VisibleLine {
    fn of(line: &Line<'_>, size: Size) -> VisibleLine {
        let mut parts: Vec<&str> = line.prompt.graphemes(true).collect();
        let (before, after) = line.text.split_at(line.cursor);
        parts.extend(before.graphemes(true).map(visible));
        let mut cursor = parts.len();
        parts.extend(after.graphemes(true).map(visible));
        let mut widths: Vec<usize> = parts.iter().map(|part| width(part)).collect();
        // One row less than there are, for the cursor after the end; wide characters may leave a
        // cell free.
        let room = size.rows.saturating_sub(1).max(1) * size.columns.saturating_sub(1).max(1);
        if widths.iter().sum::<usize>() > room {
            let (from, to) = window(&widths, cursor, room);
            parts = parts[from..to].to_vec();
            widths = widths[from..to].to_vec();
            cursor -= from;
        }
        VisibleLine { text: parts.concat(), widths, cursor }
    }
}

/// Which characters to show if not all fit: those around the cursor.
fn window(widths: &[usize], cursor: usize, room: usize) -> (usize, usize) {
    let (mut from, mut to, mut left) = (cursor, cursor, room);
    while from > 0 && widths[from - 1] <= left && left > room / 4 {
        from -= 1;
        left -= widths[from];
    }
    while to < widths.len() && widths[to] <= left {
        left -= widths[to];
        to += 1;
    }
    while from > 0 && widths[from - 1] <= left {
        from -= 1;
        left -= widths[from];
    }
    (from, to)
}

/// How a character of the answer is shown: line ends and tabs as signs, and nothing the terminal
/// would act on.
fn visible(grapheme: &str) -> &str {
    let mut characters = grapheme.chars();
    match (characters.next(), characters.next()) {
        (Some('\n'), None) => "↵",
        (Some('\t'), None) => "→",
        _ if grapheme.chars().any(crate::show::is_harmful) => "\u{fffd}",
        _ => grapheme,
    }
}

fn up(rows: usize, out: &mut String) {
    if rows > 0 {
        // Writing to a String cannot fail.
        let _ = write!(out, "\x1b[{rows}A");
    }
}

fn to_column(column: usize, out: &mut String) {
    out.push('\r');
    if column > 0 {
        let _ = write!(out, "\x1b[{column}C");
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
