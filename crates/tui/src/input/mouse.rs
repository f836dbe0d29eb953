//! The mouse: clicks, the wheel, text selected with the button down.

use crate::action::Action;
use crate::draw::Hit;
use crate::overlay::Overlay;
use crate::tui::{Focus, Tui};
use chat::Chat;
use termina::event::{MouseButton, MouseEvent, MouseEventKind};

/// Rows to scroll per notch of the wheel.
const NOTCH: isize = 3;

impl Tui {
    pub(super) fn mouse(&mut self, event: MouseEvent, chat: &Chat) -> Vec<Action> {
        let at = (event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(-1, chat),
            MouseEventKind::ScrollDown => self.wheel(1, chat),
            MouseEventKind::Down(MouseButton::Left) => {
                self.status = None;
                self.selection = Some((at, at));
                Vec::new()
            }
            MouseEventKind::Drag(MouseButton::Left) => {
                if let Some((_, to)) = &mut self.selection {
                    *to = at;
                }
                Vec::new()
            }
            MouseEventKind::Up(MouseButton::Left) => match self.selection {
                Some((from, to)) if from != to => {
                    let text = self.selected_text().filter(|text| !text.trim().is_empty());
                    let Some(text) = text else { return Vec::new() };
                    self.show_status("Copied.", false);
                    vec![Action::Copy(text)]
                }
                _ => {
                    self.selection = None;
                    self.click(at, chat)
                }
            },
            _ => Vec::new(),
        }
    }

    fn wheel(&mut self, notches: isize, chat: &Chat) -> Vec<Action> {
        match &mut self.overlay {
            Some(Overlay::Help(rows)) => {
                *rows = rows.saturating_add_signed(notches * NOTCH);
                Vec::new()
            }
            Some(_) => self.move_choice(notches, chat),
            None => {
                self.scroll(notches * NOTCH, chat);
                self.end_visit_at_end();
                Vec::new()
            }
        }
    }

    fn click(&mut self, (column, row): (u16, u16), chat: &Chat) -> Vec<Action> {
        let hit = self.hit(column, row);
        match (hit, self.overlay.is_some()) {
            (Some(Hit::Item(item)), true) => self.choose_item(item, chat),
            (_, true) => Vec::new(),
            (Some(Hit::Conversation(name) | Hit::Member(name)), false) => self.go_to(&name, chat),
            (Some(Hit::Message(id)), false) => {
                self.focus = Focus::Message(id);
                Vec::new()
            }
            (Some(Hit::Link(address)), false) => {
                self.show_status("The address was copied.", false);
                vec![Action::Copy(address)]
            }
            (Some(Hit::Composer), false) => {
                self.focus = Focus::Composer;
                Vec::new()
            }
            (Some(Hit::ToEnd), false) => {
                self.scroll_to_end();
                self.end_visit_at_end();
                Vec::new()
            }
            (Some(Hit::Item(_)) | None, false) => Vec::new(),
        }
    }
}
