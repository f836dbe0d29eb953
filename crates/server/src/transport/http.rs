//! HTTP/1.1, as much as a chat server needs: the web client, a page that says how to join,
//! `/healthz` and `/metrics`, and the handshake that opens a WebSocket.
//!
//! Where another program could see the end of a request elsewhere than this one does, the
//! connection is closed after the answer, so that nobody can smuggle a request past a proxy.

pub mod incoming;
pub mod response;
pub mod files;
pub mod forwarded;
pub mod handshake;
pub mod host;
pub mod page;

pub use files::Representation;
pub use forwarded::Forwarded;
pub use host::Host;
pub use incoming::Incoming;
pub use page::{Page, page};
pub use response::{Kind, Response, Status, sockets};

use crate::browser::Browser;
use crate::limits::{HTTP_BODY_BYTES, HTTP_HEADERS};
use crate::networks::Networks;
use handshake::PageOrigin;
use httparse::{EMPTY_HEADER, Error, Header};
use memchr::memchr_iter;
use std::net::IpAddr;

/// What decides how a request is treated.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// The address it comes from: the socket's peer, or the client named in a PROXY header.
    pub peer: IpAddr,
    /// The trusted proxies.
    pub proxies: &'a Networks,
    /// Whether the request came encrypted to this server.
    pub encrypted: bool,
    /// The origins whose pages may open a WebSocket, besides the server's own; `*` is all.
    pub origins: &'a [String],
}

/// A request whose head is complete.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// The resource.
    pub target: RequestTarget,
    /// Only the response's head is wanted, not its body (`HEAD`).
    pub head_only: bool,
    /// Another request may follow on the same connection.
    pub keep: bool,
    /// The server's name as the client knows it, if it is fit to be shown.
    pub host: Option<Host>,
    /// It has headers that proxies add, whoever added them.
    pub relayed: bool,
    /// The client it is for, if a trusted proxy says so.
    pub forwarded: Option<Forwarded>,
}

/// What a request asks for.
#[derive(Debug, PartialEq)]
pub enum RequestTarget {
    /// The page at `/`, which is the web client.
    Page(Representation),
    /// Another file of the web client.
    File(Representation),
    /// `/join`, which says how to join.
    Join,
    /// The methods that there are (`OPTIONS`).
    Methods,
    /// `/healthz`
    Health,
    /// `/metrics`
    Metrics,
    /// A WebSocket, which is accepted.
    WebSocket {
        /// Lines are sent as binary messages, not as text.
        binary: bool,
        /// The browser, if it is a web page that asks.
        browser: Option<Browser>,
        /// The handshake response.
        response: Vec<u8>,
    },
    /// Nothing there is: the error response.
    Refused(Vec<u8>),
}

impl Request {
    /// The complete response.
    pub fn answer(&self, answer: Response<'_>) -> Vec<u8> {
        Response { head_only: self.head_only, last: !self.keep, ..answer }.write()
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

    fn refused(answer: &Response<'_>) -> Request {
        Request {
            target: RequestTarget::Refused(answer.write()),
            head_only: answer.head_only,
            keep: !answer.last,
            host: None,
            relayed: false,
            forwarded: None,
        }
    }
}

fn too_large() -> Request {
    let text = "The request header is too large.\n";
    Request::refused(&last(Status::HeadTooLarge, text))
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

/// Understands a head; with the bytes of the body that follows. `keep`: another request may follow.
fn understand(head: &[u8], context: &RequestContext<'_>, keep: bool) -> (Request, usize) {
    let mut headers = [EMPTY_HEADER; HTTP_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(Error::TooManyHeaders) => return (too_large(), 0),
        Err(Error::Version) => {
            let text = "This server speaks HTTP/1.1.\n";
            return (Request::refused(&last(Status::VersionNotSupported, text)), 0);
        }
        Ok(httparse::Status::Partial) | Err(_) => {
            return (Request::refused(&bad("This is not a valid HTTP request.\n")), 0);
        }
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        unreachable!("a whole request has them");
    };
    let fields = Fields(parsed.headers);
    let body = match body(fields) {
        Ok(body) => body,
        Err(answer) => {
            return (Request::refused(&Response { head_only: method == "HEAD", ..answer }), 0);
        }
    };
    // A line end of LF alone is one to some, and none to others.
    let odd = memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r');
    let keep = keep && minor == 1 && !odd && !body.is_awaited;
    let keep = keep && !fields.has("Connection", "close");
    let request = setup(First { method, target, minor }, fields, context);
    let mut request = request.unwrap_or_else(|answer| {
        let last = answer.last || !keep;
        Request::refused(&Response { head_only: method == "HEAD", last, ..answer })
    });
    request.keep &= keep;
    (request, body.bytes)
}

/// The first line of a request.
#[derive(Clone, Copy)]
struct First<'r> {
    method: &'r str,
    target: &'r str,
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    minor: u8,
}

fn setup(
    first: First<'_>,
    fields: Fields<'_>,
    context: &RequestContext<'_>,
) -> Result<Request, Response<'static>> {
    let First { method, target, minor } = first;
    if !matches!(method, "GET" | "HEAD" | "OPTIONS") {
        let text = "This server supports GET, HEAD and OPTIONS only.\n";
        let refusal = Response::text(Status::MethodNotAllowed, text);
        return Err(Response { extra: METHODS.into(), ..refusal });
    }
    let (authority, path) = match (method, target) {
        ("OPTIONS", "*") => (None, "/"),
        _ => split_target(target)?,
    };
    let host = match (fields.all("Host").count(), minor) {
        (1, _) | (0, 0) => authority.or_else(|| fields.all("Host").next()).and_then(Host::parse),
        _ => return Err(bad("An HTTP/1.1 request must have exactly one Host header.\n")),
    };
    let forwarded = forwarded::read(fields, context)?;
    let target = match path.split('?').next().unwrap_or_default() {
        _ if handshake::is_wanted(fields) => {
            let encrypted = context.encrypted || forwarded.is_some_and(|by| by.encrypted);
            let own = PageOrigin { host: host.as_ref(), encrypted };
            handshake::answer(first, fields, context, own)?
        }
        _ if method == "OPTIONS" => RequestTarget::Methods,
        "/" => RequestTarget::Page(Representation::new(&files::INDEX, fields)),
        "/join" => RequestTarget::Join,
        "/healthz" => RequestTarget::Health,
        "/metrics" => RequestTarget::Metrics,
        path => match files::find(path) {
            Some(file) => RequestTarget::File(Representation::new(file, fields)),
            None => {
                let text = "Not found. See /join for how to join this server.\n";
                return Err(Response::text(Status::NotFound, text));
            }
        },
    };
    let head_only = method == "HEAD";
    let relayed = forwarded::is_relayed(fields);
    Ok(Request { target, head_only, keep: true, host, relayed, forwarded })
}

/// The header that names the methods.
pub const METHODS: &str = "Allow: GET, HEAD, OPTIONS\r\n";

/// A refusal after which the connection is closed.
fn last(status: Status, text: &'static str) -> Response<'static> {
    Response { last: true, ..Response::text(status, text) }
}

fn bad(text: &'static str) -> Response<'static> {
    last(Status::BadRequest, text)
}

/// The length of a request's body.
struct Body {
    bytes: usize,
    /// The client wants to be asked for it first. Nothing here needs one, so it is not.
    is_awaited: bool,
}

/// The body of a request, which is read to its end and thrown away.
fn body(fields: Fields<'_>) -> Result<Body, Response<'static>> {
    if !fields.has_none("Transfer-Encoding") {
        let text = "This server accepts a body only with its Content-Length.\n";
        return Err(last(Status::LengthRequired, text));
    }
    let mut lengths = fields.all("Content-Length");
    let Some(length) = lengths.next() else { return Ok(Body { bytes: 0, is_awaited: false }) };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("The Content-Length of this request is not a number.\n"));
    }
    if lengths.any(|other| other != length) {
        return Err(bad("The Content-Lengths of this request differ.\n"));
    }
    let bytes = length.parse().unwrap_or(usize::MAX);
    if bytes > HTTP_BODY_BYTES {
        let text = "The body of this request is too large.\n";
        return Err(last(Status::ContentTooLarge, text));
    }
    let is_awaited = bytes > 0 && !fields.has_none("Expect");
    Ok(Body { bytes: if is_awaited { 0 } else { bytes }, is_awaited })
}

/// The host and port, if the target has them, and the path.
fn split_target(target: &str) -> Result<(Option<&str>, &str), Response<'static>> {
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
