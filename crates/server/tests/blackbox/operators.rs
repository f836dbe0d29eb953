//! The server's operators: bans that last and end, the admin socket, `chatserver admin`, and who may do
//! what.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use server::state::permission::{Actor, PERMISSIONS, Permission};

use crate::support::{Captures, Client, PATIENCE, Random, Server, chatserver, matches};

const OPERATORS: &str = r#"
operator = [{ account = "mia", role = "moderator" }, { account = "ada", role = "admin" }]
server.guests = true
"#;

/// Runs `chatserver admin` on the server's data.
fn admin(server: &Server, words: &[&str]) -> Output {
    let mut command: Command = chatserver();
    command.args(["admin", "--data"]).arg(server.data()).args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it runs")
}

/// What it prints, which must be all it was asked for.
fn done(server: &Server, words: &[&str]) -> String {
    let output = admin(server, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{words:?}");
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

fn is_refused(server: &Server, name: &str, code: &str) -> Client {
    let mut client = server.connect(name);
    client.send(&format!("LOGIN {name} :secret"));
    client.until(&format!(":parlor FAIL LOGIN {code} {name} :*"));
    client
}

#[test]
fn bans_and_suspensions_survive_a_kill_and_end_by_themselves() {
    let mut server = Server::start(OPERATORS);
    let mut mia = server.log_in("mia");
    for name in ["bob", "eve", "tom"] {
        drop(server.log_in(name));
    }
    for line in ["SERVERBAN ADD bob 3s :Short", "SERVERBAN ADD eve :Long"] {
        mia.send(line);
        mia.until(":parlor NOTE SERVERBAN ADDED *");
    }
    mia.send("ACCOUNTS SUSPEND tom 3s :Short");
    mia.until(":parlor NOTE ACCOUNTS SUSPENDED tom *");
    let begun = Instant::now();
    server.restart();
    is_refused(&server, "bob", "BANNED");
    is_refused(&server, "eve", "BANNED");
    is_refused(&server, "tom", "SUSPENDED");
    while !done(&server, &["serverban", "list"]).contains("End of the bans")
        || done(&server, &["serverban", "list"]).contains("bob")
    {
        assert!(begun.elapsed() < PATIENCE, "the ban has not ended");
    }
    assert!(begun.elapsed() >= Duration::from_secs(2), "the ban has ended too soon");
    server.log_in("bob");
    server.log_in("tom");
    is_refused(&server, "eve", "BANNED");
}

#[test]
fn the_admin_socket_is_for_the_owner_alone_and_outlives_a_killed_server() {
    let mut server = Server::start("");
    for _ in 0..2 {
        let path = server.data().join("admin.sock");
        let found = std::fs::symlink_metadata(&path).expect("it is there");
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        assert!(done(&server, &["accounts", "list"]).contains("End of the accounts"));
        server.kill();
        assert!(path.exists(), "a killed server leaves it");
        let output = admin(&server, &["accounts", "list"]);
        assert_eq!(output.status.code(), Some(4));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains("no server is running with the data in"), "{errors}");
        server.restart();
    }
    server.terminate();
    assert!(!server.data().join("admin.sock").exists(), "it is gone after an orderly stop");
    assert_eq!(admin(&server, &["accounts", "list"]).status.code(), Some(4));
}

#[test]
fn admin_prints_tables_or_json_and_says_by_its_exit_code_what_became_of_it() {
    let server = Server::start(OPERATORS);
    let mut bob = server.log_in("bob");
    let table = done(&server, &["accounts", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    let is = |pattern: &str, line: &str| matches(pattern, line, &mut Captures::new());
    assert!(is("ACCOUNT  CREATED *  STATE   ROLE    CONNECTIONS  TEXT", lines[0]), "{table}");
    assert!(is("bob      20*Z  active  member  1", lines[1]), "{table}");

    let json = done(&server, &["--json", "accounts", "list", "b*"]);
    assert!(json.contains(r#""account":"bob""#) && json.contains(r#""connections":"1""#), "{json}");

    let output = admin(&server, &["accounts", "show", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"There is no such account (nobody)\n");
    assert_eq!(admin(&server, &["accounts", "a b", "c"]).status.code(), Some(2));
    assert_eq!(admin(&server, &[]).status.code(), Some(2));
    assert_eq!(admin(&server, &["privmsg", "bob", "hello"]).status.code(), Some(1));
    assert_eq!(admin(&server, &["login", "ann", "secret"]).status.code(), Some(1));

    done(&server, &["kill", "bob", "too loud"]);
    bob.until("ERROR :Closing Link: parlor (Killed (\\*console\\* (too loud)))");
    bob.expect_closed();
    done(&server, &["serverban", "add", "10.0.0.0/8", "2h", "much", "spam"]);
    done(&server, &["serverban", "add", "::a:0:0:0/80", "2h", "worms"]);
    assert!(done(&server, &["serverban"]).contains(" 0::a:0:0:0/80 "));
    assert_eq!(admin(&server, &["ban", "add", "eve", "no"]).status.code(), Some(2));
    let audit = done(&server, &["audit"]);
    assert!(audit.contains("*console*") && audit.contains("SERVERBAN-ADD"), "{audit}");
    assert!(audit.contains("much spam") && audit.contains("too loud"), "{audit}");
}

#[test]
fn the_admin_socket_is_open_when_the_server_is_full_and_has_a_limit_of_its_own() {
    let server = Server::start("limits.connections = 1\nlimits.login_seconds = 0\n");
    let _bob = server.log_in("bob");
    assert!(done(&server, &["accounts", "list"]).contains("bob"));
    let connect = || {
        std::os::unix::net::UnixStream::connect(server.data().join("admin.sock"))
            .expect("it listens")
    };
    let all: Vec<_> = (0..16).map(|_| connect()).collect();
    let deadline = Instant::now() + PATIENCE;
    while admin(&server, &["accounts", "list"]).status.code() != Some(1) {
        assert!(Instant::now() < deadline, "there is no limit");
    }
    drop(all);
    while admin(&server, &["accounts", "list"]).status.code() != Some(0) {
        assert!(Instant::now() < deadline, "it does not recover");
    }
}

#[test]
fn what_is_done_to_an_account_is_done_wholly_or_not_at_all() {
    let mut random = Random::seeded();
    let mut server = Server::start(OPERATORS);
    for round in 0..12 {
        let [name, new] = ["user", "other"].map(|word| format!("{word}{round}"));
        let room = format!("#room{round}");
        let mut user = server.log_in(&name);
        user.send(&format!("JOIN {room}"));
        user.until(&format!(":parlor 366 {name} {room} :*"));
        let mut ada = server.log_in("ada");
        ada.send(&format!("QUIET #lobby {name} 1d :Loud"));
        ada.until(":parlor NOTE QUIET ADDED *");
        let delete = random.below(2) == 0;
        match delete {
            true => ada.send(&format!("ACCOUNTS DELETE {name}")),
            false => ada.send(&format!("ACCOUNTS RENAME {name} {new}")),
        }
        // Not for a condition: it moves the kill to any point of the commit.
        thread::sleep(Duration::from_micros(random.below(20_000)));
        server.kill();
        let lines = ada.until_closed();
        let told = |code: &str| lines.iter().any(|line| line.contains(code));
        let (told_deleted, told_renamed) = (told(" DELETED "), told(" RENAMED "));
        server.restart();
        let mut ada = server.log_in("ada");
        let mut ask = |line: &str| {
            ada.send(line);
            ada.until_answered().join("\n")
        };
        let shown = ask(&format!("ACCOUNTS SHOW {name}"));
        let (is_there, is_renamed) = (shown.contains(" ENTRY "), shown.contains(&new));
        assert!(!(told_deleted && is_there) && (delete || is_there), "{shown}");
        assert!(!told_renamed || is_renamed, "{shown}");
        // Its room goes with it, and what is said of it elsewhere is of the same name.
        assert_eq!(ask(&format!("LIST {room}")).contains(&room), is_there, "{shown}");
        let quiets = ask("QUIET #lobby");
        let now = if is_renamed { &new } else { &name };
        assert!(quiets.contains(&format!(" $a:{now} ada ")), "{quiets}");
        if is_there {
            let mut user = server.connect(&name);
            user.send(&format!("LOGIN {name} :secret"));
            user.expect(&format!(":parlor NOTE LOGIN LOGGED_IN {now} :*"));
        } else {
            is_refused(&server, &name, "BAD_NAME");
        }
    }
}

#[test]
fn invitations_are_made_and_listed_at_the_admin_socket() {
    let server = Server::start("accounts.registration = \"invite\"\n");
    let output = admin(&server, &["invitation", "add", "rooms=#class", "x"]);
    assert_eq!(output.stderr, b"There is no such room (#class)\n");
    let told = done(&server, &["invitation", "add", "uses=2", "for", "the", "class"]);
    let code = told.split(' ').find(|word| word.len() == 14).expect("a code").to_owned();
    let listed = done(&server, &["--json", "invitations"]);
    assert!(listed.contains(&format!("\"code\":\"{code}\"")), "{listed}");
    assert!(listed.contains(r#""note":"for the class""#), "{listed}");
    assert!(listed.contains(r#""uses":"2""#) && listed.contains(r#""by":"*console*""#), "{listed}");
    let mut eve = server.connect("eve");
    eve.send(&format!("INVITATION USE {code}"));
    eve.expect(":parlor NOTE INVITATION ACCEPTED :*");
    eve.send("LOGIN eve :secret");
    eve.expect(":parlor NOTE LOGIN ACCOUNT_CREATED eve :*");
    done(&server, &["invitation", "del", &code]);
    assert!(!done(&server, &["invitation", "list"]).contains("for the class"));
    assert!(done(&server, &["audit"]).contains("INVITATION-ADD"));
    assert_eq!(admin(&server, &["invitation", "use", &code]).status.code(), Some(1));
}

/// What a "no" for want of a right looks like.
fn is_denied(lines: &[String]) -> bool {
    let denied = [
        " 481 ",
        " 482 ",
        " 442 ",
        "NOT_OPERATOR",
        "NOT_ADMIN",
        "ACCOUNT_REQUIRED",
        "NOT_IN_ROOM",
        "NOT_ROOM_OPERATOR",
        "FOUNDER_STAYS",
    ];
    lines.iter().any(|line| denied.iter().any(|word| line.contains(word)))
}

/// The client of somebody who may or may not do something, in a room of its own.
struct Stage {
    server: Server,
    rooms: usize,
}

impl Stage {
    /// A new room for a row of the table, with its founder, bob in it, and whoever tries.
    fn try_row(&mut self, row: &Permission, actor: Actor) -> bool {
        self.rooms += 1;
        let room = format!("#r{}", self.rooms);
        let server = &self.server;
        let mut owner = server.log_in("owner");
        owner.send(&format!("JOIN {room}"));
        owner.until(&format!(":parlor 366 owner {room} :*"));
        let mut bob = server.log_in("bob");
        bob.send(&format!("JOIN {room}"));
        bob.until(&format!(":parlor 366 bob {room} :*"));
        let (mut mine, mode) = match actor {
            Actor::Guest => (server.guest("gus"), ""),
            Actor::Member => (server.log_in("may"), ""),
            Actor::HalfOperator => (server.log_in("hal"), "+h hal"),
            Actor::Operator => (server.log_in("oz"), "+o oz"),
            Actor::Founder => (server.log_in("owner"), ""),
            Actor::Moderator => (server.log_in("mia"), ""),
            Actor::Admin => (server.log_in("ada"), ""),
        };
        let inside = !matches!(actor, Actor::Founder | Actor::Moderator | Actor::Admin);
        if inside {
            mine.send(&format!("JOIN {room}"));
            mine.until(&format!(":parlor 366 * {room} :*"));
        }
        if !mode.is_empty() {
            owner.send(&format!("MODE {room} {mode}"));
            owner.until(&format!("*MODE {room} {mode}"));
        }
        // What a row is about may need a closed room.
        owner.send(&format!("MODE {room} +i"));
        owner.until(&format!("*MODE {room} +i"));
        mine.until_answered();
        mine.send(&row.example.replace("#r", &room));
        let lines = mine.until_answered();
        assert!(!lines.iter().any(|line| line.contains(" 421 ")), "{lines:?}");
        // One account founds only so many rooms.
        owner.send(&format!("ROOM {room} founder *"));
        owner.until_answered();
        !is_denied(&lines)
    }
}

/// Every row of the table of rights with everybody: it is what the server does.
#[test]
fn the_table_of_rights_is_true() {
    let server = Server::start(&format!("{OPERATORS}server.remember_rooms = false\n"));
    drop(server.log_in("eve"));
    let mut stage = Stage { server, rooms: 0 };
    let mut wrong = Vec::new();
    for row in PERMISSIONS {
        for actor in Actor::ALL {
            if stage.try_row(row, actor) != row.lets(actor) {
                wrong.push(format!("{}: {actor:?} {}", row.example, row.lets(actor)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
