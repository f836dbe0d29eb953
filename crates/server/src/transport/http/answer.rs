//! HTTP responses.

/// A status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 400
    BadRequest,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 413
    ContentTooLarge,
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
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::UpgradeRequired => "426 Upgrade Required",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
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
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Kind::Text => "text/plain; charset=utf-8",
            Kind::Html => "text/html; charset=utf-8",
            Kind::Json => "application/json",
            Kind::Metrics => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: Status,
    /// The type of the body.
    pub kind: Kind,
    /// The body.
    pub body: &'a str,
    /// Further header lines, with their line ends.
    pub extra: &'a str,
    /// The body is left out, but described (`HEAD`).
    pub head_only: bool,
}

impl<'a> Answer<'a> {
    /// A response without further headers.
    pub fn new(status: Status, kind: Kind, body: &'a str) -> Answer<'a> {
        Answer { status, kind, body, extra: "", head_only: false }
    }

    /// A sentence as plain text.
    pub fn text(status: Status, body: &'a str) -> Answer<'a> {
        Answer::new(status, Kind::Text, body)
    }

    /// The response as bytes. It may not be cached or sniffed, and a page may load and run nothing.
    pub fn write(&self) -> Vec<u8> {
        let (status, kind) = (self.status.line(), self.kind.content_type());
        let policy = match self.kind {
            Kind::Html => format!("Content-Security-Policy: {}\r\n", super::page::policy()),
            Kind::Text | Kind::Json | Kind::Metrics => String::new(),
        };
        let (length, extra) = (self.body.len(), self.extra);
        let body = if self.head_only { "" } else { self.body };
        format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: {kind}\r\n\
             Content-Length: {length}\r\n\
             Cache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n\
             {policy}{extra}Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
