//! Lines that are sent to many connections: copied once, and framed once for each kind of WebSocket.

use super::websocket;
use std::sync::Arc;

/// Lines that are sent to many connections.
#[derive(Debug, Default)]
pub struct SharedLines {
    /// The lines.
    pub bytes: Vec<u8>,
    /// The number of messages and notices.
    pub news: u64,
    kept: Option<Arc<[u8]>>,
    /// Framed as WebSocket text and binary messages.
    framed: [Option<Vec<u8>>; 2],
}

impl SharedLines {
    /// A shared copy for outboxes to refer to, made on first use.
    pub fn kept(&mut self) -> &Arc<[u8]> {
        self.kept.get_or_insert_with(|| self.bytes.as_slice().into())
    }

    /// The lines as WebSocket messages, framed on first use.
    pub fn framed(&mut self, binary: bool) -> &[u8] {
        self.framed[usize::from(binary)].get_or_insert_with(|| {
            let mut frames = Vec::new();
            websocket::wrap(binary, &self.bytes, &mut frames);
            frames
        })
    }
}
