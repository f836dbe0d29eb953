//! The names and descriptions of all metrics, in the order in which they are shown.

use super::labels::{Queue, Row};
use super::process::Process;
use super::{Metrics, number};
use crate::limits::{HUB_QUEUE, JOURNAL_QUEUE, PASSWORD_QUEUE, READ_QUEUE, SHARD_QUEUE};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

impl Metrics {
    /// A registry of all metrics, in the order in which they are shown.
    pub(super) fn registered(&self, shards: usize) -> Registry {
        let mut all = Registry::default();
        all.register_collector(Box::new(Process::new(self.disk.clone())));
        let own = all.sub_registry_with_prefix("parlor");
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        own.register("build", "Version of this server", version);
        self.register_people(own);
        self.register_traffic(own);
        self.register_store(own);
        self.register_queues(own, shards);
        if let Some(cluster) = &self.cluster {
            cluster.register(own);
        }
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
        let about = "Messages added to the search index";
        own.register("search_indexed", about, self.indexed.clone());
        let about = "How long the oldest message waited that was added to the search index at once";
        own.register_with_unit("search_lag", about, Unit::Seconds, self.index_lag.clone());
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
}
