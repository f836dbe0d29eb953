//! Turns cells into bytes: only what differs from what the terminal shows. Each cell is written
//! with its own position, style and link, so any frame can be skipped.

use crate::canvas::Canvas;
use crate::settings::Settings;
use ratatui_core::buffer::Cell;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::sync::Arc;

/// This many cells after a character of disputed width are rewritten with it.
const DOUBTFUL_CELLS: u16 = 8;
/// Rewriting this many cells takes no more bytes than moving the cursor past them.
const PASSED: u16 = 4;
/// From this many bytes of difference on, it is worth checking whether the text has merely moved.
const SCROLL_BYTES: usize = 400;

/// What the terminal shows.
#[derive(Debug, Default)]
pub(crate) struct Painter {
    shown: Option<Canvas>,
}

impl Painter {
    /// Forgets what the terminal shows.
    pub(crate) fn forget(&mut self) {
        self.shown = None;
    }

    /// What the terminal shows, if known.
    pub(crate) fn shown(&self) -> Option<&Canvas> {
        self.shown.as_ref()
    }

    /// Makes the terminal show a canvas.
    pub(crate) fn paint(
        &mut self,
        canvas: Canvas,
        settings: &Settings,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let known = self.shown.take().filter(|shown| shown.area() == canvas.area());
        let (mut bytes, moved) = match &known {
            Some(shown) => (cheapest(shown, &canvas), shown.cursor != canvas.cursor),
            None => {
                let blank = Canvas::new(canvas.area().width, canvas.area().height);
                (format!("\x1b[0m\x1b[r\x1b[2J{}", differences(&blank, &canvas)), true)
            }
        };
        if !bytes.is_empty() || moved {
            bytes.insert_str(0, "\x1b[?25l");
            if let Some((x, y)) = canvas.cursor {
                let _ = write!(bytes, "\x1b[{};{}H\x1b[?25h", y + 1, x + 1);
            }
            if settings.synchronized {
                bytes = format!("\x1b[?2026h{bytes}\x1b[?2026l");
            }
            out.write_all(bytes.as_bytes())?;
        }
        self.shown = Some(canvas);
        Ok(())
    }
}

/// The shorter of two ways: writing the differences, or moving rows first.
fn cheapest(shown: &Canvas, next: &Canvas) -> String {
    let plain = differences(shown, next);
    if plain.len() < SCROLL_BYTES {
        return plain;
    }
    let Some(rows) = moved_by(shown, next) else { return plain };
    let area = next.scrolls;
    let (count, verb) = (rows.unsigned_abs(), if rows > 0 { 'S' } else { 'T' });
    let (top, bottom) = (area.top() + 1, area.bottom());
    let scrolled = differences(&scrolled(shown, area, rows), next);
    let bytes = format!("\x1b[0m\x1b[{top};{bottom}r\x1b[{count}{verb}\x1b[r{scrolled}");
    if bytes.len() < plain.len() { bytes } else { plain }
}

/// By how many rows most of the scrolling area has moved up (or down, if negative).
fn moved_by(shown: &Canvas, next: &Canvas) -> Option<isize> {
    let area = next.scrolls;
    if area.height < 3 || area != shown.scrolls {
        return None;
    }
    let (before, after) = (row_hashes(shown, area), row_hashes(next, area));
    let blank = row_hashes(&Canvas::new(shown.area().width, shown.area().height), area)[0];
    let height = isize::try_from(after.len()).ok()?;
    let stays = |rows: isize| {
        let same = |at: &isize| {
            let from = at + rows;
            (0..height).contains(&from) && {
                let (from, at) = (from.unsigned_abs(), at.unsigned_abs());
                before[from] == after[at] && after[at] != blank
            }
        };
        (0..height).filter(same).count()
    };
    let still = stays(0);
    let best = (1 - height..height).filter(|rows| *rows != 0).max_by_key(|rows| stays(*rows))?;
    (stays(best) > still + 1).then_some(best)
}

fn row_hashes(canvas: &Canvas, area: Rect) -> Vec<u64> {
    let row = |y: u16| {
        let mut hasher = DefaultHasher::new();
        for x in area.left()..area.right() {
            canvas.cell(x, y).hash(&mut hasher);
            canvas.link(x, y).hash(&mut hasher);
        }
        hasher.finish()
    };
    (area.top()..area.bottom()).map(row).collect()
}

/// What the terminal shows after moving the rows of an area up.
fn scrolled(shown: &Canvas, area: Rect, rows: isize) -> Canvas {
    let mut canvas = shown.clone();
    for y in area.top()..area.bottom() {
        let from = isize::try_from(y).unwrap_or(0) + rows;
        let from =
            u16::try_from(from).ok().filter(|from| (area.top()..area.bottom()).contains(from));
        canvas.copy_row(shown, from, y);
    }
    canvas
}

/// The bytes that turn one canvas into another of the same size.
fn differences(shown: &Canvas, next: &Canvas) -> String {
    let mut pen = Pen::default();
    let area = next.area();
    for y in 0..area.height {
        let mut again_until = 0;
        for x in 0..area.width {
            let cell = next.cell(x, y);
            let symbol = cell.symbol();
            if symbol.is_empty() {
                continue;
            }
            let link = next.link(x, y);
            if x >= again_until && *cell == *shown.cell(x, y) && link == shown.link(x, y) {
                continue;
            }
            let covered = (x + 1..area.width).take_while(|x| next.cell(*x, y).symbol().is_empty());
            let covered = covered.count();
            let is_wide = covered > 0;
            pen.rewrite_up_to(next, x, y);
            pen.move_to(x, y);
            pen.set_style(cell, link);
            let is_cluster = symbol.chars().nth(1).is_some();
            if is_wide && (is_cluster || symbol.starts_with(|c| c >= '\u{1f000}')) {
                // A terminal that takes it for a narrow character would leave what was beside it.
                pen.bytes.extend(std::iter::repeat_n(' ', covered + 1));
                pen.at = None;
                pen.move_to(x, y);
            }
            if is_cluster {
                // A terminal that takes it for a wider one has overwritten what follows.
                again_until = x + 1 + DOUBTFUL_CELLS;
            }
            pen.bytes.push_str(symbol);
            pen.at = (!is_wide && !is_cluster).then_some((x + 1, y));
        }
    }
    pen.finish()
}

/// Writes cells, and tracks the terminal's state.
#[derive(Default)]
struct Pen<'a> {
    bytes: String,
    at: Option<(u16, u16)>,
    style: Option<(Color, Color, Modifier)>,
    link: Option<&'a Arc<str>>,
}

impl<'a> Pen<'a> {
    fn move_to(&mut self, x: u16, y: u16) {
        if self.at == Some((x, y)) {
            return;
        }
        // Writing to a String cannot fail.
        let _ = match self.at {
            Some((from, row)) if row == y && from < x => write!(self.bytes, "\x1b[{}C", x - from),
            _ => write!(self.bytes, "\x1b[{};{}H", y + 1, x + 1),
        };
        self.at = Some((x, y));
    }

    /// Rewrites the few cells up to this one, if that takes no more bytes than skipping them.
    fn rewrite_up_to(&mut self, next: &Canvas, x: u16, y: u16) {
        let Some((from, _)) = self.at.filter(|(from, row)| *row == y && *from < x) else { return };
        let is_plain = |x: u16| {
            let cell = next.cell(x, y);
            cell.symbol().len() == 1
                && self.style == Some((cell.fg, cell.bg, cell.modifier))
                && self.link == next.link(x, y)
        };
        if x - from <= PASSED && (from..x).all(is_plain) {
            self.bytes.extend((from..x).map(|x| next.cell(x, y).symbol()));
            self.at = Some((x, y));
        }
    }

    fn set_style(&mut self, cell: &Cell, link: Option<&'a Arc<str>>) {
        if self.link != link {
            let _ = match link {
                // The id marks pieces on different rows as one link.
                Some(link) => write!(self.bytes, "\x1b]8;id={:x};{link}\x1b\\", id(link)),
                None => write!(self.bytes, "\x1b]8;;\x1b\\"),
            };
            self.link = link;
        }
        let style = (cell.fg, cell.bg, cell.modifier);
        if self.style != Some(style) {
            self.bytes.push_str("\x1b[0");
            modifiers(cell.modifier, &mut self.bytes);
            colour(cell.fg, 30, &mut self.bytes);
            colour(cell.bg, 40, &mut self.bytes);
            self.bytes.push('m');
            self.style = Some(style);
        }
    }

    fn finish(mut self) -> String {
        if self.link.is_some() {
            self.bytes.push_str("\x1b]8;;\x1b\\");
        }
        if self.style.is_some_and(|style| style != (Color::Reset, Color::Reset, Modifier::empty()))
        {
            self.bytes.push_str("\x1b[0m");
        }
        self.bytes
    }
}

fn id(link: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    link.hash(&mut hasher);
    hasher.finish() & 0xffff_ffff
}

fn modifiers(modifier: Modifier, out: &mut String) {
    const CODES: [(Modifier, &str); 6] = [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::ITALIC, ";3"),
        (Modifier::UNDERLINED, ";4"),
        (Modifier::REVERSED, ";7"),
        (Modifier::CROSSED_OUT, ";9"),
    ];
    for (one, code) in CODES {
        if modifier.contains(one) {
            out.push_str(code);
        }
    }
}

/// `base` is 30 for the foreground, 40 for the background.
fn colour(colour: Color, base: u8, out: &mut String) {
    let number = match colour {
        Color::Reset => return,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        Color::Indexed(index) => {
            let _ = write!(out, ";{};5;{index}", base + 8);
            return;
        }
        Color::Rgb(r, g, b) => {
            let _ = write!(out, ";{};2;{r};{g};{b}", base + 8);
            return;
        }
    };
    let _ = write!(out, ";{}", base + number);
}
