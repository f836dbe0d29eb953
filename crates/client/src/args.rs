//! What may stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueHint};
use proto::Fingerprint;

/// Joins a Parlor chat room.
///
/// On a terminal it asks for what it needs. With standard input not a terminal it takes its answers
/// from the lines of standard input, one an answer: the user name (unless -u); if the server has a password
/// for everybody, that password (with --password-file too, which holds the user's own); the password (unless
/// --password-file; once, for a new name too); then the operations: BM, PM, CH, more, EX. Prompts go to
/// standard error, messages to standard output; the end of input is EX.
///
/// What is said is encrypted (TLS). The server has to show a certificate that an authority vouches for, or
/// else the same one each time: its fingerprint is shown at the first time, and remembered in the file
/// parlor/known_hosts of the folder $XDG_STATE_HOME (or ~/.local/state). A server that shows another one is
/// refused before anything is said, until --fingerprint confirms it.
///
/// It ends with 0 if everything was done and confirmed by the server, 1 if not (at a terminal only if it could
/// not go on), 2 if the command line is wrong, and 130 after Ctrl-C.
#[derive(Debug, PartialEq, Eq, Parser)]
#[command(name = "chatclient", version, about, verbatim_doc_comment, max_term_width = 100)]
pub struct Args {
    /// The server's host name or address [default: localhost]
    #[arg(value_name = "HOST", value_hint = ValueHint::Hostname)]
    positional_host: Option<String>,

    /// The server's port [default: 9999]
    #[arg(value_name = "PORT")]
    positional_port: Option<u16>,

    /// The server's host name or address; may also be written -hn HOST
    #[arg(long = "host", value_name = "HOST", value_hint = ValueHint::Hostname, conflicts_with = "positional_host")]
    named_host: Option<String>,

    /// The server's port
    #[arg(short = 'p', long = "port", value_name = "PORT", conflicts_with = "positional_port")]
    named_port: Option<u16>,

    /// Log in as this user instead of asking for the name
    #[arg(short = 'u', long, value_name = "NAME")]
    pub user: Option<String>,

    /// Take the password from the first line of this file instead of asking for it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,

    /// Trust, this time, only a server whose certificate has this SHA-256 fingerprint, and remember it; if an
    /// authority vouches for the server later, that counts instead
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "plaintext")]
    pub fingerprint: Option<Fingerprint>,

    /// Do not encrypt: for servers that cannot, and for looking at the protocol
    #[arg(long)]
    pub plaintext: bool,
}

impl Args {
    /// Reads the command line, program name first.
    ///
    /// # Errors
    /// clap's own, which print themselves: also for `--help` and `--version`.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
        // The original program's `-hn HOST` would be `-h` (help) to clap, which knows one-letter options only.
        let spelled_out = line
            .into_iter()
            .map(|word| if word == "-hn" { OsString::from("--host") } else { word });
        Args::try_parse_from(spelled_out)
    }

    /// The server's host, without the brackets that an IPv6 address may have been given in.
    pub fn host(&self) -> &str {
        let host = self.named_host.as_deref().or(self.positional_host.as_deref());
        let host = host.unwrap_or("localhost");
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.named_port.or(self.positional_port).unwrap_or(9999)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, clap::Error> {
        Args::read(std::iter::once("chatclient").chain(line.split_whitespace()).map(OsString::from))
    }

    fn address(line: &str) -> (String, u16) {
        let args = read(line).expect(line);
        (args.host().to_owned(), args.port())
    }

    #[test]
    fn every_spelling_names_the_same_server() {
        for line in
            ["-hn chat.example -p 7000", "--host chat.example --port 7000", "chat.example 7000"]
        {
            assert_eq!(address(line), ("chat.example".to_owned(), 7000), "{line}");
        }
        assert_eq!(address("-p 7000 chat.example"), ("chat.example".to_owned(), 7000));
    }

    #[test]
    fn without_words_it_is_the_own_machine() {
        assert_eq!(address(""), ("localhost".to_owned(), 9999));
        assert_eq!(address("[::1] 7000"), ("::1".to_owned(), 7000));
    }

    #[test]
    fn user_and_password_file_are_taken() {
        let args = read("-u ann --password-file /some/file").unwrap();
        assert_eq!(args.user.as_deref(), Some("ann"));
        assert_eq!(args.password_file, Some(PathBuf::from("/some/file")));
    }

    #[test]
    fn contradictions_and_bad_ports_are_refused() {
        for line in ["a -hn b", "a 1 -p 2", "a 70000", "-p x", "a 1 2", "--nonsense"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
