//! What the store's tests share: short ways to make data, and the two stores under one roof.

use std::path::Path;
use std::sync::Arc;

use parlor_store::{
    Account, Conversation, Event, EventKind, Failure, Keep, Kinds, Member, MemoryStore, Outcome,
    Point, Query, Resend, Room, Scope, Select, SqliteStore, Store, Write,
};
use proto::scram::Keys;
use tempfile::TempDir;

pub(crate) const INSTANCE: &str = "k3f9";
pub(crate) const LOBBY: u32 = 1;

/// Runs a test on a new store of each kind.
pub(crate) fn on_both(test: impl Fn(&mut dyn Store)) {
    test(&mut MemoryStore::new(INSTANCE));
    let folder = TempDir::new().unwrap();
    test(&mut open(folder.path()));
}

pub(crate) fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, INSTANCE).unwrap()
}

pub(crate) fn commit(store: &mut dyn Store, writes: &[Write]) -> Vec<Outcome> {
    try_commit(store, writes).unwrap()
}

pub(crate) fn try_commit(store: &mut dyn Store, writes: &[Write]) -> Result<Vec<Outcome>, Failure> {
    store.commit(&mut writes.iter())
}

/// Removes all that is not to be kept.
pub(crate) fn forget(store: &mut dyn Store, keep: &Keep) {
    for _ in 0..100_000 {
        if !store.forget(keep).unwrap() {
            return;
        }
    }
    panic!("it never ends");
}

/// A message whose time is ten times its id.
pub(crate) fn message(id: u64, conversation: Conversation) -> Event {
    Event {
        id,
        conversation,
        kind: EventKind::Message,
        account: 1,
        guest: false,
        bot: false,
        nick: Arc::from("ann"),
        userhost: None,
        target: Arc::from(""),
        time: id as i64 * 10,
        text: format!("text {id}").into(),
        tags: "".into(),
        about: None,
    }
}

pub(crate) fn say(id: u64, conversation: Conversation) -> Write {
    put(message(id, conversation))
}

pub(crate) fn put(event: Event) -> Write {
    Write::Event { event: Arc::new(event), resend: None, pending_for: None, mentions: [].into() }
}

pub(crate) fn resend(event: Event, resend: &str) -> Write {
    let resend = Some(Resend { id: resend.into(), at: event.time });
    Write::Event { event: Arc::new(event), resend, pending_for: None, mentions: [].into() }
}

pub(crate) fn keep_for(event: Event, receiver: u32) -> Write {
    Write::Event {
        event: Arc::new(event),
        resend: None,
        pending_for: Some(receiver),
        mentions: [].into(),
    }
}

/// Event `id` of account 1, which takes back the event `about`.
pub(crate) fn redact(id: u64, of: Conversation, about: u64) -> Write {
    let kind = EventKind::Redact;
    let event = Event { kind, about: Some(about), text: "why".into(), ..message(id, of) };
    Write::Redact { event: Arc::new(event), anybodys: false, audit: None }
}

pub(crate) fn lobby() -> Conversation {
    Conversation::room(LOBBY)
}

pub(crate) fn account(id: u32, name: &str) -> Account {
    let byte = id as u8;
    let keys = Keys {
        salt: [byte; 16],
        iterations: 600_000 + id,
        stored_key: [byte ^ 0xff; 32],
        server_key: [byte ^ 0x0f; 32],
    };
    Account { id, name: name.into(), keys, created: 1000 + i64::from(id) }
}

pub(crate) fn room(id: u32, name: &str) -> Room {
    Room {
        id,
        name: name.into(),
        created: 5,
        topic: None,
        modes: String::new(),
        key: None,
        limit: None,
        lists: Vec::new(),
    }
}

pub(crate) fn member(room: u32, account: u32) -> Member {
    Member { room, account, op: false, halfop: false, voice: false, joined: 0 }
}

pub(crate) fn query(of: Scope, select: Select, limit: usize) -> Query {
    Query { of, select, limit, up_to: u64::MAX, kinds: Kinds::ALL }
}

/// The ids of a page of one conversation.
pub(crate) fn page(store: &dyn Store, of: Conversation, select: Select, limit: usize) -> Vec<u64> {
    ids(store, &query(Scope::One(of), select, limit))
}

pub(crate) fn ids(store: &dyn Store, query: &Query) -> Vec<u64> {
    events(store, query).iter().map(|event| event.id).collect()
}

pub(crate) fn events(store: &dyn Store, query: &Query) -> Vec<Event> {
    store.reader().unwrap().page(query).unwrap()
}

pub(crate) fn pending(store: &dyn Store, account: u32, up_to: u64, limit: usize) -> Vec<u64> {
    let events = store.reader().unwrap().pending(account, up_to, limit).unwrap();
    events.iter().map(|event| event.id).collect()
}

pub(crate) fn id(id: u64) -> Point {
    Point::Id(id)
}

pub(crate) fn time(time: i64) -> Point {
    Point::Time(time)
}

/// Makes a named pipe. On Linux without a process for it: between its fork and its exec a child has
/// the locks of all stores that other tests have open, who then cannot open them anew.
#[cfg(unix)]
pub(crate) fn make_pipe(path: &std::path::Path) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }
    #[cfg(not(target_os = "linux"))]
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}
