//! The papers and the code say the same.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn server() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_path_named_in_the_architecture_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let paths: Vec<&str> =
        text.split('`').skip(1).step_by(2).filter(|word| is_path(word)).collect();
    assert!(paths.len() >= 10, "only {} paths were found", paths.len());
    let absent: Vec<&&str> = paths.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(absent.is_empty(), "ARCHITECTURE.md names what does not exist: {absent:?}");
}

/// A word in backticks with a slash, or a paper or a config by its name, and nothing that no path has.
fn is_path(word: &str) -> bool {
    let slash = word.contains('/') && !word.starts_with('/') && !word.starts_with('+');
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    plain && (slash || word.ends_with(".md") || word.ends_with(".toml"))
}

#[test]
fn each_verb_of_the_table_has_its_file_and_its_transcript() {
    let verbs = verbs();
    assert!(verbs.len() >= 34, "only {} verbs were found: {verbs:?}", verbs.len());
    for verb in verbs {
        for path in [format!("src/command/{verb}.rs"), format!("tests/transcripts/{verb}.txt")] {
            assert!(server().join(&path).exists(), "{verb} has no {path}");
        }
    }
}

#[test]
fn each_transcript_has_its_verb() {
    let verbs = verbs();
    for entry in fs::read_dir(server().join("tests/transcripts")).expect("transcripts") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(verbs.contains(&name), "{} is about no verb of the table", path.display());
    }
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
