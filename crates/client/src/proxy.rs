//! Connections through a SOCKS5 proxy (RFC 1928; user and password by RFC 1929).

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::address::split_port;

/// The default port of a proxy.
const SOCKS_PORT: u16 = 1080;
const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD_LOGIN: u8 = 2;

/// A SOCKS5 proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// It resolves the server's name (`socks5h`).
    pub resolves: bool,
    login: Option<(String, String)>,
}

// Logs and error messages must not contain the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// For the command line, which everybody on the machine can read: without user and password.
impl FromStr for Proxy {
    type Err = String;

    fn from_str(url: &str) -> Result<Proxy, String> {
        match Proxy::parse(url)? {
            Proxy { login: Some(_), .. } => {
                Err("a password here is visible to everyone on this machine; \
                set ALL_PROXY to the URL instead"
                    .to_owned())
            }
            proxy => Ok(proxy),
        }
    }
}

impl Proxy {
    /// The proxy that the environment gives for this server: `ALL_PROXY`, unless `NO_PROXY` lists
    /// the server.
    ///
    /// # Errors
    /// Why what it says is of no use, without its password.
    pub fn of_environment(host: &str) -> Result<Option<Proxy>, String> {
        let variable = |names: [&str; 2]| {
            names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        };
        let Some(url) = variable(["all_proxy", "ALL_PROXY"]) else { return Ok(None) };
        if is_excepted(host, &variable(["no_proxy", "NO_PROXY"]).unwrap_or_default()) {
            return Ok(None);
        }
        Proxy::parse(&url)
            .map(Some)
            .map_err(|error| format!("cannot use ALL_PROXY: {error} (NO_PROXY={host} bypasses it)"))
    }

    fn parse(url: &str) -> Result<Proxy, String> {
        let (scheme, rest) =
            url.split_once("://").ok_or("a proxy must be given as socks5://HOST:PORT")?;
        let resolves = match scheme.to_ascii_lowercase().as_str() {
            "socks5" => false,
            "socks5h" => true,
            _ => {
                return Err("only socks5:// and socks5h:// proxies are supported".to_owned());
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(parse_login(login)?), address),
            None => (None, rest),
        };
        let (host, port) = split_port(address)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/?#[]".contains(c)) {
            return Err("that is not a valid proxy host".to_owned());
        }
        Ok(Proxy { host: host.to_owned(), port: port.unwrap_or(SOCKS_PORT), resolves, login })
    }

    /// Asks the proxy, over a fresh connection, to connect to `target`.
    ///
    /// # Errors
    /// If the proxy refuses, or is none.
    pub fn request_connection(
        &self,
        stream: &mut (impl Read + Write),
        target: &Target<'_>,
    ) -> io::Result<()> {
        let methods: &[u8] =
            if self.login.is_some() { &[NO_LOGIN, PASSWORD_LOGIN] } else { &[NO_LOGIN] };
        stream.write_all(&[&[VERSION, methods.len() as u8], methods].concat())?;
        match (receive(stream)?, &self.login) {
            ([VERSION, NO_LOGIN], _) => {}
            ([VERSION, PASSWORD_LOGIN], Some(login)) => log_in(stream, login)?,
            ([VERSION, _], Some(_)) => {
                return refused("it supports neither anonymous nor password login");
            }
            ([VERSION, _], None) => {
                return refused("it requires a user and password, which ALL_PROXY can contain");
            }
            _ => return refused("it does not speak SOCKS5"),
        }
        stream.write_all(&target.request()?)?;
        let [version, outcome, _, kind] = receive(stream)?;
        if version != VERSION {
            return refused("it does not speak SOCKS5");
        }
        if outcome != 0 {
            return refused(why(outcome));
        }
        // The address it connects from does not matter here.
        match kind {
            1 => receive::<6>(stream).map(drop),
            4 => receive::<18>(stream).map(drop),
            3 => {
                let [length] = receive(stream)?;
                stream.read_exact(&mut vec![0; usize::from(length) + 2])
            }
            _ => refused("it does not speak SOCKS5"),
        }
    }
}

/// What a proxy should connect to.
pub enum Target<'t> {
    /// An address.
    Address(SocketAddr),
    /// A name that the proxy resolves, and a port.
    Name(&'t str, u16),
}

impl Target<'_> {
    fn request(&self) -> io::Result<Vec<u8>> {
        const CONNECT: u8 = 1;
        let mut request = vec![VERSION, CONNECT, 0];
        let port = match self {
            Target::Address(address) => {
                match address.ip() {
                    IpAddr::V4(ip) => request.extend([&[1][..], &ip.octets()].concat()),
                    IpAddr::V6(ip) => request.extend([&[4][..], &ip.octets()].concat()),
                }
                address.port()
            }
            Target::Name(name, port) => {
                let length = u8::try_from(name.len());
                request.extend([
                    3,
                    length.map_err(|_| io::Error::other("the host's name is too long"))?,
                ]);
                request.extend(name.as_bytes());
                *port
            }
        };
        request.extend(port.to_be_bytes());
        Ok(request)
    }
}

fn log_in(stream: &mut (impl Read + Write), (user, password): &(String, String)) -> io::Result<()> {
    // The lengths were checked on input.
    let mut request = vec![1, user.len() as u8];
    request.extend(user.as_bytes());
    request.push(password.len() as u8);
    request.extend(password.as_bytes());
    stream.write_all(&request)?;
    match receive(stream)? {
        [_, 0] => Ok(()),
        [_, _] => refused("it rejected the user and password"),
    }
}

fn receive<const COUNT: usize>(stream: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    match stream.read_exact(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            refused("it closed the connection")
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => refused("it does not answer"),
        read => read.map(|()| bytes),
    }
}

fn refused<T>(why: &str) -> io::Result<T> {
    Err(io::Error::other(why.to_owned()))
}

fn why(outcome: u8) -> &'static str {
    match outcome {
        2 => "it does not allow this connection",
        3 => "it cannot reach that network",
        4 => "it cannot reach that host",
        5 => "the connection was refused",
        6 => "the TTL expired",
        7 | 8 => "it does not support this kind of connection",
        _ => "it failed",
    }
}

/// The user and password of a URL, in which `%3A` is a colon, and so on.
fn parse_login(text: &str) -> Result<(String, String), String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let login = (decode(user), decode(password));
    match login {
        (Some(user), Some(password))
            if (1..=255).contains(&user.len()) && password.len() <= 255 =>
        {
            Ok((user, password))
        }
        _ => Err("its user or password is invalid".to_owned()),
    }
}

fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// Whether `NO_PROXY` lists the host: itself, a parent domain, or `*`.
fn is_excepted(host: &str, list: &str) -> bool {
    let host = one_spelling(host);
    list.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = one_spelling(entry.trim_start_matches('.'));
        entry == "*"
            || host == entry
            || host.strip_suffix(&entry).is_some_and(|before| before.ends_with('.'))
    })
}

/// A host in lower case, without the final dot of a name or the brackets of an IPv6 address.
fn one_spelling(host: &str) -> String {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match inner.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => inner.strip_suffix('.').unwrap_or(inner).to_ascii_lowercase(),
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
