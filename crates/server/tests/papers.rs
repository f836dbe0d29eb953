//! The man pages and completions that packages have, and the config file that they lay down.

#[path = "../examples/server-papers.rs"]
#[allow(dead_code)] // its `main`
mod papers;

use clap::CommandFactory;
use server::args::Args;
use server::config::Config;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_option_is_in_the_man_pages_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    papers::write(folder.path()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect(name);
    let mut command = Args::command();
    command.build();
    let completions = ["chatserver.bash", "chatserver.fish", "_chatserver"].map(read);
    for part in std::iter::once(&command).chain(command.get_subcommands()) {
        if part.get_name() == "help" {
            continue;
        }
        let name = if part.get_name() == "chatserver" {
            String::new()
        } else {
            format!("-{}", part.get_name())
        };
        let page = read(&format!("chatserver{name}.1")).replace('\\', "");
        for option in part.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&format!("--{option}")), "chatserver{name}.1 has no --{option}");
            assert!(completions.iter().all(|text| text.contains(option)), "--{option}");
        }
        assert!(completions.iter().all(|text| text.contains(part.get_name())), "{name}");
        for word in page.split_whitespace().filter(|word| word.starts_with("chatserver")) {
            if let Some((cited, "1")) =
                word.split_once('(').map(|(a, b)| (a, b.trim_end_matches(')')))
            {
                assert!(folder.path().join(format!("{cited}.1")).exists(), "{word} is cited");
            }
        }
    }
    let page = read("chatserver.1");
    for section in ["NAME", "SYNOPSIS", "OPTIONS", "SUBCOMMANDS", "SIGNALS", "FILES", "EXIT STATUS"]
    {
        let found = page.lines().any(|line| line.replace('"', "") == format!(".SH {section}"));
        assert!(found, "no section {section}");
    }
}

/// As it is laid down it changes nothing; with everything in it, it is understood; and no key is missing.
#[test]
fn the_config_file_of_the_package_has_every_key() {
    let text = fs::read_to_string(root().join("packaging/parlor.toml")).unwrap();
    assert_eq!(read(&text).unwrap(), Config::default());

    // What is an explanation has a space behind its #.
    shows_all(&uncommented(&text, "#", |key| !key.starts_with(' ')), "packaging/parlor.toml");
}

/// So does the README's, where what has no value that holds without it has a # before it.
#[test]
fn the_readme_has_every_key_of_the_config_with_its_default() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let block = text.split("```toml\n").nth(1).expect("the config").split("```").next().unwrap();
    assert_eq!(read(block).unwrap(), Config::default());

    let is_key = |key: &str| key.starts_with('[') || key.contains(" = ");
    shows_all(&uncommented(block, "# ", is_key), "README.md");
}

/// A config file with everything in it is understood, no key is missing, and each value is the one that
/// holds without it, but for those that are examples.
fn shows_all(full: &str, paper: &str) {
    let mut config = read(full).expect(paper);
    assert_eq!((config.operator.len(), config.tls.certificate.is_some()), (1, true), "{paper}");
    (config.server.listen, config.server.password) = (Vec::new(), None);
    (config.server.bind, config.backup.folder) = (None, None);
    config.limits.memory = None;
    (config.operator, config.tls, config.admin) = Default::default();
    assert_eq!(config, Config::default(), "{paper}");
    assert_eq!(lacking(full), [""; 0], "{paper}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a config file with this text means, or why it cannot be used.
fn read(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parlor.toml");
    fs::write(&path, text).unwrap();
    let config = Config::read(&path).map_err(|error| error.to_string())?;
    Ok(Config { file: None, ..config })
}

/// A config file with the keys in it that stand there behind this mark.
fn uncommented(text: &str, mark: &str, is_key: impl Fn(&str) -> bool) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix(mark) {
        Some(key) if is_key(key) => key,
        _ => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The keys of the config that this text of one lacks.
fn lacking(text: &str) -> Vec<String> {
    let mut absent = Vec::new();
    for table in ["server", "tls", "http", "admin", "backup", "limits", "history", "operator"] {
        let header = if table == "operator" { "[[operator]]" } else { &format!("[{table}]") };
        // Whoever names a key that does not exist is told all that do.
        let told = read(&format!("{header}\nno_such_key = 1\n")).unwrap_err();
        let all = told.split("the keys are").nth(1).expect("the keys");
        let all: Vec<&str> = all.split('`').skip(1).step_by(2).collect();
        assert!(all.len() >= 2, "{told}");
        let there = text.lines().skip_while(|line| !line.starts_with(header)).skip(1);
        let there: Vec<&str> = there.take_while(|line| !line.starts_with('[')).collect();
        let has = |key: &&str| there.iter().any(|line| line.starts_with(&format!("{key} = ")));
        let keys = all.into_iter().filter(|key| !has(key));
        absent.extend(keys.map(|key| format!("[{table}] {key}")));
    }
    absent
}
