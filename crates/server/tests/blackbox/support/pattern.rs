//! Patterns for lines: `*` stands for anything, `\*` for a star, `{name}` for a word that is the same
//! each time.

use std::collections::HashMap;

/// What the `{name}`s of earlier patterns stood for.
pub(crate) type Captures = HashMap<String, String>;

/// Whether `text` fits `pattern`. New names are remembered in `captures`, if the whole fits.
pub(crate) fn matches(pattern: &str, text: &str, captures: &mut Captures) -> bool {
    let mut found = captures.clone();
    let fits = fits(pattern, text, &mut found);
    if fits {
        *captures = found;
    }
    fits
}

fn fits(pattern: &str, text: &str, captures: &mut Captures) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    if first == '*' {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        return ends.into_iter().any(|at| fits(&pattern[1..], &text[at..], captures));
    }
    if let Some(after) = pattern.strip_prefix("\\*") {
        return text.strip_prefix('*').is_some_and(|rest| fits(after, rest, captures));
    }
    if first == '{' {
        let close = pattern.find('}').expect("a pattern closes its {");
        return fits_name(&pattern[1..close], &pattern[close + 1..], text, captures);
    }
    text.strip_prefix(first).is_some_and(|rest| fits(&pattern[first.len_utf8()..], rest, captures))
}

/// A name stands for one word of a line, or one value among its tags.
fn fits_name(name: &str, pattern: &str, text: &str, captures: &mut Captures) -> bool {
    if let Some(known) = captures.get(name).cloned() {
        return text.strip_prefix(&*known).is_some_and(|rest| fits(pattern, rest, captures));
    }
    let end = text.find([' ', ';']).unwrap_or(text.len());
    if end == 0 {
        return false;
    }
    captures.insert(name.to_owned(), text[..end].to_owned());
    if fits(pattern, &text[end..], captures) {
        return true;
    }
    captures.remove(name);
    false
}

#[test]
fn a_star_is_anything_and_a_name_is_the_same_each_time() {
    let mut captures = Captures::new();
    assert!(matches(
        "@*msgid={id};* PRIVMSG * :hi",
        "@a=1;msgid=x;b=2 PRIVMSG #a :hi",
        &mut captures
    ));
    assert_eq!(captures["id"], "x");
    assert!(matches("NOTE BM SENT {id} :*", "NOTE BM SENT x :Sent.", &mut captures));
    assert!(!matches("NOTE BM SENT {id} :*", "NOTE BM SENT y :Sent.", &mut captures));
    assert!(!matches("PING", "PINGS", &mut captures));
    assert!(matches("+b \\*!u@\\*", "+b *!u@*", &mut captures));
    assert!(!matches("+b \\*!u@\\*", "+b x!u@x", &mut captures));
}
