//! The web client's files, as `build.rs` has prepared them.

use super::Fields;
use super::response::{Kind, Response, Status};
use std::borrow::Cow;

/// A file, by its path.
#[derive(Debug)]
pub struct File {
    /// It has a hash of the contents in it, except for the page at `/`.
    pub path: &'static str,
    kind: Kind,
    hash: &'static str,
    plain: &'static [u8],
    /// Compressed, if that is worth it; the shorter form first.
    compressed: &'static [(Coding, &'static [u8])],
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// Browsers accept it over HTTPS, and from their own machine.
    Brotli,
    Gzip,
}

impl Coding {
    /// Its name in headers, and at the end of an `ETag`.
    fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The page that says how to join, with `{{placeholders}}`.
pub(super) const JOIN: &str = include_str!(concat!(env!("OUT_DIR"), "/join.html"));

/// A file in the form in which a request wants it.
#[derive(Clone, Copy, Debug)]
pub struct Representation {
    file: &'static File,
    coding: Option<(Coding, &'static [u8])>,
    part: Part,
}

/// How much of a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it.
    Whole,
    /// Nothing: the client has it.
    NotModified,
    /// From one byte to before another.
    Range(usize, usize),
    /// A range that begins behind the end.
    OutOfRange,
}

/// The file with this path.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl PartialEq for Representation {
    fn eq(&self, other: &Representation) -> bool {
        let coding = |one: &Representation| one.coding.map(|(coding, _)| coding);
        (self.file.path, coding(self), self.part) == (other.file.path, coding(other), other.part)
    }
}

impl Representation {
    pub(super) fn new(file: &'static File, fields: Fields<'_>) -> Representation {
        let accepted = |coding: Coding| {
            fields.list("Accept-Encoding").any(|element| accepts(element, coding.name()))
        };
        let coding = file.compressed.iter().copied().find(|(coding, _)| accepted(*coding));
        let mut wanted = Representation { file, coding, part: Part::Whole };
        let tag = wanted.tag();
        let is_known = |one: &str| one == "*" || one.trim_start_matches("W/") == tag;
        let may_be_part = || fields.all("If-Range").all(|one| one == tag);
        if fields.list("If-None-Match").any(is_known) {
            wanted.part = Part::NotModified;
        } else if let Some(range) = fields.all("Range").next().filter(|_| may_be_part()) {
            wanted.part = part(range, wanted.body().len()).unwrap_or(Part::Whole);
        }
        wanted
    }

    /// Compressed, a file is another one.
    fn tag(&self) -> String {
        match self.coding {
            Some((coding, _)) => format!("\"{}-{}\"", self.file.hash, coding.name()),
            None => format!("\"{}\"", self.file.hash),
        }
    }

    fn body(&self) -> &'static [u8] {
        self.coding.map_or(self.file.plain, |(_, compressed)| compressed)
    }

    /// The response.
    pub fn answer(&self) -> Response<'static> {
        let (body, tag) = (self.body(), self.tag());
        let mut extra = format!("Accept-Ranges: bytes\r\nETag: {tag}\r\nVary: Accept-Encoding\r\n");
        if let Some((coding, _)) = self.coding {
            extra.push_str(&format!("Content-Encoding: {}\r\n", coding.name()));
        }
        let (status, body) = match self.part {
            Part::Whole => (Status::Ok, body),
            Part::NotModified => (Status::NotModified, body),
            Part::Range(from, to) => {
                let (last, length) = (to - 1, body.len());
                extra.push_str(&format!("Content-Range: bytes {from}-{last}/{length}\r\n"));
                (Status::PartialContent, &body[from..to])
            }
            Part::OutOfRange => {
                let text = "This range begins behind the end of the file.\n";
                let extra = format!("Content-Range: bytes */{}\r\n", body.len());
                let refusal = Response::text(Status::RangeNotSatisfiable, text);
                return Response { extra: Cow::Owned(extra), ..refusal };
            }
        };
        let is_forever = self.file.path != INDEX.path;
        let cache = if is_forever { "public, max-age=31536000, immutable" } else { "no-cache" };
        Response { cache, extra: Cow::Owned(extra), ..Response::new(status, self.file.kind, body) }
    }
}

/// Whether an element of `Accept-Encoding` allows a coding.
fn accepts(element: &str, coding: &str) -> bool {
    let mut pieces = element.split(';').map(str::trim);
    let name = pieces.next().unwrap_or_default();
    let weight = pieces.find_map(|piece| piece.strip_prefix("q="));
    let refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32));
    name.eq_ignore_ascii_case(coding) && !refused
}

/// The part that a `Range` header names. None, which is the whole, for several ranges and for what
/// is no range.
fn part(range: &str, length: usize) -> Option<Part> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let (from, to) = match (first, number(last)) {
        ("", Some(count)) => (length - length.min(count), length),
        (first, Some(last)) if last >= number(first)? => {
            (number(first)?, length.min(last.saturating_add(1)))
        }
        (first, None) if last.is_empty() => (number(first)?, length),
        _ => return None,
    };
    Some(if from < to { Part::Range(from, to) } else { Part::OutOfRange })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{WEB_CLIENT_BROTLI_BYTES, WEB_CLIENT_GZIP_BYTES};

    #[test]
    fn the_web_client_stays_small() {
        for (coding, most) in
            [(Coding::Gzip, WEB_CLIENT_GZIP_BYTES), (Coding::Brotli, WEB_CLIENT_BROTLI_BYTES)]
        {
            let sent = |file: &File| {
                let compressed = file.compressed.iter().find(|(one, _)| *one == coding);
                compressed.map_or(file.plain, |(_, bytes)| bytes).len()
            };
            let files = || FILES.iter().chain([&INDEX]);
            let all: usize = files().map(sent).sum();
            let each: Vec<_> = files().map(|file| (file.path, sent(file))).collect();
            assert!(all <= most, "{coding:?}: {all} bytes of {most}: {each:?}");
        }
    }

    #[test]
    fn ranges_select_parts_of_a_file() {
        for (range, expected) in [
            ("bytes=0-", Some(Part::Range(0, 10))),
            ("bytes=3-3", Some(Part::Range(3, 4))),
            ("bytes=3-99999999999999999999999", Some(Part::Range(3, 10))),
            ("bytes=-3", Some(Part::Range(7, 10))),
            ("bytes=-30", Some(Part::Range(0, 10))),
            ("bytes=-0", Some(Part::OutOfRange)),
            ("bytes=10-", Some(Part::OutOfRange)),
            ("bytes=99999999999999999999999-", Some(Part::OutOfRange)),
            ("bytes=4-3", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
            ("", None),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
    }

    #[test]
    fn a_coding_is_used_for_clients_that_accept_it() {
        for (element, accepted) in [
            ("gzip", true),
            ("GZIP;q=0.5", true),
            ("gzip; q=1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("*", false),
        ] {
            assert_eq!(accepts(element, "gzip"), accepted, "{element}");
        }
        assert!(accepts("br", "br"));
    }
}
