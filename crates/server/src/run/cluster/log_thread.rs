//! The log thread of a cluster node: it passes what the log orders to the hub, and publishes what
//! the hub gives it.

use super::{Copies, CopyOutcome, Member, RunError};
use crate::cluster::jetstream::{JetStream, NodeStatus};
use crate::cluster::log::Log;
use crate::cluster::participant::Participant;
use crate::cluster::queue::{LogCommand, ToHub, to_hub, to_log};
use crate::effects::SentEntry;
use crate::hub::Input;
use crate::hub::input::{Ordered, OrderedStep};
use crate::limits::{LATE_MILLIS, LEAVE_MILLIS, LOG_POLL_MILLIS};
use crate::metrics::{Cluster as ClusterMetrics, Metrics, SnapshotOutcome};
use crate::queue::Sender;
use crate::run::hub_thread::LogQueues;
use crate::wake::Wake;
use proto::node::Node as Place;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// What the thread works with.
struct Node {
    log: JetStream,
    participant: Participant,
    copies: Copies,
    hub: ToHub,
    metrics: Arc<Metrics>,
}

impl Member {
    /// The hub's ends of the queues to and from the log thread, and what that thread runs.
    /// `advertise`: where clients may connect to this node.
    pub(in crate::run) fn into_log_thread(
        self,
        advertise: Option<&Place>,
        hub: Sender<Input>,
        metrics: Arc<Metrics>,
        wake: SyncSender<Wake>,
    ) -> Result<(LogQueues, impl FnOnce() -> Result<(), RunError> + Send + 'static), RunError> {
        let Member { mut log, mut participant, copies, is_copy } = self;
        log.accept_requests()?;
        if let Some(place) = advertise {
            participant.advertise(place);
        }
        if is_copy && let Some(cluster) = metrics.cluster() {
            cluster.snapshot(SnapshotOutcome::Fetched);
        }
        let (to_log, commands) = to_log(log.waker());
        let (to_hub, processed) = to_hub(hub);
        let node = Node { log, participant, copies, hub: to_hub, metrics };
        Ok((LogQueues { to_log, processed }, move || run(node, &commands, &wake)))
    }
}

/// Runs until the node has left, or can no longer be a member.
fn run(
    node: Node,
    commands: &Receiver<LogCommand>,
    wake: &SyncSender<Wake>,
) -> Result<(), RunError> {
    let Node { mut log, mut participant, mut copies, hub, metrics: all_metrics } = node;
    let (begun, timeout) = (Instant::now(), Duration::from_millis(LOG_POLL_MILLIS));
    let metrics = all_metrics.cluster().expect("it is a node of a cluster");
    let mut behind_since = begun;
    let mut undelivered = Undelivered(VecDeque::new());
    // When to stop waiting for the last publications, and why the node stops, unless it was asked
    // to.
    let (mut deadline, mut reason): (Option<Instant>, Option<String>) = (None, None);
    loop {
        let event = log.next(timeout);
        let now = begun.elapsed().as_millis() as u64;
        let ordered = match event.map(|event| participant.handle(event, now)) {
            None => Vec::new(),
            Some(Ok(ordered)) => ordered,
            Some(Err(excluded)) => {
                // If the server is stopping already, nobody waits for this.
                let _ = wake.send(Wake::Excluded(excluded.to_string()));
                return Ok(());
            }
        };
        for ordered in ordered {
            undelivered.delivered(&ordered, metrics);
            // The hub has ended only when the node stops; the log is still read for a while.
            hub.send_ordered(ordered);
        }
        for command in commands.try_iter() {
            match command {
                LogCommand::Entry(entry) => {
                    undelivered.0.push_back((entry.clone(), Instant::now()));
                    participant.publish(entry);
                }
                LogCommand::AllSessionsEnded => {
                    undelivered.0.clear();
                    participant.all_sessions_ended();
                }
                LogCommand::LiveStored(sequence) => participant.live_stored(sequence),
                LogCommand::Leave { reason: given } => {
                    participant.leave();
                    reason = reason.or(given);
                    deadline = Some(Instant::now() + Duration::from_millis(LEAVE_MILLIS));
                }
            }
        }
        let (requests, input) = participant.poll(now);
        requests.into_iter().for_each(|request| log.request(request));
        if let Some(input) = input {
            if matches!(input, Input::LogUnavailable(_)) {
                undelivered.0.clear(); // Some of them will not be delivered.
            }
            hub.send(input);
        }
        metrics.add(&mut participant.tally);
        let gauges = participant.gauges();
        metrics.set(gauges);
        if gauges.lag == 0 && participant.is_up_to_date() {
            behind_since = Instant::now();
        }
        if log.has_status_requests() {
            log.reply_status(&status(&participant, &copies, behind_since.elapsed()));
        }
        for request in log.take_copy_requests() {
            match copies.handle(&request, &all_metrics) {
                CopyOutcome::Ignored | CopyOutcome::Making(None) => {}
                CopyOutcome::Busy(answer) => log.reply(answer),
                CopyOutcome::Making(Some(node)) => participant.place_hold(&node, now),
            }
        }
        if let Some(deadline) = deadline {
            let late = Instant::now() >= deadline;
            if late {
                tracing::warn!(
                    "The log does not answer; the other nodes will find out that this one is gone"
                );
            }
            if late || participant.node().is_none() {
                if let Some(reason) = reason {
                    let _ = wake.send(Wake::Excluded(reason));
                }
                return Ok(());
            }
        }
    }
}

/// The status of the node.
fn status(participant: &Participant, copies: &Copies, behind: Duration) -> NodeStatus {
    let (roster, gauges) = (participant.roster(), participant.gauges());
    let members = roster.members().filter_map(|(node, _)| roster.name(node));
    let late = behind.as_millis() as u64;
    NodeStatus {
        node: participant.name().to_owned(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        joined: participant.node().is_some(),
        applied: participant.applied(),
        lag: gauges.lag,
        lag_millis: if late > LATE_MILLIS { late } else { 0 },
        available: gauges.available,
        members: members.map(str::to_owned).collect(),
        store_bytes: copies.bytes(),
    }
}

/// This node's entries that the log has not delivered yet, and since when. They are delivered in
/// order.
struct Undelivered(VecDeque<(SentEntry, Instant)>);

impl Undelivered {
    fn delivered(&mut self, ordered: &Ordered, metrics: &ClusterMetrics) {
        for step in &ordered.steps {
            if let OrderedStep::Entry(entry) = step
                && let Some((first, since)) = self.0.front()
                && first.bytes() == entry.bytes()
            {
                metrics.entry_delivered(since.elapsed());
                self.0.pop_front();
            }
        }
    }
}
