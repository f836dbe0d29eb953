//! What the screen asks its owner to do.

use chat::Intent;

/// Something that the screen cannot do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pass this to the core.
    Do(Intent),
    /// End the client.
    Quit,
    /// Give the terminal back and stop (`SIGTSTP`).
    Suspend,
    /// Edit this text in `$VISUAL` or `$EDITOR`, and give the result to [`Tui::edited`](crate::Tui::edited).
    ExternalEditor(String),
    /// Tell the person, who is not looking. The texts are as they came; `terminal::notify` makes them safe.
    Notify {
        /// Of whom or where.
        title: String,
        /// What was said.
        text: String,
    },
    /// Put this into the clipboard: `terminal::copy`.
    Copy(String),
    /// Keep this line for the next session.
    Remember(String),
    /// Change a setting, as it was typed behind `/set`; show them all if it is empty.
    Set(String),
    /// Change the person's password.
    ChangePassword {
        /// Until now.
        old: String,
        /// From now on.
        new: String,
    },
    /// The answer to the open question; none if the person gave up.
    Answer(Option<String>),
}
