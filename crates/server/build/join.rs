//! Joins the web client's modules into one script.
//!
//! All modules share one scope afterwards, so `import` and `export` are dropped, and every
//! top-level name must be unique. Only statements that begin at the start of a line are looked at.
//! Comments, and spaces and line breaks that mean nothing, are left out; with the types in the comments,
//! they would be a third of what each visitor loads. What is in `vendor/` is served as it is.

#[path = "trim.rs"]
pub(crate) mod trim;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// A module: its path within `web/`, and its text.
pub(crate) struct Module {
    /// Such as `core/message.js`.
    pub(crate) path: String,
    /// The source.
    pub(crate) text: String,
}

/// What is known of the modules that came earlier.
#[derive(Default)]
struct Earlier {
    /// The names that each module exports.
    exports: BTreeMap<String, Vec<String>>,
    /// The module that declares each top-level name.
    names: BTreeMap<String, String>,
}

/// One script with all modules, in this order.
///
/// # Errors
/// A sentence that says which module breaks which rule.
pub(crate) fn join(modules: &[Module]) -> Result<String, String> {
    let mut earlier = Earlier::default();
    let mut script = String::from("\"use strict\";\n");
    for module in modules {
        let joined = bare(module, &mut earlier);
        let joined = joined.and_then(|text| match module.path.starts_with("vendor/") {
            true => Ok(text),
            false => trim::script(&text),
        });
        script.push_str(&joined.map_err(|reason| format!("web/{}: {reason}", module.path))?);
    }
    Ok(script)
}

impl Earlier {
    fn declare(&mut self, name: &str, module: &str) -> Result<(), String> {
        match self.names.insert(name.to_owned(), module.to_owned()) {
            Some(other) => Err(format!(
                "the top-level name {name} is declared in web/{other} too; all modules share one \
                 scope, so rename one of them"
            )),
            None => Ok(()),
        }
    }

    /// Checks an import against what the module that it names exports.
    fn import(&self, statement: &str, from: &str) -> Result<(), String> {
        let rule = "only `import { a, b } from \"./file.js\";` can be joined";
        let (names, path) = match statement.split_once("from") {
            Some((names, path)) => {
                let inside = names.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                (inside.ok_or(rule)?, path)
            }
            None => ("", statement),
        };
        let path = path.trim().trim_matches(['"', '\'']);
        let path = resolve(from, path)?;
        let Some(exports) = self.exports.get(&path) else {
            return Err(format!("it imports web/{path}, which modules.txt must name before it"));
        };
        for name in list(names) {
            if name.contains(' ') {
                return Err(format!("it imports `{name}`; renaming cannot be joined"));
            }
            if !exports.contains(&name) {
                return Err(format!("it imports {name}, which web/{path} does not export"));
            }
        }
        Ok(())
    }
}

/// A module without `import` and `export`, and without comments that have lines of their own: those
/// are no statements.
fn bare(module: &Module, earlier: &mut Earlier) -> Result<String, String> {
    let mut script = String::new();
    let mut exports = Vec::new();
    let mut lines = module.text.lines();
    let mut in_comment = false;
    while let Some(line) = lines.next() {
        if in_comment || is_comment(line) {
            in_comment |= !line.trim_start().starts_with("//");
            in_comment &= !line.contains("*/");
            continue;
        } else if let Some(rest) = keyword(line, "import") {
            let statement = to_semicolon(rest, &mut lines)?;
            earlier.import(&statement, &module.path)?;
            continue;
        } else if let Some(rest) = keyword(line, "export") {
            if rest.starts_with('{') {
                let statement = to_semicolon(rest, &mut lines)?;
                exports.extend(exported(&statement)?);
                continue;
            }
            let name = declared(rest)?
                .ok_or("only `export` before a declaration and `export { a, b };` can be joined")?;
            earlier.declare(name, &module.path)?;
            exports.push(name.to_owned());
            script.push_str(rest);
            script.push('\n');
            continue;
        } else if let Some(name) = declared(line)? {
            earlier.declare(name, &module.path)?;
        }
        script.push_str(line);
        script.push('\n');
    }
    earlier.exports.insert(module.path.clone(), exports);
    Ok(script)
}

/// Whether a line is a comment or begins one, with nothing behind it.
fn is_comment(line: &str) -> bool {
    let line = line.trim();
    let block = line.starts_with("/*") && !line.starts_with("/*!");
    line.starts_with("//") || block && line.find("*/").is_none_or(|end| end + 2 == line.len())
}

/// What follows a keyword that begins a line.
fn keyword<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(word)?;
    rest.starts_with([' ', '{', '"', '*']).then(|| rest.trim_start())
}

/// A statement, without its semicolon, which ends a line.
fn to_semicolon<'l>(
    start: &str,
    lines: &mut impl Iterator<Item = &'l str>,
) -> Result<String, String> {
    let mut statement = start.trim_end().to_owned();
    while !statement.ends_with(';') {
        let next = lines.next().ok_or("an `import` or `export` has no semicolon")?;
        statement.push(' ');
        statement.push_str(next.split("//").next().unwrap_or_default().trim());
    }
    statement.pop();
    Ok(statement)
}

/// The names in `{ a, b }`.
fn exported(statement: &str) -> Result<Vec<String>, String> {
    let inside = statement.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let names: Vec<String> = list(inside.ok_or("only `export { a, b };` can be joined")?).collect();
    match names.iter().find(|name| name.contains(' ')) {
        Some(name) => Err(format!("it exports `{name}`; renaming cannot be joined")),
        None => Ok(names),
    }
}

fn list(names: &str) -> impl Iterator<Item = String> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The name that a line declares, if it is a declaration.
fn declared(line: &str) -> Result<Option<&str>, String> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let kinds = ["function* ", "function ", "class ", "const ", "let ", "var "];
    let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else {
        return Ok(None);
    };
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let rest = rest.trim_start();
    let name = &rest[..rest.find(|c| !in_name(c)).unwrap_or(rest.len())];
    if name.is_empty() {
        return Err(format!("a top-level declaration must have one name: `{line}`"));
    }
    Ok(Some(name))
}

/// The path within `web/` of what a module imports.
fn resolve(from: &str, path: &str) -> Result<String, String> {
    if !path.starts_with('.') {
        return Err(format!("it imports \"{path}\"; write a path that begins with ./ or ../"));
    }
    let mut whole = PathBuf::new();
    for part in Path::new(from).parent().unwrap_or(Path::new("")).join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = whole.pop(),
            other => whole.push(other),
        }
    }
    Ok(whole.to_string_lossy().into_owned())
}
