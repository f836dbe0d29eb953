//! What the main thread is woken for.

use crate::session_id::SessionId;
use store::Failure;

/// Why the thread that waits for signals is woken.
#[derive(Debug)]
pub enum Wake {
    /// Stop the server.
    Stop,
    /// Reload the config file; the session that asked, if it was not a signal.
    Reload(Option<SessionId>),
    /// The server accepts connections now: the node takes part in its cluster.
    Serving,
    /// The node can take part in its cluster no longer: a sentence.
    Excluded(String),
    /// It is uncertain what is stored: end the process before anybody is told anything.
    Failed(Failure),
}
