//! What `Store` and `Reader` promise, held against both implementations.

use std::sync::Arc;

use crate::support::{
    INSTANCE, LOBBY, account, commit, id, ids, keep_for, lobby, member, message, on_both, page,
    pending, put, query, resend, room, say, time,
};
use parlor_store::{
    Conversation, Event, EventKind, Kinds, ListEntry, Member, Outcome, RESEND_MS, Resend, Room,
    Scope,
    Select::{self, After, Around, Before, Between, Latest, LatestAfter},
    Store, Subject, Topic, Write,
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
fn an_event_comes_back_whole() {
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
fn a_probe_is_stored_and_nothing_is_seen_of_it() {
    on_both(|store| {
        commit(store, &[Write::Account(account(1, "ann")), say(1, lobby())]);
        let before = store.load().unwrap();
        assert_eq!(commit(store, &[Write::Probe]), [Outcome::Stored]);
        let together = [Write::Probe, say(2, lobby()), Write::Probe];
        assert_eq!(commit(store, &together), [Outcome::Stored; 3]);
        let found = store.load().unwrap();
        let said = found.said.clone();
        let after =
            parlor_store::Loaded { events: 2, last_event: 2, last_time: 20, said, ..before };
        assert_eq!(found, after);
        assert_eq!(page(store, lobby(), Latest, 10), [1, 2]);
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
fn a_read_marker_is_one_for_each_account_and_conversation() {
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
fn a_certificate_is_of_one_account_or_of_none() {
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
fn an_account_that_is_gone_leaves_nothing_but_its_number_and_what_others_said() {
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
fn who_has_said_something_is_silent_no_longer() {
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
fn an_ended_room_leaves_nothing_but_its_number_and_events() {
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
fn the_highest_numbers_are_known_also_of_guests() {
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
fn each_selection_of_one_conversation() {
    on_both(|store| {
        // The lobby has the odd ids 1 to 19, another room the even ones; the time is ten times the id.
        let writes: Vec<Write> = (1..=20)
            .map(|n| say(n, Conversation::room(if n % 2 == 1 { LOBBY } else { 2 })))
            .collect();
        commit(store, &writes);
        let cases: &[(Select, usize, &[u64])] = &[
            (Latest, 3, &[15, 17, 19]),
            (Latest, 0, &[]),
            (Latest, 10, &[1, 3, 5, 7, 9, 11, 13, 15, 17, 19]),
            (Latest, usize::MAX, &[1, 3, 5, 7, 9, 11, 13, 15, 17, 19]),
            (LatestAfter(id(13)), 10, &[15, 17, 19]),
            (LatestAfter(id(14)), 2, &[17, 19]),
            (LatestAfter(time(150)), 10, &[17, 19]),
            (LatestAfter(time(149)), 10, &[15, 17, 19]),
            (LatestAfter(id(19)), 10, &[]),
            (Before(id(7)), 2, &[3, 5]),
            (Before(id(6)), 2, &[3, 5]),
            (Before(id(1)), 2, &[]),
            (Before(id(u64::MAX)), 1, &[19]),
            (Before(time(70)), 2, &[3, 5]),
            (Before(time(71)), 2, &[5, 7]),
            (Before(time(i64::MIN)), 2, &[]),
            (Before(time(i64::MAX)), 1, &[19]),
            (After(id(7)), 2, &[9, 11]),
            (After(id(8)), 2, &[9, 11]),
            (After(id(0)), 2, &[1, 3]),
            (After(id(19)), 2, &[]),
            (After(id(u64::MAX)), 2, &[]),
            (After(time(70)), 2, &[9, 11]),
            (After(time(69)), 2, &[7, 9]),
            (After(time(i64::MIN)), 1, &[1]),
            (After(time(i64::MAX)), 1, &[]),
            (Between(id(5), id(13)), 10, &[7, 9, 11]),
            (Between(id(5), id(13)), 2, &[7, 9]),
            (Between(id(13), id(5)), 10, &[7, 9, 11]),
            (Between(id(13), id(5)), 2, &[9, 11]),
            (Between(time(50), time(130)), 2, &[7, 9]),
            (Between(time(130), time(50)), 2, &[9, 11]),
            (Between(id(5), time(130)), 2, &[7, 9]),
            (Between(time(130), id(5)), 2, &[9, 11]),
            (Between(id(5), id(5)), 10, &[]),
            (Between(id(5), id(7)), 10, &[]),
            (Between(id(7), id(5)), 10, &[]),
            (Between(time(50), time(50)), 10, &[]),
            (Between(id(0), id(u64::MAX)), 2, &[1, 3]),
            (Between(id(u64::MAX), id(0)), 2, &[17, 19]),
            (Around(id(9)), 1, &[9]),
            (Around(id(9)), 4, &[5, 7, 9, 11]),
            (Around(id(9)), 5, &[5, 7, 9, 11, 13]),
            (Around(id(10)), 4, &[7, 9, 11, 13]),
            (Around(id(1)), 4, &[1, 3]),
            (Around(id(19)), 4, &[15, 17, 19]),
            (Around(id(u64::MAX)), 4, &[17, 19]),
            (Around(time(90)), 4, &[5, 7, 9, 11]),
            (Around(time(91)), 4, &[7, 9, 11, 13]),
            (Around(id(9)), 0, &[]),
        ];
        for &(select, limit, expected) in cases {
            assert_eq!(page(store, lobby(), select, limit), expected, "{select:?} limit {limit}");
        }
    });
}

#[test]
fn a_time_shared_by_events_is_left_out_whole_on_both_sides() {
    on_both(|store| {
        for (number, at) in [(1, 5), (2, 7), (4, 7), (9, 7), (12, 8)] {
            commit(store, &[put(Event { time: at, ..message(number, lobby()) })]);
        }
        assert_eq!(page(store, lobby(), Before(time(7)), 9), [1]);
        assert_eq!(page(store, lobby(), After(time(7)), 9), [12]);
        assert_eq!(page(store, lobby(), Between(time(5), time(8)), 9), [2, 4, 9]);
        assert_eq!(page(store, lobby(), Around(time(7)), 4), [1, 2, 4]);
    });
}

#[test]
fn nothing_above_up_to_is_looked_at() {
    on_both(|store| {
        commit(store, &(1..=9).map(|n| say(n, lobby())).collect::<Vec<_>>());
        let of = Scope::One(lobby());
        let asked = |select| parlor_store::Query { up_to: 6, ..query(of, select, 3) };
        assert_eq!(ids(store, &asked(Latest)), [4, 5, 6]);
        assert_eq!(ids(store, &asked(Before(id(9)))), [4, 5, 6]);
        assert_eq!(ids(store, &asked(Before(time(90)))), [4, 5, 6]);
        assert_eq!(ids(store, &asked(After(id(4)))), [5, 6]);
        assert_eq!(ids(store, &asked(After(time(40)))), [5, 6]);
        assert_eq!(ids(store, &asked(Around(id(6)))), [5, 6]);
        assert_eq!(ids(store, &asked(Between(id(9), id(1)))), [4, 5, 6]);
        assert_eq!(ids(store, &parlor_store::Query { up_to: 0, ..query(of, Latest, 3) }), NONE);
    });
}

#[test]
fn kinds_not_asked_for_are_left_out_and_the_page_is_still_filled() {
    on_both(|store| {
        let kinds = [EventKind::Message, EventKind::Join, EventKind::Notice, EventKind::Tagmsg];
        for n in 1..=12 {
            let kind = kinds[n as usize % 4];
            commit(store, &[put(Event { kind, ..message(n, lobby()) })]);
        }
        let mut asked = query(Scope::One(lobby()), Latest, 4);
        assert_eq!(ids(store, &asked), [9, 10, 11, 12]);
        asked.kinds = Kinds::MESSAGES;
        assert_eq!(ids(store, &asked), [6, 8, 10, 12]);
        asked.select = After(id(4));
        assert_eq!(ids(store, &asked), [6, 8, 10, 12]);
        asked.kinds = [EventKind::Message, EventKind::Join].into_iter().collect();
        assert_eq!(ids(store, &asked), [5, 8, 9, 12]);
        asked.kinds = [EventKind::Tagmsg, EventKind::Redacted].into_iter().collect();
        assert_eq!(ids(store, &asked), [7, 11]);
        asked.kinds = std::iter::empty().collect();
        assert_eq!(ids(store, &asked), NONE);
    });
}

/// However many there are of them: a question does not read past them.
#[test]
fn a_page_is_full_though_thousands_of_another_kind_are_in_its_way() {
    let many = parlor_store::REDACTED_PASSED as u64 + 10;
    on_both(|store| {
        for kind in [EventKind::Tagmsg, EventKind::Rename] {
            let mut writes = vec![];
            let first = 1 + ids(store, &query(Scope::One(lobby()), Latest, 1)).last().unwrap_or(&0);
            writes.push(put(Event { kind: EventKind::Topic, ..message(first, lobby()) }));
            for n in 1..=many {
                writes.push(put(Event { kind, ..message(first + n, lobby()) }));
            }
            commit(store, &writes);
            let all = EventKind::ALL.into_iter().filter(|other| *other != kind);
            let asked = parlor_store::Query {
                kinds: all.collect(),
                ..query(Scope::One(lobby()), Latest, 1)
            };
            assert_eq!(ids(store, &asked), [first]);
        }
    });
}

#[test]
fn everything_is_the_room_and_all_own_direct_conversations() {
    on_both(|store| {
        let direct = Conversation::direct;
        let places = [
            lobby(),
            direct(1, 2),
            direct(3, 1),
            direct(2, 3),
            Conversation::room(2),
            direct(1, 1),
            lobby(),
            direct(1, 2),
        ];
        for (index, place) in places.into_iter().enumerate() {
            commit(store, &[say(index as u64 + 1, place)]);
        }
        let mine = |select, limit| {
            query(Scope::Everything { account: 1, room: Some(LOBBY) }, select, limit)
        };
        assert_eq!(ids(store, &mine(Latest, 9)), [1, 2, 3, 6, 7, 8]);
        assert_eq!(ids(store, &mine(Latest, 2)), [7, 8]);
        assert_eq!(ids(store, &mine(Before(id(7)), 2)), [3, 6]);
        assert_eq!(ids(store, &mine(After(id(1)), 3)), [2, 3, 6]);
        let without = query(Scope::Everything { account: 2, room: None }, Latest, 9);
        assert_eq!(ids(store, &without), [2, 4, 8]);
        let nobody = query(Scope::Everything { account: 5, room: None }, Latest, 9);
        assert_eq!(ids(store, &nobody), NONE);
    });
}

/// Two rooms. The clock is right (10, 20), then a day ahead (1010 to 1030), right again (30, 40), and
/// put back once more (15, 35).
#[test]
fn pages_by_time_leave_nothing_out_where_the_clock_was_put_back() {
    on_both(|store| {
        let other = Conversation::room(2);
        let times = [10, 20, 1010, 1020, 1030, 30, 40, 15, 35];
        let all: Vec<Write> = (1..)
            .zip(times)
            .map(|(id, time)| {
                put(Event { time, ..message(id, if id == 5 { other } else { lobby() }) })
            })
            .collect();
        commit(store, &all);
        let lobby = |select, limit| page(store, lobby(), select, limit);

        // From each event on, forwards and backwards, nothing is lost or doubled.
        for (id, at) in (1..).zip(times).filter(|(id, _)| *id != 5) {
            let older: Vec<u64> = (1..id).filter(|id| *id != 5).collect();
            let newer: Vec<u64> = (id + 1..=9).filter(|id| *id != 5).collect();
            assert_eq!(lobby(Before(time(at)), 9), older, "{at}");
            assert_eq!(lobby(After(time(at)), 9), newer, "{at}");
            assert_eq!(lobby(LatestAfter(time(at)), 9), newer, "{at}");
            let half = lobby(Around(time(at)), 2);
            assert!(half.contains(&id), "{half:?} around {at}");
        }
        // A time that none of them has: older ends at its last place, newer begins at its first.
        assert_eq!(lobby(Before(time(25)), 9), [1, 2, 3, 4, 6, 7, 8]);
        assert_eq!(lobby(After(time(25)), 9), [3, 4, 6, 7, 8, 9]);
        // Another room's event of just this time means nothing here.
        assert_eq!(lobby(After(time(1030)), 9), NONE);
        assert_eq!(lobby(Before(time(1030)), 9), [1, 2, 3, 4, 6, 7, 8, 9]);
        // Between two times it is the higher one that is the later.
        assert_eq!(lobby(Between(time(5), time(2000)), 9), [1, 2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(lobby(Between(time(2000), time(5)), 3), [7, 8, 9]);
        assert_eq!(lobby(Between(time(1020), time(40)), 9), NONE);
        assert_eq!(lobby(Between(time(20), time(40)), 2), [3, 4]);
        assert_eq!(lobby(Between(id(2), time(40)), 9), [3, 4, 6]);
        assert_eq!(lobby(Between(time(40), id(2)), 9), [3, 4, 6]);

        let targets =
            |after, before| store.reader().unwrap().targets(9, &[1, 2], after, before, 9).unwrap();
        let (first, second) = ((other, 1030), (Conversation::room(1), 35));
        assert_eq!(targets(0, 5000), [first, second]);
        assert_eq!(targets(1030, 5000), [second], "one goes on from what one has");
        assert_eq!(targets(0, 35), [first]);
    });
}

#[test]
fn a_resend_within_a_day_is_answered_with_the_first() {
    on_both(|store| {
        let at = |number, time| Event { time, ..message(number, lobby()) };
        let stored = commit(store, &[resend(at(1, 1000), "x"), resend(at(2, 1001), "x")]);
        let first = Outcome::Duplicate { id: 1, time: 1000 };
        assert_eq!(stored, [Outcome::Stored, first]);
        // Another author, another id: not the same message.
        let other = Event { account: 2, ..at(3, 1002) };
        let stored = commit(store, &[resend(other, "x"), resend(at(4, 1003), "y")]);
        assert_eq!(stored, [Outcome::Stored; 2]);
        // In the last millisecond it still counts; then the id is free, and means the new event.
        assert_eq!(commit(store, &[resend(at(5, 999 + RESEND_MS), "x")]), [first]);
        let later = 1000 + RESEND_MS;
        let stored = commit(store, &[resend(at(6, later), "x"), resend(at(7, later), "x")]);
        assert_eq!(stored, [Outcome::Stored, Outcome::Duplicate { id: 6, time: later }]);
        assert_eq!(page(store, lobby(), Latest, 9), [1, 3, 4, 6]);
    });
}

/// The clock shows a day more for a while; neither that nor its way back changes how long an id is
/// remembered.
#[test]
fn a_resend_is_known_whatever_the_wall_clock_shows() {
    on_both(|store| {
        let sent = |number, time, at| Write::Event {
            event: Arc::new(Event { time, ..message(number, lobby()) }),
            resend: Some(Resend { id: "x".into(), at }),
            pending_for: None,
            mentions: [].into(),
        };
        let day = RESEND_MS;
        commit(store, &[sent(1, 1000, 0)]);
        let first = [Outcome::Duplicate { id: 1, time: 1000 }];
        assert_eq!(commit(store, &[sent(2, 1001 + day, 1)]), first);
        assert_eq!(commit(store, &[sent(2, 1001 + 365 * day, 2)]), first);
        store.maintain(3).unwrap();
        assert_eq!(commit(store, &[sent(2, -day, day - 1)]), first);
        assert_eq!(commit(store, &[sent(2, 1002, day)]), [Outcome::Stored]);
        assert_eq!(store.load().unwrap().last_resend, day);
    });
}

#[test]
fn a_duplicate_leaves_nothing_pending() {
    on_both(|store| {
        let talk = Conversation::direct(1, 2);
        let write = |number| Write::Event {
            event: Arc::new(message(number, talk)),
            resend: Some(Resend { id: "x".into(), at: 0 }),
            pending_for: Some(2),
            mentions: [].into(),
        };
        commit(store, &[write(1)]);
        commit(store, &[write(2)]);
        assert_eq!(pending(store, 2, u64::MAX, 9), [1]);
        assert_eq!(page(store, talk, Latest, 9), [1]);
        assert_eq!(store.load().unwrap().last_event, 1);
    });
}

#[test]
fn maintenance_forgets_only_what_is_a_day_old() {
    on_both(|store| {
        let at = |number, time| Event { time, ..message(number, lobby()) };
        commit(store, &[resend(at(1, 10), "old"), resend(at(2, 20), "young")]);
        store.maintain(10 + RESEND_MS).unwrap();
        let stored = commit(store, &[resend(at(3, 30), "old"), resend(at(4, 30), "young")]);
        assert_eq!(stored, [Outcome::Stored, Outcome::Duplicate { id: 2, time: 20 }]);
    });
}

#[test]
fn pending_events_wait_until_delivered() {
    on_both(|store| {
        let (ann, cem) = (Conversation::direct(1, 2), Conversation::direct(2, 3));
        commit(
            store,
            &[
                keep_for(message(1, ann), 2),
                keep_for(message(2, cem), 2),
                say(3, ann),
                keep_for(message(4, ann), 2),
                keep_for(message(5, cem), 3),
            ],
        );
        assert_eq!(pending(store, 2, u64::MAX, 9), [1, 2, 4]);
        assert_eq!(pending(store, 2, u64::MAX, 2), [1, 2]);
        assert_eq!(pending(store, 2, u64::MAX, 0), NONE);
        assert_eq!(pending(store, 2, 3, 9), [1, 2]);
        assert_eq!(pending(store, 1, u64::MAX, 9), NONE);
        commit(store, &[Write::PendingDelivered { account: 2, after: 0, up_to: 2 }]);
        assert_eq!(pending(store, 2, u64::MAX, 9), [4]);
        assert_eq!(pending(store, 3, u64::MAX, 9), [5]);
        assert_eq!(page(store, ann, Latest, 9), [1, 3, 4]);
    });
}

#[test]
fn targets_are_the_conversations_by_their_latest_message() {
    on_both(|store| {
        let (bob, cem, else_where) =
            (Conversation::direct(1, 2), Conversation::direct(1, 3), Conversation::direct(2, 3));
        commit(
            store,
            &[say(1, cem), say(2, bob), say(3, lobby()), say(4, else_where), say(5, cem)],
        );
        let join = Event { kind: EventKind::Join, ..message(6, lobby()) };
        commit(store, &[put(join)]);
        let targets = |rooms: &[u32], after, before, limit| {
            store.reader().unwrap().targets(1, rooms, after, before, limit).unwrap()
        };
        let (bobs, lobbys, cems) = ((bob, 20), (lobby(), 30), (cem, 50));
        assert_eq!(targets(&[LOBBY, 2, LOBBY], 0, 100, 9), [bobs, lobbys, cems]);
        assert_eq!(targets(&[], 0, 100, 9), [bobs, cems]);
        assert_eq!(targets(&[LOBBY], 20, 50, 9), [lobbys]);
        assert_eq!(targets(&[LOBBY], 19, 51, 2), [bobs, lobbys]);
        assert_eq!(targets(&[LOBBY], 50, 20, 9), [lobbys]);
        assert_eq!(targets(&[LOBBY], 51, 19, 2), [lobbys, cems]);
        assert_eq!(targets(&[LOBBY], i64::MIN, i64::MAX, 0), []);
    });
}

/// Who goes on from the last one's time misses none.
#[test]
fn targets_with_the_time_of_the_last_come_along() {
    on_both(|store| {
        let talks = [2, 3, 4, 5].map(|other| Conversation::direct(1, other));
        let times = [10, 20, 20, 30];
        let at = |n: usize| Event { time: times[n], ..message(n as u64 + 1, talks[n]) };
        commit(store, &[0, 1, 2, 3].map(|n| put(at(n))));
        let targets = |first, second, limit| {
            let found = store.reader().unwrap().targets(1, &[], first, second, limit).unwrap();
            found.into_iter().map(|(talk, _)| talk).collect::<Vec<_>>()
        };
        assert_eq!(targets(0, 99, 1), talks[..1]);
        assert_eq!(targets(0, 99, 2), talks[..3]);
        assert_eq!(targets(0, 99, 3), talks[..3]);
        assert_eq!(targets(20, 99, 2), talks[3..]);
        assert_eq!(targets(99, 0, 2), talks[1..]);
        assert_eq!(targets(20, 0, 2), talks[..1]);
    });
}

#[test]
fn a_reader_sees_what_was_committed_after_it_was_made() {
    on_both(|store| {
        let mut reader = store.reader().unwrap();
        commit(store, &[say(1, lobby())]);
        let asked = query(Scope::One(lobby()), Latest, 9);
        assert_eq!(reader.page(&asked).unwrap().len(), 1);
    });
}

#[test]
fn ids_that_do_not_rise_and_redactions_of_nothing_are_bugs() {
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
        let redact = |event: Event| vec![Write::Redact { event: Arc::new(event), anybodys: true }];
        assert!(panics(redact(Event { about: Some(5), ..message(6, lobby()) }), new));
        assert!(panics(redact(Event { kind: EventKind::Redact, ..message(6, lobby()) }), new));
        assert!(!panics(vec![put(Event { time: 49, ..message(6, lobby()) })], new));
    }
}

#[test]
fn a_room_can_be_read_from_behind_an_event_on() {
    use parlor_store::{Kinds, Point, Query, Scope};
    on_both(|store| {
        let room = Conversation::room(7);
        let of = Scope::Since { room: 7, after: 4 };
        commit(store, &(1..=8).map(|id| say(id, room)).collect::<Vec<_>>());
        let mut reader = store.reader().unwrap();
        let mut page = |select, limit| -> Vec<u64> {
            let query = Query { of, select, limit, up_to: 7, kinds: Kinds::MESSAGES };
            reader.page(&query).unwrap().iter().map(|event| event.id).collect()
        };
        assert_eq!(page(Select::Latest, 10), [5, 6, 7]);
        assert_eq!(page(Select::LatestAfter(Point::Id(2)), 2), [6, 7]);
        assert_eq!(page(Select::After(Point::Id(1)), 2), [5, 6]);
        assert_eq!(page(Select::After(Point::Time(15)), 2), [5, 6]);
        assert_eq!(page(Select::Before(Point::Id(6)), 10), [5]);
        assert_eq!(page(Select::Before(Point::Id(3)), 10), [0; 0]);
        assert_eq!(page(Select::Between(Point::Id(1), Point::Id(7)), 1), [5]);
        assert_eq!(page(Select::Between(Point::Id(7), Point::Id(1)), 10), [5, 6]);
        assert_eq!(page(Select::Between(Point::Id(1), Point::Id(3)), 10), [0; 0]);
        assert_eq!(page(Select::Around(Point::Id(2)), 4), [5, 6]);
        let from = |room, account, since| Write::ReadsFrom { room, account, since };
        commit(store, &[from(7, 2, 4), from(7, 0, 3), from(8, 2, 5), from(7, 2, 6), from(7, 3, 1)]);
        let all = store.load().unwrap().reads_from;
        assert_eq!(all, [(7, 0, 3), (7, 2, 6), (7, 3, 1), (8, 2, 5)]);
        commit(store, &[Write::MemberGone { room: 7, account: 2 }, Write::RoomEnded(8)]);
        assert_eq!(store.load().unwrap().reads_from, [(7, 0, 3), (7, 3, 1)]);
    });
}
