//! The limit on all outboxes together: when it is exceeded, the connections with the largest
//! outboxes are closed, and so is any connection that does not read at all.
//!
//! A shard counts what a write leaves in an outbox, and publishes its total once per round.
//! Connections that read as fast as the server writes are never counted.

use crate::limits::{NOT_READING_SECONDS, OUTBOX_STALLED_SECONDS};
use crate::metrics::{Count, Refused};
use crate::shard::Shard;
use crate::shard::connection::Connection;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The bytes queued in each shard.
#[derive(Debug)]
pub struct Memory {
    shards: Box<[AtomicUsize]>,
}

impl Memory {
    /// For this many shards, with nothing queued.
    pub fn new(shards: usize) -> Memory {
        Memory { shards: (0..shards).map(|_| AtomicUsize::new(0)).collect() }
    }

    fn note(&self, shard: u8, bytes: usize) {
        self.shards[usize::from(shard)].store(bytes, Ordering::Relaxed);
    }

    fn total(&self) -> usize {
        self.shards.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }
}

/// How far a connection lags behind. Exists only while its socket does not accept everything.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// The bytes queued when they were last counted.
    bytes: usize,
    /// When its socket last accepted any.
    since: Instant,
}

impl Connection {
    /// Counts what is queued after a write that began with `before` bytes. Returns the increase and
    /// the decrease since the last count.
    fn count_waiting(&mut self, before: usize) -> (usize, usize) {
        let waiting = self.waiting();
        let Some(backlog) = &mut self.backlog else {
            if waiting > 0 {
                self.backlog = Some(Box::new(Backlog { bytes: waiting, since: Instant::now() }));
            }
            return (waiting, 0);
        };
        let counted = std::mem::replace(&mut backlog.bytes, waiting);
        // The peer is not to blame if only a reader's answer is missing.
        if waiting < before || !self.blocked {
            backlog.since = Instant::now();
        }
        if waiting == 0 {
            self.backlog = None;
        }
        (waiting.saturating_sub(counted), counted.saturating_sub(waiting))
    }

    /// The bytes counted for it.
    pub(crate) fn counted(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.bytes)
    }

    /// How long its socket has accepted nothing, although something is queued.
    fn stalled_for(&self, now: Instant) -> Duration {
        let since = self.backlog.as_ref().map(|backlog| backlog.since);
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// It has read nothing for so long that it is considered dead, although it may still send.
    pub(crate) fn does_not_read(&self, now: Instant) -> bool {
        self.blocked && self.stalled_for(now) >= Duration::from_secs(NOT_READING_SECONDS)
    }
}

impl Shard {
    /// Counts what is queued for a connection after a write that began with `before` bytes.
    pub(crate) fn count_waiting(&mut self, slot: usize, before: usize) {
        let (more, less) = self.connections[slot].count_waiting(before);
        self.waiting = self.waiting + more - less;
    }

    /// Publishes this shard's total. If the limit is exceeded, closes the connections with the most
    /// bytes queued, beginning with those whose sockets have stalled.
    pub(crate) fn keep_memory(&mut self) {
        let (id, most) = (self.parts.id, self.parts.config.limits.memory());
        let memory = self.parts.memory.clone();
        memory.note(id, self.waiting);
        // If the limit is exceeded, some shard has more than its share, and acts.
        let share = most / memory.shards.len();
        if self.waiting <= share || memory.total() <= most {
            return;
        }
        let (now, limit) = (Instant::now(), Duration::from_secs(OUTBOX_STALLED_SECONDS));
        let backlog = self.connections.iter().filter(|(_, connection)| connection.counted() > 0);
        let mut backlog: Vec<(bool, usize, usize)> = backlog
            .map(|(slot, one)| (one.stalled_for(now) >= limit, one.counted(), slot))
            .collect();
        backlog.sort_unstable();
        while self.waiting > share
            && memory.total() > most
            && let Some((_, _, slot)) = backlog.pop()
        {
            self.parts.metrics.count(Count::Refused(Refused::Memory));
            self.gone(
                slot,
                "Too slow: the server's send queues are full, and this one is the largest",
            );
            memory.note(id, self.waiting);
        }
    }

    /// Closes a connection that has read nothing for too long. It would not read the reason.
    pub(crate) fn end_unread(&mut self, slot: usize) {
        self.parts.metrics.count(Count::Refused(Refused::NotReading));
        self.gone(slot, &format!("You read nothing for {NOT_READING_SECONDS} seconds"));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hub::{ClientEvent, Input};
    use crate::limits::HUB_QUEUE;
    use crate::metrics::{Metrics, Queue};
    use crate::queue::{Receiver, bounded};
    use crate::render::Renderer;
    use crate::shard::ShardParts;
    use crate::shard::connection::Stage;
    use crate::transport::Transport;
    use crate::transport::certificate::Certificate;
    use crate::wake::Wake;
    use crate::{password, reader};
    use mio::net::TcpStream;
    use socket2::SockRef;
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::mpsc;

    /// The receiving ends of what a shard sends to.
    pub(in crate::shard) type Receivers =
        (Receiver<Input>, password::Worker, Vec<reader::Queue>, mpsc::Receiver<Wake>);

    /// The first of two shards that share this much memory.
    pub(in crate::shard) fn shard(memory: usize) -> (Shard, Receivers) {
        let mut config = Config::default();
        (config.limits.memory, config.limits.outbox_bytes) = (Some(memory), 0);
        let metrics = Arc::new(Metrics::new(2));
        let (hub, to_hub) = bounded(HUB_QUEUE, metrics.waiting(Queue::Hub));
        let (passwords, worker) =
            password::queue(hub.clone(), metrics.waiting(Queue::Passwords), Arc::default());
        let (readers, queues) = reader::queues(&metrics.waiting(Queue::Readers));
        let (wake, woken) = mpsc::sync_channel(1);
        let shard = Shard::new(ShardParts {
            node: Some(0),
            id: 0,
            certificate: Certificate::load(&config.tls, None).unwrap(),
            config: Arc::new(config),
            renderer: Renderer { server: "parlor".into(), instance: "t".into() },
            port: 0,
            listeners: None,
            admin_socket: None,
            hub,
            passwords,
            readers,
            wake,
            metrics,
            memory: Arc::new(Memory::new(2)),
        });
        (shard, (to_hub, worker, queues, woken))
    }

    /// A user's connection with this much queued, and its peer, which reads nothing.
    fn backlogged(shard: &mut Shard, bytes: usize) -> (usize, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        SockRef::from(&stream).set_send_buffer_size(4096).unwrap();
        SockRef::from(&peer).set_recv_buffer_size(4096).unwrap();
        let (stream, limits) = (TcpStream::from_std(stream), &shard.parts.config.limits);
        let mut connection = Connection::new(stream, 0, address.ip(), limits, Instant::now());
        (connection.transport, connection.stage) = (Transport::Plain, Stage::Ready);
        let slot = shard.connections.insert(connection);
        queue(shard, slot, bytes);
        (slot, peer)
    }

    fn queue(shard: &mut Shard, slot: usize, bytes: usize) {
        shard.connections[slot].push(&vec![b'x'; bytes]);
        shard.touch(slot);
        shard.write_dirty();
        let waiting: usize = shard.connections.iter().map(|(_, one)| one.waiting()).sum();
        assert_eq!(shard.waiting, waiting, "exactly the waiting bytes are counted");
    }

    /// Pretends that its socket has been stalled for this long.
    fn stall(shard: &mut Shard, slot: usize, seconds: u64) {
        let backlog = shard.connections[slot].backlog.as_mut().expect("something waits");
        backlog.since -= Duration::from_secs(seconds);
    }

    fn reasons(shard: &Shard) -> Vec<&str> {
        let entries = shard.batch.events.iter();
        let reasons = entries.filter_map(|entry| match &entry.event {
            ClientEvent::Closed { reason } => Some(&**reason),
            _ => None,
        });
        reasons.collect()
    }

    #[test]
    fn under_memory_pressure_stalled_connections_go_first_then_the_largest() {
        let (mut shard, _ends) = shard(1_500_000);
        let (large, _peer) = backlogged(&mut shard, 1_000_000);
        let (small, _other) = backlogged(&mut shard, 400_000);
        stall(&mut shard, small, OUTBOX_STALLED_SECONDS + 1);
        shard.keep_memory();
        assert_eq!(shard.connections.len(), 2, "it is not too much");
        let (middle, _third) = backlogged(&mut shard, 450_000);
        shard.keep_memory();
        assert!(!shard.connections.contains(small), "it took nothing for longest");
        assert_eq!(shard.connections.len(), 2, "and that was enough");
        queue(&mut shard, middle, 450_000);
        shard.keep_memory();
        assert!(!shard.connections.contains(large), "most waited for it");
        assert!(shard.connections.contains(middle));
        let said = reasons(&shard);
        assert!(said.len() == 2 && said.iter().all(|why| why.starts_with("Too slow")), "{said:?}");
        let numbers = shard.parts.metrics.numbers();
        assert_eq!(numbers["parlor_refused_total{reason=\"memory\"}"], 2.0);
    }

    #[test]
    fn a_shard_below_its_share_of_memory_closes_nobody() {
        let (mut shard, _ends) = shard(2_000_000);
        let (_slot, _peer) = backlogged(&mut shard, 900_000);
        shard.parts.memory.note(1, 5_000_000);
        shard.keep_memory();
        assert_eq!(shard.connections.len(), 1);
        let (_slot, _other) = backlogged(&mut shard, 900_000);
        shard.keep_memory();
        assert_eq!(shard.connections.len(), 1, "now it has more than its share");
    }

    #[test]
    fn a_connection_that_reads_nothing_for_a_minute_is_closed_even_if_it_sends() {
        let (mut shard, _ends) = shard(0);
        let (stuck, _peer) = backlogged(&mut shard, 500_000);
        let (slow, mut reads) = backlogged(&mut shard, 500_000);
        let (idle, _other) = backlogged(&mut shard, 100);
        stall(&mut shard, stuck, NOT_READING_SECONDS - 1);
        stall(&mut shard, slow, NOT_READING_SECONDS - 1);
        shard.sweep(Instant::now());
        assert_eq!(shard.connections.len(), 3, "a minute is not over");
        let mut buffer = vec![0; 200_000];
        while shard.connections[slow].waiting() > 300_000 {
            let _ = reads.read(&mut buffer).unwrap();
            shard.connections[slow].blocked = false; // as the event says
            queue(&mut shard, slow, 0);
        }
        let soon = Instant::now() + Duration::from_secs(2);
        for (_, connection) in &mut shard.connections {
            connection.heard = soon;
        }
        shard.sweep(soon);
        assert!(!shard.connections.contains(stuck));
        assert!(shard.connections.contains(slow) && shard.connections.contains(idle));
        assert_eq!(reasons(&shard), ["You read nothing for 60 seconds"]);
    }

    #[test]
    fn connections_without_a_backlog_are_not_counted() {
        let (mut shard, _ends) = shard(0);
        let (slot, mut peer) = backlogged(&mut shard, 500_000);
        assert!(shard.waiting > 0);
        let mut buffer = vec![0; 200_000];
        while shard.connections[slot].waiting() > 0 {
            let _ = peer.read(&mut buffer).unwrap();
            shard.connections[slot].blocked = false;
            queue(&mut shard, slot, 0);
        }
        assert!(shard.connections[slot].backlog.is_none(), "at rest it owns nothing");
        assert_eq!(shard.waiting, 0);
    }
}
