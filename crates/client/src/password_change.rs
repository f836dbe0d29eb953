//! A new password for the account, as a machine without network: what the server and the person say
//! goes in, and the next step comes out. The full screen and the plain prompts use it.
//!
//! A session that has proved its password is asked by the server only for the new one, another
//! session for the old one, too. Which, is found out by asking and cancelling at once: while the
//! person thinks, no question of the server's may stand, for whatever is sent next would answer it.

use chat::Change;
use chat::entry::Kind;

use crate::login::{is_valid_new_password, new_password_rule};
use crate::question::Question;

const COMMAND: &str = "ACCOUNT PASSWORD";
/// Answers a question that still stands, and otherwise means nothing.
const CANCEL: &str = "";

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// These lines for the server, with nothing between them; then what it says, by
    /// [`PasswordChange::handle`].
    Send(Vec<String>),
    /// The person's answer, by [`PasswordChange::answer`]; the sentence says why it is asked.
    Ask(Question, Option<String>),
    /// The account has this password, in the server's words.
    Changed {
        /// The new password.
        password: String,
        /// The server's sentence.
        sentence: String,
    },
    /// Nothing was changed, and why.
    Refused(String),
}

#[derive(Debug)]
enum Stage {
    /// The server is asked what it wants to know; whether the old password is part of it, once known.
    Probing(Option<bool>),
    /// The person is asked.
    Asking,
    /// The server has been given the passwords.
    Sent,
}

/// A change of the password.
#[derive(Debug)]
pub struct PasswordChange {
    /// A new password is typed twice.
    interactive: bool,
    /// There is no way around it: the person has logged in by a one-time code.
    renewal: bool,
    stage: Stage,
    wants_old: bool,
    old: String,
    new: String,
}

impl PasswordChange {
    /// One that the person wishes, and what comes first.
    pub fn begin(interactive: bool) -> (PasswordChange, Next) {
        let change = PasswordChange {
            interactive,
            renewal: false,
            stage: Stage::Probing(None),
            wants_old: false,
            old: String::new(),
            new: String::new(),
        };
        (change, Next::Send(vec![COMMAND.to_owned(), CANCEL.to_owned()]))
    }

    /// One that the server demands after a login by a one-time code, with its reason.
    pub fn renewal(interactive: bool, why: String) -> (PasswordChange, Next) {
        let (change, _) = PasswordChange::begin(interactive);
        let change = PasswordChange { renewal: true, stage: Stage::Asking, ..change };
        (change, Next::Ask(Question::NextPassword, Some(why)))
    }

    /// Whether the server demands it.
    pub fn is_renewal(&self) -> bool {
        self.renewal
    }

    /// Whether the server may have changed the password already, if no answer comes any more.
    pub fn is_sent(&self) -> bool {
        matches!(self.stage, Stage::Sent)
    }

    /// Handles the answer to the question that was asked last.
    pub fn answer(&mut self, question: Question, text: &str) -> Next {
        match question {
            // An empty line would cancel the server's question.
            Question::CurrentPassword if text.is_empty() => {
                return Next::Refused("The password was not changed.".to_owned());
            }
            Question::CurrentPassword => {
                text.clone_into(&mut self.old);
                return Next::Ask(Question::NextPassword, None);
            }
            Question::NextPassword if !is_valid_new_password(text) => {
                return Next::Ask(Question::NextPassword, Some(new_password_rule()));
            }
            Question::NextPassword if self.interactive => {
                text.clone_into(&mut self.new);
                return Next::Ask(Question::RepeatPassword, None);
            }
            Question::RepeatPassword if self.new != text => {
                let sentence = "The passwords do not match.".to_owned();
                return Next::Ask(Question::NextPassword, Some(sentence));
            }
            _ => text.clone_into(&mut self.new),
        }
        self.stage = Stage::Sent;
        let old = self.wants_old.then(|| std::mem::take(&mut self.old));
        let lines =
            [Some(COMMAND.to_owned()), old, Some(self.new.clone()), Some(CANCEL.to_owned())];
        Next::Send(lines.into_iter().flatten().collect())
    }

    /// Handles a change: the next step, or none if the change is about something else or more will come.
    pub fn handle(&mut self, change: &Change) -> Option<Next> {
        match (&mut self.stage, change) {
            (Stage::Asking, _) => None,
            (_, Change::Answered { verb, code, text, refused, .. }) if verb == "ACCOUNT" => {
                self.answered(code, text, *refused)
            }
            // A server that does not know the command.
            (Stage::Probing(_), Change::Happened { entry, .. }) if entry.kind == Kind::Error => {
                Some(Next::Refused(entry.text.clone()))
            }
            _ => None,
        }
    }

    fn answered(&mut self, code: &str, text: &str, refused: bool) -> Option<Next> {
        match (&mut self.stage, code) {
            _ if refused => Some(self.refused(text)),
            (Stage::Probing(wants_old), "OLD_PASSWORD_REQUIRED") => {
                *wants_old = Some(true);
                None
            }
            (Stage::Probing(wants_old), "NEW_PASSWORD_REQUIRED") => {
                *wants_old = Some(false);
                None
            }
            (Stage::Probing(Some(wants_old)), "CANCELLED") => {
                self.wants_old = *wants_old;
                self.stage = Stage::Asking;
                let first =
                    if self.wants_old { Question::CurrentPassword } else { Question::NextPassword };
                Some(Next::Ask(first, None))
            }
            // The server could not read a line, and has said why.
            (Stage::Sent, "CANCELLED") => Some(self.refused("The password was not changed.")),
            (Stage::Sent, "PASSWORD_CHANGED") => {
                let password = std::mem::take(&mut self.new);
                Some(Next::Changed { password, sentence: text.to_owned() })
            }
            _ => None,
        }
    }

    fn refused(&mut self, why: &str) -> Next {
        if !self.renewal {
            return Next::Refused(why.to_owned());
        }
        self.stage = Stage::Asking;
        Next::Ask(Question::NextPassword, Some(why.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(code: &str) -> Change {
        answered(code, false)
    }

    fn answered(code: &str, refused: bool) -> Change {
        let (verb, text) = ("ACCOUNT".to_owned(), format!("about {code}"));
        Change::Answered { verb, code: code.to_owned(), params: Vec::new(), text, refused }
    }

    fn send(lines: &[&str]) -> Next {
        Next::Send(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    fn ask(question: Question) -> Next {
        Next::Ask(question, None)
    }

    /// Up to the first question.
    fn begun(interactive: bool, wants: &str) -> (PasswordChange, Next) {
        let (mut change, first) = PasswordChange::begin(interactive);
        assert_eq!(first, send(&["ACCOUNT PASSWORD", ""]));
        assert_eq!(change.handle(&note(wants)), None);
        let next = change.handle(&note("CANCELLED")).expect("a question");
        (change, next)
    }

    #[test]
    fn the_person_is_asked_what_the_server_wants_to_know() {
        let (mut change, next) = begun(true, "NEW_PASSWORD_REQUIRED");
        assert_eq!(next, ask(Question::NextPassword));
        assert_eq!(change.answer(Question::NextPassword, " new"), ask(Question::RepeatPassword));
        let lines = change.answer(Question::RepeatPassword, " new");
        assert_eq!(lines, send(&["ACCOUNT PASSWORD", " new", ""]));
        assert_eq!(change.handle(&note("NEW_PASSWORD_REQUIRED")), None);
        let sentence = "about PASSWORD_CHANGED".to_owned();
        let changed = Next::Changed { password: " new".to_owned(), sentence };
        assert_eq!(change.handle(&note("PASSWORD_CHANGED")), Some(changed));

        let (mut change, next) = begun(false, "OLD_PASSWORD_REQUIRED");
        assert_eq!(next, ask(Question::CurrentPassword));
        assert_eq!(change.answer(Question::CurrentPassword, ":o d"), ask(Question::NextPassword));
        let lines = change.answer(Question::NextPassword, "better");
        assert_eq!(lines, send(&["ACCOUNT PASSWORD", ":o d", "better", ""]));
        assert!(change.is_sent());
        let refused = Next::Refused("about WRONG_PASSWORD".to_owned());
        assert_eq!(change.handle(&answered("WRONG_PASSWORD", true)), Some(refused));
    }

    #[test]
    fn nothing_secret_is_sent_to_a_server_that_takes_no_password() {
        let (mut change, _) = PasswordChange::begin(true);
        let refused = Next::Refused("about ENCRYPTION_REQUIRED".to_owned());
        assert_eq!(change.handle(&answered("ENCRYPTION_REQUIRED", true)), Some(refused));
        let (mut change, _) = PasswordChange::begin(true);
        let entry = chat::entry::Entry::new(Kind::Error, "irc", 0, "ACCOUNT: Unknown command");
        let unknown = Change::Happened { target: String::new(), entry: Box::new(entry) };
        let refused = Next::Refused("ACCOUNT: Unknown command".to_owned());
        assert_eq!(change.handle(&unknown), Some(refused));
    }

    #[test]
    fn what_cannot_be_a_password_is_asked_for_again() {
        let (mut change, _) = begun(true, "NEW_PASSWORD_REQUIRED");
        let again = Next::Ask(Question::NextPassword, Some(new_password_rule()));
        assert_eq!(change.answer(Question::NextPassword, "abc"), again);
        change.answer(Question::NextPassword, "abcd");
        let Next::Ask(Question::NextPassword, Some(why)) =
            change.answer(Question::RepeatPassword, "abce")
        else {
            panic!("it is asked for again")
        };
        assert_eq!(why, "The passwords do not match.");
        let (mut change, _) = begun(true, "OLD_PASSWORD_REQUIRED");
        assert!(matches!(change.answer(Question::CurrentPassword, ""), Next::Refused(_)));
    }

    #[test]
    fn a_renewal_is_asked_for_until_the_server_has_taken_it() {
        let (mut change, next) = PasswordChange::renewal(false, "a code".to_owned());
        assert_eq!(next, Next::Ask(Question::NextPassword, Some("a code".to_owned())));
        let lines = send(&["ACCOUNT PASSWORD", "the code", ""]);
        assert_eq!(change.answer(Question::NextPassword, "the code"), lines);
        let again = Next::Ask(Question::NextPassword, Some("about ONE_TIME_CODE".to_owned()));
        assert_eq!(change.handle(&answered("ONE_TIME_CODE", true)), Some(again));
        // The server could not read the line.
        change.answer(Question::NextPassword, "better");
        assert!(matches!(change.handle(&note("CANCELLED")), Some(Next::Ask(..))));
        change.answer(Question::NextPassword, "better");
        assert!(matches!(change.handle(&note("PASSWORD_CHANGED")), Some(Next::Changed { .. })));
    }
}
