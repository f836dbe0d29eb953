//! Parlor's terminal client. The modules in reading order: what the person says on the command line and is
//! asked, what the client knows, how it logs in, and how all that meets the network and the terminal.
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
use crate::login::Credentials;
use crate::plain::Plain;
use crate::session::{End, Session};

/// Runs the client; true if everything that was asked for was done and every message confirmed, or a person
/// sat at it who was told.
///
/// # Errors
/// What kept it from going on.
pub fn run(args: &Args) -> Result<bool, Failure> {
    let password = args.password_file.as_deref().map(read_password).transpose()?;
    let credentials = Credentials { user: args.user.clone(), password, server_password: None };
    let mut session = Session::new(args.host(), args.port(), credentials)?;
    let outcome = match session.open() {
        Ok(()) => Plain::run(&mut session),
        Err(End::Left) => Ok(false),
        Err(End::Failed(failure)) => Err(failure),
    };
    match &outcome {
        Ok(_) => session.leave(),
        Err(_) => session.give_terminal_back(),
    }
    Ok(outcome? || session.console.interactive)
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
