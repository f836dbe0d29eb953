//! Messages of several lines at their limits, and over restarts and broken connections.

use std::time::{Duration, Instant};

use crate::support::{Client, Server, Start};

const ALL: &str = "draft/multiline batch echo-message message-tags server-time account-tag \
                   labeled-response draft/chathistory";

fn enter(server: &Server, name: &str, capabilities: &str) -> Client {
    let mut client = server.connect(name);
    client.request(capabilities);
    client.log_in(name);
    client
}

/// The lines of a batch that sends `texts`.
fn batch(target: &str, texts: &[String]) -> String {
    let lines: String =
        texts.iter().map(|text| format!("@batch=b PRIVMSG {target} :{text}\r\n")).collect();
    format!("BATCH +b draft/multiline {target}\r\n{lines}BATCH -b\r\n")
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("line {number}")).collect()
}

/// A hundred lines pasted at once are not slowed down: a line of a batch weighs a quarter.
#[test]
fn as_many_lines_as_the_capability_says_and_no_more() {
    let server = Server::start("limits.commands_per_second = 1\nlimits.command_burst = 40\n");
    let mut ann = enter(&server, "ann", "draft/multiline batch echo-message");
    let begin = Instant::now();
    ann.send_bytes(batch("#lobby", &numbered(100)).as_bytes());
    ann.expect(":ann!ann@parlor BATCH +* draft/multiline #lobby");
    for number in 0..100 {
        ann.expect(&format!("@batch=* :ann!ann@parlor PRIVMSG #lobby :line {number}"));
    }
    ann.expect(":parlor BATCH -*");
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");

    let server = Server::start("limits.commands_per_second = 0\n");
    let mut ann = enter(&server, "ann", "draft/multiline batch echo-message");
    ann.send_bytes(batch("#lobby", &numbered(102)).as_bytes());
    ann.expect(":parlor FAIL BATCH MULTILINE_MAX_LINES 100 :*");
    ann.expect_quiet();
}

/// To one who does not send batches the tag gives nothing.
#[test]
fn batch_tags_do_not_bypass_the_flood_limit() {
    let server = Server::start("limits.commands_per_second = 20\nlimits.command_burst = 20\n");
    let mut bob = server.log_in("bob");
    let mut ann = server.log_in("ann");
    bob.until(":ann!* JOIN #lobby");
    let begin = Instant::now();
    let flood: String = (0..60).map(|n| format!("@batch=b PRIVMSG #lobby :{n}\r\n")).collect();
    ann.send_bytes(flood.as_bytes());
    bob.until(":ann!ann@parlor PRIVMSG #lobby :59");
    // 60 lines, of which at most 20 at once: the other 40 take two seconds at least.
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(1900), "{took:?}");
}

#[test]
fn as_many_bytes_as_the_capability_says_and_no_more() {
    let server = Server::start("limits.commands_per_second = 0\n");
    let mut ann = enter(&server, "ann", "draft/multiline batch echo-message");
    // 40 lines of 400 bytes and the line feeds between them: 345 bytes are left, and a line feed.
    let mut texts = vec!["x".repeat(400); 40];
    texts.push("y".repeat(16_384 - 40 * 400 - 40));
    ann.send_bytes(batch("#lobby", &texts).as_bytes());
    ann.until(&format!("@batch=* :ann!ann@parlor PRIVMSG #lobby :{}", texts[40]));
    ann.expect(":parlor BATCH -*");
    texts[40].push('y');
    ann.send_bytes(batch("#lobby", &texts).as_bytes());
    ann.expect(":parlor FAIL BATCH MULTILINE_MAX_BYTES 16384 :*");
    ann.expect_quiet();
    // A line that goes on takes no line feed.
    let joined = batch("#lobby", &texts).replacen(
        "@batch=b PRIVMSG #lobby :y",
        "@batch=b;draft/multiline-concat PRIVMSG #lobby :y",
        1,
    );
    ann.send_bytes(joined.as_bytes());
    ann.until(&format!("@batch=*;draft/multiline-concat :* PRIVMSG #lobby :{}", texts[40]));
    ann.expect(":parlor BATCH -*");
    ann.expect_quiet();
}

/// Nobody sees part of a message, whatever becomes of its author.
#[test]
fn incomplete_multiline_messages_are_not_sent() {
    let server = Server::start("");
    let mut bob = enter(&server, "bob", ALL);
    let mut ann = enter(&server, "ann", ALL);
    bob.until("*:ann!* JOIN #lobby");
    ann.send("BATCH +b draft/multiline #lobby");
    ann.send("@batch=b PRIVMSG #lobby :half");
    ann.expect_quiet();
    ann.send("QUIT");
    bob.until("*:ann!ann@parlor QUIT *");
    bob.send("CHATHISTORY LATEST #lobby * 10");
    bob.expect(":parlor BATCH +* chathistory #lobby");
    bob.expect(":parlor BATCH -*");
    bob.expect_quiet();
}

#[test]
fn a_multiline_message_is_unchanged_by_a_restart_and_a_resend() {
    let mut server = Server::start("");
    let tell = |ann: &mut Client| {
        ann.send("@+parlor/resend=r1;+draft/reply=x BATCH +b draft/multiline #lobby");
        ann.send("@batch=b PRIVMSG #lobby :one");
        ann.send("@batch=b PRIVMSG #lobby :");
        ann.send("@batch=b;draft/multiline-concat PRIVMSG #lobby :two");
        ann.send("BATCH -b");
        let lines: Vec<String> = (0..5).map(|_| ann.next().expect("a line")).collect();
        assert!(lines[4].starts_with(":parlor BATCH -"), "{lines:?}");
        lines
    };
    let history = |ann: &mut Client| {
        ann.send("CHATHISTORY LATEST #lobby * 10");
        ann.until("*BATCH +* chathistory #lobby");
        let lines: Vec<String> = (0..5).map(|_| ann.next().expect("a line")).collect();
        ann.expect(":parlor BATCH -*");
        lines
    };
    let mut ann =
        enter(&server, "ann", "draft/multiline batch echo-message message-tags server-time");
    let echo = tell(&mut ann);
    let before = history(&mut ann);
    server.restart();
    let mut ann =
        enter(&server, "ann", "draft/multiline batch echo-message message-tags server-time");
    assert_eq!(history(&mut ann), before);
    let again = tell(&mut ann);
    assert_eq!(again[0].split(' ').next(), echo[0].split(' ').next(), "time, msgid and tags");
    assert_eq!(history(&mut ann), before);
    assert_eq!(echo[1..4], before[1..4]);
    // In history the opening line has the tag of the page's batch, too.
    assert_eq!(Some(&echo[0][1..]), before[0].split_once(';').map(|(_, rest)| rest));
}

/// The largest message there can be fits the smallest outbox, live and as a page of history; pages of
/// such messages are shorter, and together they have all.
#[test]
fn pages_of_large_messages_fit_the_outbox() {
    let server_name = "s".repeat(63);
    let (nick, room) = ("n".repeat(32), format!("#{}", "r".repeat(63)));
    let config = format!(
        "server.name = \"{server_name}\"\nlimits.commands_per_second = 0\n\
         limits.outbox_bytes = 65536\n"
    );
    let server = Server::start_as(Start::OnDisk, &config);
    for capabilities in [ALL, "batch message-tags server-time account-tag draft/chathistory"] {
        let name = if capabilities == ALL { nick.clone() } else { "m".repeat(32) };
        let mut ann = server.connect("ann");
        ann.request("draft/multiline batch message-tags");
        ann.send(&format!("LOGIN {name} :secret"));
        ann.send(&format!("JOIN {room}"));
        ann.until("* 366 *");
        let mut texts = vec!["x".repeat(162); 99];
        texts.push("y".repeat(16_384 - 99 * 163));
        let tags = format!("@+draft/reply={} ", "z".repeat(4000));
        for _ in 0..4 {
            ann.send_bytes(format!("{tags}{}", batch(&room, &texts)).as_bytes());
        }
        ann.send("PING :stored");
        ann.until("* PONG *");
        let mut bob = server.connect("bob");
        bob.request(capabilities);
        bob.send("LOGIN bob :secret");
        bob.send(&format!("JOIN {room}"));
        bob.until_answered();
        let mut selector = "*".to_owned();
        let mut sizes = Vec::new();
        for subcommand in ["LATEST", "BEFORE", "BEFORE", "BEFORE", "BEFORE"] {
            bob.send(&format!("CHATHISTORY {subcommand} {room} {selector} 100"));
            bob.until("*BATCH +* chathistory *");
            let (mut bytes, mut oldest, mut messages) = (0, None, 0);
            loop {
                let line = bob.next().expect("the connection stays");
                bytes += line.len() + 2;
                messages += usize::from(line.ends_with(&texts[99]));
                if let Some(found) = line.split("msgid=").nth(1) {
                    let end = found.find([';', ' ']).expect("an end");
                    oldest.get_or_insert(found[..end].to_owned());
                }
                if line.starts_with(&format!(":{server_name} BATCH -H")) {
                    break;
                }
            }
            assert!(bytes < 65_536, "{bytes}");
            sizes.push(messages);
            if let Some(oldest) = oldest {
                selector = format!("msgid={oldest}");
            }
        }
        let expected = if capabilities == ALL { [1, 1, 1, 1, 0] } else { [1, 1, 1, 1, 1] };
        assert_eq!(sizes, expected, "messages on each page");
    }
}
