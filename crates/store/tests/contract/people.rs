//! What people and those who look after them need: records, the audit log, what is unread, what is
//! exported, and accounts that are deleted.

use std::sync::Arc;

use parlor_store::{
    AUDIT_DAYS, AUDIT_KEPT, Audit, Conversation, DELETED_USER, EVERYBODY, Event, EventKind,
    Fingerprint, Keep, Outcome, RECENT_MESSAGES, Record, RecordKind, Scope, Select::Latest, Store,
    Subject, UNREAD_MOST, Unread, Unreads, Write, check,
};
use rusqlite::Connection;
use tempfile::tempdir;

use crate::support::{
    account, commit, events, forget, keep_for, lobby, member, message, on_both, open, page,
    pending, put, query, redact, resend, room, say,
};

const DAY: i64 = 24 * 60 * 60 * 1000;
const CERTIFICATE: Fingerprint = [7; 32];

fn record(kind: RecordKind, owner: u32, key: &str, value: Option<&str>) -> Write {
    Write::Record { kind, owner, key: key.into(), value: value.map(Into::into) }
}

fn records(store: &mut dyn Store) -> Vec<(RecordKind, u32, String, String)> {
    let all = store.load().unwrap().records;
    let parts =
        |Record { kind, owner, key, value }| (kind, owner, key.to_string(), value.to_string());
    all.into_iter().map(parts).collect()
}

/// A message of somebody that mentions others.
fn mention(id: u64, of: Conversation, author: u32, mentions: &[u32]) -> Write {
    let event = Arc::new(Event { account: author, ..message(id, of) });
    Write::Event { event, resend: None, pending_for: None, mentions: mentions.into() }
}

fn by(id: u64, of: Conversation, author: u32) -> Write {
    mention(id, of, author, &[])
}

fn read_up_to(account: u32, conversation: Conversation, time: i64) -> Write {
    Write::ReadMarker { account, conversation, time }
}

/// What account 1 has not read in rooms 1 to 3 and its direct conversations.
fn unread(store: &dyn Store) -> Vec<Unread> {
    let rooms = vec![(1, 0), (2, 0), (3, 0)];
    ask(store, &Unreads { account: 1, rooms, ..Unreads::default() })
}

fn ask(store: &dyn Store, of: &Unreads) -> Vec<Unread> {
    store.reader().unwrap().unread(of).unwrap()
}

fn of(conversation: Conversation, messages: usize, mentions: usize, first: u64) -> Unread {
    Unread { conversation, messages, more: false, mentions, first }
}

#[test]
fn a_record_is_set_replaced_and_removed() {
    on_both(|store| {
        let pin = |value| record(RecordKind::Pin, 1, "k3f9-1", value);
        let invitation = record(RecordKind::Invitation, 0, "code", Some("{}"));
        commit(store, &[Write::Room(room(1, "#lobby")), pin(Some("1")), invitation]);
        commit(store, &[pin(Some("2")), record(RecordKind::Pin, 2, "k3f9-1", Some("3"))]);
        let all = [
            (RecordKind::Pin, 1, "k3f9-1".into(), "2".into()),
            (RecordKind::Pin, 2, "k3f9-1".into(), "3".into()),
            (RecordKind::Invitation, 0, "code".into(), "{}".into()),
        ];
        assert_eq!(records(store), all);
        commit(store, &[pin(None), pin(None)]);
        assert_eq!(records(store), all[1..]);
    });
}

#[test]
fn records_are_removed_with_their_owner_and_no_others() {
    on_both(|store| {
        let mut writes = vec![Write::Account(account(1, "ann")), Write::Room(room(1, "#lobby"))];
        for kind in RecordKind::ALL {
            let server = kind.owner() == parlor_store::RecordOwner::Server;
            for owner in if server { 0..=0 } else { 1..=2 } {
                writes.push(record(kind, owner, "key", Some("value")));
            }
        }
        commit(store, &writes);
        commit(store, &[Write::RoomEnded(1)]);
        let owners = |store: &mut dyn Store, wanted| {
            let all = records(store).into_iter().filter(|all| all.0.owner() == wanted);
            all.map(|all| all.1).collect::<std::collections::BTreeSet<_>>()
        };
        use parlor_store::RecordOwner::{Account, Room, Server};
        assert_eq!(owners(store, Room), [2].into());
        assert_eq!(owners(store, Account), [1, 2].into());
        commit(store, &[Write::AccountGone(1)]);
        assert_eq!(owners(store, Account), [2].into());
        commit(store, &[Write::DeleteAccount { id: 2, messages: false }]);
        assert_eq!((owners(store, Account), owners(store, Server)), ([].into(), [0].into()));
    });
}

#[test]
#[should_panic(expected = "within its bound")]
fn a_record_that_is_too_large_is_a_bug() {
    let folder = tempdir().unwrap();
    let value = "x".repeat(parlor_store::RECORD_VALUE_BYTES + 1);
    commit(&mut open(folder.path()), &[record(RecordKind::Report, 0, "1", Some(&value))]);
}

fn entry(time: i64, verb: &str) -> Audit {
    let (by, target) = ("ann".into(), "zed".into());
    Audit { time, by, verb: verb.into(), target, reason: "spam".into() }
}

#[test]
fn the_audit_log_is_read_backwards_page_by_page() {
    on_both(|store| {
        let verbs = ["ban", "kick", "suspend", "resume", "delete"];
        let entries: Vec<Write> = verbs.iter().map(|verb| Write::Audit(entry(5, verb))).collect();
        commit(store, &entries[..3]);
        commit(store, &entries[3..]);
        let mut reader = store.reader().unwrap();
        let newest = reader.audit(u64::MAX, 2).unwrap();
        assert_eq!(newest, [(4, entry(5, "resume")), (5, entry(5, "delete"))]);
        let older = reader.audit(4, 9).unwrap();
        assert_eq!(older.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(reader.audit(1, 9).unwrap(), []);
    });
}

#[test]
fn the_oldest_entries_of_a_long_audit_log_are_removed_and_no_recent_ones() {
    let folder = tempdir().unwrap();
    let disk: &mut dyn Store = &mut open(folder.path());
    let memory: &mut dyn Store = &mut parlor_store::MemoryStore::new("k3f9");
    for store in [disk, memory] {
        let old: Vec<Write> = (0..600).map(|_| Write::Audit(entry(0, "ban"))).collect();
        let young = Write::Audit(entry(50 * DAY, "ban"));
        commit(store, &old);
        commit(store, &vec![young; AUDIT_KEPT as usize - 100]);
        let first = |store: &dyn Store| {
            let mut reader = store.reader().unwrap();
            reader.audit(1000, 1000).unwrap().first().map(|(id, _)| *id)
        };
        let keep = |now| Keep { now, days: 0, messages: 0 };
        forget(store, &keep(AUDIT_DAYS * DAY));
        assert_eq!(first(store), Some(1), "not old yet");
        forget(store, &keep(AUDIT_DAYS * DAY + 1));
        assert_eq!(first(store), Some(501), "what is old, but for the newest hundred thousand");
        forget(store, &keep((50 + AUDIT_DAYS) * DAY));
        assert_eq!(first(store), Some(501));
    }
}

#[test]
fn unread_counts_other_peoples_messages_after_the_marker() {
    on_both(|store| {
        let (two, pair) = (Conversation::room(2), Conversation::direct(1, 5));
        let join = Event { kind: EventKind::Join, account: 2, ..message(3, lobby()) };
        let tag = Event { kind: EventKind::Tagmsg, account: 2, ..message(4, lobby()) };
        let notice = Event { kind: EventKind::Notice, account: 2, ..message(5, lobby()) };
        let writes = [
            by(1, lobby(), 2),
            by(2, lobby(), 1),
            put(join),
            put(tag),
            put(notice),
            by(6, pair, 5),
        ];
        commit(store, &writes);
        commit(store, &[by(7, two, 2), by(8, Conversation::direct(2, 3), 2), by(9, pair, 1)]);
        let all = [of(lobby(), 2, 0, 1), of(two, 1, 0, 7), of(pair, 1, 0, 6)];
        assert_eq!(unread(store), all);
        commit(store, &[read_up_to(1, lobby(), 10), read_up_to(1, two, 70)]);
        assert_eq!(unread(store), [of(lobby(), 1, 0, 5), all[2]]);
        // Between two events, and before all; another's marker is another's.
        commit(
            store,
            &[read_up_to(1, lobby(), 55), read_up_to(1, two, 3), read_up_to(2, pair, 99)],
        );
        assert_eq!(unread(store), all[1..]);
        commit(store, &[by(10, lobby(), 4)]);
        assert_eq!(unread(store)[0], of(lobby(), 1, 0, 10));
    });
}

#[test]
fn unreadable_ignored_and_older_messages_do_not_count() {
    on_both(|store| {
        let pair = Conversation::direct(1, 2);
        let said = [by(1, lobby(), 2), by(2, lobby(), 3), by(3, lobby(), 2), by(4, pair, 2)];
        commit(store, &said);
        let unreads = |rooms: &[(u32, u64)], ignored: &[u32], unmarked| Unreads {
            account: 1,
            only: None,
            ignored: ignored.into(),
            rooms: rooms.into(),
            unmarked,
        };
        assert_eq!(ask(store, &unreads(&[(1, 1)], &[], 0))[0], of(lobby(), 2, 0, 2));
        assert_eq!(ask(store, &unreads(&[], &[], 0)), [of(pair, 1, 0, 4)]);
        // Somebody ignored is heard in rooms.
        assert_eq!(ask(store, &unreads(&[(1, 0)], &[2], 0)), [of(lobby(), 3, 0, 1)]);
        let since = ask(store, &unreads(&[(1, 0)], &[], 2));
        assert_eq!(since, [of(lobby(), 1, 0, 3), of(pair, 1, 0, 4)]);
        // One conversation alone, however many there are.
        for only in [lobby(), pair, Conversation::direct(1, 3), Conversation::room(9)] {
            let all = unreads(&[(1, 0)], &[], 0);
            let found = ask(store, &Unreads { only: Some(only), ..all.clone() });
            let mut expected = ask(store, &all);
            expected.retain(|one| one.conversation == only);
            assert_eq!(found, expected);
        }
        let ignored = Unreads { only: Some(pair), ..unreads(&[(1, 0)], &[2], 0) };
        assert_eq!(ask(store, &ignored), []);
        // A marker counts, and not what is said of places without one.
        commit(store, &[read_up_to(1, lobby(), 10)]);
        assert_eq!(ask(store, &unreads(&[(1, 0)], &[], 3))[0], of(lobby(), 2, 0, 2));
    });
}

#[test]
fn mentions_are_counted_among_what_is_unread() {
    on_both(|store| {
        commit(
            store,
            &[
                mention(1, lobby(), 2, &[1]),
                mention(2, lobby(), 2, &[3, 1]),
                mention(3, lobby(), 2, &[EVERYBODY, 1]),
                mention(4, lobby(), 1, &[EVERYBODY]),
                mention(5, lobby(), 2, &[3]),
                mention(6, Conversation::room(2), 2, &[1]),
            ],
        );
        let two = of(Conversation::room(2), 1, 1, 6);
        assert_eq!(unread(store), [of(lobby(), 4, 3, 1), two]);
        commit(store, &[read_up_to(1, lobby(), 10)]);
        assert_eq!(unread(store), [of(lobby(), 3, 2, 2), two]);
    });
}

#[test]
fn a_resent_message_mentions_nobody_twice() {
    on_both(|store| {
        let send = |id| match resend(Event { account: 2, ..message(id, lobby()) }, "x") {
            Write::Event { event, resend, pending_for, .. } => {
                Write::Event { event, resend, pending_for, mentions: [1].into() }
            }
            other => other,
        };
        assert_eq!(commit(store, &[send(1)]), [Outcome::Stored]);
        assert!(matches!(commit(store, &[send(2)])[..], [Outcome::Duplicate { id: 1, .. }]));
        assert_eq!(unread(store), [of(lobby(), 1, 1, 1)]);
    });
}

#[test]
fn redacted_and_expired_messages_do_not_count() {
    on_both(|store| {
        let said: Vec<Write> = (1..=6).map(|id| mention(id, lobby(), 2, &[1])).collect();
        commit(store, &said);
        let back = |id, about| match redact(id, lobby(), about) {
            Write::Redact { event, .. } => Write::Redact { event, anybodys: true, audit: None },
            other => other,
        };
        commit(store, &[back(7, 1), back(8, 4)]);
        assert_eq!(unread(store), [of(lobby(), 4, 4, 2)]);
        let keep = Keep { now: 3 * DAY, days: 0, messages: 3 };
        commit(store, &[Write::Room(room(1, "#lobby")), say(9, Conversation::room(2))]);
        forget(store, &keep);
        assert_eq!(unread(store), [of(lobby(), 2, 2, 5)]);
    });
}

/// Enough for two runs to be in the index, some of it in the tail.
#[test]
fn indexed_and_unindexed_messages_count_alike() {
    let folder = tempdir().unwrap();
    let disk: &mut dyn Store = &mut open(folder.path());
    let memory: &mut dyn Store = &mut parlor_store::MemoryStore::new("k3f9");
    for store in [&mut *disk, &mut *memory] {
        for first in (1..=36_000_u64).step_by(500) {
            let said = |id: u64| match id % 100 {
                0 => mention(id, Conversation::room(2), 300, &[1]),
                1 => by(id, Conversation::room(2), 1),
                2 => by(id, Conversation::direct(1, 7), 7),
                _ => by(id, Conversation::room(1 + (id % 2 * 2) as u32), 2 + (id % 200) as u32),
            };
            commit(store, &(first..first + 500).map(said).collect::<Vec<_>>());
        }
    }
    fn check_alike(stores: &mut [&mut dyn Store; 2]) {
        for time in [0, 100_000, 163_840, 250_000, 327_690, 327_700, 359_000, 359_990, 360_000] {
            for store in &mut *stores {
                let marker = |room| read_up_to(1, Conversation::room(room), time);
                let direct = read_up_to(1, Conversation::direct(1, 7), time);
                commit(&mut **store, &[marker(1), marker(2), marker(3), direct]);
            }
            let [disk, memory] = [0, 1].map(|at: usize| unread(&*stores[at]));
            assert_eq!(disk, memory, "{time}");
            assert!(
                time > 0
                    || disk[0].messages == UNREAD_MOST && disk[0].more && disk[1].messages == 360
            );
        }
    }
    check_alike(&mut [&mut *disk, &mut *memory]);
    let gone = Write::DeleteAccount { id: 300, messages: true };
    for store in [&mut *disk, &mut *memory] {
        commit(store, std::slice::from_ref(&gone));
    }
    let rooms =
        |store: &dyn Store| unread(store).iter().map(|one| one.conversation).collect::<Vec<_>>();
    commit(disk, &[read_up_to(1, Conversation::room(2), 0)]);
    commit(memory, &[read_up_to(1, Conversation::room(2), 0)]);
    assert!(!rooms(disk).contains(&Conversation::room(2)));
    assert_eq!(unread(disk), unread(memory));
    forget(disk, &Keep::default());
    assert_eq!(unread(disk), unread(memory));
}

/// As version 10 left it, and as a damaged disk does.
#[test]
fn a_marker_without_an_event_is_found_by_time_and_damage_is_reported() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let said: Vec<Write> = (1..=100).map(|id| mention(id, lobby(), 2, &[1])).collect();
    commit(&mut store, &said);
    commit(&mut store, &[read_up_to(1, lobby(), 405)]);
    let harm = |sql: &str| {
        let database = Connection::open(folder.path().join("parlor.db")).unwrap();
        assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
    };
    let before = unread(&store);
    assert_eq!(before, [of(lobby(), 60, 60, 41)]);
    harm("UPDATE mentions SET author = 3 WHERE event = 77");
    assert_eq!(unread(&store), [of(lobby(), 60, 59, 41)]);
    assert_eq!(store.damage().total(), 1);
    harm("UPDATE read_markers SET event = 99");
    assert_eq!(unread(&store)[0].messages, 100);
    assert_eq!(store.damage().total(), 2);
}

#[test]
fn a_deleted_account_is_masked_from_the_commit_on() {
    on_both(|store| {
        let pair = Conversation::direct(1, 2);
        let to_ann =
            Event { target: "ann".into(), account: 2, nick: "bob".into(), ..message(2, pair) };
        let to_bob =
            Event { target: "bob".into(), userhost: Some("~a@host".into()), ..message(1, pair) };
        let (of_ann, url) = (Subject::Account(1), "url".into());
        commit(
            store,
            &[
                Write::Account(account(1, "ann")),
                Write::Account(account(2, "bob")),
                Write::Room(room(1, "#lobby")),
                Write::Member(member(1, 1)),
                Write::Certificate { fingerprint: CERTIFICATE, account: Some(1), proved: true },
                Write::Metadata { of: of_ann, key: url, value: Some("x".into()) },
                read_up_to(1, lobby(), 5),
                keep_for(to_bob, 2),
                keep_for(to_ann, 1),
                say(3, lobby()),
                by(4, lobby(), 2),
            ],
        );
        let reserved = record(RecordKind::ReservedName, 0, "ann", Some("{}"));
        commit(store, &[Write::DeleteAccount { id: 1, messages: false }, reserved]);
        for _ in 0..2 {
            let loaded = store.load().unwrap();
            assert_eq!(loaded.accounts.len(), 1);
            assert_eq!((loaded.members, loaded.certificates), (vec![], vec![]));
            assert_eq!((loaded.metadata, loaded.read_markers), (vec![], vec![]));
            assert_eq!((loaded.records.len(), loaded.pending), (1, vec![(2, 1, 1)]));
            let all = events(store, &query(Scope::One(pair), Latest, 9));
            let names = |event: &Event| (event.nick.to_string(), event.target.to_string());
            assert_eq!(names(&all[0]), (DELETED_USER.into(), "bob".into()));
            assert_eq!((&*all[0].text, &all[0].userhost), ("text 1", &None));
            assert_eq!(names(&all[1]), ("bob".into(), DELETED_USER.into()));
            assert_eq!(&*store.reader().unwrap().pending(2, 9, 9).unwrap()[0].nick, DELETED_USER);
            let said = events(store, &query(Scope::One(lobby()), Latest, 9));
            assert_eq!((&*said[0].nick, &*said[0].text), (DELETED_USER, "text 3"));
            assert_eq!(&*said[1].nick, "ann", "as another account's event says");
            // And the same when the rows have followed.
            forget(store, &Keep::default());
        }
    });
}

#[test]
fn deleting_an_account_can_redact_its_messages() {
    on_both(|store| {
        let pair = Conversation::direct(1, 2);
        let tag = Event { kind: EventKind::Tagmsg, tags: "+x".into(), ..message(3, lobby()) };
        let join = Event { kind: EventKind::Join, ..message(4, lobby()) };
        let said = mention(1, lobby(), 1, &[2]);
        commit(
            store,
            &[said, keep_for(message(2, pair), 2), put(tag), put(join), by(5, lobby(), 2)],
        );
        commit(store, &[Write::DeleteAccount { id: 1, messages: true }]);
        for _ in 0..2 {
            assert_eq!(page(store, lobby(), Latest, 9), [4, 5]);
            assert_eq!(page(store, pair, Latest, 9), [0; 0]);
            assert_eq!(pending(store, 2, 9, 9), [0; 0]);
            assert_eq!(store.load().unwrap().pending, []);
            let of = Unreads { account: 2, rooms: vec![(1, 0)], ..Unreads::default() };
            assert_eq!(ask(store, &of), []);
            // It is not there to be taken back once more.
            let again = Event { kind: EventKind::Redact, about: Some(1), ..message(9, lobby()) };
            let again = Write::Redact { event: again.into(), anybodys: true, audit: None };
            assert!(matches!(commit(store, &[again])[..], [Outcome::Refused(_)]));
            forget(store, &Keep::default());
        }
    });
}

/// A kill between any two steps: what is shown is the same, and in the end nothing of it is in the file.
#[test]
fn an_interrupted_deletion_continues_and_leaves_no_trace() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let secret = |id| {
        let (nick, text) = ("annabel-lee".into(), format!("sepulchre {id}").into());
        put(Event {
            nick,
            text,
            ..message(id, if id % 2 == 0 { lobby() } else { Conversation::direct(1, 2) })
        })
    };
    for first in (1..=20_000).step_by(1000) {
        commit(&mut store, &(first..first + 1000).map(secret).collect::<Vec<_>>());
    }
    commit(&mut store, &[by(20_001, lobby(), 2)]);
    commit(&mut store, &[Write::DeleteAccount { id: 1, messages: true }]);
    let mut steps = 0;
    while store.forget(&Keep::default()).unwrap() {
        steps += 1;
        if steps % 20 == 0 {
            drop(store); // as a kill leaves it
            assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new(), "{steps}");
            store = open(folder.path());
        }
        assert_eq!(page(&store, lobby(), Latest, 9), [20_001], "{steps}");
        assert_eq!(page(&store, Conversation::direct(1, 2), Latest, 9), [0; 0]);
    }
    assert!(steps > 20, "{steps}");
    store.maintain(0).unwrap();
    store.maintain(0).unwrap();
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
    let bytes = std::fs::read(folder.path().join("parlor.db")).unwrap();
    for word in ["annabel-lee", "sepulchre"] {
        assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
    }
}

#[test]
fn an_export_has_all_that_an_account_wrote_and_was_told_directly() {
    on_both(|store| {
        let pair = Conversation::direct(1, 2);
        let others = Conversation::direct(2, 3);
        for first in (1..=20_000_u64).step_by(1000) {
            let said = |id: u64| match id % 10 {
                0 => by(id, lobby(), 1),
                1 => by(id, pair, 2),
                2 => by(id, others, 2),
                _ => by(id, lobby(), 2),
            };
            commit(store, &(first..first + 1000).map(said).collect::<Vec<_>>());
        }
        commit(store, &[redact(20_001, lobby(), 10)]);
        let (mut after, mut found) = (0, Vec::new());
        let mut reader = store.reader().unwrap();
        loop {
            let exported = reader.export(1, after).unwrap();
            found.extend(exported.events.iter().map(|event| event.id));
            match exported.next {
                Some(next) if next > after => after = next,
                next => break assert_eq!(next, None),
            }
        }
        let own = (1..=20_000).filter(|id| id % 10 < 2 && *id != 10);
        assert_eq!(found, own.chain([20_001]).collect::<Vec<_>>());
    });
}

#[test]
fn recent_messages_in_rooms_are_loaded_within_a_bound() {
    on_both(|store| {
        let (lobby, garden) = (lobby(), Conversation::room(2));
        let other = |id, kind, of| put(Event { kind, ..message(id, of) });
        let writes = [
            by(1, lobby, 1),
            by(2, Conversation::direct(1, 2), 1),
            other(3, EventKind::Join, garden),
            other(4, EventKind::Tagmsg, garden),
            by(5, garden, 2),
            by(6, lobby, 3),
            by(7, lobby, 1),
            redact(8, lobby, 7),
        ];
        commit(store, &writes);
        let said = |store: &mut dyn Store| -> Vec<(u64, u32)> {
            store.load().unwrap().recent_messages.iter().map(|said| (said.id, said.room)).collect()
        };
        assert_eq!(said(store), [(1, 1), (4, 2), (5, 2), (6, 1)]);
        let first = store.load().unwrap().recent_messages[2];
        assert_eq!((first.author, first.time), (2, message(5, garden).time));
        commit(store, &[Write::DeleteAccount { id: 3, messages: true }]);
        assert_eq!(said(store), [(1, 1), (4, 2), (5, 2)]);
        let more: Vec<Write> =
            (10..).take(RECENT_MESSAGES - 4).map(|id| by(id, lobby, 1)).collect();
        commit(store, &more);
        assert_eq!(said(store)[..3], [(5, 2), (10, 1), (11, 1)]);
    });
}
