//! Writing systems, and characters whose widths terminals disagree on.

use crate::pictures::lively;
use crate::scene::Scene;
use insta::assert_snapshot;

fn scene(columns: u16, rows: u16) -> Scene {
    let mut scene = Scene::new(columns, rows);
    scene.join_room("#lobby", "日本語の部屋 🎉", "@bob ann さくら محمد");
    scene.end_welcome();
    scene.open("#lobby");
    scene.message(
        "さくら",
        "#lobby",
        "日本語の長いメッセージは、空白がなくても、行の終わりで正しく折り返されます。",
    );
    scene.message(
        "bob",
        "#lobby",
        "family 👨‍👩‍👧‍👦, flag 🏳️‍🌈, heart ❤️, keycap 1️⃣, thumbs 👍🏽, country 🇩🇪, done.",
    );
    scene.message("bob", "#lobby", "combining: e\u{301}\u{327} a\u{308}; Zalgo: t\u{336}\u{335}\u{337}h\u{338}is; none: \u{200b}|\u{200b}");
    scene.message("محمد", "#lobby", "السلام عليكم ورحمة الله");
    scene.message("bob", "#lobby", "हिन्दी: नमस्ते दुनिया, ไทย: สวัสดี, עברית: שלום");
    scene.message("bob", "#lobby", &format!("a long word: {}", "x".repeat(90)));
    scene.message(
        "bob",
        "#lobby",
        "a tab\tand \x1b[31mno red\x1b[0m, \u{202e}not reversed\u{202c}.",
    );
    scene
}

#[test]
fn all_scripts() {
    assert_snapshot!("all_scripts", scene(100, 24).picture());
    assert_snapshot!("all_scripts_on_a_small_terminal", scene(40, 30).picture());
}

/// What is shown does not depend on how wide a terminal believes a character to be: after each wide one the cursor is
/// positioned again.
#[test]
fn wide_characters_do_not_move_their_neighbours() {
    let mut scene = scene(100, 24);
    scene.draw();
    let mut again = Scene::new(100, 24);
    std::mem::swap(&mut again, &mut scene);
    let mut bytes = Vec::new();
    again.tui.resize(100, 24);
    again.tui.draw(&again.chat, again.now_ms, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    for sign in ["👨‍👩‍👧‍👦", "🏳️‍🌈", "❤️", "👍🏽", "日", "。"]
    {
        for (at, _) in text.match_indices(sign) {
            let after = &text[at + sign.len()..];
            let moves_cursor =
                after.starts_with("\u{1b}[") && after.find('H').is_some_and(|at| at < 10);
            let style = after.starts_with("\u{1b}[0") || after.starts_with("\u{1b}]8");
            assert!(moves_cursor || style, "{sign}: {:?}", &after[..after.len().min(20)]);
        }
    }
}

#[test]
fn one_row_and_one_column_are_survived() {
    for (columns, rows) in [(1, 1), (1, 30), (200, 1), (2, 2), (10, 3), (29, 4), (500, 200), (0, 0)]
    {
        let mut scene = lively(columns.max(1), rows.max(1));
        scene.tui.resize(columns, rows);
        scene.tui.composer().set("a\nb\nc");
        scene.draw();
        scene.tui.focus_above(&scene.chat);
        scene.tui.scroll(-5, &scene.chat);
        scene.draw();
    }
}
