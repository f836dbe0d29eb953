//! Sources (`nick!user@host`) and glob masks that match them (Modern IRC, "Wildcard Expressions").

/// Whether `text` matches `mask`: `*` matches any characters, `?` exactly one, `\*` and `\?` these
/// characters literally; ASCII letters match case-insensitively. Takes at most `mask` times `text`
/// steps and no memory.
#[must_use]
pub fn matches(mask: &str, text: &str) -> bool {
    matches_counted(mask, text, &mut 0)
}

/// The same; adds the number of characters compared to `steps`.
#[must_use]
pub fn matches_counted(mask: &str, text: &str, steps: &mut u64) -> bool {
    let (mut mask, mut text) = (mask, text);
    // After the last `*`: the rest of the mask, and where the text for it begins.
    let mut retry: Option<(&str, &str)> = None;
    loop {
        *steps += 1;
        match next_token(mask) {
            Some((Token::Many, rest)) => {
                retry = Some((rest, text));
                mask = rest;
                continue;
            }
            None if text.is_empty() => return true,
            Some((token, rest)) => {
                if let Some((c, text_rest)) = split_char(text)
                    && token.takes(c)
                {
                    (mask, text) = (rest, text_rest);
                    continue;
                }
            }
            None => {}
        }
        // A mismatch: the last `*` matches one more character. Earlier ones need not be retried.
        let Some((after_star, from)) = retry else { return false };
        let Some((_, later)) = split_char(from) else { return false };
        retry = Some((after_star, later));
        (mask, text) = (after_star, later);
    }
}

#[derive(Clone, Copy)]
enum Token {
    Many,
    One,
    Exactly(char),
}

impl Token {
    fn takes(self, c: char) -> bool {
        match self {
            Token::Many | Token::One => true,
            Token::Exactly(expected) => expected.eq_ignore_ascii_case(&c),
        }
    }
}

fn next_token(mask: &str) -> Option<(Token, &str)> {
    let (c, rest) = split_char(mask)?;
    Some(match c {
        '*' => (Token::Many, rest),
        '?' => (Token::One, rest),
        // Names may contain backslashes, so one only escapes where it must.
        '\\' => match split_char(rest) {
            Some((wild @ ('*' | '?'), rest)) => (Token::Exactly(wild), rest),
            _ => (Token::Exactly('\\'), rest),
        },
        c => (Token::Exactly(c), rest),
    })
}

fn split_char(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|c| (c, chars.as_str()))
}

/// Completes a mask: `nick` becomes `nick!*@*`, `user@host` becomes `*!user@host`.
#[must_use]
pub fn complete_mask(mask: &str) -> String {
    let (before, host) = mask.rsplit_once('@').unwrap_or((mask, "*"));
    let (nick, user) = match before.split_once('!') {
        Some(parts) => parts,
        None if mask.contains('@') => ("*", before),
        None => (before, "*"),
    };
    let or_any = |part: &str| if part.is_empty() { "*".to_owned() } else { part.to_owned() };
    [or_any(nick), "!".into(), or_any(user), "@".into(), or_any(host)].concat()
}

/// A message's source: a nick or a server's name, optionally with user and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    /// The nick, or the server's name.
    pub nick: &'a str,
    /// The part between `!` and `@`.
    pub user: Option<&'a str>,
    /// The part after the last `@`.
    pub host: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// Parses `nick[!user][@host]`; any text is valid.
    #[must_use]
    pub fn parse(source: &'a str) -> Source<'a> {
        let (before, host) = match source.rsplit_once('@') {
            Some((before, host)) => (before, Some(host)),
            None => (source, None),
        };
        let (nick, user) = match before.split_once('!') {
            Some((nick, user)) => (nick, Some(user)),
            None => (before, None),
        };
        Source { nick, user, host }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_escapes_only_wildcards() {
        assert!(matches("a\\*b", "a*b"));
        assert!(!matches("a\\*b", "axb"));
        assert!(matches("a\\?", "a?"));
        assert!(!matches("a\\?", "ab"));
        assert!(matches("back\\slash!*@*", "back\\slash!u@h"));
        assert!(matches("end\\", "end\\"));
    }

    #[test]
    fn letters_match_without_case_and_a_question_mark_takes_a_whole_character() {
        assert!(matches("ANN!*@*", "ann!u@h"));
        assert!(matches("?", "\u{fc}"));
        assert!(!matches("?", ""));
        assert!(matches("*", ""));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
    }

    #[test]
    fn matching_takes_at_most_mask_times_text_steps() {
        let text = "a".repeat(5000);
        for mask in [
            "*a".repeat(200) + "b",
            "*".to_owned() + &"a".repeat(200) + "b",
            "*?".repeat(200) + "b",
        ] {
            let mut steps = 0;
            assert!(!matches_counted(&mask, &text, &mut steps));
            assert!(steps <= (mask.len() * text.len()) as u64, "{steps} steps");
        }
        let mut steps = 0;
        assert!(matches_counted("*!*@*", "ann!ann@parlor", &mut steps));
        assert!(steps < 30, "{steps} steps");
    }

    #[test]
    fn short_masks_are_completed() {
        assert_eq!(complete_mask("ann"), "ann!*@*");
        assert_eq!(complete_mask("a@b"), "*!a@b");
        assert_eq!(complete_mask("n!u"), "n!u@*");
        assert_eq!(complete_mask("n!u@h"), "n!u@h");
        assert_eq!(complete_mask("@h"), "*!*@h");
        assert_eq!(complete_mask("n!@"), "n!*@*");
        assert_eq!(complete_mask(""), "*!*@*");
    }
}
