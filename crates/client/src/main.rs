//! The program `chatclient`.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use parlor_client::Outcome;
use parlor_client::args::Args;
use parlor_client::limits::{INTERRUPTED, NO_ACCOUNT, TIMED_OUT, UNCONFIRMED};
use parlor_client::link::Leaving;

fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    match parlor_client::run(&args) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Undone) => ExitCode::FAILURE,
        Ok(Outcome::Unconfirmed) => ExitCode::from(UNCONFIRMED),
        Ok(Outcome::NoAccount) => ExitCode::from(NO_ACCOUNT),
        Ok(Outcome::TimedOut) => ExitCode::from(TIMED_OUT),
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Ok(Outcome::Terminated) => parlor_client::tty::end_at_once(Leaving::Terminated),
        Err(failure) => {
            // Without standard error there is nobody to be told; the exit code says it, too.
            let _ = writeln!(std::io::stderr(), "chatclient: {failure}");
            ExitCode::FAILURE
        }
    }
}
