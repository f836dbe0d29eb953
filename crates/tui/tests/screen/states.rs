//! States of a conversation: scrolled, unread, missing history, failed messages, what is being written.

use crate::pictures::{lively, say};
use crate::scene::{START_MS, Scene};
use chat::Intent;
use chat::intent::NewMessage;
use insta::assert_snapshot;
use tui::tui::Link;

/// A room whose newest page has come: `count` messages of every other minute, `older` of them before what is here.
fn with_history(columns: u16, rows: u16, from: usize, count: usize) -> Scene {
    let mut scene = Scene::new(columns, rows);
    scene.join_room("#dev", "", "ann bob carol");
    scene.end_welcome();
    scene.open("#dev");
    let label = label(&scene.take_sent(), "CHATHISTORY LATEST #dev");
    answer(&mut scene, &label, from, count);
    scene
}

/// Answers a request for history with messages by number.
fn answer(scene: &mut Scene, label: &str, from: usize, count: usize) {
    let messages: Vec<(String, i64, &str, String)> = (from..from + count)
        .map(|number| {
            let time = START_MS + i64::try_from(number).unwrap() * 120_000;
            let who = if number % 3 == 0 { "bob" } else { "carol" };
            (format!("h{number}"), time, who, format!("message number {number}"))
        })
        .collect();
    let page: Vec<(&str, i64, &str, &str)> = messages
        .iter()
        .map(|(id, time, who, text)| (id.as_str(), *time, *who, text.as_str()))
        .collect();
    scene.history_page(label, "#dev", &page);
    scene.now_ms = START_MS + 24 * 3_600_000;
}

/// The label of a request that was sent.
fn label(sent: &[String], request: &str) -> String {
    let found = sent.iter().find_map(|line| line.split_once(request));
    let (tags, _) = found.unwrap_or_else(|| panic!("no {request} in {sent:?}"));
    tags.trim().strip_prefix("@label=").expect("a label").to_owned()
}

#[test]
fn what_people_say_of_themselves_stands_beside_their_names() {
    let mut scene = Scene::new(110, 12);
    scene.join_room("#dev", "", "ann @bob");
    scene.end_welcome();
    scene.receive(":parlor METADATA bob display-name * :Bob the Builder");
    scene.open("#dev");
    let picture = scene.picture();
    assert!(picture.contains("@bob Bob the"), "{picture}");
    scene.receive(":parlor METADATA bob status * :among roses");
    scene.open("bob");
    let picture = scene.picture();
    assert!(picture.contains("bob  Bob the Builder · among roses"), "{picture}");
}

#[test]
fn a_room_opened_during_a_break_is_joined_before_its_history_is_asked_for() {
    let mut scene = Scene::new(80, 12);
    scene.join_room("#dev", "", "ann bob");
    scene.end_welcome();
    scene.open("#dev");
    scene.broken();
    scene.open("#new");
    scene.draw();
    let saying =
        NewMessage { to: "#new".to_owned(), text: "hello".to_owned(), ..NewMessage::default() };
    scene.perform(Intent::Say(saying));
    scene.draw();
    scene.take_sent();
    scene.login();
    scene.draw();
    scene.end_welcome();
    scene.draw();
    let sent = scene.take_sent();
    let at = |request| sent.iter().position(|line| line.contains(request));
    let (join, history) = (at("JOIN #new"), at("CHATHISTORY LATEST #new"));
    assert!(join.is_some() && join < history, "a new room has no history before: {sent:?}");
}

#[test]
fn rows_of_lists_have_what_they_are_about() {
    let mut scene = Scene::new(150, 14);
    scene.join_room("#dev", "", "@ann bob");
    scene.end_welcome();
    scene.open("#dev");
    scene.receive(":parlor NOTE BAN ENTRY #dev $a:bob ann 2026-11-29T19:46:22.000Z :being rude");
    scene.receive(":parlor NOTE BAN ENTRY #dev eve!*@* ann * :");
    scene.receive(":parlor NOTE ROOM SETTING #dev slow-mode :0");
    scene.receive(":parlor NOTE ACCOUNTS ENTRY bob 2026-11-28T10:00:00.000Z active member 0 :");
    scene.receive(":parlor NOTE REPORTS ENTRY 7 ann bob :28 November 2026, sleeps");
    let picture = scene.picture();
    for row in [
        "Banned $a:bob by ann until 2026-11-29T19:46:22.000Z: being rude",
        "Banned eve!*@* by ann ",
        "slow-mode: 0",
        "Account bob, active member, connections: 0",
        "Report 7 by ann about bob: 28 November 2026, sleeps",
    ] {
        assert!(picture.contains(row), "{row}: {picture}");
    }
}

#[test]
fn changes_of_the_ignore_list_are_shown() {
    let mut scene = Scene::new(100, 12);
    scene.join_room("#dev", "", "ann bob");
    scene.end_welcome();
    scene.open("#dev");
    scene.receive(":ann!ann@parlor SILENCE +bob");
    scene.receive(":ann!ann@parlor SILENCE -gus!*@*");
    scene.receive(":parlor 271 ann eve");
    scene.receive(":parlor 301 ann gus *");
    let picture = scene.picture();
    for row in [
        "You ignore bob from now on",
        "You no longer ignore gus!*@*",
        "You ignore eve",
        "gus is away ",
    ] {
        assert!(picture.contains(row), "{row}: {picture}");
    }
}

#[test]
fn somebody_who_left_and_came_back_has_come_once() {
    let mut scene = Scene::new(80, 12);
    scene.join_room("#dev", "", "ann dave");
    scene.end_welcome();
    scene.open("#dev");
    for line in ["bob!b@s JOIN #dev", "bob!b@s QUIT :x", "bob!b@s JOIN #dev", "dave!d@s PART #dev"]
    {
        scene.receive(&format!(":{line}"));
    }
    let picture = scene.picture();
    assert!(picture.contains("bob came; dave left"), "{picture}");
}

#[test]
fn history_loads_when_its_beginning_is_near() {
    let mut scene = with_history(60, 16, 100, 50);
    scene.draw();
    assert!(
        scene.take_sent().iter().all(|line| !line.contains("BEFORE")),
        "the end is far from it"
    );
    scene.tui.scroll_pages(-3, &scene.chat);
    scene.draw();
    let label = label(&scene.take_sent(), "CHATHISTORY BEFORE #dev msgid=h100 50");
    let before = scene.terminal.picture();
    scene.draw();
    assert_eq!(scene.take_sent(), [""; 0], "it is asked for once");
    answer(&mut scene, &label, 50, 50);
    assert_eq!(scene.picture(), before, "what is on the screen stays where it is");
}

#[test]
fn the_beginning_of_what_is_here() {
    let mut scene = with_history(60, 16, 100, 50);
    scene.tui.scroll_to_start(&scene.chat);
    assert_snapshot!(scene.picture());
}

#[test]
fn history_that_is_refused_is_not_asked_for_again() {
    let mut scene = with_history(60, 16, 100, 5);
    scene.draw();
    let label = label(&scene.take_sent(), "CHATHISTORY BEFORE #dev msgid=h100 50");
    scene.receive(&format!(
        "@label={label} :parlor FAIL CHATHISTORY MESSAGE_ERROR BEFORE #dev :No."
    ));
    scene.draw();
    scene.draw();
    assert_eq!(scene.take_sent(), [""; 0]);
}

#[test]
fn scrolled_up_while_messages_come() {
    let mut scene = with_history(60, 16, 100, 50);
    scene.draw();
    scene.tui.scroll_pages(-1, &scene.chat);
    scene.draw();
    // Without the list of rooms, which counts them.
    let timeline = |scene: &Scene| -> Vec<String> {
        scene.terminal.rows()[1..12].iter().map(|row| row.chars().skip(18).collect()).collect()
    };
    let before = timeline(&scene);
    for number in 0..5 {
        scene.message("bob", "#dev", &format!("new {number}"));
    }
    scene.draw();
    assert_eq!(timeline(&scene), before, "the place is kept");
    assert!(
        !scene
            .take_sent()
            .iter()
            .any(|line| line.starts_with("MARKREAD #dev timestamp=2026-11-29"))
    );
    assert_snapshot!(scene.picture());
    scene.tui.scroll_to_end();
    scene.draw();
    assert!(
        scene.take_sent().iter().any(|line| line.starts_with("MARKREAD #dev timestamp=2026-11-29"))
    );
}

#[test]
fn a_room_opens_at_its_unread_line() {
    let mut scene = with_history(60, 14, 100, 50);
    scene.draw();
    scene.join_room("#lobby", "", "ann bob");
    scene.open("#lobby");
    scene.draw();
    for number in 0..30 {
        scene.advance_minutes(1);
        scene.message("bob", "#dev", &format!("missed {number}"));
    }
    scene.take_sent();
    scene.open("#dev");
    assert_snapshot!("a_room_opens_at_its_unread_line", scene.picture());
    assert!(
        !scene.take_sent().iter().any(|line| line.starts_with("MARKREAD #dev")),
        "not yet read"
    );
    scene.tui.scroll_to_end();
    assert_snapshot!("an_unread_room_at_its_end", scene.picture());
    assert!(scene.take_sent().iter().any(|line| line.starts_with("MARKREAD #dev")), "read");
}

#[test]
fn unread_messages_that_are_not_here_are_fetched() {
    let mut scene = Scene::new(60, 14);
    scene.join_room("#dev", "", "ann bob carol");
    scene.receive("UNREAD #dev 70 0 h80");
    scene.open("#dev");
    scene.end_welcome();
    scene.draw();
    let sent = scene.take_sent();
    let latest = label(&sent, "CHATHISTORY LATEST #dev * 50");
    let around = label(&sent, "CHATHISTORY AROUND #dev msgid=h80 50");
    answer(&mut scene, &latest, 100, 50);
    scene.draw();
    assert!(
        !scene.take_sent().iter().any(|line| line.starts_with("MARKREAD")),
        "the end was in between"
    );
    answer(&mut scene, &around, 55, 50);
    assert_snapshot!(scene.picture());
}

#[test]
fn what_comes_while_nobody_looks_gets_a_line() {
    let mut scene = with_history(60, 14, 100, 20);
    scene.draw();
    scene.tui.focused = false;
    scene.message("bob", "#dev", "are you there?");
    scene.advance_minutes(1);
    scene.message("bob", "#dev", "hello?");
    scene.take_sent();
    assert_snapshot!(scene.picture());
    assert_eq!(scene.take_sent(), [""; 0]);
    scene.tui.focused = true;
    scene.draw();
    assert!(scene.take_sent()[0].starts_with("MARKREAD #dev"));
}

#[test]
fn nothing_is_read_below_an_overlay() {
    let mut scene = with_history(60, 14, 100, 20);
    scene.draw();
    scene.take_sent();
    scene.tui.overlay = Some(tui::overlay::Overlay::Search(tui::overlay::List::default()));
    scene.message("bob", "#dev", "psst");
    scene.draw();
    assert_eq!(scene.take_sent(), [""; 0]);
}

#[test]
fn a_gap_after_a_break_is_shown_and_fills() {
    let mut scene = with_history(60, 14, 100, 20);
    scene.draw();
    scene.broken();
    scene.tui.link = Link::Waiting(scene.now_ms + 5_000);
    assert_snapshot!("a_broken_connection", scene.picture());
    scene.tui.link = Link::Connected { tls: true };
    scene.take_sent();
    scene.login();
    scene.join_room("#dev", "", "ann bob carol");
    scene.end_welcome();
    scene.message("bob", "#dev", "after the break");
    scene.draw();
    assert_snapshot!("a_gap_that_is_loading", scene.terminal.picture());
    let latest = label(&scene.take_sent(), "CHATHISTORY LATEST #dev * 50");
    answer(&mut scene, &latest, 105, 20);
    assert_snapshot!("a_gap_that_is_filled", scene.picture());
}

#[test]
fn a_break_does_not_move_a_reader_further_up() {
    let mut scene = with_history(60, 14, 100, 50);
    scene.draw();
    scene.tui.scroll_pages(-1, &scene.chat);
    scene.draw();
    let before = scene.terminal.rows()[1..12].to_vec();
    scene.broken();
    scene.login();
    scene.join_room("#dev", "", "ann bob carol");
    scene.receive("UNREAD #dev 3 0 h160");
    scene.end_welcome();
    scene.draw();
    let after: Vec<String> =
        scene.terminal.rows()[1..12].iter().map(|row| row.replace(" 3 │", "   │")).collect();
    assert_eq!(after, before);
}

#[test]
fn a_refused_message_says_why() {
    let mut scene = lively(70, 14);
    say(&mut scene, "#lobby", "too fast");
    let sent = scene.take_sent();
    let label = sent[0].strip_prefix("@label=").unwrap().split(';').next().unwrap();
    scene.receive(&format!("@label={label} :parlor 404 ann #lobby :You may not speak here now."));
    assert_snapshot!(scene.picture());
}

#[test]
fn a_focused_message() {
    let mut scene = lively(70, 16);
    scene.draw();
    scene.tui.focus_above(&scene.chat);
    scene.tui.focus_above(&scene.chat);
    scene.tui.focus_above(&scene.chat);
    scene.draw();
    assert_snapshot!("a_focused_message", scene.terminal.picture());
    assert_snapshot!("a_focused_message_in_colour", scene.terminal.styled());
}

#[test]
fn the_focus_moves_through_all_messages_and_scrolls_with_it() {
    let mut scene = with_history(40, 12, 100, 30);
    scene.draw();
    for number in (100..130).rev() {
        scene.tui.focus_above(&scene.chat);
        scene.draw();
        assert!(scene.terminal.picture().contains(&format!("message number {number}")), "{number}");
    }
    for number in 101..130 {
        scene.tui.focus_below(&scene.chat);
        scene.draw();
        assert!(scene.terminal.picture().contains(&format!("message number {number}")), "{number}");
    }
    scene.tui.focus_below(&scene.chat);
    assert_eq!(scene.tui.focus, tui::tui::Focus::Composer);
}

#[test]
fn a_jump_shows_a_message_as_soon_as_it_is_here() {
    let mut scene = with_history(60, 16, 100, 50);
    scene.draw();
    scene.take_sent();
    let actions = scene.tui.jump("#dev", "h20", &scene.chat);
    scene.run_actions(actions);
    scene.draw();
    let around = label(&scene.take_sent(), "CHATHISTORY AROUND #dev msgid=h20 50");
    answer(&mut scene, &around, 0, 45);
    assert_snapshot!(scene.picture());
}

#[test]
fn an_answer_of_several_lines_is_being_written() {
    let mut scene = lively(60, 20);
    let place = scene.tui.conversation_view();
    place.reply_to = Some("m4".to_owned());
    place
        .composer
        .set("First I thought so, too, but then I had a look at the log.\n日本語\n\nLast");
    assert_snapshot!(scene.picture());
}

#[test]
fn a_draft_grows_to_a_third_of_the_screen() {
    let mut scene = lively(40, 12);
    scene.tui.composer().set("1\n2\n3\n4\n5\n6\n7\n8");
    assert_snapshot!(scene.picture());
}

#[test]
fn somebody_is_typing() {
    let mut scene = lively(60, 10);
    scene.receive("@+typing=active :bob!bob@parlor TAGMSG #lobby");
    assert_snapshot!("somebody_is_typing", scene.picture());
    scene.receive("@+typing=active :eve!eve@parlor TAGMSG #lobby");
    scene.receive("@+typing=active :carol!c@parlor TAGMSG #lobby");
    assert!(scene.picture().contains(" 3 are typing … "));
    scene.now_ms += 60_000;
    assert!(!scene.picture().contains("typing"));
}

#[test]
fn an_error_is_a_line_above_the_composer() {
    let mut scene = lively(60, 10);
    scene.tui.show_status("There is no such command: /foo", true);
    assert_snapshot!(scene.picture());
}

#[test]
fn nobody_in_a_room_elsewhere_is_no_empty_list() {
    let mut scene = lively(80, 12);
    scene.receive(":parlor 366 ann #nowhere :End of NAMES list");
    assert!(scene.picture().contains("There is no room #nowhere that you may see."));
}

#[test]
fn a_private_conversation_and_the_servers() {
    let mut scene = lively(80, 12);
    scene.open("eve");
    assert_snapshot!("a_private_conversation", scene.picture());
    scene.receive(":parlor NOTICE ann :The server restarts at midnight.");
    scene.receive(":parlor 401 ann nobody :There is nobody by that name.");
    scene.open("");
    assert_snapshot!("the_servers_conversation", scene.picture());
}

#[test]
fn an_empty_room() {
    let mut scene = Scene::new(80, 12);
    scene.join_room("#new", "", "@ann");
    scene.end_welcome();
    scene.open("#new");
    assert_snapshot!("a_room_that_loads", scene.picture());
    let label = label(&scene.take_sent(), "CHATHISTORY LATEST #new");
    scene.history_page(&label, "#new", &[]);
    assert_snapshot!("an_empty_room", scene.picture());
}

#[test]
fn muted_rooms_are_dim_and_many_do_not_fit() {
    let mut scene = Scene::new(80, 8);
    for name in ["#a", "#b", "#c", "#d", "#e", "#f", "#g", "#h"] {
        scene.join_room(name, "", "ann bob");
    }
    scene.receive(":parlor NOTIFY #b mute");
    scene.end_welcome();
    for name in ["#a", "#b", "#b", "#h"] {
        scene.message("bob", name, "hi");
    }
    scene.open("#a");
    scene.draw();
    assert_snapshot!("muted_rooms", scene.terminal.styled());
    scene.open("#h");
    assert_snapshot!("the_last_of_many_rooms", scene.picture());
}

#[test]
fn what_happens_in_a_room() {
    let mut scene = lively(80, 16);
    scene.room_event("bob", "TOPIC #lobby :Bring \x02cake\x02");
    scene.room_event("bob", "MODE #lobby +o dave");
    scene.room_event("zoe", "JOIN #lobby");
    scene.room_event("bob", "KICK #lobby zoe :no reason");
    scene.room_event("eve", "NICK eva");
    scene.room_event("eva", "QUIT :bye");
    assert_snapshot!(scene.picture());
}

#[test]
fn a_selection_is_the_text_of_the_timeline() {
    let mut scene = lively(80, 24);
    scene.draw();
    let row = |text: &str| {
        let rows = scene.terminal.rows();
        u16::try_from(rows.iter().position(|row| row.contains(text)).unwrap()).unwrap()
    };
    let (from, to) = (row("Has anybody"), row("It is in store"));
    let rows = scene.terminal.rows();
    let column = rows[usize::from(from)].chars().position(|c| c == 'H').unwrap();
    scene.tui.select(Some(((79, to), (u16::try_from(column).unwrap(), from))));
    scene.draw();
    let text = scene.tui.selected_text().unwrap();
    assert!(text.starts_with("Has anybody looked at the failing test?\n"), "{text}");
    assert!(text.ends_with("It is in store, see"), "{text}");
}

#[test]
fn long_messages_are_cut_until_they_are_focused() {
    let mut scene = lively(60, 20);
    let lines: Vec<String> = (1..=60).map(|line| format!("line {line}")).collect();
    scene.receive("@msgid=long :bob!b@parlor BATCH +1 draft/multiline #lobby");
    for line in &lines {
        scene.receive(&format!("@batch=1 :bob!b@parlor PRIVMSG #lobby :{line}"));
    }
    scene.receive(":parlor BATCH -1");
    let cut = scene.picture();
    assert!(cut.contains("line 40") && !cut.contains("line 41"), "{cut}");
    // The newest is what is still on its way.
    scene.tui.focus_above(&scene.chat);
    scene.tui.focus_above(&scene.chat);
    scene.draw();
    scene.tui.scroll_to_end();
    assert!(scene.picture().contains("line 60"));
}

#[test]
fn more_than_fits_the_screen_is_read_when_the_person_has_gone_through_it() {
    let marks = |scene: &mut Scene| {
        let sent = scene.take_sent();
        sent.iter().filter(|line| line.starts_with("MARKREAD #dev")).count()
    };
    let mut scene = with_history(60, 16, 100, 50);
    scene.draw();
    marks(&mut scene);
    // Under an overlay nothing is seen, and there is more than fits once it is gone.
    scene.tui.overlay = Some(tui::overlay::Overlay::Help(0));
    for number in 0..30 {
        scene.message("bob", "#dev", &format!("new {number}"));
    }
    scene.draw();
    scene.tui.overlay = None;
    scene.draw();
    assert_eq!(marks(&mut scene), 0);
    let picture = scene.picture();
    assert!(picture.contains("new 0") && !picture.contains("new 29"), "{picture}");
    scene.tui.scroll_pages(9, &scene.chat);
    scene.draw();
    assert_eq!(marks(&mut scene), 1);
    // Who wants the end need not see the rest.
    scene.advance_minutes(1);
    for number in 30..60 {
        scene.message("bob", "#dev", &format!("new {number}"));
    }
    scene.draw();
    assert_eq!(marks(&mut scene), 0);
    scene.tui.scroll_to_end();
    scene.draw();
    assert_eq!(marks(&mut scene), 1);
    // On a screen too small for anything nothing is seen.
    scene.advance_minutes(1);
    scene.tui.resize(8, 16);
    scene.message("bob", "#dev", "unseen");
    scene.draw();
    assert_eq!(marks(&mut scene), 0);
}
