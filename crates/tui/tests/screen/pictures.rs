//! Pictures of conversations.

use crate::scene::Scene;
use chat::Intent;
use chat::intent::NewMessage;
use insta::assert_snapshot;
use tui::Settings;
use tui::theme::{Background, Depth, Theme};

/// A conversation with a bit of everything.
pub(crate) fn lively(columns: u16, rows: u16) -> Scene {
    let mut scene = Scene::new(columns, rows);
    lively_in(&mut scene);
    scene
}

pub(crate) fn lively_in(scene: &mut Scene) {
    scene.join_room("#lobby", "Welcome! Be kind.", "@bob %carol +dave ann eve");
    scene.join_room("#dev", "The build", "ann bob");
    scene.end_welcome();
    scene.open("#lobby");
    let sent = scene.take_sent();
    let label = sent.iter().find_map(|line| line.split_once("CHATHISTORY LATEST #lobby"));
    let label = label.and_then(|(tags, _)| tags.strip_prefix("@label=")).unwrap().trim().to_owned();
    scene.history_page(&label, "#lobby", &[]);
    scene.advance_minutes(-60 * 20);
    scene.message("bob", "#lobby", "The release is tomorrow.");
    scene.advance_minutes(60 * 20);
    let question = scene.message("bob", "#lobby", "Has anybody looked at the failing test?");
    scene.message("bob", "#lobby", "It is in \x02store\x02, see https://ci.example/builds/4711.");
    scene.advance_minutes(2);
    for name in ["frank", "grace", "heidi", "ivan", "judy"] {
        scene.room_event(name, "JOIN #lobby");
    }
    scene.room_event("ivan", "PART #lobby :bye");
    let answer = scene.message_with_tags(
        "eve",
        "#lobby",
        "Yes: `cargo test -p store` hangs when the disk is full.",
        &format!(";+draft/reply={question}"),
    );
    scene.receive(&format!("@+draft/reply={answer};+draft/react=👍 :bob!bob@parlor TAGMSG #lobby"));
    scene.receive(&format!("@+draft/reply={answer};+draft/react=👍 :ann!ann@parlor TAGMSG #lobby"));
    scene.receive(&format!(
        "@+draft/reply={answer};+draft/react=🎉 :carol!carol@parlor TAGMSG #lobby"
    ));
    scene.advance_minutes(1);
    scene.message("carol", "#lobby", "\x01ACTION waves to everybody\x01");
    let slip = scene.message("dave", "#lobby", "wrong window");
    scene.receive(&format!(":dave!dave@parlor REDACT #lobby {slip}"));
    scene.message("dave", "#lobby", "ann: could you have a look?");
    say(scene, "#lobby", "I can. Give me ten minutes.");
    confirm(scene, "#lobby", "I can. Give me ten minutes.");
    say(scene, "#lobby", "(and a coffee)");
    scene.message("bob", "#dev", "ann: the build is green again");
    scene.message("eve", "ann", "psst");
    scene.take_sent();
}

pub(crate) fn say(scene: &mut Scene, to: &str, text: &str) {
    let saying = NewMessage { to: to.to_owned(), text: text.to_owned(), ..NewMessage::default() };
    scene.perform(Intent::Say(saying));
}

/// The server has the message that was sent last.
pub(crate) fn confirm(scene: &mut Scene, to: &str, text: &str) {
    let sent = scene.take_sent();
    let line = sent.iter().rev().find(|line| line.contains("PRIVMSG")).unwrap();
    let label = line.strip_prefix("@label=").unwrap().split(';').next().unwrap();
    scene.message_with_tags("ann", to, text, &format!(";label={label}"));
}

#[test]
fn a_lively_room() {
    assert_snapshot!(lively(120, 30).picture());
}

#[test]
fn a_lively_room_on_a_small_terminal() {
    assert_snapshot!(lively(40, 12).picture());
}

#[test]
fn a_lively_room_on_a_large_terminal() {
    assert_snapshot!(lively(200, 50).picture());
}

fn with(depth: Depth, background: Background) -> Settings {
    Settings { theme: Theme { depth, background }, ..Settings::default() }
}

#[test]
fn colours_on_a_dark_background() {
    let mut scene = lively(100, 20);
    scene.draw();
    assert_snapshot!(scene.terminal.styled());
}

#[test]
fn colours_on_a_light_background() {
    let mut scene = Scene::with(60, 20, with(Depth::Indexed, Background::Light));
    lively_in(&mut scene);
    scene.draw();
    assert_snapshot!(scene.terminal.styled());
}

#[test]
fn sixteen_colours() {
    let mut scene = Scene::with(60, 20, with(Depth::Ansi, Background::Dark));
    lively_in(&mut scene);
    scene.draw();
    assert_snapshot!(scene.terminal.styled());
}

#[test]
fn no_colours() {
    let mut scene = Scene::with(60, 20, with(Depth::None, Background::Dark));
    lively_in(&mut scene);
    scene.draw();
    assert_snapshot!(scene.terminal.styled());
}
