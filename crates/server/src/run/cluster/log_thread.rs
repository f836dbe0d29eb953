//! The log thread of a cluster node: it passes what the log orders to the hub, and publishes what
//! the hub gives it.

use super::{Copies, Heeded, Member, RunError};
use crate::cluster::jetstream::{JetStream, NodeStatus};
use crate::cluster::log::Log;
use crate::cluster::participant::Participant;
use crate::cluster::queue::{LogCommand, ToHub, to_hub, to_log};
use crate::effects::SentEntry;
use crate::hub::Input;
use crate::hub::input::{Ordered, OrderedStep};
use crate::limits::{LATE_MILLIS, LEAVE_MILLIS, LOG_LOOK_MILLIS};
use crate::metrics::{Cluster as ClusterMetrics, Metrics, SnapshotOutcome};
use crate::queue::Sender;
use crate::run::hub_thread::LogEnds;
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
    /// The hub's end of the queues to and from the log thread, and what that thread runs.
    /// `advertise`: where clients may connect to this node.
    pub(in crate::run) fn into_log_thread(
        self,
        advertise: Option<&Place>,
        hub: Sender<Input>,
        metrics: Arc<Metrics>,
        wake: SyncSender<Wake>,
    ) -> Result<(LogEnds, impl FnOnce() -> Result<(), RunError> + Send + 'static), RunError> {
        let Member { mut log, mut participant, copies, is_copy } = self;
        log.hear_questions()?;
        if let Some(place) = advertise {
            participant.advertise(place);
        }
        if is_copy && let Some(cluster) = metrics.cluster() {
            cluster.snapshot(SnapshotOutcome::Fetched);
        }
        let (to_log, commands) = to_log(log.waker());
        let (to_hub, processed) = to_hub(hub);
        let node = Node { log, participant, copies, hub: to_hub, metrics };
        Ok((LogEnds { to_log, processed }, move || run(node, &commands, &wake)))
    }
}

/// Runs until the node has left, or can take part no longer.
fn run(
    node: Node,
    commands: &Receiver<LogCommand>,
    wake: &SyncSender<Wake>,
) -> Result<(), RunError> {
    let Node { mut log, mut participant, mut copies, hub, metrics: all_metrics } = node;
    let (begun, patience) = (Instant::now(), Duration::from_millis(LOG_LOOK_MILLIS));
    let metrics = all_metrics.cluster().expect("it is a node of a cluster");
    // Since when it has not read all that there is.
    let mut behind = begun;
    let mut ours = Ours(VecDeque::new());
    // When to stop waiting for the last publications, and why the node stops, unless it was asked
    // to.
    let (mut leaving, mut why): (Option<Instant>, Option<String>) = (None, None);
    loop {
        let event = log.next(patience);
        let now = begun.elapsed().as_millis() as u64;
        let ordered = match event.map(|event| participant.heed(event, now)) {
            None => Vec::new(),
            Some(Ok(ordered)) => ordered,
            Some(Err(excluded)) => {
                // If the server is stopping already, nobody waits for this.
                let _ = wake.send(Wake::Excluded(excluded.to_string()));
                return Ok(());
            }
        };
        for ordered in ordered {
            ours.come_back(&ordered, metrics);
            // The hub has ended only when the node stops; the log is still read for a while.
            hub.pass_on(ordered);
        }
        for command in commands.try_iter() {
            match command {
                LogCommand::Entry(entry) => {
                    ours.0.push_back((entry.clone(), Instant::now()));
                    participant.say(entry);
                }
                LogCommand::AllEnded => {
                    ours.0.clear();
                    participant.all_ended();
                }
                LogCommand::Kept(sequence) => participant.kept(sequence),
                LogCommand::Leave { because } => {
                    participant.leave();
                    why = why.or(because);
                    leaving = Some(Instant::now() + Duration::from_millis(LEAVE_MILLIS));
                }
            }
        }
        let (requests, news) = participant.look(now);
        requests.into_iter().for_each(|request| log.request(request));
        if let Some(news) = news {
            if matches!(news, Input::LogSilent(_)) {
                ours.0.clear(); // Some of them do not come back.
            }
            hub.tell(news);
        }
        metrics.add(&mut participant.tally);
        let figures = participant.figures();
        metrics.shows(figures);
        if figures.lag == 0 && participant.is_up_to_date() {
            behind = Instant::now();
        }
        if log.is_asked() {
            log.answer(&status(&participant, &copies, behind.elapsed()));
        }
        for request in log.take_copy_requests() {
            match copies.heed(&request, &all_metrics) {
                Heeded::Ignored | Heeded::Making(None) => {}
                Heeded::Busy(answer) => log.tell(answer),
                Heeded::Making(Some(node)) => participant.hold_for(&node, now),
            }
        }
        if let Some(until) = leaving {
            let late = Instant::now() >= until;
            if late {
                tracing::warn!(
                    "The log does not answer; the other nodes will find out that this one is gone"
                );
            }
            if late || participant.node().is_none() {
                if let Some(why) = why {
                    let _ = wake.send(Wake::Excluded(why));
                }
                return Ok(());
            }
        }
    }
}

/// How the node is, for those who ask.
fn status(participant: &Participant, copies: &Copies, behind: Duration) -> NodeStatus {
    let (roster, figures) = (participant.roster(), participant.figures());
    let members = roster.all_live().filter_map(|(node, _)| roster.name(node));
    let late = behind.as_millis() as u64;
    NodeStatus {
        node: participant.name().to_owned(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        joined: participant.node().is_some(),
        applied: participant.applied(),
        lag: figures.lag,
        lag_millis: if late > LATE_MILLIS { late } else { 0 },
        available: figures.available,
        members: members.map(str::to_owned).collect(),
        store_bytes: copies.bytes(),
    }
}

/// This node's entries that the log has not delivered yet, and since when. They are delivered in
/// order.
struct Ours(VecDeque<(SentEntry, Instant)>);

impl Ours {
    fn come_back(&mut self, ordered: &Ordered, metrics: &ClusterMetrics) {
        for step in &ordered.steps {
            if let OrderedStep::Entry(entry) = step
                && let Some((first, since)) = self.0.front()
                && first.bytes() == entry.bytes()
            {
                metrics.came_back(since.elapsed());
                self.0.pop_front();
            }
        }
    }
}
