//! Parsing a line: tags, source, verb, parameters (Modern IRC, "Message Format").

use crate::limits::PARAMS;
use crate::tags::Tags;

/// A parsed line. It borrows from the line and allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    line: &'a str,
    /// The tags; [`Tags::EMPTY`] if there are none.
    pub tags: Tags<'a>,
    /// The source, without the colon; none if empty.
    pub source: Option<&'a str>,
    /// The verb or numeric, in its original case: compare with `eq_ignore_ascii_case`.
    pub verb: &'a str,
    /// The rest after the verb, unparsed.
    arguments: &'a str,
    params: [&'a str; PARAMS],
    count: usize,
}

/// Why a line is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Only spaces; receivers ignore such lines.
    #[error("The line is empty")]
    Empty,
    /// Tags or a source, and nothing after them.
    #[error("The line has no command")]
    NoVerb,
}

impl<'a> Message<'a> {
    /// Parses a line without its line end, after [`crate::line::check_line`].
    ///
    /// Parts are separated by one or more spaces. A 16th and later parameter is part of the 15th.
    ///
    /// # Errors
    /// [`ParseError`] if there is no verb.
    pub fn parse(line: &'a str) -> Result<Message<'a>, ParseError> {
        let mut left = skip_spaces(line);
        if left.is_empty() {
            return Err(ParseError::Empty);
        }
        let mut tags = Tags::EMPTY;
        if let Some(tagged) = left.strip_prefix('@') {
            let (raw, after) = split_word(tagged);
            tags = Tags::new(raw);
            left = skip_spaces(after);
        }
        let mut source = None;
        if let Some(sourced) = left.strip_prefix(':') {
            let (word, after) = split_word(sourced);
            source = (!word.is_empty()).then_some(word);
            left = skip_spaces(after);
        }
        let (verb, arguments) = split_word(left);
        if verb.is_empty() {
            return Err(ParseError::NoVerb);
        }
        let (params, count) = split_params(arguments);
        Ok(Message { line, tags, source, verb, arguments, params, count })
    }

    /// The whole line, as it was given.
    #[must_use]
    pub fn line(&self) -> &'a str {
        self.line
    }

    /// The parameters, without the colon of the last.
    #[must_use]
    pub fn params(&self) -> &[&'a str] {
        &self.params[..self.count]
    }

    /// Parameter `i`, counted from 0.
    #[must_use]
    pub fn param(&self, i: usize) -> Option<&'a str> {
        self.params().get(i).copied()
    }

    /// Everything from parameter `i` to the end of the line, without a leading colon: the text of
    /// `BM` and `PM`, where people leave the colon out. `None` if there is no parameter `i`.
    #[must_use]
    pub fn rest(&self, i: usize) -> Option<&'a str> {
        if i >= self.count {
            return None;
        }
        let mut left = skip_spaces(self.arguments);
        for _ in 0..i {
            left = skip_spaces(split_word(left).1);
        }
        Some(left.strip_prefix(':').unwrap_or(left))
    }
}

fn split_params(arguments: &str) -> ([&str; PARAMS], usize) {
    let mut params = [""; PARAMS];
    let mut count = 0;
    let mut left = skip_spaces(arguments);
    while !left.is_empty() {
        let (param, after) = match left.strip_prefix(':') {
            Some(text) => (text, ""),
            None if count == PARAMS - 1 => (left.trim_end_matches(' '), ""),
            None => split_word(left),
        };
        params[count] = param;
        count += 1;
        left = skip_spaces(after);
    }
    (params, count)
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Only spaces separate; a tab is an ordinary character.
fn skip_spaces(text: &str) -> &str {
    text.trim_start_matches(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Message<'_> {
        Message::parse(line).unwrap()
    }

    #[test]
    fn a_line_without_a_verb_is_refused() {
        assert_eq!(Message::parse(""), Err(ParseError::Empty));
        assert_eq!(Message::parse("   "), Err(ParseError::Empty));
        assert_eq!(Message::parse("@a=b"), Err(ParseError::NoVerb));
        assert_eq!(Message::parse("@a=b :src "), Err(ParseError::NoVerb));
        assert_eq!(Message::parse(":src"), Err(ParseError::NoVerb));
    }

    #[test]
    fn an_empty_source_is_ignored_and_so_are_leading_spaces() {
        assert_eq!(parse(": PING a").source, None);
        assert_eq!(parse("  ping a").verb, "ping");
    }

    #[test]
    fn the_rest_is_the_text_as_typed() {
        assert_eq!(parse("BM hello  all ").rest(0), Some("hello  all "));
        assert_eq!(parse("BM :hello :all").rest(0), Some("hello :all"));
        assert_eq!(parse("BM ::)").rest(0), Some(":)"));
        assert_eq!(parse("BM a :b").rest(0), Some("a :b"));
        assert_eq!(parse("PM  bob   see you : soon").rest(1), Some("see you : soon"));
        assert_eq!(parse("PM bob :  hi").rest(1), Some("  hi"));
        assert_eq!(parse("BM :").rest(0), Some(""));
        assert_eq!(parse("BM  ").rest(0), None);
        assert_eq!(parse("PM bob").rest(1), None);
        assert_eq!(parse("PM :bob hi").rest(1), None);
    }

    #[test]
    fn a_sixteenth_parameter_is_part_of_the_fifteenth() {
        let message = parse("V 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 :17");
        assert_eq!(message.params().len(), 15);
        assert_eq!(message.param(13), Some("14"));
        assert_eq!(message.param(14), Some("15 16 :17"));
        assert_eq!(message.rest(14), Some("15 16 :17"));
        assert_eq!(parse("V 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15  ").param(14), Some("15"));
        assert_eq!(parse("V 1 2 3 4 5 6 7 8 9 10 11 12 13 14 :15 16").param(14), Some("15 16"));
    }
}
