//! Changing the password at the plain prompts, because the person or the server wants it.

use chat::{Intent, SendError};

use super::Plain;
use super::session::{End, Session};
use crate::link::Leaving;
use crate::password_change::{Next, PasswordChange};

impl Plain<'_> {
    pub(super) fn change_password(&mut self) -> Result<(), End> {
        let interactive = self.session.console.interactive;
        let begun = PasswordChange::begin(interactive);
        match self.session.change_password(begun) {
            Ok(Some(Ok(sentence))) => Ok(self.session.show_status(&sentence)?),
            Ok(Some(Err(sentence))) => self.fail(&sentence),
            Ok(None) => self.fail("The connection broke: the password may or may not be changed."),
            Err(end) => {
                if let End::Left(Leaving::EndOfInput) = end {
                    self.fail("The password was not changed: the input ended before it.")?;
                }
                self.succeeded = false;
                Err(end)
            }
        }
    }
}

impl Session {
    /// After a login by a one-time code a new password must be chosen: until then the server refuses everything
    /// else. If the connection breaks before it is there, the next login demands it again.
    pub(super) fn renew_password(&mut self, why: String) -> Result<(), End> {
        self.renewing = true;
        let begun = PasswordChange::renewal(self.console.interactive, why);
        let renewed = self.change_password(begun);
        self.renewing = false;
        if let Some(Ok(sentence)) = renewed? {
            // A break while the person was asked has demanded it once more.
            self.renewal = None;
            self.show_status(&sentence)?;
        }
        Ok(())
    }

    /// Changes the password: the server's sentence, or why it was not changed; none if the connection broke before
    /// that was known.
    fn change_password(
        &mut self,
        (mut change, mut next): (PasswordChange, Next),
    ) -> Result<Option<Result<String, String>>, End> {
        let breaks = self.breaks;
        let broke = |change: &PasswordChange| {
            let sentence = "The connection broke: the password was not changed.";
            Ok((!change.is_sent()).then(|| Err(sentence.to_owned())))
        };
        loop {
            next = match next {
                Next::Send(lines) => {
                    match self.send_at_once(lines) {
                        Err(SendError::NotConnected) => return Ok(None),
                        Err(impossible) => return Ok(Some(Err(impossible.to_string()))),
                        Ok(()) => {}
                    }
                    match self.answer_to("ACCOUNT", |_, received| change.handle(received))? {
                        Some(next) => next,
                        None => return broke(&change),
                    }
                }
                Next::Ask(question, because) => {
                    if let Some(because) = because {
                        self.show_status(&because)?;
                    }
                    let text = self.ask(question)?;
                    // The server may want to know something else from now on.
                    if self.breaks > breaks && !change.is_renewal() {
                        return broke(&change);
                    }
                    change.answer(question, &text)
                }
                Next::Changed { password, sentence } => {
                    self.wire.set_password(password);
                    return Ok(Some(Ok(sentence)));
                }
                Next::Refused(sentence) => return Ok(Some(Err(sentence))),
            };
        }
    }

    fn send_at_once(&mut self, lines: Vec<String>) -> Result<(), SendError> {
        lines.into_iter().try_for_each(|line| self.wire.perform(Intent::Raw(line)).map(drop))
    }
}
