//! Parlor's terminal client. The modules in reading order: what the person says on the command line and is
//! asked, what the client knows, how it logs in, which servers it trusts, and how all that meets the network and the terminal.
#![forbid(unsafe_code)]

pub mod address;
pub mod proxy;
pub mod args;
pub mod limits;
mod files;
pub mod input_history;
pub mod editor;
pub mod question;
mod system;
pub mod seen;
pub mod pages;
pub mod timing;
pub mod login;
pub mod find;
pub mod show;
pub mod known_hosts;
pub mod iterations;
pub mod saved_login;
pub mod trust;
pub mod tls;
pub mod endpoints;
pub mod route;
pub mod failure;
mod password_file;
pub mod password_change;
pub mod link;
pub mod script;
pub mod layout;
pub mod screen;
pub mod tty;
pub mod terminal;
pub mod console;
pub mod wire;
pub mod fullscreen;
pub mod subcommand;
pub mod plain;
mod export;

use crate::args::Args;
use crate::failure::Failure;
use crate::link::Leaving;
use crate::login::{Credentials, LoginError};
use crate::plain::{End, Plain, Session};
use crate::subcommand::Subcommand;

/// How the client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was asked for was done and every message confirmed.
    Done,
    /// Something was not done, or the client could not go on; the person, or standard error, was informed.
    Undone,
    /// Not every message was confirmed: some may or may not have been sent.
    Unconfirmed,
    /// There is no connection to the server.
    NotConnected,
    /// The server did not let the person in.
    NotLoggedIn,
    /// The time given was over.
    TimedOut,
    /// Ctrl-C ended it.
    Interrupted,
    /// SIGTERM ended it.
    Terminated,
}

/// The outcome, and so the exit code, of a failure.
pub fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::TimedOut => Outcome::TimedOut,
        Failure::Connect(_) | Failure::GaveUp(_) | Failure::Login(LoginError::NotParlor(_)) => {
            Outcome::NotConnected
        }
        Failure::Login(_) => Outcome::NotLoggedIn,
        _ => Outcome::Undone,
    }
}

/// Runs the client.
///
/// # Errors
/// Why it could not start. Later failures it reports itself.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    if let Some(Subcommand::Script(script)) = &args.subcommand {
        return subcommand::run(args, script);
    }
    let export = args.export();
    let is_plain = args.plain || args.screen_reader || export.is_some();
    if !is_plain && fullscreen::is_possible() {
        return fullscreen::run(args);
    }
    let password = args.password_file.as_deref().map(password_file::read).transpose()?;
    let (password, warning) = password.unzip();
    let credentials = Credentials { user: args.user.clone(), password, server_password: None };
    let mut session = Session::new(args, credentials)?;
    if let Some(warning) = warning.flatten() {
        session.show_status(&warning)?;
    }
    let outcome = match session.open() {
        Ok(()) => match export {
            Some(file) => export::run(&mut session, file),
            None => Plain::run(&mut session, args.screen_reader),
        },
        Err(End::Left(Leaving::Interrupted)) => Ok(Outcome::Interrupted),
        Err(End::Left(Leaving::Terminated)) => Ok(Outcome::Terminated),
        Err(End::Left(_)) if session.console.interactive => Ok(Outcome::Undone),
        Err(End::Left(_)) => {
            Err(Failure::Input("the input ended before login was complete".to_owned()))
        }
        Err(End::Unusable(reason)) => Err(Failure::Input(reason)),
        Err(End::Failed(failure)) => Err(failure),
    };
    match &outcome {
        Ok(Outcome::Interrupted | Outcome::Terminated) => session.leave(true),
        Ok(_) => session.leave(false),
        Err(failure) => session.give_up(failure),
    }
    let unsent = session.report_unsent(outcome.is_err());
    Ok(match outcome {
        Err(Failure::TimedOut) => Outcome::TimedOut,
        _ if unsent => Outcome::Unconfirmed,
        Err(failure) => outcome_of(&failure),
        // A person was there when it was said that something could not be done; only a script needs the exit code.
        Ok(Outcome::Undone) if session.console.interactive => Outcome::Done,
        Ok(outcome) => outcome,
    })
}
