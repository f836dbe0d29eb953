//! The middle: the timeline. What was visible decides what is read and which history is needed.

use super::Hit;
use crate::action::Action;
use crate::canvas::Canvas;
use crate::conversation_view::{RowId, Scroll, UnreadLine};
use crate::limits::{ASKED, LEGIBLE, PAGES_UNASKED};
use crate::theme::Role;
use crate::timeline::{self, Block, Line, View};
use crate::tui::Tui;
use crate::wrap::width;
use chat::conversation::With;
use chat::timeline::{Row, Run};
use chat::{Chat, Intent};
use ratatui_core::layout::Rect;

/// The outcome of drawing the timeline.
#[derive(Debug, Default)]
pub(super) struct DrawOutcome {
    pub(super) actions: Vec<Action>,
    /// This many rows of the timeline are below the screen.
    pub(super) below: usize,
}

pub(super) fn draw(tui: &mut Tui, chat: &Chat, canvas: &mut Canvas, area: Rect) -> DrawOutcome {
    stay_at_unseen(tui, chat);
    mark_new(tui, chat);
    let mut seen = DrawOutcome::default();
    if area.is_empty() {
        return seen;
    }
    let scroll = tui.known_view().map(|view| view.scroll.clone()).unwrap_or_default();
    let Some(view) = View::of(tui, chat) else { return seen };
    if view.len() == 0 {
        draw_empty(&view, canvas, area);
        return seen;
    }
    let (blocks, above) = view.visible(&scroll);
    let rows: usize = blocks.iter().map(|block| block.lines.len()).sum::<usize>() - above;
    // A short timeline is at the bottom, next to the newest messages.
    let mut y = area.bottom() - u16::try_from(rows.min(usize::from(area.height))).unwrap_or(0);
    let mut skip = above;
    let mut hits = Vec::new();
    for block in &blocks {
        let top = y;
        for line in block.lines.iter().skip(skip) {
            if y < area.bottom() {
                draw_line(&view, canvas, area, y, line, block);
                y += 1;
            }
        }
        skip = 0;
        if let Some(id) = &block.id {
            let rect = Rect::new(area.x, top, area.width, y - top);
            hits.push((rect, Hit::Message(id.clone())));
        }
    }
    let end = blocks.last().map_or(0, |block| block.rows.end);
    seen.below = view.len() - end;
    // Before the end of the welcome it is not known what is missing, nor what is there.
    let wanted = if chat.is_ready() { wanted(&view, &blocks) } else { Vec::new() };
    let name = view.conversation.name.clone();
    let unread = view.conversation.unread;
    drop(view);
    tui.map.hits.extend(hits);
    for run in wanted {
        let place = tui.conversation_view();
        if place.pages >= PAGES_UNASKED {
            // More is fetched when the person goes on.
            continue;
        }
        if !place.asked.contains(&run) {
            place.pages += 1;
            if place.asked.len() >= ASKED {
                place.asked.remove(0);
            }
            place.asked.push(run.clone());
            seen.actions.push(Action::Do(Intent::Load { target: name.clone(), run }));
        }
    }
    if follows(tui) {
        seen.actions.extend(read(tui, chat));
        let place = tui.conversation_view();
        place.followed = true;
        place.skipped &= unread > 0;
    }
    seen
}

fn draw_line(view: &View<'_>, canvas: &mut Canvas, area: Rect, y: u16, line: &Line, block: &Block) {
    if line.is_body && block.id.is_some() && view.focus == block.id {
        let row = Rect::new(area.x, y, area.width, 1);
        canvas.tint(row, view.style(Role::Chosen));
    }
    let x = canvas.put_spans(area.x, y, area.right(), &line.spans);
    if let Some(style) = line.rule {
        canvas.rule(x, y, area.right(), "─", style);
    }
}

fn draw_empty(view: &View<'_>, canvas: &mut Canvas, area: Rect) {
    let conversation = view.conversation;
    let text = match conversation.with {
        _ if conversation.loading > 0 => "Loading …",
        With::Room if !conversation.joined => "You are not in this room.",
        With::Server => "",
        With::Room | With::Person => "Nothing has been said here yet.",
    };
    let cells = u16::try_from(width(text)).unwrap_or(0);
    let x = area.x + area.width.saturating_sub(cells) / 2;
    canvas.put(x, area.y + area.height / 2, area.right(), text, view.style(Role::Quiet));
}

/// The pages of history that are needed: above the first row, if it is near, and in visible gaps.
fn wanted(view: &View<'_>, blocks: &[Block]) -> Vec<Run> {
    let timeline = &view.conversation.timeline;
    if !view.has_history || view.conversation.with == With::Server {
        return Vec::new();
    }
    let mut wanted = Vec::new();
    let first = blocks.first().map_or(0, |block| block.rows.start);
    let gaps = blocks.iter().filter(|block| block.is_gap);
    wanted.extend(gaps.map(|block| timeline.filler(Some(block.rows.start))));
    if first < view.height && !timeline.is_from_start() {
        wanted.push(timeline.filler(None));
    }
    wanted
}

/// Whether new messages at the end become visible at once.
fn follows(tui: &Tui) -> bool {
    let at_end = tui.known_view().is_none_or(|view| view.scroll == Scroll::End);
    let (columns, rows) = LEGIBLE;
    let is_legible = tui.map.timeline.width >= columns && tui.map.timeline.height >= rows;
    at_end && tui.focused && tui.overlay.is_none() && is_legible
}

/// More has come than fits the screen: the first unread message stays on it, unless the person wants the end.
fn stay_at_unseen(tui: &mut Tui, chat: &Chat) {
    if !follows(tui) || !chat.is_ready() {
        return;
    }
    let Some(view) = View::of(tui, chat) else { return };
    let conversation = view.conversation;
    let first = conversation.first_unread.clone().filter(|_| conversation.unread > 0);
    let Some(msgid) = first.filter(|msgid| conversation.timeline.has(msgid)) else { return };
    let (blocks, _) = view.visible(&Scroll::End);
    let top = blocks.first().map_or(0, |block| block.rows.start);
    let is_above = |index: usize| index < top;
    if !view.locate(&RowId::Msgid(msgid.clone()), view.len()).is_some_and(is_above) {
        return;
    }
    let (count, more) = (conversation.unread, conversation.unread_more);
    drop(view);
    let place = tui.conversation_view();
    if place.followed && !place.skipped {
        place.unread_line = Some(UnreadLine { msgid: msgid.clone(), count, more });
        place.scroll = Scroll::Unread(msgid);
        timeline::resolve_jump(tui, chat);
    }
}

/// Messages that arrive while nobody looks get an unread line.
fn mark_new(tui: &mut Tui, chat: &Chat) {
    if follows(tui) {
        return;
    }
    let Some(conversation) = tui.conversation(chat) else { return };
    let Some(first) = conversation.first_unread.clone().filter(|_| conversation.unread > 0) else {
        return;
    };
    let (count, more) = (conversation.unread, conversation.unread_more);
    let has = tui.known_view().and_then(|view| view.unread_line.as_ref());
    if has.is_none_or(|line| line.msgid != first || line.count != count) {
        tui.conversation_view().unread_line = Some(UnreadLine { msgid: first, count, more });
    }
}

/// The end was visible: the conversation is read, if somebody was looking.
fn read(tui: &mut Tui, chat: &Chat) -> Option<Action> {
    let conversation = tui.conversation(chat)?;
    let timeline = &conversation.timeline;
    if !chat.is_ready()
        || tui.is_visiting()
        || conversation.with == With::Server
        || matches!(timeline.rows().back(), Some(Row::Gap))
    {
        return None;
    }
    // Some servers give no msgids.
    let newest = timeline.newest();
    let msgid = newest.and_then(|newest| newest.msgid.clone());
    if conversation.unread == 0 {
        let newest = newest?;
        let is_new = conversation.read_ms.is_none_or(|read| newest.time_ms > read);
        if !is_new || tui.known_view()?.read == msgid {
            return None;
        }
    }
    let name = conversation.name.clone();
    tui.conversation_view().read = msgid;
    Some(Action::Do(Intent::MarkRead(name)))
}
