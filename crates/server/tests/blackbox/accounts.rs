//! One's own account where a transcript cannot say it: codes of a second factor, SCRAM with app
//! passwords, and SIGKILL in the middle of changes.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use proto::scram::ScramClient;
use sha1::Sha1;

use crate::sasl::{plain, scram, scram_by};
use crate::support::{Captures, Client, Random, Server};

/// The code that a device shows (RFC 6238) so many half minutes from now.
fn code(secret: &str, ahead: u64) -> String {
    let key = server::secret::decode(secret).expect("the secret is base32");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("any key");
    mac.update(&(now / 30 + ahead).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0xf);
    let four: [u8; 4] = hash[at..at + 4].try_into().expect("four bytes");
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

/// The words of the next line that matches, which are called so in the pattern.
fn words(client: &mut Client, pattern: &str) -> Captures {
    let mut captures = Captures::new();
    client.until_with(pattern, &mut captures);
    captures
}

fn with_sasl(server: &Server) -> Client {
    let mut client = server.connect("ann");
    client.send("CAP REQ :sasl standard-replies");
    client.expect(":parlor CAP * ACK :*");
    client
}

/// Turns the second factor on; returns its secret and its recovery codes.
fn turn_on(ann: &mut Client) -> (String, Vec<String>) {
    ann.send("ACCOUNT 2FA ON");
    let secret = words(ann, ":parlor NOTE ACCOUNT 2FA_SECRET {secret} :*")["secret"].clone();
    // A device whose clock is behind.
    ann.send(&format!("ACCOUNT 2FA CONFIRM {}", code(&secret, 0)));
    ann.until(":parlor NOTE ACCOUNT 2FA_ON ann :*");
    let codes = (0..10).map(|_| words(ann, ":parlor NOTE ACCOUNT 2FA_CODE {code} :*"));
    let codes = codes.map(|words| words["code"].clone()).collect();
    ann.until(":parlor NOTE ACCOUNT 2FA_CODES_END 10 :*");
    (secret, codes)
}

fn app_password(ann: &mut Client, name: &str) -> String {
    ann.send(&format!("ACCOUNT TOKEN ADD {name}"));
    words(ann, &format!(":parlor NOTE ACCOUNT TOKEN_ADDED {name} {{token}} \\* :*"))["token"]
        .clone()
}

#[test]
fn every_login_method_asks_for_the_second_factor_and_codes_work_once() {
    let server = Server::start("");
    let mut ann = server.log_in("ann");
    let token = app_password(&mut ann, "phone");
    let (secret, codes) = turn_on(&mut ann);

    // By hand: asked for behind the password. The code that confirmed it is used up.
    let mut hand = server.connect("ann");
    hand.send("LOGIN ann :secret");
    hand.expect(":parlor NOTE LOGIN CODE_REQUIRED ann :Enter the code of your second factor:");
    hand.send("");
    hand.expect(":parlor NOTE LOGIN CANCELLED :Cancelled");
    hand.send("LOGIN ann :secret");
    hand.expect(":parlor NOTE LOGIN CODE_REQUIRED ann :*");
    hand.send(&codes[0].to_uppercase());
    hand.expect(":parlor NOTE LOGIN LOGGED_IN ann :*");
    let mut again = server.connect("ann");
    again.send(&format!("LOGIN ann :secret {}", codes[0]));
    again.expect(":parlor FAIL LOGIN WRONG_CODE ann :*");
    again.send(&format!("LOGIN ann :secret {}", codes[1]));
    again.expect(":parlor NOTE LOGIN LOGGED_IN ann :*");

    // By SASL: behind the password, in the proof, or not at all with an app password.
    assert_eq!(plain(&mut with_sasl(&server), "ann", &format!("secret {}", codes[2])), "900");
    let mut without = with_sasl(&server);
    without.send("AUTHENTICATE PLAIN");
    without.expect("AUTHENTICATE +");
    without.send("AUTHENTICATE AGFubgBzZWNyZXQ=");
    without.expect(":parlor FAIL AUTHENTICATE CODE_REQUIRED ann :*");
    without.expect(":parlor 904 * :*second factor*");
    let with_code = |code: &str| {
        let client = ScramClient::new("ann", "secret", "r0prNGfwEbeRWgbNEkqO").with_code(code);
        scram_by(&mut with_sasl(&server), client)
    };
    assert_eq!(with_code(&codes[3]), "900");
    assert_eq!(with_code(&codes[3]), "904");
    assert_eq!(plain(&mut with_sasl(&server), "ann", &token), "900");
    assert_eq!(scram(&mut with_sasl(&server), "ann", &token), "900");
    let mut pass = server.connect("ann");
    pass.send("PASS secret");
    pass.send("NICK ann");
    pass.send("USER ann 0 * :Ann");
    pass.until("ERROR *");

    // The device's next code is good once, too.
    let next = code(&secret, 1);
    assert_eq!(with_code(&next), "900");
    assert_eq!(with_code(&next), "904");
    ann.send(&format!("ACCOUNT 2FA OFF {next}"));
    ann.until(":parlor FAIL ACCOUNT WRONG_CODE ann :*");
    ann.send(&format!("ACCOUNT 2FA OFF {}", codes[4]));
    ann.until(":parlor NOTE ACCOUNT 2FA_OFF ann :*");
    server.log_in("ann");
}

#[test]
fn operators_who_need_a_second_factor_have_no_rights_without_it() {
    let server = Server::start(
        "operator = [{ account = \"ann\", role = \"admin\" }]\naccounts.operators_need_2fa = true\n",
    );
    let mut ann = server.connect("ann");
    ann.send("LOGIN ann :secret");
    ann.until(":parlor NOTICE ann :Operators of this server need a second factor: *");
    ann.send("ACCOUNTS LIST");
    ann.until(":parlor FAIL ACCOUNTS NOT_OPERATOR :*");
    ann.send("ACCOUNT 2FA ON");
    let secret = words(&mut ann, ":parlor NOTE ACCOUNT 2FA_SECRET {secret} :*")["secret"].clone();
    ann.send(&format!("ACCOUNT 2FA CONFIRM {}", code(&secret, 0)));
    ann.until(":parlor 381 ann :You are now a server operator (admin)");
    ann.until(":parlor NOTE ACCOUNT 2FA_CODES_END 10 :*");
    ann.send("ACCOUNTS LIST");
    ann.until(":parlor NOTE ACCOUNTS ENTRY ann * active admin 1 :");
    ann.send(&format!("ACCOUNT 2FA OFF {}", code(&secret, 1)));
    ann.until(":ann!ann@parlor MODE ann -o");
    ann.send("ACCOUNTS LIST");
    ann.until(":parlor FAIL ACCOUNTS NOT_OPERATOR :*");
}

#[test]
fn wrong_codes_count_as_failed_logins() {
    let server = Server::start("limits.failed_logins = 2\n");
    let mut ann = server.log_in("ann");
    let (_, codes) = turn_on(&mut ann);
    let mut eve = server.connect("eve");
    let begun = Instant::now();
    for _ in 0..3 {
        eve.send("LOGIN ann :secret 000000");
        eve.expect(":parlor FAIL LOGIN WRONG_CODE ann :*");
    }
    assert!(begun.elapsed() >= Duration::from_secs(1), "the third had to wait");
    eve.send(&format!("LOGIN ann :secret {}", codes[0]));
    eve.until(":parlor NOTE LOGIN LAST_LOGIN ann * * 3 :*since then 3 logins have failed");
}

#[test]
fn confirmed_account_changes_survive_kills() {
    let mut random = Random::seeded();
    let mut server = Server::start("");
    let mut tokens = Vec::new();
    for round in 0..8 {
        let name = format!("user{round}");
        let mut user = server.log_in(&name);
        let token = app_password(&mut user, "phone");
        user.send("ACCOUNT PASSWORD changed");
        if random.below(2) == 0 {
            user.until(":parlor NOTE ACCOUNT PASSWORD_CHANGED *");
        }
        user.send(&format!("ACCOUNT DELETE {name}"));
        // Not for a condition: it moves the kill to any point of the commit.
        thread::sleep(Duration::from_micros(random.below(20_000)));
        server.kill();
        let deleted = user.until_closed().iter().any(|line| line.contains(" DELETED "));
        tokens.push((name, token, deleted));
        server.restart();
    }
    for (name, token, deleted) in tokens {
        let mut user = server.connect(&name);
        user.send(&format!("LOGIN {name} :{token}"));
        let line = user.next().expect("an answer");
        // The account is there with all that is its own, or gone with it, and never half.
        let is_gone = line.contains(" BAD_NAME ");
        assert!(is_gone || !deleted && line.contains(" LOGGED_IN "), "{line}");
    }
}

/// Gives an account a one-time code.
fn reset(ada: &mut Client, name: &str) -> String {
    ada.send(&format!("ACCOUNTS RESET {name}"));
    let words = words(ada, &format!(":parlor NOTE ACCOUNTS RESET {name} {{code}} * :*"));
    words["code"].clone()
}

/// The session may do nothing before it has set a new password, and that does not work with the code.
fn must_set_a_password(pupil: &mut Client, new: &str) {
    pupil.until(":parlor WARN ACCOUNT NEW_PASSWORD_REQUIRED pupil *");
    for line in ["PRIVMSG #lobby :hello", "CERT ADD", "NICK other", "METADATA * SET url :x"] {
        pupil.send(line);
        let verb = line.split(' ').next().expect("a verb");
        pupil.until(&format!(":parlor FAIL {verb} NEW_PASSWORD_REQUIRED :*"));
    }
    pupil.send("ACCOUNT PASSWORD");
    pupil.until(":parlor NOTE ACCOUNT NEW_PASSWORD_REQUIRED :*");
    pupil.send(new);
    pupil.until(":parlor NOTE ACCOUNT PASSWORD_CHANGED pupil :*");
    pupil.send("PRIVMSG ada :thanks");
    pupil.send("PING done");
    pupil.until(":parlor PONG parlor :done");
}

#[test]
fn a_one_time_code_logs_in_everywhere_to_set_a_new_password() {
    let server = Server::start("operator = [{ account = \"ada\", role = \"admin\" }]");
    let mut ada = server.log_in("ada");
    server.log_in("pupil");

    // By SASL the account is known before the session is somebody: no verb takes that amiss.
    for verb in server::command::VERBS {
        let code = reset(&mut ada, "pupil");
        let mut pupil = with_sasl(&server);
        assert_eq!(plain(&mut pupil, "pupil", &code), "900");
        pupil.until(":parlor WARN ACCOUNT NEW_PASSWORD_REQUIRED pupil *");
        pupil.send(&format!("{} PASSWORD better #lobby x", verb.name));
        pupil.end_input();
        pupil.until_closed();
    }
    ada.send("PING alive");
    ada.until(":parlor PONG parlor :alive");
    let code = reset(&mut ada, "pupil");
    let mut pupil = with_sasl(&server);
    assert_eq!(plain(&mut pupil, "pupil", &code), "900");
    pupil.send("NICK pupil");
    pupil.send("USER pupil 0 * :Pupil");
    pupil.send("CAP END");
    must_set_a_password(&mut pupil, "better one");

    let code = reset(&mut ada, "pupil");
    let mut pupil = with_sasl(&server);
    assert_eq!(scram(&mut pupil, "pupil", &code), "900");
    pupil.send("NICK pupil");
    pupil.send("USER pupil 0 * :Pupil");
    pupil.send("CAP END");
    must_set_a_password(&mut pupil, "better two");

    let code = reset(&mut ada, "pupil");
    let mut pupil = with_sasl(&server);
    pupil.send("CAP END");
    pupil.send(&format!("LOGIN pupil :{code}"));
    must_set_a_password(&mut pupil, "better three");

    let code = reset(&mut ada, "pupil");
    let mut pupil = with_sasl(&server);
    pupil.send(&format!("PASS {code}"));
    pupil.send("NICK pupil");
    pupil.send("USER pupil 0 * :Pupil");
    pupil.send("CAP END");
    must_set_a_password(&mut pupil, "better four");
}

#[test]
fn pending_messages_wait_for_a_new_password_other_than_the_code() {
    let server = Server::start("operator = [{ account = \"ada\", role = \"admin\" }]");
    let mut ada = server.log_in("ada");
    server.log_in("pupil");
    let code = reset(&mut ada, "pupil");
    ada.send("PRIVMSG pupil :for you alone");
    let held = |client: &mut Client| {
        client.send(&format!("LOGIN pupil :{code}"));
        client.until(":parlor NOTE LOGIN LOGGED_IN pupil :*");
        let told = [client.until_answered(), client.until_answered()].concat();
        assert!(!told.iter().any(|line| line.contains("for you alone")), "{told:?}");
    };
    // A session that comes and goes without a new password takes nothing with it.
    let mut first = server.connect("first");
    held(&mut first);
    first.send("QUIT");
    first.until_closed();
    let mut pupil = server.connect("pupil");
    held(&mut pupil);
    pupil.send(&format!("ACCOUNT PASSWORD {code}"));
    pupil.until(":parlor FAIL ACCOUNT ONE_TIME_CODE pupil :*");
    pupil.send("PRIVMSG #lobby :hello");
    pupil.until(":parlor FAIL PRIVMSG NEW_PASSWORD_REQUIRED :*");
    pupil.send("ACCOUNT PASSWORD better");
    pupil.until(":parlor NOTE ACCOUNT PASSWORD_CHANGED pupil :*");
    pupil.until(":ada!ada@parlor PRIVMSG pupil :*for you alone");
    pupil.until_answered();
    pupil.send("QUIT");
    pupil.until_closed();
    let mut again = server.connect("again");
    again.send("LOGIN pupil :better");
    again.until(":parlor NOTE LOGIN LOGGED_IN pupil :*");
    let told = [again.until_answered(), again.until_answered()].concat();
    assert!(!told.iter().any(|line| line.contains("for you alone")), "{told:?}");
}

/// Whoever has got hold of a one-time code does not read along in silence: before a new password is set
/// the session is told nothing, and nobody sees its user online. When it is set on another connection,
/// the session ends.
#[test]
fn a_session_with_a_one_time_code_sees_nobody_and_is_not_seen() {
    let server =
        Server::start("operator = [{ account = \"ada\", role = \"admin\" }]\nserver.guests = true");
    let mut ada = server.log_in("ada");
    let mut pupil = server.log_in("pupil");
    for client in [&mut ada, &mut pupil] {
        client.send("JOIN #class");
        client.until("*:parlor 366 * #class :*");
    }
    let code = reset(&mut ada, "pupil");
    pupil.until_closed();
    ada.until_answered();
    let mut by_verb = server.connect("by_verb");
    by_verb.send(&format!("LOGIN pupil :{code}"));
    by_verb.until(":parlor NOTICE pupil :Your password is a one-time code *");
    let mut by_pass = with_sasl(&server);
    by_pass.send(&format!("PASS {code}"));
    by_pass.send("NICK pupil");
    by_pass.send("USER pupil 0 * :Pupil");
    by_pass.send("CAP END");
    by_pass.until(":parlor WARN ACCOUNT NEW_PASSWORD_REQUIRED pupil *");
    // The welcome, so that no client takes the server for a silent one, but nothing of anybody.
    by_pass.until(":parlor 001 pupil :*");
    by_pass.until(":parlor 422 pupil :*");
    let mut guest = server.guest("gus");
    guest.send(&format!("LOGIN pupil :{code}"));
    guest.until(":parlor FAIL LOGIN NEW_CONNECTION_REQUIRED pupil :*");
    for line in ["PRIVMSG #class :secret plans", "PRIVMSG pupil :for you", "TOPIC #class :Plans"] {
        ada.send(line);
    }
    let seen = ada.until_answered();
    assert!(!seen.iter().any(|line| line.contains(":pupil!")), "{seen:?}");
    ada.send("WHOIS pupil");
    assert!(ada.until_answered().iter().any(|line| line.contains(" 401 ")));
    for client in [&mut by_verb, &mut by_pass] {
        assert_eq!(client.until_answered(), Vec::<String>::new());
        for line in ["NAMES #class", "WHO *", "LIST", "CHATHISTORY LATEST #class * 10", "NICK x"] {
            client.send(line);
            let told = client.until_answered();
            assert!(told.len() == 1 && told[0].contains("NEW_PASSWORD_REQUIRED"), "{told:?}");
        }
    }
    by_verb.send("ACCOUNT PASSWORD better");
    by_verb.until(":parlor NOTE ACCOUNT PASSWORD_CHANGED pupil :*");
    by_verb.until(":pupil!pupil@parlor JOIN #class");
    by_verb.until(":ada!ada@parlor PRIVMSG pupil :*for you");
    ada.until(":pupil!pupil@parlor JOIN #class");
    by_pass.until("ERROR :*A new password was set on another connection*");
    by_pass.until_closed();
}

#[test]
fn exports_come_in_pages_of_valid_json() {
    let server = Server::start("");
    let mut ann = server.log_in("ann");
    for number in 0..300 {
        let text = format!("{number} {}", "\u{20ac}\"\\ ".repeat(60));
        ann.send(&format!("PM ann :{text}"));
        ann.until(":parlor NOTE PM SENT *");
    }
    let (mut command, mut json, mut pages) = ("ACCOUNT EXPORT".to_owned(), String::new(), 0);
    loop {
        ann.send(&command);
        pages += 1;
        let next = loop {
            let line = ann.next().expect("an answer");
            let Some(rest) = line.strip_prefix(":parlor NOTE ACCOUNT ") else { continue };
            let (head, text) = rest.split_once(" :").expect("a text");
            match head.split(' ').collect::<Vec<_>>()[..] {
                ["EXPORT", mark] => {
                    json.push_str(text);
                    json.push_str(if mark == "." { "\n" } else { "" });
                }
                ["EXPORT_NEXT", after] => break Some(format!("ACCOUNT EXPORT {after}")),
                _ => break None,
            }
        };
        match next {
            Some(next) => command = next,
            None => break,
        }
    }
    assert!(pages > 1, "one page is bounded");
    let mut numbers = Vec::new();
    for line in json.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect(line);
        let text = value["event"]["text"].as_str().unwrap_or_default();
        numbers.extend(text.split(' ').next().and_then(|number| number.parse::<u32>().ok()));
    }
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
}
