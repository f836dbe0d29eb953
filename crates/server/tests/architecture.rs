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
const SUBJECTS: &[&str] = &["bot_mode", "errors", "umode", "whox"];

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

/// All lines that transcripts expect, and the sources of the black-box tests.
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
    let manifest = fs::read_to_string(root().join("crates/client/Cargo.toml")).expect("a manifest");
    let ours = ["parlor-", "proto", "store", "server", "bench"];
    let named: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| ours.iter().any(|ours| name.starts_with(ours)))
        .collect();
    assert_eq!(named, ["proto"]);
}
