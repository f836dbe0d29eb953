//! Why a measurement has no figure.

use std::io;

/// What a scenario gives.
pub type Result<T> = std::result::Result<T, Failure>;

/// A reason for a run without a figure.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The server lacks what the scenario needs, and is skipped.
    #[error("{0}")]
    Unsupported(String),
    /// The server answered a request with an error.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The server closed a connection.
    #[error("the server closed connection {connection}; it last said: {last}")]
    Closed {
        /// Which of the clients it was, from 0.
        connection: usize,
        /// The end of what it sent.
        last: String,
    },
    /// The server did not start.
    #[error("{name} did not start: {why}")]
    Start {
        /// The server's name.
        name: String,
        /// Its own words, or the time that was waited.
        why: String,
    },
    /// Something was awaited that did not come.
    #[error("nothing came for {seconds} s while waiting for {what}")]
    Silent {
        /// What was awaited.
        what: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// A delivery that is not the next one of its publisher at this member: a loss, a duplicate or a wrong order.
    #[error("member {member} got message {got} of publisher {publisher}, but {expected} was next")]
    Miscounted {
        /// The member, from 0.
        member: usize,
        /// The publisher within its room, from 0.
        publisher: usize,
        /// The number that came.
        got: u64,
        /// The number that should have come.
        expected: u64,
    },
    /// TLS refused something.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// The data is not what the protocol or format allows.
    #[error("unexpected data: {0}")]
    Unexpected(String),
}

/// Adds to an error of the system what was being done.
pub trait Context<T> {
    /// Wraps an error of the system with a description of what was being done.
    ///
    /// # Errors
    /// The same error, with a name.
    fn context(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|error| Failure::Io { what: what.into(), source: error.into() })
    }
}
