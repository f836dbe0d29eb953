//! What the terminal shows after many small changes is what it would show if it were drawn at once.

use crate::emulator::Emulator;
use crate::pictures::lively;
use crate::scene::Scene;
use proptest::prelude::*;
use tui::Tui;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Says(usize),
    Joins,
    Resizes(u16, u16),
    Scrolls(isize),
    Focuses(bool),
    Draws,
    ToEnd,
    Writes(usize),
}

const TEXTS: [&str; 8] = [
    "hello",
    "a longer message that has to be broken into several rows on any terminal of usual width, and goes on",
    "日本語のメッセージ 👍 ok",
    "👨‍👩‍👧‍👦 family 🏳️‍🌈 and e\u{301}\u{327}combining",
    "السلام عليكم",
    "https://chat.example/a/very/long/address/that/does/not/fit/into/one/row/of/a/small/terminal",
    "ann: are you there?",
    "\x0304,08colours\x03 and `code` and \x02bold\x02",
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..TEXTS.len()).prop_map(Step::Says),
        1 => Just(Step::Joins),
        1 => (1u16..=500, 1u16..=200).prop_map(|(columns, rows)| Step::Resizes(columns, rows)),
        2 => (1u16..=120, 1u16..=40).prop_map(|(columns, rows)| Step::Resizes(columns, rows)),
        2 => (-30isize..30).prop_map(Step::Scrolls),
        1 => any::<bool>().prop_map(Step::Focuses),
        6 => Just(Step::Draws),
        1 => Just(Step::ToEnd),
        1 => (0..TEXTS.len()).prop_map(Step::Writes),
    ]
}

fn apply(scene: &mut Scene, step: &Step) {
    match step {
        Step::Says(text) => {
            let who = ["bob", "carol", "日本"][text % 3];
            scene.message(who, "#lobby", TEXTS[*text]);
        }
        Step::Joins => scene.room_event("zoe", "JOIN #lobby"),
        Step::Resizes(columns, rows) => {
            scene.terminal.resize(*columns, *rows);
            scene.tui.resize(*columns, *rows);
        }
        Step::Scrolls(rows) => scene.tui.scroll(*rows, &scene.chat),
        Step::Focuses(true) => scene.tui.focus_above(&scene.chat),
        Step::Focuses(false) => scene.tui.focus_below(&scene.chat),
        Step::Draws => scene.draw(),
        Step::ToEnd => scene.tui.scroll_to_end(),
        Step::Writes(text) => drop(scene.tui.composer().set(TEXTS[*text])),
    }
}

/// A terminal on which the screen is drawn at once.
fn drawn_at_once(scene: &mut Scene, columns: u16, rows: u16) -> Emulator {
    let mut terminal = Emulator::new(columns, rows);
    let mut bytes = Vec::new();
    Tui::new(scene.tui.settings.clone()).enter(&mut bytes).unwrap();
    scene.tui.resize(columns, rows);
    scene.tui.draw(&scene.chat, scene.now_ms, &mut bytes).unwrap();
    terminal.feed(&bytes);
    terminal
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn changes_add_up_to_the_whole(steps in prop::collection::vec(step(), 1..80)) {
        let mut scene = lively(80, 24);
        let (mut columns, mut rows) = (80, 24);
        for step in &steps {
            apply(&mut scene, step);
            if let Step::Resizes(new_columns, new_rows) = step {
                (columns, rows) = (*new_columns, *new_rows);
            }
        }
        scene.draw();
        let found = scene.terminal.everything();
        let expected = drawn_at_once(&mut scene, columns, rows).everything();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_new_message_costs_two_kilobytes_at_most() {
    let mut scene = lively(200, 50);
    for number in 0..200 {
        scene.message(
            "bob",
            "#lobby",
            &format!("{number}: {}", "words of usual length ".repeat(number % 6)),
        );
    }
    scene.draw();
    let mut most = 0;
    for number in 0..50 {
        let who = ["bob", "carol", "dave"][number % 3];
        scene.message(who, "#lobby", &format!("{number}: something that somebody says now"));
        scene.draw();
        most = most.max(scene.frame.len());
    }
    assert!(most <= 2_048, "{most} bytes");
}

#[test]
fn nothing_is_written_when_nothing_has_changed() {
    let mut scene = lively(100, 30);
    scene.draw();
    scene.draw();
    assert!(scene.frame.is_empty(), "{:?}", String::from_utf8_lossy(&scene.frame));
}
