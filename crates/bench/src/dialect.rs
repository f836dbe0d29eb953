//! The two languages the servers speak: IRC, and the text protocol of NATS.

/// A server's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// IRC, with IRCv3 capabilities if the server has them.
    Irc,
    /// The text protocol of NATS; a room is a subject.
    Nats,
}

/// What a server's line means to a scenario.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerLine<'a> {
    /// Logged in.
    Welcome,
    /// The answer to [`Dialect::ping`].
    Pong,
    /// The server pings; with the token to answer.
    Ping(&'a [u8]),
    /// A message in a room.
    Message {
        /// IRCv3 tags without the `@`; empty if there are none.
        tags: &'a [u8],
        /// The text.
        text: &'a [u8],
    },
    /// The server does not have the capabilities that were asked for.
    Unsupported(&'a [u8]),
    /// An error.
    Refused(&'a [u8]),
    /// Anything else.
    Other(&'a [u8]),
}

/// Who logs in.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// Nick; for NATS unused.
    pub nick: String,
    /// Capabilities to ask for, separated by spaces; empty for none.
    pub caps: String,
    /// Password of an account, made at the first login; `None` for a guest.
    pub password: Option<String>,
}

impl Dialect {
    /// Lines with which a person logs in; the server's last word is [`ServerLine::Welcome`].
    #[must_use]
    pub fn login(self, person: &Person) -> String {
        if self == Self::Nats {
            return "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n".to_owned();
        }
        let nick = &person.nick;
        let mut lines = String::new();
        if !person.caps.is_empty() {
            lines += &format!("CAP REQ :{}\r\n", person.caps);
        }
        if let Some(password) = &person.password {
            lines += &format!("PASS {password}\r\n");
        }
        lines += &format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n");
        if !person.caps.is_empty() {
            lines += "CAP END\r\n";
        }
        lines
    }

    /// The line with which a person enters a room. Ask [`Dialect::ping`] behind it to know when it is done.
    #[must_use]
    pub fn join(self, room: &str) -> String {
        match self {
            Self::Irc => format!("JOIN #{room}\r\n"),
            Self::Nats => format!("SUB {room} 1\r\n"),
        }
    }

    /// Appends a message to a room.
    pub fn say(self, room: &str, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Irc => {
                out.extend_from_slice(b"PRIVMSG #");
                out.extend_from_slice(room.as_bytes());
                out.extend_from_slice(b" :");
            }
            Self::Nats => {
                out.extend_from_slice(format!("PUB {room} {}\r\n", text.len()).as_bytes());
            }
        }
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }

    /// A question that a server answers after everything that was asked before it on the same connection.
    #[must_use]
    pub fn ping(self) -> &'static str {
        match self {
            Self::Irc => "PING :bench\r\n",
            Self::Nats => "PING\r\n",
        }
    }

    /// The answer to [`ServerLine::Ping`].
    #[must_use]
    pub fn pong(self, token: &[u8]) -> Vec<u8> {
        match self {
            Self::Irc => [b"PONG ", token, b"\r\n"].concat(),
            Self::Nats => b"PONG\r\n".to_vec(),
        }
    }

    /// Parses one line, given without its line end.
    #[must_use]
    pub fn parse(self, line: &[u8]) -> ServerLine<'_> {
        match self {
            Self::Irc => parse_irc(line),
            Self::Nats => parse_nats(line),
        }
    }
}

fn parse_irc(line: &[u8]) -> ServerLine<'_> {
    let (tags, rest) = match line.strip_prefix(b"@") {
        Some(tagged) => word(tagged),
        None => (&line[..0], line),
    };
    let rest = if rest.first() == Some(&b':') { word(rest).1 } else { rest };
    let (verb, parameters) = word(rest);
    match verb {
        b"PRIVMSG" => {
            let (_room, text) = word(parameters);
            ServerLine::Message { tags, text: text.strip_prefix(b":").unwrap_or(text) }
        }
        b"001" => ServerLine::Welcome,
        b"PONG" => ServerLine::Pong,
        b"PING" => ServerLine::Ping(parameters),
        b"CAP" if word(word(parameters).1).0 == b"NAK" => ServerLine::Unsupported(line),
        b"ERROR" | b"FAIL" => ServerLine::Refused(line),
        // No message of the day: no error to anybody.
        b"422" => ServerLine::Other(line),
        [b'4' | b'5', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            ServerLine::Refused(line)
        }
        _ => ServerLine::Other(line),
    }
}

/// A message is two lines in NATS, its head and its text. Scenarios' texts begin with a digit of
/// [`crate::traffic`]'s numbering, which is lower-case, so that they differ from all of the server's words.
fn parse_nats(line: &[u8]) -> ServerLine<'_> {
    let (verb, parameters) = word(line);
    match verb {
        b"MSG" | b"+OK" => ServerLine::Other(line),
        b"INFO" => ServerLine::Welcome,
        b"PONG" => ServerLine::Pong,
        b"PING" => ServerLine::Ping(parameters),
        b"-ERR" => ServerLine::Refused(line),
        _ => ServerLine::Message { tags: &[], text: line },
    }
}

/// The first word, and what follows the space behind it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_after_tags_and_source() {
        let text = ServerLine::Message { tags: b"time=1;msgid=x", text: b"hello : all" };
        let line = b"@time=1;msgid=x :a!b@c PRIVMSG #r :hello : all";
        assert_eq!(Dialect::Irc.parse(line), text);
        let bare = ServerLine::Message { tags: b"", text: b"hi" };
        assert_eq!(Dialect::Irc.parse(b":a!b@c PRIVMSG #r hi"), bare);
    }

    #[test]
    fn errors_are_distinguished_from_answers() {
        assert!(matches!(Dialect::Irc.parse(b":s 433 * a :in use"), ServerLine::Refused(_)));
        assert!(matches!(Dialect::Irc.parse(b":s CAP * NAK :x"), ServerLine::Unsupported(_)));
        assert!(matches!(Dialect::Irc.parse(b":s 422 a :none"), ServerLine::Other(_)));
        assert!(matches!(Dialect::Irc.parse(b":s 366 a #r :end"), ServerLine::Other(_)));
        assert!(matches!(Dialect::Nats.parse(b"-ERR 'no'"), ServerLine::Refused(_)));
    }
}
