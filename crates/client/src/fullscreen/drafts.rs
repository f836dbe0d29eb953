//! The open conversation and the drafts of each server, kept for the next start in a file in the
//! state folder that only its owner may read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tui::Tui;

use super::FullScreen;
use crate::files;
use crate::known_hosts::KnownHosts;
use crate::limits::{DRAFTS_MAX, KEPT_BYTES};

/// What is kept for one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ServerDrafts {
    /// The conversation that was open.
    open: String,
    /// The drafts, by conversation.
    drafts: BTreeMap<String, String>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Drafts {
    server: String,
    path: Option<PathBuf>,
    all: BTreeMap<String, ServerDrafts>,
    is_new: bool,
}

impl Drafts {
    /// The drafts for a server. An unreadable file counts as none.
    pub(super) fn of(server: &str) -> Drafts {
        let path = KnownHosts::of_this_person().ok();
        let path = path.map(|known| known.path().with_file_name("screen.json"));
        let all = path.as_deref().and_then(read);
        let is_new = all.is_none();
        Drafts { server: server.to_owned(), path, all: all.unwrap_or_default(), is_new }
    }

    /// Whether the person has never used the full screen before.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// The person is no longer new.
    pub(super) fn greeted(&mut self) {
        self.is_new = false;
    }

    /// Restores the screen's drafts and open conversation.
    pub(super) fn restore(&self, tui: &mut Tui) {
        let Some(of) = self.all.get(&self.server) else { return };
        tui.open.clone_from(&of.open);
        for (name, text) in of.drafts.iter().take(DRAFTS_MAX) {
            tui.set_draft(name, text);
        }
    }

    fn keep(&mut self, tui: &Tui) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        let drafts = tui.drafts().take(DRAFTS_MAX).map(owned).collect();
        // Other clients may have written it meanwhile, for other servers.
        let mut all = read(path).unwrap_or_else(|| std::mem::take(&mut self.all));
        all.insert(self.server.clone(), ServerDrafts { open: tui.open.clone(), drafts });
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = path.with_extension(format!("{}.new", std::process::id()));
        files::create(&new)?.write_all(&serde_json::to_vec(&all)?)?;
        fs::rename(&new, path)
    }
}

fn read(path: &Path) -> Option<BTreeMap<String, ServerDrafts>> {
    let (file, true) = files::open(path).ok()?? else { return None };
    let mut text = String::new();
    file.take(KEPT_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

impl FullScreen {
    /// Saves the open conversation and the drafts.
    pub(super) fn keep(&mut self) {
        if let Err(error) = self.drafts.keep(&self.tui) {
            self.farewell.push(format!("What you were writing could not be kept: {error}."));
        }
    }
}
