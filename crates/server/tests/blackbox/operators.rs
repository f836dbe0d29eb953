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
    let is_over = |list: &[&str], sign: &str| !done(&server, list).contains(sign);
    while !is_over(&["serverban", "list"], "bob")
        || !is_over(&["accounts", "show", "tom"], "suspended")
    {
        assert!(begun.elapsed() < PATIENCE, "the ban or the suspension has not ended");
    }
    assert!(begun.elapsed() >= Duration::from_secs(2), "the ban has ended too soon");
    server.log_in("bob");
    server.log_in("tom");
    is_refused(&server, "eve", "BANNED");
}

#[test]
fn the_admin_socket_is_private_and_works_again_after_a_kill() {
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
fn admin_prints_tables_or_json_and_exits_accordingly() {
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
fn account_administration_is_all_or_nothing_across_kills() {
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
        "REDACT_FORBIDDEN",
        "KEY_NO_PERMISSION",
    ];
    lines.iter().any(|line| denied.iter().any(|word| line.contains(word)))
}

/// The client of somebody who may or may not do something, in a room of its own.
struct Stage {
    server: Server,
    rooms: usize,
}

impl Stage {
    fn new() -> Stage {
        let server = Server::start(&format!("{OPERATORS}server.remember_rooms = false\n"));
        drop(server.log_in("eve"));
        Stage { server, rooms: 0 }
    }

    /// Somebody connects who can take messages back.
    fn client(&self, actor: Actor) -> Client {
        let name = match actor {
            Actor::Guest => "gus",
            Actor::Member => "may",
            Actor::HalfOperator => "hal",
            Actor::Operator => "oz",
            Actor::Founder => "owner",
            Actor::Moderator => "mia",
            Actor::Admin => "ada",
        };
        let mut client = self.server.connect(name);
        client.request("draft/message-redaction");
        match actor {
            Actor::Guest => client.be_guest(name),
            _ => client.log_in(name),
        }
        client
    }

    /// A new room for a row of the table, with its founder, bob in it, and whoever tries, who may be
    /// in it; what they were told.
    fn try_row(&mut self, row: &Permission, actor: Actor, inside: bool) -> (Client, Vec<String>) {
        self.rooms += 1;
        let room = format!("#r{}", self.rooms);
        let server = &self.server;
        let mut owner = server.log_in("owner");
        join(&mut owner, &room);
        let mut bob = server.connect("bob");
        bob.request("message-tags echo-message");
        bob.log_in("bob");
        join(&mut bob, &room);
        bob.send(&format!("PRIVMSG {room} :hello"));
        let said = bob.until(&format!("@* PRIVMSG {room} :hello"));
        let msgid = said.split(['@', ';', ' ']).find_map(|tag| tag.strip_prefix("msgid="));
        let msgid = msgid.expect("a msgid").to_owned();
        let mut mine = self.client(actor);
        let mode = match actor {
            Actor::HalfOperator => "+h hal",
            Actor::Operator => "+o oz",
            _ => "",
        };
        if inside {
            join(&mut mine, &room);
        }
        if !mode.is_empty() {
            owner.send(&format!("MODE {room} {mode}"));
            owner.until(&format!("*MODE {room} {mode}"));
        }
        let before = match row.verb {
            "UNBAN" => format!("BAN {room} zed!*@*"),
            "UNQUIET" => format!("QUIET {room} zed!*@*"),
            "UNPIN" => format!("PIN {room} {msgid}"),
            _ => "PING nothing".to_owned(),
        };
        owner.send(&before);
        owner.until_answered();
        // What a row is about may need a closed room.
        owner.send(&format!("MODE {room} +i"));
        owner.until(&format!("*MODE {room} +i"));
        mine.until_answered();
        let line = row.example.replace("#r", &room).replace("MSGID", &msgid);
        mine.send(&line.replace("CODE", &self.invitation()));
        let lines = mine.until_answered();
        assert!(!lines.iter().any(|line| line.contains(" 421 ")), "{lines:?}");
        // One account founds only so many rooms.
        owner.send(&format!("ROOM {room} founder *"));
        owner.until_answered();
        (mine, lines)
    }

    /// The code of an invitation that is there, if one is.
    fn invitation(&self) -> String {
        let listed = done(&self.server, &["--json", "invitation", "list"]);
        let code = listed.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
        code.unwrap_or("none").to_owned()
    }
}

fn join(client: &mut Client, room: &str) {
    client.send(&format!("JOIN {room}"));
    client.until(&format!("*:parlor 366 * {room} :*"));
}

/// Every row of the table of rights with everybody: it is what the server does.
#[test]
fn the_table_of_rights_is_true() {
    let mut stage = Stage::new();
    let mut wrong = Vec::new();
    for row in PERMISSIONS {
        for actor in Actor::ALL {
            let inside = !matches!(actor, Actor::Founder | Actor::Moderator | Actor::Admin);
            let (_, lines) = stage.try_row(row, actor, inside);
            if is_denied(&lines) == row.lets(actor) {
                wrong.push(format!("{}: {actor:?} {} {lines:?}", row.example, row.lets(actor)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The entries of the audit log, oldest first.
fn audit(ada: &mut Client) -> Vec<String> {
    ada.send("AUDIT 500");
    let lines = ada.until_answered();
    lines.into_iter().filter(|line| line.contains(" AUDIT ENTRY ")).collect()
}

/// Every row again, by an admin: what changes something is in the audit log, once, and what only looks
/// is not. Nor is anything that somebody said.
#[test]
fn everything_done_by_operator_right_is_in_the_audit_log() {
    let mut stage = Stage::new();
    drop(stage.server.log_in("old"));
    drop(stage.server.log_in("bob"));
    let mut gus = stage.server.guest("gus");
    join(&mut gus, "#guests");
    let mut eve = stage.server.log_in("eve");
    eve.send("REPORT bob :Rude");
    eve.until(":parlor NOTE REPORT *");
    let mut wrong = Vec::new();
    let mut known = 0;
    for row in PERMISSIONS {
        // Some things are for those in the room alone, where the role counts as a rank.
        let (mut ada, told) = stage.try_row(row, Actor::Admin, !row.lets(Actor::Admin));
        let entries = audit(&mut ada);
        let new = &entries[known..];
        let expected = format!(" ada {}", row.verb);
        if new.len() != usize::from(row.logged) || !new.iter().all(|one| one.contains(&expected)) {
            wrong.push(format!("{}: {new:?} after {told:?}", row.example));
        }
        known = entries.len();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Also what the table does not have: to enter where one would not be let in, and what is done to the founder.
    let mut owner = stage.server.log_in("owner");
    join(&mut owner, "#closed");
    owner.send("MODE #closed +i");
    owner.until("*MODE #closed +i");
    let mut ada = stage.client(Actor::Admin);
    join(&mut ada, "#closed");
    owner.send("MODE #closed +o ada");
    owner.until("*MODE #closed +o ada");
    for line in
        ["MODE #closed +m", "MODE #closed -o owner", "KICK #closed owner :Out", "PART #closed"]
    {
        ada.send(line);
        ada.until_answered();
    }
    let entries = audit(&mut ada);
    let new: Vec<&str> =
        entries[known..].iter().filter_map(|entry| entry.split(" ada ").nth(1)).collect();
    assert_eq!(new, ["JOIN #closed :", "MODE #closed :-o owner", "KICK #closed_owner :Out"]);
    assert!(!entries.iter().any(|entry| entry.to_lowercase().contains("hello")), "{entries:#?}");
}

/// A ban of a network is no way to lock the server's operators out: from there they can log in, and
/// lift it. Nobody else gets further than before.
#[test]
fn from_a_banned_network_only_operators_log_in() {
    let server = Server::start(OPERATORS);
    drop(server.log_in("ada"));
    drop(server.log_in("bob"));
    let told = done(&server, &["serverban", "add", "127.0.0.0/8", "2h", "Spam"]);
    assert!(told.contains("127.0.0.0/8 is banned"), "{told}");
    let banned = "You are banned from this server until * UTC: Spam";
    let mut bob = server.connect("bob");
    bob.expect(&format!(":parlor NOTICE \\* :{banned} (only operators of the server can log in)"));
    for line in ["LOGIN bob :secret", "LOGIN bob", "LOGIN newcomer :secret", "LOGIN mia :secret"] {
        bob.send(line);
        bob.expect(&format!(":parlor FAIL LOGIN BANNED * :{banned}"));
    }
    bob.send("AUTHENTICATE PLAIN");
    bob.expect(":parlor 904 *");
    bob.send("PRIVMSG ada :hello");
    bob.expect(":parlor 451 *");
    bob.send("NICK guest");
    bob.send("USER guest 0 * :Guest");
    bob.until(&format!("ERROR :{banned}"));
    bob.expect_closed();
    let mut with_password = server.connect("with_password");
    with_password.send("PASS secret");
    with_password.send("NICK bob");
    with_password.send("USER bob 0 * :Bob");
    with_password.until(&format!("ERROR :{banned}"));
    with_password.expect_closed();
    let mut ada = server.connect("ada");
    ada.send("LOGIN ada :wrong");
    ada.until(":parlor FAIL LOGIN WRONG_PASSWORD ada :*");
    ada.send("LOGIN ada :secret");
    ada.until(":parlor NOTE LOGIN LOGGED_IN ada :*");
    ada.send("SERVERBAN DEL 1");
    ada.until(":parlor NOTE SERVERBAN DELETED 1 *");
    ada.send("QUIT");
    ada.until_closed();
    drop(server.log_in("bob"));
    // Without operators by account nobody is let in, and there are only so many places.
    done(&server, &["serverban", "add", "127.0.0.0/8", "2h", "Spam"]);
    let mut waiting: Vec<Client> = (0..64).map(|_| server.connect("waiting")).collect();
    waiting.iter_mut().for_each(|one| drop(one.expect(":parlor NOTICE *")));
    let mut late = server.connect("late");
    late.expect(&format!("ERROR :{banned}"));
    drop(waiting.pop());
    let deadline = Instant::now() + PATIENCE;
    while !server.connect("again").next().is_some_and(|line| line.contains(" NOTICE ")) {
        assert!(Instant::now() < deadline, "the place is not free again");
    }
    server.write_config("");
    done(&server, &["rehash"]);
    while !server.connect("late").next().is_some_and(|line| line.starts_with("ERROR ")) {
        assert!(Instant::now() < deadline, "the config is not read again");
    }
}
