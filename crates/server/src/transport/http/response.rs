//! HTTP responses.

use std::borrow::Cow;

/// A status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 204
    NoContent,
    /// 206
    PartialContent,
    /// 304
    NotModified,
    /// 400
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 411
    LengthRequired,
    /// 413
    ContentTooLarge,
    /// 416
    RangeNotSatisfiable,
    /// 426
    UpgradeRequired,
    /// 431
    HeadTooLarge,
    /// 503
    Unavailable,
    /// 505
    VersionNotSupported,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::NoContent => "204 No Content",
            Status::PartialContent => "206 Partial Content",
            Status::NotModified => "304 Not Modified",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::LengthRequired => "411 Length Required",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::RangeNotSatisfiable => "416 Range Not Satisfiable",
            Status::UpgradeRequired => "426 Upgrade Required",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }

    /// Whether a response never has a body.
    fn is_bare(self) -> bool {
        matches!(self, Status::NoContent | Status::NotModified)
    }
}

/// The type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plain text.
    Text,
    /// HTML.
    Html,
    /// JSON.
    Json,
    /// The text format of Prometheus.
    Metrics,
    /// JavaScript.
    Script,
    /// CSS.
    Style,
    /// An SVG image.
    Svg,
    /// A PNG image.
    Png,
    /// What makes a page an app that can be installed.
    Manifest,
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Kind::Text => "text/plain; charset=utf-8",
            Kind::Html => "text/html; charset=utf-8",
            Kind::Json => "application/json",
            Kind::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Kind::Script => "text/javascript; charset=utf-8",
            Kind::Style => "text/css; charset=utf-8",
            Kind::Svg => "image/svg+xml",
            Kind::Png => "image/png",
            Kind::Manifest => "application/manifest+json",
        }
    }
}

/// What a browser may do with a page: load what this server has, talk to this server and to the
/// origins in `sockets` (each after a space), and nothing else. No script can turn text into HTML.
fn policy(sockets: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         connect-src 'self'{sockets}; manifest-src 'self'; form-action 'none'; \
         frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    )
}

/// Web origins as a page may open a WebSocket to them: each after a space. `*` is none: a page goes to
/// named servers only.
pub fn sockets(origins: &[String]) -> String {
    let socket = |origin: &String| {
        let (scheme, host) = origin.trim_end_matches('/').split_once("://")?;
        match scheme {
            "https" => Some(format!(" wss://{host}")),
            "http" => Some(format!(" ws://{host}")),
            _ => None,
        }
    };
    origins.iter().filter_map(socket).collect()
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status code.
    pub status: Status,
    /// The type of the body.
    pub kind: Kind,
    /// The body.
    pub body: &'a [u8],
    /// How long it may be kept.
    pub cache: &'static str,
    /// What the page may open a WebSocket to besides this server ([`sockets`]).
    pub sockets: String,
    /// Further header lines, with their line ends.
    pub extra: Cow<'static, str>,
    /// The body is left out, but described (`HEAD`).
    pub head_only: bool,
    /// The connection is closed after it.
    pub last: bool,
}

impl<'a> Response<'a> {
    /// A response without further headers, which may not be kept.
    pub fn new(status: Status, kind: Kind, body: &'a [u8]) -> Response<'a> {
        let (cache, extra, sockets) = ("no-store", Cow::Borrowed(""), String::new());
        Response { status, kind, body, cache, sockets, extra, head_only: false, last: false }
    }

    /// A sentence as plain text.
    pub fn text(status: Status, body: &'a str) -> Response<'a> {
        Response::new(status, Kind::Text, body.as_bytes())
    }

    /// The response as bytes.
    pub fn write(&self) -> Vec<u8> {
        let (status, cache, extra) = (self.status.line(), self.cache, &self.extra);
        let content = match self.status.is_bare() {
            true => String::new(),
            false => {
                let (kind, length) = (self.kind.content_type(), self.body.len());
                format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n")
            }
        };
        let policy = policy(&self.sockets);
        let close = if self.last { "Connection: close\r\n" } else { "" };
        let mut response = format!(
            "HTTP/1.1 {status}\r\n\
             {content}\
             Cache-Control: {cache}\r\n\
             Content-Security-Policy: {policy}\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\n\
             Referrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\
             {extra}{close}\r\n"
        )
        .into_bytes();
        if !self.head_only && !self.status.is_bare() {
            response.extend_from_slice(self.body);
        }
        response
    }
}
