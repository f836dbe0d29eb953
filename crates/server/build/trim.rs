//! Removes from scripts and styles what only people who work on them need: comments, spaces and line
//! breaks. Names stay, and each top-level declaration keeps a line of its own, so that the scripts can
//! still be read in a browser.

/// A script without comments, spaces and line breaks that mean nothing. Comments that begin with
/// `/*!`, which are licences, stay.
///
/// After `)` and `}` a slash is taken for a division; a regular expression there needs parentheses.
/// After `++` and `--`, too; an empty statement before `}` needs braces. A `}` that ends an expression
/// needs its semicolon.
///
/// # Errors
/// If a string, template, regular expression or comment has no end.
pub(crate) fn script(text: &str) -> Result<String, String> {
    let mut script = Script { rest: text, ..Script::default() };
    while !script.rest.is_empty() {
        script.token()?;
    }
    if script.breaks {
        script.out.push('\n');
    }
    Ok(script.out)
}

#[derive(Default)]
struct Script<'t> {
    rest: &'t str,
    out: String,
    /// What each open brace belongs to.
    braces: Vec<Brace>,
    /// A line has ended since the last token.
    breaks: bool,
    /// A space or a comment has come since the last token.
    spaced: bool,
    /// What came last is a value, so that a slash divides it.
    is_value: bool,
}

/// What a brace belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Brace {
    Code,
    /// It follows a dollar sign in a template, or in one for htm.
    Template,
    Html,
}

impl Script<'_> {
    fn token(&mut self) -> Result<(), String> {
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.rest = &self.rest[spaces..];
        self.spaced |= spaces > 0;
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        if self.rest.starts_with("//") {
            self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
            return Ok(());
        }
        if self.rest.starts_with("/*") {
            let end = self.rest.find("*/").ok_or("a comment has no end")? + 2;
            if self.rest.starts_with("/*!") {
                if std::mem::take(&mut self.breaks) {
                    self.out.push('\n');
                }
                self.out.push_str(&self.rest[..end]);
            }
            self.rest = &self.rest[end..];
            self.spaced = true;
            return Ok(());
        }
        if first == '\n' {
            self.rest = &self.rest[1..];
            self.breaks |= !self.out.is_empty();
            return Ok(());
        }
        let last = self.out.chars().next_back().unwrap_or('\n');
        let spaced = std::mem::take(&mut self.spaced);
        if std::mem::take(&mut self.breaks) {
            let is_top = self.braces.is_empty() && ";}/".contains(last);
            if is_top || !(ENDS_NOTHING.contains(last) || BEGINS_NOTHING.contains(first)) {
                self.out.push('\n');
            }
        } else if spaced && would_join(last, first) {
            self.out.push(' ');
        }
        if ")]}".contains(first) && self.ends_needlessly(first) {
            self.out.pop();
        }
        match first {
            '"' | '\'' => self.take(1 + closing(&self.rest[1..], &[first], "a string")?, true),
            '`' if self.out.ends_with("html") => self.template(Brace::Html)?,
            '`' => self.template(Brace::Template)?,
            '/' if !self.is_value => {
                self.take(1 + closing(&self.rest[1..], &['/'], "a regular expression")?, true);
            }
            '}' => match self.braces.pop() {
                Some(template @ (Brace::Template | Brace::Html)) => self.template(template)?,
                _ => self.take(1, true),
            },
            _ if is_in_word(first) => {
                let end = self.rest.find(|c| !is_in_word(c)).unwrap_or(self.rest.len());
                let is_value = !BEFORE_VALUES.contains(&&self.rest[..end]);
                self.take(end, is_value);
            }
            _ => {
                if first == '{' {
                    self.braces.push(Brace::Code);
                }
                self.take(first.len_utf8(), matches!(first, ')' | ']'));
            }
        }
        Ok(())
    }

    /// Whether the last comma or semicolon says nothing before what closes here. A loop without a body has
    /// nothing but its semicolon, and an array a hole for each comma behind no value.
    fn ends_needlessly(&self, closes: char) -> bool {
        let before = |last| self.out.strip_suffix(last).and_then(|rest| rest.chars().next_back());
        match closes {
            '}' if self.out.ends_with(';') => before(';') != Some(')'),
            _ => before(',').is_some_and(|value| !",[".contains(value)),
        }
    }

    /// A template up to its end, or to where it has an expression in it.
    fn template(&mut self, kind: Brace) -> Result<(), String> {
        let mut at = 1;
        loop {
            at += closing(&self.rest[at..], &['`', '$'], "a template")?;
            let is_end = self.rest[..at].ends_with('`');
            if !is_end && !self.rest[at..].starts_with('{') {
                continue;
            }
            let bytes = if is_end { at } else { at + 1 };
            if !is_end {
                self.braces.push(kind);
            }
            let before = self.out.len();
            self.take(bytes, is_end);
            if kind == Brace::Html {
                let text = self.out.split_off(before);
                self.out.push_str(&html(&text));
            }
            return Ok(());
        }
    }

    fn take(&mut self, bytes: usize, is_value: bool) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.out.push_str(taken);
        (self.rest, self.is_value) = (rest, is_value);
    }
}

/// Characters behind which, and before which, the end of a line is not that of a statement.
const ENDS_NOTHING: &str = "{};,([.:?=&|<>";
const BEGINS_NOTHING: &str = "})],;.:?=&|<>";

/// A piece of a template for htm without what htm takes out itself: line breaks, with the spaces around
/// them, at the ends of texts. Between attributes, and within a text, each is one line break.
fn html(piece: &str) -> String {
    let mut out = String::new();
    for (at, line) in piece.split('\n').enumerate() {
        let line = if at == 0 { line } else { line.trim_start() };
        if at > 0 {
            out.truncate(out.trim_end().len());
            if !out.ends_with(['>', '`']) && !line.starts_with(['<', '`']) && !out.ends_with('\n') {
                out.push('\n');
            }
        }
        out.push_str(line);
    }
    out
}

/// Words behind which a slash begins a regular expression.
const BEFORE_VALUES: [&str; 9] =
    ["return", "typeof", "case", "of", "in", "await", "yield", "throw", "else"];

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

/// Whether two characters mean something else without a space between them.
fn would_join(last: char, next: char) -> bool {
    is_in_word(last) && is_in_word(next) || last == next && matches!(last, '+' | '-' | '/')
}

/// How many bytes lead behind the first of these characters that is not escaped, nor, for a slash, in
/// brackets.
fn closing(text: &str, ends: &[char], what: &str) -> Result<usize, String> {
    let (mut escaped, mut bracketed) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' if !ends.contains(&'`') => break,
            '[' | ']' if ends == ['/'] => bracketed = c == '[',
            _ if ends.contains(&c) && !bracketed => return Ok(at + c.len_utf8()),
            _ => {}
        }
    }
    let begin: String = text.chars().take(30).collect();
    Err(format!("{what} has no end: {begin}"))
}

/// A style sheet without comments and spaces that mean nothing.
///
/// # Errors
/// If a string or comment has no end.
pub(crate) fn style(text: &str) -> Result<String, String> {
    let (mut out, mut rest, mut space) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            (rest, space) = (rest.trim_start(), true);
            continue;
        }
        if rest.starts_with("/*") {
            rest = &rest[rest.find("*/").ok_or("a comment has no end")? + 2..];
            continue;
        }
        let last = out.chars().next_back().unwrap_or('{');
        if space && last == '}' && first != '}' {
            out.push('\n');
        } else if space && !"{;:,>(".contains(last) && !"{};,>)".contains(first) {
            out.push(' ');
        }
        space = false;
        if first == '}' && last == ';' {
            out.pop();
        }
        let quoted = matches!(first, '"' | '\'');
        let bytes = match quoted {
            true => 1 + closing(&rest[1..], &[first], "a string")?,
            false => first.len_utf8(),
        };
        out.push_str(&rest[..bytes]);
        rest = &rest[bytes..];
    }
    Ok(out)
}
