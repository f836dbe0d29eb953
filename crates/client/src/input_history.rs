//! The input history, kept across sessions in a file that only its owner can read.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::files;
use crate::limits::{INPUT_HISTORY_BYTES, INPUT_HISTORY_LINES};

/// Lines typed before, and their file.
#[derive(Debug, Default)]
pub struct InputHistory {
    lines: VecDeque<String>,
    /// None if they are not saved.
    path: Option<PathBuf>,
    /// Input typed at hidden prompts, which is never saved, wherever it is typed.
    secrets: Vec<String>,
}

impl InputHistory {
    /// A history that is discarded at the end.
    pub fn for_now() -> InputHistory {
        InputHistory::default()
    }

    /// A history saved in this file, which may not exist yet.
    ///
    /// # Errors
    /// If the file or its folder cannot be read or made.
    pub fn kept_in(path: &Path) -> io::Result<InputHistory> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut lines = VecDeque::new();
        let mut too_long = false;
        match files::open(path)? {
            None => {}
            // Linking it to /dev/null is a way to keep no history.
            Some((_, false)) => return Ok(InputHistory::for_now()),
            Some((file, true)) => {
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
                let mut bytes = Vec::new();
                file.take(INPUT_HISTORY_BYTES + 1).read_to_end(&mut bytes)?;
                too_long = bytes.len() as u64 > INPUT_HISTORY_BYTES;
                lines.extend(String::from_utf8_lossy(&bytes).lines().map(unescape));
            }
        }
        too_long |= lines.len() > INPUT_HISTORY_LINES;
        lines.drain(..lines.len().saturating_sub(INPUT_HISTORY_LINES));
        let history = InputHistory { lines, path: Some(path.to_owned()), secrets: Vec::new() };
        if too_long {
            history.write_anew(path)?;
        }
        Ok(history)
    }

    /// Never saves this from now on.
    pub fn hide(&mut self, secret: &str) {
        if !secret.is_empty() && !self.secrets.iter().any(|known| known == secret) {
            self.secrets.push(secret.to_owned());
        }
    }

    /// Adds a line, unless it begins with a space or contains a secret as a word.
    ///
    /// # Errors
    /// If the file cannot be written; then no further line is kept in it.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        let is_secret = |secret: &String| {
            line.trim() == secret.trim() || line.split_whitespace().any(|word| word == secret)
        };
        if line.trim().is_empty()
            || line.starts_with(' ')
            || self.lines.back().is_some_and(|last| last == line)
            || self.secrets.iter().any(is_secret)
        {
            return Ok(());
        }
        self.lines.push_back(line.to_owned());
        if self.lines.len() > INPUT_HISTORY_LINES {
            self.lines.pop_front();
        }
        let Some(path) = self.path.take() else { return Ok(()) };
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        // If it has become a pipe, do not wait for a reader.
        let mut file = options.custom_flags(files::flags(OFlags::NONBLOCK)).open(&path)?;
        file.write_all(format!("{}\n", escape(line)).as_bytes())?;
        self.path = Some(path);
        Ok(())
    }

    /// All of them, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// The line typed `back` lines ago, from 1.
    pub fn get(&self, back: usize) -> Option<&str> {
        let at = self.lines.len().checked_sub(back)?;
        self.lines.get(at).map(String::as_str)
    }

    /// Replaces the file by one with only the newest lines.
    fn write_anew(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = files::create(&new)?;
        let text: String = self.lines.iter().map(|line| escape(line) + "\n").collect();
        file.write_all(text.as_bytes())?;
        // If it is a link, it stays one.
        fs::rename(&new, fs::canonicalize(path)?)
    }
}

/// Encodes a text of several lines as one line of the file.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "")
}

fn unescape(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            // This client wrote nothing that could harm the terminal.
            other if other.is_control() && other != '\t' => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(history: &InputHistory) -> Vec<&str> {
        (1..).map_while(|back| history.get(back)).collect()
    }

    #[test]
    fn lines_are_kept_across_sessions_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parlor/history");
        let mut history = InputHistory::kept_in(&path).unwrap();
        for line in ["BM one", "BM two\n\n\tlines \\n", "EX", "EX"] {
            history.add(line).unwrap();
        }
        let expected = ["EX", "BM two\n\n\tlines \\n", "BM one"];
        assert_eq!(all(&history), expected);
        assert_eq!(all(&InputHistory::kept_in(&path).unwrap()), expected);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        InputHistory::kept_in(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn history_is_not_kept_in_anything_but_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut history = InputHistory::kept_in(&path).unwrap();
        history.add("BM one").unwrap();
        assert_eq!(all(&history), ["BM one"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn secrets_and_lines_that_begin_with_a_space_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let mut history = InputHistory::kept_in(&path).unwrap();
        history.hide("swordfish");
        for line in [" BM quiet", "swordfish", "BM swordfish", " ", "", "BM fish"] {
            history.add(line).unwrap();
        }
        assert_eq!(all(&history), ["BM fish"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "BM fish\n");
    }

    #[test]
    fn the_file_is_bounded_and_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let text: String =
            (0..INPUT_HISTORY_LINES + 50).map(|number| format!("{number}\n")).collect();
        fs::write(&path, text).unwrap();
        let history = InputHistory::kept_in(&path).unwrap();
        assert_eq!(history.get(1), Some(&*(INPUT_HISTORY_LINES + 49).to_string()));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), INPUT_HISTORY_LINES);
        assert_eq!(history.get(INPUT_HISTORY_LINES), Some("50"));
        assert_eq!(history.get(INPUT_HISTORY_LINES + 1), None);
    }

    #[test]
    fn without_a_file_lines_are_remembered_for_now() {
        let mut history = InputHistory::for_now();
        history.add("BM one").unwrap();
        assert_eq!(all(&history), ["BM one"]);
    }
}
