//! Every bound of the screen.

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
