//! What `Store` and `Reader` promise of accounts, rooms and events, held against both implementations.

use std::sync::Arc;

use crate::support::{
    INSTANCE, account, commit, keep_for, lobby, member, message, on_both, page, pending, put,
    query, room, say,
};
use parlor_store::{
    Conversation, Event, EventKind, ListEntry, Member, Outcome, Room, Scope, Select::Latest, Store,
    Subject, Topic, Write,
};

const NONE: [u64; 0] = [];

#[test]
fn a_new_store_is_empty_and_has_its_instance() {
    on_both(|store| {
        let loaded = store.load().unwrap();
        assert_eq!(
            loaded,
            parlor_store::Loaded { instance: INSTANCE.to_owned(), ..Default::default() }
        );
        assert_eq!(page(store, lobby(), Latest, 10), NONE);
        assert_eq!(store.reader().unwrap().event_time(1).unwrap(), None);
        assert_eq!(store.commit(&mut std::iter::empty()).unwrap(), []);
    });
}

#[test]
fn an_event_is_read_back_unchanged() {
    on_both(|store| {
        let mut events = Vec::new();
        let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Redacted);
        for (index, kind) in kinds.enumerate() {
            events.push(Event {
                id: 3 * index as u64 + 1,
                conversation: Conversation::direct(7, u32::MAX),
                kind,
                account: u32::MAX,
                guest: index % 2 == 0,
                bot: index % 3 == 0,
                nick: "Zoë".into(),
                userhost: [None, Some("zo".into()), Some("~zo@host".into())][index % 3].clone(),
                target: "bob".into(),
                time: 1_700_000_000_000 + index as i64,
                text: format!("line \0 {index} \u{1f600}").into(),
                tags: "+draft/reply=k3f9-1;+x".into(),
                about: (index % 4 == 0).then_some(index as u64),
            });
        }
        let writes: Vec<Write> = events.iter().cloned().map(put).collect();
        assert_eq!(commit(store, &writes), vec![Outcome::Stored; writes.len()]);
        let asked = query(Scope::One(events[0].conversation), Latest, 100);
        assert_eq!(store.reader().unwrap().page(&asked).unwrap(), events);
        let found = store.reader().unwrap().event_time(4).unwrap();
        assert_eq!(found, Some((events[1].conversation, events[1].time)));
        assert_eq!(store.reader().unwrap().event_time(5).unwrap(), None);
        assert_eq!(store.reader().unwrap().event_time(u64::MAX).unwrap(), None);
    });
}

#[test]
fn accounts_rooms_and_members_are_replaced_and_removed() {
    on_both(|store| {
        let mut full = full_room();
        commit(
            store,
            &[
                Write::Account(account(2, "bob")),
                Write::Account(account(1, "ann")),
                Write::Room(room(1, "#lobby")),
                Write::Room(full.clone()),
                Write::Member(member(2, 2)),
                Write::Member(member(2, 1)),
                Write::Member(member(1, 1)),
            ],
        );
        let loaded = store.load().unwrap();
        assert_eq!(loaded.accounts, [account(1, "ann"), account(2, "bob")]);
        assert_eq!(loaded.rooms, [room(1, "#lobby"), full.clone()]);
        assert_eq!(loaded.members, [member(1, 1), member(2, 1), member(2, 2)]);

        full.topic = None;
        full.lists.remove(0);
        full.key = None;
        let op = Member { op: true, halfop: true, voice: true, joined: 7, ..member(2, 1) };
        let mut bob = account(2, "bob");
        bob.keys = account(9, "").keys;
        commit(
            store,
            &[
                Write::Room(full.clone()),
                Write::Member(op),
                Write::MemberGone { room: 2, account: 2 },
                Write::Account(bob.clone()),
            ],
        );
        let loaded = store.load().unwrap();
        assert_eq!(loaded.accounts, [account(1, "ann"), bob]);
        assert_eq!(loaded.rooms[1], full);
        assert_eq!(loaded.members, [member(1, 1), op]);
    });
}

#[test]
fn a_probe_is_stored_and_invisible() {
    on_both(|store| {
        commit(store, &[Write::Account(account(1, "ann")), say(1, lobby())]);
        let before = store.load().unwrap();
        assert_eq!(commit(store, &[Write::Probe]), [Outcome::Stored]);
        let together = [Write::Probe, say(2, lobby()), Write::Probe];
        assert_eq!(commit(store, &together), [Outcome::Stored; 3]);
        let found = store.load().unwrap();
        let recent_messages = found.recent_messages.clone();
        let after = parlor_store::Loaded {
            events: 2,
            last_event: 2,
            last_time: 20,
            recent_messages,
            ..before
        };
        assert_eq!(found, after);
        assert_eq!(page(store, lobby(), Latest, 10), [1, 2]);
    });
}

#[test]
fn the_position_in_a_log_is_stored_with_its_effects() {
    on_both(|store| {
        let before = store.load().unwrap();
        assert_eq!((before.applied, before.live), (0, None));
        let live = |sequence, bytes: &[u8]| Write::Live { sequence, bytes: bytes.into() };
        commit(store, &[say(1, lobby()), live(7, b"then"), Write::Applied(7)]);
        commit(store, &[say(2, lobby()), Write::Applied(u64::MAX / 2)]);
        let found = store.load().unwrap();
        assert_eq!((found.applied, found.live), (u64::MAX / 2, Some((7, b"then"[..].into()))));
        commit(store, &[live(9, b"")]);
        assert_eq!(store.load().unwrap().live, Some((9, [].into())));
        commit(store, &[Write::LogLeft]);
        let left = store.load().unwrap();
        assert_eq!((left.applied, left.live), (0, None));
    });
}

fn metadata(of: Subject, key: &str, value: Option<&str>) -> Write {
    Write::Metadata { of, key: key.into(), value: value.map(Into::into) }
}

fn read_to(account: u32, conversation: Conversation, time: i64) -> Write {
    Write::ReadMarker { account, conversation, time }
}

#[test]
fn metadata_is_set_replaced_and_removed_and_comes_in_order() {
    on_both(|store| {
        let (ann, bob, room) = (Subject::Account(1), Subject::Account(u32::MAX), Subject::Room(1));
        let writes = [
            metadata(room, "b", Some("1")),
            metadata(room, "Z", Some("2")),
            metadata(bob, "b", Some("3")),
            metadata(ann, "b", Some("4")),
            metadata(ann, "é", Some("")),
            metadata(ann, "a", None),
        ];
        assert_eq!(commit(store, &writes), [Outcome::Stored; 6]);
        let entry = |of, key: &str, value: &str| (of, key.into(), value.into());
        let mut expected = vec![
            entry(ann, "b", "4"),
            entry(ann, "é", ""),
            entry(bob, "b", "3"),
            entry(room, "Z", "2"),
            entry(room, "b", "1"),
        ];
        assert_eq!(store.load().unwrap().metadata, expected);
        commit(store, &[metadata(ann, "b", Some("5")), metadata(bob, "b", None)]);
        expected[0].2 = "5".into();
        expected.remove(2);
        assert_eq!(store.load().unwrap().metadata, expected);
    });
}

#[test]
fn there_is_one_read_marker_per_account_and_conversation() {
    on_both(|store| {
        let pair = Conversation::direct(u32::MAX, 1);
        let high = Conversation::direct(u32::MAX, u32::MAX);
        commit(
            store,
            &[
                read_to(2, lobby(), 20),
                read_to(1, pair, 30),
                read_to(1, lobby(), 40),
                read_to(u32::MAX, lobby(), 60),
                read_to(u32::MAX, high, 50),
            ],
        );
        // It is replaced, also by an earlier one: whether that may be is the hub's question.
        commit(store, &[read_to(1, pair, 10)]);
        let mut expected = vec![
            (1, lobby(), 40),
            (1, pair, 10),
            (2, lobby(), 20),
            (u32::MAX, lobby(), 60),
            (u32::MAX, high, 50),
        ];
        expected.sort();
        assert_eq!(store.load().unwrap().read_markers, expected);
    });
}

#[test]
fn a_certificate_belongs_to_one_account_or_none() {
    on_both(|store| {
        let of = |first: u8, account| {
            let mut fingerprint = [7; 32];
            fingerprint[0] = first;
            Write::Certificate { fingerprint, account, proved: first < 200 }
        };
        let writes = [of(200, Some(1)), of(3, Some(u32::MAX)), of(100, Some(1)), of(4, None)];
        assert_eq!(commit(store, &writes), [Outcome::Stored; 4]);
        let kept = |store: &mut dyn Store| {
            let all = store.load().unwrap().certificates.into_iter();
            all.map(|(fingerprint, account, proved)| (fingerprint[0], account, proved))
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(store), [(3, u32::MAX, true), (100, 1, true), (200, 1, false)]);
        commit(store, &[of(3, Some(2)), of(100, None)]);
        assert_eq!(kept(store), [(3, 2, true), (200, 1, false)]);
    });
}

fn full_room() -> Room {
    let entry = |mode, mask: &str| ListEntry { mode, mask: mask.into(), by: "ann".into(), time: 9 };
    Room {
        topic: Some(Topic { text: "of the day".into(), by: "ann".into(), time: 7 }),
        modes: "mnt".to_owned(),
        key: Some("secret".into()),
        limit: Some(30),
        lists: vec![entry('b', "z!*@*"), entry('b', "a!*@*"), entry('e', "a!*@*")],
        ..room(2, "#Full")
    }
}

#[test]
fn a_removed_account_leaves_only_its_number_and_other_peoples_messages() {
    on_both(|store| {
        let own = |id: u32| {
            [
                Write::Account(account(id, if id == 1 { "ann" } else { "bob" })),
                Write::Unheard { account: id, day: Some(20_000 + id) },
                Write::Certificate { fingerprint: [id as u8; 32], account: Some(id), proved: true },
                metadata(Subject::Account(id), "url", Some("x")),
                read_to(id, Conversation::direct(1, 2), 10),
                Write::Member(member(7, id)),
                Write::ReadsFrom { room: 7, account: id, since: 3 },
            ]
        };
        let mut seventh = room(7, "#seven");
        seventh.modes = "i".to_owned();
        commit(store, &[Write::Room(seventh), Write::Room(room(2, "#two"))]);
        let only_ann = |store: &mut dyn Store| {
            commit(store, &own(1));
            commit(store, &[metadata(Subject::Room(2), "url", Some("y"))]);
            store.load().unwrap()
        };
        let before = only_ann(store);
        assert_eq!(before.unheard, [(1, 20_001)]);
        commit(store, &own(2));
        commit(store, &[keep_for(message(5, Conversation::direct(1, 2)), 2)]);
        assert_eq!(store.load().unwrap().unheard, [(1, 20_001), (2, 20_002)]);
        assert_eq!(pending(store, 2, 9, 9), [5]);
        commit(store, &[Write::AccountGone(2)]);
        let after = store.load().unwrap();
        let numbers = (after.events, after.last_event, after.last_time, after.last_account);
        assert_eq!(numbers, (1, 5, 50, 2));
        let (events, last_event, last_time, last_account) = numbers;
        let same = parlor_store::Loaded { events, last_event, last_time, last_account, ..before };
        assert_eq!(after, same);
        assert_eq!(page(store, Conversation::direct(1, 2), Latest, 9), [5], "ann said it");
    });
}

#[test]
fn an_account_that_has_sent_something_is_no_longer_silent() {
    on_both(|store| {
        commit(store, &[Write::Account(account(1, "ann"))]);
        for day in [Some(20_000), Some(20_001), None, None] {
            commit(store, &[Write::Unheard { account: 1, day }]);
            let expected: Vec<_> = day.into_iter().map(|day| (1, day)).collect();
            assert_eq!(store.load().unwrap().unheard, expected);
        }
    });
}

#[test]
fn an_ended_room_leaves_only_its_number_and_events() {
    on_both(|store| {
        commit(
            store,
            &[
                Write::Room(full_room()),
                Write::Member(member(2, 1)),
                say(1, Conversation::room(2)),
                metadata(Subject::Room(2), "url", Some("x")),
                metadata(Subject::Account(2), "url", Some("y")),
                read_to(1, Conversation::room(2), 10),
                read_to(1, Conversation::room(3), 10),
                Write::RoomEnded(2),
            ],
        );
        let loaded = store.load().unwrap();
        assert_eq!((loaded.rooms.len(), loaded.members.len(), loaded.last_room), (0, 0, 2));
        assert_eq!(loaded.metadata, [(Subject::Account(2), "url".into(), "y".into())]);
        assert_eq!(loaded.read_markers, [(1, Conversation::room(3), 10)]);
        // A room made later with no list has none of the old one's.
        commit(store, &[Write::Room(room(2, "#again"))]);
        assert_eq!(store.load().unwrap().rooms, [room(2, "#again")]);
    });
}

#[test]
fn the_highest_ids_include_those_of_guests() {
    on_both(|store| {
        commit(store, &[Write::Account(account(4, "ann")), Write::Room(room(3, "#r"))]);
        let guest = Event { account: 9, guest: true, ..message(5, lobby()) };
        commit(store, &[put(guest)]);
        assert_eq!(store.load().unwrap().last_account, 9);
        commit(store, &[say(8, Conversation::direct(12, 3))]);
        let loaded = store.load().unwrap();
        assert_eq!((loaded.last_event, loaded.last_time), (8, 80));
        assert_eq!((loaded.last_account, loaded.last_room), (12, 3));
    });
}

#[test]
fn ids_that_do_not_increase_and_redactions_of_nothing_panic() {
    let panics = |writes: Vec<Write>, new: &dyn Fn() -> Box<dyn Store>| {
        let mut store = new();
        commit(&mut *store, &[say(5, lobby())]);
        let run = std::panic::AssertUnwindSafe(|| commit(&mut *store, &writes));
        std::panic::catch_unwind(run).is_err()
    };
    let folder = tempfile::tempdir().unwrap();
    let kinds: [&dyn Fn() -> Box<dyn Store>; 2] =
        [&|| Box::new(parlor_store::MemoryStore::new(INSTANCE)), &|| {
            Box::new(crate::support::open(
                tempfile::tempdir_in(folder.path()).unwrap().keep().as_path(),
            ))
        }];
    for new in kinds {
        assert!(panics(vec![say(5, lobby())], new));
        assert!(panics(vec![put(Event { kind: EventKind::Redacted, ..message(6, lobby()) })], new));
        let redact = |event: Event| {
            vec![Write::Redact { event: Arc::new(event), anybodys: true, audit: None }]
        };
        assert!(panics(redact(Event { about: Some(5), ..message(6, lobby()) }), new));
        assert!(panics(redact(Event { kind: EventKind::Redact, ..message(6, lobby()) }), new));
        assert!(!panics(vec![put(Event { time: 49, ..message(6, lobby()) })], new));
    }
}
