//! Parlor's terminal client. The modules in reading order: what the person says on the command line and is
//! asked, what the client knows, how it logs in, which servers it trusts, and how all that meets the network and the terminal.
#![forbid(unsafe_code)]

pub mod args;
pub mod limits;
pub mod question;
pub mod entry;
pub mod outgoing;
pub mod seen;
pub mod state;
pub mod login;
pub mod show;
pub mod known_hosts;
pub mod trust;
pub mod tls;
pub mod route;
pub mod failure;
pub mod link;
pub mod script;
pub mod terminal;
pub mod console;
pub mod session;
mod resume;
pub mod plain;

use crate::args::Args;
use crate::failure::Failure;
use crate::link::Leaving;
use crate::login::Credentials;
use crate::plain::Plain;
use crate::route::Route;
use crate::session::{End, Session};

/// How the client ended, when nothing kept it from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was asked for was done and every message confirmed.
    Done,
    /// Something was not done; the person, or standard error, was told.
    Undone,
    /// Ctrl-C ended it.
    Interrupted,
}

/// Runs the client.
///
/// # Errors
/// What kept it from going on.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let password = args.password_file.as_deref().map(read_password).transpose()?;
    let credentials = Credentials { user: args.user.clone(), password, server_password: None };
    let mut session = Session::new(Route::new(args), credentials)?;
    let outcome = match session.open() {
        Ok(()) => Plain::run(&mut session),
        Err(End::Left(Leaving::Interrupted)) => Ok(Outcome::Interrupted),
        Err(End::Left(_)) if session.console.interactive => Ok(Outcome::Undone),
        Err(End::Left(_)) => Err(Failure::Input("it ended before the login was done".to_owned())),
        Err(End::Failed(failure)) => Err(failure),
    };
    match &outcome {
        Ok(_) => session.leave(),
        Err(_) => session.give_terminal_back(),
    }
    match outcome? {
        // A person was there when it was said that something could not be done; only a script needs the exit code.
        Outcome::Undone if session.console.interactive => Ok(Outcome::Done),
        outcome => Ok(outcome),
    }
}

/// The first line of the password file.
fn read_password(path: &std::path::Path) -> Result<String, Failure> {
    let unusable = |reason| Failure::PasswordFile { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => Err(unusable("its first line is empty".to_owned())),
    }
}
