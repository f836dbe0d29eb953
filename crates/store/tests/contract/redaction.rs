//! A message is taken back: who may, and that nothing of it is left for anybody.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use parlor_store::{
    Conversation, Event, EventKind, Kinds, Outcome, Query, REDACTED_PASSED, Refused, Scope,
    Select::{self, After, Around, Before, Between, Latest, LatestAfter},
    Store, Subject, Write, check,
};
use tempfile::tempdir;

use crate::behind::marks;
use crate::support::{
    commit, events, id, ids, keep_for, lobby, message, on_both, open, page, pending, put, query,
    redact, resend, say, time, try_commit,
};

const NONE: [u64; 0] = [];

fn tagmsg(id: u64, conversation: Conversation) -> Write {
    let kind = EventKind::Tagmsg;
    put(Event { kind, text: "".into(), tags: "+react=k".into(), ..message(id, conversation) })
}

/// Who takes it back, and whether it may be anybody's.
fn redact_as(write: Write, account: u32, anybodys: bool) -> Write {
    let Write::Redact { event, .. } = write else { unreachable!("only of redactions") };
    let event = Arc::new(Event { account, ..(*event).clone() });
    Write::Redact { event, anybodys, audit: None }
}

#[test]
fn a_redacted_message_is_gone_and_the_rest_unchanged() {
    on_both(|store| {
        commit(store, &[say(1, lobby()), say(2, lobby()), tagmsg(3, lobby()), say(4, lobby())]);
        let stored = commit(store, &[redact(5, lobby(), 2), redact(6, lobby(), 3)]);
        assert_eq!(stored, [Outcome::Stored; 2]);
        assert_eq!(page(store, lobby(), Latest, 9), [1, 4, 5, 6]);
        let asked = query(Scope::One(lobby()), LatestAfter(id(4)), 1);
        let said = events(store, &asked).remove(0);
        assert_eq!((said.kind, said.about), (EventKind::Redact, Some(3)));
        assert_eq!((&*said.text, said.account), ("why", 1));
        // It is no message, and neither is what it took back.
        let messages = Query { kinds: Kinds::MESSAGES, ..query(Scope::One(lobby()), Latest, 9) };
        assert_eq!(ids(store, &messages), [1, 4]);
        let loaded = store.load().unwrap();
        assert_eq!((loaded.last_event, loaded.last_time), (6, 60));
        // Places in the history stay: a client may count from it.
        assert_eq!(store.reader().unwrap().event_time(2).unwrap(), Some((lobby(), 20)));
        assert_eq!(page(store, lobby(), Before(id(2)), 9), [1]);
    });
}

#[test]
fn a_refused_redaction_changes_nothing() {
    on_both(|store| {
        let pair = Conversation::direct(1, 2);
        let bobs = Event { account: 2, ..message(2, lobby()) };
        let join = Event { kind: EventKind::Join, ..message(3, lobby()) };
        let notice = Event { kind: EventKind::Notice, ..message(4, lobby()) };
        commit(store, &[say(1, lobby()), put(bobs), put(join), put(notice), say(5, pair)]);
        let refused = |refused| Outcome::Refused(refused);
        let (none, not_theirs) = (refused(Refused::NoSuchEvent), refused(Refused::NotTheirs));
        let cases = [
            // There is no such event, or not here, or it is no message.
            (redact(9, lobby(), 99), none),
            (redact(9, lobby(), 0), none),
            (redact(9, lobby(), u64::MAX), none),
            (redact(9, lobby(), 9), none),
            (redact(9, lobby(), 5), none),
            (redact(9, pair, 1), none),
            (redact_as(redact(9, lobby(), 3), 1, true), none),
            // It is bob's.
            (redact(9, lobby(), 2), not_theirs),
            (redact_as(redact(9, lobby(), 1), 2, false), not_theirs),
        ];
        let (before, all) = (store.load().unwrap(), query(Scope::One(lobby()), Latest, 9));
        let shown = events(store, &all);
        for (write, outcome) in cases {
            assert_eq!(commit(store, std::slice::from_ref(&write)), [outcome], "{write:?}");
        }
        assert_eq!(store.load().unwrap(), before);
        assert_eq!(events(store, &all), shown);
        // The id of what was refused is free.
        let stored = commit(
            store,
            &[
                redact_as(redact(9, lobby(), 1), 1, false),
                redact_as(redact(10, lobby(), 2), 7, true),
                redact(11, lobby(), 4),
            ],
        );
        assert_eq!(stored, [Outcome::Stored; 3]);
        assert_eq!(page(store, lobby(), Latest, 9), [3, 9, 10, 11]);
        // Twice, and of a redaction.
        let again = [redact(12, lobby(), 1), redact_as(redact(12, lobby(), 9), 1, true)];
        assert_eq!(commit(store, &again), [none; 2]);
    });
}

#[test]
fn one_commit_can_store_a_message_and_redact_it() {
    on_both(|store| {
        let writes = [resend(message(1, lobby()), "x"), redact(2, lobby(), 1), say(3, lobby())];
        assert_eq!(commit(store, &writes), [Outcome::Stored; 3]);
        assert_eq!(page(store, lobby(), Latest, 9), [2, 3]);
        // What was taken back does not come again.
        let again = commit(store, &[resend(message(4, lobby()), "x")]);
        assert_eq!(again, [Outcome::Duplicate { id: 1, time: 10 }]);
    });
}

#[test]
fn redacted_messages_are_pending_for_nobody() {
    on_both(|store| {
        let pair = Conversation::direct(1, 2);
        let waiting = |number| keep_for(message(number, pair), 2);
        commit(store, &[waiting(1), waiting(2), waiting(3), keep_for(message(4, lobby()), 2)]);
        commit(store, &[redact(5, pair, 1), redact(6, pair, 2), redact(7, lobby(), 4)]);
        assert_eq!(pending(store, 2, u64::MAX, 1), [3]);
        assert_eq!(pending(store, 2, u64::MAX, 9), [3]);
        commit(store, &[Write::PendingDelivered { account: 2, after: 0, up_to: 3 }]);
        assert_eq!(pending(store, 2, u64::MAX, 9), NONE);
    });
}

#[test]
fn a_page_with_redacted_events_is_filled_up() {
    on_both(|store| {
        // 1 to 20 are messages; of 4 to 17 only 10 is left.
        commit(store, &(1..=20).map(|n| say(n, lobby())).collect::<Vec<_>>());
        let back = (4..=17).filter(|n| *n != 10);
        let writes: Vec<_> = back.zip(21..).map(|(n, at)| redact(at, lobby(), n)).collect();
        commit(store, &writes);
        let cases: &[(Select, usize, &[u64])] = &[
            (Latest, 4, &[10, 18, 19, 20]),
            (Latest, 6, &[2, 3, 10, 18, 19, 20]),
            (Latest, 99, &[1, 2, 3, 10, 18, 19, 20]),
            (LatestAfter(id(5)), 9, &[10, 18, 19, 20]),
            (Before(id(18)), 2, &[3, 10]),
            (Before(time(180)), 3, &[2, 3, 10]),
            (After(id(2)), 3, &[3, 10, 18]),
            (After(id(3)), 1, &[10]),
            (Between(id(3), id(19)), 2, &[10, 18]),
            (Between(id(19), id(2)), 3, &[3, 10, 18]),
            (Between(id(10), id(18)), 3, &[]),
            (Around(id(12)), 4, &[3, 10, 18, 19]),
            (Around(id(12)), 1, &[18]),
        ];
        for &(select, limit, expected) in cases {
            let asked = query(Scope::One(lobby()), select, limit);
            let asked = Query { kinds: Kinds::MESSAGES, ..asked };
            assert_eq!(ids(store, &asked), expected, "{select:?} {limit}");
        }
        assert_eq!(page(store, lobby(), Before(id(22)), 5), [10, 18, 19, 20, 21]);
    });
}

#[test]
fn the_latest_message_is_never_a_redacted_one() {
    on_both(|store| {
        let (bob, cem) = (Conversation::direct(1, 2), Conversation::direct(1, 3));
        commit(store, &[say(1, bob), say(2, cem), say(3, bob), say(4, lobby()), say(5, bob)]);
        commit(store, &[redact(6, bob, 5), redact(7, bob, 3), redact(8, cem, 2)]);
        let targets = store.reader().unwrap().targets(1, &[1], 0, 100, 9).unwrap();
        assert_eq!(targets, [(bob, 10), (lobby(), 40)]);
    });
}

/// Something of every sort, over three rooms in turn.
fn turn(n: u64) -> Write {
    let room = Conversation::room(1 + (n % 3) as u32);
    match n % 5 {
        0 => put(Event { kind: EventKind::Join, ..message(n, room) }),
        1 => tagmsg(n, room),
        _ => say(n, room),
    }
}

#[test]
fn the_index_stays_complete_wherever_something_was_redacted() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let (mut there, mut next) = (BTreeMap::new(), 1);
    let mut amid = 0;
    // What is taken back is in the table, or in a run that is half in it, or in the tail alone.
    for round in 0..8 {
        let said: Vec<Write> = (next..next + 5000).map(turn).collect();
        commit(&mut store, &said);
        there.extend((next..next + 5000).map(|n| (n, n)));
        next += 5000;
        let said = there.values().filter(|n| **n % 5 != 0 && **n % 97 == 0 && **n % 8 == round);
        let back: Vec<u64> = said.copied().collect();
        let writes: Vec<Write> = back
            .iter()
            .zip(next..)
            .map(|(&n, at)| redact(at, Conversation::room(1 + (n % 3) as u32), n))
            .collect();
        assert_eq!(commit(&mut store, &writes), vec![Outcome::Stored; writes.len()]);
        for (n, at) in back.into_iter().zip(next..) {
            there.remove(&n);
            there.insert(at, n / 3 * 15 + n % 3); // in the same room, and never taken back
        }
        next += writes.len() as u64;
        drop(store);
        let (indexed, indexing) = marks(folder.path());
        amid += u64::from(indexed < indexing);
        assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
        store = open(folder.path());
        for room in 0..3 {
            let expected = there.iter().filter(|(_, n)| **n % 3 == room).map(|(id, _)| *id);
            let of = Conversation::room(1 + room as u32);
            assert!(page(&store, of, Latest, usize::MAX).into_iter().eq(expected), "{of:?}");
        }
    }
    assert!(amid > 2 && amid < 8, "{amid}");
}

#[test]
fn a_query_skips_a_bounded_number_of_redacted_events() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let passed = REDACTED_PASSED as u64;
    let last = passed + 1;
    commit(&mut store, &(1..=last).map(|n| say(n, lobby())).collect::<Vec<_>>());
    let back = |n: u64| redact(last + n, lobby(), n + 1);
    commit(&mut store, &(1..passed).map(back).collect::<Vec<_>>());
    let messages =
        |select| Query { kinds: Kinds::MESSAGES, ..query(Scope::One(lobby()), select, 1) };
    let targets =
        |store: &dyn Store| store.reader().unwrap().targets(1, &[1], 0, i64::MAX, 9).unwrap().len();
    assert_eq!(ids(&store, &messages(Before(id(last)))), [1]);
    commit(&mut store, &[back(passed)]);
    // One more, and what lies behind them is not reached from here; it is from nearer by.
    assert_eq!(ids(&store, &messages(Latest)), NONE);
    assert_eq!(targets(&store), 0);
    assert_eq!(ids(&store, &messages(Before(id(last)))), [1]);
    assert_eq!(ids(&store, &messages(After(id(0)))), [1]);
    commit(&mut store, &[say(3 * last, lobby())]);
    assert_eq!(ids(&store, &messages(Latest)), [3 * last]);
    assert_eq!(targets(&store), 1);
}

#[test]
fn redacted_text_is_gone_from_the_files() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    // Among others, alone on overflow pages, and with tags.
    let secret = |n| Event {
        text: format!("my secret is {n} {}", "and so on ".repeat(2000 * (n % 2) as usize)).into(),
        tags: format!("+secret=tag{n}").into(),
        ..message(n, lobby())
    };
    commit(&mut store, &(1..=40).map(|n| say(n, lobby())).collect::<Vec<_>>());
    commit(&mut store, &[put(secret(41)), put(secret(42)), say(43, lobby())]);
    Box::new(store).close().unwrap();
    let found = |what: &str| {
        let files = fs::read_dir(folder.path()).unwrap();
        let mut files = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        files.any(|file| file.windows(what.len()).any(|part| part == what.as_bytes()))
    };
    let secrets = ["secret is 41", "and so on and so on", "tag41", "secret is 42", "tag42"];
    assert!(secrets.into_iter().all(found));
    let mut store = open(folder.path());
    commit(&mut store, &[redact(44, lobby(), 41), redact(45, lobby(), 42)]);
    Box::new(store).close().unwrap();
    for secret in secrets {
        assert!(!found(secret), "{secret}");
    }
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_failed_commit_redacts_nothing() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let pair = Conversation::direct(1, 2);
    commit(&mut store, &[keep_for(message(1, pair), 2), tagmsg(2, pair)]);
    let (before, all) = (store.load().unwrap(), query(Scope::One(pair), Latest, 9));
    let shown = events(&store, &all);
    let mut batch = vec![
        redact(3, pair, 1),
        redact(4, pair, 2),
        Write::ReadMarker { account: 1, conversation: pair, time: 10 },
        Write::Metadata { of: Subject::Account(1), key: "k".into(), value: Some("v".into()) },
    ];
    batch.extend((5..3000).map(|n| say(n, pair)));
    store.limit_pages(Some(1)).unwrap();
    assert!(try_commit(&mut store, &batch).is_err());
    assert_eq!(store.load().unwrap(), before);
    assert_eq!(events(&store, &all), shown);
    assert_eq!(pending(&store, 2, 9, 9), [1]);
    store.limit_pages(None).unwrap();
    assert_eq!(commit(&mut store, &batch), vec![Outcome::Stored; batch.len()]);
    assert_eq!(page(&store, pair, After(id(0)), 3), [3, 4, 5]);
    assert_eq!(pending(&store, 2, 9, 9), NONE);
}

/// Whether a word is in any file of a folder.
fn is_in_files(folder: &std::path::Path, word: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    })
}

#[test]
fn redacted_text_is_in_no_file_after_maintenance() {
    let folder = tempdir().unwrap();
    let word = "xyzzy-secret";
    let mut store = open(folder.path());
    let said = |id| put(Event { text: format!("{word} {id}").into(), ..message(id, lobby()) });
    commit(&mut store, &[said(1), say(2, lobby())]);
    assert!(is_in_files(folder.path(), word));
    commit(&mut store, &[redact(3, lobby(), 1)]);
    // Of a reader it may still be read, so it stays, and nobody waits for that.
    let reader = rusqlite::Connection::open(folder.path().join("parlor.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let begun = std::time::Instant::now();
    store.maintain(0).unwrap();
    assert!(begun.elapsed() < std::time::Duration::from_secs(4), "commits would wait, too");
    reader.execute_batch("COMMIT").unwrap();
    store.maintain(0).unwrap();
    assert!(!is_in_files(folder.path(), word), "it is in a file");
    assert_eq!(page(&store, lobby(), Latest, 9), [2, 3]);

    // So it is with what was taken back before a kill.
    commit(&mut store, &[said(4)]);
    commit(&mut store, &[redact(5, lobby(), 4)]);
    let killed = tempdir().unwrap();
    for file in fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()) {
        fs::copy(file.path(), killed.path().join(file.file_name())).unwrap();
    }
    assert!(is_in_files(killed.path(), word));
    let mut store = open(killed.path());
    store.maintain(0).unwrap();
    assert!(!is_in_files(killed.path(), word), "it is in a file after a kill");
}
