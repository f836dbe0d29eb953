//! The documentation has all keys and commands, as they are.

use tui::keymap::Keymap;
use tui::slash::commands;

#[test]
fn every_key_and_command_is_documented_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/client.md");
    let text = std::fs::read_to_string(path).unwrap();
    let has = |row: &str| assert!(text.lines().any(|line| line == row), "docs/client.md: {row}");
    for (name, keys, help) in Keymap::names() {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        has(&format!("| `{name}` | {} | {help} |", keys.join(", ")));
    }
    for command in commands() {
        let line = format!("/{} {}", command.name, command.usage);
        has(&format!("| `{}` | {} |", line.trim_end().replace('|', "\\|"), command.help));
    }
}
