//! What the client asks the person, in the words of the original program.

use crate::editor::Kind;

/// A question; its answer is one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who logs in.
    Username,
    /// The password that a new user chooses.
    NewPassword,
    /// The same again.
    RepeatPassword,
    /// The password of an existing user.
    Password,
    /// The password that is to be replaced.
    CurrentPassword,
    /// The password that replaces it.
    NextPassword,
    /// The password that the server asks of everybody.
    ServerPassword,
    /// The code of the second factor.
    Code,
    /// The code of an invitation, without which nobody registers there.
    Invitation,
    /// Which operation comes next.
    Operation,
    /// What to say.
    Text,
    /// To whom.
    Recipient,
    /// What to look for.
    Words,
    /// Which message is meant, of those that were offered, or whose newest.
    Message,
    /// Whose newest message is meant.
    Author,
    /// How to react to it.
    Reaction,
    /// Whether so many lines are meant.
    SendLines,
}

impl Question {
    /// What is written before the answer.
    pub fn prompt(self) -> &'static str {
        match self {
            Question::Username => "Enter username: ",
            Question::NewPassword => "Enter Password: ",
            Question::RepeatPassword => "Enter Password again: ",
            Question::Password => "Enter user's password: ",
            Question::CurrentPassword => "Enter your current password: ",
            Question::NextPassword => "Enter your new password: ",
            Question::ServerPassword => "Enter the server's password: ",
            Question::Code => "Enter the code of your second factor: ",
            Question::Invitation => "Enter invitation code: ",
            Question::Operation => "BM (to all), PM (to one), CH (history), EX (exit): ",
            Question::Text => "Enter the message: ",
            Question::Recipient => "Enter the user: ",
            Question::Words => "Enter the words to find: ",
            Question::Message => "Enter the number of a message, or a user: ",
            Question::Author => "Enter the user whose message is meant: ",
            Question::Reaction => "Enter an emoji, or its name: ",
            Question::SendLines => "Send all of them? (y/n): ",
        }
    }

    /// What kind of answer it wants.
    pub fn kind(self) -> Kind {
        match self {
            Question::Operation | Question::Text | Question::Words => Kind::Text,
            _ => Kind::Word,
        }
    }

    /// Whether it is asked before the login is done.
    pub fn is_of_login(self) -> bool {
        matches!(self, Question::Username | Question::Code | Question::Invitation)
            || self.is_secret()
    }

    /// Whether the answer is typed without echo and kept nowhere.
    pub fn is_secret(self) -> bool {
        use Question::{CurrentPassword, NextPassword};
        use Question::{NewPassword, Password, RepeatPassword, ServerPassword};
        matches!(
            self,
            NewPassword
                | RepeatPassword
                | Password
                | CurrentPassword
                | NextPassword
                | ServerPassword
        )
    }
}
