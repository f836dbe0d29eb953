//! Budgets: nobody takes the server from the others, and who asks for too much is told how long to
//! wait.

use std::io::Write;

use crate::metrics::numbers;
use crate::support::{Client, Server};

/// So little that a few long answers are too much.
const CONFIG: &str = "server.guests = true\nlimits.work_millis = 1\nlimits.rooms_per_user = 0\n";

/// Asks for a long list until it is refused; the line that refuses it.
fn until_refused(client: &mut Client) -> String {
    for _ in 0..1000 {
        client.send("LIST *a*a*a*b,*b*b*b*a,*c*c*c");
        loop {
            let line = client.next().expect("the connection stays");
            match line.split(' ').nth(1) {
                Some("263") => return line,
                Some("323") => break,
                _ => {}
            }
        }
    }
    panic!("never refused");
}

#[test]
fn asking_for_too_much_is_refused_with_a_delay_and_others_are_unaffected() {
    let server = Server::start(CONFIG);
    let mut eve = server.guest("eve");
    for number in 0..20 {
        let rooms: Vec<String> =
            (0..20).map(|room| format!("#aaaaaaaaaaaaaa{number}-{room}")).collect();
        eve.send(&format!("JOIN {}", rooms.join(",")));
    }
    eve.until_answered();
    let refused = until_refused(&mut eve);
    let expected = ":parlor 263 eve LIST :You, or others at your address, have made too many expensive requests; try again in ";
    let seconds = refused.strip_prefix(expected).and_then(|rest| rest.strip_suffix(" seconds"));
    assert!(seconds.is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
    eve.send("BM :hello");
    eve.until(":parlor FAIL BM RATE_LIMITED * :You, or others at your address, have made too many expensive requests*");
    eve.send("PING :there?");
    eve.until(":parlor PONG parlor :there?");
    // Leaving and coming back forgives an account nothing; a guest is somebody new.
    let mut ann = server.guest("ann");
    ann.send("BM :hello");
    ann.until(":parlor NOTE BM SENT *");
    assert!(numbers(&server)["parlor_refused_total{reason=\"work\"}"] >= 2.0);
}

#[test]
fn an_account_has_a_bounded_number_of_connections() {
    let server = Server::start("limits.sessions_per_account = 2\n");
    let first = server.log_in("ann");
    let mut second = server.log_in("ann");
    let mut third = server.connect("ann");
    third.send("LOGIN ann :secret");
    third.until(":parlor FAIL LOGIN TOO_MANY_SESSIONS ann :*");
    third.expect("ERROR :Your account has the maximum number of connections; close one first");
    third.until_closed();
    drop(first);
    second.until_answered();
    loop {
        let mut again = server.connect("ann");
        again.send("LOGIN ann :secret");
        let answer = again.next().expect("an answer");
        if answer.contains(" NOTE LOGIN LOGGED_IN ") {
            break; // The server has noticed that the first one is gone.
        }
    }
}

/// What one sends beyond its turn waits, in order, partly in the socket; nobody is cut off for it.
#[test]
fn thousands_of_lines_at_once_are_all_answered_in_order() {
    const LINES: usize = 20_000;
    let server = Server::start("server.guests = true\n");
    let mut eve = server.guest("eve");
    let mut ann = server.guest("ann");
    eve.until_answered();
    let lines: String = (0..LINES).map(|number| format!("PING :{number}\r\n")).collect();
    let mut stream = eve.stream().try_clone().expect("the same socket");
    let sender = std::thread::spawn(move || stream.write_all(lines.as_bytes()));
    ann.until_answered();
    for number in 0..LINES {
        eve.expect(&format!(":parlor PONG parlor :{number}"));
    }
    sender.join().expect("no panic").expect("all is taken");
    eve.until_answered();
}

#[test]
fn storing_too_much_is_refused_with_a_delay_on_every_device() {
    let server = Server::start("limits.stored_bytes_per_hour = 36000\n");
    let (mut ann, mut bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.send("PM bob :hello");
    ann.until(":parlor NOTE PM SENT *");
    let text = "x".repeat(300);
    let mut stored = 0;
    let refused = loop {
        ann.send(&format!("BM :{text}"));
        let answer = ann.until(":parlor * BM *");
        if answer.contains(" FAIL ") {
            break answer;
        }
        stored += 1;
        assert!(stored < 100, "it is never too much");
    };
    assert!(stored > 60, "an hour's worth may be stored at once, not only {stored}");
    let seconds = refused.strip_prefix(":parlor FAIL BM RATE_LIMITED ").expect("a refusal");
    let (seconds, sentence) = seconds.split_once(" :").expect("a sentence");
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| (1..60).contains(&seconds)), "{refused}");
    assert!(sentence.starts_with("You have reached your hourly storage quota"), "{refused}");
    // Not by another device either, nor by another way; others are not refused.
    let mut phone = server.log_in("ann");
    phone.send(&format!("PRIVMSG bob :{text}"));
    phone.until(":parlor 263 ann PRIVMSG :You have reached your hourly storage quota*");
    phone.send("CH #lobby 1");
    phone.until(":parlor NOTE CH END *");
    bob.send("BM :hello");
    bob.until(":parlor NOTE BM SENT *");
    assert!(numbers(&server)["parlor_refused_total{reason=\"stored_bytes\"}"] >= 2.0);
}

/// Logs in as devices of accounts made before: a password costs time.
fn devices(server: &Server, name: &str, count: usize) -> Vec<Client> {
    let mut devices: Vec<Client> = (0..count).map(|_| server.log_in(name)).collect();
    devices.iter_mut().for_each(|device| device.request("message-tags"));
    devices
}

#[test]
fn private_messages_cannot_push_out_a_reader_and_senders_are_refused() {
    // So small an outbox that a few hundred lines would fill it.
    let server = Server::start("server.guests = true\nlimits.outbox_bytes = 1048576\n");
    let mut victim = server.log_in("victim");
    victim.request("message-tags");
    let mut senders: Vec<Client> = Vec::new();
    for account in ["eve", "mallory", "trudy"] {
        senders.extend(devices(&server, account, 20));
    }
    let tags = "x".repeat(4000);
    for sender in &mut senders {
        for number in 0..20 {
            sender.send(&format!("@+draft/reply={tags} PRIVMSG victim :{number}"));
        }
    }
    let mut refused = 0;
    for sender in &mut senders {
        let answers = sender.until_answered();
        let told = "PRIVMSG :You, or others at your address, have sent too much to this user; ";
        refused += answers.iter().filter(|line| line.contains(told)).count() as u32;
    }
    assert!(refused > 60 * 20 / 2, "{refused}");
    assert!(numbers(&server)["parlor_refused_total{reason=\"share\"}"] >= f64::from(refused));
    // The victim has read nothing meanwhile, and is here still.
    let told = victim.until_answered();
    assert!(told.iter().any(|line| line.contains(" PRIVMSG victim :")), "some came");
    assert!(told.iter().all(|line| !line.starts_with("ERROR")));
}

#[test]
fn a_flood_of_offline_messages_does_not_bury_a_friends() {
    let server = Server::start("limits.commands_per_second = 0\n");
    drop(server.log_in("victim"));
    let (mut eve, mut ann) = (server.log_in("eve"), server.log_in("ann"));
    while {
        eve.send("WHOIS victim");
        eve.until_answered().iter().any(|line| line.contains(" 311 "))
    } {}
    let mut refused = 0;
    for _ in 0..40 {
        for number in 0..330 {
            eve.send(&format!("PM victim :spam {number}"));
        }
        let answers = eve.until_answered();
        refused += answers.iter().filter(|line| line.contains("FAIL PM TOO_MUCH_KEPT ")).count();
    }
    assert_eq!(refused, 40 * 330 - 300);
    ann.send("PM victim :are you there?");
    ann.until(":parlor NOTE PM STORED victim *");
    let mut victim = server.connect("victim");
    victim.send("LOGIN victim :secret");
    let mut shown = 0;
    loop {
        let line = victim.next().expect("it is shown");
        if line.contains(" PRIVMSG victim :") && line.ends_with("are you there?") {
            break;
        }
        shown += usize::from(line.contains(" spam "));
    }
    assert_eq!(shown, 300);
    // What they have answered is theirs, and there is room again.
    victim.until_answered();
    eve.send("PM victim :spam");
    eve.until(":parlor NOTE PM SENT victim *");
}

/// The limits as they are without a config; addresses are those of a proxy's headers.
const DEFAULTS: &str = "server.guests = true\nserver.plaintext_login = true\nserver.proxies = [\"127.0.0.1\"]\n\
    limits.commands_per_second = 10\nlimits.command_burst = 60\nlimits.connects_per_minute = 300\n\
    limits.connections_per_address = 200\nlimits.failed_logins = 5\nlimits.work_millis = 50\n\
    limits.stored_bytes_per_hour = 20000000\nhttp.metrics = [\"127.0.0.1\"]\n";

fn from(server: &Server, name: &str, address: &str) -> Client {
    let mut client = server.connect(name);
    client.send(&format!("PROXY TCP4 {address} 192.0.2.254 50000 6667"));
    client
}

fn is_refusal(line: &str) -> bool {
    let word = line.split(' ').nth(1).unwrap_or_default();
    line.starts_with("ERROR") || word == "FAIL" || ["263", "405", "437", "439"].contains(&word)
}

/// None of the reasons for a refusal has come up, but lines that had to wait.
fn nobody_was_refused(server: &Server) {
    let refused = numbers(server).into_iter().filter(|(name, count)| {
        name.starts_with("parlor_refused_total") && !name.contains("flood") && *count > 0.0
    });
    assert_eq!(refused.collect::<Vec<_>>(), []);
}

#[test]
fn a_paste_and_a_client_that_joins_fifty_rooms_are_never_refused() {
    let server = Server::start(DEFAULTS);
    let mut ann = from(&server, "ann", "192.0.2.1");
    ann.log_in("ann");
    let mut bob = from(&server, "bob", "192.0.2.2");
    bob.log_in("bob");
    // As WeeChat and irssi do: all rooms in a line, or one line for each; then modes and who is there.
    let rooms: Vec<String> = (0..50).map(|number| format!("#room{number}")).collect();
    for names in rooms.chunks(25) {
        ann.send(&format!("JOIN {}", names.join(",")));
    }
    for room in &rooms[..10] {
        ann.send(&format!("MODE {room}"));
        ann.send(&format!("WHO {room}"));
        ann.send(&format!("MODE {room} b"));
    }
    let lines = ann.until_answered();
    assert_eq!(lines.iter().filter(|line| line.contains(" 366 ")).count(), 50);
    assert_eq!(lines.iter().find(|line| is_refusal(line)), None);
    for number in 0..100 {
        ann.send(&format!("PRIVMSG bob :line {number} of a paste, {}", "x".repeat(300)));
    }
    assert_eq!(ann.until_answered().iter().find(|line| is_refusal(line)), None);
    for number in 0..100 {
        bob.until(&format!(":ann!ann@parlor PRIVMSG bob :line {number} of *"));
    }
    nobody_was_refused(&server);
}

#[test]
fn twenty_ordinary_clients_behind_one_address_are_never_refused() {
    let server = Server::start(DEFAULTS);
    let mut people: Vec<Client> = Vec::new();
    for number in 0..20 {
        let name = format!("pupil{number}");
        let mut client = from(&server, &name, "192.0.2.7");
        match number % 2 {
            // WeeChat
            0 => {
                client.send("CAP LS 302");
                client.send(&format!("PASS secret\r\nNICK {name}\r\nUSER {name} 0 * :{name}"));
                client.send(
                    "CAP REQ :account-notify away-notify batch cap-notify chghost echo-message extended-join \
                     invite-notify labeled-response message-tags multi-prefix server-time setname userhost-in-names",
                );
            }
            // irssi
            _ => {
                client.send(
                    "CAP LS 302\r\nCAP REQ :multi-prefix extended-join setname invite-notify",
                );
                client.send(&format!(
                    "PASS secret\r\nNICK {name}\r\nUSER {name} {name} host :{name}"
                ));
            }
        }
        client.send("CAP END");
        client.until("* 001 *");
        client.send(&format!("MODE {name} +i\r\nJOIN #class\r\nMODE #class\r\nWHO #class"));
        client.send("MODE #class b\r\nPING 1");
        people.push(client);
    }
    for person in &mut people {
        for number in 0..10 {
            person.send(&format!("PRIVMSG #class :{number}\r\nPING {number}"));
        }
    }
    for person in &mut people {
        let name = person.name().to_owned();
        assert_eq!(person.until_answered().iter().find(|line| is_refusal(line)), None, "{name}");
    }
    nobody_was_refused(&server);
}
