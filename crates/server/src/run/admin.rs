//! `chatserver admin WORDS`: sends a command to the running server over its admin socket, and
//! prints the replies for people or programs.

mod print;

use super::RunError;
use crate::limits::{ADMIN_SECONDS, LINE_BYTES};
use crate::shard::admin_socket::address_in;
use print::Printer;
use proto::Message;
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Ipv6Addr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The argument by which the end of the replies is recognized.
const END: &str = "end-of-answer";

/// Sends the command and prints the replies.
///
/// # Errors
/// When no server is running, or the connection fails.
pub(super) fn run(words: &[String], json: bool, data: &Path) -> Result<ExitCode, RunError> {
    let line = line_of(words).map_err(RunError::Usage)?;
    let no_server = || RunError::NoServer(data.to_owned());
    let mut socket = connect(data).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => no_server(),
        _ => error.into(),
    })?;
    socket.write_all(format!("{line}\r\nPING {END}\r\n").as_bytes())?;
    let mut printer = Printer::new(json);
    let mut lines = BufReader::new(socket);
    loop {
        let mut line = Vec::new();
        if (&mut lines).take(LINE_BYTES as u64).read_until(b'\n', &mut line)? == 0 {
            // It stopped, or refused the connection; its reason has been printed.
            printer.refused();
            break;
        }
        let line = String::from_utf8_lossy(&line);
        let Ok(message) = Message::parse(line.trim_end()) else { continue };
        if message.verb == "PONG" && message.params().last() == Some(&END) {
            break;
        }
        printer.add(&message);
    }
    let (output, errors, done) = printer.finish();
    std::io::stdout().write_all(output.as_bytes())?;
    std::io::stderr().write_all(errors.as_bytes())?;
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn connect(data: &Path) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let (address, _folder) = address_in(data)?;
    socket.connect(&address)?;
    socket.set_read_timeout(Some(Duration::from_secs(ADMIN_SECONDS)))?;
    Ok(socket)
}

/// Makes a line of the words: the first is the verb, and the last may contain spaces.
fn line_of(words: &[String]) -> Result<String, &'static str> {
    let mut line = String::new();
    let first = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    if matches!(&*first, "BAN" | "BANS") {
        return Err("a ban from the server is serverban; BAN is for rooms, in the chat alone");
    }
    let words = &with_plain_addresses(&first, words);
    for (at, word) in words.iter().enumerate() {
        if word.contains(['\r', '\n', '\0']) {
            return Err("a word cannot have a line break in it");
        }
        let last = at + 1 == words.len();
        let trailing = word.is_empty() || word.starts_with(':') || word.contains(' ');
        match at {
            0 if trailing => return Err("the first word is a command, such as accounts; see help"),
            0 => line.push_str(&verb(word, words.len() == 1)),
            _ if trailing && !last => return Err("only the last word can have spaces in it"),
            _ if trailing => line.push_str(&format!(" :{word}")),
            _ => line.push_str(&format!(" {word}")),
        }
    }
    if line.len() > LINE_BYTES - 2 {
        return Err("this is too long for one command");
    }
    Ok(line)
}

/// The target of a `SERVERBAN` may be an IPv6 address that begins with a colon, which in a line of IRC
/// would mean that the rest is one parameter: it gets a zero first.
fn with_plain_addresses(verb: &str, words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    if verb == "SERVERBAN"
        && let Some(target) = words.get_mut(2).filter(|target| target.starts_with(':'))
    {
        let address = target.split('/').next().unwrap_or_default();
        if let Ok(parsed) = address.parse::<Ipv6Addr>() {
            let zero = if parsed.to_string().starts_with(':') { "0" } else { "" };
            *target = format!("{zero}{parsed}{}", &target[address.len()..]);
        }
    }
    words
}

/// The verb that is meant.
fn verb(word: &str, alone: bool) -> String {
    match word.to_ascii_uppercase().as_str() {
        "REPORT" => "REPORTS".into(),
        "SERVERBAN" if alone => "SERVERBAN LIST".into(),
        "ACCOUNTS" if alone => "ACCOUNTS LIST".into(),
        "INVITATION" | "INVITATIONS" if alone => "INVITATION LIST".into(),
        "INVITATIONS" => "INVITATION".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> Result<String, &'static str> {
        line_of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn words_become_a_line() {
        for (words, expected) in [
            (&["accounts", "list"][..], "ACCOUNTS list"),
            (&["accounts"], "ACCOUNTS LIST"),
            (&["serverban"], "SERVERBAN LIST"),
            (&["serverban", "add", "bob", "2h", "no more"], "SERVERBAN add bob 2h :no more"),
            (&["serverban", "add", "::/0", "2h", "no"], "SERVERBAN add 0::/0 2h no"),
            (&["serverban", "add", "::a:1"], "SERVERBAN add 0::a:1"),
            (&["serverban", "add", "bob", "no", "more"], "SERVERBAN add bob no more"),
            (&["kill", "bob", ":x"], "KILL bob ::x"),
            (&["kill", "bob", ""], "KILL bob :"),
        ] {
            assert_eq!(line(words).as_deref(), Ok(expected));
        }
        for words in [&["a b"][..], &[""], &["x", "a b", "c"], &["x", "a\nQUIT"], &["ban", "bob"]] {
            assert!(line(words).is_err(), "{words:?}");
        }
        assert!(line(&["x", &"y".repeat(LINE_BYTES)]).is_err());
    }
}
