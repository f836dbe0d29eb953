//! Pictures of what lies above the timeline.

use crate::pictures::lively;
use crate::scene::Scene;
use chat::Intent;
use chat::chat::Listed;
use insta::assert_snapshot;
use tui::overlay::{Answer, List, Overlay, Question};
use tui::palette::{Hit, Kind, Palette};

fn list(typed: &str, selected: usize) -> List {
    let mut list = List { selected, ..List::default() };
    list.input.set(typed);
    list
}

fn searched(columns: u16, rows: u16) -> Scene {
    let mut scene = lively(columns, rows);
    scene.perform(Intent::Search { words: "test from:bob".to_owned(), before_ms: None });
    let sent = scene.take_sent();
    let label = sent[0].strip_prefix("@label=").unwrap().split(' ').next().unwrap().to_owned();
    scene.receive(&format!("@label={label} :parlor BATCH +s soju.im/search"));
    for (msgid, text) in
        [("s1", "a test"), ("s2", "tests are \x02good\x02, 日本語 too"), ("s3", "test")]
    {
        scene.receive(&format!(
            "@batch=s;msgid={msgid};time=2026-11-20T10:00:00.000Z :bob!bob@parlor PRIVMSG #dev :{text}"
        ));
    }
    scene.receive(":parlor BATCH -s");
    scene.receive(":parlor NOTE SEARCH END :The search went back to 1 November 2026.");
    scene.tui.overlay = Some(Overlay::Search(list("test from:bob", 1)));
    scene
}

#[test]
fn a_search_and_what_it_found() {
    let mut scene = searched(100, 20);
    assert_snapshot!("a_search", scene.picture());
    assert_snapshot!("a_search_in_colour", scene.terminal.styled());
    assert_snapshot!("a_search_on_a_small_terminal", searched(40, 12).picture());
}

#[test]
fn a_search_that_has_not_begun() {
    let mut scene = lively(80, 12);
    scene.tui.overlay = Some(Overlay::Search(List::default()));
    assert_snapshot!(scene.picture());
}

#[test]
fn only_what_was_looked_for_is_said_not_to_be_found() {
    let mut scene = lively(80, 12);
    scene.chat.search.words = "roses".to_owned();
    scene.tui.overlay = Some(Overlay::Search(list("roses", 0)));
    let picture = scene.picture();
    assert!(picture.contains("Nothing was found."), "{picture}");
    scene.tui.overlay = Some(Overlay::Search(list("roses and tulips", 0)));
    let picture = scene.picture();
    assert!(!picture.contains("Nothing was found."), "{picture}");
}

#[test]
fn the_list_of_rooms() {
    let mut scene = lively(80, 16);
    for (name, members, topic) in
        [("#cooking", 12, "Recipes"), ("#lobby", 99, "Welcome! Be kind."), ("#code", 3, "日本語")]
    {
        let (name, topic) = (name.to_owned(), topic.to_owned());
        scene.chat.listed.push(Listed { name, members, topic });
    }
    scene.tui.overlay = Some(Overlay::Rooms(List::default()));
    assert_snapshot!("the_list_of_rooms", scene.picture());
    scene.tui.overlay = Some(Overlay::Rooms(list("co", 1)));
    assert_snapshot!("the_list_of_rooms_by_letters", scene.picture());
}

#[test]
fn the_palette() {
    let mut scene = lively(80, 20);
    let hit = |text: &str, about: &str, kind: Kind, marked: &[usize]| {
        let (text, about, marked) = (text.to_owned(), about.to_owned(), marked.to_vec());
        Hit { text, about, kind, marked }
    };
    let mut palette = Palette { selected: 1, ..Palette::default() };
    palette.input.set("de");
    palette.hits = vec![
        hit("#dev", "1 new", Kind::Conversation, &[1, 2]),
        hit("/deop", "Take the rank", Kind::Command(true), &[1, 2]),
        hit("dave", "in #lobby", Kind::Conversation, &[0, 3]),
    ];
    scene.tui.overlay = Some(Overlay::Palette(palette));
    assert_snapshot!("the_palette", scene.picture());
    assert_snapshot!("the_palette_in_colour", scene.terminal.styled());
}

#[test]
fn reactions_to_choose_from() {
    let mut scene = lively(80, 20);
    scene.tui.overlay = Some(Overlay::Reactions(List { selected: 1, ..List::default() }));
    assert_snapshot!(scene.picture());
}

fn question(answer: Answer, typed: &str, text: &str, prompt: &str) -> Overlay {
    let title = "chat.example".to_owned();
    let (text, prompt) = (text.to_owned(), prompt.to_owned());
    let mut question = Question { title, text, prompt, answer, input: Default::default() };
    question.input.set(typed);
    Overlay::Question(question)
}

#[test]
fn questions() {
    let mut scene = Scene::new(80, 16);
    scene.tui.overlay = Some(question(Answer::Text, "ann", "", "Name:"));
    assert_snapshot!("a_question_for_the_name", scene.picture());
    scene.tui.overlay = Some(question(
        Answer::Secret,
        "sécret",
        "New here? This password registers the name.",
        "Password:",
    ));
    let picture = scene.picture();
    assert!(!picture.contains("cret"), "{picture}");
    assert_snapshot!("a_question_for_the_password", picture);
    let fingerprint = "You have not been here before. The server's certificate has the fingerprint\n\
        08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E:F1:08:8E\n\
        which the server shows when it starts.";
    scene.tui.overlay = Some(question(Answer::Text, "", fingerprint, "Is it the same? (y/n)"));
    assert_snapshot!("a_question_about_a_fingerprint", scene.picture());
    let mut small = Scene::new(40, 6);
    small.tui.overlay = Some(question(Answer::Text, "y", fingerprint, "Is it the same? (y/n)"));
    assert_snapshot!("a_question_on_a_small_terminal", small.picture());
}

#[test]
fn help_is_what_the_keys_do() {
    let mut scene = lively(80, 20);
    scene.tui.overlay = Some(Overlay::Help(0));
    let picture = scene.picture();
    for (heading, rows) in scene.tui.keymap.help().iter().take(1) {
        assert!(picture.contains(heading), "{picture}");
        assert!(rows.iter().take(1).all(|(keys, _)| picture.contains(keys)), "{picture}");
    }
    scene.tui.overlay = Some(Overlay::Help(usize::MAX));
    scene.draw();
    assert!(matches!(scene.tui.overlay, Some(Overlay::Help(scrolled)) if scrolled < 1_000));
}
