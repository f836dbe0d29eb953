//! The server's metrics, for Prometheus.
//!
//! Nothing here delays a message. Threads count in plain numbers and add them at the end of a
//! round, commit or batch, with relaxed atomics; totals over many connections are computed in the
//! sweep, twice a second. A histogram has a lock, which only the journal takes, once per commit.

mod cluster;
mod disk;
mod labels;
mod names;
mod process;

pub use cluster::{Cluster, ClusterCounts, ClusterGauges, SnapshotOutcome};
pub use disk::{Disk, DiskState, Space};
pub use labels::{Handshake, Kind, Login, LoginBy, Queue, Refused, Row};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{EventKind, Outcome, Write};

/// The kinds of events and their labels. What remains of a redacted message has none: it was
/// counted as a message.
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

/// The upper bounds of the buckets for commit times, in seconds.
const COMMIT_SECONDS: [f64; 15] =
    [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Upper ends of the classes of how long commits wait for the index of words, in seconds.
const LAG_SECONDS: [f64; 10] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 10.0, 60.0];

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
    indexed: Counter,
    index_lag: Histogram,
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
    cluster: Option<Cluster>,
}

/// What a shard has done in one round.
#[derive(Debug, Default)]
pub struct RoundCounts {
    /// Messages and notices put into outboxes, counted per connection.
    pub deliveries: u64,
    /// Bytes read from sockets.
    pub received: u64,
    /// Bytes of lines written to sockets from outboxes.
    pub sent: u64,
}

/// What a shard counts over all its connections, twice a second. Counting afresh costs nothing in
/// between, and the numbers cannot drift.
#[derive(Debug, Default)]
pub struct ConnectionTotals {
    connections: [i64; Kind::WORDS.len()],
    outbox: usize,
    outbox_largest: usize,
}

impl ConnectionTotals {
    /// Counts a connection: its transport, and the bytes queued for it.
    pub fn add(&mut self, kind: Kind, waiting: usize) {
        self.connections[kind as usize] += 1;
        self.outbox += waiting;
        self.outbox_largest = self.outbox_largest.max(waiting);
    }
}

/// Something to count, requested by the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A refusal or a disconnection.
    Refused(Refused),
    /// A login attempt.
    Login(LoginBy, Login),
}

impl Metrics {
    /// Metrics of a server with this many shards, all zero.
    pub fn new(shards: usize) -> Metrics {
        Metrics::build(shards, None)
    }

    /// The same of a node of a cluster.
    pub fn in_cluster(shards: usize) -> Metrics {
        Metrics::build(shards, Some(Cluster::new()))
    }

    fn build(shards: usize, cluster: Option<Cluster>) -> Metrics {
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
            indexed: Counter::default(),
            index_lag: Histogram::new(LAG_SECONDS),
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
            logins: Row::of_pairs(["method", "outcome"], [LoginBy::WORDS, Login::WORDS]),
            handshakes: Row::of("outcome", Handshake::WORDS),
            certificate_expires: Gauge::default(),
            disk: Arc::new(Disk::new()),
            cluster,
        };
        Metrics { registry: metrics.registered(shards), ..metrics }
    }

    /// All metrics in the Prometheus text format, version 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a String takes everything");
        text
    }

    /// A connection was accepted.
    pub fn accepted(&self) {
        self.accepted.inc();
    }

    /// Replaces what a shard counted before by what it has counted now.
    pub fn found(&self, shard: u8, before: &mut ConnectionTotals, now: ConnectionTotals) {
        for (place, (now, before)) in now.connections.iter().zip(&before.connections).enumerate() {
            self.connections.at(place).inc_by(now - before);
        }
        self.outbox.at(usize::from(shard)).set(number(now.outbox));
        self.outbox_largest.at(usize::from(shard)).set(number(now.outbox_largest));
        *before = now;
    }

    /// A TLS handshake ended.
    pub fn handshake(&self, outcome: Handshake) {
        self.handshakes.at(outcome as usize).inc();
    }

    /// When the certificate expires (seconds since the epoch), if known.
    pub fn certificate_expires(&self, expires: Option<i64>) {
        self.certificate_expires.set(expires.unwrap_or(0));
    }

    /// Counts one occurrence.
    pub fn count(&self, what: Count) {
        match what {
            Count::Refused(why) => self.refused.at(why as usize).inc(),
            Count::Login(way, outcome) => {
                self.logins.at(way as usize * Login::WORDS.len() + outcome as usize).inc()
            }
        };
    }

    /// The hub's totals after an input.
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

    /// A commit failed.
    pub fn commit_failed(&self) {
        self.commit_failures.inc();
    }

    /// So many messages were added to the index of words; for how long the oldest of them had waited,
    /// if it has all now.
    pub fn indexed(&self, messages: usize, lag: Option<Duration>) {
        self.indexed.inc_by(messages as u64);
        if let Some(lag) = lag.filter(|_| messages > 0) {
            self.index_lag.observe(lag.as_secs_f64());
        }
    }

    /// A backup succeeded at this time.
    pub fn backed_up(&self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.backup_time.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    }

    /// A backup failed.
    pub fn backup_failed(&self) {
        self.backup_failures.inc();
    }

    /// The number of places found damaged in the stored data.
    pub fn is_damaged(&self, places: u64) {
        self.damaged.set(places.cast_signed());
    }

    /// The state of the data folder.
    pub fn seen(&self) -> DiskState {
        let log = self.cluster().map(Cluster::is_available);
        DiskState { damaged: self.damaged(), log, ..self.disk.seen() }
    }

    /// The number of places found damaged in the stored data.
    pub fn damaged(&self) -> u64 {
        self.damaged.get().cast_unsigned()
    }

    /// Adds what a shard did in a round, and resets its tally.
    pub fn add(&self, shard: u8, tally: &mut RoundCounts) {
        let RoundCounts { deliveries, received, sent } = std::mem::take(tally);
        let shard = usize::from(shard);
        for (row, count) in
            [(&self.deliveries, deliveries), (&self.received, received), (&self.sent, sent)]
        {
            if count > 0 {
                row.at(shard).inc_by(count);
            }
        }
    }

    /// The gauge of a queue's length, which the queue itself maintains.
    pub fn waiting(&self, queue: Queue) -> Gauge {
        self.waiting.at(queue as usize).clone()
    }

    /// What a node of a cluster counts; none without one.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
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

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SHARD_QUEUE;
    use std::path::Path;
    use store::{Condition, Conversation, Event};

    /// What precedes the number in a line.
    fn name_of(line: &str) -> &str {
        line.rsplit_once(' ').expect("a name and a number").0
    }

    #[test]
    fn every_metric_has_a_description_and_a_type() {
        let metrics = Metrics::in_cluster(2);
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
        let metrics = Metrics::in_cluster(1);
        metrics.disk().look(Path::new("/"), Condition::default());
        let text = metrics.text();
        let names = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
        let mut words: Vec<&str> = names.collect();
        assert!(words.len() > 20, "{words:?}");
        words.extend(Refused::WORDS.iter().chain(Kind::WORDS).chain(Handshake::WORDS));
        words.extend(LoginBy::WORDS.iter().chain(Login::WORDS).chain(Queue::WORDS));
        words.extend(SnapshotOutcome::WORDS);
        for word in words {
            assert!(docs.contains(&format!("`{word}`")), "docs/metrics.md lacks {word}");
        }
    }

    #[test]
    fn connections_are_counted_by_transport() {
        let metrics = Metrics::new(2);
        let mut shards = [ConnectionTotals::default(), ConnectionTotals::default()];
        let mut find = |shard: u8, found: &[(Kind, usize)]| {
            let mut census = ConnectionTotals::default();
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
    fn only_stored_messages_count_and_resent_ones_once() {
        let write = |kind| Write::Event {
            event: event(kind),
            resend: None,
            pending_for: None,
            mentions: [].into(),
        };
        let redact =
            Write::Redact { event: event(EventKind::Redact), anybodys: false, audit: None };
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
    fn every_stored_event_kind_has_a_label() {
        let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Redacted);
        assert!(kinds.eq(KINDS.map(|(kind, _)| kind)));
    }

    #[test]
    fn the_work_of_shards_and_hub_is_summed() {
        let metrics = Metrics::new(2);
        let mut tally = RoundCounts { deliveries: 5, received: 70, sent: 900 };
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
            ("parlor_logins_total{method=\"sasl\",outcome=\"wrong\"}", 1.0),
            ("parlor_logins_total{method=\"register\",outcome=\"wrong\"}", 0.0),
        ] {
            assert_eq!(numbers[name], expected, "{name}");
        }
    }

    #[test]
    fn only_a_node_of_a_cluster_shows_what_it_counts_of_its_log() {
        let alone = Metrics::new(1);
        assert!(alone.cluster().is_none() && !alone.text().contains("parlor_cluster"));
        let metrics = Metrics::in_cluster(1);
        let cluster = metrics.cluster().expect("it is in one");
        let mut tally = ClusterCounts { entries: 5, read_bytes: 700, ..ClusterCounts::default() };
        cluster.add(&mut tally);
        cluster.add(&mut tally);
        cluster.set(ClusterGauges { lag: 3, window: 4, nodes: 2, available: true });
        cluster.entry_delivered(Duration::from_micros(1200));
        cluster.snapshot(SnapshotOutcome::Fetched);
        let numbers = metrics.numbers();
        for (name, expected) in [
            ("entries_total", 5.0),
            ("read_bytes_total", 700.0),
            ("lag_messages", 3.0),
            ("window_used", 4.0),
            ("nodes", 2.0),
            ("log_available", 1.0),
            ("through_seconds_count", 1.0),
            ("through_seconds_bucket{le=\"0.001\"}", 0.0),
            ("through_seconds_bucket{le=\"0.0015\"}", 1.0),
            ("snapshots_total{outcome=\"fetched\"}", 1.0),
            ("snapshots_total{outcome=\"written\"}", 0.0),
        ] {
            assert_eq!(numbers[&format!("parlor_cluster_{name}")], expected, "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn process_metrics_match_the_system() {
        let numbers = Metrics::new(1).numbers();
        assert!(numbers["process_resident_memory_bytes"] > 1e6);
        assert!(numbers["process_open_fds"] >= 3.0);
        assert!(numbers["process_max_fds"] >= numbers["process_open_fds"]);
        assert!(numbers["process_start_time_seconds"] > 1.7e9);
    }
}
