//! Draws the overlay.

use super::Hit;
use super::list::{frame, input, rows};
use crate::canvas::{Canvas, Span};
use crate::overlay::{Answer, List, Overlay, Question};
use crate::palette::Palette;
use crate::rich::{Reader, bare};
use crate::theme::Role;
use crate::tui::Tui;
use crate::wrap::{ellipsis, left, right, width, wrap};
use chat::Chat;
use chat::entry::Entry;
use jiff::Timestamp;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

pub(super) fn draw(tui: &mut Tui, chat: &Chat, canvas: &mut Canvas) {
    let Some(mut overlay) = tui.overlay.take() else { return };
    let hits = match &mut overlay {
        Overlay::Help(scrolled) => {
            draw_help(tui, canvas, scrolled);
            Vec::new()
        }
        Overlay::Palette(palette) => draw_palette(tui, canvas, palette),
        Overlay::Search(list) => draw_search(tui, chat, canvas, list),
        Overlay::Rooms(list) => draw_rooms(tui, chat, canvas, list),
        Overlay::Reactions(list) => draw_reactions(tui, canvas, list),
        Overlay::Question(question) => {
            draw_question(tui, canvas, question);
            Vec::new()
        }
    };
    // Nothing below the overlay can be clicked.
    tui.map.hits.clear();
    tui.map.hits.extend(hits.into_iter().map(|(rect, number)| (rect, Hit::Item(number))));
    tui.overlay = Some(overlay);
}

/// The size of a box that does not cover everything.
fn medium(canvas: &Canvas, items: usize) -> (u16, u16) {
    let screen = canvas.area();
    let rows = u16::try_from(items + 4).unwrap_or(u16::MAX).max(8);
    (screen.width.saturating_sub(4).clamp(20, 90), rows.min(screen.height.saturating_sub(2)).max(4))
}

fn draw_help(tui: &Tui, canvas: &mut Canvas, scrolled: &mut usize) {
    let theme = tui.settings.theme;
    let sections = tui.keymap.help();
    let keys = sections.iter().flat_map(|(_, rows)| rows).map(|(keys, _)| width(keys)).max();
    let screen = canvas.area();
    let columns = screen.width.min(90);
    let area = frame(canvas, theme, "Help: Esc closes it", columns, screen.height);
    let keys = keys.unwrap_or(0).min(usize::from(area.width) / 2);
    let about = usize::from(area.width).saturating_sub(keys + 2).max(2);
    let mut lines: Vec<Vec<Span>> = Vec::new();
    for (heading, rows) in &sections {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        lines.push(vec![Span::new(bare(heading), theme.style(Role::Strong))]);
        for (key, what) in rows {
            let what = bare(what);
            for (number, range) in wrap(&what, about).into_iter().enumerate() {
                let key = if number == 0 { bare(key) } else { String::new() };
                lines.push(vec![
                    Span::new(left(&key, keys), theme.style(Role::Call)),
                    Span::new(format!("  {}", &what[range]), Style::new()),
                ]);
            }
        }
    }
    // It scrolls no further than its end.
    *scrolled = (*scrolled).min(lines.len().saturating_sub(usize::from(area.height)));
    for (y, spans) in (area.top()..area.bottom()).zip(lines.iter().skip(*scrolled)) {
        canvas.put_spans(area.x, y, area.right(), spans);
    }
}

fn draw_palette(tui: &Tui, canvas: &mut Canvas, palette: &Palette) -> Vec<(Rect, usize)> {
    let theme = tui.settings.theme;
    let (columns, height) = medium(canvas, palette.hits.len());
    let area = frame(canvas, theme, "Go to", columns, height);
    let below = input(canvas, theme, area, "> ", &palette.input, false);
    let name = usize::from(area.width) / 2;
    rows(canvas, theme, below, (palette.hits.len(), palette.selected), |number| {
        let hit = &palette.hits[number];
        let mut spans = marked(hit, theme.style(Role::Call));
        let cells: usize = spans.iter().map(|span| width(&span.text)).sum();
        spans.push(Span::new(" ".repeat(name.saturating_sub(cells)), Style::new()));
        spans.push(Span::new(format!(" {}", bare(&hit.about)), theme.style(Role::Quiet)));
        spans
    })
}

/// The text of a hit, with the typed letters highlighted.
fn marked(hit: &crate::palette::Hit, style: Style) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (number, letter) in hit.text.chars().enumerate() {
        let style = if hit.marked.contains(&number) { style } else { Style::new() };
        match spans.last_mut() {
            Some(last) if last.style == style => last.text.push(letter),
            _ => spans.push(Span::new(letter, style)),
        }
    }
    spans.into_iter().map(|span| Span { text: bare(&span.text), ..span }).collect()
}

fn draw_search(tui: &Tui, chat: &Chat, canvas: &mut Canvas, list: &List) -> Vec<(Rect, usize)> {
    let theme = tui.settings.theme;
    let screen = canvas.area();
    let height = screen.height.saturating_sub(2).max(4);
    let area = frame(canvas, theme, "Search", screen.width, height);
    let below = input(canvas, theme, area, "> ", &list.input, false);
    if below.is_empty() {
        return Vec::new();
    }
    let search = &chat.search;
    let words = searched(&search.words);
    let is_asked = list.input.text().trim() == search.words.trim();
    let note = if search.loading {
        "Searching …".to_owned()
    } else if search.words.is_empty() || !is_asked {
        "Words; from:ann in:#room before:2026-11-30 after:… \"exact words\" -not".to_owned()
    } else if search.found.is_empty() && search.note.is_empty() {
        "Nothing was found.".to_owned()
    } else {
        bare(&search.note)
    };
    let quiet = theme.style(Role::Quiet);
    canvas.put_cut(below.x, below.bottom() - 1, below.right(), &note, quiet);
    let results = Rect::new(below.x, below.y, below.width, below.height - 1);
    rows(canvas, theme, results, (search.found.len(), list.selected), |number| {
        let (place, entry) = &search.found[number];
        hit(tui, area, place, entry, &words)
    })
}

/// The words of a search to highlight, in lower case.
fn searched(words: &str) -> Vec<String> {
    let filters = ["from:", "in:", "before:", "after:", "has:", "-"];
    let is_word = |word: &&str| !filters.iter().any(|filter| word.starts_with(filter));
    let words = words.split_whitespace().filter(is_word);
    words
        .map(|word| word.trim_matches('"').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// One result: where, when, who, and the text.
fn hit(tui: &Tui, area: Rect, place: &str, entry: &Entry, words: &[String]) -> Vec<Span> {
    let theme = tui.settings.theme;
    let quiet = theme.style(Role::Quiet);
    let time = Timestamp::from_millisecond(entry.time_ms).unwrap_or_default();
    let time = time.to_zoned(tui.settings.zone.clone());
    let (place_columns, nick, format) = match area.width {
        90.. => (16, 12, "%F %H:%M"),
        50.. => (10, 9, "%e %b %H:%M"),
        _ => (7, 7, "%e %b"),
    };
    let reader = Reader { theme, links: false, me: "", found: words };
    let text = entry.text.replace('\n', " ");
    let rich = reader.lines(&text, Style::new()).into_iter().next().unwrap_or_default();
    let mut spans = vec![
        Span::new(format!("{} ", left(&bare(place), place_columns)), quiet),
        Span::new(format!("{} ", time.strftime(format)), quiet),
        Span::new(format!("{} ", right(&bare(&entry.from), nick)), theme.name(&entry.from)),
    ];
    spans.extend(rich.spans(0..rich.text.len()));
    spans
}

fn draw_rooms(tui: &Tui, chat: &Chat, canvas: &mut Canvas, list: &List) -> Vec<(Rect, usize)> {
    let theme = tui.settings.theme;
    let screen = canvas.area();
    let height = screen.height.saturating_sub(2).max(4);
    let area = frame(canvas, theme, "Rooms", screen.width.min(110), height);
    let below = input(canvas, theme, area, "> ", &list.input, false);
    let name = (usize::from(area.width) / 3).min(28);
    let quiet = theme.style(Role::Quiet);
    let rooms = list.rooms(chat);
    rows(canvas, theme, below, (rooms.len(), list.selected), |number| {
        let room = rooms[number];
        vec![
            Span::new(left(&bare(&room.name), name), Style::new()),
            Span::new(right(&room.members.to_string(), 6), theme.style(Role::Strong)),
            Span::new(format!("  {}", bare(&room.topic)), quiet),
        ]
    })
}

fn draw_reactions(tui: &Tui, canvas: &mut Canvas, list: &List) -> Vec<(Rect, usize)> {
    let theme = tui.settings.theme;
    let reactions = list.reactions();
    let (_, height) = medium(canvas, reactions.len());
    let area = frame(canvas, theme, "React", 34, height.min(16));
    let below = input(canvas, theme, area, "> ", &list.input, false);
    rows(canvas, theme, below, (reactions.len(), list.selected), |number| {
        let (emoji, name) = reactions[number];
        let name = Span::new(format!(" {name}"), theme.style(Role::Quiet));
        vec![Span::new(left(emoji, 3), Style::new()), name]
    })
}

fn draw_question(tui: &Tui, canvas: &mut Canvas, question: &Question) {
    let theme = tui.settings.theme;
    let columns = canvas.area().width.min(76);
    let inner = usize::from(columns.saturating_sub(4)).max(2);
    let mut text: Vec<String> = Vec::new();
    for line in question.text.split('\n').filter(|_| !question.text.is_empty()) {
        let line = bare(line);
        text.extend(wrap(&line, inner).into_iter().map(|range| line[range].to_owned()));
    }
    let height = text.len() + usize::from(!text.is_empty()) + 3;
    let height = u16::try_from(height).unwrap_or(u16::MAX);
    let area = frame(canvas, theme, &bare(&question.title), columns, height);
    let mut y = area.y;
    // The question itself is always visible.
    for line in text.iter().take(usize::from(area.height).saturating_sub(1)) {
        canvas.put(area.x, y, area.right(), line, Style::new());
        y += 1;
    }
    if !text.is_empty() && y + 1 < area.bottom() {
        y += 1;
    }
    let row = Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y));
    let prompt = format!("{} ", bare(&question.prompt));
    let prompt = ellipsis(&prompt, usize::from(area.width).saturating_sub(3));
    input(canvas, theme, row, &prompt, &question.input, question.answer == Answer::Secret);
}
