//! The words of a query, and whether a text contains them.

use super::analyzer::{self, Position, Word};

/// The minimum number of letters of a prefix.
const PREFIX_LETTERS: usize = 3;

/// The words of a query.
///
/// `one two` matches texts with both words, `"one two"` the words next to each other, `-one` texts
/// without it, and `begin*` any word with this prefix of at least three letters. A character of a
/// script without spaces is found anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// All of these.
    pub(crate) all: Vec<Term>,
    /// None of these.
    pub(crate) none: Vec<Term>,
}

/// A part of a query: what stands between spaces, or in quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'q> {
    /// Without the surrounding marks.
    pub text: &'q str,
    /// Whether it had quotation marks.
    pub quoted: bool,
    /// Whether it had a minus before it.
    pub without: bool,
}

/// Consecutive words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) words: Vec<Box<str>>,
    /// Whether the last word is a prefix.
    pub(crate) prefix: bool,
}

impl Words {
    /// Parses a query as people write it.
    pub fn parse(text: &str) -> Self {
        let mut words = Self::default();
        Self::items(text).for_each(|item| words.add(item.text, item.without));
        words
    }

    /// The parts of a query as people write it.
    pub fn items(text: &str) -> impl Iterator<Item = Item<'_>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            rest = rest.trim_start();
            if rest.is_empty() {
                return None;
            }
            let (without, item) = match rest.strip_prefix('-') {
                Some(item) => (true, item),
                None => (false, rest),
            };
            let quoted = item.strip_prefix('"');
            let (text, behind) = match quoted {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => item.split_at(item.find(char::is_whitespace).unwrap_or(item.len())),
            };
            rest = behind;
            Some(Item { text, quoted: quoted.is_some(), without })
        })
    }

    /// Adds one part of a query.
    pub fn add(&mut self, item: &str, without: bool) {
        if let Some(term) = Term::new(item) {
            let terms = if without { &mut self.none } else { &mut self.all };
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
    }

    /// Whether it has no words.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.none.is_empty()
    }

    /// The number of words.
    pub fn count(&self) -> usize {
        self.all.iter().chain(&self.none).map(|term| term.words.len()).sum()
    }

    /// Whether a text matches.
    pub fn are_in(&self, text: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        let words = analyzer::words(text);
        self.all.iter().all(|term| term.is_in(&words))
            && !self.none.iter().any(|term| term.is_in(&words))
    }
}

impl Term {
    fn new(item: &str) -> Option<Self> {
        let mut words = analyzer::words(item);
        let last = words.last()?;
        let starred = item.ends_with('*') && last.text.chars().count() >= PREFIX_LETTERS;
        let prefix = match last.position {
            Position::Whole => starred,
            Position::Alone => true,
            // The word before contains it, too, and in a text something may follow it.
            Position::Last => {
                words.pop();
                false
            }
        };
        Some(Self { words: words.into_iter().map(|word| word.text).collect(), prefix })
    }

    fn is_in(&self, text: &[Word]) -> bool {
        let (last, before) = self.words.split_last().expect("a term has words");
        text.windows(self.words.len()).any(|window| {
            let end = &window[before.len()].text;
            let ends = if self.prefix { end.starts_with(&**last) } else { end == last };
            ends && before.iter().zip(window).all(|(word, found)| *word == found.text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finds(question: &str, text: &str) -> bool {
        Words::parse(question).are_in(text)
    }

    #[test]
    fn all_words_must_match_and_none_with_a_minus() {
        let text = "The parser reads the line, and the line ends";
        for question in
            ["parser", "LINE parser", "\"the line\"", "line -lines", "pars*", "\"line ends"]
        {
            assert!(finds(question, text), "{question}");
        }
        for question in
            ["parse", "parser writer", "\"line the\"", "line -ends", "pa*", "-\"the line\""]
        {
            assert!(!finds(question, text), "{question}");
        }
    }

    #[test]
    fn every_script_is_found_by_its_words_and_parts() {
        for (question, text) in [
            ("größe", "Die Größe der Straße"),
            ("strasse", "Die Größe der Straße"),
            ("東京", "今日は東京都にいます"),
            ("京", "今日は東京都にいます"),
            ("す", "今日は東京都にいます"),
            ("東京都に", "今日は東京都にいます"),
            ("コーヒー", "コーヒーが好き"),
            ("北京", "我在北京大学"),
            ("大学", "我在北京大学"),
            ("Ёлка", "новогодняя елка"),
            ("مدرسة", "هذه مَدْرَسَة كبيرة"),
            ("👍", "ok 👍🏿"),
            ("example.org", "see https://example.org/path"),
            ("path", "see https://example.org/path"),
            ("don't", "I don't know"),
        ] {
            assert!(finds(question, text), "{question} in {text}");
        }
        for (question, text) in [("東都", "東京都"), ("がく", "かく"), ("大京", "北京大学")]
        {
            assert!(!finds(question, text), "{question} in {text}");
        }
    }

    #[test]
    fn a_query_without_words_is_empty() {
        for question in ["", "  ", "-", "\"\"", "*", "- -", "!?"] {
            assert!(Words::parse(question).is_empty(), "{question:?}");
        }
        assert_eq!(Words::parse("one two one \"one two\"").count(), 4);
    }

    proptest! {
        #[test]
        fn a_text_is_found_by_each_of_its_words(text in "\\PC{0,60}") {
            for word in text.split_whitespace() {
                let mut words = Words::default();
                words.add(word, false);
                prop_assert!(words.are_in(&text), "{:?} in {:?}", word, text);
            }
        }

        #[test]
        fn any_query_can_be_parsed(question in "\\PC{0,60}", text in "\\PC{0,60}") {
            let _ = Words::parse(&question).are_in(&text);
        }
    }
}
