//! A disk that fails at any call, under a run of 200 writes, and a kill at its end. The promises hold:
//! what was stored is there, once and in order, and can be told from what is sent again; what was
//! refused is not, and nobody sees it; and what the store says of itself is what a start finds.
//!
//! The run is in a process of its own (this program again), whose calls `tests/faults/faults.c` lets
//! fail.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "the other tests use all of it")]
#[path = "../contract/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::{env, fs, thread};

use parlor_store::{Failure, Loaded, Outcome, Select, SqliteStore, Store, Write, check};
use tempfile::TempDir;

use crate::support::{INSTANCE, account, commit, events, lobby, message, query, resend};

const WRITES: u64 = 200;
/// Held while a process begins, for it has all open files for an instant, and so the locks of data
/// folders; and while a folder is looked at.
static ALONE: Mutex<()> = Mutex::new(());
/// Where the run finds its folder.
const FOLDER: &str = "FAULT_RUN_FOLDER";
/// Set if the run ends with the first write that is refused.
const THEN_KILLED: &str = "FAULT_RUN_THEN_KILLED";

/// The compiled library.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults-store.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/faults/faults.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&made).args([source, "-ldl"]);
        assert!(compiler.status().expect("there is a C compiler").success());
        made
    })
}

/// A folder in memory where there is one: no real disk is wanted, and thousands of runs are.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
    TempDir::new_in(place).unwrap()
}

/// What fails in a run.
#[derive(Clone, Copy, Debug)]
struct Fault {
    kind: &'static str,
    /// Which call of its kind, from 1.
    first: u64,
    once: bool,
    /// The kill comes as soon as the first write is refused, not at the end: nothing that came later
    /// has put anything right.
    then_killed: bool,
}

/// What the run has said.
#[derive(Default)]
struct Said {
    stored: Vec<u64>,
    /// Refused, and not stored when it was tried again.
    refused: Vec<u64>,
    uncertain: Vec<u64>,
    opened: bool,
    ended: bool,
}

fn run(folder: &Path, fault: Option<Fault>) -> Said {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "the_run_of_the_tests_here", "--ignored", "--nocapture"]);
    child.env("LD_PRELOAD", library()).env("FAULT_AT", folder).env(FOLDER, folder);
    child.env("FAULT_COUNTS", folder.join("counts"));
    if let Some(Fault { kind, first, once, then_killed }) = fault {
        if then_killed {
            child.env(THEN_KILLED, "1");
        }
        child.env("FAULT", kind).env("FAULT_FIRST", first.to_string());
        if once {
            child.env("FAULT_ONCE", "1");
        }
    }
    let begun = ALONE.lock().unwrap();
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(begun);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut said = Said::default();
    for line in text.lines() {
        let mut words = line.split(' ').skip_while(|word| *word != "run:").skip(1);
        let (word, number) = (words.next(), words.next());
        let number = || number.unwrap().parse::<u64>().unwrap();
        match word {
            Some("opened") => said.opened = true,
            Some("stored") => said.stored.push(number()),
            Some("refused") => said.refused.push(number()),
            Some("uncertain") => said.uncertain.push(number()),
            Some("ended") => said.ended = true,
            _ => {}
        }
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{fault:?}: {text}{errors}");
    said
}

/// Write `n`: a message that can be sent again, and now and then an account with it.
fn write(n: u64, id: u64) -> Vec<Write> {
    let mut event = message(id, lobby());
    (event.text, event.time) = (format!("text {n}").into(), n as i64 * 10);
    let mut writes = vec![resend(event, &n.to_string())];
    if n.is_multiple_of(5) {
        writes.push(Write::Account(account(n as u32, &format!("name{n}"))));
    }
    writes
}

#[test]
#[ignore = "is run by the others here"]
fn the_run_of_the_tests_here() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    // The harness prints the test's name first, without an end of line.
    let say = |text: &str| println!("\nrun: {text}");
    let mut store = match SqliteStore::open(Path::new(&folder), INSTANCE) {
        Ok(store) => store,
        Err(error) => {
            say(&format!("not-opened {error}"));
            exit(0);
        }
    };
    say("opened");
    let mut reader = store.reader().unwrap();
    let latest = query(parlor_store::Scope::One(lobby()), Select::Latest, 1);
    let mut loaded = store.load().unwrap();
    for n in 1..=WRITES {
        let mut tries = 0;
        loop {
            let writes = write(n, loaded.last_event + 1);
            match store.commit(&mut writes.iter()) {
                Ok(outcomes) => {
                    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored));
                    say(&format!("stored {n}"));
                    loaded = store.load().unwrap();
                    let newest = reader.page(&latest).unwrap();
                    assert_eq!(*newest[0].text, *format!("text {n}"));
                    break;
                }
                Err(Failure::Uncertain { .. }) => {
                    say(&format!("uncertain {n}"));
                    exit(0);
                }
                Err(_) => {
                    // Nothing of it is to be seen.
                    assert_eq!(store.load().unwrap(), loaded);
                    let newest = reader.page(&latest).unwrap();
                    assert_eq!(newest.first().map_or(0, |event| event.id), loaded.last_event);
                }
            }
            tries += 1;
            let killed = env::var_os(THEN_KILLED).is_some();
            if tries == 2 || killed {
                say(&format!("refused {n}"));
                if killed {
                    exit(0);
                }
                break;
            }
        }
        if n.is_multiple_of(50) {
            let _ = store.maintain(0); // What fails here is done later.
        }
    }
    say("ended");
    exit(0); // Without a close, as a kill does it.
}

/// A run with a fault, and what a start without one finds.
fn hold(fault: Option<Fault>) -> Said {
    let folder = folder();
    let said = run(folder.path(), fault);
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut store = SqliteStore::open(folder.path(), INSTANCE)
        .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    let loaded = store.load().unwrap();
    let all = events(&store, &query(parlor_store::Scope::One(lobby()), Select::Latest, 1000));
    let found: Vec<u64> = all.iter().map(|event| event.text[5..].parse().unwrap()).collect();
    assert!(found.is_sorted_by(|a, b| a < b), "{fault:?}: not once and in order: {found:?}");
    let expected =
        |found: &mut dyn Iterator<Item = u64>, part: &dyn Fn(&u64) -> bool, what: &str| {
            let found: BTreeSet<u64> = found.collect();
            let stored: BTreeSet<u64> = said.stored.iter().copied().filter(part).collect();
            let perhaps: BTreeSet<u64> = said.uncertain.iter().copied().filter(part).collect();
            assert!(stored.is_subset(&found), "{fault:?}: {what} are lost");
            let more: Vec<_> = found.difference(&stored).filter(|n| !perhaps.contains(n)).collect();
            assert!(more.is_empty(), "{fault:?}: {what} {more:?} were refused and are there");
        };
    expected(&mut found.iter().copied(), &|_| true, "messages");
    let accounts = |loaded: &Loaded| -> Vec<u64> {
        loaded.accounts.iter().map(|account| u64::from(account.id)).collect()
    };
    expected(&mut accounts(&loaded).into_iter(), &|n| n.is_multiple_of(5), "accounts");
    assert_eq!(loaded.events, all.len() as u64, "{fault:?}");
    // What is sent again is known; what was refused is not.
    for n in 1..=WRITES {
        let again = commit(&mut store, &[resend(message(10_000 + n, lobby()), &n.to_string())]);
        let there = found.binary_search(&n).is_ok();
        assert_eq!(matches!(again[0], Outcome::Duplicate { .. }), there, "{fault:?}: {n}");
    }
    Box::new(store).close().unwrap();
    assert_eq!(check(folder.path()).unwrap(), Vec::<String>::new(), "{fault:?}");
    said
}

/// The calls of a run in which nothing fails: writes and flushes.
fn calls() -> (u64, u64) {
    let folder = folder();
    let said = run(folder.path(), None);
    assert_eq!(said.stored, (1..=WRITES).collect::<Vec<_>>());
    let counts = fs::read_to_string(folder.path().join("counts")).unwrap();
    let (writes, flushes) = counts.trim().split_once(' ').unwrap();
    (writes.parse().unwrap(), flushes.parse().unwrap())
}

/// All faults there can be.
fn faults() -> Vec<Fault> {
    let (writes, flushes) = calls();
    assert!(writes > 4 * WRITES && flushes > WRITES, "{writes} writes, {flushes} flushes");
    let kinds = [
        ("write-short", writes),
        ("write-eio", writes),
        ("write-enospc", writes),
        ("flush-eio", flushes),
    ];
    let mut faults = Vec::new();
    for (kind, calls) in kinds {
        for (once, then_killed) in [(true, false), (true, true), (false, false)] {
            faults.extend((1..=calls).map(|first| Fault { kind, first, once, then_killed }));
        }
    }
    // A write of which half is done is no failure: the rest follows. So once is all there is to it.
    faults.retain(|fault| fault.kind != "write-short" || fault.once && !fault.then_killed);
    faults
}

fn hold_all(faults: &[Fault]) {
    let next = AtomicUsize::new(0);
    let (refused, uncertain) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(at) else { break };
                    if at > 0 && at.is_multiple_of(500) {
                        eprintln!("{at} of {} faults tried", faults.len());
                    }
                    let said = hold(Some(*fault));
                    refused.fetch_add(said.refused.len(), Ordering::Relaxed);
                    uncertain.fetch_add(said.uncertain.len(), Ordering::Relaxed);
                    if fault.once && !fault.then_killed && said.opened && said.uncertain.is_empty()
                    {
                        assert!(said.ended && said.refused.is_empty(), "{fault:?}: it goes on");
                    }
                }
            });
        }
    });
    let (refused, uncertain) = (refused.into_inner(), uncertain.into_inner());
    println!("{} faults: {refused} writes refused, {uncertain} runs ended", faults.len());
    assert!(refused > 0, "no fault had an effect");
}

#[test]
fn the_promises_hold_on_a_disk_that_fails_at_some_calls() {
    let faults = faults();
    // By turns from all of them; the seed moves with each part, so that all kinds are there.
    let part = faults.len() / 40;
    let chosen: Vec<_> = (0..40).map(|n| faults[n * part + n * 7919 % part]).collect();
    hold_all(&chosen);
}

#[test]
#[ignore = "takes some minutes"]
fn the_promises_hold_on_a_disk_that_fails_at_any_call() {
    hold_all(&faults());
}

/// The one that a store which only says what SQLite says does not hold: the refused write was in the
/// log, and a start found it there.
#[test]
fn a_transaction_that_could_not_be_flushed_is_not_stored() {
    let (_, flushes) = calls();
    let fault = Fault { kind: "flush-eio", first: 0, once: true, then_killed: false };
    for first in flushes - 5..=flushes {
        let said = hold(Some(Fault { first, ..fault }));
        assert!(said.ended && said.uncertain.is_empty());
        let said = hold(Some(Fault { first, then_killed: true, ..fault }));
        assert!(said.uncertain.is_empty());
    }
    let said = hold(Some(Fault { first: flushes - 20, once: false, ..fault }));
    assert!(!said.ended && said.uncertain.len() == 1, "a disk that stays so ends the process");
}
