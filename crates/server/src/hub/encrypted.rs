//! What only encrypted or local connections may do. Tested without sockets: the hub gets the inputs
//! that a shard would send.

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

const LOOPBACK: &str = "127.0.0.1";
const REMOTE: &str = "192.0.2.7";
const PROXY: &str = "198.51.100.1";
const FINGERPRINT: Fingerprint = Fingerprint([0xab; 32]);
const NOT_ENCRYPTED: &str =
    "This connection is not encrypted, so passwords are refused; connect to the same port with TLS";
const SASL_FAILED: &str = "SASL authentication failed";

/// A hub, and what came of the last input.
struct World {
    hub: Hub,
    lines: Vec<(SessionId, String)>,
    /// The number of derivations and delayed answers requested.
    derived: usize,
    /// The delay of the last one, in milliseconds.
    delay: u64,
    /// Sessions that were closed for good.
    closed: Vec<SessionId>,
    writes: Vec<Write>,
    logged: Vec<String>,
    now: i64,
}

fn session(slot: u32) -> SessionId {
    SessionId { node: 0, shard: 0, slot, generation: 1 }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl World {
    fn new(config: &str) -> World {
        let mut config: Config = toml::from_str(config).expect("a config");
        config.port = 9999;
        let loaded = MemoryStore::new("test").load().expect("it is in memory");
        World {
            hub: Hub::new(Arc::new(config), loaded, 0).0,
            lines: Vec::new(),
            derived: 0,
            delay: 0,
            closed: Vec::new(),
            writes: Vec::new(),
            logged: Vec::new(),
            now: 0,
        }
    }

    fn apply(&mut self, input: Input) {
        let effects =
            self.hub.apply(Stamped { now: self.now, steady: self.now, committed: 0, input });
        self.lines.clear();
        self.logged.clear();
        for effect in &effects.list {
            match &effect.effect {
                Effect::Reply { to, text } => {
                    let text = &effects.text[text.start as usize..text.end as usize];
                    let text = std::str::from_utf8(text).expect("UTF-8");
                    self.lines.extend(text.lines().map(|line| (*to, line.to_owned())));
                }
                Effect::Derive { job, .. } => {
                    self.derived += 1;
                    self.delay = job.hold_millis;
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

    fn client_event(&mut self, slot: u32, event: ClientEvent) {
        let events = vec![SessionEvent { session: session(slot), event }];
        self.apply(Input::Batch(Batch { shard: 0, text: Vec::new(), events }));
    }

    fn open(&mut self, slot: u32, from: &str) {
        self.client_event(slot, ClientEvent::Opened { address: address(from), entropy: [0; 16] });
    }

    fn encrypt(&mut self, slot: u32, certificate: Option<Fingerprint>) {
        self.client_event(slot, ClientEvent::Encrypted { certificate });
    }

    fn forward(&mut self, slot: u32, from: &str, encrypted: bool) {
        self.client_event(slot, ClientEvent::Forwarded { address: address(from), encrypted });
    }

    fn send(&mut self, slot: u32, line: &str) {
        let events = vec![SessionEvent {
            session: session(slot),
            event: ClientEvent::Line(0..line.len() as u32),
        }];
        self.apply(Input::Batch(Batch { shard: 0, text: line.into(), events }));
    }

    /// The lines a session was sent by the last input.
    fn lines(&self, slot: u32) -> Vec<&str> {
        let mine = self.lines.iter().filter(|(to, _)| *to == session(slot));
        mine.map(|(_, line)| line.as_str()).collect()
    }

    /// The same as one string.
    fn output(&self, slot: u32) -> String {
        self.lines(slot).join("\n")
    }

    /// The last derivation finishes, after its delay.
    fn finish_derivation(&mut self, slot: u32, outcome: Outcome) {
        self.now += std::mem::take(&mut self.delay) as i64;
        self.apply(Input::Derived(Derived { session: session(slot), outcome }));
    }

    /// Registers an account from this machine.
    fn register(&mut self, slot: u32, name: &str) {
        self.open(slot, LOOPBACK);
        self.send(slot, &format!("LOGIN {name} :secret"));
        let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
        self.finish_derivation(slot, Outcome::Made(keys));
        assert!(self.hub.state.online(name).is_some());
    }

    /// A session presents the certificate.
    fn present_certificate(&mut self, slot: u32) {
        let known = self.hub.node.sessions.get_mut(&session(slot)).expect("it is there");
        known.extras_mut().certificate = Some(FINGERPRINT);
    }

    fn reload(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.hub.node.config);
        change(&mut config);
        let outcome = Ok((Arc::new(config), Vec::new()));
        self.apply(Input::Reload(Reload { by: None, outcome }));
    }

    /// The value of a capability in the list sent to a session.
    fn offer(&mut self, slot: u32, capability: &str) -> Option<String> {
        self.send(slot, "CAP LS 302");
        let all = self.lines(slot).join(" ");
        let mut words = all.split([' ', ':']);
        words.find_map(|word| {
            let rest = word.strip_prefix(capability)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None => rest.is_empty().then(String::new),
            }
        })
    }

    fn connections_from(&self, from: &str) -> usize {
        let all = self.hub.node.admission.open_by_address();
        all.get(&crate::networks::address_key(address(from))).copied().unwrap_or(0)
    }
}

#[test]
fn passwords_are_refused_on_unencrypted_connections_before_anything_is_derived() {
    let mut world = World::new("operator = [{ name = \"boss\", password = \"up\" }]");
    world.register(1, "ann");
    let derived = world.derived;
    for (slot, line) in
        [(2, "LOGIN"), (3, "LOGIN bob"), (4, "LOGIN bob :hunter2"), (5, "LOGIN ann :hunter2")]
    {
        world.open(slot, REMOTE);
        world.send(slot, line);
        let refused = format!(":parlor FAIL LOGIN ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}");
        assert_eq!(world.lines(slot), [refused], "{line}");
        assert!(world.hub.node.sessions[&session(slot)].extras().prompt.is_none());
    }
    world.open(6, REMOTE);
    world.send(6, "NICK cem");
    world.send(6, "REGISTER * * hunter2");
    assert_eq!(
        world.lines(6),
        [format!(":parlor FAIL REGISTER ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}")]
    );
    assert_eq!((world.derived, world.hub.state.accounts.len()), (derived, 1));
    assert!(!format!("{:?}", world.hub).contains("hunter2"));
}

#[test]
fn an_irc_client_that_sends_a_password_unencrypted_is_told_why_and_closed() {
    let mut world = World::new("");
    world.open(1, REMOTE);
    world.send(1, "CAP LS 302");
    world.send(1, "PASS hunter2");
    let refused = format!(":parlor FAIL PASS ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}");
    assert_eq!(world.lines(1), [refused, format!("ERROR :{NOT_ENCRYPTED}")]);
    assert_eq!(world.closed, [session(1)]);
    assert_eq!(
        (world.derived, world.connections_from(REMOTE), world.hub.node.sessions.len()),
        (0, 0, 0)
    );
    // Lines it had sent after that are ignored.
    world.send(1, "NICK ann");
    assert_eq!(world.lines(1), [""; 0]);
    // A client without a password is not told to send one.
    world.open(2, REMOTE);
    world.send(2, "NICK ann");
    world.send(2, "USER a 0 * :Ann");
    let notice = format!(":parlor NOTICE ann :You must log in. {NOT_ENCRYPTED}");
    let lines = world.lines(2);
    assert!(lines[0].starts_with(":parlor FAIL * ACCOUNT_REQUIRED :"), "{lines:?}");
    assert_eq!(lines[1..], [notice]);
}

#[test]
fn oper_is_refused_on_unencrypted_connections() {
    let mut world =
        World::new("server.guests = true\noperator = [{ name = \"boss\", password = \"up\" }]");
    for (slot, from) in [(1, REMOTE), (2, LOOPBACK)] {
        world.open(slot, from);
        world.send(slot, &format!("NICK guest{slot}"));
        world.send(slot, "USER u 0 * :real");
        world.send(slot, "OPER boss up");
    }
    assert!(world.output(2).contains(" 381 guest2 "), "{:?}", world.lines);
    world.send(1, "OPER boss up");
    assert_eq!(world.lines(1), [format!(":parlor FAIL OPER ENCRYPTION_REQUIRED :{NOT_ENCRYPTED}")]);
    assert!(world.hub.state.online("guest2").expect("is here").is_operator());
    assert!(!world.hub.state.online("guest1").expect("is here").is_operator());
    // Guessing on such a connection reveals nothing.
    world.encrypt(1, None);
    world.send(1, "OPER boss up");
    assert!(world.output(1).contains(" 381 guest1 "));
}

#[test]
fn sasl_offers_scram_but_not_plain_on_unencrypted_connections() {
    let mut world = World::new("");
    world.open(1, REMOTE);
    assert_eq!(world.offer(1, "sasl").as_deref(), Some("SCRAM-SHA-256"));
    world.send(1, "CAP REQ :sasl");
    for mechanism in ["PLAIN", "plain"] {
        world.send(1, &format!("AUTHENTICATE {mechanism}"));
        let mechanisms = ":parlor 908 * SCRAM-SHA-256 :are available SASL mechanisms";
        let failed = format!(":parlor 904 * :{SASL_FAILED}: {NOT_ENCRYPTED}");
        assert_eq!(world.lines(1), [mechanisms, &failed]);
    }
    // The password of a client that does not wait for the answer is not a mechanism.
    world.send(1, "AUTHENTICATE AGFubgBodW50ZXIy");
    let failed = format!(":parlor 904 * :{SASL_FAILED}: no such mechanism");
    assert_eq!(world.lines(1)[1..], [failed]);
    world.send(1, "AUTHENTICATE EXTERNAL");
    assert!(world.output(1).contains("EXTERNAL needs a client certificate"), "{:?}", world.lines);
    world.send(1, "AUTHENTICATE SCRAM-SHA-256");
    assert_eq!(world.lines(1), ["AUTHENTICATE +"]);
    assert_eq!(world.derived, 0);
    // Allowed when the client chose it, and no longer when the password arrives.
    world.reload(|config| config.server.plaintext_login = true);
    world.open(2, REMOTE);
    world.send(2, "CAP REQ :sasl");
    world.send(2, "AUTHENTICATE PLAIN");
    assert_eq!(world.lines(2), ["AUTHENTICATE +"]);
    world.reload(|config| config.server.plaintext_login = false);
    world.send(2, "AUTHENTICATE AGFubgBodW50ZXIy");
    assert_eq!(world.lines(2), [format!(":parlor 904 * :{SASL_FAILED}: {NOT_ENCRYPTED}")]);
    assert_eq!(world.derived, 0);
}

#[test]
fn passwords_are_accepted_locally_encrypted_or_if_the_config_allows_it() {
    type Case = (&'static str, &'static str, fn(&mut World));
    let cases: [Case; 7] = [
        ("", "127.0.0.1", |_| {}),
        ("", "127.8.9.1", |_| {}),
        ("", "::1", |_| {}),
        ("", "::ffff:127.0.0.1", |_| {}),
        ("", REMOTE, |world| world.encrypt(1, None)),
        ("server.plaintext_login = true", REMOTE, |_| {}),
        ("", PROXY, |world| world.forward(1, REMOTE, true)),
    ];
    for (config, from, secure) in cases {
        let mut world = World::new(config);
        world.open(1, from);
        secure(&mut world);
        let plain = world.offer(1, "sasl").expect("it is offered");
        assert!(plain.ends_with(",PLAIN"), "{plain}");
        assert!(world.offer(1, "draft/account-registration").is_some());
        world.send(1, "LOGIN ann :secret");
        assert_eq!(world.derived, 1, "{config} {from}");
    }
    let mut world = World::new("");
    world.open(1, PROXY);
    world.forward(1, REMOTE, false);
    // A proxy on this machine that does not know its client's address.
    world.open(2, LOOPBACK);
    world.forward(2, LOOPBACK, false);
    for slot in [2, 1] {
        world.send(slot, "LOGIN ann :secret");
        assert!(world.output(slot).contains("ENCRYPTION_REQUIRED"));
    }
    assert_eq!(world.offer(1, "draft/account-registration"), None);
    world.send(1, "CAP REQ :draft/account-registration");
    assert_eq!(world.lines(1), [":parlor CAP * NAK :draft/account-registration"]);
}

#[test]
fn sessions_with_cap_notify_are_told_when_the_rule_for_passwords_changes() {
    let mut world = World::new("");
    for (slot, from) in [(1, REMOTE), (2, LOOPBACK), (3, REMOTE)] {
        world.open(slot, from);
        world.send(slot, if slot == 3 { "CAP REQ :cap-notify" } else { "CAP LS 302" });
    }
    world.reload(|config| config.server.plaintext_login = true);
    let new = "sasl=SCRAM-SHA-256,PLAIN draft/account-registration=before-connect";
    assert_eq!(world.lines(1), [format!(":parlor CAP * NEW :{new}")]);
    assert_eq!(world.lines(3), [":parlor CAP * NEW :draft/account-registration"]);
    assert_eq!(world.lines(2), [""; 0]);
    world.send(1, "CAP REQ :draft/account-registration");
    world.reload(|config| config.server.plaintext_login = false);
    let gone = ":parlor CAP * DEL :draft/account-registration";
    assert_eq!(world.lines(1), [gone, ":parlor CAP * NEW :sasl=SCRAM-SHA-256"]);
    assert_eq!(world.lines(2), [""; 0]);
    world.send(1, "CAP LIST");
    assert_eq!(world.lines(1), [":parlor CAP * LIST :cap-notify"]);
}

#[test]
fn a_session_owns_extras_only_while_it_needs_them() {
    let mut world = World::new("");
    world.register(1, "ann");
    let owns = |world: &World| world.hub.node.sessions[&session(1)].owns_extras();
    assert!(!owns(&world), "everything that the login needed is gone");
    world.send(1, "MONITOR + bob");
    world.send(1, "PM bob");
    assert!(owns(&world), "it was asked for a text, and watches somebody");
    world.send(1, "hello");
    assert!(owns(&world), "it still watches somebody");
    world.send(1, "MONITOR C");
    assert!(!owns(&world));
    world.send(1, "PRIVMSG #lobby :hello");
    assert!(!owns(&world), "a message needs none");
}
