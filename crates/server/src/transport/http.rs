//! HTTP/1.1, as much as a chat server needs: a page that says how to join, `/healthz` and
//! `/metrics`, and the handshake that opens a WebSocket.
//!
//! One request per connection (`Connection: close`): browsers need no second one here, and keeping
//! connections open would only add states, deadlines and opportunities for request smuggling.

pub mod answer;
pub mod files;
pub mod forwarded;
pub mod handshake;
pub mod host;
pub mod page;

pub use answer::{Answer, Kind, Status};
pub use files::Wanted;
pub use forwarded::Forwarded;
pub use host::Host;
pub use page::{Page, page};

use crate::limits::{HTTP_HEAD_BYTES, HTTP_HEADERS};
use crate::networks::Networks;
use httparse::{EMPTY_HEADER, Error, Header};
use memchr::memchr_iter;
use std::net::IpAddr;

/// A request whose head is incomplete. Once it is complete, nothing is kept.
#[derive(Debug, Default)]
pub struct Incoming {
    head: Vec<u8>,
}

/// What decides how a request is treated.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The address it comes from: the socket's peer, or the client named in a PROXY header.
    pub peer: IpAddr,
    /// The trusted proxies.
    pub proxies: &'a Networks,
    /// The origins that may open a WebSocket; if empty, all.
    pub origins: &'a [String],
}

/// A request whose head is complete.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// The resource.
    pub wants: Wants,
    /// Only the response's head is wanted, not its body (`HEAD`).
    pub head_only: bool,
    /// The server's name as the client knows it, if it is fit to be shown.
    pub host: Option<Host>,
    /// It has headers that proxies add, whoever added them.
    pub relayed: bool,
    /// The client it is for, if a trusted proxy says so.
    pub forwarded: Option<Forwarded>,
}

/// What a request asks for.
#[derive(Debug, PartialEq)]
pub enum Wants {
    /// The page at `/`, which is the web client.
    Page(Wanted),
    /// Another file of the web client.
    File(Wanted),
    /// `/join`, which says how to join.
    Join,
    /// `/healthz`
    Health,
    /// `/metrics`
    Metrics,
    /// A WebSocket, which is accepted.
    WebSocket {
        /// Lines are sent as binary messages, not as text.
        binary: bool,
        /// The handshake response.
        response: Vec<u8>,
    },
    /// Nothing there is: the error response.
    Refused(Vec<u8>),
}

impl Incoming {
    /// Processes input. When the head is complete, returns the request and how many of these bytes
    /// belong to it; the rest belongs to the WebSocket.
    pub fn receive(&mut self, bytes: &[u8], rules: &Rules<'_>) -> Option<(Request, usize)> {
        let before = self.head.len();
        let room = bytes.len().min(HTTP_HEAD_BYTES - before);
        self.head.extend_from_slice(&bytes[..room]);
        // It is parsed only once, in however many pieces it arrives.
        match end_of_head(&self.head, before) {
            Some(end) => {
                let mut head = std::mem::take(&mut self.head);
                head.truncate(end);
                Some((understand(&head, rules), end - before))
            }
            None if self.head.len() == HTTP_HEAD_BYTES => {
                self.head = Vec::new();
                Some((too_large(), room))
            }
            None => None,
        }
    }
}

impl Request {
    /// The complete response.
    pub fn answer(&self, answer: Answer<'_>) -> Vec<u8> {
        Answer { head_only: self.head_only, ..answer }.write()
    }

    /// Whether it comes from this machine or from one of `networks`. Never if it came through a
    /// proxy that is not trusted: that could be anybody. If a trusted proxy names no client, the
    /// proxy itself must be in `networks`.
    pub fn is_from(&self, peer: IpAddr, proxies: &Networks, networks: &Networks) -> bool {
        let is_local = |one: IpAddr| one.to_canonical().is_loopback();
        match &self.forwarded {
            Some(by) => by.address.is_some_and(|one| is_local(one) || networks.contain(one)),
            None if self.relayed => false,
            None => networks.contain(peer) || (is_local(peer) && !proxies.contain(peer)),
        }
    }

    fn refused(answer: &Answer<'_>) -> Request {
        Request {
            wants: Wants::Refused(answer.write()),
            head_only: answer.head_only,
            host: None,
            relayed: false,
            forwarded: None,
        }
    }
}

fn too_large() -> Request {
    let text = "The request header is too large.\n";
    Request::refused(&Answer::text(Status::HeadTooLarge, text))
}

/// The end of the head, after its empty line, if its last line came after the first `known` bytes.
fn end_of_head(head: &[u8], known: usize) -> Option<usize> {
    let from = known.saturating_sub(3);
    memchr_iter(b'\n', &head[from..]).map(|at| from + at + 1).find_map(|next| {
        let empty = [&b"\n"[..], b"\r\n"].into_iter().find(|line| head[next..].starts_with(line));
        empty.map(|line| next + line.len())
    })
}

/// The header lines of a request.
#[derive(Clone, Copy, Debug)]
struct Fields<'f>(&'f [Header<'f>]);

impl<'f> Fields<'f> {
    /// The values of all lines with this name, in order.
    fn all(self, name: &'static str) -> impl DoubleEndedIterator<Item = &'f str> + Clone {
        let named = move |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name);
        // A value that is not text matches nothing.
        self.0.iter().filter(named).map(|header| str::from_utf8(header.value).unwrap_or("?").trim())
    }

    /// The elements of a list, which may span several lines.
    fn list(self, name: &'static str) -> impl DoubleEndedIterator<Item = &'f str> {
        let elements = self.all(name).flat_map(|value| value.split(',')).map(str::trim);
        elements.filter(|element| !element.is_empty())
    }

    /// Whether a list has this element, ignoring case.
    fn has(self, name: &'static str, element: &str) -> bool {
        self.list(name).any(|one| one.eq_ignore_ascii_case(element))
    }

    fn has_none(self, name: &'static str) -> bool {
        self.all(name).next().is_none()
    }
}

fn understand(head: &[u8], rules: &Rules<'_>) -> Request {
    let mut headers = [EMPTY_HEADER; HTTP_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(Error::TooManyHeaders) => return too_large(),
        Err(Error::Version) => {
            let text = "This server speaks HTTP/1.1.\n";
            return Request::refused(&Answer::text(Status::VersionNotSupported, text));
        }
        Ok(httparse::Status::Partial) | Err(_) => {
            let text = "This is not a valid HTTP request.\n";
            return Request::refused(&Answer::text(Status::BadRequest, text));
        }
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        unreachable!("a whole request has them");
    };
    setup(method, target, minor, Fields(parsed.headers), rules).unwrap_or_else(|mut answer| {
        answer.head_only = method == "HEAD";
        Request::refused(&answer)
    })
}

fn setup(
    method: &str,
    target: &str,
    minor: u8,
    fields: Fields<'_>,
    rules: &Rules<'_>,
) -> Result<Request, Answer<'static>> {
    if !matches!(method, "GET" | "HEAD") {
        let text = "This server supports GET and HEAD only.\n";
        let allow = "Allow: GET, HEAD\r\n";
        return Err(Answer { extra: allow.into(), ..Answer::text(Status::MethodNotAllowed, text) });
    }
    check_body(fields)?;
    let (authority, path) = split_target(target)?;
    let host = match (fields.all("Host").count(), minor) {
        (1, _) | (0, 0) => authority.or_else(|| fields.all("Host").next()).and_then(Host::parse),
        _ => return Err(bad("An HTTP/1.1 request must have exactly one Host header.\n")),
    };
    let forwarded = forwarded::read(fields, rules)?;
    let wants = match path.split('?').next().unwrap_or_default() {
        _ if handshake::is_wanted(fields) => handshake::answer(method, minor, fields, rules)?,
        "/" => Wants::Page(Wanted::new(&files::INDEX, fields)),
        "/join" => Wants::Join,
        "/healthz" => Wants::Health,
        "/metrics" => Wants::Metrics,
        path => match files::find(path) {
            Some(file) => Wants::File(Wanted::new(file, fields)),
            None => {
                let text = "Not found. See /join for how to join this server.\n";
                return Err(Answer::text(Status::NotFound, text));
            }
        },
    };
    let head_only = method == "HEAD";
    let relayed = forwarded::is_relayed(fields);
    Ok(Request { wants, head_only, host, relayed, forwarded })
}

fn bad(text: &'static str) -> Answer<'static> {
    Answer::text(Status::BadRequest, text)
}

/// No request that is served here has a body.
fn check_body(fields: Fields<'_>) -> Result<(), Answer<'static>> {
    let mut lengths = fields.all("Content-Length");
    if !lengths.clone().all(|length| length.parse::<u64>().is_ok()) {
        return Err(bad("The Content-Length of this request is not a number.\n"));
    }
    if lengths.any(|length| length.parse() != Ok(0_u64)) || !fields.has_none("Transfer-Encoding") {
        let text = "This server does not accept requests with a body.\n";
        return Err(Answer::text(Status::ContentTooLarge, text));
    }
    Ok(())
}

/// The host and port, if the target has them, and the path.
fn split_target(target: &str) -> Result<(Option<&str>, &str), Answer<'static>> {
    if target.starts_with('/') {
        return Ok((None, target));
    }
    let (scheme, rest) = target.split_once("://").unwrap_or_default();
    if !["http", "https", "ws", "wss"].iter().any(|one| scheme.eq_ignore_ascii_case(one)) {
        return Err(bad("This server is not a proxy; request a path.\n"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Ok((Some(authority), if path.starts_with('/') { path } else { "/" }))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
