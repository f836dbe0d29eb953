//! A terminal emulator.

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor};

pub(crate) struct Emulator {
    term: Term<VoidListener>,
    processor: Processor,
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
    pub(crate) fn new(columns: u16, rows: u16) -> Emulator {
        let size = Size(usize::from(rows), usize::from(columns));
        Emulator {
            term: Term::new(Config::default(), &size, VoidListener),
            processor: Processor::new(),
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.processor.advance(&mut self.term, bytes);
        // Nothing is left undrawn until the end of a synchronized update.
        self.processor.stop_sync(&mut self.term);
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.term.resize(Size(usize::from(rows), usize::from(columns)));
    }

    fn cells(&self, row: usize) -> impl Iterator<Item = &Cell> {
        let grid = self.term.grid();
        let row = Line(i32::try_from(row).expect("few rows"));
        (0..grid.columns()).map(move |column| &grid[row][Column(column)])
    }

    /// The rows as text.
    pub(crate) fn rows(&self) -> Vec<String> {
        let rows = 0..self.term.grid().screen_lines();
        rows.map(|row| self.cells(row).map(text).collect::<String>().trim_end().to_owned())
            .collect()
    }

    /// The screen as text, with the cursor's place below it.
    pub(crate) fn picture(&self) -> String {
        let mut picture = self.rows().join("\n");
        if let Some((x, y)) = self.cursor() {
            picture.push_str(&format!("\n(cursor: column {}, row {})", x + 1, y + 1));
        }
        picture
    }

    /// The rows in which something has a style, as pieces with their styles.
    pub(crate) fn styled(&self) -> String {
        let mut out = String::new();
        for row in 0..self.term.grid().screen_lines() {
            let mut pieces: Vec<(String, String)> = Vec::new();
            for cell in self.cells(row) {
                let style = style(cell);
                match pieces.last_mut() {
                    Some((last, so_far)) if *last == style => so_far.push_str(&text(cell)),
                    _ => pieces.push((style, text(cell))),
                }
            }
            for (style, text) in pieces {
                match (style.as_str(), text.trim()) {
                    (_, "") => out.push_str(if text.is_empty() { "" } else { " " }),
                    ("", text) => out.push_str(text),
                    (style, text) => out.push_str(&format!("⟨{style}: {text}⟩")),
                }
            }
            while out.ends_with(' ') {
                out.pop();
            }
            out.push('\n');
        }
        out
    }

    /// The column and row of the cursor, if it is to be seen.
    pub(crate) fn cursor(&self) -> Option<(usize, usize)> {
        let point = self.term.grid().cursor.point;
        let row = usize::try_from(point.line.0).expect("no history");
        self.term.mode().contains(TermMode::SHOW_CURSOR).then_some((point.column.0, row))
    }

    /// All that there is to see: texts, styles, addresses, the cursor.
    pub(crate) fn everything(&self) -> Vec<String> {
        let rows = 0..self.term.grid().screen_lines();
        let cell = |cell: &Cell| format!("{}|{}", text(cell), style(cell));
        let mut all: Vec<String> =
            rows.map(|row| self.cells(row).map(cell).collect::<Vec<_>>().join(" ")).collect();
        all.push(format!("{:?}", self.cursor()));
        all
    }
}

/// Cells beside each other that look alike, as an artist needs them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) column: u16,
    pub(crate) row: u16,
    pub(crate) cells: u16,
    pub(crate) text: String,
    /// Colours of the palette; none are the terminal's own.
    pub(crate) foreground: Option<u8>,
    pub(crate) background: Option<u8>,
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) underlined: bool,
}

impl Emulator {
    /// The whole screen in pieces. Characters that fonts make wider or narrower than cells are pieces of their own.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for row in 0..self.term.grid().screen_lines() {
            let mut apart = true;
            for (column, cell) in self.cells(row).enumerate() {
                let text = text(cell);
                let looks = |piece: &Piece| {
                    piece.foreground == index(cell.fg)
                        && piece.background == index(cell.bg)
                        && piece.bold == cell.flags.contains(Flags::BOLD)
                        && piece.italic == cell.flags.contains(Flags::ITALIC)
                        && piece.underlined == cell.flags.contains(Flags::UNDERLINE)
                };
                let is_alone = !text.is_ascii() && !text.starts_with('─');
                match pieces.last_mut() {
                    // The second half of a wide character.
                    Some(last) if text.is_empty() => last.cells += 1,
                    Some(last) if !apart && !is_alone && looks(last) => {
                        last.text.push_str(&text);
                        last.cells += 1;
                    }
                    _ => pieces.push(Piece {
                        column: u16::try_from(column).expect("few columns"),
                        row: u16::try_from(row).expect("few rows"),
                        cells: 1,
                        text: text.clone(),
                        foreground: index(cell.fg),
                        background: index(cell.bg),
                        bold: cell.flags.contains(Flags::BOLD),
                        italic: cell.flags.contains(Flags::ITALIC),
                        underlined: cell.flags.contains(Flags::UNDERLINE),
                    }),
                }
                apart = is_alone || text.is_empty();
            }
        }
        pieces
    }
}

fn index(colour: Color) -> Option<u8> {
    match colour {
        Color::Indexed(index) => Some(index),
        Color::Named(name) => u8::try_from(name as usize).ok().filter(|index| *index < 16),
        Color::Spec(_) => None,
    }
}

fn text(cell: &Cell) -> String {
    if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
        return String::new();
    }
    let mut text = String::from(cell.c);
    text.extend(cell.zerowidth().into_iter().flatten());
    text
}

fn style(cell: &Cell) -> String {
    let mut parts = Vec::new();
    let flags = [
        (Flags::BOLD, "bold"),
        (Flags::DIM, "dim"),
        (Flags::ITALIC, "italic"),
        (Flags::UNDERLINE, "underlined"),
        (Flags::INVERSE, "reversed"),
        (Flags::STRIKEOUT, "struck"),
    ];
    parts.extend(
        flags
            .into_iter()
            .filter(|(flag, _)| cell.flags.contains(*flag))
            .map(|(_, name)| name.to_owned()),
    );
    if cell.fg != Color::Named(NamedColor::Foreground) {
        parts.push(colour(cell.fg));
    }
    if cell.bg != Color::Named(NamedColor::Background) {
        parts.push(format!("on {}", colour(cell.bg)));
    }
    parts.extend(cell.hyperlink().map(|link| format!("to {}", link.uri())));
    parts.join(" ")
}

fn colour(colour: Color) -> String {
    match colour {
        Color::Named(name) => format!("{name:?}").to_lowercase(),
        Color::Indexed(index) => index.to_string(),
        Color::Spec(rgb) => format!("{rgb:?}"),
    }
}
