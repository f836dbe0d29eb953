//! Paces the turns of waiting sessions: the next turn begins when the shards have carried out the
//! effects of the last one. So a newcomer waits for one turn, not for everything that the hub could
//! do in advance.

use crate::effects::Turn;
use crate::hub::Input;
use crate::queue::Sender;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets one turn run at a time.
#[derive(Debug)]
pub struct TurnGate {
    hub: Sender<Input>,
    in_flight: Arc<AtomicBool>,
}

impl TurnGate {
    /// `hub` is the queue through which the hub learns that a turn is over.
    pub fn new(hub: Sender<Input>) -> TurnGate {
        TurnGate { hub, in_flight: Arc::default() }
    }

    /// Whether the next turn may begin. If not, the hub receives [`Input::Tick`] when it may.
    pub fn is_free(&self) -> bool {
        !self.in_flight.load(Ordering::Acquire)
    }

    /// Begins a turn.
    pub fn begin(&self) -> Turn {
        self.in_flight.store(true, Ordering::Release);
        let (hub, in_flight) = (self.hub.clone(), self.in_flight.clone());
        Turn::new(move || {
            in_flight.store(false, Ordering::Release);
            // If the queue is full, other input wakes the hub. If the hub is gone, nobody waits.
            let _ = hub.try_send(Input::Tick);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::bounded;

    #[test]
    fn a_turn_waits_for_the_one_before_and_the_hub_learns_of_its_end() {
        let (sender, inputs) = bounded(1, Default::default());
        let gate = TurnGate::new(sender.clone());
        assert!(gate.is_free());
        let turn = gate.begin();
        assert!(!gate.is_free());
        assert!(inputs.is_empty());
        drop(turn);
        assert!(gate.is_free());
        assert!(matches!(inputs.try_recv(), Ok(Input::Tick)));
        sender.send(Input::Stop).unwrap();
        drop(gate.begin());
        assert!(gate.is_free(), "also if the queue is full");
    }
}
