//! Cells that are drawn on, with the addresses that they lead to.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

/// Cells that are drawn on.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    pub(crate) buffer: Buffer,
}

impl Canvas {
    pub(crate) fn new(columns: u16, rows: u16) -> Canvas {
        Canvas { buffer: Buffer::empty(Rect::new(0, 0, columns, rows)) }
    }
}
