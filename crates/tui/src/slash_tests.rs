//! What is typed, and what it leads to.

use super::*;

fn chat(capabilities: &[&str]) -> Chat {
    let mut chat = Chat::new("r");
    let mut out = Vec::new();
    let capabilities = capabilities.iter().map(|name| ((*name).to_owned(), String::new()));
    chat.logged_in("ann", capabilities, &mut out);
    for line in [":s 001 ann :hi", ":ann!a@s JOIN #lobby", ":s 353 ann = #lobby :ann @bob"] {
        chat.receive(line, 0, &mut out);
    }
    chat.receive(":s 366 ann #lobby :End", 0, &mut out);
    chat
}

fn commands(line: &str) -> Vec<Command> {
    parse(line, "#lobby", &chat(&["parlor/unread"])).expect(line)
}

fn sent(line: &str) -> String {
    match &commands(line)[..] {
        [Command::Do(Intent::Raw(raw))] => raw.clone(),
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    parse(line, "#lobby", &chat(&[])).expect_err(line)
}

fn said(line: &str) -> (String, String, bool) {
    match &commands(line)[..] {
        [Command::Do(Intent::Say(NewMessage { to, text, action, .. }))] => {
            (to.clone(), text.clone(), *action)
        }
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn text_that_is_not_a_command_is_sent() {
    let here = |text: &str| ("#lobby".to_owned(), text.to_owned(), false);
    assert_eq!(said("hello /join"), here("hello /join"));
    assert_eq!(said("//join is a command"), here("/join is a command"));
    assert_eq!(said(" /join"), here(" /join"));
    assert_eq!(said("two\nlines"), here("two\nlines"));
    assert_eq!(said("EX means something"), here("EX means something"));
    assert_eq!(said("bm is lower case"), here("bm is lower case"));
    assert_eq!(said("/me  waves"), ("#lobby".to_owned(), "waves".to_owned(), true));
    assert_eq!(said("/msg bob hi  you"), ("bob".to_owned(), "hi  you".to_owned(), false));
}

#[test]
fn the_original_operations_work_in_capitals() {
    assert_eq!(said("BM hello all"), ("#lobby".to_owned(), "hello all".to_owned(), false));
    assert_eq!(said("PM bob hi"), ("bob".to_owned(), "hi".to_owned(), false));
    assert_eq!(commands("PM bob"), [Command::Go("bob".to_owned())]);
    assert_eq!(commands("CH bob 50"), [Command::Go("bob".to_owned())]);
    assert_eq!(commands("CH"), [Command::Go("#lobby".to_owned())]);
    assert_eq!(commands("FIND some words"), [Command::Search("some words".to_owned())]);
    assert_eq!(commands("EX"), [Command::Quit]);
}

#[test]
fn commands_become_lines_of_the_protocol() {
    for (typed, line) in [
        ("/topic All welcome", "TOPIC #lobby :All welcome"),
        ("/topic #dev", "TOPIC #dev"),
        ("/invite eve", "INVITE eve #lobby"),
        ("/kick bob no spam please", "KICK #lobby bob :no spam please"),
        ("/ban bob 2h no spam", "BAN #lobby bob 2h :no spam"),
        ("/ban", "BAN #lobby"),
        ("/unban bob", "UNBAN #lobby bob"),
        ("/mode +i", "MODE #lobby +i"),
        ("/mode #dev +o eve", "MODE #dev +o eve"),
        ("/mode ann +w", "MODE ann +w"),
        ("/op eve", "MODE #lobby +o eve"),
        ("/away out for lunch", "AWAY :out for lunch"),
        ("/away", "AWAY"),
        ("/nick eve", "NICK eve"),
        ("/whois bob", "WHOIS bob"),
        ("/ignore bob", "SILENCE +bob"),
        ("/cert", "CERT LIST"),
        ("/cert add", "CERT ADD"),
        ("/status in a meeting", "METADATA * SET status :in a meeting"),
        ("/display-name", "METADATA * SET display-name"),
        ("/metadata #lobby set url https://a", "METADATA #lobby SET url :https://a"),
        ("/account token add phone", "ACCOUNT TOKEN add phone"),
        ("/room #dev slow 10", "ROOM #dev slow :10"),
        ("/kill bob bad words", "KILL bob :bad words"),
        ("/quote PING x", "PING x"),
        ("/part #dev bye all", "PART #dev :bye all"),
    ] {
        assert_eq!(sent(typed), line, "{typed}");
    }
    assert_eq!(commands("/part"), [Command::Do(Intent::Close("#lobby".to_owned()))]);
    assert_eq!(commands("/J #dev"), [Command::Go("#dev".to_owned())]);
}

#[test]
fn other_servers_get_plain_irc_commands() {
    let commands = parse("/ban bob spam", "#lobby", &chat(&[])).unwrap();
    assert_eq!(commands, [Command::Do(Intent::Raw("MODE #lobby +b bob!*@*".to_owned()))]);
    assert!(refused("/ignore bob").contains("no list"));
}

#[test]
fn errors_say_what_would_be_right() {
    assert_eq!(
        refused("/jion #dev"),
        "There is no command /jion. Do you mean /join? To say it: //jion"
    );
    assert_eq!(
        refused("/etc/passwd"),
        "There is no command /etc/passwd; /help lists them. To say it: //etc/passwd"
    );
    assert_eq!(refused("/join"), "Use it like this: /join <#room> [key]");
    assert_eq!(refused("/join dev"), "dev is no room: rooms begin with #, as #dev.");
    assert!(refused("/kill bob").starts_with("Use it like this: /kill"));
    let in_person = parse("/topic x", "bob", &chat(&[])).unwrap_err();
    assert_eq!(in_person, "/topic works in a room: go to one first.");
    let on_page = parse("hello", "", &chat(&[])).unwrap_err();
    assert!(on_page.contains("go to a room"), "{on_page}");
}

#[test]
fn no_two_commands_have_one_name() {
    let mut names: Vec<&str> =
        COMMANDS.iter().flat_map(|c| std::iter::once(c.name).chain(c.aliases.to_vec())).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
