//! What the tests of searching share.

use std::fs;
use std::path::Path;
use std::time::Duration;

use parlor_store::{Conversation, Event, Found, Search, Store, Words};

use crate::support::message;

/// Account 1 searches the lobby and its own conversations.
pub(crate) fn search(words: &str) -> Search {
    Search {
        account: 1,
        rooms: vec![(1, 0)],
        words: Words::parse(words),
        up_to: u64::MAX,
        limit: 1000,
        patience: Duration::from_secs(60),
        ..Search::default()
    }
}

pub(crate) fn found(store: &dyn Store, search: &Search) -> Found {
    store.reader().unwrap().search(search, &|_| true).unwrap()
}

pub(crate) fn ids(store: &dyn Store, search: &Search) -> Vec<u64> {
    found(store, search).events.iter().map(|event| event.id).collect()
}

/// A message with a text.
pub(crate) fn text(id: u64, of: Conversation, text: &str) -> Event {
    Event { text: text.into(), ..message(id, of) }
}

/// What is in the files of a folder.
pub(crate) fn contents(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let bytes: Vec<u8> = files.flat_map(|file| fs::read(file).unwrap_or_default()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
