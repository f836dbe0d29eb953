//! Tests of the packaged man pages, completions and config file, and of the config in the README.

#[path = "../examples/server-docs.rs"]
#[allow(dead_code)] // its `main`
mod docs;

use clap::CommandFactory;
use server::args::Args;
use server::config::Config;
use server::state::permission;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_option_is_in_the_man_pages_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    docs::write(folder.path()).unwrap();
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

/// As installed it changes nothing; fully uncommented it is valid; and no key is missing.
#[test]
fn the_packaged_config_file_has_every_key() {
    let text = fs::read_to_string(root().join("packaging/parlor.toml")).unwrap();
    assert_eq!(read(&text).unwrap(), Config::default());

    // Explanations have a space after the #, keys do not.
    assert_complete(&uncommented(&text, "#", |key| !key.starts_with(' ')), "packaging/parlor.toml");
}

/// In the README a key without a default value is commented out.
#[test]
fn the_readme_lists_every_config_key_with_its_default() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let block = text.split("```toml\n").nth(1).expect("the config").split("```").next().unwrap();
    assert_eq!(read(block).unwrap(), Config::default());

    let is_key = |key: &str| key.starts_with('[') || key.contains(" = ");
    assert_complete(&uncommented(block, "# ", is_key), "README.md");
}

/// Checks that a config file with every key is valid, that no key is missing, and that each value except
/// the examples is the default.
fn assert_complete(full: &str, file: &str) {
    let mut config = read(full).expect(file);
    assert_eq!((config.operator.len(), config.tls.certificate.is_some()), (2, true), "{file}");
    (config.server.listen, config.server.password) = (Vec::new(), None);
    (config.server.bind, config.backup.folder) = (None, None);
    config.server.guest_rooms = None;
    config.limits.memory = None;
    config.cluster = None;
    (config.operator, config.tls, config.admin) = Default::default();
    assert_eq!(config, Config::default(), "{file}");
    assert_eq!(missing_keys(full), [""; 0], "{file}");
}

#[test]
fn the_documentation_contains_the_table_of_rights() {
    let text = fs::read_to_string(root().join("docs/administration.md")).unwrap();
    let table = text.split("permission.rs -->\n").nth(1).expect("the table");
    assert_eq!(table.split("\n<!-- end -->").next().unwrap(), permission::markdown());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Parses a config file with this text.
fn read(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parlor.toml");
    fs::write(&path, text).unwrap();
    let config = Config::read(&path).map_err(|error| error.to_string())?;
    Ok(Config { file: None, ..config })
}

/// Uncomments the keys of a config file.
fn uncommented(text: &str, prefix: &str, is_key: impl Fn(&str) -> bool) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix(prefix) {
        Some(key) if is_key(key) => key,
        _ => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The config keys missing from this text.
fn missing_keys(text: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for table in [
        "server",
        "tls",
        "http",
        "admin",
        "backup",
        "limits",
        "history",
        "accounts",
        "operator",
        "cluster",
        "cluster.tls",
    ] {
        let header = if table == "operator" { "[[operator]]" } else { &format!("[{table}]") };
        // The error for an unknown key lists all valid ones.
        let told = read(&format!("{header}\nno_such_key = 1\n")).unwrap_err();
        let all = told.split("the keys are").nth(1).expect("the keys");
        let all: Vec<&str> = all.split('`').skip(1).step_by(2).collect();
        assert!(all.len() >= 2, "{told}");
        let there = text
            .split(header)
            .skip(1)
            .flat_map(|part| part.lines().skip(1).take_while(|line| !line.starts_with('[')));
        let there: Vec<&str> = there.collect();
        let has = |key: &&str| {
            let alone = text.contains(&format!("[{table}.{key}]"));
            alone || there.iter().any(|line| line.starts_with(&format!("{key} = ")))
        };
        let keys = all.into_iter().filter(|key| !has(key));
        missing.extend(keys.map(|key| format!("[{table}] {key}")));
    }
    missing
}
