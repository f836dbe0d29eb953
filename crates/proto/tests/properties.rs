//! What holds for any input: nothing panics, nothing grows beyond its bound, and what is written reads back.

use parlor_proto::limits::{LINE_BYTES, PARAMS, SASL_BYTES, TAGS_BYTES, TAGS_CLIENT_BYTES};
use parlor_proto::line::{LineError, check_line, check_server_line, next_line};
use parlor_proto::name::{check_name, check_room};
use parlor_proto::sasl::{Chunks, Progress, decode_external, decode_plain, encode_chunks};
use parlor_proto::tags::escape_value;
use parlor_proto::time::{parse_server_time, write_date, write_server_time};
use parlor_proto::{Line, Message, Tags, encode, mask};
use proptest::collection::vec;
use proptest::prelude::*;

/// Text dense in the characters that mean something on the wire; now and then any text at all.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ :@;=\\\\+/#!*,a-c\u{e9}\r\n\0]{0,40}", 1 => any::<String>()]
}

/// A parameter that can stand anywhere.
fn word() -> impl Strategy<Value = String> {
    "[^ :\r\n\0][^ \r\n\0]{0,8}"
}

proptest! {
    #[test]
    fn parsing_never_panics_and_every_piece_comes_from_the_line(line in any_text()) {
        let Ok(message) = Message::parse(&line) else { return Ok(()) };
        prop_assert!(!message.verb.is_empty() && !message.verb.contains(' '));
        prop_assert!(message.params().len() <= PARAMS);
        for i in 0..=PARAMS {
            prop_assert_eq!(message.rest(i).is_some(), message.param(i).is_some());
            prop_assert!(message.rest(i).is_none_or(|rest| line.ends_with(rest)));
        }
        if let Some(last) = message.params().len().checked_sub(1) {
            let rest = message.rest(last).unwrap();
            prop_assert_eq!(rest.trim_end_matches(' '), message.param(last).unwrap().trim_end_matches(' '));
        }
        for (key, value) in message.tags.iter() {
            prop_assert!(key.len() + value.len() <= line.len());
            prop_assert!(message.tags.get(key).is_some());
        }
    }

    #[test]
    fn written_lines_parse_back(
        tags in vec(("[a-z0-9+/.-]{1,8}", any::<String>()), 0..4),
        source in proptest::option::of(word()),
        verb in "[A-Za-z]{1,8}|[0-9]{3}",
        words in vec(word(), 0..PARAMS - 1),
        last in proptest::option::of("[^\r\n\0]{0,20}"),
    ) {
        let pairs: Vec<(&str, &str)> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let params: Vec<&str> = words.iter().chain(&last).map(String::as_str).collect();
        let bytes = encode::message(&pairs, source.as_deref(), &verb, &params);

        let (line, consumed) = next_line(&bytes).unwrap();
        prop_assert_eq!(consumed, bytes.len());
        let message = Message::parse(std::str::from_utf8(line).unwrap()).unwrap();
        // A NUL is the one character that a tag cannot carry.
        let expected: Vec<(&str, String)> = pairs.iter().map(|(k, v)| (*k, v.replace('\0', " "))).collect();
        let read: Vec<(&str, String)> = message.tags.iter().map(|(k, v)| (k, v.into_owned())).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(message.source, source.as_deref());
        prop_assert_eq!(message.verb, verb);
        prop_assert_eq!(message.params(), params);
    }

    #[test]
    fn hostile_parts_still_make_exactly_one_line(
        key in any_text(), value in any_text(), source in any_text(), param in any_text(), text in any_text(),
    ) {
        let mut out = Vec::new();
        Line::to(&mut out).tag(&key, &value).raw_tags(&value).source(&source).verb("V").param(&param).text(&text).end();
        let line = out.strip_suffix(b"\r\n").unwrap();
        prop_assert!(!line.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')));
        let message = Message::parse(std::str::from_utf8(line).unwrap()).unwrap();
        prop_assert_eq!(message.verb, "V");
        prop_assert_eq!(message.params().len(), 2);
        prop_assert_eq!(message.param(1).unwrap().len(), text.len());
    }

    #[test]
    fn a_text_reaches_bm_unchanged(text in "[^ :\r\n\0][^\r\n\0]{0,30}") {
        for line in [format!("BM {text}"), format!("bm :{text}"), format!("BM   :{text}")] {
            prop_assert_eq!(Message::parse(&line).unwrap().rest(0), Some(text.as_str()));
        }
    }

    #[test]
    fn tag_values_survive_escaping(value: String) {
        let mut escaped = b"k=".to_vec();
        escape_value(&value, &mut escaped);
        let raw = String::from_utf8(escaped).unwrap();
        prop_assert!(!raw.contains([' ', ';', '\r', '\n', '\0']));
        prop_assert_eq!(Tags::new(&raw).get("k").unwrap(), value.replace('\0', " "));
    }

    #[test]
    fn relayed_tags_are_the_client_tags_unchanged(
        raw in "(\\+?[a-c./_-]{0,6}(=([a-c:\\\\]|\u{e9}){0,4})?;?){0,6}(\\+parlor/resend=x)?"
    ) {
        let relayed = Tags::new(&raw).client_only();
        prop_assert!(relayed.len() <= raw.len());
        let kept: Vec<_> = Tags::new(&relayed).iter().collect();
        prop_assert!(kept.iter().all(|(key, _)| key.starts_with('+') && !key.starts_with("+parlor/")));
        let tags = Tags::new(&raw);
        let mut given = tags.iter();
        // The same keys and values, in the same order, some left out.
        prop_assert!(kept.iter().all(|pair| given.any(|other| other == *pair)), "{} of {}", relayed, raw);
        prop_assert_eq!(Tags::new(&relayed).client_only(), relayed.as_str());
    }

    #[test]
    fn accepted_lines_follow_the_rules(bytes in prop_oneof![vec(any::<u8>(), 0..600), any_text().prop_map(String::into_bytes)]) {
        match check_line(&bytes) {
            Ok(line) => {
                prop_assert_eq!(line.as_bytes(), &bytes[..]);
                prop_assert!(line.len() <= LINE_BYTES - 2 + TAGS_CLIENT_BYTES);
                prop_assert!(!line.contains(['\0', '\r', '\n']));
                prop_assert_eq!(check_server_line(&bytes), Ok(line));
            }
            Err(LineError::TooLong) => prop_assert!(bytes.len() > LINE_BYTES - 2),
            Err(LineError::TagsTooLong) => prop_assert!(bytes.len() > TAGS_CLIENT_BYTES),
            Err(LineError::InvalidUtf8) => prop_assert!(std::str::from_utf8(&bytes).is_err()),
            Err(LineError::InvalidByte) => prop_assert!(bytes.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'))),
        }
    }

    #[test]
    fn tags_up_to_the_senders_limit_are_accepted(data in 0..TAGS_BYTES + 10) {
        let line = format!("@{} V", "t".repeat(data));
        prop_assert_eq!(check_line(line.as_bytes()).is_ok(), data + 2 <= TAGS_CLIENT_BYTES);
        prop_assert_eq!(check_server_line(line.as_bytes()).is_ok(), data + 2 <= TAGS_BYTES);
    }

    #[test]
    fn a_buffer_is_cut_at_its_line_ends_and_no_byte_is_lost(buf in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a')], 0..40)) {
        let mut left = &buf[..];
        let mut lines = Vec::new();
        while let Some((line, consumed)) = next_line(left) {
            lines.push(line);
            left = &left[consumed..];
        }
        let mut expected: Vec<&[u8]> = buf.split(|&b| b == b'\n').collect();
        prop_assert_eq!(expected.pop(), Some(left));
        let expected: Vec<&[u8]> = expected.into_iter().map(|l| l.strip_suffix(b"\r").unwrap_or(l)).collect();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn allowed_names_appear_in_lines_unchanged(name in "[a-c0-9_\\[\\]\\\\`^{}| -]{0,34}|#?[a-c,: \u{e9}\u{7}]{0,10}") {
        if check_name(&name).is_ok() || check_room(&name).is_ok() {
            let bytes = encode::message(&[], Some(&name), "V", &[&name, &name]);
            prop_assert_eq!(bytes, format!(":{name} V {name} {name}\r\n").into_bytes());
        }
    }

    #[test]
    fn masks_match_a_naive_implementation(mask in "[ab*?\\\\A\u{e9}]{0,7}", text in "[abA*?\\\\\u{e9}]{0,7}") {
        prop_assert_eq!(mask::matches(&mask, &text), naive_matches(&mask, &text), "{} on {}", mask, text);
    }

    #[test]
    fn completing_a_mask_twice_changes_nothing(mask in "[a-b!@*]{0,8}") {
        let full = mask::complete_mask(&mask);
        let parts = mask::Source::parse(&full);
        prop_assert!(!parts.nick.is_empty() && parts.user.is_some() && parts.host.is_some(), "{}", full);
    }

    #[test]
    fn times_survive_writing_and_parsing(ms in 0..253_402_300_800_000_i64) {
        let mut out = Vec::new();
        write_server_time(ms, &mut out);
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(parse_server_time(&text), Some(ms));
        let mut date = Vec::new();
        write_date(ms, &mut date);
        prop_assert_eq!(String::from_utf8(date).unwrap(), text[..19].replace('T', " "));
    }

    #[test]
    fn any_number_is_a_valid_time_and_any_text_is_parsed_or_refused(ms: i64, text in "[0-9T:.Z\u{e9}-]{18,25}") {
        let mut out = Vec::new();
        write_server_time(ms, &mut out);
        prop_assert!(parse_server_time(std::str::from_utf8(&out).unwrap()).is_some());
        if let Some(ms) = parse_server_time(&text) {
            let mut again = Vec::new();
            write_server_time(ms, &mut again);
            prop_assert_eq!(&again[..17], &text.as_bytes()[..17]);
        }
    }

    #[test]
    fn sasl_messages_survive_chunking(bytes in vec(any::<u8>(), 0..3000)) {
        let mut chunks = Chunks::default();
        let mut params = encode_chunks(&bytes);
        let last = params.pop().unwrap();
        for param in params {
            prop_assert_eq!(chunks.push(&param), Ok(Progress::More));
        }
        prop_assert_eq!(chunks.push(&last), Ok(Progress::Done(bytes)));
    }

    #[test]
    fn chunks_never_hold_more_than_their_bound(params in vec(prop_oneof![8 => Just("A".repeat(400)), 1 => "[A-Za-z+=]{0,9}", 1 => Just("A".repeat(401))], 0..40)) {
        let mut chunks = Chunks::default();
        for param in params {
            if let Ok(Progress::Done(bytes)) = chunks.push(&param) {
                prop_assert!(bytes.len() <= SASL_BYTES);
            }
            prop_assert!(chunks.held_bytes() <= SASL_BYTES);
        }
    }

    #[test]
    fn external_messages_are_parsed_or_refused(bytes: Vec<u8>) {
        if let Ok(authzid) = decode_external(&bytes) {
            prop_assert_eq!(authzid.as_bytes(), bytes.as_slice());
        }
    }

    #[test]
    fn plain_messages_are_parsed_or_refused(bytes: Vec<u8>, user in "[^\0]{1,8}", password in "[^\0]{1,8}") {
        if let Ok(plain) = decode_plain(&bytes) {
            prop_assert_eq!([&plain.authzid, &plain.authcid, &plain.password].map(String::as_str).join("\0").into_bytes(), bytes);
        }
        let plain = decode_plain(format!("\0{user}\0{password}").as_bytes()).unwrap();
        prop_assert_eq!((plain.authcid, plain.password), (user, password));
    }
}

/// The definition, by recursion; exponential, for short masks only.
fn naive_matches(mask: &str, text: &str) -> bool {
    fn go(mask: &[char], text: &[char]) -> bool {
        match (mask, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| go(rest, &text[taken..])),
            (['\\', wild @ ('*' | '?'), rest @ ..], [c, text @ ..]) => c == wild && go(rest, text),
            (['\\', '*' | '?', ..], []) => false,
            (['?', rest @ ..], [_, text @ ..]) => go(rest, text),
            ([m, rest @ ..], [c, text @ ..]) => m.eq_ignore_ascii_case(c) && go(rest, text),
            (_, []) => false,
        }
    }
    go(&mask.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}
