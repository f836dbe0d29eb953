//! Searching: what is found, by whom, and in which order.

use std::time::Duration;

use parlor_store::{
    Conversation, Event, EventKind, Found, MemoryStore, Reached, Search, Store, Words, Write,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::found::{found, ids, search, text};
use crate::support::{INSTANCE, commit, lobby, open, put, redact};

/// Runs a test on a store of each kind, and on one with an index. What is called with it brings that
/// up to date.
fn on_all(test: impl Fn(&mut dyn Store, &mut dyn FnMut())) {
    test(&mut MemoryStore::new(INSTANCE), &mut || {});
    let folder = tempfile::tempdir().unwrap();
    test(&mut open(folder.path()), &mut || {});
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let mut index = store.word_index().unwrap().unwrap();
    test(&mut store, &mut || while index.step().more {});
}

fn fill(store: &mut dyn Store, texts: &[&str]) {
    let all = (1..).zip(texts);
    let writes: Vec<Write> = all.map(|(id, said)| put(text(id, lobby(), said))).collect();
    commit(store, &writes);
}

#[test]
fn messages_are_found_in_many_languages() {
    on_all(|store, index| {
        fill(
            store,
            &[
                "Die Größe der Straße ist für Fußgänger",
                "The quick brown fox doesn't jump over https://example.org/lazy/dog",
                "我在北京大学学习计算机",
                "今日は東京都でコーヒーを飲みました",
                "ذَهَبَ الوَلَدُ إلى المدرسة",
                "Ёжик пошёл в лес за грибами",
                "all good 👍🏽 see you 🎉",
                "\u{2}bold\u{2} and \u{3}04,12red\u{3} words",
            ],
        );
        index();
        for (words, expected) in [
            ("grösse", vec![1]),
            ("GROSSE strasse", vec![1]),
            ("fussgänger", vec![1]),
            ("fox", vec![2]),
            ("\"quick brown\"", vec![2]),
            ("\"brown quick\"", vec![]),
            ("doesn't", vec![2]),
            ("example.org", vec![2]),
            ("lazy dog", vec![2]),
            ("qui*", vec![2]),
            ("北京", vec![3]),
            ("大学", vec![3]),
            ("学", vec![3]),
            ("京大", vec![3]),
            ("東京都", vec![4]),
            ("コーヒー", vec![4]),
            ("京", vec![3, 4]),
            ("الولد", vec![5]),
            ("ذهب", vec![5]),
            ("ежик", vec![6]),
            ("ЛЕС", vec![6]),
            ("👍", vec![7]),
            ("🎉 good", vec![7]),
            ("bold red", vec![8]),
            ("12red", vec![]),
            ("the -quick", vec![]),
            ("nowhere", vec![]),
        ] {
            assert_eq!(ids(store, &search(words)), expected, "{words}");
        }
    });
}

#[test]
fn searches_can_be_narrowed_and_stop_at_their_limit() {
    on_all(|store, index| {
        let mut writes = Vec::new();
        for id in 1..=20 {
            let link = if id % 5 == 0 { " https://example.org" } else { "" };
            let account = 1 + id as u32 % 2;
            writes.push(put(Event { account, ..text(id, lobby(), &format!("tea {id}{link}")) }));
        }
        commit(store, &writes);
        index();
        let all = search("tea");
        assert_eq!(ids(store, &all).len(), 20);
        assert_eq!(ids(store, &Search { link: true, ..all.clone() }), [5, 10, 15, 20]);
        assert_eq!(ids(store, &Search { from: Some(2), limit: 3, ..all.clone() }), [15, 17, 19]);
        // Times are ten times the ids.
        let times = Search { since: Some(50), until: Some(80), ..all.clone() };
        assert_eq!(ids(store, &times), [5, 6, 7, 8]);
        let none = Search { until: Some(9), ..all.clone() };
        assert_eq!(found(store, &none), Found::default());
        let page = found(store, &Search { limit: 2, ..all.clone() });
        assert_eq!(page.reached, Some(Reached { id: 19, time: 190, late: false }));
        let next = Search { limit: 2, up_to: 18, ..all.clone() };
        assert_eq!(ids(store, &next), [17, 18]);
        let oldest = Search { oldest_first: true, since: Some(45), limit: 2, ..all.clone() };
        let page = found(store, &oldest);
        assert_eq!(page.events.iter().map(|event| event.id).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(page.reached.map(|reached| reached.id), Some(6));
        assert_eq!(ids(store, &Search { limit: 0, ..all }), [0; 0]);
    });
}

#[test]
fn nobody_finds_what_they_may_not_read() {
    on_all(|store, index| {
        let hidden = Conversation::room(2);
        let direct = Conversation::direct;
        commit(
            store,
            &[
                put(text(1, lobby(), "word in the lobby")),
                put(text(2, hidden, "word in another room")),
                put(text(3, direct(1, 2), "word to somebody")),
                put(text(4, direct(3, 2), "word between others")),
                put(text(5, hidden, "word after the join")),
                put(Event { kind: EventKind::Topic, ..text(6, lobby(), "word of the topic") }),
                put(Event { kind: EventKind::Notice, ..text(7, lobby(), "word of a notice") }),
            ],
        );
        index();
        assert_eq!(ids(store, &search("word")), [1, 3, 7]);
        let member = Search { rooms: vec![(1, 0), (2, 0)], ..search("word") };
        assert_eq!(ids(store, &member), [1, 2, 3, 5, 7]);
        let since = Search { rooms: vec![(1, 0), (2, 4)], ..search("word") };
        assert_eq!(ids(store, &since), [1, 3, 5, 7]);
        let one = Search { of: Some(hidden), ..search("word") };
        assert_eq!(ids(store, &one), [0; 0]);
        assert_eq!(ids(store, &Search { of: Some(direct(1, 2)), ..search("word") }), [3]);
        let few = |event: &Event| event.id != 7;
        let mut reader = store.reader().unwrap();
        let found = reader.search(&Search { limit: 2, ..search("word") }, &few).unwrap();
        assert_eq!(found.events.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 3]);
    });
}

#[test]
fn redacted_messages_are_not_found() {
    on_all(|store, index| {
        fill(store, &["a secret word", "another word"]);
        index();
        assert_eq!(ids(store, &search("secret")), [1]);
        commit(store, &[redact(3, lobby(), 1)]);
        assert_eq!(ids(store, &search("secret")), [0; 0]);
        index();
        assert_eq!(ids(store, &search("secret")), [0; 0]);
        assert_eq!(ids(store, &search("word")), [2]);
        commit(store, &[Write::DeleteAccount { id: 1, messages: true }]);
        index();
        assert_eq!(ids(store, &search("word")), [0; 0]);
    });
}

#[test]
fn every_message_is_found_by_each_of_its_words() {
    let texts = prop::collection::vec("\\PC{1,50}", 1..20);
    let mut runner = TestRunner::new(Config { cases: 20, ..Config::default() });
    runner
        .run(&texts, |texts| {
            on_all(|store, index| {
                let all = (1..).zip(&texts);
                let writes: Vec<Write> =
                    all.map(|(id, said)| put(text(id, lobby(), said))).collect();
                commit(store, &writes);
                index();
                for (id, said) in (1..).zip(&texts) {
                    for word in said.split_whitespace() {
                        let mut words = Words::default();
                        words.add(word, false);
                        let found = ids(store, &Search { words, ..search("") });
                        assert!(found.contains(&id), "{word:?} of {said:?}");
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_search_that_runs_out_of_time_reports_how_far_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let said = |id| put(text(id, lobby(), if id == 1 { "needle" } else { "hay" }));
    commit(&mut store, &(1..=2000).map(said).collect::<Vec<_>>());
    let mut asked = Search { patience: Duration::ZERO, ..search("needle") };
    let mut pages = 0;
    let last = loop {
        let page = found(&store, &asked);
        let Some(reached) = page.reached else { break page };
        assert!(reached.late && page.events.is_empty(), "{page:?}");
        assert_eq!(reached.time, reached.id as i64 * 10);
        asked.up_to = reached.id - 1;
        pages += 1;
    };
    assert_eq!(last.events.iter().map(|event| event.id).collect::<Vec<_>>(), [1]);
    assert!(pages > 1);
}
