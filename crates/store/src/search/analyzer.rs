//! Splits texts into words, in the same way for stored texts and for queries.
//!
//! A text is normalized (NFKC, case folding, without diacritics) and cut into runs of letters and
//! digits: the words of UAX #29, and those are cut once more at the punctuation inside them, so that
//! `example.org/some_page` is found by each of its parts. Scripts that are written without spaces
//! between words become overlapping pairs of characters, and the last character alone. An emoji is
//! a word.

use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::UnicodeEmoji;
use unicode_script::{Script, UnicodeScript};

/// Raised whenever the words of any text change: the index is then rebuilt.
pub(crate) const VERSION: u32 = 1;
/// Bytes of a word that count; the rest of a longer one is ignored.
const WORD_BYTES: usize = 64;

/// Scripts without spaces between words; Korean has them, but not between a word and its particles.
const DENSE: [Script; 9] = [
    Script::Han,
    Script::Hiragana,
    Script::Katakana,
    Script::Bopomofo,
    Script::Hangul,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
];

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Normalized.
    pub(crate) text: Box<str>,
    /// What it is within its run.
    pub(crate) position: Position,
}

/// Whether a word is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// A word, an emoji, or two characters of a run.
    Whole,
    /// The last character of a longer run.
    Last,
    /// The only character of a run.
    Alone,
}

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut add = |text: &str, position| words.push(Word { text: text.into(), position });
    Analyzer::default().each(text, &mut add);
    words
}

/// Finds words, reusing its buffer for each text.
#[derive(Default)]
pub(crate) struct Analyzer {
    lower: String,
}

impl Analyzer {
    /// Calls `word` with each word of a text, in order.
    pub(crate) fn each(&mut self, text: &str, word: &mut dyn FnMut(&str, Position)) {
        let text = text.strip_prefix("\u{1}ACTION").unwrap_or(text);
        if is_plain(text) {
            return self.plain(text, word);
        }
        // Neither words nor normalization extend beyond a space.
        for part in text.split(' ') {
            match is_plain(part) {
                true => self.plain(part, word),
                false => split(&normalize(part), word),
            }
        }
    }

    fn plain(&mut self, text: &str, word: &mut dyn FnMut(&str, Position)) {
        self.lower.clear();
        self.lower.push_str(text);
        self.lower.make_ascii_lowercase();
        for run in self.lower.split(|c: char| !c.is_ascii_alphanumeric()) {
            if !run.is_empty() {
                word(&run[..run.len().min(WORD_BYTES)], Position::Whole);
            }
        }
    }
}

/// Whether a text is printable ASCII.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether a text contains a link.
pub(crate) fn has_link(text: &str) -> bool {
    let text = text.as_bytes();
    memchr::memchr_iter(b':', text).any(|colon| {
        let (before, behind) = (&text[..colon], &text[colon..]);
        let http = before.last_chunk::<4>();
        let http = http.is_some_and(|end| end.eq_ignore_ascii_case(b"http"));
        let https = before.last_chunk::<5>();
        let https = https.is_some_and(|end| end.eq_ignore_ascii_case(b"https"));
        behind.starts_with(b"://") && (http || https)
    })
}

/// Decomposes letters, drops diacritics, and composes the rest again: Japanese and Indian scripts
/// have marks that are not diacritics.
fn normalize(text: &str) -> String {
    let plain = without_formatting(text);
    let decomposed: String = plain.nfkd().filter(|c| !is_left_out(*c)).collect();
    default_case_fold_str(&decomposed).nfkc().filter(|c| !is_left_out(*c)).collect()
}

/// Diacritics of Latin, Greek, Cyrillic, Hebrew and Arabic, and invisible characters.
fn is_left_out(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{640}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// The text without the codes for colours and shapes that IRC clients put into it
/// (<https://modern.ircdocs.horse/formatting>), and without the joints of a message that was sent as
/// several lines.
fn without_formatting(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{2}' | '\u{f}' | '\u{11}' | '\u{16}' | '\u{1d}' | '\u{1e}' | '\u{1f}' | '\r' => {}
            '\u{3}' => skip_colours(&mut rest, 2, char::is_ascii_digit),
            '\u{4}' => skip_colours(&mut rest, 6, char::is_ascii_hexdigit),
            c => plain.push(c),
        }
    }
    plain
}

/// Skips one colour, or two separated by a comma.
fn skip_colours(rest: &mut std::str::Chars<'_>, most: usize, is_digit: fn(&char) -> bool) {
    let digits = |text: &str| text.chars().take(most).take_while(is_digit).count();
    let text = rest.as_str();
    let first = digits(text);
    let second = match text[first..].strip_prefix(',') {
        Some(text) if first > 0 => digits(text),
        _ => 0,
    };
    let all = if second > 0 { first + 1 + second } else { first };
    *rest = text[all..].chars();
}

/// Whether a character is from a script without spaces between words.
pub(crate) fn is_dense(c: char) -> bool {
    let scripts = c.script_extension();
    let common = scripts.is_common() || scripts.is_inherited();
    !common && DENSE.iter().any(|script| scripts.contains_script(*script))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Letter,
    Dense,
    Emoji,
    Other,
}

fn kind(c: char) -> Kind {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Kind::Letter } else { Kind::Other };
    }
    if c.is_alphanumeric() || is_combining_mark(c) {
        return if is_dense(c) { Kind::Dense } else { Kind::Letter };
    }
    if c.is_emoji_char() { Kind::Emoji } else { Kind::Other }
}

/// Splits a normalized text into words.
fn split(text: &str, word: &mut dyn FnMut(&str, Position)) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind_of_run = kind(first);
        let end = rest.find(|c| kind(c) != kind_of_run).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        rest = behind;
        match kind_of_run {
            Kind::Letter => word(&run[..run.floor_char_boundary(WORD_BYTES)], Position::Whole),
            Kind::Dense => pairs(run, word),
            Kind::Emoji => {
                run.chars().for_each(|c| word(c.encode_utf8(&mut [0; 4]), Position::Whole));
            }
            Kind::Other => {}
        }
    }
}

fn pairs(run: &str, word: &mut dyn FnMut(&str, Position)) {
    let starts = run.char_indices().map(|(at, _)| at);
    for at in starts {
        let mut two = run[at..].chars();
        two.next();
        let position = match two.next() {
            Some(_) => Position::Whole,
            None if at == 0 => Position::Alone,
            None => Position::Last,
        };
        word(&run[at..run.len() - two.as_str().len()], position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text.into()).collect()
    }

    #[test]
    fn case_and_diacritics_make_no_difference() {
        for (one, other) in [
            ("Straße", "STRASSE"),
            ("Größe", "grosse"),
            ("Čapek", "capek"),
            ("Ёлка", "елка"),
            ("ΟΔΟΣ", "οδος"),
            ("ﬁne", "FINE"),
            ("ＷＩＤＥ１", "wide1"),
            ("مُحَمَّد", "محمد"),
            ("ا\u{640}ل", "ال"),
            ("İstanbul", "istanbul"),
            ("cafe\u{301}", "café"),
        ] {
            assert_eq!(texts(one), texts(other), "{one} and {other}");
            assert_eq!(texts(one).len(), 1, "{one}");
        }
        assert_ne!(texts("が"), texts("か"));
    }

    #[test]
    fn words_end_at_punctuation() {
        assert_eq!(texts("Don't, O'Neil: 3.14!"), ["don", "t", "o", "neil", "3", "14"]);
        assert_eq!(
            texts("see https://docs.Example.org/some_page?id=7#top."),
            ["see", "https", "docs", "example", "org", "some", "page", "id", "7", "top"]
        );
        assert_eq!(texts("हिन्दी में"), ["हिन्दी", "में"]);
        assert!(texts(" .,;-*!? ").is_empty());
        assert!(texts("").is_empty());
    }

    #[test]
    fn scripts_without_spaces_become_pairs() {
        assert_eq!(texts("東京都 x"), ["東京", "京都", "都", "x"]);
        assert_eq!(texts("コーヒー"), ["コー", "ーヒ", "ヒー", "ー"]);
        assert_eq!(texts("2026年"), ["2026", "年"]);
        assert_eq!(texts("안녕"), ["안녕", "녕"]);
        let places: Vec<Position> =
            words("東京 年").into_iter().map(|word| word.position).collect();
        assert_eq!(places, [Position::Whole, Position::Last, Position::Alone]);
    }

    #[test]
    fn an_emoji_is_a_word_whatever_its_skin_tone() {
        assert_eq!(texts("done👍🏽👍!"), ["done", "👍", "👍"]);
        assert_eq!(texts("❤\u{fe0f}"), texts("❤"));
        assert_eq!(texts("👩\u{200d}👧"), ["👩", "👧"]);
        assert_eq!(texts("#*"), [""; 0]);
    }

    #[test]
    fn formatting_is_not_part_of_a_word() {
        assert_eq!(texts("wo\u{2}r\u{2}d \u{3}04,12red\u{3} \u{3}5,x"), ["word", "red", "x"]);
        assert_eq!(texts("\u{3}4,5,6 \u{4}ff0000,00ff00hex\u{f}"), ["6", "hex"]);
        assert_eq!(texts("\u{1}ACTION waves\u{1}"), ["waves"]);
        assert_eq!(texts("one\nline bro\rken"), ["one", "line", "broken"]);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(texts(&"a".repeat(1000)), ["a".repeat(WORD_BYTES)]);
        assert_eq!(texts(&"д".repeat(1000)), ["д".repeat(WORD_BYTES / 2)]);
    }

    #[test]
    fn links_are_recognized() {
        assert!(has_link("see HTTPS://example.org"));
        assert!(!has_link("http is a protocol"));
    }

    proptest! {
        #[test]
        fn analyzing_a_word_gives_the_word_itself(text in "\\PC{0,40}") {
            for word in words(&text) {
                prop_assert!(!word.text.is_empty() && word.text.len() <= WORD_BYTES);
                prop_assert!(!word.text.contains(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()));
                let again = words(&word.text);
                prop_assert_eq!(&again[0].text, &word.text, "of {:?}", text);
            }
        }
    }
}
