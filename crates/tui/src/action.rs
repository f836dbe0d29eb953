//! What the screen asks the program around it to do.

use chat::Intent;

/// Something that the screen cannot do itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pass this to the core.
    Do(Intent),
    /// Quit the client.
    Quit,
    /// Restore the terminal and stop (`SIGTSTP`).
    Suspend,
    /// Edit a text in `$VISUAL` or `$EDITOR`, and give the result to [`Tui::edited`](crate::Tui::edited).
    ExternalEditor {
        /// The conversation it is written to.
        name: String,
        /// What is written so far.
        text: String,
    },
    /// Notify the person, who is not looking. The texts are raw; `terminal::notify` makes them
    /// safe.
    Notify {
        /// Who or where it is from.
        title: String,
        /// The message.
        text: String,
    },
    /// Put this into the clipboard: `terminal::copy`.
    Copy(String),
    /// Save this line in the input history.
    Remember(String),
    /// Change a setting, as typed after `/set`; if empty, show all of them.
    Set(String),
    /// Change the person's password; the program around the screen asks the questions.
    ChangePassword,
    /// The answer to the open question; none if the person cancelled it.
    Answer(Option<String>),
}
