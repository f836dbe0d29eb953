//! Input that no client should send: each has its answer, nothing is stored, and the server goes on.

use std::thread;

use crate::support::{Random, Server};

const GUESTS: &str = "server.guests = true\n";

#[test]
fn a_line_too_long_is_refused_as_a_whole() {
    let server = Server::start(GUESTS);
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.until(":bob!* JOIN #lobby");
    let head = "PRIVMSG #lobby :";
    ann.send(&format!("{head}{}", "x".repeat(511 - head.len())));
    ann.expect(":parlor 417 ann :*");
    ann.send(&format!("{head}{}", "y".repeat(100_000)));
    ann.expect(":parlor 417 ann :*");
    ann.expect_quiet();
    bob.expect_quiet();
}

#[test]
fn the_longest_line_is_taken() {
    let server = Server::start(GUESTS);
    let mut ann = server.guest("ann");
    let head = "PING :";
    let token = "x".repeat(510 - head.len());
    ann.send(&format!("{head}{token}"));
    ann.until(":parlor PONG *x*");
}

/// A text that fits the sender's line may be too long for its receivers', who get the sender's name before it.
#[test]
fn a_text_too_long_for_the_relayed_line_is_refused() {
    let server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.until(":bob!* JOIN #lobby");
    ann.send(&format!("BM :{}", "x".repeat(506)));
    let refusal = ann.expect(":parlor FAIL BM TEXT_TOO_LONG * :*");
    bob.expect_quiet();
    let most: usize = refusal.split(' ').nth(4).and_then(|n| n.parse().ok()).expect("a number");
    ann.send(&format!("BM :{}", "x".repeat(most)));
    ann.expect(":parlor NOTE BM SENT * :*");
    let line = bob.expect(":ann!ann@parlor PRIVMSG #lobby :x*");
    assert!(line.len() + 2 <= 512, "{} bytes and the line end", line.len());
    assert!(line.ends_with(&format!(":{}", "x".repeat(most))));
}

#[test]
fn tags_too_long_are_refused() {
    let server = Server::start(GUESTS);
    let mut ann = server.connect("ann");
    ann.request("message-tags echo-message");
    ann.be_guest("ann");
    ann.send(&format!("@+x={} PRIVMSG #lobby :hello", "y".repeat(4094 - 2)));
    ann.expect("*:parlor 417 ann :*");
    // Those that clients need are stored whatever their length, as far as they fit a line.
    let reply = "+draft/reply=";
    let longest = "y".repeat(4094 - reply.len());
    ann.send(&format!("@{reply}{longest} PRIVMSG #lobby :hello"));
    ann.expect(&format!("@*{reply}yyy* PRIVMSG #lobby :hello"));
    ann.expect_quiet();
}

#[test]
fn other_client_tags_are_stored_up_to_a_limit() {
    let server = Server::start(GUESTS);
    let mut ann = server.connect("ann");
    ann.request("message-tags echo-message batch draft/multiline standard-replies");
    ann.be_guest("ann");
    let fits = "y".repeat(512 - "+x=".len());
    ann.send(&format!("@+x={fits} PRIVMSG #lobby :fits"));
    ann.expect("@*+x=yyy* PRIVMSG #lobby :fits");
    ann.send(&format!("@+draft/reply=abc;+x={fits} NOTICE #lobby :fits"));
    ann.expect("@*+x=yyy* NOTICE #lobby :fits");
    for tags in [format!("+x={fits}y"), format!("+x={fits};+draft/reply=z;+y")] {
        for verb in ["PRIVMSG", "NOTICE"] {
            ann.send(&format!("@{tags} {verb} #lobby :hello"));
            ann.expect("*:parlor 417 ann :Client tags are stored with *+draft/reply* 512 bytes");
        }
        ann.send(&format!("@{tags} TAGMSG #lobby"));
        ann.expect("*:parlor 417 ann :*");
        ann.send(&format!("@{tags} BM :hello"));
        ann.expect("*:parlor FAIL BM TAGS_TOO_LONG :*");
        ann.send(&format!("@{tags} BATCH +1 draft/multiline #lobby"));
        ann.send("@batch=1 PRIVMSG #lobby :hello");
        ann.send("BATCH -1");
        ann.expect("*:parlor 417 ann :*");
    }
    // What is not stored may be longer.
    ann.send(&format!("@+x={fits}y PRIVMSG #lobby :\x01VERSION\x01"));
    ann.expect("@+x=yyy* PRIVMSG #lobby :\x01VERSION\x01");
    ann.expect_quiet();
}

#[test]
fn nul_and_a_bare_carriage_return_are_refused() {
    let server = Server::start(GUESTS);
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.until(":bob!* JOIN #lobby");
    for bytes in [&b"PRIVMSG #lobby :a\0b\r\n"[..], b"PRIVMSG #lobby :a\rb\r\n", b"\0\r\n"] {
        ann.send_bytes(bytes);
        ann.expect(":parlor FAIL * INVALID_LINE :*");
    }
    ann.expect_quiet();
    bob.expect_quiet();
}

#[test]
fn a_line_may_end_without_carriage_return_and_be_empty() {
    let server = Server::start("");
    let mut ann = server.connect("ann");
    ann.send_bytes(b"\n\r\nPING one\nPING two\r\n");
    ann.expect(":parlor PONG parlor *one");
    ann.expect(":parlor PONG parlor *two");
}

#[test]
fn invalid_utf8_is_refused_and_not_stored() {
    let mut server = Server::start("");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.until(":bob!* JOIN #lobby");
    for bytes in
        [&b"BM :caf\xe9\r\n"[..], b"PM bob :\xff\xfe\r\n", b"BM :\xc3\x28\r\n", b"\x80\r\n"]
    {
        ann.send_bytes(bytes);
        ann.expect(":parlor FAIL * INVALID_UTF8 :*");
    }
    bob.expect_quiet();
    ann.send("BM");
    ann.expect(":parlor NOTE BM TEXT_REQUIRED :*");
    ann.send_bytes(b"\xf0\x9f\r\n");
    ann.expect(":parlor FAIL * INVALID_UTF8 :*");
    server.restart();
    let mut ann = server.log_in("ann");
    ann.send("CH");
    ann.expect(":parlor NOTE CH END * 0 *");
}

#[test]
fn invalid_lines_are_answered_with_their_verb_and_label_if_readable() {
    let server = Server::start("");
    let mut ann = server.connect("ann");
    ann.request("labeled-response batch");
    ann.log_in("ann");
    for (bytes, answer) in [
        (
            &b"@label=a PRIVMSG #lobby hi\xaa\r\n"[..],
            "@label=a :parlor FAIL PRIVMSG INVALID_UTF8 :*",
        ),
        (b"@label=b :ann  topic #lobby :\0\r\n", "@label=b :parlor FAIL TOPIC INVALID_LINE :*"),
        (b"BM :caf\xe9\r\n", ":parlor FAIL BM INVALID_UTF8 :*"),
        (b"@label=\xff BM :x\r\n", ":parlor FAIL \\* INVALID_UTF8 :*"),
        (b"B\xffM :x\r\n", ":parlor FAIL \\* INVALID_UTF8 :*"),
    ] {
        ann.send_bytes(bytes);
        ann.expect(answer);
    }
    ann.send_bytes(&[b"@label=c PRIVMSG ann :", &[b'x'; 600][..], b"\r\n"].concat());
    ann.expect("@label=c :parlor 417 ann :*");
    // As an answer to a question it has no verb.
    ann.send("BM");
    ann.expect(":parlor NOTE BM TEXT_REQUIRED :*");
    ann.send_bytes(b"@label=d caf\xe9\r\n");
    ann.expect(":parlor FAIL \\* INVALID_UTF8 :*");
    ann.send("good");
    ann.expect(":parlor NOTE BM SENT *");
}

#[test]
fn before_the_login_verbs_ask_for_a_login() {
    let server = Server::start("");
    let mut ann = server.connect("ann");
    for verb in ["BM", "PM", "CH"] {
        ann.send(verb);
        ann.expect(&format!(":parlor FAIL {verb} LOGIN_REQUIRED :*"));
    }
    for line in [
        "JOIN #a",
        "PRIVMSG #lobby :x",
        "NOTICE #lobby :x",
        "NAMES #lobby",
        "LIST",
        "WHO #lobby",
        "WHOIS ann",
        "TOPIC #lobby",
        "MODE #lobby",
        "KICK #lobby ann",
        "INVITE ann #lobby",
        "AWAY :x",
        "PART #lobby",
        "ISON ann",
        "USERHOST ann",
    ] {
        ann.send(line);
        ann.expect(":parlor 451 * :*");
    }
    ann.expect_quiet();
}

#[test]
fn an_unknown_command_is_named_in_the_answer() {
    let server = Server::start(GUESTS);
    let mut ann = server.guest("ann");
    ann.send("TELEPORT bob");
    ann.expect(":parlor 421 ann TELEPORT :*");
    ann.send("GET / HTTP/1.1");
    ann.expect(":parlor 421 ann GET :*");
    ann.expect_quiet();
}

#[test]
fn missing_parameters_are_reported_and_nothing_happens() {
    let server = Server::start(GUESTS);
    let mut ann = server.guest("ann");
    for line in [
        "JOIN",
        "PART",
        "TOPIC",
        "KICK",
        "KICK #a",
        "MODE",
        "INVITE ann",
        "ISON",
        "USERHOST",
        "PASS",
        "USER",
        "AUTHENTICATE",
        "CAP",
        "OPER name",
        "TAGMSG",
    ] {
        ann.send(line);
        let answer = ann.next().expect("an answer");
        let verb = line.split(' ').next().expect("a verb");
        // USER and PASS have a second reason here: too late (462).
        let fits = answer.starts_with(&format!(":parlor 461 ann {verb} :"))
            || answer.starts_with(":parlor 462 ann :");
        assert!(fits, "{line}: {answer}");
    }
    ann.expect_quiet();
}

/// The connection breaks in the middle of a login: nobody is online, and nothing is registered.
#[test]
fn half_a_login_leaves_nothing_behind() {
    let server = Server::start("");
    let mut bob = server.log_in("bob");
    for half in [
        "LOGIN\n",
        "LOGIN\nann\n",
        "LOGIN ann :sec",
        "PASS secret\nNICK ann\n",
        "CAP REQ :sasl\nAUTHENTICATE PLAIN\n",
    ] {
        let mut ann = server.connect("ann");
        ann.send_bytes(half.as_bytes());
        ann.end_input();
        ann.until_closed();
    }
    bob.expect_quiet();
    bob.send("PM ann :hello");
    bob.expect(":parlor FAIL PM NO_SUCH_USER ann :*");
}

/// Logged in before the bytes end: the login counts, and what was asked is answered.
#[test]
fn commands_sent_before_the_end_of_input_are_carried_out() {
    let server = Server::start("");
    let mut bob = server.log_in("bob");
    let mut ann = server.connect("ann");
    ann.send("LOGIN ann :secret");
    ann.send("BM :sent and gone");
    ann.send("EX");
    ann.end_input();
    bob.until(":ann!ann@parlor PRIVMSG #lobby :sent and gone");
    bob.expect(":ann!ann@parlor QUIT :*");
    let last = ann.until_closed();
    assert!(last.iter().any(|line| line.contains(" NOTE BM SENT ")), "{last:?}");
}

/// Three connections send noise of three kinds, until each has sent its share of 10,000 strings.
#[test]
fn ten_thousand_random_byte_strings_hurt_nobody() {
    let mut server = Server::start("server.guests = true\nlimits.login_seconds = 0\n");
    let mut seeds = Random::seeded();
    let mut witness = server.guest("witness");
    thread::scope(|scope| {
        for kind in [Noise::Bytes, Noise::Lines, Noise::Verbs] {
            let (server, mut random) = (&server, Random::new(seeds.next()));
            scope.spawn(move || make_noise(server, kind, &mut random, 3_334));
        }
    });
    witness.send("PING :still here");
    witness.until(":parlor PONG parlor :still here");
    assert!(server.is_running());
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.guest("newcomer").expect_quiet();
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
}

#[derive(Clone, Copy)]
enum Noise {
    Bytes,
    Lines,
    Verbs,
}

fn make_noise(server: &Server, kind: Noise, random: &mut Random, strings: usize) {
    let mut sent = 0;
    while sent < strings {
        let mut client = server.connect("noise");
        if random.below(2) == 0 {
            client.send(&format!("NICK noise{}", random.below(1_000_000)));
            client.send("USER noise 0 * :noise");
        }
        for _ in 0..100 {
            client.send_bytes(&noise(kind, random));
            sent += 1;
        }
        client.end_input();
        client.until_closed();
    }
}

fn noise(kind: Noise, random: &mut Random) -> Vec<u8> {
    const VERBS: &[&str] = &[
        "LOGIN",
        "BM",
        "PM",
        "CH",
        "CAP",
        "NICK",
        "USER",
        "AUTHENTICATE",
        "JOIN",
        "PART",
        "TOPIC",
        "NAMES",
        "LIST",
        "PRIVMSG",
        "NOTICE",
        "TAGMSG",
        "WHO",
        "WHOIS",
        "AWAY",
        "KICK",
        "MODE",
        "INVITE",
        "ISON",
        "USERHOST",
        "CHATHISTORY",
        "PONG",
        "MOTD",
    ];
    const WORDS: &[&str] = &[
        "#a",
        "#lobby",
        "noise",
        "*",
        "+o-v",
        "+b",
        "REQ",
        "LS",
        "LATEST",
        ":",
        "::x y",
        "-1",
        "99999999999999999999",
        "msgid=1",
        "timestamp=",
        "a,b,,c",
        "#a,#b",
        "!@",
        "é",
        "*!*@*",
        ",",
        "0",
    ];
    let length = random.below(200) as usize;
    let mut bytes: Vec<u8> = match kind {
        Noise::Bytes => (0..length * 5).map(|_| random.byte()).collect(),
        Noise::Lines => (0..length).map(|_| 0x20 + (random.byte() % 0x5f)).collect(),
        Noise::Verbs => {
            let pick = |random: &mut Random, from: &[&str]| {
                from[random.below(from.len() as u64) as usize].to_owned()
            };
            let mut words = vec![pick(random, VERBS)];
            words.extend((0..random.below(6)).map(|_| pick(random, WORDS)));
            words.join(" ").into_bytes()
        }
    };
    bytes.extend_from_slice(b"\r\n");
    bytes
}
