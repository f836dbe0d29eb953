//! Every bound of the screen.

use std::time::Duration;

/// The widest and highest screen that is drawn; the rest of a larger terminal stays blank.
pub const COLUMNS: u16 = 500;
/// See [`COLUMNS`].
pub const ROWS: u16 = 200;
/// Bytes of one character (a grapheme) in a cell; further combining marks are left out.
pub const CELL_BYTES: usize = 48;
/// Bytes of a link; a longer one is shown as text.
pub const LINK_BYTES: usize = 1_000;
/// Bytes of the window title.
pub const TITLE_BYTES: usize = 200;
/// Bytes of text put into the clipboard.
pub const COPY_BYTES: usize = 64 * 1024;
/// Bytes of one notification.
pub const NOTICE_BYTES: usize = 300;
/// Rows of one message on the screen.
pub const MESSAGE_ROWS: usize = 40;
/// The same while it is focused.
pub const FOCUSED_ROWS: usize = 1_000;
/// How many rows above a message are searched for the one it replies to.
pub const QUOTED: usize = 5_000;
/// Requests for history that are remembered, so that none is repeated.
pub const ASKED: usize = 16;
/// Pages of history that are requested before the person does something again: a server may send them without end.
pub const PAGES_UNASKED: usize = 16;
/// The smallest timeline on which a message counts as seen, in columns and rows.
pub const LEGIBLE: (u16, u16) = (16, 2);
/// Consecutive events that are shown as one ("5 came, 2 left").
pub const FOLDED: usize = 2_000;
/// Conversations whose scroll position and draft are kept.
pub const CONVERSATION_VIEWS: usize = 2_000;

/// Bytes of a text in the composer.
pub const COMPOSED_BYTES: usize = 64 * 1024;
/// Texts in the input history.
pub const INPUT_HISTORY: usize = 1_000;
/// Pasted lines that are accepted silently; with more, their number is shown before they are sent.
pub const LINES_UNASKED: usize = 5;
/// Matches shown in the palette.
pub const HITS: usize = 50;
/// Matches for Tab.
pub const COMPLETIONS: usize = 50;
/// Reactions offered at once.
pub const REACTIONS: usize = 24;

/// The longest byte sequence of one key.
pub const SEQUENCE_BYTES: usize = 4096;
/// Bytes accepted of one paste: more than fit into the composer, so that it shows that something
/// was left out.
pub const PASTE_BYTES: usize = 3 * COMPOSED_BYTES;
/// How long the rest of a key sequence may take; Esc alone waits as long.
pub const KEY_TIMEOUT: Duration = Duration::from_millis(100);
/// How long the rest of a paste may take.
pub const PASTE_TIMEOUT: Duration = Duration::from_secs(2);
