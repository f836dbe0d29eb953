//! What the disk has damaged is never served as what was written, and stops nobody from reading on.

use std::path::Path;
use std::sync::Arc;

use parlor_store::{
    Conversation, Event, EventKind, Failure, Kinds, Outcome, Progress, Query, Refused, Scope,
    Select::{self, After, Around, Before, Latest},
    SqliteStore, Store, Subject, Write, backup_anyway, check, restore, salvage,
};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::support::{
    INSTANCE, account, commit, events, id, keep_for, lobby, member, message, on_both, open, page,
    pending, query, redact, resend, room, say, time,
};

/// Enough for two runs to be in the index.
const EVENTS: u64 = 36_000;

fn harm(folder: &Path, sql: &str) {
    let database = Connection::open(folder.join("parlor.db")).unwrap();
    assert_eq!(database.execute(sql, []).unwrap(), 1, "{sql}");
}

/// Ten messages of the lobby, of which the fifth is harmed while the store is open.
fn harmed(sql: &str) -> (TempDir, SqliteStore) {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &(1..=10).map(|id| say(id, lobby())).collect::<Vec<_>>());
    harm(folder.path(), sql);
    (folder, store)
}

#[test]
fn an_intact_store_reports_no_damage() {
    on_both(|store| {
        commit(store, &[say(1, lobby())]);
        assert_eq!(page(store, lobby(), Latest, 9), [1]);
        assert_eq!(store.damage().total(), 0);
    });
}

#[test]
fn a_damaged_event_is_marked_in_place_and_the_page_continues() {
    for column in [
        "text = 'texu 5'",
        "time = 51",
        "nick = 'bnn'",
        "account = 2",
        "flags = 1",
        "tags = '+x'",
        "kind = 1",
        "kind = 99",
        "target = 'x'",
        "about = 1",
        "conversation = 2",
        "userhost = 'x'",
        "text = CAST(x'ff' AS TEXT)",
        "sum = NULL",
    ] {
        let (folder, store) = harmed(&format!("UPDATE events SET {column} WHERE id = 5"));
        for kinds in [Kinds::MESSAGES, Kinds::ALL] {
            let all = Query { kinds, ..query(Scope::One(lobby()), Latest, 9) };
            let all = events(&store, &all);
            assert_eq!(
                all.iter().map(|event| event.id).collect::<Vec<_>>(),
                (2..=10).collect::<Vec<_>>()
            );
            let (damaged, beside) = (&all[3], &all[4]);
            assert_eq!(
                (damaged.kind, damaged.conversation),
                (EventKind::Damaged, lobby()),
                "{column}"
            );
            assert_eq!((&*damaged.text, &*damaged.nick, damaged.account), ("", "", 0));
            assert!((40..=60).contains(&damaged.time), "{column}: {}", damaged.time);
            assert_eq!((&*beside.text, beside.kind), ("text 6", EventKind::Message));
        }
        assert_eq!(page(&store, lobby(), Before(id(5)), 9), [1, 2, 3, 4]);
        assert_eq!(page(&store, lobby(), After(time(40)), 2), [5, 6], "{column}");
        assert_eq!(page(&store, lobby(), Around(time(50)), 2).len(), 2, "{column}");
        assert_eq!(store.reader().unwrap().event_time(5).unwrap(), None);
        assert_eq!(store.damage().total(), 1, "{column}");
        let told = store.damage().take();
        assert!(told.len() == 1 && told[0].contains("event 5 "), "{told:?}");
        Box::new(store).close().unwrap();
        let problems = check(folder.path()).unwrap();
        assert!(problems[0].contains("not as they were written: 5"), "{problems:?}");
        // It is told of at the next start, before anybody reads it.
        assert_eq!(open(folder.path()).damage().total(), 1, "{column}");
    }
}

#[test]
fn a_missing_event_is_marked_in_place() {
    let (folder, store) = harmed("DELETE FROM events WHERE id = 5");
    let all = events(&store, &query(Scope::One(lobby()), Latest, 9));
    assert_eq!((all[3].id, all[3].kind, all[3].time), (5, EventKind::Damaged, 40));
    assert_eq!(store.damage().total(), 1);
    drop((folder, store));
}

/// The bit that showed others' private messages in the lobby.
#[test]
fn events_indexed_in_the_wrong_conversation_are_left_out() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let pair = Conversation::direct(1, 2);
    let turn = |n: u64| say(n, if n.is_multiple_of(2) { lobby() } else { pair });
    for first in (1..=EVENTS).step_by(1000) {
        commit(&mut store, &(first..first + 1000).map(turn).collect::<Vec<_>>());
    }
    let truth = page(&store, lobby(), Latest, usize::MAX);
    // Each distance is 2; now one is 3, so all that follow are of the other conversation.
    harm(
        folder.path(),
        "UPDATE history SET rest = CAST(x'03' || substr(rest, 2) AS BLOB)
            WHERE conversation = 1 AND first = 2",
    );
    let reading = |store: &SqliteStore| {
        let all = events(store, &query(Scope::One(lobby()), Latest, usize::MAX));
        assert!(all.iter().all(|event| event.conversation == lobby()));
        all.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    // What the block had is found among the events.
    assert_eq!(reading(&store), truth);
    let told = store.damage().take();
    assert_eq!(store.damage().total(), 1, "{told:?}");
    let everything = Scope::Everything { account: 7, room: Some(1) };
    assert_eq!(events(&store, &query(everything, Select::After(id(0)), 9)).len(), 9);
    Box::new(store).close().unwrap();
    assert!(!check(folder.path()).unwrap().is_empty());
    // A start makes it anew.
    let store = open(folder.path());
    assert!(store.damage().total() > 0);
    assert_eq!(reading(&store), truth);
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_damaged_index_is_rebuilt_whatever_is_wrong_with_it() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let turn = |n: u64| say(n, Conversation::room(1 + (n % 3) as u32));
    for first in (1..=EVENTS).step_by(1000) {
        commit(&mut store, &(first..first + 1000).map(turn).collect::<Vec<_>>());
    }
    let pages = |store: &SqliteStore| {
        [1, 2, 3].map(|room| page(store, Conversation::room(room), Latest, usize::MAX))
    };
    let truth = pages(&store);
    Box::new(store).close().unwrap();
    for (harms, sql) in [
        "DELETE FROM history WHERE conversation = 2 AND first = 1",
        "UPDATE history SET conversation = 3 WHERE conversation = 1 AND first = 3",
        "UPDATE history SET first = 2 WHERE conversation = 1 AND first = 3",
        "UPDATE history SET sum = 0 WHERE conversation = 1 AND first = 3",
        "UPDATE history SET rest = x'80' WHERE conversation = 1 AND first = 3",
    ]
    .into_iter()
    .enumerate()
    {
        harm(folder.path(), sql);
        assert!(!check(folder.path()).unwrap().is_empty(), "{harms}");
        let store = open(folder.path());
        assert!(store.damage().total() > 0, "{harms}");
        assert!(pages(&store) == truth, "{harms}");
        Box::new(store).close().unwrap();
        assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new(), "{harms}");
    }
}

#[test]
fn the_table_of_direct_conversations_is_rebuilt() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[say(1, Conversation::direct(1, 2)), say(2, Conversation::direct(1, 3))]);
    let everything = query(Scope::Everything { account: 1, room: None }, Latest, 9);
    for sql in [
        "UPDATE talks SET peer = 9 WHERE account = 1 AND peer = 2",
        "DELETE FROM talks WHERE account = 3",
    ] {
        harm(folder.path(), sql);
        Box::new(store).close().unwrap();
        assert!(!check(folder.path()).unwrap().is_empty(), "{sql}");
        store = open(folder.path());
        assert_eq!(store.damage().total(), if sql.starts_with("UPD") { 2 } else { 1 }, "{sql}");
        assert_eq!(events(&store, &everything).len(), 2);
    }
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn damage_to_indispensable_data_prevents_a_start() {
    for (sql, words) in [
        ("UPDATE accounts SET name = 'bnn'", "of accounts, entry 1 is damaged"),
        ("UPDATE accounts SET id = 3", "of accounts, entry 3 is damaged"),
        ("UPDATE accounts SET stored_key = zeroblob(32)", "of accounts, entry 1 is damaged"),
        ("UPDATE rooms SET modes = 'i'", "of rooms, entry 1 is damaged"),
        ("UPDATE rooms SET name = CAST(x'ff' AS TEXT)", "of rooms, entry 1 is damaged"),
        ("UPDATE members SET op = 1", "of members, entry 1, 1 is damaged"),
        ("UPDATE certificates SET account = 2", "entry 0707070707"),
        ("UPDATE records SET value = 'x'", "of records, entry 1, 1, \"totp\" is damaged"),
        ("UPDATE records SET owner = 2", "of records, entry 1, 2, \"totp\" is damaged"),
        ("UPDATE about SET value = 'zzzz' WHERE key = 'instance'", "\"instance\" is damaged"),
    ] {
        let folder = tempdir().unwrap();
        let mut store = open(folder.path());
        let certificate =
            Write::Certificate { fingerprint: [7; 32], account: Some(1), proved: true };
        let (ann, lobby) = (Write::Account(account(1, "ann")), Write::Room(room(1, "#lobby")));
        let (kind, key) = (parlor_store::RecordKind::SecondFactor, "totp".into());
        let factor = Write::Record { kind, owner: 1, key, value: Some("{}".into()) };
        commit(&mut store, &[ann, lobby, Write::Member(member(1, 1)), certificate, factor]);
        harm(folder.path(), sql);
        let refused = |store: Result<SqliteStore, Failure>| {
            let refused = store.and_then(|mut store| store.load()).unwrap_err();
            assert!(matches!(refused, Failure::Corrupt { .. }), "{sql}: {refused:?}");
            assert!(refused.to_string().contains(words), "{refused}");
        };
        refused(Ok(store));
        refused(SqliteStore::open(folder.path(), "zzzz"));
        assert!(!check(folder.path()).unwrap().is_empty(), "{sql}");
    }
}

#[test]
fn damaged_dispensable_data_is_left_out_and_reported() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let pair = Conversation::direct(1, 2);
    let key = |key: &str| {
        let (of, value) = (Subject::Account(1), Some("x".into()));
        Write::Metadata { of, key: key.into(), value }
    };
    let marker = |account| Write::ReadMarker { account, conversation: pair, time: 5 };
    commit(&mut store, &[key("a"), key("b"), marker(1), marker(2)]);
    harm(folder.path(), "UPDATE metadata SET value = 'y' WHERE key = 'a'");
    harm(folder.path(), "UPDATE read_markers SET time = 9 WHERE account = 1");
    let loaded = store.load().unwrap();
    assert_eq!((loaded.metadata.len(), &*loaded.metadata[0].1), (1, "b"));
    assert_eq!(loaded.read_markers, [(2, pair, 5)]);
    assert_eq!(store.damage().total(), 2);
    // Set again it is as good as new.
    commit(&mut store, &[key("a"), marker(1)]);
    assert_eq!(store.load().unwrap().metadata.len(), 2);
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_damaged_pending_message_is_not_shown_to_anybody_else() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let pair = Conversation::direct(1, 2);
    commit(&mut store, &[keep_for(message(1, pair), 2), keep_for(message(2, pair), 2)]);
    harm(folder.path(), "UPDATE pending SET account = 3 WHERE event = 1");
    assert_eq!(pending(&store, 3, 9, 9), Vec::<u64>::new());
    assert_eq!(pending(&store, 2, 9, 9), [2]);
    assert_eq!(store.damage().total(), 1);
    harm(folder.path(), "UPDATE events SET text = 'other' WHERE id = 2");
    let waiting = store.reader().unwrap().pending(2, 9, 9).unwrap();
    assert_eq!((waiting.len(), waiting[0].id, waiting[0].kind), (1, 2, EventKind::Damaged));
}

#[test]
fn a_damaged_resend_id_is_reported() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[resend(message(1, lobby()), "x")]);
    harm(folder.path(), "UPDATE resends SET event = 7");
    assert_eq!(commit(&mut store, &[resend(message(2, lobby()), "x")]), [Outcome::Stored]);
    assert_eq!(store.damage().total(), 1);
    let first = Outcome::Duplicate { id: 2, time: 20 };
    assert_eq!(commit(&mut store, &[resend(message(3, lobby()), "x")]), [first]);
}

#[test]
fn a_damaged_message_cannot_be_redacted() {
    let (_folder, mut store) = harmed("UPDATE events SET account = 2 WHERE id = 5");
    let none = Outcome::Refused(Refused::NoSuchEvent);
    assert_eq!(commit(&mut store, &[redact(11, lobby(), 5)]), [none]);
    assert_eq!(store.damage().total(), 1);
}

/// Whole pages of the file are overwritten while the server runs: the events on them are lost, and
/// no others.
#[test]
fn a_damaged_page_hides_only_its_own_events() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let long = |n: u64| {
        let text = format!("{n} {}", "x".repeat(700)).into();
        crate::support::put(Event { text, ..message(n, lobby()) })
    };
    commit(&mut store, &(1..=2000).map(long).collect::<Vec<_>>());
    Box::new(store).close().unwrap();
    let store = open(folder.path());
    let database = folder.path().join("parlor.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let page_of = |bytes: &[u8], n: u64| {
        let text = format!("{n} xxxxxxxxxx");
        let at = bytes.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
        at / 8192 * 8192
    };
    let hurt = page_of(&bytes, 1000);
    bytes[hurt..hurt + 8192].fill(0xa5);
    std::fs::write(&database, &bytes).unwrap();
    let all = events(&store, &query(Scope::One(lobby()), Latest, usize::MAX));
    assert_eq!(all.len(), 2000);
    let damaged = all.iter().filter(|event| event.kind == EventKind::Damaged);
    let damaged: Vec<u64> = damaged.map(|event| event.id).collect();
    assert!((5..=12).contains(&damaged.len()) && damaged.contains(&1000), "{damaged:?}");
    let sound = all.iter().filter(|event| event.kind != EventKind::Damaged);
    assert!(sound.into_iter().all(|event| event.text.starts_with(&format!("{} x", event.id))));
    // A time within what is lost is before the first that is sound again.
    let next = damaged[damaged.len() - 1] + 1;
    assert_eq!(page(&store, lobby(), After(time(10_005)), 2), [next, next + 1]);
    assert_eq!(page(&store, lobby(), Before(time(10_005)), 1), [next - 1]);
    assert_eq!(page(&store, lobby(), After(time(next as i64 * 10)), 2), [next + 1, next + 2]);
    assert!(store.damage().total() >= damaged.len() as u64);
}

/// All that is sound is in the new folder, what is not is listed, and the damaged one stays as it is.
#[test]
fn intact_data_is_salvaged_and_the_rest_is_listed() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    let mut store = open(folder.path());
    let pair = Conversation::direct(1, 2);
    let long = |n: u64| {
        let text = format!("{n} {}", "x".repeat(700)).into();
        let of = if n.is_multiple_of(10) { pair } else { lobby() };
        crate::support::put(Event { text, ..message(n, of) })
    };
    let people = [1, 2, 3].map(|id| Write::Account(account(id, &format!("user{id}"))));
    commit(&mut store, &people);
    commit(&mut store, &[Write::Room(room(1, "#lobby")), Write::Member(member(1, 1))]);
    commit(&mut store, &(1..=2000).map(long).collect::<Vec<_>>());
    Box::new(store).close().unwrap();
    harm(folder.path(), "UPDATE accounts SET name = 'stranger' WHERE id = 2");
    harm(folder.path(), "UPDATE events SET text = 'other' WHERE id = 500");
    let database = folder.path().join("parlor.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let at = bytes.windows(8).position(|part| part == b"1000 xxx").unwrap() / 8192 * 8192;
    bytes[at..at + 8192].fill(0xa5);
    std::fs::write(&database, &bytes).unwrap();
    assert!(SqliteStore::open(folder.path(), "zzzz").is_err());

    let progress = Arc::<Progress>::default();
    let new = place.path().join("new");
    let salvaged = salvage(folder.path(), &new, "zzzz", &[], &progress).unwrap();
    assert!(std::fs::read(&database).unwrap() == bytes, "the damaged one was changed");
    let lost = salvaged.lost.join("\n");
    assert!(lost.contains("of accounts, entry 2 is damaged"), "{lost}");
    assert!(lost.contains("of events, entry 500 is damaged"), "{lost}");
    assert!(lost.contains(" cannot be read"), "{lost}");
    assert_eq!(check(&new).unwrap(), Vec::<String>::new());
    let mut store = open(&new);
    let loaded = store.load().unwrap();
    assert_eq!((loaded.instance.as_str(), loaded.last_account), (INSTANCE, 3));
    assert_eq!(loaded.accounts.iter().map(|account| account.id).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((loaded.rooms.len(), loaded.members.len()), (1, 1));
    let all = events(&store, &query(Scope::One(lobby()), Latest, usize::MAX));
    assert!((1780..1800).contains(&all.len()), "{}", all.len());
    assert!(all.iter().all(|event| event.text.starts_with(&format!("{} x", event.id))));
    let direct = page(&store, pair, Latest, usize::MAX);
    assert!(direct.contains(&10) && direct.contains(&2000) && !direct.contains(&500));
    drop(store);
    assert!(matches!(
        salvage(folder.path(), &new, "zzzz", &[], &progress),
        Err(Failure::Occupied { .. })
    ));

    // The same as a backup, which can be laid back.
    let file = place.path().join("copy");
    assert!(parlor_store::backup(folder.path(), &file, &[], &progress).is_err());
    let again = backup_anyway(folder.path(), &file, "zzzz", &[], &progress).unwrap();
    assert_eq!(again, salvaged);
    restore(&file, &place.path().join("laid"), &[], &progress).unwrap();
    assert_eq!(check(&place.path().join("laid")).unwrap(), Vec::<String>::new());
}

/// With a part missing it would differ from the other nodes' for ever.
#[test]
fn what_is_salvaged_of_a_cluster_node_is_a_node_no_more() {
    let (folder, place) = (tempdir().unwrap(), tempdir().unwrap());
    let mut store = open(folder.path());
    let live = Write::Live { sequence: 7, bytes: [1, 2].into() };
    commit(&mut store, &[Write::Account(account(1, "ann")), live, Write::Applied(9)]);
    let keep = parlor_store::Keep { now: 1, days: 1, messages: 1 };
    commit(&mut store, &[Write::Forget(keep)]);
    Box::new(store).close().unwrap();
    assert_eq!(parlor_store::live(folder.path()).unwrap(), Some((7, [1, 2].into())));

    let (progress, new) = (Arc::<Progress>::default(), place.path().join("new"));
    let salvaged = salvage(folder.path(), &new, "zzzz", &[], &progress).unwrap();
    assert!(salvaged.left_log && salvaged.lost.is_empty());
    let file = place.path().join("copy");
    assert!(backup_anyway(folder.path(), &file, "zzzz", &[], &progress).unwrap().left_log);
    restore(&file, &place.path().join("laid"), &[], &progress).unwrap();
    for made in [new, place.path().join("laid")] {
        let loaded = open(&made).load().unwrap();
        assert_eq!((loaded.live, loaded.applied, loaded.accounts.len()), (None, 0, 1));
    }
}
