//! Entries contain no password, app password or one-time code.

use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::command::entry::RECORDED;
use crate::config::Config;
use crate::effects::{Effect, Effects, Task};
use crate::secret::Secret;
use crate::session::login::{Derived, Outcome};
use crate::session_id::SessionId;
use proto::scram::Keys;
use store::{MemoryStore, Store};

const SALT: [u8; 16] = [7; 16];

/// A generated app password.
const DRAWN: &str = "drawn-secret-drawn-secret";

/// A secret that is stored in plain text: of a second factor, or an invitation.
const PLAINTEXT: &str = "kept-kept-kept-kept";

struct World(Hub);

impl World {
    /// Applies an input and all derivations it causes; returns all output.
    fn apply(&mut self, input: Input) -> String {
        let effects = self.0.apply(Stamped { now: 0, steady: 0, committed: 0, input });
        let mut output = String::from_utf8(effects.text.clone()).expect("UTF-8");
        for (session, outcome) in derived(&effects) {
            output += &self.apply(Input::Derived(Derived { session, outcome }));
        }
        output
    }

    fn client_event(&mut self, slot: u32, text: &str, event: ClientEvent) -> String {
        let session = SessionId { node: 0, shard: 0, slot, generation: 1 };
        let events = vec![SessionEvent { session, event }];
        self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }))
    }

    fn open(&mut self, slot: u32) {
        let address = "127.0.0.1".parse().expect("an address");
        self.client_event(slot, "", ClientEvent::Opened { address, entropy: [slot as u8; 16] });
    }

    /// Sends a line; its output must contain the expected text.
    fn exec(&mut self, slot: u32, line: &str, expected: &str) -> String {
        let output = self.client_event(slot, line, ClientEvent::Line(0..line.len() as u32));
        assert!(output.contains(expected), "{line}: {output}");
        output
    }
}

/// The results of the derivation threads.
fn derived(effects: &Effects) -> Vec<(SessionId, Outcome)> {
    let derive = |effect: &Effect| {
        let Effect::Derive { session, job } = effect else { return None };
        let made = |salt: Option<[u8; 16]>| Keys::derive(&job.password, salt.unwrap_or(SALT), 1);
        let outcome = match &job.task {
            Task::Make { .. } => Outcome::Made(made(None)),
            Task::Compare { keys, .. } => Outcome::Compared(keys.verify(&job.password, &mut || {})),
            Task::Change { old: Some((old, keys)), .. }
                if !keys.verify(old.reveal(), &mut || {}) =>
            {
                Outcome::Compared(false)
            }
            Task::Change { salt, .. } => Outcome::Made(made(*salt)),
            Task::Draw { count, keys, .. } => {
                let keys = keys.map(|(salt, iterations)| Keys::derive(DRAWN, salt, iterations));
                let secret = Secret::new(if keys.is_some() { DRAWN } else { PLAINTEXT });
                Outcome::Drawn(vec![secret; *count], keys)
            }
            Task::Wait => Outcome::Waited,
        };
        Some((*session, outcome))
    };
    effects.list.iter().filter_map(|effect| derive(&effect.effect)).collect()
}

#[test]
fn no_entry_contains_a_credential() {
    RECORDED.set(Some(Vec::new()));
    let config = "operator = [{ name = \"boss\", password = \"letmeoper\" }]";
    let config: Config = toml::from_str(config).expect("a config");
    let loaded = MemoryStore::new("test").load().expect("it is in memory");
    let world = &mut World(Hub::new(config.into(), loaded, 0).0);
    for slot in 1..=4 {
        world.open(slot);
    }
    world.exec(1, "LOGIN ann :first-password", "ACCOUNT_CREATED");
    world.exec(2, "LOGIN ann :first-password", "LOGGED_IN");
    world.exec(3, "LOGIN ann :wrong-password", "WRONG_PASSWORD");
    world.exec(1, "OPER boss letmeoper", " 381 ");
    world.exec(1, "ACCOUNT PASSWORD first-password second-password", "PASSWORD_CHANGED");
    world.exec(1, "ACCOUNT TOKEN ADD phone", DRAWN);
    world.exec(1, "ACCOUNT 2FA ON", PLAINTEXT);
    world.exec(1, "INVITATION ADD", PLAINTEXT);
    world.exec(4, "PASS third-password", "");
    world.exec(4, "NICK bob", "");
    world.exec(4, "USER bob 0 * :Bob", " 001 ");
    let output = world.exec(1, "ACCOUNTS RESET bob", "ACCOUNTS RESET bob ");
    let code = output.split("RESET bob ").nth(1).and_then(|rest| rest.split(' ').next());
    let code = code.expect("a one-time code").to_owned();

    let entries = RECORDED.take().expect("it was set").join("\n");
    let made = ["Register", "LogIn", "LoginFailed", "ComeOnline", "Granted", "Password"];
    for kind in made.into_iter().chain(["AppPassword", "NewFactor", "Invite", "Reset"]) {
        assert!(entries.contains(&format!("\"{kind}\":")), "no {kind} in {entries}");
    }
    let drawn = DRAWN.replace('-', "");
    for secret in ["first-p", "wrong-p", "second-p", "third-p", "letmeoper", DRAWN, &drawn, &code] {
        assert!(!entries.to_ascii_lowercase().contains(secret), "{secret} is in {entries}");
    }
}
