//! Lists of capabilities and of what is supported, when they do not fit a line: nothing is cut.

use crate::support::{Client, Server};

/// The longest name of a server.
const NAME: &str = "a-server-with-a-name-that-is-as-long-as-its-config-lets-it-be.x";
/// The longest name of a user.
const NICK: &str = "somebody_with_the_longest_name__";
const LINE: usize = 512 - "\r\n".len();

fn server() -> Server {
    Server::start(&format!("server.guests = true\nserver.name = \"{NAME}\"\n"))
}

/// The words of an answer to `CAP`, and how many lines it took; only the last is without a `*`.
/// How many it takes depends on how much the server can do.
fn list(client: &mut Client, subcommand: &str) -> (Vec<String>, usize) {
    let mut words = Vec::new();
    for lines in 1.. {
        let line = client.next().expect("the connection stays");
        assert!(line.len() <= LINE, "{} bytes: {line}", line.len());
        let (head, list) = line.split_once(" :").expect("a list");
        words.extend(list.split(' ').map(str::to_owned));
        let head: Vec<&str> = head.split(' ').collect();
        assert_eq!(head[3], subcommand, "{line}");
        match head[4..] {
            [] => return (words, lines),
            ["*"] => {}
            _ => panic!("{line}"),
        }
    }
    unreachable!("the list ends")
}

#[test]
fn the_capability_list_is_complete_for_302_and_one_line_otherwise() {
    let server = server();
    let mut new = server.connect("new");
    new.send(&format!("NICK {NICK}"));
    new.send("CAP LS 302");
    let (all, _) = list(&mut new, "LS");
    assert!(all.iter().any(|word| word == "sasl=SCRAM-SHA-256,PLAIN"), "{all:?}");
    // No client can verify the server's own certificate, so none is bound to it.
    assert!(!all.iter().any(|word| word.starts_with("sts")), "{all:?}");
    let names: Vec<&str> = all.iter().filter_map(|word| word.split('=').next()).collect();
    // Each of the names is whole: it can be asked for.
    for name in &names {
        new.send(&format!("CAP REQ :{name}"));
        new.expect(&format!(":{NAME} CAP {NICK} ACK :{name}"));
    }
    new.send("CAP LIST");
    let (mine, _) = list(&mut new, "LIST");
    assert_eq!(mine, names);

    let mut old = server.connect("old");
    old.send(&format!("NICK {NICK}"));
    old.send("CAP LS");
    let (some, lines) = list(&mut old, "LS");
    assert_eq!(lines, 1);
    assert!(some.iter().all(|word| names.contains(&word.as_str())), "{some:?}");
    // Drafts are left out first.
    for name in names.iter().filter(|name| !name.contains('/')) {
        assert!(some.iter().any(|word| word == name), "{name} is left out");
    }
    old.expect_quiet();
}

/// All that comes back is what was asked for, word by word; the change comes after the last line.
#[test]
fn a_long_request_is_answered_in_full() {
    let server = server();
    let mut ann = server.connect("ann");
    ann.send(&format!("NICK {NICK}"));
    for (last, answer) in [("echo-message", "ACK"), ("nonsense", "NAK")] {
        let mut words = ["server-time", "-server-time"].repeat(18);
        words.push(last);
        let request = format!("CAP REQ :{}", words.join(" "));
        assert!(request.len() <= LINE);
        ann.send(&request);
        let mut answered = Vec::new();
        for line in ann.until_answered() {
            assert!(line.len() <= LINE, "{} bytes: {line}", line.len());
            let list = line.strip_prefix(&format!(":{NAME} CAP {NICK} {answer} :"));
            let list = list.unwrap_or_else(|| panic!("{line}"));
            answered.extend(list.split(' ').map(str::to_owned));
        }
        assert_eq!(answered, words);
    }
    ann.send("CAP LIST");
    ann.expect(&format!(":{NAME} CAP {NICK} LIST :echo-message"));
}

#[test]
fn isupport_tokens_are_sent_in_full_on_lines_that_fit() {
    let server = server();
    let mut ann = server.guest(NICK);
    ann.send("ISUPPORT");
    let mut tokens = Vec::new();
    for line in ann.until_answered() {
        assert!(line.len() <= LINE, "{} bytes: {line}", line.len());
        let head = line.strip_suffix(" :are supported by this server").expect("a sentence");
        let words: Vec<&str> = head.split(' ').collect();
        assert!(words.len() - 2 < 15, "{line}");
        tokens.extend(words[3..].iter().map(|word| (*word).to_owned()));
    }
    assert_eq!(tokens[0], format!("NETWORK={NAME}"));
    let last = tokens.last().expect("there are tokens");
    assert_eq!(last, "parlor/LOBBY=#lobby");
}
