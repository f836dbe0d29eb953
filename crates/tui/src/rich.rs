//! Rich text: mIRC formatting, code in backticks, links, this person's name.

use crate::canvas::Span;
use crate::safe;
use crate::theme::{Role, Theme};
use ratatui_core::style::{Modifier, Style};
use std::ops::Range;
use std::sync::Arc;

/// How to read a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) theme: Theme,
    /// Links can be clicked.
    pub(crate) links: bool,
    /// This person's name; empty where it is not highlighted.
    pub(crate) me: &'a str,
    /// The words of a search, in lower case.
    pub(crate) found: &'a [String],
}

/// A line of text with its styles and links, each for a range of bytes.
#[derive(Debug, Default)]
pub(crate) struct Rich {
    pub(crate) text: String,
    /// Where each style ends; together they cover the text.
    styles: Vec<(usize, Style)>,
    links: Vec<(Range<usize>, Arc<str>)>,
}

impl Rich {
    /// The spans of a range of the text.
    pub(crate) fn spans(&self, range: Range<usize>) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut start = range.start;
        while start < range.end {
            let style = self.styles.iter().find(|(end, _)| *end > start);
            let link = self.links.iter().find(|(link, _)| link.contains(&start));
            let next_link = self.links.iter().map(|(link, _)| link.start).find(|at| *at > start);
            let ends = [style.map(|(end, _)| *end), link.map(|(link, _)| link.end), next_link];
            let end = ends.into_iter().flatten().fold(range.end, usize::min);
            spans.push(Span {
                text: self.text[start..end].to_owned(),
                style: style.map(|(_, style)| *style).unwrap_or_default(),
                link: link.map(|(_, link)| Arc::clone(link)),
            });
            start = end;
        }
        spans
    }
}

impl Rich {
    /// Inserts a text at the beginning.
    pub(crate) fn insert(&mut self, text: &str, style: Style) {
        let by = text.len();
        self.text.insert_str(0, text);
        for (end, _) in &mut self.styles {
            *end += by;
        }
        self.styles.insert(0, (by, style));
        for (range, _) in &mut self.links {
            *range = range.start + by..range.end + by;
        }
    }
}

impl Reader<'_> {
    /// The lines of a message. Lines between two of ` ``` ` are code.
    pub(crate) fn lines(&self, text: &str, base: Style) -> Vec<Rich> {
        let mut lines = Vec::new();
        let mut in_code = false;
        for line in text.split('\n') {
            let line = line.trim_end_matches('\r');
            if line.trim_start().starts_with("```") && text.contains('\n') {
                in_code = !in_code;
                let style = self.theme.style(Role::Quiet);
                lines.push(plain(line, style));
            } else if in_code {
                lines.push(plain(line, base.patch(self.theme.style(Role::Code))));
            } else {
                lines.push(self.line(line, base));
            }
        }
        lines
    }

    /// One line.
    fn line(&self, line: &str, base: Style) -> Rich {
        let (text, mut styles) = formatted(line, base, self.theme);
        let mut links = Vec::new();
        let mut code = code_ranges(&text);
        for range in &code {
            restyle(&mut styles, range, self.theme.style(Role::Code));
        }
        for range in addresses(&text) {
            let in_code = code.iter().any(|code| code.contains(&range.start));
            if let Some(link) = safe::link(&text[range.clone()]).filter(|_| !in_code) {
                restyle(&mut styles, &range, self.theme.style(Role::Link));
                if self.links {
                    links.push((range.clone(), Arc::from(link)));
                }
                code.push(range);
            }
        }
        let call = self.theme.style(Role::Call);
        let is_me = |word: &str| {
            !self.me.is_empty() && (proto::name::same(word, self.me) || word == "@room")
        };
        let found = self.theme.style(Role::Found);
        for range in words(&text) {
            let word = &text[range.clone()];
            if is_me(word.trim_start_matches('@')) || is_me(word) {
                restyle(&mut styles, &range, call);
            }
            if !self.found.is_empty() {
                let word = word.to_lowercase();
                if self.found.iter().any(|found| word.starts_with(found.as_str())) {
                    restyle(&mut styles, &range, found);
                }
            }
        }
        Rich { text, styles, links }
    }
}

/// A line without formatting.
fn plain(line: &str, style: Style) -> Rich {
    let (text, _) = formatted(line, style, Theme::default());
    let styles = vec![(text.len(), style)];
    Rich { text, styles, links: Vec::new() }
}

/// A text without formatting, as one line.
pub(crate) fn bare(text: &str) -> String {
    formatted(text, Style::new(), Theme::default()).0
}

/// Removes the formatting codes from a line: returns the safe text and its styles.
fn formatted(line: &str, base: Style, theme: Theme) -> (String, Vec<(usize, Style)>) {
    let mut text = String::with_capacity(line.len());
    let mut styles: Vec<(usize, Style)> = Vec::new();
    let mut style = base;
    let mut rest = line;
    loop {
        let end = rest.find(is_code).unwrap_or(rest.len());
        for piece in rest[..end].split_inclusive('\t') {
            text.push_str(&safe::text(piece.trim_end_matches('\t')));
            if piece.ends_with('\t') {
                text.push_str("    ");
            }
        }
        if styles.last().map_or(0, |(end, _)| *end) < text.len() {
            styles.push((text.len(), style));
        }
        let mut characters = rest[end..].chars();
        let Some(code) = characters.next() else { break };
        rest = characters.as_str();
        let toggle = match code {
            '\x02' => Modifier::BOLD,
            '\x1d' => Modifier::ITALIC,
            '\x1f' => Modifier::UNDERLINED,
            '\x1e' => Modifier::CROSSED_OUT,
            '\x16' => Modifier::REVERSED,
            _ => Modifier::empty(),
        };
        match code {
            '\x0f' => style = base,
            '\x03' => rest = coloured(rest, &mut style, base, theme),
            '\x04' => rest = without_hex(rest),
            _ if style.add_modifier.contains(toggle) => style.add_modifier.remove(toggle),
            _ => style.add_modifier.insert(toggle),
        }
    }
    (text, styles)
}

/// Bold, colours, off, monospace, reversed, italics, struck through, underlined.
fn is_code(c: char) -> bool {
    matches!(c, '\x02'..='\x04' | '\x0f' | '\x11' | '\x16' | '\x1d'..='\x1f')
}

/// Applies a colour code and returns the text after it.
fn coloured<'a>(rest: &'a str, style: &mut Style, base: Style, theme: Theme) -> &'a str {
    let Some((front, after)) = number(rest) else {
        (style.fg, style.bg) = (base.fg, base.bg);
        return rest;
    };
    let back = after.strip_prefix(',').and_then(number);
    // White or black alone would be invisible on half of all screens.
    let alone = style.bg.is_none() && back.is_none() && front < 2;
    style.fg = if alone { base.fg } else { theme.mirc(front).or(base.fg) };
    match back {
        Some((number, after)) => {
            style.bg = theme.mirc(number).or(base.bg);
            after
        }
        None => after,
    }
}

/// One or two digits, and what follows them.
fn number(text: &str) -> Option<(u8, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

/// The text after a hexadecimal colour, which is ignored: it was chosen for another background.
fn without_hex(text: &str) -> &str {
    let skip = |text: &str| text.bytes().take(6).take_while(u8::is_ascii_hexdigit).count() == 6;
    match text {
        _ if !skip(text) => text,
        _ => match text[6..].strip_prefix(',') {
            Some(back) if skip(back) => &back[6..],
            _ => &text[6..],
        },
    }
}

/// Text in backticks, backticks included.
fn code_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find('`').map(|at| from + at) {
        let ticks = text[start..].bytes().take_while(|byte| *byte == b'`').count();
        let inner = start + ticks;
        let Some(end) = text[inner..].find(&text[start..inner]).map(|at| inner + at) else { break };
        if end > inner {
            ranges.push(start..end + ticks);
        }
        from = end + ticks;
    }
    ranges
}

/// The links in a text.
pub(crate) fn addresses(text: &str) -> Vec<Range<usize>> {
    const SCHEMES: [&str; 7] =
        ["https://", "http://", "ircs://", "irc://", "gemini://", "ftp://", "mailto:"];
    let mut ranges: Vec<Range<usize>> = Vec::new();
    if !text.contains("://") && !text.contains("mailto:") {
        return ranges;
    }
    for (start, _) in text.match_indices(|c: char| c.is_ascii_lowercase()) {
        if ranges.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let before = text[..start].chars().next_back();
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let rest = &text[start..];
        let Some(scheme) = SCHEMES.iter().find(|scheme| rest.starts_with(**scheme)) else {
            continue;
        };
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '\u{fffd}');
        let end = rest.find(ends).unwrap_or(rest.len());
        let address = without_punctuation(&rest[..end]);
        if address.len() > scheme.len() {
            ranges.push(start..start + address.len());
        }
    }
    ranges
}

/// A link without the punctuation of the sentence around it: a full stop, an unmatched bracket.
fn without_punctuation(address: &str) -> &str {
    let mut address = address;
    loop {
        let Some(last) = address.chars().next_back() else { return address };
        let opens = |open: char| address.matches(open).count() >= address.matches(last).count();
        let belongs = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' => false,
            ')' => opens('('),
            ']' => opens('['),
            '}' => opens('{'),
            _ => true,
        };
        if belongs {
            return address;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
}

/// The words of a text, an `@` before them included.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_in = |c: char| c.is_alphanumeric() || c == '@' || proto::name::in_name(c);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(is_in)?;
        let end = text[start..].find(|c: char| !is_in(c)).map_or(text.len(), |at| start + at);
        from = end;
        Some(start..end)
    })
}

/// Adds a style to a range.
fn restyle(styles: &mut Vec<(usize, Style)>, range: &Range<usize>, style: Style) {
    let mut result = Vec::with_capacity(styles.len() + 2);
    let mut start = 0;
    for (end, old) in styles.drain(..) {
        let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
        for (end, style) in [(from, old), (to, old.patch(style)), (end, old)] {
            if end > start {
                result.push((end, style));
                start = end;
            }
        }
    }
    *styles = result;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui_core::style::Color;

    fn reader() -> Reader<'static> {
        Reader { theme: Theme::default(), links: true, me: "ann", found: &[] }
    }

    /// The pieces of a line with their styles.
    fn read(line: &str) -> Vec<(String, Style, bool)> {
        let rich = reader().line(line, Style::new());
        let spans = rich.spans(0..rich.text.len());
        spans.into_iter().map(|span| (span.text, span.style, span.link.is_some())).collect()
    }

    fn texts(line: &str) -> Vec<String> {
        read(line).into_iter().map(|(text, ..)| text).collect()
    }

    #[test]
    fn formatting_codes_become_styles() {
        let read = read("a\x02b\x02c\x0304,01d\x03e\x1d\x1ff\x0fg");
        let texts: Vec<_> = read.iter().map(|(text, ..)| text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!(read[1].1, Style::new().add_modifier(Modifier::BOLD));
        assert_eq!(read[3].1, Style::new().fg(Color::LightRed).bg(Color::Black));
        assert_eq!(read[5].1, Style::new().add_modifier(Modifier::ITALIC | Modifier::UNDERLINED));
        assert_eq!(read[6].1, Style::new());
    }

    #[test]
    fn digits_after_a_colour_code_belong_to_the_text() {
        assert_eq!(texts("\x03123").concat(), "3");
        assert_eq!(texts("\x034,x").concat(), ",x");
        assert_eq!(texts("\x03x").concat(), "x");
        assert_eq!(texts("\x04ff0000,00ff00x").concat(), "x");
        assert_eq!(texts("\x04ff00x").concat(), "ff00x");
    }

    #[test]
    fn code_is_left_as_it_is() {
        assert_eq!(texts("see `let x = 1;` now"), ["see ", "`let x = 1;`", " now"]);
        assert_eq!(texts("a ` b"), ["a ` b"]);
        assert!(read("`https://a.example`").iter().all(|(.., link)| !link));
        let lines = reader().lines("```\nfn main() {}\n```\nann", Style::new());
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1].spans(0..3)[0].style, Theme::default().style(Role::Code));
    }

    #[test]
    fn links_end_before_punctuation() {
        let found = |text: &str| -> Vec<String> {
            addresses(text).into_iter().map(|range| text[range].to_owned()).collect()
        };
        assert_eq!(found("see https://a.example/x."), ["https://a.example/x"]);
        assert_eq!(found("(https://a.example/x_(y))"), ["https://a.example/x_(y)"]);
        assert_eq!(found("<https://a.example> https://b.example?q=1, c").len(), 2);
        assert!(found("xhttps://a https:// no").is_empty());
        assert_eq!(found("https://例え.jp/日本"), ["https://例え.jp/日本"]);
    }

    #[test]
    fn ones_own_name_stands_out() {
        let call = Theme::default().style(Role::Call);
        let is_call = |line: &str| read(line).iter().any(|(_, style, _)| *style == call);
        assert!(is_call("hi Ann!") && is_call("@ann: x") && is_call("@room x"));
        assert!(!is_call("hannah") && !is_call("https://ann.example/ann"));
    }

    proptest! {
        #[test]
        fn anything_becomes_harmless_text(line in "\\PC{0,20}[\\x00-\\x1f`/:a-z0-9,]{0,30}\\PC{0,20}") {
            for rich in reader().lines(&line, Style::new()) {
                prop_assert!(!rich.text.chars().any(safe::is_harmful));
                let spans = rich.spans(0..rich.text.len());
                let texts: String = spans.into_iter().map(|span| span.text).collect();
                prop_assert_eq!(texts, rich.text);
            }
        }
    }
}
