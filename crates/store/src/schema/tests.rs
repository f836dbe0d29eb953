use super::*;
use crate::schema::steps::{FIFTH, FIRST, FOURTH, SECOND, THIRD};
use crate::{
    Conversation, Event, EventKind, Kinds, Member, Query, Scope, Select, SqliteStore, Store,
    Subject, Write, check,
};
use std::path::Path;

/// A database of version 1: a room with one member, a guest's message in it, and a private message
/// that is still pending.
fn first_version(folder: &Path) {
    let old = Connection::open(folder.join("parlor.db")).unwrap();
    old.execute_batch(FIRST).unwrap();
    old.execute_batch(
        "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0'), ('last_account', 2),
            ('last_room', 1);
        INSERT INTO events VALUES (1, 1, 0, 2, 1, 'zed', '', 10, 'hi', '+x'),
            (2, (1 << 32) + 2, 0, 1, 0, 'ann', 'bob', 20, 'psst', '');
        INSERT INTO talks VALUES (1, 2), (2, 1);
        INSERT INTO pending VALUES (2, 2);
        INSERT INTO rooms VALUES (1, '#lobby', 5, NULL, NULL, NULL, 'nt', NULL, NULL);
        INSERT INTO members VALUES (1, 1, 1, 0);
        PRAGMA user_version = 1;",
    )
    .unwrap();
    old.close().unwrap();
}

#[test]
fn version_1_migrates_without_losing_anything() {
    let folder = tempfile::tempdir().unwrap();
    first_version(folder.path());
    let told = ["its version is 1, not 12; start the server once"];
    assert_eq!(check(folder.path()).unwrap(), told);

    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    let loaded = store.load().unwrap();
    assert_eq!((loaded.instance.as_str(), loaded.last_event, loaded.last_time), ("k3f9", 2, 20));
    assert_eq!((loaded.rooms.len(), loaded.last_account, loaded.last_room), (1, 2, 1));
    let ann = Member { room: 1, account: 1, op: true, halfop: false, voice: false, joined: 0 };
    assert_eq!(loaded.members, [ann]);
    assert_eq!((loaded.metadata, loaded.read_markers), (vec![], vec![]));
    assert_eq!(loaded.certificates, []);
    let (lobby, pair) = (Conversation::room(1), Conversation::direct(1, 2));
    let first = Event {
        id: 1,
        conversation: lobby,
        kind: EventKind::Message,
        account: 2,
        guest: true,
        bot: false,
        nick: "zed".into(),
        userhost: None,
        target: "".into(),
        time: 10,
        text: "hi".into(),
        tags: "+x".into(),
        about: None,
    };
    let mut reader = store.reader().unwrap();
    let all = |of| Query {
        of: Scope::One(of),
        select: Select::Latest,
        limit: 9,
        up_to: 9,
        kinds: Kinds::ALL,
    };
    assert_eq!(reader.page(&all(lobby)).unwrap(), std::slice::from_ref(&first));
    let waiting = reader.pending(2, 9, 9).unwrap();
    assert_eq!((&*waiting[0].text, waiting[0].guest, waiting.len()), ("psst", false, 1));
    drop(reader);

    // New features work on the old rows, also after reopening.
    let kind = EventKind::Redact;
    let event = Event { id: 3, kind, time: 30, about: Some(1), ..first }.into();
    let redact = Write::Redact { event, anybodys: false, audit: None };
    let halfop = Write::Member(Member { halfop: true, ..ann });
    store.commit(&mut [redact, halfop].iter()).unwrap();
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    assert!(store.load().unwrap().members[0].halfop);
    let page = store.reader().unwrap().page(&all(lobby)).unwrap();
    assert_eq!((page.len(), page[0].id, page[0].guest), (1, 3, true));
    let page = store.reader().unwrap().page(&all(pair)).unwrap();
    assert_eq!((page.len(), page[0].id), (1, 2));
}

/// Whether it was presented was not recorded. The rows already have checksums; a damaged one keeps a
/// wrong checksum.
#[test]
fn certificates_of_version_7_are_unproven_and_damaged_ones_stay_detectable() {
    for damaged in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("parlor.db")).unwrap();
        crate::sum::register(&old).unwrap();
        old.execute_batch(&STEPS[..7].concat()).unwrap();
        old.execute_batch(
            "INSERT INTO about VALUES ('instance', 'k3f9', checksum('about', 'instance', 'k3f9'));
            INSERT INTO certificates VALUES (x'07', 1, checksum('certificates', x'07', 1));
            PRAGMA user_version = 7;",
        )
        .unwrap();
        if damaged {
            old.execute("UPDATE certificates SET account = 2", []).unwrap();
        }
        let mut old = old;
        migrate(&mut old, "zzzz", &Progress::default()).unwrap();
        let question = Table::named("certificates").select("");
        let found = old.query_row(&question, [], |row| {
            Ok((row.get::<_, u32>(1)?, row.get::<_, bool>(2)?, row.get::<_, bool>(3)?))
        });
        let account = if damaged { 2 } else { 1 };
        assert_eq!(found.unwrap(), (account, false, !damaged));
    }
}

/// In version 5 all events except messages were in one class.
#[test]
fn version_5_migrates_and_its_event_kinds_can_be_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("parlor.db")).unwrap();
    old.execute_batch(&[FIRST, SECOND, THIRD, FOURTH, FIFTH].concat()).unwrap();
    old.execute_batch(
        "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0'), ('last_account', 1),
            ('indexed', 3), ('indexing', 4);
        INSERT INTO accounts VALUES (1, 'ann', zeroblob(16), 1, zeroblob(32), zeroblob(32), 5),
            (2, 'bob', zeroblob(16), 1, zeroblob(32), zeroblob(32), 5);
        INSERT INTO events(id, conversation, kind, account, flags, nick, target, time, text, tags)
            VALUES (1, 1, 0, 1, 0, 'ann', '', 10, 'hi', ''), (2, 1, 2, 1, 0, 'ann', '', 20, '', '+x'),
                (3, 1, 4, 1, 0, 'ann', '', 30, '', ''), (4, 1, 2, 1, 0, 'ann', '', 40, '', '+x'),
                (5, 1, 2, 1, 0, 'ann', '', 50, '', '+x');
        INSERT INTO history VALUES (1, 0, 1, x''), (1, 1, 2, x'01'), (1, 1, 4, x'');
        PRAGMA user_version = 5;",
    )
    .unwrap();
    old.close().unwrap();
    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    let silent = store.load().unwrap().unheard;
    assert!(matches!(*silent, [(2, 20_000..)]), "{silent:?}");
    let lobby = Conversation::room(1);
    let of = Scope::One(lobby);
    let mut reader = store.reader().unwrap();
    let mut ids = |kinds| {
        let query = Query { of, select: Select::Latest, limit: 9, up_to: 9, kinds };
        let page = reader.page(&query).unwrap();
        page.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Kinds::ALL), [1, 2, 3, 4, 5]);
    assert_eq!(ids([EventKind::Message, EventKind::Join].into_iter().collect()), [1, 3]);
    assert_eq!(ids([EventKind::Tagmsg].into_iter().collect()), [2, 4, 5]);
    drop(reader);
    store.commit(&mut [].iter()).unwrap();
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn version_2_migrates_without_losing_anything() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("parlor.db")).unwrap();
    old.execute_batch(&[FIRST, SECOND].concat()).unwrap();
    old.execute_batch(
        "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0'), ('last_account', 1);
        INSERT INTO accounts VALUES (1, 'ann', zeroblob(16), 1, zeroblob(32), zeroblob(32), 5);
        INSERT INTO metadata VALUES (0, 1, 'url', 'x');
        INSERT INTO read_markers VALUES (1, (1 << 32) + 2, 7);
        PRAGMA user_version = 2;",
    )
    .unwrap();
    old.close().unwrap();

    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    let before = store.load().unwrap();
    let url = (Subject::Account(1), "url".into(), "x".into());
    assert_eq!((&*before.instance, &before.metadata), ("k3f9", &vec![url]));
    assert_eq!(before.read_markers, [(1, Conversation::direct(1, 2), 7)]);
    assert_eq!((before.accounts.len(), before.certificates.len()), (1, 0));
    let certificate = Write::Certificate { fingerprint: [7; 32], account: Some(1), proved: true };
    store.commit(&mut [certificate].iter()).unwrap();
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new());
    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    let certificates = vec![([7; 32], 1, true)];
    assert_eq!(store.load().unwrap(), crate::Loaded { certificates, ..before });
}

#[test]
fn version_3_migrates_and_its_guests_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(folder.path().join("parlor.db")).unwrap();
    old.execute_batch(&[FIRST, SECOND, THIRD].concat()).unwrap();
    old.execute_batch(
        "INSERT INTO about VALUES ('instance', 'k3f9'), ('program', '0.1.0');
        INSERT INTO events VALUES (1, 1, 0, 2, 1, 'zed', '', 10, 'hi', '+x', NULL);
        PRAGMA user_version = 3;",
    )
    .unwrap();
    old.close().unwrap();

    let mut store = SqliteStore::open(folder.path(), "zzzz").unwrap();
    assert_eq!(store.load().unwrap().cloak_key, None);
    let query = Query {
        of: Scope::One(Conversation::room(1)),
        select: Select::Latest,
        limit: 9,
        up_to: 9,
        kinds: Kinds::ALL,
    };
    let before = store.reader().unwrap().page(&query).unwrap();
    assert_eq!((&*before[0].nick, before[0].guest, &before[0].userhost), ("zed", true, &None));
    let userhost = Some("~zed@c-1".into());
    let event = Event { id: 2, time: 20, userhost, ..before[0].clone() };
    let event =
        Write::Event { event: event.into(), resend: None, pending_for: None, mentions: [].into() };
    store.commit(&mut [event, Write::CloakKey([7; 32])].iter()).unwrap();
    assert_eq!(store.load().unwrap().cloak_key, Some([7; 32]));
    let after = store.reader().unwrap().page(&query).unwrap();
    assert_eq!(after[1].userhost.as_deref(), Some("~zed@c-1"));
}
