//! Why the client cannot go on, one sentence each.

use std::io;

use crate::login::LoginError;
use crate::route::ConnectError;

/// What ends the client.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no connection to the server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not let the person in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The connection could not be restored.
    #[error("the connection could not be restored: {0}")]
    GaveUp(String),
    /// An operator of the server ended it, so the client does not reconnect.
    #[error("{by} has removed you from the server: {reason}")]
    Killed {
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
    },
    /// The server refused what was asked.
    #[error("{0}")]
    Refused(String),
    /// The time limit of the command line expired.
    #[error("the --timeout expired before everything was done")]
    TimedOut,
    /// The answers cannot be read.
    #[error("cannot read the input: {0}")]
    Input(String),
    /// The terminal or the output.
    #[error("cannot use the terminal or output: {0}")]
    Output(#[from] io::Error),
    /// The password file.
    #[error("the password file {path:?} cannot be used: {reason}")]
    PasswordFile {
        /// The file as given.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The saved login.
    #[error("cannot use the saved login: {0}")]
    SavedLogin(#[from] crate::saved_login::SavedLoginError),
    /// The file for one's own data.
    #[error("the export cannot be written to {path:?}: {source}")]
    Export {
        /// The file as given.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The server gives no export.
    #[error("the server refused the export: {0}")]
    ExportRefused(String),
    /// The system's random numbers.
    #[error("the system provides no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl Failure {
    /// Whether another attempt may succeed, once there was a connection.
    pub fn may_pass(&self) -> bool {
        match self {
            // Another try would only give it another chance.
            Failure::Connect(ConnectError::Untrusted(_)) => false,
            Failure::Connect(_) | Failure::Login(LoginError::Later(_)) => true,
            _ => false,
        }
    }
}
