//! Whether messages can be stored: a small write takes the path of every message.

use crate::effects::{Condition, Effect, Effects};
use crate::session_id::SessionId;
use crate::state::State;
use store::Write;

/// Starts a small write, whose outcome is reported to the shard of `session`.
pub fn begin(state: &State, out: &mut Effects, session: SessionId) {
    out.begin(session, None, false);
    let write = out.write(Write::Probe);
    out.push_when(Condition::Settled(write), Effect::Probed { to: session, ok: true });
    out.push_when(Condition::Failed(write), Effect::Probed { to: session, ok: false });
    out.end(&state.renderer.server);
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::effects::released::SettledBatch;
    use crate::effects::{Effect, Effects};
    use crate::hub::{Batch, ClientEvent, Hub, Input, SessionEvent, Stamped};
    use crate::session_id::SessionId;
    use store::{MemoryStore, Outcome, Store, Write};

    fn hub() -> Hub {
        let loaded = MemoryStore::new("test").load().expect("it is in memory");
        Hub::new(Config::default().into(), loaded, 0).0
    }

    fn session(slot: u32) -> SessionId {
        SessionId { node: 0, shard: 0, slot, generation: 1 }
    }

    fn probe(hub: &mut Hub, slots: &[u32]) -> Effects {
        let entry =
            |slot: &u32| SessionEvent { session: session(*slot), event: ClientEvent::Probe };
        let batch = Batch { events: slots.iter().map(entry).collect(), ..Batch::default() };
        hub.apply(Stamped { now: 0, steady: 0, committed: 0, input: Input::Batch(batch) })
    }

    /// What is reported for these outcomes.
    fn reported(effects: Effects, outcomes: Option<Vec<Outcome>>) -> Vec<(SessionId, bool)> {
        let settled = SettledBatch { effects, outcomes };
        let happening =
            settled.effects.list.iter().filter(|effect| settled.happens(effect.condition));
        let result = |effect: &crate::effects::ConditionalEffect| match effect.effect {
            Effect::Probed { to, ok } => Some((to, ok)),
            _ => None,
        };
        happening.filter_map(result).collect()
    }

    #[test]
    fn each_probe_is_answered_once_with_the_outcome_of_its_write() {
        let mut hub = hub();
        let effects = probe(&mut hub, &[1]);
        assert_eq!(effects.writes, [Write::Probe]);
        assert_eq!(reported(effects, Some(vec![Outcome::Stored])), [(session(1), true)]);
        assert_eq!(reported(probe(&mut hub, &[2]), None), [(session(2), false)]);
    }

    /// Others may wait for the same answer: it comes even if the first one is gone.
    #[test]
    fn a_probe_is_answered_even_if_its_session_is_gone() {
        let mut hub = hub();
        assert!(hub.node.sessions.is_empty());
        let effects = probe(&mut hub, &[7, 8]);
        let stored = vec![Outcome::Stored; 2];
        assert_eq!(reported(effects, Some(stored)), [(session(7), true), (session(8), true)]);
    }
}
