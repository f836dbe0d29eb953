//! Reading: pages of conversations, and the list of conversations.

use crate::support::{
    LOBBY, commit, id, ids, lobby, message, on_both, open, page, put, query, say, time,
};
use parlor_store::{
    Conversation, Event, EventKind, Kinds, Scope,
    Select::{self, After, Around, Before, Between, Latest, LatestAfter},
    Store, Write,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const NONE: [u64; 0] = [];

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
fn events_with_the_same_time_are_left_out_together() {
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
fn events_above_up_to_are_ignored() {
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
fn unwanted_kinds_are_left_out_and_the_page_is_still_filled() {
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
fn a_page_is_full_despite_thousands_of_other_kinds() {
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

/// A reader may wait between its steps, for what is said now.
#[test]
fn a_long_page_is_read_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let many: Vec<Write> = (1..=1000).map(|n| say(n, lobby())).collect();
    commit(&mut store, &many);
    let mut reader = store.reader().unwrap();
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = steps.clone();
    reader.set_progress_handler(Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let found = reader.page(&query(Scope::One(lobby()), Latest, 1000)).unwrap();
    assert_eq!(found.len(), 1000);
    let steps = steps.load(Ordering::Relaxed);
    assert!(steps >= 10, "{steps} steps for a thousand events");
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
fn paging_by_time_misses_nothing_where_the_clock_was_set_back() {
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
fn targets_with_the_same_time_as_the_last_are_included() {
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
fn a_room_can_be_read_after_an_event() {
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
