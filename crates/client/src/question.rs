//! What the client asks the person, in the words of the original program.

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
    /// The password that the server asks of everybody.
    ServerPassword,
    /// Which operation comes next.
    Operation,
    /// What to say.
    Text,
    /// To whom.
    Recipient,
}

impl Question {
    /// What is written before the answer.
    pub fn prompt(self) -> &'static str {
        match self {
            Question::Username => "Enter username: ",
            Question::NewPassword => "Enter Password: ",
            Question::RepeatPassword => "Enter Password again: ",
            Question::Password => "Enter user's password: ",
            Question::ServerPassword => "Enter the server's password: ",
            Question::Operation => "BM (to all), PM (to one), CH (history), EX (exit): ",
            Question::Text => "Enter the message: ",
            Question::Recipient => "Enter the user: ",
        }
    }

    /// Whether the answer is typed without echo and kept nowhere.
    pub fn is_secret(self) -> bool {
        use Question::{NewPassword, Password, RepeatPassword, ServerPassword};
        matches!(self, NewPassword | RepeatPassword | Password | ServerPassword)
    }
}
