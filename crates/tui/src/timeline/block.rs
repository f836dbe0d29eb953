//! Lays out one row of a timeline, or several that are shown as one, as screen rows.

use super::{Piece, View};
use crate::canvas::Span;
use crate::conversation_view::RowId;
use crate::limits::{FOCUSED_ROWS, MESSAGE_ROWS, QUOTED};
use crate::rich::bare;
use crate::safe;
use crate::theme::Role;
use crate::wrap::{ellipsis, left, right, width, wrap};
use chat::entry::{Delivery, Entry, Kind};
use jiff::{Timestamp, Zoned};
use ratatui_core::style::{Modifier, Style};
use std::ops::Range;

/// Messages of one author are grouped if no more than this lies between two of them.
const GROUP_MS: i64 = 5 * 60_000;

/// A screen row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) spans: Vec<Span>,
    /// The rest of the row is a line in this style.
    pub(crate) rule: Option<Style>,
    /// It belongs to the message, not to the separator before it.
    pub(crate) is_body: bool,
}

/// What is shown as one.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The rows of the timeline.
    pub(crate) rows: Range<usize>,
    /// The message, if it is one.
    pub(crate) id: Option<RowId>,
    pub(crate) is_gap: bool,
    pub(crate) lines: Vec<Line>,
}

/// The columns to the left of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gutter {
    pub(super) time: usize,
    pub(super) nick: usize,
}

impl Gutter {
    fn of(columns: usize) -> Gutter {
        match columns {
            100.. => Gutter { time: 6, nick: 14 },
            70.. => Gutter { time: 6, nick: 11 },
            50.. => Gutter { time: 6, nick: 9 },
            30.. => Gutter { time: 0, nick: 8 },
            _ => Gutter { time: 0, nick: 0 },
        }
    }

    /// Up to the text: the mark has a cell on each side.
    pub(super) fn width(self) -> usize {
        self.time + self.nick + if self.nick == 0 { 2 } else { 3 }
    }
}

/// What is to the left of a text's first line.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) time: String,
    pub(super) nick: Span,
    pub(super) mark: Span,
    /// The mark of the lines after the first.
    pub(super) mark_below: Span,
}

impl View<'_> {
    /// The block that a row is shown in.
    pub(crate) fn block(&self, index: usize) -> Block {
        let rows = self.together(index);
        let mut lines = self.separators(rows.start);
        let mut block = Block { rows, id: None, is_gap: false, lines: Vec::new() };
        match self.piece(block.rows.start) {
            Some(Piece::Gap) => {
                block.is_gap = true;
                lines.push(self.gap());
            }
            Some(Piece::Entry(entry)) if entry.kind.is_said() => {
                block.id = Some(RowId::of(entry));
                let is_first = !lines.is_empty() || !self.is_grouped(block.rows.start, entry);
                self.message(block.rows.start, entry, is_first, &mut lines);
            }
            Some(Piece::Entry(entry)) => self.event(&block.rows, entry, &mut lines),
            None => {}
        }
        block.lines = lines;
        block
    }

    pub(super) fn gutter(&self) -> Gutter {
        Gutter::of(self.columns)
    }

    pub(super) fn text_columns(&self) -> usize {
        self.columns.saturating_sub(self.gutter().width() + 1).max(2)
    }

    pub(crate) fn style(&self, role: Role) -> Style {
        self.reader.theme.style(role)
    }

    pub(crate) fn at(&self, time_ms: i64) -> Zoned {
        // Times outside jiff's years (-9999 to 9999) do not come from a clock.
        Timestamp::from_millisecond(time_ms).unwrap_or_default().to_zoned(self.zone.clone())
    }

    /// The separators before a row: the timeline's beginning, a new day, the unread line.
    fn separators(&self, index: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        if index == 0 {
            lines.extend(self.beginning());
        }
        let Some(entry) = self.entry(index) else { return lines };
        let day = self.at(entry.time_ms).date();
        let before = (0..index).rev().take(2).find_map(|before| self.entry(before));
        if before.is_none_or(|before| self.at(before.time_ms).date() != day) {
            let style = self.style(Role::Quiet);
            lines.push(rule(&day.strftime("%A, %-d %B %Y").to_string(), style));
        }
        if let Some(unread) = &self.unread_line
            && entry.msgid.as_ref() == Some(&unread.msgid)
        {
            let more = if unread.more { "+" } else { "" };
            let since = self.at(entry.time_ms).strftime("%H:%M");
            let text = format!("{}{more} new since {since}", unread.count);
            lines.push(rule(&text, self.style(Role::Call)));
        }
        lines
    }

    fn beginning(&self) -> Option<Line> {
        let name = &self.conversation.name;
        let text = if self.conversation.timeline.is_from_start() {
            format!("This is where {name} begins.")
        } else if self.conversation.loading > 0 {
            "Loading what was said before …".to_owned()
        } else if self.has_history && !name.is_empty() {
            "There is more above.".to_owned()
        } else {
            return None;
        };
        let text = ellipsis(&safe::text(&text), self.columns.saturating_sub(2));
        let indent = " ".repeat(self.columns.saturating_sub(width(&text)) / 2);
        let spans = vec![Span::new(format!("{indent}{text}"), self.style(Role::Quiet))];
        Some(Line { spans, ..Line::default() })
    }

    fn gap(&self) -> Line {
        let text = match (self.conversation.loading > 0, self.has_history) {
            (true, _) => "loading what is missing here …",
            (false, true) => "something may be missing here",
            (false, false) => "something may be missing here, and cannot be fetched now",
        };
        rule(text, self.style(Role::Quiet).add_modifier(Modifier::ITALIC))
    }

    /// Whether a message continues the previous one, so that its author is not repeated.
    fn is_grouped(&self, index: usize, entry: &Entry) -> bool {
        let Some(before) = index.checked_sub(1).and_then(|before| self.entry(before)) else {
            return false;
        };
        before.kind == entry.kind
            && entry.kind == Kind::Message
            && before.from == entry.from
            && entry.reply_to.is_none()
            && (0..GROUP_MS).contains(&(entry.time_ms - before.time_ms))
    }

    fn message(&self, index: usize, entry: &Entry, is_first: bool, lines: &mut Vec<Line>) {
        let columns = self.text_columns();
        let mut head = self.head(index, entry, is_first);
        if self.gutter().nick == 0 && is_first {
            let nick = std::mem::take(&mut head.nick);
            lines.push(Line { spans: vec![nick], is_body: true, ..Line::default() });
        }
        let mut body: Vec<Vec<Span>> = Vec::new();
        body.extend(self.quote(index, entry, columns));
        if let Some(by) = &entry.redacted_by {
            let by = if *by == entry.from { String::new() } else { format!(" by {by}") };
            let style = self.style(Role::Quiet).add_modifier(Modifier::ITALIC);
            body.push(vec![Span::new(format!("(taken back{by})"), style)]);
        } else {
            self.text(entry, columns, &mut body);
        }
        self.footer(entry, columns, &mut body);
        for (number, spans) in body.into_iter().enumerate() {
            let mut line = self.left_of(if number == 0 { Some(&head) } else { None }, &head);
            line.extend(spans);
            lines.push(Line { spans: line, is_body: true, ..Line::default() });
        }
    }

    /// The columns to the left of a text, for its first line or a later one.
    pub(super) fn left_of(&self, first: Option<&Head>, head: &Head) -> Vec<Span> {
        let gutter = self.gutter();
        let quiet = self.style(Role::Quiet);
        let mark = if first.is_some() { &head.mark } else { &head.mark_below };
        let mark_text = if mark.text.is_empty() { " " } else { &mark.text };
        if gutter.nick == 0 {
            return vec![Span::new(format!("{mark_text} "), mark.style)];
        }
        let (time, nick) = match first {
            Some(first) => (first.time.as_str(), first.nick.clone()),
            None => ("", Span::default()),
        };
        let time = left(time, gutter.time);
        vec![
            Span::new(time, quiet),
            Span::new(right(&nick.text, gutter.nick), nick.style),
            Span::new(format!(" {mark_text} "), mark.style),
        ]
    }

    fn head(&self, index: usize, entry: &Entry, is_first: bool) -> Head {
        let theme = self.reader.theme;
        let name = bare(&entry.from);
        let nick = match (entry.kind.clone(), is_first) {
            (Kind::Action, _) => Span::new("*", theme.name(&entry.from)),
            (_, false) => Span::default(),
            (Kind::Notice, true) => Span::new(format!("-{name}-"), theme.name(&entry.from)),
            (_, true) => Span::new(name, theme.name(&entry.from)),
        };
        let time = self.at(entry.time_ms).strftime("%H:%M").to_string();
        let same_minute = !is_first
            && index.checked_sub(1).and_then(|before| self.entry(before)).is_some_and(|before| {
                self.at(before.time_ms).strftime("%H:%M").to_string() == time
            });
        let mark = match &entry.delivery {
            Some(Delivery::Pending | Delivery::Sent) => Span::new("·", self.style(Role::Quiet)),
            Some(Delivery::Stored) => Span::new("✓", self.style(Role::Good)),
            Some(Delivery::Failed { .. }) => Span::new("!", self.style(Role::Bad)),
            None if entry.mentions_me => Span::new("▌", self.style(Role::Call)),
            None => Span::default(),
        };
        let mark_below = if entry.mentions_me { mark.clone() } else { Span::default() };
        Head { time: if same_minute { String::new() } else { time }, nick, mark, mark_below }
    }

    /// The message replied to, on one line.
    fn quote(&self, index: usize, entry: &Entry, columns: usize) -> Option<Vec<Span>> {
        let msgid = entry.reply_to.as_ref()?;
        let style = self.style(Role::Quiet);
        let of_it = |quoted: &&Entry| quoted.msgid.as_ref() == Some(msgid);
        let near = (0..index).rev().take(QUOTED).filter_map(|at| self.entry(at)).find(of_it);
        let Some(quoted) = near else {
            let text = ellipsis("╭ an earlier message", columns);
            return Some(vec![Span::new(text, style)]);
        };
        let name = ellipsis(&bare(&quoted.from), columns.saturating_sub(4).max(1));
        let text = match &quoted.redacted_by {
            Some(_) => "(taken back)".to_owned(),
            None => bare(&safe::cut(&quoted.text, 1_000).replace('\n', " ")),
        };
        let left = columns.saturating_sub(width(&name) + 4);
        let name_style = self.reader.theme.name(&quoted.from).remove_modifier(Modifier::BOLD);
        Some(vec![
            Span::new("╭ ", style),
            Span::new(name, name_style),
            Span::new(format!(": {}", ellipsis(&text, left)), style),
        ])
    }

    fn text(&self, entry: &Entry, columns: usize, body: &mut Vec<Vec<Span>>) {
        let is_focused = self.focus.as_ref() == Some(&RowId::of(entry));
        let most = if is_focused { FOCUSED_ROWS } else { MESSAGE_ROWS };
        let base = match entry.kind {
            Kind::Notice => self.style(Role::Quiet),
            _ => Style::new(),
        };
        // Reads no more than can be shown: each cell has a few bytes.
        let text = safe::cut(&entry.text, most * columns * 8);
        let shown = text.split('\n').take(most).map(str::len).sum::<usize>()
            + text.split('\n').take(most).count().saturating_sub(1);
        let mut rich = self.reader.lines(&text[..shown], base);
        if let (Kind::Action, Some(first)) = (&entry.kind, rich.first_mut()) {
            let name = bare(&entry.from);
            first.insert(&format!("{name} "), self.reader.theme.name(&entry.from));
        }
        let mut rows = 0;
        let mut is_cut = shown < entry.text.len();
        for line in &rich {
            for range in wrap(&line.text, columns) {
                rows += 1;
                if rows > most {
                    is_cut = true;
                    break;
                }
                body.push(line.spans(range));
            }
        }
        if is_cut {
            let hint = if is_focused {
                "… (too long to be shown whole)"
            } else {
                "… (↑ shows all of it)"
            };
            body.push(vec![Span::new(ellipsis(hint, columns), self.style(Role::Quiet))]);
        }
    }

    /// What is below a message: why it failed, that it is pinned, reactions.
    fn footer(&self, entry: &Entry, columns: usize, body: &mut Vec<Vec<Span>>) {
        if let Some(Delivery::Failed { reason }) = &entry.delivery {
            let text = format!("Not sent: {}", bare(reason));
            let rows = wrap(&text, columns);
            let style = self.style(Role::Bad);
            body.extend(rows.into_iter().take(3).map(|row| vec![Span::new(&text[row], style)]));
        }
        let quiet = self.style(Role::Quiet);
        let mut parts: Vec<Span> = Vec::new();
        if entry.msgid.as_ref().is_some_and(|msgid| self.conversation.pins.contains(msgid)) {
            parts.push(Span::new("pinned", quiet));
        }
        for reaction in &entry.reactions {
            let text = ellipsis(&bare(&reaction.text), 12.min(columns.saturating_sub(4)));
            let is_mine = reaction.by.iter().any(|name| proto::name::same(name, self.reader.me));
            let style = if is_mine { self.style(Role::Strong) } else { quiet };
            parts.push(Span::new(format!("{text} {}", reaction.by.len()), style));
        }
        let mut row: Vec<Span> = Vec::new();
        let mut filled = 0;
        for part in parts {
            let cells = width(&part.text);
            if filled > 0 && filled + 2 + cells > columns {
                body.push(std::mem::take(&mut row));
                filled = 0;
            }
            if filled > 0 {
                row.push(Span::new("  ", Style::new()));
                filled += 2;
            }
            filled += cells;
            row.push(part);
        }
        if !row.is_empty() {
            body.push(row);
        }
    }
}

/// A rule with a text in it.
fn rule(text: &str, style: Style) -> Line {
    let spans = vec![Span::new(format!("── {text} "), style)];
    Line { spans, rule: Some(style), is_body: false }
}
