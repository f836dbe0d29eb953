//! What is not kept any longer goes, and all else stays as it was.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parlor_store::{
    Conversation, Event, EventKind, KEEP_DAYS, KEEP_MESSAGES, Keep, MemoryStore, Outcome,
    RESEND_MS, Scope, Select, Store, Subject, Write, check,
};

use crate::found::contents;
use crate::support::{
    INSTANCE, commit, forget, id, keep_for, lobby, message, on_both, open, page, pending, put,
    query, redact, room, say,
};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A message of day `day`.
fn of_day(id: u64, of: Conversation, day: i64) -> Event {
    Event { time: day * DAY, ..message(id, of) }
}

fn says(room: u32, key: &str, value: &str) -> Write {
    Write::Metadata { of: Subject::Room(room), key: key.into(), value: Some(value.into()) }
}

#[test]
fn expired_events_are_removed_with_everything_about_them() {
    on_both(|store| {
        let direct = Conversation::direct(1, 2);
        commit(store, &[Write::Room(room(1, "#lobby"))]);
        for day in 1..=20 {
            let at = day as u64 * 10;
            commit(
                store,
                &[put(of_day(at, lobby(), day)), keep_for(of_day(at + 1, direct, day), 2)],
            );
        }
        let keep = Keep { now: 20 * DAY, days: 0, messages: 0 };
        forget(store, &keep);
        assert_eq!(page(store, lobby(), Select::Latest, 100).len(), 20, "for ever");
        let loaded = store.load().unwrap();
        forget(store, &Keep { days: 5, ..keep });
        assert_eq!(page(store, lobby(), Select::Latest, 100), [150, 160, 170, 180, 190, 200]);
        assert_eq!(pending(store, 2, u64::MAX, 100), [151, 161, 171, 181, 191, 201]);
        // At the edge, and beyond it.
        assert_eq!(page(store, direct, Select::Before(id(161)), 5), [151]);
        assert_eq!(page(store, direct, Select::Before(id(151)), 5), [0; 0]);
        assert_eq!(page(store, direct, Select::After(id(31)), 2), [151, 161]);
        assert_eq!(page(store, direct, Select::Around(id(31)), 4), [151, 161]);
        let mut reader = store.reader().unwrap();
        assert_eq!(reader.event_time(141).unwrap(), None);
        let targets = reader.targets(2, &[1], 0, i64::MAX, 9).unwrap();
        assert_eq!(targets, [(lobby(), 20 * DAY), (direct, 20 * DAY)]);
        let after = store.load().unwrap();
        assert_eq!((loaded.events, after.events), (40, 12));
        assert_eq!((loaded.last_event, loaded.last_time), (after.last_event, after.last_time));
        // What is gone cannot be taken back, and what is there can.
        let outcomes = commit(store, &[redact(300, lobby(), 20), redact(301, lobby(), 160)]);
        assert_ne!(outcomes[0], parlor_store::Outcome::Stored);
        assert_eq!(outcomes[1], parlor_store::Outcome::Stored);
    });
}

#[test]
fn a_room_keeps_its_message_count_but_nothing_younger_than_a_day_is_removed() {
    on_both(|store| {
        commit(store, &[Write::Room(room(1, "#lobby")), Write::Room(room(2, "#b"))]);
        for at in 1..=10 {
            let topic = Event { kind: EventKind::Topic, ..message(at * 4 + 2, lobby()) };
            let b = Conversation::room(2);
            commit(store, &[say(at * 4, lobby()), say(at * 4 + 1, b), put(topic)]);
        }
        commit(store, &[redact(50, lobby(), 40), says(2, KEEP_MESSAGES, "2")]);
        let keep = Keep { now: 500 + RESEND_MS - 1, days: 0, messages: 4 };
        forget(store, &Keep { now: 10 + RESEND_MS, ..keep });
        assert_eq!(page(store, lobby(), Select::Latest, 100).len(), 20);
        forget(store, &keep);
        // What was taken back counts.
        assert_eq!(page(store, lobby(), Select::Latest, 100), [28, 30, 32, 34, 36, 38, 42, 50]);
        assert_eq!(page(store, Conversation::room(2), Select::Latest, 100), [37, 41]);
        forget(store, &keep);
        assert_eq!(page(store, lobby(), Select::Latest, 100).len(), 8);
        commit(store, &[says(1, KEEP_DAYS, "1")]);
        forget(store, &Keep { now: 3 * DAY, ..keep });
        assert_eq!(page(store, lobby(), Select::Latest, 100), [50], "the newest of all stays");
    });
}

#[test]
fn an_ended_rooms_events_are_removed_after_thirty_days() {
    on_both(|store| {
        let ended = Conversation::room(7);
        commit(store, &[Write::Room(room(1, "#lobby")), Write::Room(room(7, "#short"))]);
        commit(
            store,
            &[put(of_day(1, ended, 1)), put(of_day(2, ended, 9)), put(of_day(3, lobby(), 9))],
        );
        let keep = Keep { now: 100 * DAY, ..Keep::default() };
        forget(store, &keep);
        assert_eq!(page(store, ended, Select::Latest, 9), [1, 2], "it is there");
        commit(store, &[Write::RoomEnded(7)]);
        forget(store, &Keep { now: 39 * DAY, ..keep });
        assert_eq!(page(store, ended, Select::Latest, 9), [1, 2]);
        forget(store, &Keep { now: 39 * DAY + 1, ..keep });
        assert_eq!(page(store, ended, Select::Latest, 9), [0; 0]);
        assert_eq!(page(store, lobby(), Select::Latest, 9), [3]);
    });
}

#[test]
fn the_file_shrinks_in_small_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[Write::Room(room(1, "#lobby"))]);
    let text = "x".repeat(400);
    let big = |id| put(Event { text: text.clone().into(), ..message(id, lobby()) });
    for first in (1..=40_000).step_by(1000) {
        commit(&mut store, &(first..first + 1000).map(big).collect::<Vec<_>>());
    }
    let database = folder.path().join("parlor.db");
    let bytes = || database.metadata().unwrap().len();
    Box::new(store).close().unwrap();
    let before = bytes();
    let mut store = open(folder.path());
    let keep = Keep { now: 3 * DAY, days: 0, messages: 100 };
    let mut steps = 0;
    while store.forget(&keep).unwrap() {
        steps += 1;
    }
    assert!(steps > 150, "{steps} steps are too large ones");
    assert_eq!(page(&store, lobby(), Select::Latest, 1000).len(), 100);
    Box::new(store).close().unwrap();
    assert!(bytes() < before / 20, "{before} -> {}", bytes());
    assert_eq!(check(folder.path()).unwrap(), [""; 0]);
}

#[test]
fn stricter_settings_in_mid_round_apply_to_all_conversations() {
    on_both(|store| {
        let rooms: Vec<Write> = (1..=80).map(|n| Write::Room(room(n, &format!("#r{n}")))).collect();
        commit(store, &rooms);
        let said = |n: u64| say(n, Conversation::room(1 + n as u32 % 80));
        commit(store, &(1..=800).map(said).collect::<Vec<_>>());
        let keep = Keep { now: DAY * 2, days: 0, messages: 5 };
        for _ in 0..60 {
            store.forget(&keep).unwrap();
        }
        forget(store, &Keep { messages: 3, ..keep });
        for n in 1..=80 {
            assert_eq!(page(store, Conversation::room(n), Select::Latest, 100).len(), 3);
        }
    });
}

/// Nobody who reads meanwhile is shown damage, or a gap.
#[test]
fn readers_see_an_unbroken_history_during_removal() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    commit(&mut store, &[Write::Room(room(1, "#lobby"))]);
    let done = AtomicBool::new(false);
    let mut reader = store.reader().unwrap();
    let read = || {
        let everything = query(Scope::One(lobby()), Select::Latest, 400);
        let mut pages = 0;
        while !done.load(Ordering::Relaxed) || pages == 0 {
            let events = reader.page(&everything).unwrap();
            let ids: Vec<u64> = events.iter().map(|event| event.id).collect();
            assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
            assert!(events.iter().all(|event| event.kind == EventKind::Message), "{ids:?}");
            pages += 1;
        }
    };
    thread::scope(|scope| {
        let reading = scope.spawn(read);
        for round in 0..60_u64 {
            let said: Vec<Write> = (1..=100).map(|n| say(round * 100 + n, lobby())).collect();
            commit(&mut store, &said);
            let now = (round as i64 * 100) * 10 + RESEND_MS;
            let keep = Keep { now, days: 0, messages: 50 };
            while store.forget(&keep).unwrap() {}
        }
        done.store(true, Ordering::Relaxed);
        reading.join().unwrap();
    });
    drop(reader);
    assert_eq!(store.damage().total(), 0);
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), [""; 0]);
}

/// Whatever step it was stopped at, a start goes on with something whole.
#[test]
fn removal_can_be_interrupted_at_any_step() {
    for stop in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let rooms: Vec<Write> = (1..=80).map(|n| Write::Room(room(n, &format!("#r{n}")))).collect();
        commit(&mut store, &rooms);
        let said = |n: u64| say(n, Conversation::room(1 + n as u32 % 80));
        commit(&mut store, &(1..=2000).map(said).collect::<Vec<_>>());
        let keep = Keep { now: DAY * 2, days: 0, messages: 5 };
        for _ in 0..stop {
            store.forget(&keep).unwrap();
        }
        commit(&mut store, &[said(2001)]);
        drop(store); // As a kill would leave it.
        let mut store = open(folder.path());
        forget(&mut store, &keep);
        assert_eq!(store.damage().total(), 0, "stopped at {stop}");
        for n in 1..=80 {
            let of = Conversation::room(n);
            let kept = page(&store, of, Select::Latest, 100);
            assert_eq!(kept.len(), 5, "{of:?} stopped at {stop}");
        }
        Box::new(store).close().unwrap();
        assert_eq!(check(folder.path()).unwrap(), [""; 0], "stopped at {stop}");
    }
}

/// Rooms keep different things, so that pages lose some of their rows, and SQLite puts together what is
/// left.
#[test]
fn removed_events_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let word = |id: u64| format!("w{:016x}q", id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let rooms = (1..=4).map(|number| Write::Room(room(number, &format!("#r{number}"))));
    commit(&mut store, &rooms.collect::<Vec<_>>());
    let keeps = [(1, "100"), (2, "700"), (3, "2000")].map(|(of, n)| says(of, KEEP_MESSAGES, n));
    commit(&mut store, &keeps);
    let mut id = 0;
    for _ in 0..6 {
        let mut writes = Vec::new();
        for _ in 0..1500 {
            id += 1;
            let of = Conversation::room(1 + (id * 7 % 11 % 4) as u32);
            let text = word(id).repeat(1 + (id % 60) as usize);
            writes.push(put(Event { text: text.into(), ..message(id, of) }));
        }
        commit(&mut store, &writes);
        forget(&mut store, &Keep { now: 10 * DAY, days: 0, messages: 0 });
        store.maintain(0).unwrap();
        let rooms = (1..=4).map(Conversation::room);
        let kept: BTreeSet<u64> =
            rooms.flat_map(|of| page(&store, of, Select::Latest, 10_000)).collect();
        let text = contents(folder.path());
        let gone: Vec<u64> = (1..=id).filter(|id| !kept.contains(id)).collect();
        assert!(gone.len() > 300);
        let left: Vec<_> = gone.iter().filter(|id| text.contains(&word(**id))).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Stores with the same writes remove the same with each `Write::Forget`, however much of them was
/// indexed, and whether they were closed in between. In the end, that is what `forget` removes.
#[test]
fn forgetting_as_a_write_removes_the_same_everywhere() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut stores = [open(folders[0].path()), open(folders[1].path())];
    let mut memory = MemoryStore::new(INSTANCE);
    let rooms: Vec<Write> = (1..=80).map(|n| Write::Room(room(n, &format!("#r{n}")))).collect();
    let said = |n: u64| say(n, Conversation::room(1 + (n * n) as u32 % 80));
    let all: Vec<Write> = rooms.into_iter().chain((1..=20_000).map(said)).collect();
    for part in all.chunks(700) {
        commit(&mut stores[0], part);
        commit(&mut memory, part);
    }
    // All at once, so that less of it is indexed.
    commit(&mut stores[1], &all);
    let keep = Keep { now: DAY * 2, days: 0, messages: 20 };
    let pages = |store: &dyn Store| -> Vec<Vec<u64>> {
        let page = |n| page(store, Conversation::room(n), Select::Latest, 30_000);
        (1..=80).map(page).collect()
    };
    let mut id = 20_000;
    for step in 1.. {
        id += 1;
        let writes = [said(id), Write::Forget(keep), said(id + 1)];
        id += 1;
        let outcomes = stores.each_mut().map(|store| commit(store, &writes));
        assert_eq!(outcomes[0], outcomes[1], "step {step}");
        assert!(pages(&stores[0]) == pages(&stores[1]), "step {step}");
        commit(&mut memory, &writes);
        let [first, second] = stores;
        drop(first); // As a kill would leave it.
        stores = [open(folders[0].path()), second];
        if outcomes[0][1] == Outcome::Stored {
            assert!(step > 5, "it is done after {step} steps");
            break;
        }
        assert_eq!(outcomes[0], [Outcome::Stored, Outcome::More, Outcome::Stored]);
    }
    // What was said since some rooms had their turn may be one message more than they keep.
    commit(&mut memory, &[Write::Forget(keep)]);
    let mut last = Outcome::More;
    while last == Outcome::More {
        last = commit(&mut stores[0], &[Write::Forget(keep)])[0];
    }
    assert_eq!(pages(&stores[0]), pages(&memory));
}
