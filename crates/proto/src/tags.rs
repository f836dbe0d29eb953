//! Message tags (IRCv3 message-tags): keys, values and their escapes.

use std::borrow::Cow;

/// Tags with this prefix are for the server and are not relayed.
const OWN_PREFIX: &str = "+parlor/";

/// A message's tags: the text between the `@` and the space, parsed on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags<'a> {
    raw: &'a str,
}

impl<'a> Tags<'a> {
    /// No tags.
    pub const EMPTY: Tags<'static> = Tags { raw: "" };

    /// Tags from raw text without the `@`: `k=v;k2`.
    #[must_use]
    pub const fn new(raw: &'a str) -> Tags<'a> {
        Tags { raw }
    }

    /// The raw text, without the `@`.
    #[must_use]
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Keys and unescaped values in order, including duplicates; a missing value is empty.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        self.raw_pairs().map(|(key, value)| (key, unescape(value)))
    }

    /// The unescaped value of `key`; the last one of duplicates, as the specification requires.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'a, str>> {
        self.raw_pairs().filter(|(k, _)| *k == key).last().map(|(_, value)| unescape(value))
    }

    /// The client-only tags (`+…`) that are relayed, in raw form; may be empty.
    ///
    /// Tags under `+parlor/`, which are for the server, and invalid keys are left out. Never longer
    /// than [`Tags::raw`].
    #[must_use]
    pub fn client_only(&self) -> String {
        let mut out = String::new();
        for (key, value) in self.raw_pairs() {
            if !is_client_key(key) || key.starts_with(OWN_PREFIX) {
                continue;
            }
            if !out.is_empty() {
                out.push(';');
            }
            out.push_str(key);
            let value = unescape(value);
            if !value.is_empty() {
                out.push('=');
                escape(&value, |piece| out.push_str(piece));
            }
        }
        out
    }

    fn raw_pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.raw
            .split(';')
            .filter(|tag| !tag.is_empty())
            .map(|tag| tag.split_once('=').unwrap_or((tag, "")))
    }
}

/// Appends an escaped value. A NUL, which tags cannot contain, becomes a space.
pub fn escape_value(value: &str, out: &mut Vec<u8>) {
    escape(value, |piece| out.extend_from_slice(piece.as_bytes()));
}

fn escape(value: &str, mut push: impl FnMut(&str)) {
    let mut plain_from = 0;
    for (at, byte) in value.bytes().enumerate() {
        let escaped = match byte {
            b';' => "\\:",
            b' ' | 0 => "\\s",
            b'\\' => "\\\\",
            b'\r' => "\\r",
            b'\n' => "\\n",
            _ => continue,
        };
        push(&value[plain_from..at]);
        push(escaped);
        plain_from = at + 1;
    }
    push(&value[plain_from..]);
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        // A backslash before any other character, or at the end, is dropped.
        match chars.next() {
            Some(':') => out.push(';'),
            Some('s') => out.push(' '),
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

/// `+ [vendor /] name`: the vendor is a host name, the name letters, digits and hyphens.
fn is_client_key(key: &str) -> bool {
    let Some(key) = key.strip_prefix('+') else { return false };
    let (vendor, name) = match key.split_once('/') {
        Some((vendor, name)) => (Some(vendor), name),
        None => (None, key),
    };
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let in_vendor = |b: u8| in_name(b) || b == b'.';
    !name.is_empty()
        && name.bytes().all(in_name)
        && vendor.is_none_or(|vendor| !vendor.is_empty() && vendor.bytes().all(in_vendor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_duplicates_counts() {
        let tags = Tags::new("a=1;b;a=2");
        assert_eq!(tags.get("a").as_deref(), Some("2"));
        assert_eq!(tags.get("b").as_deref(), Some(""));
        assert_eq!(tags.get("c"), None);
        assert_eq!(tags.iter().count(), 3);
    }

    #[test]
    fn a_value_may_have_an_equals_sign_and_empty_tags_are_skipped() {
        assert_eq!(Tags::new(";a=b=c;;").iter().collect::<Vec<_>>(), [("a", "b=c".into())]);
        assert!(Tags::EMPTY.is_empty());
        assert_eq!(Tags::EMPTY.iter().count(), 0);
    }

    #[test]
    fn only_clean_client_tags_are_relayed() {
        let tags = Tags::new(
            "time=x;+draft/reply=abc;+typing=;+e=\\;+parlor/resend=7;+a=x\\sy\\;+;+/a;+a/;+b_d;+v.org/k-1=\\:;+a/b/c",
        );
        assert_eq!(tags.client_only(), "+draft/reply=abc;+typing;+e;+a=x\\sy;+v.org/k-1=\\:");
        assert_eq!(Tags::new("msgid=1;label=2").client_only(), "");
    }

    #[test]
    fn a_nul_is_escaped_as_a_space() {
        let mut out = Vec::new();
        escape_value("a\0b", &mut out);
        assert_eq!(out, b"a\\sb");
    }
}
