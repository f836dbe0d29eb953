//! Every bound of the screen.

use std::time::Duration;

/// The widest and highest screen that is drawn; a larger terminal shows the rest blank.
pub const COLUMNS: u16 = 500;
/// See [`COLUMNS`].
pub const ROWS: u16 = 200;
/// Bytes of one character (a grapheme) in a cell; marks beyond it are left out.
pub const CELL_BYTES: usize = 48;
/// Bytes of an address that can be clicked; a longer one is shown, and is no link.
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
/// So many rows above a message are looked at for the one that it answers.
pub const QUOTED: usize = 5_000;
/// Requests for history that are remembered, so that none is made twice.
pub const ASKED: usize = 16;
/// Events in a row that are shown as one ("5 came, 2 left").
pub const FOLDED: usize = 2_000;
/// Conversations whose scroll position and draft are kept.
pub const PLACES: usize = 2_000;

/// Bytes of one text that is written.
pub const COMPOSED_BYTES: usize = 64 * 1024;
/// Texts kept of what was said before.
pub const SAID_BEFORE: usize = 1_000;
/// Lines of a paste that are taken as they are; of more it is told how many they are, before they are sent.
pub const LINES_UNASKED: usize = 5;
/// What is offered in the palette at once.
pub const HITS: usize = 50;
/// What Tab goes through.
pub const COMPLETIONS: usize = 50;
/// Reactions that are offered at once.
pub const REACTIONS: usize = 24;

/// The longest sequence of bytes that one key may send.
pub const SEQUENCE_BYTES: usize = 4096;
/// Bytes of one paste that are taken: more than there is room for, so that it is noticed that something is left out.
pub const PASTE_BYTES: usize = 3 * COMPOSED_BYTES;
/// How long the rest of a key's sequence may take; Esc alone waits as long.
pub const KEY_TIMEOUT: Duration = Duration::from_millis(100);
/// How long the rest of a paste may take.
pub const PASTE_TIMEOUT: Duration = Duration::from_secs(2);
