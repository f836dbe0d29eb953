//! A box over the rest of the screen, with an input line and a list.

use crate::canvas::{Canvas, Span};
use crate::composer::Composer;
use crate::draw::bottom::{layout, visible};
use crate::theme::{Role, Theme};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

/// Draws an empty box, and returns its inside.
pub(super) fn frame(
    canvas: &mut Canvas,
    theme: Theme,
    title: &str,
    columns: u16,
    rows: u16,
) -> Rect {
    let screen = canvas.area();
    let (columns, rows) = (columns.min(screen.width), rows.min(screen.height));
    let x = (screen.width - columns) / 2;
    let y = (screen.height - rows) / 3;
    let area = Rect::new(x, y, columns, rows);
    canvas.clear(area, Style::new());
    canvas.cursor = None;
    if columns < 4 || rows < 3 {
        return area;
    }
    let style = theme.style(Role::Quiet);
    let (last, bottom) = (area.right() - 1, area.bottom() - 1);
    canvas.put(x, y, area.right(), "╭", style);
    canvas.rule(x + 1, y, last, "─", style);
    canvas.put(last, y, area.right(), "╮", style);
    for row in y + 1..bottom {
        canvas.put(x, row, area.right(), "│", style);
        canvas.put(last, row, area.right(), "│", style);
    }
    canvas.put(x, bottom, area.right(), "╰", style);
    canvas.rule(x + 1, bottom, last, "─", style);
    canvas.put(last, bottom, area.right(), "╯", style);
    canvas.put_cut(x + 2, y, last, &format!(" {title} "), theme.style(Role::Strong));
    Rect::new(x + 2, y + 1, columns - 4, rows - 2)
}

/// An input row at the top of an area, with the cursor in it. Returns what is below.
pub(super) fn input(
    canvas: &mut Canvas,
    theme: Theme,
    area: Rect,
    prompt: &str,
    composer: &Composer,
    is_secret: bool,
) -> Rect {
    if area.is_empty() {
        return area;
    }
    let x = canvas.put_cut(area.x, area.y, area.right(), prompt, theme.style(Role::Strong));
    let columns = usize::from(area.right().saturating_sub(x + 1)).max(2);
    let hidden;
    let composer = if is_secret {
        hidden = secret(composer);
        &hidden
    } else {
        composer
    };
    // Only the cursor's row: the input has room for no more.
    let (rows, (row, column)) = layout(composer, columns);
    if let Some(text) = rows.get(row) {
        canvas.put(x, area.y, area.right(), &visible(text), Style::new());
    }
    let column = x + u16::try_from(column).unwrap_or(0);
    canvas.cursor = Some((column.min(area.right() - 1), area.y));
    Rect::new(area.x, area.y + 1, area.width, area.height - 1)
}

/// Replaces each character by a sign.
fn secret(composer: &Composer) -> Composer {
    let signs = |text: &str| "•".repeat(text.chars().count());
    let (before, after) = composer.text().split_at(composer.cursor());
    let mut hidden = Composer::default();
    hidden.set(&format!("{}{}", signs(before), signs(after)));
    hidden
}

/// The rows of a list of this many items, with the selected one visible. Returns where each visible
/// item is.
pub(super) fn rows(
    canvas: &mut Canvas,
    theme: Theme,
    area: Rect,
    (count, selected): (usize, usize),
    item: impl Fn(usize) -> Vec<Span>,
) -> Vec<(Rect, usize)> {
    let height = usize::from(area.height);
    let skip = (selected + 1).saturating_sub(height);
    let mut places = Vec::new();
    for (y, number) in (area.top()..area.bottom()).zip(skip..count) {
        let row = Rect::new(area.x, y, area.width, 1);
        if number == selected {
            canvas.tint(row, theme.style(Role::Chosen));
        }
        canvas.put_spans(area.x, y, area.right(), &item(number));
        places.push((row, number));
    }
    places
}
