//! The hub's thread.

use crate::clock::{self, Clock};
use crate::cluster::queue::{LogCommand, Processed, ToLog};
use crate::effects::Effects;
use crate::hub::turn_gate::TurnGate;
use crate::hub::{Hub, Input, Stamped};
use crate::journal::JournalHandle;
use crate::limits::{ENDS_LEAST_MILLIS, ENDS_MOST_MILLIS};
use crate::metrics::Metrics;
use crate::priority::Foreground;
use crate::pulse::Pulse;
use crate::queue::Receiver;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvError, RecvTimeoutError, TryRecvError};
use std::time::Duration;
use store::Failure;

/// Waits for input, but no longer than until the next ban ends, which the hub must then remove.
fn wait(hub: &Hub, inputs: &Receiver<Input>) -> Result<Input, RecvError> {
    let Some((end, ..)) = hub.state.ban_expiries.first() else { return inputs.recv() };
    let left = u64::try_from(end.saturating_sub(clock::wall())).unwrap_or(0);
    let patience = Duration::from_millis(left.clamp(ENDS_LEAST_MILLIS, ENDS_MOST_MILLIS));
    match inputs.recv_timeout(patience) {
        Err(RecvTimeoutError::Timeout) => Ok(Input::Tick),
        Err(RecvTimeoutError::Disconnected) => Err(RecvError),
        Ok(input) => Ok(input),
    }
}

/// The hub's ends of the queues to and from the log thread.
pub(super) struct LogQueues {
    pub(super) to_log: ToLog,
    pub(super) processed: Processed,
}

impl LogQueues {
    /// Passes on what is for the log.
    fn pass_on(&self, effects: &mut Effects) {
        if effects.all_sessions_ended {
            self.to_log.send(LogCommand::AllSessionsEnded);
        }
        effects.entries.drain(..).for_each(|entry| self.to_log.send(LogCommand::Entry(entry)));
        if let Some(key) = effects.differs {
            self.to_log.send(LogCommand::Leave { reason: Some(other_setting(key)) });
        }
        if effects.last {
            self.to_log.send(LogCommand::Leave { reason: None });
        }
    }
}

fn other_setting(key: &str) -> String {
    format!(
        "{key} in the config file is not what the cluster has; give all nodes the same value, and send REHASH at one \
         that runs if it is to change"
    )
}

/// The hub's thread: stamps input with the time, applies it, and passes the effects on.
///
/// # Errors
/// When a commit on this thread failed, and it is uncertain whether it is on disk.
pub(super) fn run(
    mut hub: Hub,
    clock: Clock,
    (inputs, turn_gate): (&Receiver<Input>, &TurnGate),
    (journal, log): (&JournalHandle, Option<&LogQueues>),
    committed: &AtomicU64,
    metrics: &Metrics,
    (pulse, foreground): (&Pulse, &Foreground),
) -> Result<(), Failure> {
    // Sessions that wait for their turn alternate with input from the shards.
    let mut their_turn = false;
    loop {
        let has_turns = hub.has_turns() && turn_gate.is_free();
        let input = if hub.has_rest() || (their_turn && has_turns) {
            Ok(Input::Continue)
        } else if has_turns {
            match inputs.try_recv() {
                Err(TryRecvError::Empty) => Ok(Input::Continue),
                Err(TryRecvError::Disconnected) => Err(RecvError),
                Ok(input) => Ok(input),
            }
        } else {
            wait(&hub, inputs)
        };
        let Ok(input) = input else { return Ok(()) };
        let _work = foreground.work();
        let is_turn = matches!(input, Input::Continue) && !hub.has_rest();
        their_turn = !is_turn;
        let committed = committed.load(Ordering::Acquire);
        let (now, steady) = (clock::wall(), clock.steady());
        let is_ordered = matches!(input, Input::Ordered(_));
        let mut effects = hub.apply(Stamped { now, steady, committed, input });
        metrics.hub_has(hub.node.sessions.len(), hub.state.users.len(), hub.state.rooms.len());
        metrics.disk().is_scarce(hub.node.disk.is_scarce);
        if let Some(log) = log {
            log.pass_on(&mut effects);
            if is_ordered {
                log.processed.count_one();
            }
        }
        let last = effects.last;
        let asked = pulse.take_up();
        if !asked && effects.is_empty() {
            continue;
        }
        effects.turn = is_turn.then(|| turn_gate.begin());
        let idle = inputs.is_empty() && !hub.has_rest() && !hub.has_turns();
        if !journal.pass_on(effects, idle)? || last {
            return Ok(());
        }
    }
}
