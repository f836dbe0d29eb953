//! A new password in the screen, because the person wishes it or the server demands it.

use chat::{Change, Intent};

use super::FullScreen;
use crate::password_change::{Next, PasswordChange};

impl FullScreen {
    pub(super) fn change_password(&mut self) {
        if self.asked.changing.is_none() {
            self.begin_changing(PasswordChange::begin(true));
        }
    }

    /// Whoever has logged in by a one-time code chooses a new password before anything else.
    pub(super) fn renew_password(&mut self, why: String) {
        self.begin_changing(PasswordChange::renewal(true, why));
    }

    fn begin_changing(&mut self, (change, next): (PasswordChange, Next)) {
        self.asked.changing = Some(change);
        self.go_on_changing(next);
    }

    pub(super) fn hear_of_password(&mut self, change: &Change) {
        let changing = self.asked.changing.as_mut();
        if let Some(next) = changing.and_then(|changing| changing.hear(change)) {
            self.go_on_changing(next);
        }
    }

    pub(super) fn go_on_changing(&mut self, next: Next) {
        match next {
            Next::Send(lines) => {
                let mut lines = lines.into_iter();
                if let Err(impossible) =
                    lines.try_for_each(|line| self.wire.intend(Intent::Raw(line)).map(drop))
                {
                    self.asked.changing = None;
                    self.tui.say(&impossible.to_string(), true);
                }
            }
            Next::Ask(question, because) => self.ask(question, because.as_deref()),
            Next::Changed { password, sentence } => {
                self.asked.changing = None;
                self.wire.set_password(password);
                self.tui.say(&crate::show::sentence(&sentence), false);
            }
            Next::Refused(sentence) => {
                self.asked.changing = None;
                self.tui.say(&crate::show::sentence(&sentence), true);
            }
        }
    }

    /// The person does not want to change it after all; false if it must be changed, or is not being changed.
    pub(super) fn gives_up_changing(&mut self) -> bool {
        let given_up = self.asked.changing.take_if(|change| !change.is_renewal()).is_some();
        if given_up {
            self.tui.say("The password was not changed.", false);
        }
        given_up
    }

    /// The connection broke. What the server demands it demands again on the next one.
    pub(super) fn stop_changing(&mut self) {
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
