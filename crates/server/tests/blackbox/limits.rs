//! What happens at each limit that the config sets: the one beyond it is refused with a reason, the others are unharmed.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::{Client, PATIENCE, Server, allow_many_connections};

const GUESTS: &str = "server.guests = true\n";

#[test]
fn a_client_that_never_reads_is_disconnected_and_the_others_are_unharmed() {
    let server = Server::start(
        "server.guests = true\nlimits.outbox_bytes = 65536\nlimits.ping_seconds = 0\n",
    );
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.until(":bob!* JOIN #lobby");
    let mut stuck = server.guest("stuck");
    ann.until(":stuck!* JOIN #lobby");
    bob.until(":stuck!* JOIN #lobby");
    let text = "x".repeat(400);
    let mut sent = 0;
    let mut left = None;
    // The kernel buffers some megabytes for the connection before the server's own limit counts.
    while left.is_none() {
        assert!(sent < 100_000, "stuck is still connected");
        for _ in 0..200 {
            ann.send(&format!("PRIVMSG #lobby :{sent} {text}"));
            let mut line = bob.next().expect("bob is unharmed");
            if line.starts_with(":stuck!") {
                left = Some(line);
                line = bob.next().expect("bob is unharmed");
            }
            assert!(
                line.starts_with(":ann!~ann@c-")
                    && line.contains(&format!(" PRIVMSG #lobby :{sent} x")),
                "{line}"
            );
            sent += 1;
        }
        ann.until_answered();
    }
    let left = left.expect("it is set now");
    assert!(left.starts_with(":stuck!~stuck@c-") && left.contains(" QUIT :"), "{left}");
    bob.expect_quiet();
    let last = stuck.until_closed();
    assert!(last.len() < sent, "it got all {sent}");
}

#[test]
fn when_outboxes_use_too_much_memory_a_client_that_does_not_read_is_dropped() {
    let server = Server::start(
        "server.guests = true\nlimits.memory = 1048576\nlimits.outbox_bytes = 0\nlimits.ping_seconds = 0\n",
    );
    let mut ann = server.guest("ann");
    let mut stuck: Vec<Client> =
        (0..3).map(|number| server.guest(&format!("stuck{number}"))).collect();
    let text = "x".repeat(400);
    let mut sent = 0;
    let mut left = None;
    while left.is_none() {
        assert!(sent < 100_000, "all are still connected");
        (0..200).for_each(|_| ann.send(&format!("PRIVMSG #lobby :{text}")));
        sent += 200;
        left = ann.until_answered().into_iter().find(|line| line.contains(" QUIT :"));
    }
    let left = left.expect("it is set now");
    assert!(left.starts_with(":stuck") && left.contains("send queues are full"), "{left}");
    let left = left.split(['!', ':']).nth(1).expect("a name");
    let gone = stuck.iter_mut().find(|client| client.name() == left).expect("one of them");
    assert!(gone.until_closed().len() < sent, "it got all {sent}");
}

#[test]
fn one_who_never_logs_in_is_disconnected() {
    let server = Server::start("limits.login_seconds = 1\n");
    let mut logged_in = server.log_in("ann");
    let mut silent = server.connect("silent");
    let mut busy = server.connect("busy");
    busy.send("PING :hello");
    for client in [&mut silent, &mut busy] {
        client.until("ERROR :*");
        client.expect_closed();
    }
    logged_in.expect_quiet();
}

#[test]
fn a_client_told_to_log_in_has_half_a_minute() {
    let server = Server::start("limits.login_seconds = 0\n");
    let (mut silent, mut told) = (server.connect("silent"), server.connect("told"));
    told.send_bytes(b"NICK told\r\nUSER told 0 * :Told\r\n");
    told.until(":parlor FAIL \\* ACCOUNT_REQUIRED :*");
    let begin = Instant::now();
    told.send_bytes(b"NICK other\r\nNICK told\r\nPING :x\r\n");
    told.until(":parlor PONG parlor :x");
    let mut rest = String::new();
    let mut stream = told.stream().try_clone().expect("a handle");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a read timeout");
    stream.read_to_string(&mut rest).expect("it is closed");
    assert_eq!(rest, "ERROR :No login in time\r\n");
    let took = begin.elapsed().as_secs();
    assert!((28..45).contains(&took), "{took} s");
    // Who has said nothing has as long as the config says.
    silent.log_in("ann");
}

/// Passwords that are derived or wait for it at most; two threads derive.
const PASSWORDS: usize = 1024 + 2;

/// Whether the words are in what the client has not read yet.
fn has_heard(client: &Client, words: &str) -> bool {
    let mut line = [0; 512];
    client.stream().set_nonblocking(true).expect("a mode of the socket");
    let heard = client.stream().peek(&mut line).unwrap_or(0);
    client.stream().set_nonblocking(false).expect("a mode of the socket");
    String::from_utf8_lossy(&line[..heard]).contains(words)
}

#[test]
fn too_many_logins_at_once_are_told_to_try_again() {
    allow_many_connections();
    let server = Server::start("server.password_iterations = 600000\n");
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..PASSWORDS + 50 {
        let mut client = server.connect("busy");
        client.send_bytes(
            format!("PASS secret\r\nNICK busy{number}\r\nUSER u 0 * :U\r\n").as_bytes(),
        );
        clients.push(client);
    }
    let begin = Instant::now();
    let mut refused = None;
    while refused.is_none() {
        assert!(begin.elapsed() < PATIENCE, "nobody was refused");
        // Who waits for the turn of the password has heard nothing yet.
        refused = clients.iter_mut().find(|client| has_heard(client, " 263 "));
    }
    let refused = refused.expect("just found").next().expect("it has heard");
    let told = "PASS :Too many concurrent logins; try again in a moment";
    assert!(refused.starts_with(":parlor 263 busy") && refused.ends_with(told), "{refused}");
}

#[test]
fn a_flood_is_throttled_and_loses_nothing() {
    let server = Server::start(
        "server.guests = true\nlimits.commands_per_second = 50\nlimits.command_burst = 20\n",
    );
    let mut bob = server.guest("bob");
    let mut ann = server.guest("ann");
    bob.until(":ann!* JOIN #lobby");
    let begin = Instant::now();
    let flood: String = (0..120).map(|n| format!("PRIVMSG #lobby :{n}\r\n")).collect();
    ann.send_bytes(flood.as_bytes());
    for n in 0..120 {
        bob.expect(&format!(":ann!~*@c-*.parlor PRIVMSG #lobby :{n}"));
    }
    // 120 lines, of which at most 20 at once: the other 100 take two seconds at least.
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(1900), "{took:?}");
    ann.expect_quiet();
}

/// While one floods, another's line is answered at once, not after the flood.
#[test]
fn a_flood_delays_nobody_else() {
    let server = Server::start(
        "server.guests = true\nlimits.commands_per_second = 5\nlimits.command_burst = 5\n",
    );
    let mut bob = server.guest("bob");
    let mut ann = server.guest("ann");
    bob.until(":ann!* JOIN #lobby");
    let flood: String = (0..1000).map(|n| format!("PRIVMSG #lobby :{n}\r\n")).collect();
    ann.send_bytes(flood.as_bytes());
    bob.send("PING :through");
    let mut before = 0;
    while !bob.next().expect("the connection stays").contains("PONG") {
        before += 1;
    }
    assert!(before < 100, "{before} lines of the flood came first");
}

/// A line without an end is not kept beyond a line's length.
#[test]
fn endless_input_is_refused_and_not_kept() {
    let mut server = Server::start(GUESTS);
    let mut ann = server.guest("ann");
    let before = server.memory_kib("VmRSS");
    let megabyte = vec![b'x'; 1024 * 1024];
    for _ in 0..64 {
        // The server may close the connection: that is an answer, too.
        if ann.stream().write_all(&megabyte).is_err() {
            break;
        }
    }
    ann.send("");
    let answer = ann.next().expect("an answer");
    assert!(answer.contains(" 417 ") || answer.starts_with("ERROR "), "{answer}");
    assert!(server.is_running());
    let grown = server.memory_kib("VmRSS").saturating_sub(before);
    assert!(grown < 16 * 1024, "the server has grown by {grown} KiB");
}

/// So many guests in one room; the first is its operator.
fn crowd(guests: usize) -> (Server, Vec<Client>) {
    allow_many_connections();
    let server =
        Server::start("server.guests = true\nserver.lobby = \"\"\nlimits.login_seconds = 0\n");
    let mut clients: Vec<Client> =
        (0..guests).map(|n| server.connect(&format!("guest{n}"))).collect();
    let come = |client: &mut Client| {
        let name = client.name().to_owned();
        client.send(&format!("NICK {name}"));
        client.send(&format!("USER {name} 0 * :{name}"));
        client.send("JOIN #crowd");
    };
    let arrive = |client: &mut Client| {
        let name = client.name().to_owned();
        client.until(&format!(":* 366 {name} #crowd :*"));
    };
    // The first one founds the room.
    let (first, others) = clients.split_first_mut().expect("a crowd is not empty");
    come(first);
    arrive(first);
    others.iter_mut().for_each(come);
    others.iter_mut().for_each(arrive);
    (server, clients)
}

/// Everybody may have to be shown all names, so only a room of up to a thousand is renamed.
fn rename(server: &Server, clients: &mut [Client]) {
    let mut last = server.guest("last");
    last.send("JOIN #crowd");
    last.until(":parlor 366 last #crowd :*");
    clients[0].until_answered();
    clients[0].send("RENAME #crowd #mob :too many");
    clients[0].until(":parlor FAIL RENAME CANNOT_RENAME #crowd #mob :There are too many people *");
    last.send("PART #crowd");
    last.until(":last!~*@c-*.parlor PART #crowd");
    clients[0].send("RENAME #crowd #mob :one less");
    for client in clients {
        let name = client.name().to_owned();
        client.until(&format!(":{name}!~*@c-*.parlor PART #crowd :one less"));
        client.expect(&format!(":{name}!~*@c-*.parlor JOIN #mob"));
        client.until(&format!(":parlor 366 {name} #mob :*"));
    }
}

#[test]
fn no_room_of_more_than_two_hundred_is_renamed() {
    let (server, mut clients) = crowd(200);
    rename(&server, &mut clients);
}

#[test]
fn a_thousand_connect_at_once() {
    let (server, mut clients) = crowd(1000);
    clients[0].until_answered();
    clients[0].send("PRIVMSG #crowd :hello, crowd");
    for client in &mut clients[1..] {
        client.until(":guest0!~*@c-*.parlor PRIVMSG #crowd :hello, crowd");
    }
    for client in &mut clients {
        client.send("QUIT");
    }
    for client in &mut clients {
        client.until("ERROR :*");
    }
    server.guest("late").expect_quiet();
}

/// Of more invitations to a room than it remembers, one is forgotten.
#[test]
fn a_room_remembers_a_hundred_invitations() {
    let (_server, mut clients) = crowd(102);
    clients[0].send("JOIN #closed");
    clients[0].until(":parlor 366 guest0 #closed :*");
    clients[0].until_answered();
    for n in 1..102 {
        clients[0].send(&format!("INVITE guest{n} #closed"));
        clients[0].expect(&format!(":parlor 341 guest0 guest{n} #closed"));
    }
    let mut remembered = 0;
    for client in &mut clients[1..] {
        client.until_answered();
        client.send("INVITE");
        let answer = client.until_answered();
        remembered += answer.iter().filter(|line| line.contains(" 336 ")).count();
    }
    assert_eq!(remembered, 100);
}

/// The lists of a room count together.
#[test]
fn a_full_list_of_a_room_refuses_another_entry() {
    let server = Server::start(GUESTS);
    let mut ann = server.guest("ann");
    ann.send("JOIN #garden");
    ann.until(":parlor 366 ann #garden :*");
    for (n, letter) in (0..100).zip("beIq".chars().cycle()) {
        ann.send(&format!("MODE #garden +{letter} user{n}"));
        ann.expect(&format!(":ann!~*@c-*.parlor MODE #garden +{letter} user{n}!\\*@\\*"));
    }
    ann.send("MODE #garden +q loud");
    ann.expect(":parlor 478 ann #garden q :*");
    ann.send("MODE #garden -b+q user0 loud");
    ann.expect(":ann!~*@c-*.parlor MODE #garden -b+q user0!\\*@\\* loud!\\*@\\*");
}

#[test]
fn one_connection_too_many_from_an_address_is_refused() {
    let server = Server::start("limits.connections_per_address = 2\n");
    let mut first = server.connect("first");
    first.expect_quiet();
    let mut second = server.connect("second");
    second.expect_quiet();
    let mut third = server.connect("third");
    third.expect("ERROR :*");
    third.expect_closed();
    second.send("EX");
    second.until("ERROR :*");
    second.expect_closed();
    first.expect_quiet();
    wait_until_admitted(&server);
}

/// A place becomes free when the server has seen the connection end, a moment after its peer has.
fn wait_until_admitted(server: &Server) {
    let begin = Instant::now();
    loop {
        let mut client = server.connect("next");
        client.send("PING :in");
        let answer = client.next().expect("an answer");
        if answer.contains("PONG") {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "still refused: {answer}");
    }
}

#[test]
fn one_connection_too_many_in_all_is_refused() {
    let server = Server::start("limits.connections = 1\n");
    let mut first = server.connect("first");
    first.expect_quiet();
    let mut second = server.connect("second");
    second.expect("ERROR :*");
    second.expect_closed();
    first.expect_quiet();
}

#[test]
fn connecting_too_often_is_refused() {
    let server = Server::start("limits.connects_per_minute = 3\n");
    for _ in 0..3 {
        server.connect("one of three").expect_quiet();
    }
    let mut fourth = server.connect("fourth");
    fourth.expect("ERROR :*");
    fourth.expect_closed();
}

/// As many as a client sends ahead are answered in their order after the login; far more are refused.
#[test]
fn lines_sent_while_the_password_is_checked_wait_up_to_a_limit() {
    let server = Server::start("");
    let ahead = |lines: usize| -> String {
        (0..lines).map(|number| format!("PING :{number}\r\n")).collect()
    };
    let mut ann = server.connect("ann");
    ann.send_bytes(format!("LOGIN ann :secret\r\n{}", ahead(60)).as_bytes());
    ann.expect(":parlor NOTE LOGIN ACCOUNT_CREATED ann :*");
    ann.expect(":ann!ann@parlor JOIN #lobby");
    for number in 0..60 {
        ann.expect(&format!(":parlor PONG parlor *{number}"));
    }
    let mut bob = server.connect("bob");
    bob.send_bytes(format!("LOGIN bob :secret\r\n{}", ahead(100)).as_bytes());
    bob.expect("ERROR :*Too many lines before login was complete*");
    bob.expect_closed();
    ann.expect_quiet();
}

/// More history is asked for than one session may have open: the rest waits, and all is answered in
/// order.
#[test]
fn pipelined_history_is_answered_in_order() {
    let server = Server::start(GUESTS);
    let mut ann = server.connect("ann");
    ann.request("batch draft/chathistory server-time");
    ann.be_guest("ann");
    for number in 0..20 {
        ann.send(&format!("PRIVMSG #lobby :{number}"));
    }
    ann.until_answered();
    let asked: String =
        (1..=20).map(|n| format!("CHATHISTORY LATEST #lobby * {n}\r\nPING :{n}\r\n")).collect();
    ann.send_bytes(asked.as_bytes());
    for n in 1..=20 {
        ann.expect("*BATCH +* chathistory #lobby");
        for number in 20 - n..20 {
            ann.expect(&format!("@*PRIVMSG #lobby :{number}"));
        }
        ann.expect("*BATCH -*");
        ann.expect(&format!(":parlor PONG parlor *{n}"));
    }
    ann.expect_quiet();
}
