//! The program `chatclient` as a script uses it, against a server played line by line by the test
//! (and once against the real one).

mod identity;
mod server;
mod process;
mod login;
mod talk;
mod find;
mod history;
mod breaks;
mod nodes;
mod failures;
mod trust;
mod plaintext;
mod proxy;
mod together;
mod scripts;
mod exit_codes;
#[cfg(unix)]
mod emulator;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod editing;
#[cfg(unix)]
mod waiting;
#[cfg(unix)]
mod screen_reader;
#[cfg(unix)]
mod fullscreen;
#[cfg(unix)]
mod ngircd;
