//! The right side: who is in the room, highest ranks first.

use super::Hit;
use crate::canvas::Canvas;
use crate::rich::bare;
use crate::theme::Role;
use crate::tui::Tui;
use chat::Chat;
use chat::conversation::Member;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

pub(super) fn draw(tui: &mut Tui, chat: &Chat, canvas: &mut Canvas, area: Rect) {
    if area.is_empty() {
        return;
    }
    let Some(conversation) = tui.conversation(chat).filter(|open| !open.members.is_empty()) else {
        return;
    };
    let quiet = tui.settings.theme.style(Role::Quiet);
    let count = match conversation.members.len() {
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    };
    canvas.put_cut(area.x + 1, area.y, area.right(), &count, quiet);
    let room = usize::from(area.height.saturating_sub(1));
    let mut hits = Vec::new();
    let members = by_rank(chat, conversation.members.values(), room);
    let hidden = conversation.members.len() - members.len();
    for (at, member) in members.iter().enumerate() {
        let y = area.y + 1 + u16::try_from(at).unwrap_or(0);
        if hidden > 0 && at + 1 == room {
            let more = format!("and {} more", hidden + 1);
            canvas.put_cut(area.x + 1, y, area.right(), &more, quiet);
            break;
        }
        let mark = member.marks.chars().next().map(String::from).unwrap_or_default();
        canvas.put(area.x, y, area.x + 1, &mark, quiet);
        let style = if member.away { quiet } else { Style::new() };
        let x = canvas.put_cut(area.x + 1, y, area.right(), &bare(&member.nick), style);
        let metadata = chat.people.metadata(&member.nick);
        let about = metadata
            .and_then(|metadata| metadata.display_name.as_ref().or(metadata.status.as_ref()));
        if let Some(about) = about.filter(|_| x + 3 < area.right()) {
            canvas.put_cut(x + 1, y, area.right(), &bare(about), quiet);
        }
        let row = Rect::new(area.x, y, area.width, 1);
        hits.push((row, Hit::Member(member.nick.clone())));
    }
    tui.map.hits.extend(hits);
}

/// As many members as fit, by rank and then by name.
fn by_rank<'a>(
    chat: &Chat,
    members: impl Iterator<Item = &'a Member>,
    room: usize,
) -> Vec<&'a Member> {
    let ranks = chat.server.ranks();
    let mut by_rank: Vec<Vec<&Member>> = vec![Vec::new(); ranks.len() + 1];
    for member in members {
        let mark = member.marks.chars().next();
        let rank = ranks.iter().position(|(_, rank)| Some(*rank) == mark).unwrap_or(ranks.len());
        if by_rank[rank].len() < room {
            by_rank[rank].push(member);
        }
    }
    by_rank.into_iter().flatten().take(room).collect()
}
