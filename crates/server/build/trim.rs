//! Takes out of scripts and styles what only people need who work on them: comments, and spaces.
//! Lines and names stay, so that what a browser shows of them can be read.

/// A script without comments and spaces that mean nothing. Comments that begin with `/*!`, which are
/// licences, stay.
///
/// After `)` and `}` a slash is taken for a division; a regular expression there needs parentheses.
///
/// # Errors
/// If a string, template, regular expression or comment has no end.
pub(crate) fn script(text: &str) -> Result<String, String> {
    let mut script = Script { rest: text, out: String::new(), depth: Vec::new(), is_value: false };
    while !script.rest.is_empty() {
        script.token()?;
    }
    Ok(script.out)
}

struct Script<'t> {
    rest: &'t str,
    out: String,
    /// For each open brace: whether it is that of a template, behind a dollar sign.
    depth: Vec<bool>,
    /// What came last is a value, so that a slash divides it.
    is_value: bool,
}

impl Script<'_> {
    fn token(&mut self) -> Result<(), String> {
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.rest = &self.rest[spaces..];
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        if self.rest.starts_with("//") {
            self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
            return Ok(());
        }
        if self.rest.starts_with("/*") {
            let end = self.rest.find("*/").ok_or("a comment has no end")? + 2;
            if self.rest.starts_with("/*!") {
                self.out.push_str(&self.rest[..end]);
            }
            self.rest = &self.rest[end..];
            return Ok(());
        }
        if spaces > 0 && self.out.chars().next_back().is_some_and(|last| would_join(last, first)) {
            self.out.push(' ');
        }
        match first {
            '\n' => {
                self.rest = &self.rest[1..];
                if !self.out.ends_with('\n') {
                    self.out.push('\n');
                }
            }
            '"' | '\'' => self.take(1 + closing(&self.rest[1..], &[first], "a string")?, true),
            '`' => self.template()?,
            '/' if !self.is_value => {
                self.take(1 + closing(&self.rest[1..], &['/'], "a regular expression")?, true);
            }
            '}' if self.depth.pop() == Some(true) => self.template()?,
            _ if is_in_word(first) => {
                let end = self.rest.find(|c| !is_in_word(c)).unwrap_or(self.rest.len());
                let is_value = !BEFORE_VALUES.contains(&&self.rest[..end]);
                self.take(end, is_value);
            }
            _ => {
                if first == '{' {
                    self.depth.push(false);
                }
                self.take(first.len_utf8(), matches!(first, ')' | ']' | '}'));
            }
        }
        Ok(())
    }

    /// A template up to its end, or to where it has an expression in it.
    fn template(&mut self) -> Result<(), String> {
        let mut at = 1;
        loop {
            at += closing(&self.rest[at..], &['`', '$'], "a template")?;
            if self.rest[..at].ends_with('`') {
                self.take(at, true);
                return Ok(());
            }
            if self.rest[at..].starts_with('{') {
                self.depth.push(true);
                self.take(at + 1, false);
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: usize, is_value: bool) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.out.push_str(taken);
        (self.rest, self.is_value) = (rest, is_value);
    }
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
