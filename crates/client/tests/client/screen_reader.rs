//! Plain prompts for screen readers: what the full screen shows as a list is numbered lines, and a number answers.

use pty_process::blocking::Command;

use crate::process::Computer;
use crate::scripts::{Place, write_private};
use crate::terminal::{OPERATION, Terminal};

fn reader(place: &Place, user: &str) -> Terminal {
    let computer = Computer::new();
    let file = computer.state().join("password");
    write_private(&file, user);
    let port = place.port.to_string();
    let command = Command::new(env!("CARGO_BIN_EXE_chatclient"))
        .args(["127.0.0.1", &port, "--register", "--screen-reader", "-u", user])
        .env("PARLOR_PASSWORD_FILE", file);
    let mut terminal = Terminal::run(computer, command, |command| command);
    terminal.expect(OPERATION);
    terminal
}

#[test]
fn lists_are_numbered_lines_and_a_number_chooses() {
    let place = Place::new();
    let said = place.call("bob", &["--plain"], "BM tea at four\nJOIN #garden\nPM #garden roses\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut ann = reader(&place, "ann");
    ann.type_in("ROOMS\r");
    ann.expect("1: #garden (");
    ann.expect("2: #lobby (");
    ann.expect("* 2 rooms; a number enters one.");
    ann.type_in("1\r");
    ann.expect("* You are in #garden.");
    ann.type_in("FIND tea\r");
    ann.expect("1: [BM]");
    ann.expect("* That is all.");
    ann.type_in("1\r");
    ann.expect("bob: tea at four");
    ann.type_in("7\r");
    ann.expect("* That number is not on a list; try help.");

    // Which message, and how to react to it, or whom to write to.
    ann.type_in("REACT\r");
    ann.expect("bob: tea at four");
    ann.expect("Enter the number of a message, or a user: ");
    ann.type_in("bob\r");
    ann.expect("1: thumbs up");
    ann.expect("Enter an emoji, or its name: ");
    ann.type_in("1\r");
    ann.expect("* you react to the message of bob with 👍");
    ann.type_in("PM\r");
    ann.expect("1: ann");
    ann.expect("Enter the user: ");
    ann.type_in("1\r");
    ann.expect("Enter the message: ");
    ann.type_in("to myself\r");
    ann.expect("* Sent to ann.");
    ann.type_in("GO gard\r");
    ann.expect("1: #garden");
    ann.expect(OPERATION);
    ann.type_in("EX\r");
    assert_eq!(ann.finish().0, Some(0));
}

#[test]
fn tab_tells_what_fits_and_a_number_chooses() {
    let place = Place::new();
    let created = place.call("bob", &["--plain"], "JOIN #garden\n");
    assert_eq!(created.code, Some(0), "{created:?}");
    let mut ann = reader(&place, "ann");
    ann.type_in("ROOMS\r");
    ann.expect("* 2 rooms");
    ann.expect(OPERATION);
    ann.type_in("JOIN #\t");
    ann.see("both rooms", |shown| shown.contains("1: #lobby") && shown.contains("2: #garden"));
    ann.type_in("2\t");
    ann.see("the chosen room", |shown| shown.ends_with("JOIN #garden"));
    ann.type_in("\r");
    ann.expect("* You are in #garden.");
    // One that fits alone is put in at once.
    ann.type_in("/topi\t");
    ann.see("the command", |shown| shown.ends_with("/topic"));
    ann.type_in("\x15qqq\t");
    ann.expect("* No matches.");
    ann.type_in("\x15EX\r");
    assert_eq!(ann.finish().0, Some(0));
}

#[test]
fn redact_alone_asks_which_message_is_meant() {
    let place = Place::new();
    let said = place.call("ann", &["--plain"], "BM one\nBM two\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut ann = reader(&place, "ann");
    ann.type_in("REDACT\r");
    ann.expect("1: [BM]");
    ann.expect("ann: two");
    ann.expect("ann: one");
    ann.expect("Enter the number of a message, or a user: ");
    ann.type_in("\r");
    ann.expect("* No message was named.");
    ann.type_in("REDACT\r");
    ann.expect("Enter the number of a message, or a user: ");
    ann.type_in("3\r");
    ann.expect("* That number is not on a list; try help.");
    ann.type_in("REDACT\r");
    ann.expect("Enter the number of a message, or a user: ");
    ann.type_in("2\r");
    ann.expect("(taken back)");
    ann.type_in("EX\r");
    assert_eq!(ann.finish().0, Some(0));
    let history = place.done("bob", &["history", "#lobby"]);
    assert!(!history.contains("one") && history.contains("two"), "{history}");
}

#[test]
fn a_number_means_what_was_listed_last_or_is_refused() {
    let place = Place::new();
    let said = place.call("bob", &["--plain"], "JOIN #garden\nPM #garden roses\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut ann = reader(&place, "ann");
    // What found nothing listed nothing.
    for (after, told) in [("UNREAD", "* Nothing is unread."), ("GO qqqq", "* No matches.")] {
        ann.type_in("ROOMS\r");
        ann.expect("* 2 rooms; a number enters one.");
        ann.type_in(&format!("{after}\r"));
        ann.expect(told);
        ann.type_in("1\r");
        ann.expect("* That number is not on a list; try help.");
    }
    // A question has a list of its own, and so has Tab.
    ann.type_in("ROOMS\r");
    ann.expect("* 2 rooms; a number enters one.");
    ann.type_in("PM\r");
    ann.expect("Enter the user: ");
    ann.type_in("9\r");
    ann.expect("* That number is not on a list; try help.");
    ann.type_in("1\r");
    ann.expect("* That number is not on a list; try help.");
    ann.type_in("ROOMS\r");
    ann.expect("* 2 rooms; a number enters one.");
    ann.expect(OPERATION);
    ann.type_in("JOIN #\t");
    ann.see("both rooms", |shown| shown.contains("1: #lobby") && shown.contains("2: #garden"));
    ann.type_in("\x151\r");
    ann.expect("* Another list was shown since; ask again for the one you mean.");
    // What is said meanwhile changes nothing.
    ann.type_in("ROOMS\r");
    ann.expect("* 2 rooms; a number enters one.");
    ann.type_in("BM hello\r");
    ann.expect("* Sent to everyone.");
    ann.type_in("1\r");
    ann.expect("* You are in #garden.");
    ann.type_in("GO /quit\r");
    ann.expect("1: /quit");
    ann.type_in("1\r");
    assert_eq!(ann.finish().0, Some(0));
}
