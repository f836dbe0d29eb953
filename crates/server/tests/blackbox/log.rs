//! The log: facts with named fields, none of the secrets and texts that pass through the server, and no
//! line that a client has made.

use crate::support::Server;

const CONFIG: &str = "server.password = \"door-secret\"\nserver.plaintext_login = true\n\
    operator = [{ name = \"root\", password = \"oper-secret\" }]\n";

/// Everything that a person may say and the log must not.
const LINES: &[&str] = &[
    "OPER root :wrong-oper-secret",
    "OPER root :oper-secret",
    "JOIN #room",
    "MODE #room +k key-secret",
    "JOIN #room key-secret",
    "JOIN #other wrong-key-secret",
    "TOPIC #room :topic-text",
    "PRIVMSG #room :message-text",
    "NOTICE bob :notice-text",
    "TAGMSG #room",
    "@+draft/react=tag-text TAGMSG #room",
    "BM :broadcast-text",
    "PM bob :private-text",
    "PM bob",
    "prompted-text",
    "AWAY :away-text",
    "SETNAME :realname-text",
    "METADATA ann SET url :metadata-text",
    "KICK #room bob :kick-text",
    "INVITE bob #room",
    "WALLOPS :wallops-text",
    "PART #room :part-text",
    "AUTHENTICATE PLAIN",
    "AUTHENTICATE YmFzZTY0LXNlY3JldA==",
    "PASS late-secret",
    "LOGIN ann :again-secret",
    "REGISTER ann * :register-secret",
    "VERIFY ann verify-secret",
    "NONSENSE nonsense-text",
    "KILL bob :kill-text",
    "QUIT :quit-text",
];

fn talk(server: &Server) {
    let mut bob = server.connect("bob");
    bob.send("PASS :door-secret");
    bob.send("LOGIN bob :login-secret");
    bob.until(":parlor NOTE LOGIN ACCOUNT_CREATED *");
    let mut eve = server.connect("eve");
    eve.send("PASS :wrong-door-secret");
    eve.send("LOGIN bob :guessed-secret");
    eve.until(":parlor FAIL *");
    eve.send("QUIT :quit-text");
    let mut ann = server.connect("ann");
    ann.send("PASS :door-secret");
    ann.send("LOGIN");
    ann.send("ann");
    ann.send("typed-secret");
    ann.until(":parlor NOTE LOGIN ACCOUNT_CREATED *");
    for line in LINES {
        ann.send(line);
    }
    ann.until("ERROR *");
    bob.until("ERROR *");
    server.wait_for_log(|line| line.contains("Killed by ann"));
    server.wait_for_log(|line| {
        line.contains("Left") && line.contains("ann") && line.contains("Quit")
    });
}

fn no_secret_in(log: &str) {
    for word in ["-secret", "-text", "YmFzZTY0"] {
        assert!(!log.contains(word), "`{word}` is in the log:\n{log}");
    }
}

#[test]
fn no_secret_and_no_text_is_in_the_log() {
    let server = Server::start(CONFIG);
    talk(&server);
    let log = server.log();
    no_secret_in(&log);
    for line in [
        "[INFO] Registered and logged in user=ann address=127.0.0.1",
        "[WARN] Failed to become an operator user=ann reason=\"wrong name or password\"",
        "[INFO] Became an operator user=ann",
        "[INFO] Left user=bob address=127.0.0.1 reason=\"Killed by ann\"",
        "[INFO] Left user=ann address=127.0.0.1 reason=Quit",
    ] {
        assert!(log.lines().any(|found| found == line), "`{line}` is not in the log:\n{log}");
    }
}

#[test]
fn json_has_the_same_facts_in_fields() {
    let server = Server::start_by(CONFIG, |mut command| {
        command.args(["--log-format", "json"]);
        command
    });
    talk(&server);
    let log = server.log();
    no_secret_in(&log);
    let wanted = ["\"message\":\"Became an operator\"", "\"user\":\"ann\"", "\"level\":\"INFO\""];
    let found = log.lines().any(|line| wanted.iter().all(|part| line.contains(part)));
    assert!(found, "no line has all of {wanted:?}:\n{log}");
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
}

/// Whatever a client sends: each line is one that the server has made.
#[test]
fn no_client_can_forge_log_lines() {
    let server = Server::start("server.guests = true\n");
    server.log_in("ann");
    for evil in
        ["\x1b[2J", "x\r[INFO] Logged in user=root", "\u{202e}x", "\u{2028}[WARN] x", "x\x07\x08"]
    {
        let mut eve = server.connect("eve");
        for verb in [
            "LOGIN",
            "LOGIN ann",
            "NICK",
            "USER",
            "PASS",
            "CAP",
            "AUTHENTICATE",
            "REGISTER a",
            "QUIT",
        ] {
            eve.send_bytes(format!("{verb} :{evil}\r\n").as_bytes());
        }
        eve.send("QUIT");
        eve.until("ERROR *");
        let mut guest = server.connect("guest");
        guest.send_bytes(format!("NICK guest\r\nUSER {evil} 0 * :{evil}\r\n").as_bytes());
        guest.send_bytes(format!("OPER {evil} {evil}\r\nQUIT :{evil}\r\n").as_bytes());
        guest.send("QUIT");
        guest.until("ERROR *");
    }
    let log = server.log();
    for line in log.lines() {
        let level = ["[INFO] ", "[WARN] "].iter().any(|level| line.starts_with(level));
        assert!(level && !line.contains("root"), "{line:?}");
        assert!(
            line.chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{2028}'),
            "{line:?}"
        );
    }
}
