//! Prepares the web client in `web/`: joins its modules into one script, names each file by a hash
//! of its contents, compresses it, and lists all for `src/transport/http/files.rs`.

use brotli::enc::BrotliEncoderParams;
use join::{Module, join, trim};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::exit;
use zopfli::{Format, Options};

#[path = "build/join.rs"]
mod join;

/// What is served besides pages: the ending of a file's name, its `Kind`, and whether it is worth
/// compressing. Those that others refer to come first.
const KINDS: [(&str, &str, bool); 5] = [
    ("png", "Png", false),
    ("svg", "Svg", true),
    ("css", "Style", true),
    ("js", "Script", true),
    ("webmanifest", "Manifest", true),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    if let Err(reason) = build() {
        println!("cargo::error={reason}");
        exit(1);
    }
}

fn build() -> Result<(), String> {
    let set = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo sets {name}"))
    };
    // Not what the compiler knows: a build folder may be moved with its project.
    let web = set("CARGO_MANIFEST_DIR")?.join("../../web");
    let out = set("OUT_DIR")?;
    let mut files = top_level(&web)?;
    if let Some(script) = script(&web)? {
        files.insert("app.js".into(), script.into_bytes());
    }
    let (mut served, mut table) = (BTreeMap::new(), String::new());
    for (ending, kind, compress) in KINDS {
        for (name, contents) in &files {
            let Some(stem) = name.strip_suffix(ending).and_then(|rest| rest.strip_suffix('.'))
            else {
                continue;
            };
            let contents =
                if compress { refer(name, contents, &served)? } else { contents.clone() };
            let contents = if ending == "css" { style(name, contents)? } else { contents };
            let hash = hash(&contents);
            let path = format!("/{stem}-{hash}.{ending}");
            write(&out, name, &contents, compress)?;
            row(&mut table, &path, kind, &hash, name, compress);
            served.insert(format!("/{name}"), path);
        }
    }
    let index = refer("index.html", &files["index.html"], &served)?;
    write(&out, "index.html", &index, true)?;
    let mut list = String::from("/// The page at `/`.\npub const INDEX: File = ");
    file(&mut list, "/", "Html", &hash(&index), "index.html", true);
    let _ = write!(
        list,
        ";\n\n/// Everything that pages refer to.\npub const FILES: &[File] = &[\n{table}];\n"
    );
    write(&out, "join.html", &refer("join.html", &files["join.html"], &served)?, false)?;
    fs::write(out.join("files.rs"), list).map_err(|error| format!("{}: {error}", out.display()))
}

fn style(name: &str, contents: Vec<u8>) -> Result<Vec<u8>, String> {
    let trimmed = trim::style(&text(contents, name)?);
    trimmed.map(String::into_bytes).map_err(|reason| format!("web/{name}: {reason}"))
}

/// The files directly in `web/` that are served, or are pages.
fn top_level(web: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    for name in names(web)? {
        let ending = name.rsplit('.').next().unwrap_or_default();
        if ending == "html" || KINDS.iter().any(|(known, ..)| *known == ending) {
            // Not the whole folder, which has the tests and what they install.
            println!("cargo::rerun-if-changed={}", web.join(&name).display());
            files.insert(name.clone(), read(&web.join(&name))?);
        }
    }
    for page in ["index.html", "join.html"] {
        if !files.contains_key(page) {
            return Err(format!("web/{page} is missing"));
        }
    }
    Ok(files)
}

/// The modules as one script; none if there are none.
fn script(web: &Path) -> Result<Option<String>, String> {
    let table = web.join("modules.txt");
    println!("cargo::rerun-if-changed={}", table.display());
    let text = if table.exists() { text(read(&table)?, "modules.txt")? } else { String::new() };
    let listed =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: Vec<&str> = listed.collect();
    let mut modules = Vec::new();
    for path in &listed {
        println!("cargo::rerun-if-changed={}", web.join(path).display());
        let text = text_of(&web.join(path), path)?;
        modules.push(Module { path: (*path).to_owned(), text });
    }
    if modules.is_empty() { Ok(None) } else { join(&modules).map(Some) }
}

/// The names of the files in a folder, in order.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let told = |error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        if entry.file_type().map_err(told)?.is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text_of(path: &Path, name: &str) -> Result<String, String> {
    text(read(path)?, name)
}

fn text(bytes: Vec<u8>, name: &str) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| format!("web/{name} is not UTF-8"))
}

/// Replaces the names of files, as in `"/style.css"`, by those under which they are served.
fn refer(
    name: &str,
    contents: &[u8],
    served: &BTreeMap<String, String>,
) -> Result<Vec<u8>, String> {
    let mut text = text(contents.to_vec(), name)?;
    for (known, path) in served {
        text = text.replace(&format!("\"{known}\""), &format!("\"{path}\""));
    }
    let references =
        ["src=\"/", "href=\"/"].into_iter().flat_map(|start| text.split(start).skip(1));
    for reference in references {
        let target = reference.split('"').next().unwrap_or_default();
        let ending = target.rsplit('.').next().unwrap_or_default();
        let is_known = served.values().any(|path| path[1..] == *target);
        if KINDS.iter().any(|(known, ..)| *known == ending) && !is_known {
            return Err(format!("web/{name} refers to /{target}, which is not there"));
        }
    }
    Ok(text.into_bytes())
}

/// A name for the contents: whoever has them by this name never needs to ask again. Nobody attacks
/// it, so the standard library's hash will do.
fn hash(contents: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(contents);
    format!("{:016x}", hasher.finish())
}

/// Writes a file for `include_bytes!`, and beside it compressed ones.
fn write(out: &Path, name: &str, contents: &[u8], compress: bool) -> Result<(), String> {
    let told = |error| format!("{name}: {error}");
    fs::write(out.join(name), contents).map_err(told)?;
    if compress {
        let mut gzip = Vec::new();
        zopfli::compress(Options::default(), Format::Gzip, contents, &mut gzip).map_err(told)?;
        fs::write(out.join(format!("{name}.gz")), gzip).map_err(told)?;
        let mut brotli = Vec::new();
        let best = BrotliEncoderParams { size_hint: contents.len(), ..Default::default() };
        brotli::BrotliCompress(&mut &*contents, &mut brotli, &best).map_err(told)?;
        fs::write(out.join(format!("{name}.br")), brotli).map_err(told)?;
    }
    Ok(())
}

fn row(table: &mut String, path: &str, kind: &str, hash: &str, name: &str, compress: bool) {
    table.push_str("    ");
    file(table, path, kind, hash, name, compress);
    table.push_str(",\n");
}

fn file(list: &mut String, path: &str, kind: &str, hash: &str, name: &str, compress: bool) {
    let include = |name: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))");
    let compressed = match compress {
        true => format!(
            "(Coding::Brotli, {}), (Coding::Gzip, {})",
            include(&format!("{name}.br")),
            include(&format!("{name}.gz"))
        ),
        false => String::new(),
    };
    let _ = write!(
        list,
        "File {{ path: {path:?}, kind: Kind::{kind}, hash: {hash:?}, plain: {}, compressed: &[{compressed}] }}",
        include(name)
    );
}
