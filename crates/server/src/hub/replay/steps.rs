//! Random actions of clients.

use super::lines::line;
use super::nonsense;
use super::random::Random;
use super::world::World;
use crate::browser::Browser;
use crate::config::{Config, Operator};
use crate::effects::Task;
use crate::hub::reload::Reload;
use crate::hub::{ClientEvent, Input};
use crate::metrics::Space;
use crate::secret::Secret;
use crate::session::delivery::Watermarks;
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use proto::Fingerprint;
use proto::scram::Keys;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Jumps of the wall clock: forward and back, from less than a second to a day.
const CLOCK_SET: [i64; 6] = [86_400_000, -86_400_000, -3_600_000, 40_000, -900, -1500];
pub(super) const NAMES: [&str; 7] = ["ann", "bob", "b0b", "cem", "dee", "eve", "fay"];
pub(super) const ROOMS: [&str; 5] = ["#a", "#b", "#lobby", "#c", "#\u{430}"];
/// This machine, others, and a reverse proxy.
const ADDRESSES: [&str; 5] = ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::1", PROXY];
const PROXY: &str = "198.51.100.1";

pub(crate) fn config(random: &mut Random) -> Arc<Config> {
    let proxies = format!("server.proxies = [{PROXY:?}]");
    let mut config: Config = toml::from_str(&proxies).expect("a config");
    config.server.guests = random.below(2) == 0;
    config.server.plaintext_login = random.below(2) == 0;
    config.limits.connections_per_address = [0, 0, 3][random.below(3)];
    config.server.remember_rooms = random.below(3) > 0;
    if random.below(3) == 0 {
        config.server.lobby = String::new();
    }
    config.limits.large_room = random.below(4);
    if random.below(3) == 0 {
        config.server.name = nonsense::SERVER.into();
    }
    config.limits.failed_logins = 0;
    config.limits.connects_per_minute = 0;
    config.accounts.expire_days = random.below(3) as u32;
    config.accounts.operators_need_2fa = random.below(8) == 0;
    config.operator = vec![Operator {
        name: Some("boss".into()),
        password: Some("up".into()),
        ..Operator::default()
    }];
    config.file = Some("parlor.toml".into());
    Arc::new(config)
}

impl World {
    pub(super) fn step(&mut self, random: &mut Random) {
        self.advance(random.below(2000) as i64);
        if random.below(30) == 0 {
            self.now += CLOCK_SET[random.below(CLOCK_SET.len())];
        }
        if random.below(30) == 0 {
            self.advance(random.below(5) as i64 * 86_400_000);
        }
        match random.below(22) {
            0 | 1 => {
                self.opened += 1;
                let session =
                    SessionId { node: 0, shard: 0, slot: self.opened, generation: self.opened };
                self.open(random, session);
            }
            2 if !self.sessions.is_empty() => {
                let session = self.sessions.swap_remove(random.below(self.sessions.len()));
                self.client_event(session, "", ClientEvent::Closed { reason: "gone".into() });
            }
            3..=5 => self.settle(random, 1),
            6 => self.broken.store(random.below(4) == 0, Ordering::Relaxed),
            7 | 8 => {
                if let Some((session, task)) = self.derivations.pop_front() {
                    let outcome = outcome(random, &task);
                    self.apply(Input::Derived(Derived { session, outcome }));
                }
            }
            9 if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                self.send_multiline(random, session);
            }
            10 if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                self.send(session, &nonsense::line(random));
            }
            12 if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                let first = ["PING :x", "MODE ann +B", "MODE bob -B", "AWAY *", "AWAY", "QUIT"];
                self.acknowledge(session, random.pick(&first));
            }
            11 => {
                if random.below(3) == 0 {
                    let free = random.below(100) as u64;
                    self.apply(Input::Disk(Space { free, total: 1000 }));
                }
                // Also from a session that does not exist.
                let slot = 1 + random.below(9) as u32;
                self.probes += 1;
                let session = SessionId { node: 0, shard: 0, slot, generation: slot };
                self.client_event(session, "", ClientEvent::Probe);
            }
            _ if !self.sessions.is_empty() => {
                let session = self.sessions[random.below(self.sessions.len())];
                self.send(session, &line(random));
            }
            _ => {}
        }
    }

    /// A client connects: maybe through a proxy, maybe encrypted, maybe only to fetch a page.
    fn open(&mut self, random: &mut Random, session: SessionId) {
        self.sessions.push(session);
        let from = random.pick(&ADDRESSES);
        let address = from.parse().unwrap();
        let entropy = u128::from(random.next()).to_le_bytes();
        if random.below(10) == 0 {
            return self.client_event(session, "", ClientEvent::OpenedByAdmin { entropy });
        }
        self.client_event(session, "", ClientEvent::Opened { address, entropy });
        let encrypted = ClientEvent::Encrypted { certificate: certificate(random) };
        let mut events = vec![encrypted];
        if from == PROXY {
            let address = random.pick(&ADDRESSES).parse().unwrap();
            events.push(ClientEvent::Forwarded { address, encrypted: random.below(2) == 0 });
        }
        if random.below(2) == 0 {
            events.reverse();
        }
        events.truncate(random.below(events.len() + 1));
        for event in events {
            self.client_event(session, "", event);
        }
        match random.below(10) {
            0 => {
                self.sessions.retain(|open| *open != session);
                self.client_event(session, "", ClientEvent::Served);
            }
            1 => {
                let browser = random.below(2) == 0;
                let browser = browser.then(|| Browser::from_user_agent("Firefox/1 (Android)"));
                self.client_event(session, "", ClientEvent::WebSocket { browser });
            }
            _ => {}
        }
    }

    /// The config file is reloaded: it has an error, or another limit and other capabilities.
    pub(super) fn reload(&mut self, random: &mut Random, by: SessionId) {
        let mut config = Config::clone(&self.hub.node.config);
        config.limits.large_room = random.below(4);
        let off = ["batch", "sasl", "setname", "sts"];
        config.server.capabilities_off = vec![random.pick(&off).into()];
        config.server.plaintext_login = random.below(2) == 0;
        config.tls.vouched = true;
        config.tls.certificate = (random.below(2) == 0).then(|| "c.pem".into());
        let outcome = match random.below(3) {
            0 => Err("a mistake".into()),
            _ => Ok((Arc::new(config), vec!["server.name"])),
        };
        self.apply(Input::Reload(Reload { by: Some(by), outcome }));
    }

    /// Sends a multi-line message, mostly correctly.
    fn send_multiline(&mut self, random: &mut Random, session: SessionId) {
        let target = random.pick(&["#lobby", "#a", "@#a", "ann", "bob"]);
        self.send(session, "CAP REQ :draft/multiline batch echo-message labeled-response");
        let id = random.below(3);
        self.send(
            session,
            &format!("@label=y;+parlor/resend=m{id} BATCH +r draft/multiline {target}"),
        );
        for text in ["one", "", "two"] {
            self.advance(random.below(100) as i64);
            let tags = random.pick(&["batch=r", "batch=r", "batch=r;draft/multiline-concat"]);
            self.send(session, &format!("@{tags} PRIVMSG {target} :{text}"));
        }
        let last = random.pick(&["BATCH -r", "BATCH -r", "BATCH -r", "BATCH -s", "QUIT", ""]);
        self.send(session, last);
    }

    /// A session acknowledges all messages delivered to it, and sends a line.
    fn acknowledge(&mut self, session: SessionId, line: &str) {
        let shown = self.shown.remove(&session).unwrap_or_default();
        let [pending, live] = [0, 1].map(|at: usize| shown[at].last().copied().unwrap_or_default());
        self.acknowledged.extend(shown.into_iter().flatten());
        self.client_event(session, "", ClientEvent::Acknowledged(Watermarks { pending, live }));
        self.send(session, line);
    }
}

/// A random outcome of a derivation.
pub(crate) fn outcome(random: &mut Random, task: &Task) -> Outcome {
    let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
    let stored_key = [random.below(9) as u8; 32];
    match random.below(6) {
        _ if matches!(task, Task::Make { .. }) => Outcome::Made(keys),
        1 if matches!(task, Task::Change { .. }) => Outcome::Compared(false),
        _ if matches!(task, Task::Change { .. }) => Outcome::Made(Keys { stored_key, ..keys }),
        _ if matches!(task, Task::Draw { .. }) => drawn(random, task, keys),
        _ if matches!(task, Task::Wait) => Outcome::Waited,
        0 => Outcome::Compared(false),
        1 => Outcome::Renewed(Keys { stored_key, ..keys }),
        _ => Outcome::Compared(true),
    }
}

/// Secrets as the derivation threads generate them.
fn drawn(random: &mut Random, task: &Task, keys: Keys) -> Outcome {
    let Task::Draw { count, chars, keys: wanted } = task else { return Outcome::Busy };
    let first = if random.below(2) == 0 { "a" } else { "b" };
    let mut draw = || -> String {
        let rest = (4..*chars).map(|_| random.pick(&["a", "b"]));
        std::iter::once(first.repeat(4).as_str()).chain(rest).collect()
    };
    let secrets = (0..*count).map(|_| Secret::new(&draw())).collect();
    Outcome::Drawn(secrets, wanted.map(|_| keys))
}

/// One of a few certificates, or none.
pub(crate) fn certificate(random: &mut Random) -> Option<Fingerprint> {
    let which = random.below(4) as u8;
    (which > 0).then_some(Fingerprint([which; 32]))
}
