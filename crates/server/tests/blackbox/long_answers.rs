//! Long answers have an end: what is beyond it is left out, and the requester told so.

use crate::support::{Client, Server, allow_many_connections};

/// KiB of one `LIST` or `WHO`, and of its last lines.
const ANSWER_KIB: usize = 256 + 2;

/// The longest name, so that few are enough.
const NAME: &str = "a-server-with-a-name-that-is-as-long-as-its-config-lets-it-be.x";

/// All lines to the one with the numeric `end`, which is the last.
fn answer(client: &mut Client, end: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = client.next().expect("the connection stays");
        let last = line.split(' ').nth(1) == Some(end);
        lines.push(line);
        if last {
            return lines;
        }
    }
}

fn check_bounded(lines: &[String], entry: &str, all: usize) {
    let bytes: usize = lines.iter().map(|line| line.len() + 2).sum();
    assert!(bytes <= ANSWER_KIB * 1024, "{bytes} bytes");
    let entries = lines.iter().filter(|line| line.split(' ').nth(1) == Some(entry)).count();
    assert!(entries > 100 && entries < all, "{entries} of {all}");
    let told = lines.iter().filter(|line| line.contains(" NOTICE ")).count();
    assert_eq!(told, 1, "the requester is told once: {:?}", &lines[lines.len() - 2..]);
}

const ROOMS: usize = 2_000;

/// A server with thousands of rooms whose operator is ann.
fn with_rooms() -> (Server, Client) {
    let server = Server::start(&format!(
        "server.guests = true\nserver.name = \"{NAME}\"\nlimits.rooms_per_user = 0\n"
    ));
    let mut ann = server.guest("ann");
    for first in (0..ROOMS).step_by(100) {
        for number in first..first + 100 {
            ann.send(&format!("JOIN #{number:-<63}"));
        }
        ann.until_answered();
    }
    (server, ann)
}

#[test]
fn a_list_of_thousands_of_rooms_is_bounded() {
    let (_server, mut ann) = with_rooms();
    ann.send("LIST");
    check_bounded(&answer(&mut ann, "323"), "322", ROOMS);
    ann.expect_quiet();
}

/// One who asks for it hundreds of times at once gets what the connection takes; the server keeps
/// neither memory nor anybody waiting.
#[test]
fn hundreds_of_lists_of_thousands_of_rooms_do_not_fill_the_memory() {
    let (mut server, mut ann) = with_rooms();
    let before = server.memory_kib("VmHWM");
    let mut eve = server.guest("eve");
    eve.send_bytes("LIST\r\n".repeat(400).as_bytes());
    ann.until(":eve!* QUIT :*");
    let most = server.memory_kib("VmHWM");
    assert!(most < 100 * 1024, "{before} KiB before, {most} KiB at most");
    eve.until_closed();
    ann.expect_quiet();
    assert!(server.is_running());
}

#[test]
fn a_who_of_hundreds_of_users_is_bounded() {
    const USERS: usize = 700;
    allow_many_connections();
    let server = Server::start(&format!(
        "server.guests = true\nserver.lobby = \"\"\nserver.name = \"{NAME}\"\n"
    ));
    let realname = "x".repeat(150);
    let mut clients: Vec<Client> = (0..USERS).map(|_| server.connect("guest")).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&format!("NICK guest{number:-<27}"));
        client.send(&format!("USER guest 0 * :{realname}"));
        client.send("JOIN #crowd");
        client.until(":* 366 * #crowd :*");
    }
    let requester = &mut clients[USERS - 1];
    requester.until_answered();
    for what in ["*", "#crowd"] {
        requester.send(&format!("WHO {what}"));
        check_bounded(&answer(requester, "315"), "352", USERS);
    }
}
