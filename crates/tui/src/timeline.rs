//! The timeline: which of its rows are visible. Only what is near the screen is laid out, from the
//! row at the top, so its length does not matter.

mod block;
mod event;

pub(crate) use block::{Block, Line};

use crate::conversation_view::{Anchor, RowId, Scroll, UnreadLine};
use crate::limits::FOLDED;
use crate::rich::Reader;
use crate::tui::{Focus, Tui};
use chat::Chat;
use chat::conversation::Conversation;
use chat::entry::Entry;
use chat::timeline::Row;
use jiff::tz::TimeZone;
use std::ops::Range;

/// A row: an entry, sent or not, or a gap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    Entry(&'a Entry),
    Gap,
}

/// A conversation to lay out.
pub(crate) struct View<'a> {
    pub(crate) conversation: &'a Conversation,
    pub(crate) waiting: Vec<Entry>,
    pub(crate) unread_line: Option<UnreadLine>,
    pub(crate) focus: Option<RowId>,
    pub(crate) reader: Reader<'a>,
    pub(crate) zone: &'a TimeZone,
    /// Older history can be requested.
    pub(crate) has_history: bool,
    pub(crate) columns: usize,
    pub(crate) height: usize,
}

/// The first row of the block at the top of the screen, and how many of its screen rows are above
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) first: usize,
    pub(crate) above: usize,
}

impl<'a> View<'a> {
    /// The open conversation; none if there is none.
    pub(crate) fn of(tui: &'a Tui, chat: &'a Chat) -> Option<View<'a>> {
        let conversation = tui.conversation(chat)?;
        let focus = match &tui.focus {
            Focus::Message(id) => Some(id.clone()),
            Focus::Composer => None,
        };
        Some(View {
            conversation,
            waiting: chat.waiting(&conversation.name).map(|out| out.entry(&chat.me)).collect(),
            unread_line: tui.known_view().and_then(|view| view.unread_line.clone()),
            focus,
            reader: Reader {
                theme: tui.settings.theme,
                links: tui.settings.links,
                me: &chat.me,
                found: &[],
            },
            zone: &tui.settings.zone,
            has_history: chat.connected && chat.server.has("draft/chathistory"),
            columns: usize::from(tui.map.timeline.width),
            height: usize::from(tui.map.timeline.height),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.conversation.timeline.rows().len() + self.waiting.len()
    }

    pub(crate) fn piece(&self, index: usize) -> Option<Piece<'_>> {
        let rows = self.conversation.timeline.rows();
        match rows.get(index) {
            Some(Row::Entry(entry)) => Some(Piece::Entry(entry)),
            Some(Row::Gap) => Some(Piece::Gap),
            None => self.waiting.get(index - rows.len()).map(Piece::Entry),
        }
    }

    pub(crate) fn entry(&self, index: usize) -> Option<&Entry> {
        match self.piece(index)? {
            Piece::Entry(entry) => Some(entry),
            Piece::Gap => None,
        }
    }

    fn comes_or_goes(&self, index: usize) -> bool {
        self.entry(index).is_some_and(|entry| entry.kind.is_coming_or_going())
    }

    /// The rows that are shown as one with this one: people who come and go.
    pub(crate) fn together(&self, index: usize) -> Range<usize> {
        if !self.comes_or_goes(index) {
            return index..index + 1;
        }
        let (mut first, mut end) = (index, index + 1);
        while first > 0 && end - first < FOLDED && self.comes_or_goes(first - 1) {
            first -= 1;
        }
        while end - first < FOLDED && self.comes_or_goes(end) {
            end += 1;
        }
        first..end
    }

    fn id(&self, index: usize) -> RowId {
        self.entry(index).map_or(RowId::Gap, RowId::of)
    }

    /// The index of a row, given its last known index.
    pub(crate) fn locate(&self, id: &RowId, index: usize) -> Option<usize> {
        let len = self.len();
        let is_it = |at: &usize| self.piece(*at).is_some() && self.has_id(*at, id);
        let start = index.min(len.saturating_sub(1));
        (0..=len).find_map(|away| {
            let up = start.checked_sub(away).filter(is_it);
            up.or_else(|| Some(start + away).filter(|at| *at < len).filter(is_it))
        })
    }

    fn has_id(&self, index: usize, id: &RowId) -> bool {
        match (id, self.piece(index)) {
            (RowId::Gap, Some(Piece::Gap)) => true,
            (RowId::Msgid(msgid), Some(Piece::Entry(entry))) => entry.msgid.as_ref() == Some(msgid),
            (RowId::Outgoing(number), Some(Piece::Entry(entry))) => entry.outgoing == Some(*number),
            (RowId::Local(time, from), Some(Piece::Entry(entry))) => {
                entry.msgid.is_none() && entry.time_ms == *time && entry.from == *from
            }
            _ => false,
        }
    }

    /// The top when the end is at the bottom; none if everything fits.
    fn top_of_end(&self) -> Option<Top> {
        let mut rows = 0;
        let mut end = self.len();
        while end > 0 {
            let block = self.block(end - 1);
            rows += block.lines.len();
            if rows >= self.height {
                let above = rows - self.height;
                let top = Top { first: block.rows.start, above };
                // An exact fit with something above it still has a top.
                return (block.rows.start > 0 || above > 0).then_some(top);
            }
            end = block.rows.start;
        }
        None
    }

    /// The remembered top; none for the end.
    pub(crate) fn top(&self, scroll: &Scroll) -> Option<Top> {
        let Scroll::At(anchor) = scroll else { return None };
        let index = self.locate(&anchor.id, anchor.index);
        let index = index.unwrap_or(anchor.index.min(self.len().checked_sub(1)?));
        let block = self.block(index);
        // It may have fewer rows than when it was remembered.
        let above = anchor.above.min(block.lines.len().saturating_sub(1));
        Some(Top { first: block.rows.start, above })
    }

    /// The scroll position to remember for a top: the end if nothing is below the screen.
    pub(crate) fn scroll_for(&self, top: Option<Top>) -> Scroll {
        let Some(top) = top else { return Scroll::End };
        let mut rows = 0;
        let mut at = top.first;
        while at < self.len() {
            let block = self.block(at);
            rows += block.lines.len();
            if rows > self.height + top.above {
                let Top { first: index, above } = top;
                return Scroll::At(Anchor { id: self.id(index), index, above });
            }
            at = block.rows.end;
        }
        Scroll::End
    }

    fn moved_up(&self, top: Top, rows: usize) -> Top {
        let Top { mut first, mut above } = top;
        let mut left = rows;
        while left > above {
            left -= above;
            if first == 0 {
                return Top { first: 0, above: 0 };
            }
            let block = self.block(first - 1);
            (first, above) = (block.rows.start, block.lines.len());
        }
        Top { first, above: above - left }
    }

    fn moved_down(&self, top: Top, rows: usize) -> Option<Top> {
        let Top { mut first, mut above } = top;
        let mut left = rows;
        while first < self.len() {
            let block = self.block(first);
            let height = block.lines.len();
            if above + left < height {
                return Some(Top { first, above: above + left });
            }
            left -= height.saturating_sub(above).min(left);
            (first, above) = (block.rows.end, 0);
        }
        None
    }

    /// Scrolls by rows from a position.
    fn scrolled(&self, scroll: &Scroll, rows: isize) -> Scroll {
        let Some(top) = self.top(scroll).or_else(|| self.top_of_end()) else { return Scroll::End };
        let count = rows.unsigned_abs();
        let moved =
            if rows < 0 { Some(self.moved_up(top, count)) } else { self.moved_down(top, count) };
        self.scroll_for(moved)
    }

    /// The scroll position at which a row is visible: the nearest one, or with the row in the
    /// middle.
    fn showing(&self, scroll: &Scroll, index: usize, in_the_middle: bool) -> Scroll {
        let range = self.together(index);
        let height = self.block(index).lines.len();
        let of_row = Top { first: range.start, above: 0 };
        if in_the_middle {
            let over = self.height.saturating_sub(height) / 2;
            return self.scroll_for(Some(self.moved_up(of_row, over)));
        }
        let Some(top) = self.top(scroll).or_else(|| self.top_of_end()) else { return Scroll::End };
        if (range.start, 0) < (top.first, top.above) {
            return self.scroll_for(Some(of_row));
        }
        let mut bottom = 0;
        let mut at = top.first;
        while at <= index && bottom < self.height + top.above + height {
            let block = self.block(at);
            bottom += block.lines.len();
            at = block.rows.end;
        }
        if at > index && bottom <= self.height + top.above {
            return scroll.clone();
        }
        self.scroll_for(Some(self.moved_up(of_row, self.height.saturating_sub(height))))
    }

    /// The visible blocks from top to bottom, and how many rows of the first are above the screen.
    pub(crate) fn visible(&self, scroll: &Scroll) -> (Vec<Block>, usize) {
        let mut blocks = Vec::new();
        let top = self.top(scroll).or_else(|| self.top_of_end());
        let Top { first, above } = top.unwrap_or(Top { first: 0, above: 0 });
        let (mut rows, mut at) = (0, first);
        while at < self.len() && rows < self.height + above {
            let block = self.block(at);
            rows += block.lines.len();
            at = block.rows.end;
            blocks.push(block);
        }
        (blocks, above)
    }
}

/// Turns a jump whose target is loaded into a position.
pub(crate) fn resolve_jump(tui: &mut Tui, chat: &Chat) {
    let Some(scroll) = tui.known_view().map(|view| view.scroll.clone()) else { return };
    let Some(view) = View::of(tui, chat) else { return };
    let found = |msgid: &String| {
        view.conversation
            .timeline
            .has(msgid)
            .then(|| view.locate(&RowId::Msgid(msgid.clone()), view.len()))
    };
    let arrived = match &scroll {
        Scroll::Jump(msgid) => {
            found(msgid).flatten().map(|index| view.showing(&Scroll::End, index, true))
        }
        Scroll::Unread(msgid) => found(msgid).flatten().map(|index| {
            view.scroll_for(Some(Top { first: view.together(index).start, above: 0 }))
        }),
        Scroll::End | Scroll::At(_) => None,
    };
    if let Some(arrived) = arrived {
        tui.conversation_view().scroll = arrived;
    }
}

/// Scrolls the open conversation by rows.
pub(crate) fn scroll(tui: &mut Tui, rows: isize, chat: &Chat) {
    let scroll = tui.known_view().map(|view| view.scroll.clone()).unwrap_or_default();
    let Some(view) = View::of(tui, chat) else { return };
    let scrolled = view.scrolled(&scroll, rows);
    go_to(tui, scrolled);
}

/// Scrolls to the oldest rows.
pub(crate) fn scroll_to_start(tui: &mut Tui, chat: &Chat) {
    let Some(view) = View::of(tui, chat) else { return };
    let start = view.scroll_for(Some(Top { first: 0, above: 0 }));
    tui.conversation_view().scroll = start;
}

/// Moves the focus to the next message above or below.
pub(crate) fn focus(tui: &mut Tui, up: bool, chat: &Chat) {
    let Some(view) = View::of(tui, chat) else { return };
    let scroll = tui.known_view().map(|view| view.scroll.clone()).unwrap_or_default();
    let len = view.len();
    let is_said = |at: &usize| view.entry(*at).is_some_and(|entry| entry.kind.is_said());
    let next = match &tui.focus {
        Focus::Message(id) => {
            // It may have been removed from the list; then the end will do.
            let at = view.locate(id, tui.map.focused).unwrap_or(len);
            if up { (0..at).rev().find(is_said).or(Some(at)) } else { (at + 1..len).find(is_said) }
        }
        Focus::Composer if up => {
            let (blocks, _) = view.visible(&scroll);
            let end = blocks.last().map_or(len, |block| block.rows.end);
            (0..end).rev().find(is_said)
        }
        Focus::Composer => None,
    };
    let Some(index) = next.filter(|index| *index < len) else {
        tui.focus = Focus::Composer;
        return;
    };
    let id = view.id(index);
    let shown = view.showing(&scroll, index, false);
    tui.map.focused = index;
    tui.focus = Focus::Message(id);
    go_to(tui, shown);
}

/// The person scrolls there.
fn go_to(tui: &mut Tui, scroll: Scroll) {
    let place = tui.conversation_view();
    place.skipped |= scroll == Scroll::End;
    place.scroll = scroll;
}
