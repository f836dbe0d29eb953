//! What the server knows of itself, for Prometheus and whoever reads its text.
//!
//! Nothing here is on a message's way. Who counts does so in plain numbers and adds them at the end
//! of a round, a commit or a batch, by relaxed atomics; sums over many connections are made at the
//! sweep, twice a second. A histogram is behind a lock, which only the journal takes, once a commit.

mod labels;
mod process;

pub use labels::{Handshake, Kind, Login, LoginBy, Queue, Refused, Row};

use crate::limits::{HUB_QUEUE, JOURNAL_QUEUE, PASSWORD_QUEUE, READ_QUEUE, SHARD_QUEUE};
use process::Process;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Condition, EventKind, Outcome, Write};

/// The kinds of events and the words for them. What is left of a message is none: it was stored as
/// one.
const KINDS: [(EventKind, &str); 12] = [
    (EventKind::Message, "message"),
    (EventKind::Notice, "notice"),
    (EventKind::Tagmsg, "tagmsg"),
    (EventKind::Topic, "topic"),
    (EventKind::Join, "join"),
    (EventKind::Part, "part"),
    (EventKind::Kick, "kick"),
    (EventKind::Mode, "mode"),
    (EventKind::Quit, "quit"),
    (EventKind::Nick, "nick"),
    (EventKind::Redact, "redact"),
    (EventKind::Rename, "rename"),
];

/// Upper ends of the classes of what a commit takes, in seconds.
const COMMIT_SECONDS: [f64; 15] =
    [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// All metrics, shared by all threads.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: Row<Gauge>,
    accepted: Counter,
    users: Gauge,
    rooms: Gauge,
    sessions: Gauge,
    stored: Row<Counter>,
    resends: Counter,
    commit_seconds: Histogram,
    commit_writes: Histogram,
    commit_failures: Counter,
    damaged: Gauge,
    backup_time: Gauge,
    backup_failures: Counter,
    deliveries: Row<Counter>,
    received: Row<Counter>,
    sent: Row<Counter>,
    outbox: Row<Gauge>,
    outbox_largest: Row<Gauge>,
    waiting: Row<Gauge>,
    refused: Row<Counter>,
    logins: Row<Counter>,
    handshakes: Row<Counter>,
    certificate_expires: Gauge,
    disk: Arc<Disk>,
}

/// What a shard has done in one round, in plain numbers.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages and notices put into outboxes: one for each connection that is told.
    pub deliveries: u64,
    /// Bytes read from sockets.
    pub received: u64,
    /// Bytes of lines taken out of outboxes and written.
    pub sent: u64,
}

/// What a shard finds when it looks at all its connections, twice a second. So nobody has to count
/// on the way, and no number can drift away from what is there.
#[derive(Debug, Default)]
pub struct Census {
    connections: [i64; Kind::WORDS.len()],
    outbox: usize,
    outbox_largest: usize,
}

impl Census {
    /// Counts a connection: what it speaks, and the bytes that wait for it.
    pub fn add(&mut self, kind: Kind, waiting: usize) {
        self.connections[kind as usize] += 1;
        self.outbox += waiting;
        self.outbox_largest = self.outbox_largest.max(waiting);
    }
}

/// Something to count once it has happened: the hub asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Somebody was refused or thrown out.
    Refused(Refused),
    /// Somebody tried to log in.
    Login(LoginBy, Login),
}

/// The data folder, as the journal last saw it.
#[derive(Debug)]
pub struct Disk {
    free: AtomicU64,
    scarce: AtomicBool,
    log_bytes: AtomicU64,
    log_waits: AtomicU64,
    gone: AtomicBool,
}

/// The space on the disk of the data folder, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What is free for the server.
    pub free: u64,
    /// All that there is.
    pub total: u64,
}

/// What is known of the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Free bytes of its disk; none if nobody knows, or nothing is stored on one.
    pub free: Option<u64>,
    /// The disk's reserve is touched: ordinary writes are refused.
    pub scarce: bool,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// Seconds for which something has waited in the log to be moved into the database.
    pub log_waits: u64,
    /// A file of the database was moved or deleted.
    pub gone: bool,
    /// How many places of what is stored were found damaged.
    pub damaged: u64,
}

impl Metrics {
    /// Metrics of a server with so many shards, all zero.
    pub fn new(shards: usize) -> Metrics {
        let metrics = Metrics {
            registry: Registry::default(),
            connections: Row::of("kind", Kind::WORDS),
            accepted: Counter::default(),
            users: Gauge::default(),
            rooms: Gauge::default(),
            sessions: Gauge::default(),
            stored: Row::of("kind", &KINDS.map(|(_, word)| word)),
            resends: Counter::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            commit_writes: Histogram::new(exponential_buckets(1.0, 4.0, 9)),
            commit_failures: Counter::default(),
            damaged: Gauge::default(),
            backup_time: Gauge::default(),
            backup_failures: Counter::default(),
            deliveries: Row::numbered("shard", shards),
            received: Row::numbered("shard", shards),
            sent: Row::numbered("shard", shards),
            outbox: Row::numbered("shard", shards),
            outbox_largest: Row::numbered("shard", shards),
            waiting: Row::of("queue", Queue::WORDS),
            refused: Row::of("reason", Refused::WORDS),
            logins: Row::of_pairs(["way", "outcome"], [LoginBy::WORDS, Login::WORDS]),
            handshakes: Row::of("outcome", Handshake::WORDS),
            certificate_expires: Gauge::default(),
            disk: Arc::new(Disk::new()),
        };
        Metrics { registry: metrics.registered(shards), ..metrics }
    }

    /// A registry of all of them, in the order in which they are shown.
    fn registered(&self, shards: usize) -> Registry {
        let mut all = Registry::default();
        all.register_collector(Box::new(Process::new(self.disk.clone())));
        let own = all.sub_registry_with_prefix("parlor");
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        own.register("build", "Version of this server", version);
        self.register_people(own);
        self.register_traffic(own);
        self.register_store(own);
        self.register_queues(own, shards);
        all
    }

    fn register_people(&self, own: &mut Registry) {
        let about = "Open connections by protocol, up to half a second old";
        own.register("connections", about, self.connections.clone());
        let about = "Connections accepted since startup";
        own.register("connections_accepted", about, self.accepted.clone());
        let about = "IRC sessions known to the hub";
        own.register("sessions", about, self.sessions.clone());
        let about = "Online users; each may have several sessions";
        own.register("users_online", about, self.users.clone());
        own.register("rooms", "Existing rooms, including the lobby", self.rooms.clone());
        let about = "Login attempts by method and outcome";
        own.register("logins", about, self.logins.clone());
        let about = "Refusals, delays and disconnections by reason";
        own.register("refused", about, self.refused.clone());
        let about = "TLS handshakes, by outcome";
        own.register("tls_handshakes", about, self.handshakes.clone());
        let about = "Unix time at which the certificate expires; 0 if unknown";
        let expires = self.certificate_expires.clone();
        own.register("certificate_expires_timestamp_seconds", about, expires);
    }

    fn register_traffic(&self, own: &mut Registry) {
        let about = "Messages and notifications queued for connections, counted per connection";
        own.register("deliveries", about, self.deliveries.clone());
        let about = "Bytes read from sockets";
        own.register_with_unit("received", about, Unit::Bytes, self.received.clone());
        let about = "Bytes of lines written, before WebSocket and TLS framing";
        own.register_with_unit("sent", about, Unit::Bytes, self.sent.clone());
        let about = "Bytes queued for all readers, up to half a second old";
        own.register_with_unit("outbox", about, Unit::Bytes, self.outbox.clone());
        let about = "Bytes queued for the slowest reader, up to half a second old";
        own.register_with_unit("outbox_largest", about, Unit::Bytes, self.outbox_largest.clone());
    }

    fn register_store(&self, own: &mut Registry) {
        let about = "Events committed to disk, by kind";
        own.register("events_stored", about, self.stored.clone());
        let about = "Resent messages recognized as duplicates";
        own.register("resends", about, self.resends.clone());
        let about = "Duration of a commit, including the flush to disk";
        own.register_with_unit("commit", about, Unit::Seconds, self.commit_seconds.clone());
        let about = "Writes per commit";
        own.register("commit_writes", about, self.commit_writes.clone());
        let about = "Failed commits; nothing of them was stored or released";
        own.register("commit_failures", about, self.commit_failures.clone());
        let about = "Damaged places found in the stored data since startup";
        own.register("damaged", about, self.damaged.clone());
        let about = "Unix time of the last good automatic backup; 0 for never";
        let seconds = self.backup_time.clone();
        own.register_with_unit("backup_timestamp", about, Unit::Seconds, seconds);
        let about = "Failed automatic backups";
        own.register("backup_failures", about, self.backup_failures.clone());
    }

    fn register_queues(&self, own: &mut Registry, shards: usize) {
        let about = "Items queued for a thread: batches, answers or jobs";
        own.register("queue_items", about, self.waiting.clone());
        let most: Row<Gauge> = Row::of("queue", Queue::WORDS);
        let shards = shards * SHARD_QUEUE;
        let bounds = [
            (Queue::Hub, HUB_QUEUE),
            (Queue::Journal, JOURNAL_QUEUE),
            (Queue::Shards, shards),
            (Queue::Readers, READ_QUEUE),
            (Queue::Passwords, PASSWORD_QUEUE),
        ];
        for (queue, bound) in bounds {
            most.at(queue as usize).set(number(bound));
        }
        own.register("queue_most_items", "Capacity of a queue", most);
    }

    /// All of them in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a String takes everything");
        text
    }

    /// A connection was accepted.
    pub fn accepted(&self) {
        self.accepted.inc();
    }

    /// A shard has looked at all its connections: what it found, in place of what it found before.
    pub fn found(&self, shard: u8, before: &mut Census, now: Census) {
        for (place, (now, before)) in now.connections.iter().zip(&before.connections).enumerate() {
            self.connections.at(place).inc_by(now - before);
        }
        self.outbox.at(usize::from(shard)).set(number(now.outbox));
        self.outbox_largest.at(usize::from(shard)).set(number(now.outbox_largest));
        *before = now;
    }

    /// A TLS handshake came to an end.
    pub fn handshake(&self, outcome: Handshake) {
        self.handshakes.at(outcome as usize).inc();
    }

    /// When the certificate at hand expires (seconds since the epoch), if that is known.
    pub fn certificate_expires(&self, expires: Option<i64>) {
        self.certificate_expires.set(expires.unwrap_or(0));
    }

    /// Something happened that is counted one by one.
    pub fn count(&self, what: Count) {
        match what {
            Count::Refused(why) => self.refused.at(why as usize).inc(),
            Count::Login(way, outcome) => {
                self.logins.at(way as usize * Login::WORDS.len() + outcome as usize).inc()
            }
        };
    }

    /// What the hub has after an input.
    pub fn hub_has(&self, sessions: usize, users: usize, rooms: usize) {
        self.sessions.set(number(sessions));
        self.users.set(number(users));
        self.rooms.set(number(rooms));
    }

    /// The journal has committed these writes.
    pub fn committed(&self, took: Duration, writes: &[&Write], outcomes: &[Outcome]) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_writes.observe(writes.len() as f64);
        let mut stored = [0; EventKind::ALL.len()];
        let mut resends = 0;
        for (write, outcome) in writes.iter().zip(outcomes) {
            match (write, outcome) {
                (Write::Event { event, .. } | Write::Redact { event, .. }, Outcome::Stored) => {
                    stored[usize::from(event.kind.code())] += 1;
                }
                (_, Outcome::Duplicate { .. }) => resends += 1,
                _ => {}
            }
        }
        for (place, (kind, _)) in KINDS.iter().enumerate() {
            self.stored.at(place).inc_by(stored[usize::from(kind.code())]);
        }
        self.resends.inc_by(resends);
    }

    /// The journal could not commit.
    pub fn commit_failed(&self) {
        self.commit_failures.inc();
    }

    /// A good backup was made then.
    pub fn backed_up(&self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.backup_time.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    }

    /// A backup could not be made.
    pub fn backup_failed(&self) {
        self.backup_failures.inc();
    }

    /// So many places of the stored data were found damaged.
    pub fn is_damaged(&self, places: u64) {
        self.damaged.set(places.cast_signed());
    }

    /// What is known of the data folder.
    pub fn seen(&self) -> Seen {
        Seen { damaged: self.damaged(), ..self.disk.seen() }
    }

    /// How many places of the stored data were found damaged.
    pub fn damaged(&self) -> u64 {
        self.damaged.get().cast_unsigned()
    }

    /// A shard has ended a round: adds what it did, and begins anew.
    pub fn add(&self, shard: u8, tally: &mut Tally) {
        let Tally { deliveries, received, sent } = std::mem::take(tally);
        let shard = usize::from(shard);
        for (row, count) in
            [(&self.deliveries, deliveries), (&self.received, received), (&self.sent, sent)]
        {
            if count > 0 {
                row.at(shard).inc_by(count);
            }
        }
    }

    /// How many wait in a queue, to be kept by the queue itself.
    pub fn waiting(&self, queue: Queue) -> Gauge {
        self.waiting.at(queue as usize).clone()
    }

    /// The disk of the data folder.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }
}

#[cfg(test)]
impl Metrics {
    /// The numbers by name and labels.
    pub(crate) fn numbers(&self) -> std::collections::BTreeMap<String, f64> {
        let text = self.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let parts = lines.map(|line| line.rsplit_once(' ').expect("a name and a number"));
        let number = |text: &str| text.parse().expect("a number");
        parts.map(|(name, text)| (name.to_owned(), number(text))).collect()
    }

    /// The sum of a metric over all its labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let all = self.numbers().into_iter();
        all.filter(|(full, _)| full.split('{').next() == Some(name)).map(|(_, value)| value).sum()
    }
}

impl Disk {
    fn new() -> Disk {
        Disk {
            free: AtomicU64::new(u64::MAX),
            scarce: AtomicBool::new(false),
            log_bytes: AtomicU64::new(0),
            log_waits: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    /// Looks how much space is left for a folder, and notes how the store in it is. The journal does
    /// it: a disk that hangs is to hold up nobody else. Returns the space there is, if it can be seen.
    pub fn look(&self, folder: &Path, store: Condition) -> Option<Space> {
        let space = rustix::fs::statvfs(folder).ok().map(|disk| Space {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        });
        self.free.store(space.map_or(u64::MAX, |space| space.free), Ordering::Relaxed);
        self.log_bytes.store(store.log_bytes, Ordering::Relaxed);
        self.log_waits.store(store.log_waits.as_secs(), Ordering::Relaxed);
        self.gone.store(store.gone, Ordering::Relaxed);
        space
    }

    /// Whether the hub takes the reserve for touched.
    pub fn is_scarce(&self, scarce: bool) {
        self.scarce.store(scarce, Ordering::Relaxed);
    }

    /// What was seen last.
    pub fn seen(&self) -> Seen {
        Seen {
            free: Some(self.free.load(Ordering::Relaxed)).filter(|bytes| *bytes != u64::MAX),
            log_bytes: self.log_bytes.load(Ordering::Relaxed),
            log_waits: self.log_waits.load(Ordering::Relaxed),
            scarce: self.scarce.load(Ordering::Relaxed),
            gone: self.gone.load(Ordering::Relaxed),
            damaged: 0,
        }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Conversation, Event};

    /// What stands before the number in a line.
    fn name_of(line: &str) -> &str {
        line.rsplit_once(' ').expect("a name and a number").0
    }

    #[test]
    fn the_text_tells_a_stranger_what_each_number_is() {
        let metrics = Metrics::new(2);
        let text = metrics.text();
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            text.contains(&format!("parlor_build_info{{version=\"{version}\"}} 1\n")),
            "{text}"
        );
        let heads = |kind: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
            lines.map(|line| line.split(' ').next().expect("a name").to_owned()).collect()
        };
        let (helped, typed) = (heads("# HELP "), heads("# TYPE "));
        assert_eq!(helped, typed);
        for name in metrics.numbers().keys() {
            let name = name.split('{').next().expect("a name");
            let of = |head: &&String| {
                let rest = name.strip_prefix(head.as_str());
                rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
            };
            assert!(helped.iter().any(|head| of(&head)), "{name} has no help");
            assert!(name.starts_with("parlor_") || name.starts_with("process_"), "{name}");
        }
        for line in text.lines().filter(|line| line.starts_with("# HELP ")) {
            assert!(line.ends_with('.') && !line.ends_with(".."), "{line}");
        }
        let again = metrics.text();
        assert!(again.lines().map(name_of).eq(text.lines().map(name_of)), "the order stays");
    }

    #[test]
    fn the_docs_list_every_metric_and_every_reason() {
        let docs = include_str!("../../../docs/metrics.md");
        let metrics = Metrics::new(1);
        metrics.disk().look(Path::new("/"), Condition::default());
        let text = metrics.text();
        let names = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
        let mut words: Vec<&str> = names.collect();
        assert!(words.len() > 20, "{words:?}");
        words.extend(Refused::WORDS.iter().chain(Kind::WORDS).chain(Handshake::WORDS));
        words.extend(LoginBy::WORDS.iter().chain(Login::WORDS).chain(Queue::WORDS));
        for word in words {
            assert!(docs.contains(&format!("`{word}`")), "docs/metrics.md lacks {word}");
        }
    }

    #[test]
    fn connections_are_counted_by_what_they_speak() {
        let metrics = Metrics::new(2);
        let mut shards = [Census::default(), Census::default()];
        let mut find = |shard: u8, found: &[(Kind, usize)]| {
            let mut census = Census::default();
            found.iter().for_each(|(kind, waiting)| census.add(*kind, *waiting));
            metrics.found(shard, &mut shards[usize::from(shard)], census);
        };
        find(0, &[(Kind::Unknown, 0), (Kind::Plain, 300), (Kind::Plain, 100)]);
        find(1, &[(Kind::WebSocketTls, 70), (Kind::Unknown, 0)]);
        find(0, &[(Kind::Plain, 60), (Kind::Http, 40)]);
        metrics.accepted();
        metrics.handshake(Handshake::Late);
        let numbers = metrics.numbers();
        let open = |kind: &str| numbers[&format!("parlor_connections{{kind=\"{kind}\"}}")];
        assert_eq!(["unknown", "plain", "websocket_tls", "http"].map(open), [1.0; 4]);
        let waiting = |what: &str| {
            ["0", "1"].map(|shard| numbers[&format!("parlor_{what}_bytes{{shard=\"{shard}\"}}")])
        };
        assert_eq!(waiting("outbox"), [100.0, 70.0]);
        assert_eq!(waiting("outbox_largest"), [60.0, 70.0]);
        assert_eq!(numbers["parlor_connections_accepted_total"], 1.0);
        assert_eq!(numbers["parlor_tls_handshakes_total{outcome=\"late\"}"], 1.0);
    }

    fn event(kind: EventKind) -> Arc<Event> {
        Arc::new(Event {
            id: 1,
            conversation: Conversation::room(1),
            kind,
            account: 1,
            guest: false,
            userhost: None,
            bot: false,
            nick: "ann".into(),
            target: "".into(),
            time: 0,
            text: "".into(),
            tags: "".into(),
            about: None,
        })
    }

    #[test]
    fn only_what_was_stored_and_for_the_first_time_counts_as_accepted() {
        let write = |kind| Write::Event {
            event: event(kind),
            resend: None,
            pending_for: None,
            mentions: [].into(),
        };
        let redact = Write::Redact { event: event(EventKind::Redact), anybodys: false };
        let writes = [
            write(EventKind::Message),
            write(EventKind::Message),
            write(EventKind::Message),
            write(EventKind::Rename),
            redact.clone(),
            redact,
            Write::RoomEnded(1),
        ];
        let outcomes = [
            Outcome::Stored,
            Outcome::Duplicate { id: 1, time: 0 },
            Outcome::Stored,
            Outcome::Stored,
            Outcome::Stored,
            Outcome::Refused(store::Refused::NotTheirs),
            Outcome::Stored,
        ];
        let metrics = Metrics::new(1);
        let writes: Vec<&Write> = writes.iter().collect();
        metrics.committed(Duration::from_micros(700), &writes, &outcomes);
        metrics.commit_failed();
        let numbers = metrics.numbers();
        let stored =
            |kind: &str| numbers[&format!("parlor_events_stored_total{{kind=\"{kind}\"}}")];
        assert_eq!(["message", "rename", "redact", "join"].map(stored), [2.0, 1.0, 1.0, 0.0]);
        assert_eq!(numbers["parlor_resends_total"], 1.0);
        assert_eq!(numbers["parlor_commit_failures_total"], 1.0);
        assert_eq!(numbers["parlor_commit_seconds_bucket{le=\"0.0005\"}"], 0.0);
        assert_eq!(numbers["parlor_commit_seconds_bucket{le=\"0.001\"}"], 1.0);
        assert_eq!(numbers["parlor_commit_writes_sum"], 7.0);
    }

    #[test]
    fn every_kind_of_event_that_can_be_stored_has_its_word() {
        let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Redacted);
        assert!(kinds.eq(KINDS.map(|(kind, _)| kind)));
    }

    #[test]
    fn what_shards_and_hub_do_is_added_up() {
        let metrics = Metrics::new(2);
        let mut tally = Tally { deliveries: 5, received: 70, sent: 900 };
        metrics.add(1, &mut tally);
        metrics.add(1, &mut tally);
        tally.sent += 1;
        metrics.add(1, &mut tally);
        metrics.hub_has(4, 3, 2);
        metrics.waiting(Queue::Readers).inc();
        metrics.count(Count::Refused(Refused::Flood));
        metrics.count(Count::Login(LoginBy::Sasl, Login::Wrong));
        let numbers = metrics.numbers();
        for (name, expected) in [
            ("parlor_deliveries_total{shard=\"0\"}", 0.0),
            ("parlor_deliveries_total{shard=\"1\"}", 5.0),
            ("parlor_received_bytes_total{shard=\"1\"}", 70.0),
            ("parlor_sent_bytes_total{shard=\"1\"}", 901.0),
            ("parlor_sessions", 4.0),
            ("parlor_users_online", 3.0),
            ("parlor_rooms", 2.0),
            ("parlor_queue_items{queue=\"readers\"}", 1.0),
            ("parlor_queue_most_items{queue=\"shards\"}", 2.0 * SHARD_QUEUE as f64),
            ("parlor_refused_total{reason=\"flood\"}", 1.0),
            ("parlor_logins_total{way=\"sasl\",outcome=\"wrong\"}", 1.0),
            ("parlor_logins_total{way=\"register\",outcome=\"wrong\"}", 0.0),
        ] {
            assert_eq!(numbers[name], expected, "{name}");
        }
    }

    #[test]
    fn the_disk_is_shown_once_somebody_has_looked() {
        let metrics = Metrics::new(1);
        assert_eq!(metrics.disk().seen(), Seen::default());
        assert!(!metrics.text().contains("parlor_disk_free_bytes"));
        let log_waits = Duration::from_secs(7);
        let condition = Condition { log_bytes: 4096, log_waits, gone: true };
        metrics.disk().look(&std::env::temp_dir(), condition);
        let Seen { free, log_bytes, log_waits, gone, .. } = metrics.disk().seen();
        assert!(free.is_some_and(|bytes| bytes < 1 << 60));
        assert_eq!((log_bytes, log_waits, gone), (4096, 7, true));
        assert!(metrics.text().contains("\nparlor_log_bytes 4096\n"));
        assert!(metrics.text().contains("\nparlor_log_waits_seconds 7\n"));
        assert!(metrics.text().contains("\nparlor_disk_free_bytes "));
        metrics.disk().look(Path::new("/nowhere/at/all"), Condition::default());
        assert_eq!(metrics.disk().seen(), Seen::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_is_shown_as_the_system_sees_it() {
        let numbers = Metrics::new(1).numbers();
        assert!(numbers["process_resident_memory_bytes"] > 1e6);
        assert!(numbers["process_open_fds"] >= 3.0);
        assert!(numbers["process_max_fds"] >= numbers["process_open_fds"]);
        assert!(numbers["process_start_time_seconds"] > 1.7e9);
    }
}
