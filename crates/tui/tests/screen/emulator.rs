//! A terminal that shows what it is told.

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
