//! What the main thread is woken for.

use crate::session_id::SessionId;
use store::Failure;

/// What the thread that waits for signals is woken for.
#[derive(Debug)]
pub enum Wake {
    /// The server is to stop.
    Stop,
    /// The config file is to be read again; by whose wish, if not by a signal.
    Reload(Option<SessionId>),
    /// Nobody knows what is stored: the process is to end before anybody is told anything.
    Failed(Failure),
}
