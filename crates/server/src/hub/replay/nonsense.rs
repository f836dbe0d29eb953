//! Random lines that need not make sense: whatever a client sends, nothing panics, and all output is
//! valid lines within the limit.

use super::random::Random;
use crate::command::VERBS;
use crate::effects::{Effect, Effects};
use crate::limits::LINE_BYTES;

/// The longest name that a server can have.
pub(super) const SERVER: &str = "a-server-with-a-name-that-is-as-long-as-its-config-lets-it-be.x";
/// The longest name that a user can have.
const NAME: &str = "ann-whose-name-is-as-long-as-any";
/// The longest name that a room can have.
const ROOM: &str = "#a-room-with-a-name-that-is-as-long-as-the-name-of-a-room-can-be";

const TAGS: &[&str] = &[
    "label=x",
    "label=a\\:b;+parlor/resend=m1",
    "batch=r",
    "batch=r;draft/multiline-concat",
    "label=;batch=s",
    "+typing=active",
    ";=",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", "*", "#", "#a", "#b", "#A", "#lobby", ROOM, ROOM, "@#a", "%+#b", "@", "#b,#a,,#c", "ann", "bob",
    "ANN", NAME, NAME, "ann,bob,ann", "parlor", "+", "-", "+o", "-o+v", "+bbb", "+beIq", "+k", "-k", "+l", "+s",
    "-s", "0", "-1", "1", "99999999999999999999", "ä", "\u{1}VERSION\u{1}", "\u{10ffff}", "$a:ann", "$", "$a:",
    "*!*@*", "?*?", "timestamp=2026-01-01T00:00:00.000Z", "timestamp=0000-01-01T00:00:00.000Z", "timestamp=",
    "msgid=test-1", "msgid=", "test-1", "test-5", "test-zzzzzzzzzzzzz", "LATEST", "BEFORE", "AROUND", "BETWEEN",
    "TARGETS", "AFTER", "+r", "-r", "draft/multiline", "LS", "302", "REQ", "END", "LIST", "SET", "GET", "SUB",
    "UNSUB", "SUBS", "SYNC", "CLEAR", "*ALL", "url", "u", "m", "o", "%tcuihsnfdlaor,123", "%a,ä", "C<", "T>5",
    "!ä", ",", "secret", "boss", "up", "*playback", "PLAY", "1e300", "nan", "-inf", "L", "C", "S", "PLAIN",
    "SCRAM-SHA-256", "EXTERNAL", "AGFubgBzZWNyZXQ=", "ADD", "DEL",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];

/// A verb with random parameters.
pub(crate) fn line(random: &mut Random) -> String {
    let mut line = match random.below(4) {
        0 => format!("@{} ", random.pick(TAGS)),
        _ => String::new(),
    };
    line.push_str(VERBS[random.below(VERBS.len())].name);
    let words = random.below(6);
    for at in 0..words {
        let last = at + 1 == words && random.below(2) == 0;
        line.push_str(if last { " :two " } else { " " });
        line.push_str(random.pick(WORDS));
    }
    if random.below(4) == 0 {
        let left = (LINE_BYTES - "\r\n".len()).saturating_sub(line.len());
        line.push_str(&"x".repeat(left));
    }
    line
}

/// All output is valid lines within the limit.
pub(super) fn check(effects: &Effects) {
    for effect in &effects.list {
        match &effect.effect {
            Effect::Reply { text, .. } => check_lines(effects, text.start, text.end),
            Effect::TellOne { news, .. } | Effect::Tell { news, .. } => {
                let news = &effects.news[*news as usize];
                for body in std::iter::once(&news.body).chain(&news.extended) {
                    check_lines(effects, body.start, body.end);
                }
            }
            _ => {}
        }
    }
}

fn check_lines(effects: &Effects, start: u32, end: u32) {
    let text = std::str::from_utf8(&effects.text[start as usize..end as usize]).expect("UTF-8");
    for line in text.split_inclusive('\n') {
        let tags =
            if line.starts_with('@') { line.find(' ').map_or(0, |space| space + 1) } else { 0 };
        assert!(line.len() - tags <= LINE_BYTES, "{} bytes: {line}", line.len() - tags);
        let inside = line.strip_suffix("\r\n");
        assert!(inside.is_some_and(|inside| !inside.contains(['\r', '\0'])), "{line:?}");
    }
}
