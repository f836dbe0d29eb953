//! The program `chatclient`.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use parlor_client::Outcome;
use parlor_client::args::Args;
use parlor_client::limits::{INTERRUPTED, NOT_CONNECTED, NOT_LOGGED_IN, TIMED_OUT, UNCONFIRMED};
use parlor_client::link::Leaving;
use parlor_client::show::harmless_lines;

fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    let outcome = parlor_client::run(&args).unwrap_or_else(|failure| {
        // Without standard error nobody can read it; the exit code says the same.
        let message = harmless_lines(&failure.to_string());
        let _ = writeln!(std::io::stderr(), "chatclient: {message}");
        parlor_client::outcome_of(&failure)
    });
    match outcome {
        Outcome::Done => ExitCode::SUCCESS,
        Outcome::Undone => ExitCode::FAILURE,
        Outcome::Unconfirmed => ExitCode::from(UNCONFIRMED),
        Outcome::NotConnected => ExitCode::from(NOT_CONNECTED),
        Outcome::NotLoggedIn => ExitCode::from(NOT_LOGGED_IN),
        Outcome::TimedOut => ExitCode::from(TIMED_OUT),
        Outcome::Interrupted => ExitCode::from(INTERRUPTED),
        Outcome::Terminated => parlor_client::tty::end_at_once(Leaving::Terminated),
    }
}
