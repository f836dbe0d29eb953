//! The README's picture: a conversation on the real screen, as an SVG. After a change of the screen,
//! `UPDATE_PICTURE=1 cargo test -p parlor-tui --test screen readme` makes it anew.

use crate::emulator::Piece;
use crate::pictures::{confirm, say};
use crate::scene::Scene;
use std::fmt::Write;
use std::path::Path;

const COLUMNS: u16 = 108;
const ROWS: u16 = 28;
/// A cell, and the space around all of them, in the SVG's units.
const CELL: (f64, f64) = (8.4, 18.0);
const AROUND: (f64, f64) = (16.0, 40.0);
const GROUND: &str = "#1a1b26";
const INK: &str = "#c0caf5";

fn conversation() -> Scene {
    let mut scene = Scene::new(COLUMNS, ROWS);
    scene.join_room(
        "#lobby",
        "Plans for the science fair: bring your own soldering iron",
        "@maria %tom ann ben yuki zoe",
    );
    scene.join_room("#robots", "", "ann ben");
    scene.join_room("#music", "", "ann zoe");
    scene.receive(":parlor NOTIFY #music mute");
    scene.end_welcome();
    scene.open("#lobby");
    let sent = scene.take_sent();
    let label = sent.iter().find_map(|line| line.strip_prefix("@label=")?.split_once(' '));
    let label = label.expect("the history was asked for").0.to_owned();
    scene.advance_minutes(-60 * 17);
    scene.history_page(
        &label,
        "#lobby",
        &[("h1", scene.now_ms, "maria", "Rehearsal is tomorrow at two, in the \x02big hall\x02.")],
    );
    scene.draw();
    let label = scene.take_sent().concat();
    let label = label.strip_prefix("@label=").and_then(|sent| sent.split_once(' '));
    scene.history_page(label.expect("what is above was asked for").0, "#lobby", &[]);
    scene.advance_minutes(60 * 17);
    let question =
        scene.message("ben", "#lobby", "Does anybody still have the wiring plan of the robot arm?");
    scene.message("ben", "#lobby", "Mine says `pin 7 -> servo`, and that smells of smoke.");
    scene.advance_minutes(1);
    for name in ["lena", "omar", "nils"] {
        scene.room_event(name, "JOIN #lobby");
    }
    scene.room_event("nils", "QUIT :Bye");
    scene.advance_minutes(1);
    let answer = scene.message_with_tags(
        "yuki",
        "#lobby",
        "Here it is: https://fair.example/arm/wiring.pdf. It is pin 9!",
        &format!(";+draft/reply={question}"),
    );
    for (who, emoji) in [("ben", "🎉"), ("ann", "👍"), ("tom", "👍"), ("maria", "👍")] {
        scene.receive(&format!(
            "@+draft/reply={answer};+draft/react={emoji} :{who}!{who}@parlor TAGMSG #lobby"
        ));
    }
    scene.message("tom", "#lobby", "\x01ACTION opens a window\x01");
    let slip = scene.message("zoe", "#lobby", "hunter2");
    scene.receive(&format!(":zoe!zoe@parlor REDACT #lobby {slip}"));
    scene.advance_minutes(3);
    say(&mut scene, "#lobby", "I can bring two power supplies and the spare servo.");
    confirm(&mut scene, "#lobby", "I can bring two power supplies and the spare servo.");
    scene.message("maria", "#lobby", "ann: wonderful! お願いします 🙏");
    scene.message("maria", "#lobby", "And please nobody touch the blue cable.");
    scene.advance_minutes(1);
    say(&mut scene, "#lobby", "On my way");
    scene.message("ben", "#robots", "ann: the arm moves!");
    scene.message("ben", "#robots", "(most of the time)");
    scene.message("zoe", "#music", "la la la");
    scene.message("yuki", "ann", "shall I wait for you?");
    scene.receive("@+typing=active :tom!tom@parlor TAGMSG #lobby");
    scene.tui.composer().set("Tell me when the hall is open");
    scene.draw();
    scene
}

/// A colour of the terminal's palette.
fn palette(index: u8) -> String {
    const FIRST: [&str; 16] = [
        "#15161e", "#f7768e", "#9ece6a", "#e0af68", "#7aa2f7", "#bb9af7", "#7dcfff", "#a9b1d6",
        "#565f89", "#f7768e", "#9ece6a", "#e0af68", "#7aa2f7", "#bb9af7", "#7dcfff", "#c0caf5",
    ];
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..16 => FIRST[usize::from(index)].to_owned(),
        16..232 => {
            let cube = index - 16;
            let (r, g, b) = (level(cube / 36), level(cube / 6 % 6), level(cube % 6));
            format!("#{r:02x}{g:02x}{b:02x}")
        }
        232.. => format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * (index - 232)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn piece(piece: &Piece, out: &mut String) {
    let (x, y) =
        (AROUND.0 + f64::from(piece.column) * CELL.0, AROUND.1 + f64::from(piece.row) * CELL.1);
    let width = f64::from(piece.cells) * CELL.0;
    if let Some(ground) = piece.background {
        let (fill, height) = (palette(ground), CELL.1);
        writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{fill}\"/>").unwrap();
    }
    let ink = piece.foreground.map_or(INK.to_owned(), palette);
    let mut style = String::new();
    for (is_so, attribute) in [
        (piece.bold, " font-weight=\"bold\""),
        (piece.italic, " font-style=\"italic\""),
        (piece.underlined, " text-decoration=\"underline\""),
    ] {
        style.push_str(if is_so { attribute } else { "" });
    }
    let y = y + 13.5;
    let wide = usize::from(piece.cells).saturating_sub(piece.text.chars().count());
    let mut column = 0;
    // Spaces at an end would be left out, and the rest spread over their place.
    for part in piece.text.split(' ') {
        let cells = part.chars().count();
        if cells > 0 {
            let (x, width) = (x + column as f64 * CELL.0, (cells + wide) as f64 * CELL.0);
            let text = escaped(part);
            writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{width:.1}\" fill=\"{ink}\"{style}>{text}</text>"
            )
            .unwrap();
        }
        column += cells + 1;
    }
}

fn svg(scene: &Scene) -> String {
    let width = f64::from(COLUMNS) * CELL.0 + 2.0 * AROUND.0;
    let height = f64::from(ROWS) * CELL.1 + AROUND.1 + AROUND.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"chatclient on the full screen: rooms with unread counts to the left, a conversation in the middle, \
         the members to the right\">\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\" fill=\"{GROUND}\"/>\n\
         <g fill=\"#565f89\"><circle cx=\"20\" cy=\"18\" r=\"6\"/><circle cx=\"40\" cy=\"18\" r=\"6\"/>\
         <circle cx=\"60\" cy=\"18\" r=\"6\"/></g>\n\
         <g font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"14\">\n"
    );
    for one in scene.terminal.pieces() {
        piece(&one, &mut out);
    }
    if let Some((x, y)) = scene.terminal.cursor() {
        let (x, y) = (AROUND.0 + x as f64 * CELL.0, AROUND.1 + y as f64 * CELL.1 + 1.0);
        writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"8\" height=\"16\" fill=\"{INK}\"/>")
            .unwrap();
    }
    out.push_str("</g>\n</svg>\n");
    out
}

#[test]
fn the_readme_shows_the_screen_as_it_is() {
    let made = svg(&conversation());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/screen.svg");
    if std::env::var_os("UPDATE_PICTURE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/screen.svg is not what the screen looks like now; \
         UPDATE_PICTURE=1 cargo test -p parlor-tui --test screen readme makes it anew"
    );
}
