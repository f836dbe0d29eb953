//! The command line.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::subcommand::{Account, Subcommand};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueHint};
use proto::Fingerprint;

use crate::address::{Address, parse_port};
use crate::proxy::Proxy;

/// Joins a Parlor chat room.
///
/// At a terminal, it asks for what it needs. If standard input is not a terminal,
/// it reads its answers from there, one per line: the user name (unless -u); the
/// server password, if the server has one (even with --password-file, which holds
/// the user's own); the password (unless --password-file; only once, even for a new
/// name with --register); the code of the second factor, if the account has one;
/// then the commands BM, PM, CH, FIND, more and EX. Prompts go to standard error,
/// messages to standard output; end of input means EX. Messages the server keeps
/// for the user are left there for the person to read.
///
/// The connection is encrypted (TLS). The server must present a certificate from a
/// trusted CA, or the same certificate each time: its fingerprint is shown the
/// first time and saved in the file parlor/known_hosts in $XDG_STATE_HOME (or
/// ~/.local/state). A server with a different certificate is refused before
/// anything is sent, until --fingerprint confirms it.
///
/// What is typed at a terminal (except passwords and lines that begin with a
/// space) is kept for the next session in the file parlor/history in the same
/// directory, readable only by its owner.
///
/// Exit codes:
///   0    everything was done and confirmed by the server
///   1    something was refused or not done (at a terminal: the client could not continue)
///   2    invalid command line
///   3    not every message was confirmed: those listed may or may not have been sent
///   4    no connection to the server
///   5    the login failed; also: no such account, and --register was not given
///   124  the --timeout expired
///   130  Ctrl-C
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "chatclient", version, about, verbatim_doc_comment, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = false, subcommand_negates_reqs = true)]
pub struct Args {
    /// Do one thing and exit, for scripts
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    /// The server: HOST, HOST:PORT, [IPV6]:PORT or ircs://HOST:PORT [default: localhost]
    #[arg(value_name = "HOST", value_hint = ValueHint::Hostname, conflicts_with = "named_host")]
    positional_host: Option<Address>,

    /// The server's port [default: 9999]
    #[arg(value_name = "PORT", value_parser = parse_port, conflicts_with = "named_port")]
    positional_port: Option<u16>,

    /// The server, as above; -hn HOST works, too
    #[arg(global = true, long = "host", value_name = "HOST", value_hint = ValueHint::Hostname)]
    named_host: Option<Address>,

    /// The server's port
    #[arg(global = true, short = 'p', long = "port", value_name = "PORT",
        value_parser = parse_port)]
    named_port: Option<u16>,

    /// Log in as this user instead of asking for the name
    #[arg(global = true, short = 'u', long, value_name = "NAME", value_parser = user_name)]
    pub user: Option<String>,

    /// Read the password from the first line of this file instead of asking
    #[arg(global = true, long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "PARLOR_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,

    /// Register the user if there is no such account
    ///
    /// At a terminal, which asks for a new password twice, this is needed only with --password-file.
    #[arg(global = true, long)]
    pub register: bool,

    /// Register with this invitation, which the server may require
    #[arg(global = true, long, value_name = "CODE")]
    pub invite: Option<String>,

    /// Trust only a server whose certificate has this SHA-256 fingerprint
    ///
    /// 64 hexadecimal digits, with or without colons, as the server prints them when it starts. Get them from its
    /// administrator or its log, not over the connection that they are to prove. The fingerprint is saved for next
    /// time; if the server later gets a certificate from a trusted CA, that replaces it.
    #[arg(global = true, long, value_name = "FINGERPRINT", conflicts_with = "plaintext")]
    pub fingerprint: Option<Fingerprint>,

    /// Ask with plain prompts, one line after the other, instead of the full screen
    ///
    /// This is the default in dumb terminals, and if standard input or output is not a terminal.
    #[arg(long)]
    pub plain: bool,

    /// The same, for screen readers: lists are numbered lines, and a number chooses from them
    #[arg(long)]
    pub screen_reader: bool,

    /// Do not keep input history for the next session
    #[arg(long)]
    pub no_history: bool,

    /// Do not encrypt: for servers without TLS, and for debugging the protocol
    #[arg(global = true, long)]
    pub plaintext: bool,

    /// Connect through this SOCKS5 proxy: socks5://HOST:PORT, or socks5h:// to have it resolve names
    ///
    /// The default is the environment variable ALL_PROXY, unless NO_PROXY lists the server; a proxy's user and
    /// password can be given only there: socks5h://USER:PASSWORD@HOST:PORT.
    #[arg(global = true, long, value_name = "URL", value_hint = ValueHint::Url)]
    pub proxy: Option<Proxy>,

    /// For scripts: exit with code 124 if not everything is done in time
    #[arg(global = true, long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<NonZeroU32>,

    /// Only for tests: accept any number of SCRAM iterations
    ///
    /// Otherwise, servers that ask for fewer than 100,000, or fewer than before, are refused: an impostor could
    /// use that to guess the password.
    #[arg(global = true, long)]
    pub allow_weak_scram: bool,
}

impl Args {
    /// Reads the command line, program name first.
    ///
    /// # Errors
    /// clap's own, which print themselves: also for `--help` and `--version`.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
        let mut only_values = false;
        let spelled_out = line.into_iter().map(|word| {
            only_values |= word == "--";
            if only_values { word } else { spell_out(word) }
        });
        let args = Args::try_parse_from(spelled_out)?;
        let twice = args.address().is_some_and(|address| address.port.is_some());
        if twice && (args.named_port.is_some() || args.positional_port.is_some()) {
            let sentence = "the port is given twice: with the host and separately";
            return Err(Args::command().error(ErrorKind::ArgumentConflict, sentence));
        }
        Ok(args)
    }

    /// Whether it names a server.
    pub fn names_a_server(&self) -> bool {
        self.address().is_some() || self.named_port.is_some() || self.positional_port.is_some()
    }

    /// The same command line for this server.
    pub fn to(&self, address: Address) -> Args {
        Args { named_host: Some(address), ..self.clone() }
    }

    fn address(&self) -> Option<&Address> {
        self.named_host.as_ref().or(self.positional_host.as_ref())
    }

    /// The server's host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.address().map_or("localhost", |address| &address.host)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        let with_host = self.address().and_then(|address| address.port);
        self.named_port.or(self.positional_port).or(with_host).unwrap_or(9999)
    }

    /// The file to export the account to, if requested.
    pub fn export(&self) -> Option<&Path> {
        match &self.subcommand {
            Some(Subcommand::Account { action: Account::Export { file } }) => Some(file),
            _ => None,
        }
    }

    /// The time limit for everything.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.map(|seconds| Duration::from_secs(seconds.get().into()))
    }
}

/// The original program's `-hn HOST`, `-hn=HOST` and `-hnHOST` would be `-h` (help) to clap, which
/// supports only one-letter options.
fn spell_out(word: OsString) -> OsString {
    match word.to_str().and_then(|word| word.strip_prefix("-hn")) {
        None => word,
        Some("") => "--host".into(),
        Some(host) => format!("--host={}", host.strip_prefix('=').unwrap_or(host)).into(),
    }
}

fn user_name(name: &str) -> Result<String, proto::name::NameError> {
    proto::name::check_name(name).map(|()| name.to_owned())
}

fn seconds(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "give a whole number of seconds, 1 or more")
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
        for line in [
            "-hn=chat.example -p 7000",
            "-hnchat.example -p7000",
            "-hnchat.example:7000",
            "-hn ircs://chat.example:7000",
            "chat.example:7000",
            "ircs://chat.example:7000/",
            "IRCS://chat.example:7000",
            "-- chat.example 7000",
        ] {
            assert_eq!(address(line), ("chat.example".to_owned(), 7000), "{line}");
        }
    }

    #[test]
    fn without_arguments_the_server_is_localhost() {
        assert_eq!(address(""), ("localhost".to_owned(), 9999));
        for line in ["[::1] 7000", "::1 7000", "[::1]:7000", "-hn [::1]:7000", "-hn=::1 -p 7000"] {
            assert_eq!(address(line), ("::1".to_owned(), 7000), "{line}");
        }
    }

    #[test]
    fn user_and_password_file_are_taken() {
        let args = read("-u ann --password-file /some/file").unwrap();
        assert_eq!(args.user.as_deref(), Some("ann"));
        assert_eq!(args.password_file, Some(PathBuf::from("/some/file")));
    }

    #[test]
    fn invalid_arguments_are_refused_with_the_right_exit_code() {
        for line in [
            "a -hn b",
            "a 1 -p 2",
            "a:1 2",
            "a:1 -p 1",
            "-hn=a:1 -p 2",
            "a 70000",
            "a:70000",
            "a 0",
            "a:0",
            "-p 0",
            "-p x",
            "a:",
            "a 1 2",
            "-hn",
            "-hn=",
            "--nonsense",
            "irc://a",
            "https://a",
            "ircs://ann:secret@a",
            "ircs://a/#room",
            "[::1",
            "[a]:1",
            "a:b:c",
            "-u 1ann",
            "-u an@n",
            "--timeout 0",
            "--timeout soon",
            "--proxy http://a:1",
            "--proxy socks5://ann:secret@a:1",
        ] {
            let error = read(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
            // In our words, not those of Rust's number parser.
            assert!(!error.to_string().contains("found in string"), "{line}: {error}");
        }
    }
}
