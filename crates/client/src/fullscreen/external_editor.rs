//! What is being written, in the person's own editor: the terminal is the editor's meanwhile, and the connection stays.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::{FullScreen, ScreenEvent};
use crate::failure::Failure;
use crate::files;
use crate::limits::TYPED_BYTES;
use crate::link::Event;
use crate::system::random_text;

/// An editor that is at work; dropping it ends it.
#[derive(Debug)]
pub(super) struct Editing(Option<Pid>);

impl Drop for Editing {
    fn drop(&mut self) {
        if let Some(editor) = self.0.take() {
            // It may have ended by itself.
            let _ = kill_process(editor, Signal::TERM);
        }
    }
}

impl FullScreen {
    /// Starts the editor.
    pub(super) fn edit(&mut self, text: &str) -> Result<(), Failure> {
        let path = std::env::temp_dir().join(format!("parlor-{}.txt", random_text()?));
        let started = write(&path, text).and_then(|()| {
            self.keyboard.give_back(&self.tty);
            start(&path)
        });
        match started {
            Ok(child) => {
                self.editing = Some(Editing(Some(Pid::from_child(&child))));
                let events = self.to_events.clone();
                thread::Builder::new().name("editor".to_owned()).spawn(move || {
                    let text = wait(child, &path);
                    // If nobody listens any more, the client is exiting.
                    let _ = events.send(Event::Screen(ScreenEvent::Edited(text)));
                })?;
            }
            Err(error) => {
                // It holds nothing that is not in the composer.
                let _ = fs::remove_file(&path);
                self.take_terminal()?;
                self.tui.say(&format!("The editor cannot be started: {error}"), true);
            }
        }
        Ok(())
    }

    /// The editor has ended.
    pub(super) fn edited(&mut self, text: Result<String, String>) -> Result<(), Failure> {
        if let Some(mut editing) = self.editing.take() {
            editing.0 = None;
        }
        self.take_terminal()?;
        match text {
            Ok(text) => self.tui.edited(&text),
            Err(reason) => self.tui.say(&reason, true),
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    files::create(path)?.write_all(text.as_bytes())
}

/// The editor may be a command with arguments, as for git and others: the shell knows how to read that.
fn start(path: &Path) -> io::Result<Child> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(std::env::var_os);
    let editor = named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "vi".into());
    let mut script = editor;
    script.push(" \"$1\"");
    Command::new("sh").arg("-c").arg(script).arg("sh").arg(path).spawn()
}

/// Waits for the editor's end, and gives what it has written.
fn wait(mut child: Child, path: &Path) -> Result<String, String> {
    let ended = child.wait();
    let mut text = String::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(TYPED_BYTES as u64 + 1).read_to_string(&mut text));
    // Nothing is left of what may be private.
    let _ = fs::remove_file(path);
    match (ended, read) {
        (Ok(status), Ok(_)) if status.success() => Ok(text),
        (Ok(status), Ok(_)) => Err(format!("The editor ended with {status}: nothing changed.")),
        (Err(error), _) | (_, Err(error)) => {
            Err(format!("The editor's text cannot be read: {error}"))
        }
    }
}
