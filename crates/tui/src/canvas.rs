//! Cells to draw on, with the links they carry. All text is made safe here.

use crate::safe;
use crate::wrap::{characters, ellipsis};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};
use std::sync::Arc;

/// A piece of text in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
    pub(crate) link: Option<Arc<str>>,
}

impl Span {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Span {
        Span { text: text.into(), style, link: None }
    }
}

/// Cells to draw on. Of the cells that a wide character covers, only the first has text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canvas {
    pub(crate) buffer: Buffer,
    /// For each cell the number of its link, from 1; 0 is none.
    links: Vec<u16>,
    addresses: Vec<Arc<str>>,
    /// Where the cursor is, if it is visible.
    pub(crate) cursor: Option<(u16, u16)>,
    /// The area that scrolls by whole rows from one frame to the next.
    pub(crate) scrolls: Rect,
}

impl Canvas {
    pub(crate) fn new(columns: u16, rows: u16) -> Canvas {
        let buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        let links = vec![0; buffer.content.len()];
        Canvas { buffer, links, ..Canvas::default() }
    }

    pub(crate) fn area(&self) -> Rect {
        self.buffer.area
    }

    pub(crate) fn cell(&self, x: u16, y: u16) -> &Cell {
        &self.buffer.content[self.at(x, y)]
    }

    /// The link of a cell.
    pub(crate) fn link(&self, x: u16, y: u16) -> Option<&Arc<str>> {
        let number = usize::from(self.links[self.at(x, y)]);
        self.addresses.get(number.checked_sub(1)?)
    }

    fn at(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.buffer.area.width) + usize::from(x)
    }

    /// Writes a text from a cell to the right, up to the column `end`, exclusive. Returns the
    /// column after it.
    pub(crate) fn put(&mut self, x: u16, y: u16, end: u16, text: &str, style: Style) -> u16 {
        self.put_linked(x, y, end, text, style, None)
    }

    /// The same for a span.
    pub(crate) fn put_span(&mut self, x: u16, y: u16, end: u16, span: &Span) -> u16 {
        self.put_linked(x, y, end, &span.text, span.style, span.link.as_ref())
    }

    /// The same for several spans, one after the other.
    pub(crate) fn put_spans(&mut self, x: u16, y: u16, end: u16, spans: &[Span]) -> u16 {
        spans.iter().fold(x, |x, span| self.put_span(x, y, end, span))
    }

    /// The same, shortened with `…` if it does not fit.
    pub(crate) fn put_cut(&mut self, x: u16, y: u16, end: u16, text: &str, style: Style) -> u16 {
        let text = ellipsis(&safe::text(text), usize::from(end.saturating_sub(x)));
        self.put(x, y, end, &text, style)
    }

    fn put_linked(
        &mut self,
        x: u16,
        y: u16,
        end: u16,
        text: &str,
        style: Style,
        link: Option<&Arc<str>>,
    ) -> u16 {
        let (end, mut x) = (end.min(self.buffer.area.width), x);
        if y >= self.buffer.area.height {
            return x;
        }
        let link = link.map_or(0, |link| self.number(link));
        for (_, grapheme, width) in characters(text) {
            if width == 0 {
                continue;
            }
            if x + width > end {
                break;
            }
            self.set(x, y, grapheme, width, style, link);
            x += width;
        }
        x
    }

    fn number(&mut self, link: &Arc<str>) -> u16 {
        if self.addresses.last() != Some(link) {
            self.addresses.push(Arc::clone(link));
        }
        u16::try_from(self.addresses.len()).unwrap_or(0)
    }

    fn set(&mut self, x: u16, y: u16, grapheme: &str, width: u16, style: Style, link: u16) {
        let at = self.at(x, y);
        self.uncover(x, y);
        for covered in 1..width {
            self.uncover(x + covered, y);
            let at = at + usize::from(covered);
            self.write(at, style, "");
            self.links[at] = link;
        }
        self.write(at, style, &safe::cell(grapheme));
        self.links[at] = link;
    }

    /// Writes a cell; keeps its background unless the style has one.
    fn write(&mut self, at: usize, style: Style, symbol: &str) {
        let cell = &mut self.buffer.content[at];
        let background = cell.bg;
        let reversed = cell.modifier & Modifier::REVERSED;
        cell.reset();
        cell.modifier = reversed;
        cell.set_symbol(symbol).set_style(style);
        if style.bg.is_none() {
            cell.bg = background;
        }
    }

    /// Before a cell is overwritten: erases a wide character that it is part of.
    fn uncover(&mut self, x: u16, y: u16) {
        let row = self.at(0, y);
        let is_covered = |canvas: &Canvas, x: u16| {
            let cell = canvas.buffer.content.get(row + usize::from(x));
            x < canvas.buffer.area.width && cell.is_some_and(|cell| cell.symbol().is_empty())
        };
        let mut first = x;
        while first > 0 && is_covered(self, first) {
            first -= 1;
        }
        let mut last = x;
        while is_covered(self, last + 1) {
            last += 1;
        }
        if first < last {
            for x in first..=last {
                self.buffer.content[row + usize::from(x)].set_symbol(" ");
            }
        }
    }

    /// Fills an area with blanks in a style.
    pub(crate) fn clear(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.uncover(x, y);
                let at = self.at(x, y);
                self.buffer.content[at].reset();
                self.buffer.content[at].set_style(style);
                self.links[at] = 0;
            }
        }
    }

    /// Copies a row of another canvas of the same size; without a source the row is blank.
    pub(crate) fn copy_row(&mut self, other: &Canvas, from: Option<u16>, to: u16) {
        let (width, to) = (usize::from(self.buffer.area.width), self.at(0, to));
        let Some(from) = from.map(|from| other.at(0, from)) else {
            self.buffer.content[to..to + width].fill(Cell::EMPTY);
            self.links[to..to + width].fill(0);
            return;
        };
        self.buffer.content[to..to + width]
            .clone_from_slice(&other.buffer.content[from..from + width]);
        self.links[to..to + width].copy_from_slice(&other.links[from..from + width]);
    }

    /// Adds a style to the cells of an area.
    pub(crate) fn tint(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Draws a horizontal line of one character.
    pub(crate) fn rule(&mut self, x: u16, y: u16, end: u16, sign: &str, style: Style) {
        for x in x..end {
            self.put(x, y, x + 1, sign, style);
        }
    }

    /// The text from one cell to another, row by row, without trailing blanks.
    pub(crate) fn text(&self, area: Rect, from: (u16, u16), to: (u16, u16)) -> String {
        let area = area.intersection(self.buffer.area);
        let mut rows = Vec::new();
        for y in area.top().max(from.1)..area.bottom().min(to.1 + 1) {
            let first = if y == from.1 { from.0.max(area.left()) } else { area.left() };
            let end = if y == to.1 { (to.0 + 1).min(area.right()) } else { area.right() };
            let row: String = (first..end).map(|x| self.cell(x, y).symbol()).collect();
            rows.push(row.trim_end().to_owned());
        }
        rows.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(canvas: &Canvas) -> Vec<&str> {
        (0..canvas.area().width).map(|x| canvas.cell(x, 0).symbol()).collect()
    }

    #[test]
    fn no_half_of_a_wide_character_remains() {
        let mut canvas = Canvas::new(5, 1);
        canvas.put(0, 0, 5, "日本", Style::new());
        assert_eq!(row(&canvas), ["日", "", "本", "", " "]);
        canvas.put(1, 0, 5, "世", Style::new());
        assert_eq!(row(&canvas), [" ", "世", "", " ", " "]);
        canvas.put(1, 0, 5, "a", Style::new());
        assert_eq!(row(&canvas), [" ", "a", " ", " ", " "]);
        assert_eq!(canvas.put(4, 0, 5, "日", Style::new()), 4, "half a place is none");
    }

    #[test]
    fn nothing_harmful_reaches_a_cell() {
        let mut canvas = Canvas::new(8, 1);
        canvas.put(0, 0, 8, "a\u{1b}[\u{9b}\u{202e}b", Style::new());
        let text = row(&canvas).concat();
        assert!(!text.chars().any(safe::is_harmful), "{text:?}");
    }
}
