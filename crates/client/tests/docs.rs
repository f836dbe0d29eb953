//! Tests of the packaged man page and completions, and of the exit codes in the README.

#[path = "../examples/client-docs.rs"]
#[allow(dead_code)] // its `main`
mod docs;

use std::fs;

use clap::CommandFactory;
use parlor_client::args::Args;

#[test]
fn every_option_is_in_the_man_page_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    docs::write(folder.path()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect(name);
    let completions = ["chatclient.bash", "chatclient.fish", "_chatclient"].map(read);
    let page = read("chatclient.1").replace('\\', "");
    let mut command = Args::command();
    command.build();
    for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
        assert!(page.contains(&format!("--{option}")), "the man page has no --{option}");
        assert!(completions.iter().all(|text| text.contains(option)), "--{option}");
    }
    // The original program's spelling, unknown to clap.
    assert!(page.contains("-hn"), "{page}");
}

#[test]
fn the_help_says_what_a_fingerprint_is_and_where_it_comes_from() {
    let help = Args::command().render_long_help().to_string();
    let (_, after) = help.split_once("--fingerprint <FINGERPRINT>").unwrap();
    let words: Vec<&str> = after.split_whitespace().collect();
    let text = words.join(" ");
    for part in ["SHA-256", "64 hexadecimal digits", "the server prints", "administrator"] {
        assert!(text[..600].contains(part), "{part}: {text}");
    }
}

/// The numbers that begin the lines after `start`, up to the first line without one.
fn codes(text: &str, start: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| !line.contains(start)).skip(1);
    let words = lines.map(|line| line.split([' ', '|']).find(|word| !word.is_empty()));
    let codes = words.skip_while(|word| word.is_none_or(|word| word.starts_with('-')));
    codes
        .map_while(|word| word.filter(|word| word.parse::<u8>().is_ok()).map(str::to_owned))
        .collect()
}

#[test]
fn help_man_page_and_readme_list_the_same_exit_codes() {
    let help = Args::command().render_long_help().to_string();
    let expected = ["0", "1", "2", "3", "4", "5", "124", "130"];
    assert_eq!(codes(&help, "Exit codes:"), expected);
    let readme =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    assert_eq!(codes(&readme, "| exit code |"), expected);
    let folder = tempfile::tempdir().unwrap();
    docs::write(folder.path()).unwrap();
    let page = fs::read_to_string(folder.path().join("chatclient.1")).unwrap();
    assert_eq!(codes(&page, "Exit codes:"), expected, "{page}");
}
