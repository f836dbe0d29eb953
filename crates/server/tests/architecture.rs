//! Checks that documentation and code agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn server() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_path_named_in_the_architecture_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let paths: Vec<&str> =
        text.split('`').skip(1).step_by(2).filter(|word| is_path(word)).collect();
    assert!(paths.len() >= 10, "only {} paths were found", paths.len());
    let absent: Vec<&&str> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(absent.is_empty(), "ARCHITECTURE.md names missing paths: {absent:?}");
}

/// Whether a word in backticks is a path: it has a slash, or names a `.md` or `.toml` file.
fn is_path(word: &str) -> bool {
    let slash = word.contains('/') && !word.starts_with('/') && !word.starts_with('+');
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    plain && (slash || word.ends_with(".md") || word.ends_with(".toml"))
}

/// Functions, constants, tests: every word with an underscore or `::`.
#[test]
fn every_name_in_the_architecture_is_in_the_code() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = |word: &&str| {
        let plain = word.chars().all(|c| in_name(c) || c == ':');
        plain && (word.contains('_') || word.contains("::"))
    };
    let names: BTreeSet<&str> = text.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(names.len() >= 15, "only {} names were found: {names:?}", names.len());
    let mut absent: BTreeSet<&str> = names.iter().flat_map(|name| name.split("::")).collect();
    let sources = files_in(&root().join("crates"));
    for path in sources.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let source = fs::read_to_string(path).expect("a source");
        source.split(|c| !in_name(c)).for_each(|word| _ = absent.remove(word));
    }
    assert!(absent.is_empty(), "ARCHITECTURE.md uses names missing from the code: {absent:?}");
}

/// Links within the project, to files and their headings.
#[test]
fn every_link_in_the_docs_resolves() {
    let mut docs = files_in(&root().join("docs"));
    docs.extend(
        ["README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG"]
            .map(|name| root().join(name).with_extension("md")),
    );
    let mut links = 0;
    for doc in docs.iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(doc).expect("a document");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => doc.clone(),
                file => doc.with_file_name(file),
            };
            assert!(file.exists(), "{}: broken link to {target}", doc.display());
            let there = || {
                fs::read_to_string(&file).expect("a document").lines().any(|line| {
                    line.starts_with('#') && anchor(line.trim_start_matches(['#', ' '])) == heading
                })
            };
            assert!(heading.is_empty() || there(), "{}: broken link to {target}", doc.display());
        }
    }
    assert!(links >= 10, "only {links} links were found");
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_ascii_alphanumeric() || " -".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn every_verb_has_a_file_and_a_transcript() {
    let verbs = verbs();
    assert!(verbs.len() >= 34, "only {} verbs were found: {verbs:?}", verbs.len());
    for verb in verbs {
        for path in [format!("src/command/{verb}.rs"), format!("tests/transcripts/{verb}.txt")] {
            assert!(server().join(&path).exists(), "{verb} has no {path}");
        }
    }
}

/// Transcripts about neither a verb nor a capability.
const SUBJECTS: &[&str] = &["bot_mode", "errors", "nodes", "umode", "whox"];

#[test]
fn every_transcript_belongs_to_a_verb_a_capability_or_a_listed_subject() {
    let mut names = verbs();
    names.extend(capabilities());
    names.extend(SUBJECTS.iter().map(|subject| (*subject).to_owned()));
    for path in files_in(&server().join("tests/transcripts")) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(names.contains(&name), "{} has no known subject", path.display());
    }
}

/// The names in `capability.rs`, spelled as file names.
fn capabilities() -> Vec<String> {
    let text = fs::read_to_string(root().join("crates/proto/src/capability.rs"));
    let text = text.expect("crates/proto/src/capability.rs");
    let names = text.split("=> \"").skip(1).filter_map(|piece| piece.split('"').next());
    names.map(|name| name.trim_start_matches("draft/").replace('-', "_")).collect()
}

/// Capabilities covered by the transcript of a verb.
const OF_A_VERB: &[(&str, &str)] = &[
    ("sasl", "authenticate"),
    ("cap_notify", "rehash"),
    ("account_registration", "register"),
    ("message_redaction", "redact"),
    ("read_marker", "markread"),
    ("znc.in/playback", "znc"),
    ("channel_rename", "rename"),
    ("multiline", "batch"),
    ("extended_isupport", "isupport"),
    ("metadata_3", "metadata"),
    ("parlor/unread", "unread"),
    ("parlor/nodes", "nodes"),
    ("soju.im/search", "search"),
];

#[test]
fn every_capability_has_a_transcript() {
    for capability in capabilities() {
        let verb = OF_A_VERB.iter().find(|(name, _)| *name == capability);
        let name = verb.map_or(&*capability, |(_, verb)| verb);
        let path = server().join(format!("tests/transcripts/{name}.txt"));
        assert!(path.exists(), "{capability} has no {}", path.display());
    }
}

/// Each numeric that the server can send is also listed in the docs.
#[test]
fn every_numeric_the_server_sends_is_tested_and_documented() {
    let (expected, listed) = (expectations(), listed_numerics());
    let codes = numerics();
    let sent = names_of_numerics(&files_in(&server().join("src")));
    assert!(sent.len() > 80, "only {} numerics were found", sent.len());
    let codes = || sent.iter().map(|name| (name, &codes[name]));
    let not_shown: Vec<_> =
        codes().filter(|(_, code)| !expected.contains(&format!(" {code} "))).collect();
    assert!(not_shown.is_empty(), "no test makes the server send {not_shown:?}");
    let not_listed: Vec<_> = codes().filter(|(_, code)| !listed.contains(*code)).collect();
    assert!(not_listed.is_empty(), "docs/protocol.md does not list {not_listed:?}");
}

/// The names from `numeric.rs` used in these sources.
fn names_of_numerics(sources: &[PathBuf]) -> BTreeSet<String> {
    let in_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let mut names = BTreeSet::new();
    for path in sources {
        let text = fs::read_to_string(path).expect("a source");
        let words = text.split(|c| !in_name(c));
        let numerics = words.filter(|word| word.starts_with("RPL_") || word.starts_with("ERR_"));
        names.extend(numerics.map(str::to_owned));
    }
    names
}

/// The codes in `numeric.rs` by name.
fn numerics() -> BTreeMap<String, String> {
    let path = root().join("crates/proto/src/numeric.rs");
    let text = fs::read_to_string(path).expect("crates/proto/src/numeric.rs");
    let lines = text.lines().filter_map(|line| line.strip_prefix("pub const "));
    let parts = lines.filter_map(|line| line.split_once(": &str = "));
    parts.map(|(name, code)| (name.into(), code.trim_matches(['"', ';']).into())).collect()
}

/// All lines that transcripts expect, and the sources of the black-box tests and of those of two nodes.
fn expectations() -> String {
    let mut all = String::new();
    for path in files_in(&server().join("tests/transcripts")) {
        let text = fs::read_to_string(&path).expect("a transcript");
        let who = |line: &str| line.find(['>', '<', ':', ' ']).unwrap_or(0);
        let heard = text.lines().filter(|line| line[who(line)..].starts_with('<'));
        heard.for_each(|line| all.extend([line, "\n"]));
    }
    for path in files_in(&server().join("tests/blackbox")) {
        all.push_str(&fs::read_to_string(&path).expect("a test"));
    }
    // A transcript has only one node.
    let nodes = fs::read_to_string(server().join("src/hub/two_nodes.rs"));
    all.push_str(&nodes.expect("the tests of two nodes"));
    all
}

/// The section on numerics in `docs/protocol.md`.
fn listed_numerics() -> String {
    let text = fs::read_to_string(root().join("docs/protocol.md")).expect("docs/protocol.md");
    let section = text.split("### Numerics").nth(1).expect("a section about numerics");
    section.split("## ").next().unwrap_or_default().to_owned()
}

/// All files below a folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(files_in(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The names in the table of `command.rs`, in lower case.
fn verbs() -> Vec<String> {
    let table = fs::read_to_string(server().join("src/command.rs")).expect("src/command.rs");
    let pieces = table.split("name: \"").skip(1);
    pieces.filter_map(|piece| piece.split('"').next()).map(str::to_ascii_lowercase).collect()
}

/// Promise 8.
#[test]
fn the_client_depends_on_proto_alone() {
    let ours = ["parlor-", "proto", "store", "server", "bench", "chat", "tui"];
    let crates = [
        ("client", &["chat", "proto", "tui"][..]),
        ("tui", &["chat", "proto"]),
        ("chat", &["proto"]),
    ];
    for (path, allowed) in crates {
        let manifest = root().join("crates").join(path).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        let dependencies = manifest.lines().skip_while(|line| !line.starts_with("[dependencies]"));
        let named: Vec<&str> = dependencies
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .filter(|name| ours.iter().any(|ours| name.starts_with(ours)))
            .collect();
        assert!(named.iter().all(|name| allowed.contains(name)), "{path}: {named:?}");
    }
}

/// The table in ARCHITECTURE.md of the folders of `crates/server/src`: each with what it may use,
/// besides those in the last row, which everything may use.
fn folders() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let section = text.split("## Folders").nth(1).expect("a section about folders");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows: Vec<(BTreeSet<String>, BTreeSet<String>)> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').collect::<Vec<_>>())
        .map(|cells| (names(cells[1]), names(cells[3])))
        .collect();
    let (foundation, _) = rows.last().expect("a table of folders");
    let with_foundation = |uses: &BTreeSet<String>| uses.union(foundation).cloned().collect();
    let rows = rows.iter().flat_map(|(names, uses)| names.iter().map(move |name| (name, uses)));
    rows.map(|(name, uses)| (name.clone(), with_foundation(uses))).collect()
}

/// Which folder of `crates/server/src` uses which, in which files; tests may use anything.
fn uses() -> BTreeMap<(String, String), BTreeSet<PathBuf>> {
    let src = server().join("src");
    let sources: Vec<(PathBuf, String)> = files_in(&src)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| (path.clone(), fs::read_to_string(path).expect("a source")))
        .collect();
    let tests: Vec<PathBuf> =
        sources.iter().flat_map(|(path, source)| test_modules(path, source)).collect();
    let mut uses: BTreeMap<_, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, source) in &sources {
        if tests.iter().any(|test| path.starts_with(test) || *path == test.with_extension("rs")) {
            continue;
        }
        let path = path.strip_prefix(&src).expect("a source");
        let first = Path::new(path.components().next().expect("a name").as_os_str());
        let folder = first.with_extension("").to_string_lossy().into_owned();
        for used in modules_used(source).into_iter().filter(|used| *used != folder) {
            uses.entry((folder.clone(), used)).or_default().insert(path.into());
        }
    }
    uses
}

/// The modules that are compiled for tests only and have files of their own, without `.rs`.
fn test_modules(path: &Path, source: &str) -> Vec<PathBuf> {
    let declared = source.split("#[cfg(test)]\n").skip(1).filter_map(|rest| {
        let (given, rest) = match rest.strip_prefix("#[path = \"") {
            Some(rest) => rest.split_once("\"]\n").map(|(file, rest)| (Some(file), rest))?,
            None => (None, rest),
        };
        // Tests elsewhere may use it, too.
        let rest = rest.strip_prefix("pub(crate) ").unwrap_or(rest);
        let name = rest.strip_prefix("mod ")?.lines().next()?.strip_suffix(';')?;
        Some(match given {
            Some(file) => path.with_file_name(file).with_extension(""),
            None if path.ends_with("lib.rs") => path.with_file_name(name),
            None => path.with_extension("").join(name),
        })
    });
    declared.collect()
}

/// The first names of all paths that begin with `crate::`, outside comments and the tests at the
/// end of a file.
fn modules_used(source: &str) -> BTreeSet<String> {
    let source = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String = source
        .lines()
        .flat_map(|line| [line.split("//").next().unwrap_or_default(), "\n"])
        .collect();
    let name = |path: &str| -> String {
        path.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut used = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        let Some(list) = path.strip_prefix('{') else {
            used.insert(name(path));
            continue;
        };
        // The names in `crate::{a, b::{c, d}}` that are in no inner braces.
        let (mut depth, mut at_name) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_name = true,
                c if at_name && depth == 0 && !c.is_whitespace() => {
                    used.insert(name(&list[at..]));
                    at_name = false;
                }
                _ => {}
            }
        }
    }
    used
}

#[test]
fn each_folder_uses_only_what_the_table_allows() {
    let (folders, uses) = (folders(), uses());
    let modules: BTreeSet<String> = fs::read_dir(server().join("src"))
        .expect("the sources")
        .map(|entry| entry.expect("an entry").path().with_extension(""))
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .filter(|name| name != "lib" && name != "main")
        .collect();
    let listed: BTreeSet<String> = folders.keys().cloned().collect();
    assert_eq!(listed, modules, "the table of folders in ARCHITECTURE.md is not complete");
    let forbidden: Vec<_> = uses
        .iter()
        .filter(|((folder, used), _)| !folders[folder].contains(used))
        .map(|((folder, used), files)| format!("{folder} uses {used} in {files:?}"))
        .collect();
    assert!(forbidden.is_empty(), "ARCHITECTURE.md does not allow: {forbidden:#?}");
    let (_, foundation) = folders.iter().min_by_key(|(_, uses)| uses.len()).expect("folders");
    for (folder, allowed) in &folders {
        let idle: Vec<_> = allowed
            .difference(foundation)
            .filter(|used| !uses.contains_key(&(folder.clone(), (*used).clone())))
            .collect();
        assert!(idle.is_empty(), "{folder} does not use {idle:?}, which ARCHITECTURE.md allows");
    }
}

#[test]
fn no_folders_use_each_other_in_a_circle() {
    let mut left = uses();
    // A folder that uses no other, or that no other uses, is in no circle.
    loop {
        let users: BTreeSet<String> = left.keys().map(|(folder, _)| folder.clone()).collect();
        let all_used: BTreeSet<String> = left.keys().map(|(_, used)| used.clone()).collect();
        let before = left.len();
        left.retain(|(folder, used), _| users.contains(used) && all_used.contains(folder));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "folders that use each other in a circle: {left:#?}");
}

#[test]
fn uses_are_found_in_all_their_forms() {
    let source = "use crate::a::B;\nuse crate::{c, d::{E, f},\n    g};\n// crate::no\n\
                  fn h(i: &crate::j::K) {}\n#[cfg(test)]\nmod tests {\n    use crate::no;\n}\n";
    let found: Vec<String> = modules_used(source).into_iter().collect();
    assert_eq!(found, ["a", "c", "d", "g", "j"]);
    let source = "#[cfg(test)]\nmod b;\n#[cfg(test)]\n#[path = \"c_tests.rs\"]\nmod tests;\n";
    let found = test_modules(Path::new("src/a.rs"), source);
    assert_eq!(found, [Path::new("src/a/b"), Path::new("src/c_tests")]);
    let source = "#[cfg(test)]\npub(crate) mod b;\n#[cfg(test)]\npub mod c;\npub(crate) mod d;\n";
    assert_eq!(test_modules(Path::new("src/a.rs"), source), [Path::new("src/a/b")]);
}
