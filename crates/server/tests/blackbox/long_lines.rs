//! No line of the server's is longer than 512 bytes with its end and without its tags, however long
//! all that stands in it.

use crate::support::{Client, Server};

/// The longest names: 63, 32, 32 and 64 bytes.
const SERVER: &str = "a-server-with-a-name-that-is-as-long-as-its-config-lets-it-be.x";
const ANN: &str = "ann-whose-name-is-as-long-as-any";
const BOB: &str = "bob-whose-name-is-as-long-as-any";
const ROOM: &str = "#a-room-with-a-name-that-is-as-long-as-the-name-of-a-room-can-be";
const OTHER: &str = "#another-room-whose-name-is-as-long-as-the-name-of-a-room-can-be";

/// Connections, and what was too long of all that they have got.
struct Stage {
    server: Server,
    clients: Vec<Client>,
    long: Vec<String>,
}

impl Stage {
    fn start(config: &str) -> Stage {
        let server = Server::start(&format!("server.name = \"{SERVER}\"\n{config}"));
        Stage { server, clients: Vec::new(), long: Vec::new() }
    }

    /// A new connection; returns its number.
    fn connect(&mut self, name: &str) -> usize {
        self.clients.push(self.server.connect(name));
        self.clients.len() - 1
    }

    /// Introduces itself as `name`, and logs in if that is needed.
    fn enter(&mut self, name: &str, guest: bool) -> usize {
        let who = self.connect(name);
        self.send(who, &format!("USER {name} 0 * :{}", "r".repeat(300)));
        self.send(who, &format!("NICK {name}"));
        if !guest {
            self.send(who, &format!("LOGIN {name} :secret"));
        }
        self.send(who, &format!("JOIN {ROOM}"));
        who
    }

    /// Sends a line, and looks at what everybody has got by then; returns the answer.
    fn send(&mut self, who: usize, line: &str) -> Vec<String> {
        assert!(line.len() <= 510, "{} bytes: {line}", line.len());
        self.clients[who].send(line);
        let answer = self.clients[who].until_answered();
        self.look_at(&answer, line);
        for other in 0..self.clients.len() {
            let lines = self.clients[other].until_answered();
            self.look_at(&lines, line);
        }
        answer
    }

    fn quit(&mut self, who: usize) {
        let line = full("QUIT :");
        let mut client = self.clients.remove(who);
        client.send(&line);
        self.look_at(&client.until_closed(), &line);
    }

    fn look_at(&mut self, lines: &[String], sent: &str) {
        for line in lines {
            let bytes = bare(line).len() + 2;
            if bytes > 512 {
                self.long.push(format!("{bytes} bytes after `{sent:.90}`: {line:.160}"));
            }
        }
    }

    fn nothing_was_too_long(&self) {
        assert!(self.long.is_empty(), "{}", self.long.join("\n"));
    }
}

/// The line without its tags.
fn bare(line: &str) -> &str {
    match line.strip_prefix('@') {
        Some(tagged) => tagged.split_once(' ').expect("a line after its tags").1,
        None => line,
    }
}

/// A line filled up with `x` to its full length.
fn full(line: &str) -> String {
    format!("{line}{}", "x".repeat(510 - line.len()))
}

#[test]
fn what_accounts_do_with_the_longest_names_fits() {
    members_do(false);
}

#[test]
fn what_guests_do_with_the_longest_names_fits() {
    members_do(true);
}

fn members_do(guests: bool) {
    let mut stage = Stage::start(&format!("server.guests = {guests}\n"));
    let (ann, bob) = (stage.enter(ANN, guests), stage.enter(BOB, guests));
    let masks = ["a", "b", "c"].map(|letter| letter.repeat(84) + "!*@*.*").join(" ");
    for line in [
        full(&format!("TOPIC {ROOM} :")),
        format!("TOPIC {ROOM}"),
        format!("MODE {ROOM} +bbb {masks}"),
        format!("MODE {ROOM} +b"),
        format!("MODE {ROOM} +k {}", "k".repeat(32)),
        format!("MODE {ROOM} +vl {BOB} 4294967295"),
        format!("MODE {ROOM} +eIq {masks}"),
        format!("MODE {ROOM} +beIq"),
        format!("MODE {ROOM} -e+qb {masks}"),
        format!("MODE {ROOM} +hh {BOB} {ANN}"),
        format!("MODE {ROOM} +{}", "CRimnst".repeat(60)),
        format!("MODE {ROOM}"),
        format!("MODE {ROOM} -bbb {masks}"),
        full("AWAY :"),
        full(&format!("PRIVMSG {ANN} :")),
        format!("PRIVMSG {ANN} :hi"),
        format!("LIST {ROOM}"),
        format!("NAMES {ROOM}"),
        format!("WHO {BOB}"),
        format!("WHOIS {BOB}"),
        full(&format!("KICK {ROOM} {BOB} :")),
        format!("INVITE {BOB} {ROOM}"),
        format!("INVITE {BOB} {ROOM}"),
        full("PRIVMSG #lobby :"),
        full(&format!("PRIVMSG @{ROOM} :")),
        format!("PRIVMSG %{ROOM} :hi"),
    ] {
        stage.send(ann, &line);
    }
    stage.send(bob, "INVITE");
    stage.send(bob, &format!("JOIN {ROOM}"));
    stage.send(bob, &format!("PM {ANN} :hi"));
    // Lists who is online, and asks whom; the empty line answers that.
    stage.clients[bob].send("PM");
    stage.send(bob, "");
    stage.clients[ann].request("draft/channel-rename");
    stage.send(ann, &format!("RENAME {ROOM} #lobby :{}", "y".repeat(300)));
    stage.send(ann, &format!("RENAME {ROOM} {OTHER} :{}", "y".repeat(300)));
    stage.send(bob, &format!("JOIN {ROOM}"));
    stage.send(ann, &format!("JOIN {ROOM}"));
    stage.send(bob, &full(&format!("PART {OTHER} :")));
    stage.quit(bob);
    stage.send(ann, &format!("WHOWAS {BOB}"));
    stage.send(ann, &format!("PRIVMSG {BOB} :hi"));
    stage.nothing_was_too_long();
}

#[test]
fn answers_about_the_longest_names_fit() {
    let mut stage = Stage::start("");
    let (ann, _) = (stage.enter(ANN, false), stage.enter(BOB, false));
    stage.send(ann, &format!("WHO {ROOM}"));
    stage.send(ann, &format!("USERHOST {ANN} {BOB} {ANN} {BOB} {ANN}"));
    stage.send(ann, &format!("ISON {}", format!("{ANN} {BOB} ").repeat(7)));
    stage.nothing_was_too_long();
}

/// What is filled up and sent, and of which a part comes back.
const HEADS: &[&str] = &[
    "",
    "LOGIN ",
    "NICK ",
    "CAP LS ",
    "AUTHENTICATE ",
    "PASS ",
    "OPER ",
    "OPER root ",
    "PONG ",
    "JOIN ",
    "JOIN #",
    "PART ",
    "PART #",
    "TOPIC ",
    "TOPIC #",
    "LIST ",
    "LIST #",
    "MODE ",
    "MODE #",
    "KICK #",
    "RENAME ",
    "RENAME #",
    "RENAME #lobby ",
    "RENAME #lobby #",
    "INVITE ",
    "PRIVMSG ",
    "PRIVMSG #",
    "PRIVMSG @#",
    "NOTICE ",
    "TAGMSG ",
    "USERHOST ",
    "ISON ",
    "MOTD ",
    "VERSION ",
    "TIME ",
    "LUSERS ",
    "CH ",
    "CH #",
    "CH * ",
    "CH * 1 ",
    "PM ",
    "BM :",
    "CHATHISTORY ",
    "CHATHISTORY LATEST ",
    "CHATHISTORY LATEST #",
    "CHATHISTORY LATEST #lobby ",
    "CHATHISTORY LATEST #lobby * ",
    "CAP ",
    "CAP REQ :",
    "PING ",
    "PING :",
    "NAMES ",
    "NAMES #",
    "WHO ",
    "WHO #",
    "WHOIS ",
    "WHOWAS ",
];

#[test]
fn answers_to_the_longest_nonsense_fit() {
    let mut stage = answer_nonsense();
    let ann = stage.enter(ANN, true);
    for mode in ["+b", "+q", "+b $", "+k", "+l", "+o", "-v"] {
        stage.send(ann, &full(&format!("MODE {ROOM} {mode} ")));
    }
    stage.send(ann, &full(&format!("KICK {ROOM} ")));
    stage.send(ann, &full(&format!("RENAME {ROOM} ")));
    stage.send(ann, &full(&format!("RENAME {ROOM} #")));
    stage.send(ann, &full(&format!("INVITE {ANN} #")));
    stage.nothing_was_too_long();
}

/// Sends nonsense before and after the login.
fn answer_nonsense() -> Stage {
    let mut stage = Stage::start("server.guests = true\n");
    for greeted in [false, true] {
        let who = if greeted { stage.enter(BOB, true) } else { stage.connect(BOB) };
        for head in HEADS {
            for line in [full(head), format!("{} 1 2", &full(head)[..506])] {
                stage.send(who, &line);
                // An empty answer, should it have been asked for one.
                stage.send(who, "");
            }
        }
    }
    stage
}

/// A mode turned on and off and on again, all in one line.
#[test]
fn modes_back_and_forth_fit() {
    let mut stage = Stage::start("server.guests = true\n");
    let ann = stage.enter(ANN, true);
    stage.send(ann, &format!("MODE {ROOM} {}", "-i+i".repeat(100)));
    stage.send(ann, &format!("MODE {ANN} {}", "-i+i".repeat(100)));
    stage.nothing_was_too_long();
}

/// The longest text fits live, and in history, where its date comes on a line of its own if need
/// be, and nothing is cut.
#[test]
fn the_longest_text_is_the_same_live_and_in_history() {
    let mut stage = Stage::start("");
    let (ann, bob) = (stage.enter(ANN, false), stage.enter(BOB, false));
    let refused = stage.send(ann, &full("BM :"));
    let most = refused[0].split(' ').nth(4).and_then(|number| number.parse().ok());
    let text = "y".repeat(most.unwrap_or_else(|| panic!("no number in {refused:?}")));
    let heard = format!(":{ANN}!{ANN}@{SERVER} PRIVMSG #lobby :");
    stage.clients[ann].send(&format!("BM :{text}"));
    stage.clients[ann].expect(":* NOTE BM SENT * :*");
    assert_eq!(stage.clients[bob].next(), Some(format!("{heard}{text}")));
    let page = stage.send(bob, "CH");
    assert_eq!(page.len(), 3, "{page:#?}");
    assert!(page[0].starts_with(&format!("{heard}[20")) && page[0].ends_with(']'), "{}", page[0]);
    assert_eq!(page[1], format!("{heard}{text}"));
    assert!(page[2].contains(" NOTE CH END * 1 "), "{}", page[2]);
    stage.send(ann, "BM :short");
    let page = stage.send(bob, "CH * 1");
    assert!(page[0].starts_with(&format!("{heard}[20")), "{}", page[0]);
    assert!(page[0].ends_with("] short"), "{}", page[0]);
    stage.nothing_was_too_long();
}

/// What fitted while its room had a short name goes on in a further line.
#[test]
fn history_of_a_room_with_a_longer_name_now_fits() {
    let server = Server::start("");
    let mut ann = server.log_in("ann");
    let most = |room: &str| 512 - format!(":ann!ann@parlor PRIVMSG {room} :\r\n").len();
    let (long, short) = ("x".repeat(most("#a")), "x".repeat(most(ROOM)));
    let rest = "x".repeat(long.len() - short.len());
    for line in ["JOIN #a", &format!("PRIVMSG #a :{long}"), &format!("RENAME #a {ROOM} :grown")] {
        ann.send(line);
    }
    ann.until_answered();
    ann.send(&format!("CH {ROOM}"));
    ann.expect(&format!(":ann!ann@parlor PRIVMSG {ROOM} :[20*]"));
    ann.expect(&format!(":ann!ann@parlor PRIVMSG {ROOM} :{short}"));
    ann.expect(&format!(":ann!ann@parlor PRIVMSG {ROOM} :{rest}"));
    ann.expect(&format!(":parlor NOTE CH END {ROOM} 1 *"));
    ann.request("batch draft/multiline server-time");
    ann.send(&format!("CHATHISTORY LATEST {ROOM} * 1"));
    ann.expect(":parlor BATCH +* chathistory *");
    ann.expect("@batch=H*;time=* :ann!ann@parlor BATCH +M* draft/multiline *");
    ann.expect(&format!("@batch=M* :ann!ann@parlor PRIVMSG {ROOM} :{short}"));
    ann.expect(&format!("@batch=M*;draft/multiline-concat :ann!* PRIVMSG {ROOM} :{rest}"));
}
