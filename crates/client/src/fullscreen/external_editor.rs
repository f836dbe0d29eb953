//! What is being written, in the person's own editor: the terminal is the editor's meanwhile, and the connection stays.
//! Whatever becomes of either, what was written is kept.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Instant;
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::{FullScreen, ScreenEvent};
use crate::failure::Failure;
use crate::files;
use crate::limits::{EDITOR_TIMEOUT, TYPED_BYTES};
use crate::link::Event;
use crate::system::random_text;

/// An editor that is at work; dropping it ends it.
#[derive(Debug)]
pub(super) struct Editing {
    editor: Option<Pid>,
    /// The conversation that is written to.
    name: String,
    /// The file with the text.
    path: PathBuf,
}

/// What an editor has left.
#[derive(Debug)]
pub struct Edited {
    /// The text, if it can be read.
    text: Option<String>,
    /// What went wrong.
    error: Option<String>,
}

impl Editing {
    /// Asks the editor to end.
    fn end(&self) {
        if let Some(editor) = self.editor {
            // It may have ended by itself.
            let _ = kill_process(editor, Signal::TERM);
        }
    }
}

impl Drop for Editing {
    fn drop(&mut self) {
        self.end();
    }
}

impl FullScreen {
    /// Starts the editor.
    pub(super) fn edit(&mut self, name: String, text: &str) -> Result<(), Failure> {
        let path = std::env::temp_dir().join(format!("parlor-{}.txt", random_text()?));
        let started = write(&path, text).and_then(|()| {
            self.keyboard.restore(&self.tty);
            start(&path)
        });
        match started {
            Ok(child) => {
                let editor = Some(Pid::from_child(&child));
                self.editing = Some(Editing { editor, name, path: path.clone() });
                let events = self.to_events.clone();
                thread::Builder::new().name("editor".to_owned()).spawn(move || {
                    let edited = wait(child, &path);
                    // If nobody listens any more, the client is exiting.
                    let _ = events.send(Event::Screen(ScreenEvent::Edited(edited)));
                })?;
            }
            Err(error) => {
                // It holds nothing that is not in the composer.
                let _ = fs::remove_file(&path);
                self.take_terminal()?;
                self.tui.show_status(&format!("The editor cannot be started: {error}"), true);
            }
        }
        Ok(())
    }

    /// The editor has ended.
    pub(super) fn edited(&mut self, edited: Edited) -> Result<(), Failure> {
        self.take_edited(edited);
        self.take_terminal()
    }

    /// The client ends before the editor, which is asked to do the same: what it had saved by then becomes a draft.
    pub(super) fn end_editor(&mut self) {
        let Some(editing) = &self.editing else { return };
        editing.end();
        let until = Instant::now() + EDITOR_TIMEOUT;
        while let Ok(event) =
            self.events.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if let Event::Screen(ScreenEvent::Edited(edited)) = event {
                return self.take_edited(edited);
            }
        }
        if let Some(editing) = &self.editing {
            let path = editing.path.display();
            self.farewell.push(format!("The editor has not ended; what it saves is in {path}."));
        }
    }

    pub(super) fn take_edited(&mut self, edited: Edited) {
        let Some(mut editing) = self.editing.take() else { return };
        editing.editor = None;
        if let Some(text) = edited.text {
            self.tui.edited(&editing.name, &text);
        }
        if let Some(error) = edited.error {
            self.tui.show_status(&error, true);
        }
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

/// Waits for the editor's end, and takes what it has saved, also if it failed.
fn wait(mut child: Child, path: &Path) -> Edited {
    let ended = child.wait();
    let edited = read(path, ended);
    if edited.text.as_ref().is_none_or(|text| text.len() <= TYPED_BYTES) {
        // Nothing is left of what may be private.
        let _ = fs::remove_file(path);
    }
    edited
}

fn read(path: &Path, ended: io::Result<ExitStatus>) -> Edited {
    let mut bytes = Vec::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(TYPED_BYTES as u64 + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let error = Some(format!("The editor's text cannot be read: {error}"));
        return Edited { text: None, error };
    }
    let error = match ended {
        _ if bytes.len() > TYPED_BYTES => {
            let most = TYPED_BYTES / 1024;
            Some(format!("A text has at most {most} KiB; the whole is in {}", path.display()))
        }
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("The editor ended with {status}; this is what it had saved.")),
        Err(error) => Some(format!("The editor cannot be waited for: {error}")),
    };
    Edited { text: Some(String::from_utf8_lossy(&bytes).into_owned()), error }
}
