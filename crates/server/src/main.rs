//! `chatserver`: reads the command line, and leaves the rest to the library.

use clap::Parser;
use server::args::Args;
use std::process::ExitCode;

fn main() -> ExitCode {
    match server::run::run(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chatserver: {error}");
            error.exit_code()
        }
    }
}
