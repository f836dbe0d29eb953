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
    /// The answer to the open question; none if the person gave up.
    Answer(Option<String>),
}
