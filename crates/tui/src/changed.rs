//! What follows from what has changed: whom to tell, what to say.

use crate::action::Action;
use crate::tui::Tui;
use chat::{Change, Chat};

impl Tui {
    /// Something has changed in what the client knows.
    pub fn changed(&mut self, _changes: &[Change], _chat: &Chat, _now_ms: i64) -> Vec<Action> {
        Vec::new()
    }
}
