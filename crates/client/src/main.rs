//! The program `chatclient`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use parlor_client::args::Args;

fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    match parlor_client::run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("chatclient: {failure}");
            ExitCode::FAILURE
        }
    }
}
