//! What is allowed on a connection that nobody can read, and not on others. Tested without sockets:
//! the hub is given the input that a shard would make.

mod certificates;
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

/// A hub, and the result of the last input: lines, and passwords to derive.
struct World {
    hub: Hub,
    told: Vec<(SessionId, String)>,
    /// The number of derivations and delayed answers requested.
    derived: usize,
    /// The delay of the last one, in milliseconds.
    held: u64,
    /// Sessions that were closed for good.
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
    SessionId { node: 0, shard: 0, slot, generation: 1 }
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
        // Every login writes one, whatever its method.
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

    /// The lines a session was sent by the last input.
    fn hears(&self, slot: u32) -> Vec<&str> {
        let mine = self.told.iter().filter(|(to, _)| *to == session(slot));
        mine.map(|(_, line)| line.as_str()).collect()
    }

    /// The same in one text.
    fn hears_all(&self, slot: u32) -> String {
        self.hears(slot).join("\n")
    }

    /// The last derivation finishes, after its delay.
    fn is_derived(&mut self, slot: u32, outcome: Outcome) {
        self.now += std::mem::take(&mut self.held) as i64;
        self.apply(Input::Derived(Derived { session: session(slot), outcome }));
    }

    /// Registers an account from this machine.
    fn registers(&mut self, slot: u32, name: &str) {
        self.opens(slot, HERE);
        self.says(slot, &format!("LOGIN {name} :secret"));
        let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
        self.is_derived(slot, Outcome::Made(keys));
        assert!(self.hub.state.online(name).is_some());
    }

    /// A session presents the certificate.
    fn shows(&mut self, slot: u32) {
        let known = self.hub.node.sessions.get_mut(&session(slot)).expect("it is there");
        known.certificate = Some(Box::new(SHOWN));
    }

    fn reloads(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.hub.node.config);
        change(&mut config);
        let outcome = Ok((Arc::new(config), Vec::new()));
        self.apply(Input::Reload(Reload { by: None, outcome }));
    }

    /// The value of a capability in the list sent to a session.
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
fn passwords_are_refused_on_unencrypted_connections_before_anything_is_derived() {
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
fn an_irc_client_that_sends_a_password_unencrypted_is_told_why_and_closed() {
    let mut hub = hub("");
    hub.opens(1, ELSEWHERE);
    hub.says(1, "CAP LS 302");
    hub.says(1, "PASS hunter2");
    let refused = format!(":parlor FAIL PASS ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}");
    assert_eq!(hub.hears(1), [refused, format!("ERROR :{NOT_ENCRYPTED}")]);
    assert_eq!(hub.closed, [session(1)]);
    assert_eq!((hub.derived, hub.open(ELSEWHERE), hub.hub.node.sessions.len()), (0, 0, 0));
    // Lines it had sent after that are ignored.
    hub.says(1, "NICK ann");
    assert_eq!(hub.hears(1), [""; 0]);
    // A client without a password is not told to send one.
    hub.opens(2, ELSEWHERE);
    hub.says(2, "NICK ann");
    hub.says(2, "USER a 0 * :Ann");
    let told = format!(":parlor NOTICE ann :You must log in. {NOT_ENCRYPTED}");
    let heard = hub.hears(2);
    assert!(heard[0].starts_with(":parlor FAIL * ACCOUNT_REQUIRED :"), "{heard:?}");
    assert_eq!(heard[1..], [told]);
}

#[test]
fn oper_is_refused_on_unencrypted_connections() {
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
    // Guessing on such a connection reveals nothing.
    hub.encrypts(1, None);
    hub.says(1, "OPER boss up");
    assert!(hub.hears_all(1).contains(" 381 guest1 "));
}

#[test]
fn sasl_offers_scram_but_not_plain_on_unencrypted_connections() {
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
    // The password of a client that does not wait for the answer is not a mechanism.
    hub.says(1, "AUTHENTICATE AGFubgBodW50ZXIy");
    let failed = format!(":parlor 904 * :{SASL_FAILED}: no such mechanism");
    assert_eq!(hub.hears(1)[1..], [failed]);
    hub.says(1, "AUTHENTICATE EXTERNAL");
    assert!(hub.hears_all(1).contains("EXTERNAL needs a client certificate"), "{:?}", hub.told);
    hub.says(1, "AUTHENTICATE SCRAM-SHA-256");
    assert_eq!(hub.hears(1), ["AUTHENTICATE +"]);
    assert_eq!(hub.derived, 0);
    // Allowed when the client chose it, and no longer when the password arrives.
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
fn passwords_are_accepted_locally_encrypted_or_if_the_config_allows_it() {
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
    // A proxy on this machine that does not know its client's address.
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
fn sessions_with_cap_notify_are_told_when_the_rule_for_passwords_changes() {
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
