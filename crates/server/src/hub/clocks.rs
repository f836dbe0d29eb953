//! The wall clock is set ahead and back, also while the server is down; the monotonic clock goes
//! on. Tested with simulated clocks, a hub, and a store on disk.

use super::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
use crate::config::Config;
use crate::effects::{Effect, LogRecord};
use crate::session::login::{Derived, Outcome as Login};
use crate::session_id::SessionId;
use proto::scram::Keys;
use proto::time::write_server_time;
use std::sync::Arc;
use store::{
    Account, Conversation, Outcome, Point, Query, Scope, Select, SqliteStore, Store, Write,
};
use tempfile::TempDir;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
/// Some day in 2026.
const START: i64 = 1_790_000_000_000;

/// A single-threaded server with a wall clock and a monotonic one.
struct World {
    folder: TempDir,
    config: Arc<Config>,
    hub: Hub,
    store: SqliteStore,
    wall: i64,
    /// Since the server last started.
    up: i64,
    /// The lines that the last input led to.
    output: String,
    /// The jumps of the wall clock that the hub logged.
    clock_jumps: Vec<i64>,
    opened: u32,
}

impl World {
    fn new(config: &str) -> World {
        let config: Config = toml::from_str(config).expect("a config");
        let (config, folder) = (Arc::new(config), tempfile::tempdir().expect("a folder"));
        let mut store = SqliteStore::open(folder.path(), "k3f9").expect("a new one");
        let keys = Keys { salt: [7; 16], iterations: 1, stored_key: [1; 32], server_key: [2; 32] };
        let ann = Account { id: 1, name: "ann".into(), keys, created: 0 };
        store.commit(&mut [Write::Account(ann)].iter()).expect("there is room");
        let hub = start(&config, &mut store, START);
        let (output, clock_jumps) = (String::new(), Vec::new());
        World { folder, config, hub, store, wall: START, up: 0, output, clock_jumps, opened: 0 }
    }

    fn advance(&mut self, millis: i64) {
        self.wall += millis;
        self.up += millis;
    }

    /// Stops the server and starts it again on the same machine.
    fn restart(mut self) -> World {
        Box::new(self.store).close().expect("nothing is open");
        self.store = SqliteStore::open(self.folder.path(), "zzzz").expect("nobody else has it");
        self.hub = start(&self.config, &mut self.store, self.wall);
        self.up = 0;
        self
    }

    fn apply(&mut self, input: Input) -> Vec<Outcome> {
        let steady = self.hub.node.up_since + self.up;
        let effects = self.hub.apply(Stamped { now: self.wall, steady, committed: 0, input });
        self.output = String::from_utf8(effects.text.clone()).expect("UTF-8");
        for effect in &effects.list {
            if let Effect::Log(LogRecord::ClockSet { by, to }) = effect.effect {
                assert_eq!(to, self.wall);
                self.clock_jumps.push(by);
            }
        }
        self.store.commit(&mut effects.writes.iter()).expect("there is room")
    }

    fn client_event(&mut self, session: SessionId, text: &str, event: ClientEvent) -> Vec<Outcome> {
        let events = vec![SessionEvent { session, event }];
        self.apply(Input::Batch(Batch { shard: 0, text: text.into(), events }))
    }

    fn send(&mut self, session: SessionId, line: &str) -> Vec<Outcome> {
        self.client_event(session, line, ClientEvent::Line(0..line.len() as u32))
    }

    fn open(&mut self) -> SessionId {
        self.opened += 1;
        let session = SessionId { node: 0, shard: 0, slot: self.opened, generation: self.opened };
        let address = "127.0.0.1".parse().expect("an address");
        self.client_event(session, "", ClientEvent::Opened { address, entropy: [0; 16] });
        session
    }

    fn log_in(&mut self, session: SessionId, right: bool) {
        self.send(session, "LOGIN ann :secret");
        let output = std::mem::take(&mut self.output);
        let outcome = Login::Compared(right);
        self.apply(Input::Derived(Derived { session, outcome }));
        self.output.insert_str(0, &output);
    }

    fn ann(&mut self) -> SessionId {
        let ann = self.open();
        self.send(ann, "CAP REQ :message-tags draft/read-marker");
        self.send(ann, "CAP END");
        self.log_in(ann, true);
        assert!(self.output.contains("LOGGED_IN"), "{}", self.output);
        ann
    }

    /// Ann sends a message to the lobby; returns its time.
    fn message(&mut self, ann: SessionId) -> i64 {
        self.send(ann, "PRIVMSG #lobby :hello");
        self.store.load().expect("it can be read").last_time
    }

    fn lobby(&mut self, select: Select) -> Vec<i64> {
        let of = Scope::One(Conversation::room(self.hub.state.lobby.expect("there is one")));
        let query =
            Query { of, select, limit: 100, up_to: u64::MAX, kinds: store::Kinds::MESSAGES };
        let page = self.store.reader().expect("a reader").page(&query).expect("it can be read");
        page.iter().map(|event| event.time).collect()
    }
}

fn start(config: &Arc<Config>, store: &mut SqliteStore, wall: i64) -> Hub {
    let loaded = store.load().expect("it can be read");
    let (state, first) = Hub::new(config.clone(), loaded, wall);
    store.commit(&mut first.iter()).expect("there is room");
    state
}

/// By how much the clock is set, one step after the other.
const STEPS: [i64; 6] = [DAY, HOUR, YEAR, -HOUR, -DAY, -YEAR];

#[test]
fn messages_have_the_clocks_time_and_history_finds_them() {
    for step in STEPS {
        for restarts in [false, true] {
            let mut world = World::new("");
            let mut ann = world.ann();
            let mut times = Vec::new();
            for set in [0, step, -step, 0] {
                if restarts {
                    world = world.restart();
                    ann = world.ann();
                }
                world.wall += set;
                for _ in 0..3 {
                    world.advance(MINUTE);
                    times.push(world.message(ann));
                    assert_eq!(times.last(), Some(&world.wall), "{step}");
                }
            }
            assert_eq!(world.lobby(Select::Latest), times);
            // Paging by time, one message at a time, shows each of them in order.
            for (at, time) in times.iter().enumerate() {
                let point = Point::Time(*time);
                assert_eq!(world.lobby(Select::Before(point)), times[..at], "{step}");
                assert_eq!(world.lobby(Select::After(point)), times[at + 1..], "{step}");
            }
            let folder = world.folder;
            Box::new(world.store).close().expect("nothing is open");
            assert_eq!(store::check(folder.path()).expect("it can be read"), [""; 0]);
        }
    }
}

/// The operator can correct it, so each jump is logged once.
#[test]
fn a_jump_of_more_than_a_minute_is_logged_once() {
    let mut world = World::new("");
    let ann = world.ann();
    let jumps = [DAY, -DAY, -HOUR, HOUR, YEAR, -YEAR, MINUTE + 1, -MINUTE - 1];
    for set in jumps.into_iter().chain([MINUTE, -MINUTE, 900, -900]) {
        world.advance(10 * SECOND);
        world.wall += set;
        for _ in 0..3 {
            world.message(ann);
            world.advance(HOUR);
        }
    }
    assert_eq!(world.clock_jumps, jumps);
}

#[test]
fn a_lockout_lasts_as_long_whatever_the_wall_clock_does() {
    for step in STEPS {
        let mut world = World::new("limits = { failed_logins = 1 }");
        let ann = world.open();
        for _ in 0..3 {
            // As long as the next answer is delayed.
            world.advance(MINUTE / 10);
            world.log_in(ann, false);
        }
        world.log_in(ann, true);
        assert!(world.output.contains("TOO_MANY_ATTEMPTS"), "{}", world.output);
        world.advance(5 * MINUTE);
        world.wall += step;
        world.log_in(ann, true);
        assert!(world.output.contains("TOO_MANY_ATTEMPTS"), "{step}: {}", world.output);
        world.wall -= step;
        world.advance(5 * MINUTE);
        world.log_in(ann, true);
        assert!(world.output.contains("LOGGED_IN"), "{step}: {}", world.output);
    }
}

#[test]
fn connections_per_minute_are_counted_by_the_monotonic_clock() {
    for step in STEPS {
        let mut world = World::new("limits = { connects_per_minute = 2 }");
        let refused = |world: &mut World| {
            world.open();
            world.output.contains("in a short time")
        };
        assert_eq!([refused(&mut world), refused(&mut world)], [false; 2]);
        world.wall += step;
        assert!(refused(&mut world), "{step}");
        world.advance(MINUTE);
        assert!(!refused(&mut world), "{step}");
    }
}

#[test]
fn idle_times_are_monotonic_and_signon_times_are_wall_clock() {
    for step in STEPS {
        let mut world = World::new("");
        let ann = world.ann();
        let signon = world.wall / 1000;
        world.send(ann, "JOIN #a");
        world.send(ann, "RENAME #a #b");
        world.send(ann, "PRIVMSG #b :x");
        world.wall += step;
        world.advance(20 * SECOND);
        world.send(ann, "WHOIS ann");
        assert!(world.output.contains(&format!(" 317 ann ann 20 {signon} ")), "{}", world.output);
        world.send(ann, "RENAME #b #c");
        assert!(world.output.contains("wait half a minute"), "{step}: {}", world.output);
        world.advance(10 * SECOND);
        world.send(ann, "RENAME #b #c");
        assert!(!world.output.contains("FAIL"), "{step}: {}", world.output);
        world.send(ann, "STATS u");
        assert!(world.output.contains("Server Up 0 days 0:00:30"), "{step}: {}", world.output);
        // Users who left while the clock was wrong are found, newest first.
        world.client_event(ann, "", ClientEvent::Closed { reason: "gone".into() });
        world.wall -= step;
        let ann = world.ann();
        world.send(ann, "WHOWAS ann 1");
        assert!(world.output.contains(" 314 ann ann "), "{}", world.output);
    }
}

#[test]
fn a_resent_message_is_recognized_whatever_the_clock_does_and_across_restarts() {
    for step in STEPS {
        let mut world = World::new("");
        let ann = world.ann();
        let resend = "@+parlor/resend=x PRIVMSG #lobby :once";
        let first = world.send(ann, resend);
        let time = world.wall;
        assert_eq!(first, [Outcome::Stored]);
        let is_duplicate = |world: &mut World, ann| {
            let [outcome] = world.send(ann, resend)[..] else { panic!("one write") };
            matches!(outcome, Outcome::Duplicate { time: first, .. } if first == time)
        };
        world.wall += step;
        assert!(is_duplicate(&mut world, ann), "{step}");
        let mut world = world.restart();
        let ann = world.ann();
        assert!(is_duplicate(&mut world, ann), "{step}");
        world.store.maintain(world.hub.state.steady).expect("there is room");
        world.wall -= step;
        world.advance(DAY - 1);
        assert!(is_duplicate(&mut world, ann), "{step}");
        world.advance(1);
        assert!(!is_duplicate(&mut world, ann), "{step}");
    }
}

/// A marker set while the clock was ahead would hide everything until that day.
#[test]
fn a_read_marker_ahead_of_the_clock_can_be_set_back() {
    let stamp = |time: i64| {
        let mut stamp = Vec::new();
        write_server_time(time, &mut stamp);
        String::from_utf8(stamp).expect("ASCII")
    };
    for step in [HOUR, DAY, YEAR] {
        let mut world = World::new("");
        let ann = world.ann();
        let mark = |world: &mut World, time: i64, expected: i64| {
            world.send(ann, &format!("MARKREAD #lobby timestamp={}", stamp(time)));
            let expected = format!("MARKREAD #lobby timestamp={}\r\n", stamp(expected));
            assert!(world.output.contains(&expected), "{}, not {expected}", world.output);
        };
        world.wall += step;
        let ahead = world.wall;
        mark(&mut world, ahead, ahead);
        mark(&mut world, ahead - 1, ahead);
        world.wall -= step;
        let now = world.wall;
        mark(&mut world, now - 10, now - 10);
        mark(&mut world, now - 20, now - 10);
        mark(&mut world, ahead, now);
    }
}

#[test]
fn open_batches_expire_by_the_monotonic_clock() {
    for step in STEPS {
        let mut world = World::new("");
        let ann = world.ann();
        world.send(ann, "CAP REQ :draft/multiline batch");
        world.send(ann, "BATCH +1 draft/multiline #lobby");
        world.wall += step;
        world.advance(MINUTE);
        world.send(ann, "@batch=1 PRIVMSG #lobby :one");
        assert!(!world.output.contains("TIMEOUT"), "{step}: {}", world.output);
        world.advance(MINUTE);
        world.send(ann, "@batch=1 PRIVMSG #lobby :two");
        assert!(world.output.contains("FAIL BATCH TIMEOUT 1"), "{step}: {}", world.output);
    }
}

/// A one-time code is valid for a day, also across a restart, and only for setting a new password.
#[test]
fn a_one_time_code_expires_after_a_day() {
    let mut world = World::new("");
    let console = SessionId { node: 0, shard: 0, slot: 900, generation: 1 };
    world.client_event(console, "", ClientEvent::OpenedByAdmin { entropy: [7; 16] });
    world.send(console, "ACCOUNTS RESET ann");
    let keys = Keys { salt: [8; 16], iterations: 1, stored_key: [3; 32], server_key: [4; 32] };
    world.apply(Input::Derived(Derived { session: console, outcome: Login::Made(keys) }));
    assert!(world.output.contains("NOTE ACCOUNTS RESET ann"), "{}", world.output);
    world.advance(DAY - SECOND);
    let mut world = world.restart();
    let ann = world.ann();
    world.send(ann, "PRIVMSG #lobby :hello");
    assert!(world.output.contains("FAIL PRIVMSG NEW_PASSWORD_REQUIRED"), "{}", world.output);
    world.client_event(ann, "", ClientEvent::Closed { reason: "gone".into() });
    world.advance(SECOND);
    for _ in 0..2 {
        let ann = world.open();
        world.log_in(ann, true);
        assert!(world.output.contains("FAIL LOGIN CODE_EXPIRED ann"), "{}", world.output);
        world = world.restart();
    }
}
