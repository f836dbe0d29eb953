//! Performs the screen's actions.

use chat::{Change, Intent, SendError};
use tui::Action;

use super::FullScreen;
use crate::Outcome;
use crate::system::now_ms;

impl FullScreen {
    pub(super) fn do_action(&mut self, action: Action) {
        match action {
            Action::Do(intent) => self.perform_intent(intent),
            Action::Quit => self.result = Some(Ok(Outcome::Done)),
            Action::Answer(answer) => self.answered(answer),
            Action::Remember(line) => {
                if let Err(error) = self.input_history.add(&line) {
                    self.remark(&format!("Input history is no longer kept: {error}."), true);
                }
            }
            Action::Notify { title, text } => {
                let sequence =
                    self.config.notify.map(|how| tui::terminal::notify(how, &title, &text));
                self.write(&sequence.unwrap_or_default());
            }
            Action::Copy(text) => self.write(&tui::terminal::copy(&text)),
            Action::Set(text) => self.set(&text),
            Action::ChangePassword => self.change_password(),
            // These take the terminal away, which only the loop may do.
            Action::Suspend | Action::ExternalEditor { .. } => {}
        }
    }

    /// Writes a sequence to the terminal, unless somebody else has it.
    fn write(&mut self, sequence: &str) {
        if self.editing.is_none()
            && let Err(error) = self.tty.write(sequence.as_bytes())
        {
            self.result = Some(Err(error.into()));
        }
    }

    fn perform_intent(&mut self, intent: Intent) {
        let saying = match &intent {
            Intent::Say(saying) => Some((saying.to.clone(), saying.text.clone())),
            _ => None,
        };
        // Requests that the screen makes by itself fail silently.
        let is_asked = !matches!(
            intent,
            Intent::Typing { .. } | Intent::MarkRead(_) | Intent::Load { .. } | Intent::Open(_)
        );
        match (self.wire.perform(intent), saying) {
            (Ok(_), _) => {}
            (Err(impossible), Some((to, text))) => {
                self.tui.not_sent(&to, &text, &impossible.to_string());
            }
            (Err(impossible), None) if is_asked => {
                self.tui.show_status(&impossible.to_string(), true);
            }
            (Err(SendError::NotConnected | SendError::Unsupported(_)), None) => {}
            (Err(impossible), None) => self.tui.show_status(&impossible.to_string(), true),
        }
    }

    /// Shows a sentence of the client's own, where it stays to be read.
    pub(super) fn remark(&mut self, sentence: &str, failed: bool) {
        self.wire.chat.remark(&self.tui.open, failed, now_ms(), sentence);
    }

    /// Looks for what the client itself waits for.
    pub(super) fn watch(&mut self, changes: &[Change]) {
        for change in changes {
            self.handle_password_change(change);
            if *change == Change::Ready {
                self.greet();
            }
        }
    }

    /// `/set`: shows the settings, or changes one for as long as the client runs.
    fn set(&mut self, text: &str) {
        let said = match self.config.change(text) {
            Ok(said) => {
                self.tui.settings = self.config.settings();
                if self.editing.is_none()
                    && let Err(error) = self.tty.change_screen(&mut self.tui)
                {
                    self.result = Some(Err(error.into()));
                }
                (said, false)
            }
            Err(sentence) => (sentence, true),
        };
        self.tui.show_status(&said.0, said.1);
    }
}
