//! Framing: finding lines in a buffer, and checking them before they are parsed.

use crate::limits::{LINE_BYTES, TAGS_BYTES, TAGS_CLIENT_BYTES};

/// The length of a line end in bytes: counted as CRLF even if it is LF.
const LINE_END_BYTES: usize = 2;

/// Why a line is refused before it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// More than [`LINE_BYTES`] without the tags (numeric 417).
    #[error("The line is longer than {LINE_BYTES} bytes")]
    TooLong,
    /// More bytes of tags than the sender may use (numeric 417).
    #[error("The tags of the line are too long")]
    TagsTooLong,
    /// Not UTF-8 (`FAIL * INVALID_UTF8`).
    #[error("The line is not UTF-8")]
    InvalidUtf8,
    /// A NUL, a CR or an LF inside the line (`FAIL * INVALID_LINE`).
    #[error("The line has a NUL or a bare CR")]
    InvalidByte,
}

/// The first line in `buf` without its end (LF or CRLF), and its length including the end. `None`
/// if there is no complete line. The caller bounds the buffer.
#[must_use]
pub fn next_line(buf: &[u8]) -> Option<(&[u8], usize)> {
    let lf = buf.iter().position(|&byte| byte == b'\n')?;
    let line = &buf[..lf];
    Some((line.strip_suffix(b"\r").unwrap_or(line), lf + 1))
}

/// Checks a client's line, without its end; its tags may have up to [`TAGS_CLIENT_BYTES`].
///
/// # Errors
/// The first violated rule, in this order: the two lengths, no NUL, CR or LF, UTF-8.
pub fn check_line(bytes: &[u8]) -> Result<&str, LineError> {
    check(bytes, TAGS_CLIENT_BYTES, LINE_BYTES)
}

/// Like [`check_line`], but allows `most` bytes besides the tags, including the line end:
/// [`LOGIN_LINE_BYTES`](crate::limits::LOGIN_LINE_BYTES) before login.
///
/// # Errors
/// Like [`check_line`].
pub fn check_line_within(bytes: &[u8], most: usize) -> Result<&str, LineError> {
    check(bytes, TAGS_CLIENT_BYTES, most)
}

/// Checks a server's line, without its end; its tags may have up to [`TAGS_BYTES`].
///
/// # Errors
/// Like [`check_line`].
pub fn check_server_line(bytes: &[u8]) -> Result<&str, LineError> {
    check(bytes, TAGS_BYTES, LINE_BYTES)
}

fn check(bytes: &[u8], tags_limit: usize, line_limit: usize) -> Result<&str, LineError> {
    let tags = tags_bytes(bytes);
    if tags > tags_limit {
        return Err(LineError::TagsTooLong);
    }
    if bytes.len() - tags + LINE_END_BYTES > line_limit {
        return Err(LineError::TooLong);
    }
    // No early exit, so that the compiler can vectorize the loop.
    let broken = bytes.iter().fold(false, |broken, &b| broken | matches!(b, 0 | b'\r' | b'\n'));
    if broken {
        return Err(LineError::InvalidByte);
    }
    std::str::from_utf8(bytes).map_err(|_| LineError::InvalidUtf8)
}

/// The start of a line that [`check_line`] refuses, up to and including its verb, so that an answer
/// can refer to it. Empty if even that is not valid.
#[must_use]
pub fn head(bytes: &[u8]) -> &str {
    let tags = tags_bytes(bytes);
    let spaces = |at: usize| at + bytes[at..].iter().take_while(|byte| **byte == b' ').count();
    let word = |at: usize| at + bytes[at..].iter().take_while(|byte| **byte != b' ').count();
    let mut verb = spaces(tags);
    if bytes.get(verb) == Some(&b':') {
        verb = spaces(word(verb));
    }
    check_line(&bytes[..word(verb)]).unwrap_or_default()
}

/// The length of the tags at the start of a line in bytes, including `@` and space; 0 without tags.
fn tags_bytes(bytes: &[u8]) -> usize {
    if bytes.first() != Some(&b'@') {
        return 0;
    }
    bytes.iter().position(|&byte| byte == b' ').map_or(bytes.len(), |space| space + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_lf_or_crlf() {
        assert_eq!(next_line(b"PING a\r\nPING"), Some((&b"PING a"[..], 8)));
        assert_eq!(next_line(b"PING a\nPING"), Some((&b"PING a"[..], 7)));
        assert_eq!(next_line(b"\n"), Some((&b""[..], 1)));
        assert_eq!(next_line(b"PING a\r"), None);
        assert_eq!(next_line(b""), None);
        // Only one CR belongs to the line end; another one is invalid.
        assert_eq!(next_line(b"a\r\r\n"), Some((&b"a\r"[..], 4)));
    }

    #[test]
    fn the_longest_line_is_512_bytes_with_its_end() {
        let longest = "a".repeat(510);
        assert_eq!(check_line(longest.as_bytes()), Ok(longest.as_str()));
        assert_eq!(check_line("a".repeat(511).as_bytes()), Err(LineError::TooLong));
    }

    #[test]
    fn tags_have_their_own_limit_and_the_rest_keeps_512_bytes() {
        let rest = "a".repeat(510);
        let line = |data: usize| format!("@{} {rest}", "t".repeat(data));
        assert!(check_line(line(4094).as_bytes()).is_ok());
        assert_eq!(check_line(line(4095).as_bytes()), Err(LineError::TagsTooLong));
        assert!(check_server_line(line(8189).as_bytes()).is_ok());
        assert_eq!(check_server_line(line(8190).as_bytes()), Err(LineError::TagsTooLong));
        let one_more = format!("@t {rest}a");
        assert_eq!(check_line(one_more.as_bytes()), Err(LineError::TooLong));
    }

    #[test]
    fn tags_without_an_end_count_as_tags() {
        let endless = format!("@{}", "t".repeat(4096));
        assert_eq!(check_line(endless.as_bytes()), Err(LineError::TagsTooLong));
    }

    #[test]
    fn an_invalid_lines_head_is_what_is_readable_up_to_the_verb() {
        assert_eq!(head(b"PRIVMSG #a :caf\xe9"), "PRIVMSG");
        assert_eq!(head(b"@label=x  :src  PRIVMSG #a :\0"), "@label=x  :src  PRIVMSG");
        assert_eq!(head(&[b"BM ", &[b'a'; 600][..]].concat()), "BM");
        for unreadable in [&b""[..], b"\xff", b"@label=\xff BM a", b"B\0M a\xff", &[b'a'; 600]] {
            assert_eq!(head(unreadable), "");
        }
        assert_eq!(head(&[&[b'@'; 5000], &b" BM \xff"[..]].concat()), "");
    }

    #[test]
    fn nul_bare_cr_and_bytes_that_are_not_utf8_are_refused() {
        assert_eq!(check_line(b"a\0b"), Err(LineError::InvalidByte));
        assert_eq!(check_line(b"a\rb"), Err(LineError::InvalidByte));
        assert_eq!(check_line(b"a\nb"), Err(LineError::InvalidByte));
        assert_eq!(check_line(b"BM \xff"), Err(LineError::InvalidUtf8));
        assert_eq!(check_line("BM gr\u{fc}n".as_bytes()), Ok("BM gr\u{fc}n"));
    }
}
