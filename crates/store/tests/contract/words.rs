//! The index of words behind the store: it finds what there is, and keeps nothing else.

use std::fs;
use std::time::Duration;

use parlor_store::{
    Conversation, Event, EventKind, Keep, MemoryStore, Search, SqliteStore, Store, WordIndex, Write,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::found::{contents, ids, search, text};
use crate::support::{INSTANCE, commit, forget, lobby, message, open, put, redact};

const VOLUME: u64 = 1_000_000;
/// Nothing is older than a day at this time but what is from 1970.
const LATER: i64 = 1_700_000_000_000;

fn said(id: u64, of: Conversation, words: &str) -> Write {
    put(text(id, of, words))
}

fn attach(store: &mut SqliteStore) -> WordIndex {
    store.word_index().unwrap().unwrap()
}

fn catch_up(index: &mut WordIndex) -> usize {
    let mut added = 0;
    loop {
        let step = index.step();
        added += step.added;
        if !step.more {
            return added;
        }
    }
}

#[test]
fn a_search_uses_the_index_and_goes_through_all_volumes() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let mut index = attach(&mut store);
    let all = [5, 10, VOLUME - 1, VOLUME, VOLUME + 7, 2 * VOLUME, 3 * VOLUME + 1];
    let writes: Vec<Write> =
        all.iter().map(|id| said(*id, lobby(), &format!("tea {id} konjunktur"))).collect();
    commit(&mut store, &writes);
    assert_eq!(catch_up(&mut index), all.len());
    assert_eq!(catch_up(&mut index), 0);
    // The index has it, and not the search of each event in turn, which has no time.
    let quick = Search { patience: Duration::from_millis(200), ..search("tea") };
    assert_eq!(ids(&store, &quick), all);
    for words in ["konj*", "konjunkt*", "tea kon*"] {
        assert_eq!(ids(&store, &search(words)), all, "{words}");
    }
    let oldest = Search { oldest_first: true, limit: 3, ..search("tea") };
    assert_eq!(ids(&store, &oldest), all[..3]);
    let page = Search { up_to: VOLUME + 7, limit: 2, ..search("tea") };
    assert_eq!(ids(&store, &page), [VOLUME, VOLUME + 7]);
    assert_eq!(ids(&store, &search(&(2 * VOLUME).to_string())), [2 * VOLUME]);
    // Half of it indexed.
    commit(&mut store, &[said(3 * VOLUME + 2, lobby(), "tea again")]);
    assert_eq!(ids(&store, &search("tea")).len(), all.len() + 1);
}

#[test]
fn removed_messages_leave_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let mut index = attach(&mut store);
    // Many words, none of which begins like another one.
    let word = |id: u64| format!("w{:016x}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let direct = Conversation::direct(1, 2);
    let mut writes = Vec::new();
    for id in 1..=6000 {
        let of = if id % 2 == 0 { lobby() } else { direct };
        let account = if id % 3 == 0 { 3 } else { 1 };
        let time = if id <= 500 { 10 } else { LATER + id as i64 };
        let text = format!("{} {}z common", word(id), word(id));
        writes.push(put(Event { account, time, text: text.into(), ..message(id, of) }));
    }
    for part in writes.chunks(700) {
        commit(&mut store, part);
        catch_up(&mut index);
    }
    let gone = |id: u64| id <= 500 || id.is_multiple_of(3) || id.is_multiple_of(7);
    let redacted = (501..=6000).filter(|id| id % 7 == 0 && id % 3 != 0);
    for (next, id) in (6001..).zip(redacted) {
        let of = if id % 2 == 0 { lobby() } else { direct };
        commit(&mut store, &[redact(next, of, id)]);
        if id % 5 == 0 {
            catch_up(&mut index);
        }
    }
    commit(&mut store, &[Write::DeleteAccount { id: 3, messages: true }]);
    let keep = Keep { now: LATER + 10_000, days: 30, messages: 0 };
    for _ in 0..10_000 {
        let more = store.forget(&keep).unwrap();
        index.step();
        if !more {
            break;
        }
    }
    catch_up(&mut index);
    store.maintain(0).unwrap();
    index.maintain();
    let text = contents(folder.path());
    let left: Vec<_> = (1..=6000).filter(|id| gone(*id) && text.contains(&word(*id))).collect();
    assert_eq!(left, [0; 0]);
    for id in (501..=6000).step_by(37) {
        let expected: &[u64] = if gone(id) { &[] } else { &[id] };
        assert_eq!(ids(&store, &search(&word(id))), expected, "{id}");
        assert_eq!(ids(&store, &search(&format!("{}z", word(id)))), expected, "{id}");
    }
}

#[test]
fn a_missing_damaged_or_foreign_index_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.db");
    let mut store = open(folder.path());
    let writes: Vec<Write> =
        (1..=3000).map(|id| said(id, lobby(), &format!("tea number {id}"))).collect();
    commit(&mut store, &writes);
    let mut index = attach(&mut store);
    assert_eq!(catch_up(&mut index), 3000);
    index.close();
    // As it was: nothing is to be done.
    let mut index = attach(&mut store);
    assert_eq!(catch_up(&mut index), 0);
    index.close();
    let sound = fs::read(&path).unwrap();
    let damages: [fn(&mut Vec<u8>); 5] = [
        |file| file.clear(),
        |file| file.truncate(10_000),
        |file| file[..4096].fill(0x55),
        |file| file[4096..].fill(0xaa),
        |file| file[63] ^= 1, // the version
    ];
    for (number, damage) in damages.iter().enumerate() {
        let mut file = sound.clone();
        damage(&mut file);
        fs::write(&path, file).unwrap();
        let mut index = attach(&mut store);
        assert_eq!(ids(&store, &search("2999")), [2999], "{number}");
        assert_eq!(catch_up(&mut index), 3000, "{number}");
        assert_eq!(ids(&store, &search("17")), [17], "{number}");
        index.close();
    }
    fs::remove_file(&path).unwrap();
    let mut index = attach(&mut store);
    assert_eq!(catch_up(&mut index), 3000);
    // Damaged while it is used.
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.search(&search("tea"), &|_| true).unwrap().events.len(), 1000);
    index.close();
    fs::remove_file(&path).unwrap();
    // Of another history with the same numbers.
    let other = tempfile::tempdir().unwrap();
    let mut another = open(other.path());
    let coffee = |id| Event { time: 7, text: "coffee".into(), ..message(id, lobby()) };
    commit(&mut another, &(1..=10).map(|id| put(coffee(id))).collect::<Vec<_>>());
    let mut index = attach(&mut another);
    catch_up(&mut index);
    index.close();
    fs::copy(other.path().join("search.db"), &path).unwrap();
    let mut index = attach(&mut store);
    assert_eq!(catch_up(&mut index), 3000);
    assert_eq!(ids(&store, &search("coffee")), [0; 0]);
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happens {
    Say(usize, bool),
    Redact(usize),
    DeleteAccount(u32),
    Forget,
    Step,
    Crash,
    Restart,
}

fn happenings() -> impl Strategy<Value = Vec<Happens>> {
    let one = prop_oneof![
        10 => (0..WORDS.len(), any::<bool>()).prop_map(|(word, direct)| Happens::Say(word, direct)),
        4 => (0usize..60).prop_map(Happens::Redact),
        1 => (1u32..4).prop_map(Happens::DeleteAccount),
        1 => Just(Happens::Forget),
        6 => Just(Happens::Step),
        1 => Just(Happens::Crash),
        1 => Just(Happens::Restart),
    ];
    prop::collection::vec(one, 1..80)
}

const WORDS: [&str; 6] = ["tea", "Straße https://x.org", "東京都", "tea 👍", "cake tear", "чай"];
const QUESTIONS: [&str; 9] =
    ["tea", "strasse", "東京", "京", "👍", "tea*", "cake -tea", "чай", "\"x.org\""];

/// The index is opened and closed, and what was on its way to it is lost, at any moment.
#[test]
fn whatever_happens_the_index_finds_what_the_reference_finds() {
    let mut runner = TestRunner::new(Config { cases: 30, ..Config::default() });
    runner
        .run(&happenings(), |happenings| {
            let folder = tempfile::tempdir().unwrap();
            let mut reference = MemoryStore::new(INSTANCE);
            let mut store = open(folder.path());
            let mut index = attach(&mut store);
            let mut id = VOLUME - 10;
            for happens in &happenings {
                let mut writes = Vec::new();
                match happens {
                    Happens::Say(word, direct) => {
                        id += 1;
                        let of = if *direct { Conversation::direct(1, 2) } else { lobby() };
                        let (account, time) = (1 + id as u32 % 3, (id % 40) as i64 * 100_000_000);
                        let text = WORDS[*word].into();
                        writes.push(put(Event { account, time, text, ..message(id, of) }));
                    }
                    Happens::Redact(back) => {
                        id += 1;
                        let about = id.saturating_sub(1 + *back as u64);
                        for of in [lobby(), Conversation::direct(1, 2)] {
                            id += 1;
                            let kind = EventKind::Redact;
                            let about = Some(about);
                            let event = Event { kind, about, ..message(id, of) };
                            writes.push(Write::Redact {
                                event: event.into(),
                                anybodys: true,
                                audit: None,
                            });
                        }
                    }
                    Happens::DeleteAccount(account) => {
                        writes.push(Write::DeleteAccount { id: *account, messages: true });
                    }
                    Happens::Forget => {
                        let keep = Keep { now: 4_000_000_000, days: 10, messages: 0 };
                        forget(&mut reference, &keep);
                        forget(&mut store, &keep);
                    }
                    Happens::Step => drop(index.step()),
                    // What was handed over is gone, as after a kill.
                    Happens::Crash => {
                        drop(index);
                        drop(store);
                        store = open(folder.path());
                        index = attach(&mut store);
                    }
                    Happens::Restart => {
                        catch_up(&mut index);
                        index.close();
                        drop(store);
                        store = open(folder.path());
                        index = attach(&mut store);
                    }
                }
                assert_eq!(commit(&mut store, &writes), commit(&mut reference, &writes));
            }
            for caught_up in [false, true] {
                if caught_up {
                    catch_up(&mut index);
                }
                for question in QUESTIONS {
                    let asked = search(question);
                    assert_eq!(ids(&store, &asked), ids(&reference, &asked), "{question}");
                }
            }
            // And no more than that: what left the store is in no file.
            forget(&mut store, &Keep { now: i64::MAX, days: 1, messages: 0 });
            catch_up(&mut index);
            Ok(())
        })
        .unwrap();
}
