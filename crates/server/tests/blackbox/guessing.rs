//! Guessing passwords: failures make an address and a name wait, and then the door is closed to
//! strangers, by whatever way and under whatever name; an owner comes in where they have been before.

use std::time::{Duration, Instant};

use crate::support::{Client, Server, proxy};

/// The first failure makes the next login wait a second, the third closes the door. This machine is a
/// proxy, so that there are other addresses.
const CONFIG: &str =
    "limits.failed_logins = 1\nserver.plaintext_login = true\nserver.proxies = [\"127.0.0.1\"]\n";
/// A second, less what a clock may round away.
const A_SECOND: Duration = Duration::from_millis(900);

const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "192.0.2.66";
const SCHOOL: &str = "198.51.100.1";

fn from(server: &Server, address: &str, name: &str) -> Client {
    let mut client = server.connect(name);
    client.write(&proxy::v1(address));
    client
}

fn log_in(server: &Server, address: &str, name: &str) -> Client {
    let mut client = from(server, address, name);
    client.log_in(name);
    client
}

fn guess(server: &Server, address: &str, name: &str) -> Client {
    let mut client = from(server, address, "eve");
    client.send(&format!("LOGIN {name} :guess"));
    client
}

const WRONG: &str = ":parlor FAIL LOGIN WRONG_PASSWORD *";
const TOO_MANY: &str = ":parlor FAIL LOGIN TOO_MANY_ATTEMPTS *";

#[test]
fn failed_logins_are_delayed_and_then_locked_out() {
    let server = Server::start(CONFIG);
    log_in(&server, HOME, "ann");
    let mut eve = from(&server, ELSEWHERE, "eve");
    eve.send("LOGIN ann :guess1");
    eve.expect(WRONG);
    let begin = Instant::now();
    eve.send("LOGIN ann :guess2");
    eve.expect(WRONG);
    assert!(begin.elapsed() >= A_SECOND, "{:?}", begin.elapsed());
    eve.send("LOGIN ann :guess3");
    eve.expect(WRONG);
    eve.send("LOGIN ann :guess4");
    eve.until(TOO_MANY);
    let mut other = from(&server, ELSEWHERE, "other");
    other.send("LOGIN ann :secret");
    other.until(TOO_MANY);
    let begin = Instant::now();
    log_in(&server, HOME, "ann");
    assert!(begin.elapsed() < A_SECOND, "{:?}", begin.elapsed());
}

#[test]
fn logging_in_does_not_clear_guesses_at_other_accounts() {
    let server = Server::start(CONFIG);
    log_in(&server, HOME, "ann");
    log_in(&server, ELSEWHERE, "eve");
    guess(&server, ELSEWHERE, "ann").expect(WRONG);
    log_in(&server, ELSEWHERE, "eve");
    let begin = Instant::now();
    guess(&server, ELSEWHERE, "ann").expect(WRONG);
    assert!(begin.elapsed() >= A_SECOND, "{:?}", begin.elapsed());
}

/// Who mistypes and then logs in is as welcome as before.
#[test]
fn a_login_clears_its_own_failures() {
    let server = Server::start(CONFIG);
    log_in(&server, HOME, "ann");
    for _ in 0..3 {
        let mut ann = guess(&server, ELSEWHERE, "ann");
        ann.expect(WRONG);
        ann.log_in("ann");
    }
}

/// All are under way before the first has failed; still no more of them are answered than one after
/// another would be.
#[test]
fn many_sessions_at_once_get_no_more_guesses_than_one() {
    let server = Server::start(CONFIG);
    log_in(&server, HOME, "ann");
    for addresses in [1, 30] {
        let mut guessing: Vec<Client> = (0..120)
            .map(|number| guess(&server, &format!("203.0.113.{}", number % addresses), "ann"))
            .collect();
        let begin = Instant::now();
        log_in(&server, HOME, "ann");
        assert!(begin.elapsed() < 2 * A_SECOND, "the owner: {:?}", begin.elapsed());
        let answers: Vec<String> = guessing
            .iter_mut()
            .map(|client| client.expect(":parlor FAIL LOGIN * ann :*"))
            .collect();
        let count = |code: &str| answers.iter().filter(|answer| answer.contains(code)).count();
        let (wrong, refused) = (count(" WRONG_PASSWORD "), count(" TOO_MANY_ATTEMPTS "));
        assert!(wrong <= 3 && wrong + refused == 120, "{wrong} {refused}");
    }
}

/// A person may close the door to their own account, there, and to nobody else's.
#[test]
fn failing_at_ones_own_account_does_not_lock_out_a_school() {
    let server = Server::start(CONFIG);
    for name in ["ann", "eve"] {
        log_in(&server, SCHOOL, name);
    }
    log_in(&server, HOME, "zoe");
    let mut eve = from(&server, SCHOOL, "eve");
    // Where eve is known she waits; as somebody new there she is shut out.
    for name in ["eve", "zoe"] {
        for _ in 0..3 {
            eve.send(&format!("LOGIN {name} :guess"));
            eve.until(WRONG);
        }
    }
    eve.send("LOGIN zoe :guess");
    eve.until(TOO_MANY);
    log_in(&server, SCHOOL, "ann");
    log_in(&server, SCHOOL, "bob");
    log_in(&server, HOME, "zoe");
}

#[test]
fn wrong_server_passwords_count_as_failures() {
    let server = Server::start("limits.failed_logins = 1\nserver.password = \"sesame\"\n");
    let mut eve = server.connect("eve");
    for number in 0..3 {
        eve.send(&format!("PASS guess{number}"));
    }
    eve.send("PASS sesame");
    eve.send("LOGIN eve :secret");
    eve.until(":parlor FAIL LOGIN TOO_MANY_ATTEMPTS eve :*");
}

#[test]
fn guessing_oper_passwords_is_delayed_and_then_refused() {
    let server =
        Server::start(&format!("{CONFIG}operator = [{{ name = \"boss\", password = \"up\" }}]\n"));
    let mut eve = log_in(&server, ELSEWHERE, "boss");
    eve.send("OPER boss guess1");
    eve.expect(":parlor 464 boss :Wrong password");
    let begin = Instant::now();
    eve.send("OPER boss guess2");
    eve.expect(":parlor 464 boss :Wrong password");
    assert!(begin.elapsed() >= A_SECOND, "{:?}", begin.elapsed());
    log_in(&server, ELSEWHERE, "boss");
    eve.send("OPER boss guess3");
    eve.expect(":parlor 464 boss :Wrong password");
    eve.send("OPER boss up");
    eve.expect(":parlor 464 boss :Too many failed logins; *");
}

/// One address keeps those who derive keys busy for seconds; who comes from another one is served in
/// between.
#[test]
fn a_flood_of_registrations_does_not_keep_an_innocent_waiting() {
    const FLOOD: usize = 150;
    // Those that were being dealt with when she came and while hers was, and some for the way.
    const BEFORE_HER: usize = 10;
    let config = format!("{CONFIG}server.password_iterations = 400000\n");
    let server = Server::start(&config.replace("= 1\n", "= 5\n"));
    log_in(&server, HOME, "ann");
    let mut flood: Vec<Client> = (0..FLOOD)
        .map(|number| {
            let mut client = from(&server, ELSEWHERE, "flood");
            client.send(&format!("NICK z{number}"));
            client
        })
        .collect();
    // At once: while they connect, many could be served.
    for client in &mut flood {
        client.send("REGISTER * * secret");
    }
    // One is done, so others wait.
    flood[0].until(":parlor REGISTER SUCCESS z0 :*");
    let served = |log: &str| log.matches("logged in user=z").count();
    let before = served(&server.log());
    log_in(&server, HOME, "ann");
    // How many are refused depends on how fast they came; those that waited are served.
    let answers = flood[1..].iter_mut().map(|client| client.until(":parlor *REGISTER *"));
    let registered = answers.filter(|answer| answer.contains(" SUCCESS ")).count();
    assert!(registered >= 63, "{registered}");
    // Not by the clock, which tells how busy the machine is, but by whose turn came before hers.
    let log = server.log();
    let (front, behind) = log.rsplit_once("Logged in user=ann").expect("she came");
    let first = served(front) - before;
    assert!(first <= BEFORE_HER && served(behind) >= 10, "{first} before her: {log}");
}
