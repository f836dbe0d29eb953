//! Changing the password in the full screen, because the person or the server wants it.

use chat::{Change, Intent};

use super::FullScreen;
use crate::password_change::{Next, PasswordChange};

impl FullScreen {
    pub(super) fn change_password(&mut self) {
        if self.asked.changing.is_none() {
            self.begin_password_change(PasswordChange::begin(true));
        }
    }

    /// After a login by a one-time code a new password must be chosen before anything else.
    pub(super) fn renew_password(&mut self, why: String) {
        self.begin_password_change(PasswordChange::renewal(true, why));
    }

    fn begin_password_change(&mut self, (change, next): (PasswordChange, Next)) {
        self.asked.changing = Some(change);
        self.continue_password_change(next);
    }

    pub(super) fn handle_password_change(&mut self, change: &Change) {
        let changing = self.asked.changing.as_mut();
        if let Some(next) = changing.and_then(|changing| changing.handle(change)) {
            self.continue_password_change(next);
        }
    }

    pub(super) fn continue_password_change(&mut self, next: Next) {
        match next {
            Next::Send(lines) => {
                let mut lines = lines.into_iter();
                if let Err(impossible) =
                    lines.try_for_each(|line| self.wire.perform(Intent::Raw(line)).map(drop))
                {
                    self.asked.changing = None;
                    self.tui.show_status(&impossible.to_string(), true);
                }
            }
            Next::Ask(question, because) => self.ask(question, because.as_deref()),
            Next::Changed { password, sentence } => {
                self.asked.changing = None;
                self.wire.set_password(password);
                self.tui.show_status(&crate::show::sentence(&sentence), false);
            }
            Next::Refused(sentence) => {
                self.asked.changing = None;
                self.tui.show_status(&crate::show::sentence(&sentence), true);
            }
        }
    }

    /// Cancels the change; false if the server demands it, or none is under way.
    pub(super) fn cancel_password_change(&mut self) -> bool {
        let given_up = self.asked.changing.take_if(|change| !change.is_renewal()).is_some();
        if given_up {
            self.tui.show_status("The password was not changed.", false);
        }
        given_up
    }

    /// The connection broke. If the server demands a new password, it will ask again after the next login.
    pub(super) fn abort_password_change(&mut self) {
        let text = match self.asked.changing.take() {
            Some(change) if change.is_sent() => {
                "The connection broke: the password may or may not be changed."
            }
            Some(change) if !change.is_renewal() => {
                "The connection broke: the password was not changed."
            }
            _ => return,
        };
        self.remark(text, true);
    }
}
