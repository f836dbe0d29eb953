//! What follows from what has changed: whom to tell, what to say.

use crate::action::Action;
use crate::tui::Tui;
use chat::{Change, Chat};

impl Tui {
    /// Something has changed in what the client knows.
    pub fn changed(&mut self, changes: &[Change], chat: &Chat, _now_ms: i64) -> Vec<Action> {
        let mut actions = Vec::new();
        for change in changes {
            if *change == Change::Ready && !self.open.is_empty() {
                // Only now is it known what is unread.
                let open = self.open.clone();
                actions.extend(self.open(&open, chat));
            }
        }
        actions
    }
}
