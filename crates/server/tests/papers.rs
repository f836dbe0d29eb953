//! The man pages and completions that packages have, and the config file that they lay down.

#[path = "../examples/server-papers.rs"]
#[allow(dead_code)] // its `main`
mod papers;

use clap::CommandFactory;
use server::args::Args;
use server::config::Config;
use std::fs;
use std::path::Path;

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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/parlor.toml");
    let mut config = Config::read(&path).unwrap();
    config.file = None;
    assert_eq!(config, Config::default());

    let text = fs::read_to_string(&path).unwrap();
    // What is an explanation has a space behind its #.
    let keys: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| !line.starts_with(' '))
        .collect();
    let full: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("parlor.toml");
    fs::write(&path, full).unwrap();
    let mut config = Config::read(&path).unwrap();
    assert_eq!(config.limits, Config::default().limits);
    assert_eq!((config.operator.len(), config.tls.certificate.is_some()), (1, true));
    // What has no value that holds without it.
    (config.server.listen, config.server.password) = (Vec::new(), None);
    assert_eq!(config.server, Config::default().server);

    for table in ["server", "tls", "http", "admin", "limits", "operator"] {
        // Whoever names a key that does not exist is told all that do.
        let header = if table == "operator" { "[[operator]]" } else { &format!("[{table}]") };
        fs::write(&path, format!("{header}\nno_such_key = 1\n")).unwrap();
        let told = Config::read(&path).unwrap_err().to_string();
        let all = told.split("expected").nth(1).expect("the keys");
        let all: Vec<&str> = all.split('`').skip(1).step_by(2).collect();
        assert!(all.len() >= 2, "{told}");
        for key in all {
            let there = keys.iter().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(there, "[{table}] {key} is not in packaging/parlor.toml");
        }
    }
}
