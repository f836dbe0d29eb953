//! What a connection may that nobody can read along, and another not. Tested without sockets: the
//! hub is told what a shard would have found out.

mod guessing;
mod proxies;
mod sts;

use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::config::Config;
use crate::effects::Effect;
use crate::hub::reload::Reload;
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use proto::Fingerprint;
use proto::scram::Keys;
use std::net::IpAddr;
use std::sync::Arc;
use store::{MemoryStore, RecordKind, Store, Write};

const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "192.0.2.7";
const PROXY: &str = "198.51.100.1";
const SHOWN: Fingerprint = Fingerprint([0xab; 32]);
const NOT_ENCRYPTED: &str =
    "This connection is not encrypted, so passwords are refused; connect to the same port with TLS";
const SASL_FAILED: &str = "SASL authentication failed";

/// A hub, and what came of the last input: lines for anybody, and passwords to derive.
struct World {
    hub: Hub,
    told: Vec<(SessionId, String)>,
    /// How many passwords were to be derived, or answers held back.
    derived: usize,
    /// For how long the last one was.
    held: u64,
    /// Who was closed, and never opens again.
    closed: Vec<SessionId>,
    writes: Vec<Write>,
    logged: Vec<String>,
    now: i64,
}

fn hub(config: &str) -> World {
    let mut config: Config = toml::from_str(config).expect("a config");
    config.port = 9999;
    let loaded = MemoryStore::new("test").load().expect("it is in memory");
    World {
        hub: Hub::new(Arc::new(config), loaded, 0).0,
        told: Vec::new(),
        derived: 0,
        held: 0,
        closed: Vec::new(),
        writes: Vec::new(),
        logged: Vec::new(),
        now: 0,
    }
}

fn session(slot: u32) -> SessionId {
    SessionId { shard: 0, slot, generation: 1 }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl World {
    fn apply(&mut self, input: Input) {
        let effects =
            self.hub.apply(Stamped { now: self.now, steady: self.now, committed: 0, input });
        self.told.clear();
        self.logged.clear();
        for effect in &effects.list {
            match &effect.effect {
                Effect::Reply { to, text } => {
                    let text = &effects.text[text.start as usize..text.end as usize];
                    let text = std::str::from_utf8(text).expect("UTF-8");
                    self.told.extend(text.lines().map(|line| (*to, line.to_owned())));
                }
                Effect::Derive { job, .. } => {
                    self.derived += 1;
                    self.held = job.hold_millis;
                }
                Effect::Close { session } => self.closed.push(*session),
                Effect::Log(fact) => self.logged.push(format!("{fact:?}")),
                _ => {}
            }
        }
        self.writes = effects.writes;
        // Each login leaves one, whatever it is by.
        let last_login =
            |write: &Write| matches!(write, Write::Record { kind: RecordKind::LastLogin, .. });
        self.writes.retain(|write| !last_login(write));
    }

    fn does(&mut self, slot: u32, event: ClientEvent) {
        let events = vec![SessionEvent { session: session(slot), event }];
        self.apply(Input::Batch(Batch { shard: 0, text: Vec::new(), events }));
    }

    fn opens(&mut self, slot: u32, from: &str) {
        self.does(slot, ClientEvent::Opened { address: address(from), entropy: [0; 16] });
    }

    fn encrypts(&mut self, slot: u32, certificate: Option<Fingerprint>) {
        self.does(slot, ClientEvent::Encrypted { certificate });
    }

    fn forwards(&mut self, slot: u32, from: &str, encrypted: bool) {
        self.does(slot, ClientEvent::Forwarded { address: address(from), encrypted });
    }

    fn says(&mut self, slot: u32, line: &str) {
        let events = vec![SessionEvent {
            session: session(slot),
            event: ClientEvent::Line(0..line.len() as u32),
        }];
        self.apply(Input::Batch(Batch { shard: 0, text: line.into(), events }));
    }

    /// What the last input told a session.
    fn hears(&self, slot: u32) -> Vec<&str> {
        let mine = self.told.iter().filter(|(to, _)| *to == session(slot));
        mine.map(|(_, line)| line.as_str()).collect()
    }

    /// All that it told a session, in one text.
    fn hears_all(&self, slot: u32) -> String {
        self.hears(slot).join("\n")
    }

    /// What was last to be derived is, after as long as it was held back.
    fn is_derived(&mut self, slot: u32, outcome: Outcome) {
        self.now += std::mem::take(&mut self.held) as i64;
        self.apply(Input::Derived(Derived { session: session(slot), outcome }));
    }

    /// An account is made, from this machine.
    fn registers(&mut self, slot: u32, name: &str) {
        self.opens(slot, HERE);
        self.says(slot, &format!("LOGIN {name} :secret"));
        let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
        self.is_derived(slot, Outcome::Made(keys));
        assert!(self.hub.state.online(name).is_some());
    }

    /// A session has shown the certificate.
    fn shows(&mut self, slot: u32) {
        let known = self.hub.node.sessions.get_mut(&session(slot)).expect("it is there");
        known.certificate = Some(Box::new(SHOWN));
    }

    fn reloads(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.hub.state.config);
        change(&mut config);
        let outcome = Ok((Arc::new(config), Vec::new()));
        self.apply(Input::Reload(Reload { by: None, outcome }));
    }

    /// The value of a capability in the list that a session gets.
    fn offer(&mut self, slot: u32, capability: &str) -> Option<String> {
        self.says(slot, "CAP LS 302");
        let all = self.hears(slot).join(" ");
        let mut words = all.split([' ', ':']);
        words.find_map(|word| {
            let rest = word.strip_prefix(capability)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None => rest.is_empty().then(String::new),
            }
        })
    }

    fn open(&self, from: &str) -> usize {
        let all = self.hub.node.admission.open_by_address();
        all.get(&crate::networks::address_key(address(from))).copied().unwrap_or(0)
    }
}

#[test]
fn no_password_is_taken_where_others_can_read_it_and_none_is_derived() {
    let mut hub = hub("operator = [{ name = \"boss\", password = \"up\" }]");
    hub.registers(1, "ann");
    let derived = hub.derived;
    for (slot, line) in
        [(2, "LOGIN"), (3, "LOGIN bob"), (4, "LOGIN bob :hunter2"), (5, "LOGIN ann :hunter2")]
    {
        hub.opens(slot, ELSEWHERE);
        hub.says(slot, line);
        let refused = format!(":parlor FAIL LOGIN ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}");
        assert_eq!(hub.hears(slot), [refused], "{line}");
        assert!(hub.hub.node.sessions[&session(slot)].prompt.is_none());
    }
    hub.opens(6, ELSEWHERE);
    hub.says(6, "NICK cem");
    hub.says(6, "REGISTER * * hunter2");
    assert_eq!(
        hub.hears(6),
        [format!(":parlor FAIL REGISTER ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}")]
    );
    assert_eq!((hub.derived, hub.hub.state.accounts.len()), (derived, 1));
    assert!(!format!("{:?}", hub.hub).contains("hunter2"));
}

#[test]
fn an_irc_client_that_sends_its_password_is_told_why_and_closed() {
    let mut hub = hub("");
    hub.opens(1, ELSEWHERE);
    hub.says(1, "CAP LS 302");
    hub.says(1, "PASS hunter2");
    let refused = format!(":parlor FAIL PASS ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}");
    assert_eq!(hub.hears(1), [refused, format!("ERROR :{NOT_ENCRYPTED}")]);
    assert_eq!(hub.closed, [session(1)]);
    assert_eq!((hub.derived, hub.open(ELSEWHERE), hub.hub.node.sessions.len()), (0, 0, 0));
    // What it had sent behind it is nobody's any more.
    hub.says(1, "NICK ann");
    assert_eq!(hub.hears(1), [""; 0]);
    // And one that has none is not told to send it.
    hub.opens(2, ELSEWHERE);
    hub.says(2, "NICK ann");
    hub.says(2, "USER a 0 * :Ann");
    let told = format!(":parlor NOTICE ann :You must log in. {NOT_ENCRYPTED}");
    let heard = hub.hears(2);
    assert!(heard[0].starts_with(":parlor FAIL * ACCOUNT_REQUIRED :"), "{heard:?}");
    assert_eq!(heard[1..], [told]);
}

#[test]
fn nobody_becomes_an_operator_where_others_can_read_the_password() {
    let mut hub = hub("server.guests = true\noperator = [{ name = \"boss\", password = \"up\" }]");
    for (slot, from) in [(1, ELSEWHERE), (2, HERE)] {
        hub.opens(slot, from);
        hub.says(slot, &format!("NICK guest{slot}"));
        hub.says(slot, "USER u 0 * :real");
        hub.says(slot, "OPER boss up");
    }
    assert!(hub.hears_all(2).contains(" 381 guest2 "), "{:?}", hub.told);
    hub.says(1, "OPER boss up");
    assert_eq!(hub.hears(1), [format!(":parlor FAIL OPER ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}")]);
    assert!(hub.hub.state.online("guest2").expect("is here").is_operator());
    assert!(!hub.hub.state.online("guest1").expect("is here").is_operator());
    // One who guesses that way has guessed nothing.
    hub.encrypts(1, None);
    hub.says(1, "OPER boss up");
    assert!(hub.hears_all(1).contains(" 381 guest1 "));
}

#[test]
fn sasl_has_no_plain_where_others_can_read_it_and_scram_all_the_same() {
    let mut hub = hub("");
    hub.opens(1, ELSEWHERE);
    assert_eq!(hub.offer(1, "sasl").as_deref(), Some("SCRAM-SHA-256"));
    hub.says(1, "CAP REQ :sasl");
    for mechanism in ["PLAIN", "plain"] {
        hub.says(1, &format!("AUTHENTICATE {mechanism}"));
        let mechanisms = ":parlor 908 * SCRAM-SHA-256 :are available SASL mechanisms";
        let failed = format!(":parlor 904 * :{SASL_FAILED}: {NOT_ENCRYPTED}");
        assert_eq!(hub.hears(1), [mechanisms, &failed]);
    }
    // The password of one who does not wait for an answer is the name of no mechanism.
    hub.says(1, "AUTHENTICATE AGFubgBodW50ZXIy");
    let failed = format!(":parlor 904 * :{SASL_FAILED}: no such mechanism");
    assert_eq!(hub.hears(1)[1..], [failed]);
    hub.says(1, "AUTHENTICATE EXTERNAL");
    assert!(hub.hears_all(1).contains("EXTERNAL needs a client certificate"), "{:?}", hub.told);
    hub.says(1, "AUTHENTICATE SCRAM-SHA-256");
    assert_eq!(hub.hears(1), ["AUTHENTICATE +"]);
    assert_eq!(hub.derived, 0);
    // It was allowed when the client chose it, and is not when the password comes.
    hub.reloads(|config| config.server.plaintext_login = true);
    hub.opens(2, ELSEWHERE);
    hub.says(2, "CAP REQ :sasl");
    hub.says(2, "AUTHENTICATE PLAIN");
    assert_eq!(hub.hears(2), ["AUTHENTICATE +"]);
    hub.reloads(|config| config.server.plaintext_login = false);
    hub.says(2, "AUTHENTICATE AGFubgBodW50ZXIy");
    assert_eq!(hub.hears(2), [format!(":parlor 904 * :{SASL_FAILED}: {NOT_ENCRYPTED}")]);
    assert_eq!(hub.derived, 0);
}

#[test]
fn a_password_is_taken_from_this_machine_or_encrypted_or_if_the_config_says_so() {
    type Way = (&'static str, &'static str, fn(&mut World));
    let ways: [Way; 7] = [
        ("", "127.0.0.1", |_| {}),
        ("", "127.8.9.1", |_| {}),
        ("", "::1", |_| {}),
        ("", "::ffff:127.0.0.1", |_| {}),
        ("", ELSEWHERE, |hub| hub.encrypts(1, None)),
        ("server.plaintext_login = true", ELSEWHERE, |_| {}),
        ("", PROXY, |hub| hub.forwards(1, ELSEWHERE, true)),
    ];
    for (config, from, way) in ways {
        let mut hub = hub(config);
        hub.opens(1, from);
        way(&mut hub);
        let plain = hub.offer(1, "sasl").expect("it is offered");
        assert!(plain.ends_with(",PLAIN"), "{plain}");
        assert!(hub.offer(1, "draft/account-registration").is_some());
        hub.says(1, "LOGIN ann :secret");
        assert_eq!(hub.derived, 1, "{config} {from}");
    }
    let mut hub = hub("");
    hub.opens(1, PROXY);
    hub.forwards(1, ELSEWHERE, false);
    // A proxy on this machine that does not know from where its client comes.
    hub.opens(2, HERE);
    hub.forwards(2, HERE, false);
    for slot in [2, 1] {
        hub.says(slot, "LOGIN ann :secret");
        assert!(hub.hears_all(slot).contains("ENCRYPTION_REQUIRED"));
    }
    assert_eq!(hub.offer(1, "draft/account-registration"), None);
    hub.says(1, "CAP REQ :draft/account-registration");
    assert_eq!(hub.hears(1), [":parlor CAP * NAK :draft/account-registration"]);
}

#[test]
fn who_is_told_of_capabilities_hears_what_a_change_of_the_rule_means_for_it() {
    let mut hub = hub("");
    for (slot, from) in [(1, ELSEWHERE), (2, HERE), (3, ELSEWHERE)] {
        hub.opens(slot, from);
        hub.says(slot, if slot == 3 { "CAP REQ :cap-notify" } else { "CAP LS 302" });
    }
    hub.reloads(|config| config.server.plaintext_login = true);
    let new = "sasl=SCRAM-SHA-256,PLAIN draft/account-registration=before-connect";
    assert_eq!(hub.hears(1), [format!(":parlor CAP * NEW :{new}")]);
    assert_eq!(hub.hears(3), [":parlor CAP * NEW :draft/account-registration"]);
    assert_eq!(hub.hears(2), [""; 0]);
    hub.says(1, "CAP REQ :draft/account-registration");
    hub.reloads(|config| config.server.plaintext_login = false);
    let gone = ":parlor CAP * DEL :draft/account-registration";
    assert_eq!(hub.hears(1), [gone, ":parlor CAP * NEW :sasl=SCRAM-SHA-256"]);
    assert_eq!(hub.hears(2), [""; 0]);
    hub.says(1, "CAP LIST");
    assert_eq!(hub.hears(1), [":parlor CAP * LIST :cap-notify"]);
}

/// A hub in which ann has a certificate, and a session of hers that has shown it.
fn with_certificate() -> World {
    let mut hub = hub("operator = [{ name = \"boss\", password = \"up\" }]");
    hub.registers(1, "ann");
    hub.shows(1);
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    assert_eq!(hub.writes, [write(Some(1), true)]);
    hub.hub.node.sessions.get_mut(&session(1)).expect("she is there").certificate = None;
    hub.opens(2, ELSEWHERE);
    hub.encrypts(2, Some(SHOWN));
    hub
}

#[test]
fn a_certificate_logs_in_to_its_account() {
    for authzid in ["+", "YW5u", "QU5O"] {
        let mut hub = with_certificate();
        let mechanisms = hub.offer(2, "sasl");
        assert_eq!(mechanisms.as_deref(), Some("EXTERNAL,SCRAM-SHA-256,PLAIN"));
        hub.says(2, "CAP REQ :sasl");
        hub.says(2, "AUTHENTICATE EXTERNAL");
        assert_eq!(hub.hears(2), ["AUTHENTICATE +"]);
        hub.says(2, &format!("AUTHENTICATE {authzid}"));
        let [who, success] = hub.hears(2)[..] else { panic!("{authzid}: {:?}", hub.told) };
        assert_eq!(who, ":parlor 900 * ann!ann@parlor ann :You are now logged in as ann");
        assert_eq!(success, ":parlor 903 * :SASL authentication successful");
        for line in ["NICK whoever", "USER u 0 * :Ann", "CAP END"] {
            hub.says(2, line);
        }
        let ann = hub.hub.state.online("ann").expect("ann is here");
        assert_eq!(ann.sessions, [session(1), session(2)]);
        hub.says(2, "AUTHENTICATE EXTERNAL");
        assert!(hub.hears_all(2).starts_with(":parlor 907 ann "), "{:?}", hub.told);
    }
}

#[test]
fn a_certificate_is_only_its_accounts_and_who_tries_too_often_has_to_wait() {
    let mut hub = with_certificate();
    hub.hub.state.config = Arc::new(toml::from_str("limits.failed_logins = 1").expect("a config"));
    hub.opens(3, ELSEWHERE);
    hub.encrypts(3, Some(Fingerprint([0xcd; 32])));
    let derived = hub.derived;
    // Somebody else's name with ann's certificate, and a certificate of nobody.
    for (slot, authzid) in [(2, "Ym9i"), (3, "+"), (3, "YW5u")] {
        hub.says(slot, "CAP REQ :sasl");
        hub.says(slot, "AUTHENTICATE EXTERNAL");
        hub.says(slot, &format!("AUTHENTICATE {authzid}"));
        if hub.held > 0 {
            assert_eq!(hub.hears(slot), [""; 0], "it is told as late as a wrong password");
            hub.is_derived(slot, Outcome::Waited);
        }
        let [failed] = hub.hears(slot)[..] else { panic!("{:?}", hub.told) };
        let expected = ":parlor 904 * :SASL authentication failed: this certificate belongs to no account, or to a different one; CERT ADD adds it to yours";
        assert_eq!(failed, expected);
    }
    assert_eq!(hub.derived, derived + 2, "all but the first are held back");
    // Now the door is closed, but not to the right one: nobody guesses a certificate.
    let failed = ":parlor 904 * :SASL authentication failed: too many failed logins; wait ";
    hub.says(3, "AUTHENTICATE EXTERNAL");
    hub.says(3, "AUTHENTICATE +");
    assert!(hub.hears_all(3).starts_with(failed), "{:?}", hub.told);
    hub.says(2, "AUTHENTICATE EXTERNAL");
    hub.says(2, "AUTHENTICATE +");
    assert!(hub.hears_all(2).contains(" 903 "), "{:?}", hub.told);
}

#[test]
fn external_that_cannot_be_is_refused_at_once_and_counts_for_nothing() {
    let mut hub = with_certificate();
    hub.opens(3, ELSEWHERE);
    hub.encrypts(3, None);
    hub.says(3, "CAP REQ :sasl");
    hub.says(3, "AUTHENTICATE EXTERNAL");
    let mechanisms = ":parlor 908 * EXTERNAL,SCRAM-SHA-256,PLAIN :are available SASL mechanisms";
    let failed = format!(":parlor 904 * :{SASL_FAILED}: your client presented no certificate");
    assert_eq!(hub.hears(3), [mechanisms, &failed]);
    hub.says(2, "CAP REQ :sasl");
    for (answer, expected) in [
        ("AA==", "904 * :SASL authentication failed: The SASL message is malformed"),
        ("/w==", "904 * :SASL authentication failed: The SASL message is not UTF-8"),
        ("*", "906 * :SASL authentication aborted"),
        ("MWFubg==", "904 * :SASL authentication failed: "),
    ] {
        hub.says(2, "AUTHENTICATE EXTERNAL");
        hub.says(2, &format!("AUTHENTICATE {answer}"));
        assert!(hub.hears_all(2).starts_with(&format!(":parlor {expected}")), "{:?}", hub.told);
    }
    // The server's own password comes first, whoever one is.
    hub.reloads(|config| config.server.password = Some("sesame".into()));
    hub.says(2, "AUTHENTICATE EXTERNAL");
    hub.says(2, "AUTHENTICATE +");
    assert!(hub.hears_all(2).contains("send the server password"), "{:?}", hub.told);
    hub.says(2, "PASS sesame");
    hub.says(2, "AUTHENTICATE EXTERNAL");
    hub.says(2, "AUTHENTICATE +");
    assert!(hub.hears_all(2).contains(" 903 "), "{:?}", hub.told);
}

#[test]
fn cert_takes_what_the_connection_has_shown_and_a_removed_one_logs_in_no_more() {
    let mut hub = with_certificate();
    let digits = format!("{SHOWN:x}");
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"] {
        hub.says(2, line);
    }
    hub.says(2, "NICK ann");
    hub.says(2, "USER u 0 * :Ann");
    hub.says(2, "CERT ADD");
    assert!(hub.hears_all(2).starts_with(&format!(":parlor FAIL CERT ALREADY_ADDED {digits} ")));
    hub.says(2, "CERT LIST");
    let shown = format!(":parlor NOTE CERT ENTRY {digits} :Presented by your client");
    assert_eq!(hub.hears(2)[0], shown);
    hub.says(2, &format!("CERT DEL {digits}"));
    assert_eq!(hub.writes, [write(None, false)]);
    hub.opens(3, ELSEWHERE);
    hub.encrypts(3, Some(SHOWN));
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +"] {
        hub.says(3, line);
    }
    assert!(hub.hears_all(3).starts_with(":parlor 904 * "), "{:?}", hub.told);
    hub.says(2, "CERT ADD");
    assert!(hub.hears_all(2).starts_with(&format!(":parlor NOTE CERT ADDED {digits} ")));
    hub.says(1, "CERT ADD");
    assert!(hub.hears_all(1).starts_with(":parlor FAIL CERT NO_CERTIFICATE :"));
}

/// What is stored of the certificate.
fn write(account: Option<u32>, proved: bool) -> Write {
    Write::Certificate { fingerprint: SHOWN.0, account, proved }
}

/// Eve has named ann's certificate: ann's client, which names nobody, is not to be logged in as eve.
#[test]
fn a_certificate_that_was_only_named_logs_in_who_names_the_account() {
    let mut hub = hub("");
    hub.registers(1, "eve");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    assert_eq!(hub.writes, [write(Some(1), false)]);
    let told = format!(
        ":parlor NOTE CERT ADDED {SHOWN:x} :This certificate logs in as eve (SASL EXTERNAL) if the client names the account, until it has been presented here once"
    );
    assert_eq!(hub.hears(1), [told]);
    let external = |hub: &mut World, slot: u32, authzid: &str| {
        hub.opens(slot, ELSEWHERE);
        hub.encrypts(slot, Some(SHOWN));
        for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL"] {
            hub.says(slot, line);
        }
        hub.says(slot, &format!("AUTHENTICATE {authzid}"));
        hub.hears_all(slot)
    };
    for slot in 2..22 {
        let told = external(&mut hub, slot, "+");
        let expected = ":parlor 904 * :SASL authentication failed: this certificate was added by fingerprint only; have your client name the account, or log in once with the password while presenting it";
        assert_eq!(told, expected, "and it counts for nothing");
    }
    assert!(external(&mut hub, 30, "ZXZl").contains(" 903 "), "{:?}", hub.told);
    assert_eq!(hub.writes, [write(Some(1), true)], "now it was shown");
    assert!(external(&mut hub, 31, "+").contains(" 903 "), "{:?}", hub.told);
}

#[test]
fn a_certificate_that_was_only_named_is_proved_by_who_shows_it_and_logs_in() {
    let mut hub = hub("");
    hub.registers(1, "ann");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    hub.says(1, "CERT LIST");
    let entry = format!(
        ":parlor NOTE CERT ENTRY {SHOWN:x} :Logs in to your account if the client names it; not presented here yet"
    );
    assert_eq!(hub.hears(1)[0], entry);
    // By hand,
    hub.shows(1);
    hub.says(1, "CERT ADD");
    assert_eq!(hub.writes, [write(Some(1), true)]);
    let from = hub.hub.node.batch;
    hub.apply(Input::Failed { from });
    assert!(
        !hub.hub.state.certificates.owner(SHOWN).expect("it is hers").proved,
        "it was not stored"
    );
    // or by the password.
    hub.opens(2, ELSEWHERE);
    hub.encrypts(2, Some(SHOWN));
    hub.says(2, "LOGIN ann :secret");
    hub.is_derived(2, Outcome::Compared(true));
    assert_eq!(hub.writes, [write(Some(1), true)]);
    hub.says(2, "CERT ADD");
    assert!(hub.hears_all(2).contains(" ALREADY_ADDED "), "{:?}", hub.told);
}

#[test]
fn a_certificate_that_could_not_be_stored_is_what_it_was() {
    let mut hub = hub("");
    hub.registers(1, "ann");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    let says = |hub: &mut World, line: &str| {
        hub.says(1, line);
        hub.hub.node.batch
    };
    let kept = |hub: &World| hub.hub.state.certificates.of(1).collect::<Vec<_>>();
    let from = says(&mut hub, &format!("CERT DEL {SHOWN}"));
    assert_eq!(kept(&hub), []);
    hub.apply(Input::Failed { from });
    assert_eq!(kept(&hub), [SHOWN]);
    let other = Fingerprint([1; 32]);
    let from = says(&mut hub, &format!("CERT ADD {other}"));
    says(&mut hub, &format!("CERT DEL {other}"));
    hub.apply(Input::Failed { from });
    assert_eq!(kept(&hub), [SHOWN]);
    assert!(hub.hub.state.certificates.owner(other).is_none());
}

#[test]
fn who_shows_a_certificate_may_take_it_from_who_only_named_it() {
    // Bob has named a certificate that ann has.
    let mut hub = hub("");
    hub.registers(1, "bob");
    hub.says(1, &format!("CERT ADD {SHOWN}"));
    hub.registers(2, "ann");
    hub.says(2, &format!("CERT ADD {SHOWN}"));
    assert!(hub.hears_all(2).starts_with(&format!(":parlor FAIL CERT IN_USE {SHOWN:x} ")));
    hub.encrypts(2, Some(Fingerprint([1; 32])));
    hub.says(2, &format!("CERT ADD {SHOWN}"));
    assert!(hub.hears_all(2).starts_with(":parlor FAIL CERT IN_USE "), "it shows another");
    hub.shows(2);
    let owner =
        |hub: &World| hub.hub.state.certificates.owner(SHOWN).map(|owner| owner.name.to_string());
    for line in ["CERT ADD".to_owned(), format!("CERT ADD {SHOWN}")] {
        hub.says(2, &line);
        let added = format!(":parlor NOTE CERT ADDED {SHOWN:x} :");
        assert!(hub.hears_all(2).starts_with(&added), "{:?}", hub.told);
        let write = write(Some(2), true);
        assert_eq!((&hub.writes[..], owner(&hub).as_deref()), (&[write][..], Some("ann")));
        assert_eq!(hub.hub.state.certificates.of(1).count(), 0);
        let from = hub.hub.node.batch;
        hub.apply(Input::Failed { from });
        assert_eq!(owner(&hub).as_deref(), Some("bob"), "it could not be stored");
    }
}

#[test]
fn a_certificate_is_its_accounts_after_a_restart() {
    let mut store = MemoryStore::new("test");
    let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
    let account = store::Account { id: 4, name: "ann".into(), keys, created: 0 };
    let certificate = |first, account| Write::Certificate {
        fingerprint: Fingerprint([first; 32]).0,
        account: Some(account),
        proved: first == 1,
    };
    let writes = [Write::Account(account), certificate(1, 4), certificate(2, 9)];
    store.commit(&mut writes.iter()).expect("it is in memory");
    let loaded = store.load().expect("it is in memory");
    let state = Hub::new(Config::default().into(), loaded, 0).0.state;
    let owner = |first| state.certificates.owner(Fingerprint([first; 32]));
    assert_eq!(owner(1).map(|owner| (&*owner.name, owner.proved)), Some(("ann", true)));
    assert_eq!(owner(2), None);
}

#[test]
fn whois_says_who_is_secure_on_all_devices_and_shows_certificates_to_whom_they_concern() {
    let mut hub = with_certificate();
    for line in ["CAP REQ :sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"] {
        hub.says(2, line);
    }
    hub.says(2, "NICK ann");
    hub.says(2, "USER u 0 * :Ann");
    hub.registers(3, "bob");
    hub.says(3, "WHOIS ann");
    let secure = |asker: &str| format!(":parlor 671 {asker} ann :is using a secure connection");
    let certificate = |asker: &str| {
        format!(":parlor 276 {asker} ann :has client certificate fingerprint {SHOWN:x}")
    };
    assert!(hub.hears(3).contains(&&*secure("bob")), "{:?}", hub.told);
    assert!(!hub.hears_all(3).contains(" 276 "), "{:?}", hub.told);
    hub.says(1, "WHOIS ann");
    assert!(hub.hears(1).contains(&&*certificate("ann")), "{:?}", hub.told);
    hub.says(3, "OPER boss up");
    hub.says(3, "WHOIS ann");
    assert!(hub.hears(3).contains(&&*certificate("bob")), "{:?}", hub.told);
    // One device by which others can read along is one too many.
    hub.reloads(|config| config.server.plaintext_login = true);
    hub.opens(4, ELSEWHERE);
    hub.says(4, "LOGIN ann :secret");
    hub.is_derived(4, Outcome::Compared(true));
    hub.says(3, "WHOIS ann");
    assert!(!hub.hears_all(3).contains(" 671 "), "{:?}", hub.told);
    hub.does(4, ClientEvent::Closed { reason: "gone".into() });
    hub.says(3, "WHOIS ann");
    assert!(hub.hears(3).contains(&&*secure("bob")), "{:?}", hub.told);
}
