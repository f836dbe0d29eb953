//! What a person does, as the terminal tells it.

use crate::action::Action;
use crate::tui::Tui;
use chat::Chat;

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(termina::event::KeyEvent),
    /// The mouse.
    Mouse(termina::event::MouseEvent),
    /// Pasted text.
    Paste(String),
    /// The window is in front, or is not any more.
    Focus(bool),
    /// The window has this many columns and rows.
    Resize(u16, u16),
}

impl Tui {
    /// A person does something.
    pub fn input(&mut self, input: &Input, _chat: &Chat, _now_ms: i64) -> Vec<Action> {
        if let Input::Resize(columns, rows) = input {
            self.resize(*columns, *rows);
        }
        Vec::new()
    }
}
